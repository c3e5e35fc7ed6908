//! The native protocol, as a client sees it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::proxy::{Fault, Proxy};

use crate::client::{Client, Daemon, auth, corp, request, site, words};

/// A directory that answers after so long.
pub fn slow(server: &Embedded, delay: Duration) -> Proxy {
    let address = server.url().trim_start_matches("ldap://").parse().unwrap();
    let proxy = Proxy::start(address).unwrap();
    proxy.set(Fault::Delay(delay));
    proxy
}

#[test]
fn each_verb_is_answered_with_its_verdict_and_reason() {
    let server = Embedded::start().unwrap();
    let verbs =
        "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nverbs = [\"auth\", \"isuser\", \"setpass\"]";
    let daemon = Daemon::asking(&server, verbs);
    let mut client = daemon.client();
    for (line, expected) in [
        (auth(1, "alice", "secret"), "yes ok"),
        (auth(1, "alice", "wrong"), "no wrong-password"),
        (auth(1, "alice", ""), "no empty-password"),
        (auth(1, "nobody", "secret"), "no unknown-user"),
        (auth(1, "alice", "a\nauth:x"), "no malformed"),
        (auth(1, "Alice", "secret"), "no malformed"),
        (request(9_007_199_254_740_991, "isuser", "alice", "ignored\n"), "yes ok"),
        (request(1, "isuser", "nobody", ""), "no unknown-user"),
        (request(1, "setpass", "alice", "new secret"), "yes ok"),
        (auth(1, "alice", "new secret"), "yes ok"),
        (auth(1, "alice", "secret"), "no wrong-password"),
        (request(1, "tryregister", "alice", "x"), "no unsupported"),
        (auth(1, "alice", "x").replace("example.com", "nowhere.example"), "no unknown-domain"),
        (auth(1, "bob", "x").replace("example.com", "EXAMPLE.com"), "no wrong-password"),
    ] {
        assert_eq!(client.ask(&line), expected, "{line}");
    }
}

#[test]
fn fields_of_a_wrong_type_are_a_no_and_the_connection_lives() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let mut client = daemon.client();
    for fields in [
        r#""verb":"auth","user":7,"domain":"example.com","password":"x""#,
        r#""verb":"auth","user":"alice","domain":null,"password":"x""#,
        r#""verb":"auth","user":"alice","domain":"example.com""#,
        r#""verb":"auth","user":"alice","domain":"example.com","password":"\ud800""#,
        r#""verb":"auth","user":"","domain":"example.com","password":"x""#,
        r#""verb":"auth","user":"alice","domain":"","password":"x""#,
        r#""verb":"auth","user":"al\u0085ice","domain":"example.com","password":"x""#,
        r#""user":"alice","domain":"example.com","password":"x""#,
    ] {
        let line = format!("{{\"id\":1,{fields},\"within_ms\":5000}}");
        assert_eq!(client.ask(&line), "no malformed", "{line}");
    }
    for within in ["0", "0.9", "-1", "\"5000\"", "null"] {
        let line = auth(1, "alice", "secret").replace("20000", within);
        assert_eq!(client.ask(&line), "unknown deadline-passed", "{line}");
    }
    assert_eq!(client.ask(&auth(1, "alice", "secret").replace("20000", "20000.9")), "yes ok");
    let unknown = auth(1, "alice", "secret").replace("\"id\"", "\"of\":{\"tomorrow\":[1]},\"id\"");
    assert_eq!(client.ask(&unknown), "yes ok");
    assert!(!daemon.log().contains("secret"));
}

/// What a client hears that says this.
fn heard(daemon: &Daemon, bytes: &[u8]) -> Vec<String> {
    let mut client = Client::silent(&daemon.socket("auth.sock"));
    client.send(bytes);
    client.rest().iter().map(ToString::to_string).collect()
}

#[test]
fn whoever_breaks_the_rules_is_told_which_and_the_connection_ends() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let hello = "{\"hello\":1}\n";
    let long = format!("{{\"id\":1,\"x\":\"{}\"}}\n", "x".repeat(400_000));
    let deep = format!("{{\"id\":1,\"x\":{}{}}}\n", "[".repeat(8), "]".repeat(8));
    for (line, error) in [
        ("\n", "json"),
        ("[]\n", "json"),
        ("{\"id\":1,\"id\":2}\n", "json"),
        ("{\"id\":1,\"x\":{\"a\":1,\"a\":2}}\n", "json"),
        (&deep, "json"),
        (&long, "line"),
        ("{\"verb\":\"auth\"}\n", "id"),
        ("{\"id\":0}\n", "id"),
        ("{\"id\":1.5}\n", "id"),
        ("{\"id\":\"1\"}\n", "id"),
        ("{\"id\":9007199254740992}\n", "id"),
        (hello, "hello"),
        ("{\"hello\":\"1\"}\n", "hello"),
    ] {
        let heard = heard(&daemon, format!("{hello}{line}").as_bytes());
        assert_eq!(heard.len(), 2, "{line:.50}: {heard:?}");
        assert_eq!(heard[1], format!("{{\"error\":\"{error}\"}}"), "{line:.50}");
    }
    for (line, error) in [
        ("{\"hello\":2}\n", "version"),
        ("{\"hello\":0}\n", "version"),
        ("{\"hello\":1.5}\n", "hello"),
        ("{\"id\":1}\n", "hello"),
        ("nonsense\n", "json"),
    ] {
        assert_eq!(
            heard(&daemon, line.as_bytes()),
            [format!("{{\"error\":\"{error}\"}}")],
            "{line}"
        );
    }
    let mut not_text = hello.as_bytes().to_vec();
    not_text.extend_from_slice(b"{\"id\":1,\"x\":\"\xff\"}\n");
    assert_eq!(heard(&daemon, &not_text)[1], "{\"error\":\"json\"}");
    assert_eq!(daemon.client().ask(&auth(1, "alice", "secret")), "yes ok");
}

#[test]
fn a_line_of_the_greatest_length_is_taken() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let mut client = daemon.client();
    let line = auth(7, "alice", "secret");
    let fill = 400_000 - 1 - line.len() - ",\"x\":\"\"".len();
    let line = line.replace('}', &format!(",\"x\":\"{}\"}}", "y".repeat(fill)));
    assert_eq!(line.len(), 399_999);
    assert_eq!(client.ask(&line), "yes ok");
}

#[test]
fn a_hello_is_waited_for_five_seconds() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let started = Instant::now();
    let mut client = Client::silent(&daemon.socket("auth.sock"));
    client.send(b"{\"hel");
    assert_eq!(client.rest(), [serde_json::json!({"error": "hello"})]);
    assert!((4..15).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[test]
fn answers_come_in_any_order_and_what_is_open_is_answered_before_the_end() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(300));
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    let mut client = daemon.client();
    client.say(&auth(1, "alice", "secret"));
    // Needs no directory.
    client.say(&auth(2, "alice", ""));
    assert_eq!(client.answer(2), "no empty-password");
    assert_eq!(client.answer(1), "yes ok");
    client.say(&auth(1, "alice", "secret"));
    client.say("nonsense");
    assert_eq!(client.hear()["error"], "json");
    assert_eq!(client.answer(1), "yes ok");
    assert_eq!(client.line(), None);
    // Who sends no more may read on.
    let mut client = daemon.client();
    client.say(&auth(1, "alice", "secret"));
    client.stream().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.answer(1), "yes ok");
    assert_eq!(client.line(), None);
}

#[test]
fn an_id_is_free_again_when_it_is_answered_and_not_before() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(300));
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    let mut client = daemon.client();
    for _ in 0..2 {
        assert_eq!(client.ask(&auth(5, "alice", "secret")), "yes ok");
    }
    client.say(&auth(5, "alice", "secret"));
    client.say(&auth(5, "alice", "secret"));
    assert_eq!(client.hear()["error"], "id");
    assert_eq!(client.answer(5), "yes ok");
    assert_eq!(client.line(), None);
}

#[test]
fn what_is_cancelled_is_not_answered_and_keeps_its_id_until_it_would_be() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(500));
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    let mut client = daemon.client();
    client.say(&auth(1, "alice", "secret"));
    client.say("{\"cancel\":1}");
    client.say("{\"cancel\":77}");
    client.say(&auth(2, "alice", "secret"));
    assert_eq!(client.answer(2), "yes ok");
    daemon.logs("told=false");
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "yes ok");
    client.say(&auth(3, "alice", "secret"));
    client.say("{\"cancel\":3}");
    client.say(&auth(3, "alice", "secret"));
    assert_eq!(client.hear()["error"], "id");
}

#[test]
fn that_the_time_is_up_is_no_late_answer() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(500));
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    let mut client = daemon.client();
    let soon = auth(1, "alice", "secret").replace("20000", "50");
    assert_eq!(client.ask(&soon), "unknown deadline-passed");
    assert_eq!(daemon.listener("auth")["late_answers"], 0);
    client.say(&auth(2, "alice", "secret"));
    daemon.is_asked();
    client.say("{\"cancel\":2}");
    assert_eq!(client.ask(&auth(3, "alice", "secret")), "yes ok");
    daemon.logs("told=false");
    assert_eq!(daemon.listener("auth")["late_answers"], 1);
}

#[test]
fn a_window_bounds_what_is_worked_on_and_what_is_read() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(400));
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nmax_in_flight = 4\n";
    let daemon = Daemon::start(site(&format!("{listen}{}", corp(&proxy.url()))));
    let mut client = daemon.client();
    for id in 1..=12 {
        client.say(&auth(id, "alice", "secret"));
    }
    // Whoever waits behind the window is not served by another connection's leave.
    assert_eq!(daemon.client().ask(&auth(1, "alice", "")), "no empty-password");
    assert!(daemon.listener("auth")["in_flight"].as_u64().unwrap() <= 4);
    let mut ids: Vec<u64> = (0..12)
        .map(|_| {
            let answer = client.hear();
            assert_eq!(words(&answer), "yes ok");
            answer["id"].as_u64().unwrap()
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=12).collect::<Vec<_>>());
}

#[test]
fn work_ends_with_the_lesser_of_both_limits() {
    // Connections are established, and nobody ever answers on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nanswer_within = \"600ms\"\n";
    let servers = format!("ldap://{}", silent.local_addr().unwrap());
    let daemon = Daemon::start(site(&format!("{listen}{}", corp(&servers))));
    let mut client = daemon.client();
    for (within, least, most) in [("20000", 600, 5000), ("250", 250, 599)] {
        let started = Instant::now();
        let answer = client.ask(&auth(1, "alice", "x").replace("20000", within));
        let took = started.elapsed().as_millis();
        assert!(answer.starts_with("unknown "), "{answer}");
        assert!(took >= least, "{within}: {took} ms");
        assert!(took <= most || most < 600, "{within}: {took} ms");
    }
}

#[test]
fn a_client_that_does_not_read_harms_nobody_else() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let deaf = daemon.client();
    deaf.stream().set_nonblocking(true).unwrap();
    let flood: String = (1..=500).map(|id| auth(id, "alice", "\n") + "\n").collect();
    let mut sent = 0;
    // Until there is no room any more.
    let mut is_full_since = Instant::now();
    while is_full_since.elapsed() < Duration::from_millis(300) && sent < 50_000_000 {
        let rest = &flood.as_bytes()[sent % flood.len()..];
        match std::io::Write::write(&mut deaf.stream(), rest) {
            Ok(length) => (sent, is_full_since) = (sent + length, Instant::now()),
            Err(_) => assert_eq!(daemon.client().ask(&auth(1, "alice", "")), "no empty-password"),
        }
    }
    assert!(sent < 50_000_000, "it is read however much it leaves unread");
    assert_eq!(daemon.client().ask(&auth(1, "alice", "secret")), "yes ok");
    assert!(!daemon.log().contains("broke the protocol"));
}

#[test]
fn a_password_change_is_alone_with_its_account_on_all_connections() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::from_millis(150));
    let listen = "[listen.auth]\nsocket = \"{dir}/auth.sock\"\nverbs = [\"auth\", \"setpass\"]\n";
    let daemon = Daemon::start(site(&format!("{listen}{}", corp(&proxy.url()))));
    let mut clients: Vec<Client> = (0..3).map(|_| daemon.client()).collect();
    // Connections to the directory are open.
    assert_eq!(clients[0].ask(&request(9, "setpass", "alice", "first")), "yes ok");
    for round in 0..4 {
        let new = format!("new {round}");
        clients[0].say(&request(1, "setpass", "alice", &new));
        // The next is not sent before the daemon has it.
        daemon.is_asked();
        clients[1].say(&auth(2, "alice", &new));
        clients[2].say(&auth(3, "bob", "secret"));
        assert_eq!(clients[1].answer(2), "yes ok", "{round}");
        assert_eq!(clients[0].answer(1), "yes ok");
        assert_eq!(clients[2].answer(3), "yes ok");
    }
}

#[test]
fn a_guard_counts_what_comes_through_all_connections() {
    let server = Embedded::start().unwrap();
    let daemon = Daemon::asking(&server, "");
    let mut clients: Vec<Client> = (0..8).map(|_| daemon.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        for id in 1..=8 {
            client.say(&auth(id, "alice", &format!("guess {number} {id}")));
        }
    }
    let mut wrong = 0;
    for client in &mut clients {
        for _ in 1..=8 {
            match &*words(&client.hear()) {
                "no wrong-password" => wrong += 1,
                other => {
                    assert!(["unknown too-many-failures", "unknown crowded"].contains(&other))
                }
            }
        }
    }
    assert_eq!(wrong, 3);
    assert_eq!(daemon.status()["guard"]["accounts_held"], 1);
}

#[test]
fn accounts_whose_binds_hang_leave_room_for_others() {
    let server = Embedded::start().unwrap();
    let proxy = slow(&server, Duration::ZERO);
    let daemon = Daemon::start(site(&corp(&proxy.url())));
    let mut client = daemon.client();
    assert_eq!(client.ask(&auth(1, "alice", "secret")), "yes ok");
    proxy.set(Fault::DelayBinds(2 * crate::support::PATIENCE));
    for id in 0..40 {
        client.say(&auth(100 + id, "alice", "guess"));
        client.say(&auth(200 + id, "bob", "secret"));
    }
    client.say(&auth(2, "nobody", "secret"));
    let mut before = Vec::new();
    let answer = loop {
        let line = client.hear();
        match line["id"] == 2 {
            true => break words(&line),
            false => before.push(words(&line)),
        }
    };
    assert_eq!(answer, "no unknown-user");
    assert!(before.iter().all(|words| words == "unknown crowded"), "{before:?}");
}
