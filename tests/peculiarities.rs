//! Servers as they are: what they refuse, answer twice, or answer without judging anybody.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use xmpp_ldap_auth::config;
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::Directory;
use xmpp_ldap_auth::directory::backend::Backend;
use xmpp_ldap_auth::directory::domain::{Domain, Memory};
use xmpp_ldap_auth::directory::pool::refused_logins::RefusedLogins;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::guard::Permit;
use xmpp_ldap_auth::verdict::{Denial, Outage, Verdict};

const BIND: u8 = 0x60;
const SEARCH: u8 = 0x63;
const EXTENDED: u8 = 0x77;
const UNBIND: u8 = 0x42;
const PAGED_RESULTS: &[u8] = b"1.2.840.113556.1.4.319";

#[derive(Clone, Debug)]
struct Request {
    id: u8,
    operation: u8,
    content: Vec<u8>,
    controls: Vec<u8>,
    connection: usize,
    /// How many binds as a user came on its connection, this one with them.
    user_binds: usize,
}

impl Request {
    fn has(&self, part: &[u8]) -> bool {
        contains(&self.content, part)
    }

    fn is_user_bind(&self) -> bool {
        self.operation == BIND && !self.has(b"cn=service")
    }

    fn is_service_bind(&self) -> bool {
        self.operation == BIND && self.has(b"cn=service")
    }

    fn is_search(&self) -> bool {
        self.operation == SEARCH && self.has(b"dc=x")
    }

    /// The size of the page that is asked for.
    fn page(&self) -> Option<usize> {
        let at =
            self.controls.windows(PAGED_RESULTS.len()).position(|part| part == PAGED_RESULTS)?;
        let value = &self.controls[at + PAGED_RESULTS.len()..];
        let at = value.windows(2).position(|part| part[0] == 2 && part[1] < 3)?;
        let digits = &value[at + 2..at + 2 + usize::from(value[at + 1])];
        Some(digits.iter().fold(0, |size, digit| size << 8 | usize::from(*digit)))
    }

    fn result(&self, code: u8) -> Vec<u8> {
        let tag = if self.operation == SEARCH { 0x65 } else { self.operation + 1 };
        message(self.id, tag, &[0x0a, 1, code, 4, 0, 4, 0])
    }

    fn entry(&self, dn: &[u8]) -> Vec<u8> {
        let length = |part: &[u8]| u8::try_from(part.len()).unwrap();
        let uid = [&[4, 3][..], b"uid", &[0x31, 3, 4, 1, b'a']].concat();
        let uid = [&[0x30, length(&uid)][..], &uid].concat();
        let content = [&[4, length(dn)][..], dn, &[0x30, length(&uid)], &uid].concat();
        [message(self.id, 0x64, &content), self.result(0)].concat()
    }

    /// What a good server answers.
    fn good(&self) -> Vec<u8> {
        match self.operation {
            SEARCH if self.has(b"member") => self.entry(b"cn=g,dc=x"),
            SEARCH => self.entry(b"cn=a,dc=x"),
            BIND if self.has(b"wrong") => self.result(49),
            _ => self.result(0),
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn message(id: u8, tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[0x30, length + 5, 2, 1, id, tag, length][..], content].concat()
}

/// The answer to a request; `None` closes the connection.
type Script = dyn Fn(&Request) -> Option<Vec<u8>> + Send + Sync;

/// A server that follows a script, and keeps what it was asked.
struct Server {
    script: Box<Script>,
    seen: Mutex<Vec<Request>>,
    port: u16,
}

impl Server {
    async fn start(
        script: impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Arc::new(Self { script: Box::new(script), seen: Mutex::default(), port });
        let accepting = Arc::clone(&server);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let server = Arc::clone(&accepting);
                tokio::spawn(async move { server.serve(stream, connection).await });
            }
        });
        server
    }

    async fn serve(&self, mut stream: TcpStream, connection: usize) -> std::io::Result<()> {
        let mut user_binds = 0;
        loop {
            let message = read_message(&mut stream).await?;
            // Only the last message of a session has a longer ID.
            let message = &message[usize::from(message[1]) - 1..];
            let (id, operation) = (message[2], message[3]);
            let (start, length) = match message[4] {
                0x81 => (6, usize::from(message[5])),
                length => (5, usize::from(length)),
            };
            let (content, controls) = message[start..].split_at(length);
            let (content, controls) = (content.to_vec(), controls.to_vec());
            let mut request = Request { id, operation, content, controls, connection, user_binds };
            user_binds += usize::from(request.is_user_bind());
            request.user_binds = user_binds;
            self.seen.lock().unwrap().push(request.clone());
            let Some(answer) = (self.script)(&request) else { return Ok(()) };
            stream.write_all(&answer).await?;
        }
    }

    fn count(&self, is_meant: impl Fn(&Request) -> bool) -> usize {
        self.seen.lock().unwrap().iter().filter(|request| is_meant(request)).count()
    }
}

async fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    stream.read_u8().await?;
    let length = match stream.read_u8().await? {
        0x81 => stream.read_u8().await?.into(),
        0x82 => stream.read_u16().await?.into(),
        short => usize::from(short),
    };
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

fn domain(servers: &[&Server], keys: &str) -> Domain {
    domain_after(servers, keys, &Arc::default())
}

fn domain_after(servers: &[&Server], keys: &str, refused: &Arc<RefusedLogins>) -> Domain {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "x").unwrap();
    let urls: Vec<String> =
        servers.iter().map(|server| format!("ldap://127.0.0.1:{}", server.port)).collect();
    let config = format!(
        "caller = \"ejabberd\"\n[directory.d]\nservers = {urls:?}\nbase = \"dc=x\"\n\
         user_filter = \"(uid={{localpart}})\"\nbind_dn = \"cn=service\"\n\
         bind_password_file = {:?}\n{keys}\n[domain.h]\ndirectory = \"d\"\n",
        password.path()
    );
    let configuration = config::read(&config, None, None).configuration.unwrap();
    let (settings, rules) = configuration.into_domain("h").unwrap();
    let directory = Directory::remembering(settings, refused);
    Domain::new(directory.into(), rules, Memory::default())
}

fn soon() -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(5))
}

async fn sign_in(domain: &Domain, password: &str) -> Verdict {
    sign_in_as(domain, "a", password).await
}

async fn sign_in_as(domain: &Domain, user: &str, password: &str) -> Verdict {
    let account = Account::new(user, "h").unwrap();
    match domain.find(&account, soon()).await {
        Ok(found) => {
            let password = SecretString::from(password);
            domain.prove(&found, &password, &Permit::unguarded(), soon()).await.verdict
        }
        Err(outcome) => outcome.verdict,
    }
}

const WRONG: Verdict = Verdict::Denied(Denial::WrongPassword);

#[tokio::test]
async fn who_answers_and_judges_nobody_is_passed_over() {
    let steps: [Pick; 3] = [Request::is_service_bind, Request::is_search, Request::is_user_bind];
    for (step, is_step) in steps.into_iter().enumerate() {
        for code in [1, 3, 11, 80, 51, 52, 53] {
            if code == 53 && step == 2 {
                continue;
            }
            let context = format!("step {step}, code {code}");
            let answer = move |request: &Request| {
                Some(if is_step(request) { request.result(code) } else { request.good() })
            };
            let ill = Server::start(answer).await;
            let well = Server::start(|request| Some(request.good())).await;
            let both = domain(&[&ill, &well], "");
            assert_eq!(sign_in(&both, "right").await, Verdict::Granted, "{context}");
            assert_eq!(sign_in(&both, "wrong").await, WRONG, "{context}");
            assert!(ill.count(is_step) > 0, "{context}");
            if !(51..=53).contains(&code) {
                // Alone it is asked once, because it would say the same again.
                let alone = Server::start(answer).await;
                let verdict = sign_in(&domain(&[&alone], ""), "right").await;
                assert!(matches!(verdict, Verdict::Unavailable(_)), "{context}: {verdict:?}");
                assert_eq!(alone.count(is_step), 1, "{context}");
            }
        }
    }
}

/// What a command says that cannot tell; three seconds are its time for an answer.
async fn told_by_command(server: &Server, command: &'static [&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (password, config) = (directory.path().join("password"), directory.path().join("config"));
    std::fs::write(&password, "x").unwrap();
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "caller = \"ejabberd\"\nanswer_within = \"3s\"\n[directory.d]\n\
         servers = [\"ldap://127.0.0.1:{}\"]\nbase = \"dc=x\"\n\
         user_filter = \"(uid={{localpart}})\"\nbind_dn = \"cn=service\"\n\
         bind_password_file = {password:?}\n\
         [domain.\"example.com\"]\ndirectory = \"d\"\nrequire_group = \"cn=g,dc=x\"\n\
         group_method = \"member\"\ngroup_base = \"dc=x\"\n",
        server.port
    );
    std::fs::write(&config, text).unwrap();
    let output = tokio::task::spawn_blocking(move || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
        program.arg("--config").arg(config).args(command).stdin(Stdio::piped());
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Not every command reads it.
        let _ = child.stdin.take().unwrap().write_all(b"right\n");
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(69), "{out}{error}");
    format!("{out}{error}")
}

/// Which requests are meant.
type Pick = fn(&Request) -> bool;

/// A server that leaves this unanswered.
async fn hanging(hangs: Pick) -> Arc<Server> {
    Server::start(move |request| Some(if hangs(request) { Vec::new() } else { request.good() }))
        .await
}

#[tokio::test]
async fn probe_names_what_a_server_leaves_unanswered_and_asks_it_no_more() {
    let of_base: Pick = |request| request.is_search() && !request.has(b"cn=");
    let of_group: Pick = |request| request.is_search() && request.has(b"cn=g");
    let of_policies: Pick = |request| request.operation == SEARCH && request.has(b"cn=config");
    let cases: [(Pick, &str); 4] = [
        (Request::is_service_bind, "service bind    cannot tell: lost-connection no answer"),
        (of_base, "search          dc=x: no answer came"),
        (of_group, "search          cn=g,dc=x: no answer came"),
        (of_policies, "search          cn=config: no answer came"),
    ];
    join_all(cases.map(async |(hangs, words)| {
        let server = hanging(hangs).await;
        let told = told_by_command(&server, &["probe"]).await;
        assert!(told.contains(words), "{words}: {told}");
        assert!(!told.contains("does not exist") && !told.contains("could not be read"), "{told}");
        let seen = server.seen.lock().unwrap();
        let first = seen.iter().position(hangs).unwrap();
        assert!(seen[first + 1..].iter().all(|request| request.operation == UNBIND), "{told}");
    }))
    .await;
    let ending = Server::start(move |request| (!of_base(request)).then(|| request.good())).await;
    let told = told_by_command(&ending, &["probe"]).await;
    assert!(told.contains("dc=x: the connection was closed"), "{told}");
    assert!(!told.contains("does not exist"), "{told}");
}

#[tokio::test]
async fn login_names_the_step_and_the_server_that_it_waited_for() {
    let cases: [(Pick, &str); 3] = [
        (Request::is_service_bind, "service bind"),
        (Request::is_search, "search"),
        (Request::is_user_bind, "bind as the user"),
    ];
    join_all(cases.map(async |(hangs, step)| {
        let server = hanging(hangs).await;
        let login = &["login", "--password-stdin", "a@example.com"];
        let told = told_by_command(&server, login).await;
        let verdict = told.lines().find(|line| line.contains("cannot tell")).unwrap();
        let words = format!("{step} on ldap://127.0.0.1:{}: no answer", server.port);
        assert!(verdict.contains(&words), "{words}: {told}");
    }))
    .await;
}

#[tokio::test]
async fn a_session_that_lost_its_bind_is_replaced() {
    let server = Server::start(|request| {
        let words = b"000004DC: LdapErr: DSID-0C090A5C";
        let mut fields = vec![0x0a, 1, 1, 4, 0, 4, u8::try_from(words.len()).unwrap()];
        fields.extend_from_slice(words);
        let is_lost = request.is_search() && request.connection == 0 && request.id > 2;
        Some(if is_lost { message(request.id, 0x65, &fields) } else { request.good() })
    })
    .await;
    let domain = domain(&[&server], "");
    for _ in 0..3 {
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    }
    assert_eq!(server.count(Request::is_service_bind), 2);
}

#[tokio::test]
async fn a_server_that_takes_no_policy_control_is_asked_without() {
    for code in [None, Some(2), Some(12)] {
        let server = Server::start(move |request| {
            if request.operation == BIND && !request.controls.is_empty() {
                return code.map(|code| request.result(code));
            }
            Some(request.good())
        })
        .await;
        let domain = domain(&[&server], "");
        let started = Instant::now();
        while sign_in(&domain, "right").await != Verdict::Granted {
            assert!(started.elapsed() < Duration::from_secs(6), "{code:?}");
            sleep(Duration::from_millis(50)).await;
        }
        let asked =
            || server.count(|request| request.operation == BIND && !request.controls.is_empty());
        let before = asked();
        assert_eq!(sign_in(&domain, "wrong").await, WRONG, "{code:?}");
        assert_eq!(asked(), before, "{code:?}");
    }
}

#[tokio::test]
async fn a_server_that_hung_up_for_another_reason_is_still_asked_for_its_policy() {
    let server = Server::start(|request| {
        (request.connection > 0 || request.operation != BIND).then(|| request.good())
    })
    .await;
    let domain = domain(&[&server], "");
    let started = Instant::now();
    while sign_in(&domain, "right").await != Verdict::Granted {
        assert!(started.elapsed() < Duration::from_secs(6));
        sleep(Duration::from_millis(50)).await;
    }
    let without = |request: &Request| request.operation == BIND && request.controls.is_empty();
    assert_eq!(server.count(without), 0);
    assert!(server.count(Request::is_user_bind) > 0);
}

#[tokio::test]
async fn pages_are_as_large_as_the_server_takes_them() {
    for most in [Some(100), Some(10), Some(7), None] {
        let server = Server::start(move |request| {
            let is_too_large =
                request.page().is_some_and(|size| most.is_none_or(|most| size > most));
            Some(if is_too_large { request.result(11) } else { request.good() })
        })
        .await;
        let keys =
            "require_group = \"cn=g,dc=x\"\ngroup_method = \"member\"\ngroup_base = \"dc=x\"";
        let domain = domain(&[&server], keys);
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted, "{most:?}");
        let refused = || {
            server.count(|request| {
                request.page().is_some_and(|size| most.is_none_or(|most| size > most))
            })
        };
        let before = refused();
        assert!(before > 0, "{most:?}");
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted, "{most:?}");
        assert_eq!(refused(), before, "{most:?}: it is remembered");
    }
}

#[tokio::test]
async fn one_bind_a_connection_is_enough_where_no_more_are_taken() {
    let server = Server::start(|request| {
        Some(if request.user_binds > 1 { request.result(49) } else { request.good() })
    })
    .await;
    let domain = domain(&[&server], "pool.reuse = false");
    for _ in 0..4 {
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    }
    assert_eq!(server.count(|request| request.is_user_bind() && request.user_binds > 1), 0);
}

#[tokio::test]
async fn connections_that_end_while_a_server_is_away_say_nothing_about_what_it_takes() {
    // A balancer accepts for it, and closes.
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let server =
        Server::start(move |request| (!away.load(Ordering::SeqCst)).then(|| request.good())).await;
    for was_well in [false, true] {
        let domain = domain(&[&server], "");
        if was_well {
            assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
        }
        is_away.store(true, Ordering::SeqCst);
        for _ in 0..4 {
            assert!(matches!(sign_in(&domain, "right").await, Verdict::Unavailable(_)));
        }
        is_away.store(false, Ordering::SeqCst);
        server.seen.lock().unwrap().clear();
        let started = Instant::now();
        while sign_in(&domain, "right").await != Verdict::Granted {
            assert!(started.elapsed() < Duration::from_secs(20));
            sleep(Duration::from_millis(50)).await;
        }
        let without = |request: &Request| request.operation == BIND && request.controls.is_empty();
        assert_eq!(server.count(without), 0, "{was_well}");
    }
}

#[tokio::test]
async fn a_refused_service_password_is_tried_once_however_often_its_directory_is_made_anew() {
    let server = Server::start(|request| {
        Some(if request.is_service_bind() { request.result(49) } else { request.good() })
    })
    .await;
    let refused = Arc::new(RefusedLogins::default());
    for others_work in [false, true, false] {
        let domain = domain_after(&[&server], "", &refused);
        let tried = domain.directory().try_out(others_work, soon()).await;
        let refusal = Verdict::Unavailable(Outage::ServiceBind { code: Some(49) });
        assert_eq!(tried.unwrap_err().verdict, refusal);
        assert_eq!(sign_in(&domain, "right").await, refusal);
    }
    assert_eq!(server.count(Request::is_service_bind), 1);
}

#[tokio::test]
async fn one_account_that_a_server_cannot_ask_about_now_keeps_nobody_waiting() {
    type IsStep = fn(&Request) -> bool;
    let steps: [(IsStep, &str); 2] = [(Request::is_search, "ill"), (Request::is_user_bind, "a")];
    let each = steps.into_iter().flat_map(|(step, user)| [51, 52].map(|code| (step, user, code)));
    for (is_step, user, code) in each {
        let server = Server::start(move |request| {
            let is_ill = is_step(request) && request.has(b"ill");
            Some(if is_ill { request.result(code) } else { request.good() })
        })
        .await;
        let domain = Arc::new(domain(&[&server], ""));
        let kept = Arc::clone(&domain);
        tokio::spawn(async move { kept.directory().maintain().await });
        for _ in 0..5 {
            let started = Instant::now();
            let verdict = sign_in_as(&domain, user, "ill").await;
            assert!(matches!(verdict, Verdict::Unavailable(_)), "{code}: {verdict:?}");
            assert!(started.elapsed() < Duration::from_secs(2), "{code}");
            assert!(!domain.directory().is_out(), "{code}");
            assert_eq!(sign_in(&domain, "right").await, Verdict::Granted, "{code}");
        }
    }
}

#[tokio::test]
async fn the_first_of_two_answers_counts() {
    let server = Server::start(|request| {
        let contrary = if request.has(b"wrong") { 0 } else { 49 };
        Some(match request.operation {
            BIND => [request.good(), request.result(contrary)].concat(),
            _ => request.good(),
        })
    })
    .await;
    let domain = domain(&[&server], "");
    for (password, verdict) in
        [("right", Verdict::Granted), ("wrong", WRONG), ("right", Verdict::Granted)]
    {
        assert_eq!(sign_in(&domain, password).await, verdict);
    }
}

#[tokio::test]
async fn an_entry_that_nobody_can_name_fails_its_own_request() {
    let server = Server::start(|request| {
        let is_second = request.is_search() && request.id == 3;
        Some(if is_second { request.entry(b"cn=\xff,dc=x") } else { request.good() })
    })
    .await;
    let domain = domain(&[&server], "");
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    assert_eq!(sign_in(&domain, "right").await, Verdict::Unavailable(Outage::UnreadableEntry));
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    assert_eq!(server.count(Request::is_service_bind), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_fails_its_own_request() {
    let server = Server::start(|request| {
        let is_large = request.is_search() && request.has(b"large");
        Some(if is_large {
            let length: u32 = (8 << 20) + 1;
            let mut message = vec![0x30, 0x84];
            message.extend(length.to_be_bytes());
            message.extend([2, 1, request.id, 0x64]);
            message.resize(6 + usize::try_from(length).unwrap(), 0);
            [message, request.result(0)].concat()
        } else {
            request.good()
        })
    })
    .await;
    let domain = domain(&[&server], "");
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    for _ in 0..2 {
        let (large, right) =
            tokio::join!(sign_in_as(&domain, "large", "x"), sign_in(&domain, "right"));
        assert_eq!(large, Verdict::Unavailable(Outage::UnreadableEntry));
        assert_eq!(right, Verdict::Granted);
    }
    assert!(!domain.directory().is_out());
    assert_eq!(server.count(Request::is_service_bind), 1);
}

/// Where the bytes of a message are whole, the others on the stream are what they are.
#[tokio::test]
async fn what_is_not_well_formed_within_a_message_fails_its_own_request() {
    let odd_entry = (0x64, Outage::UnreadableEntry);
    for ((tag, outage), content) in [
        (odd_entry, &b""[..]),
        (odd_entry, b"\x04\x09cn=a,dc=x\x31\x00"),
        (odd_entry, b"\x04\x09cn=a,dc=x\x30\x04\x30\x02\x04\x00"),
        (odd_entry, b"\x04\x09cn=a,dc=x\x30\x00\x04\x00"),
        ((0x73, Outage::BadReply), b"\x05\x00"),
        ((0x65, Outage::BadReply), b"\x0a\x05\x00\x00\x00\x00\x00\x04\x00\x04\x00"),
    ] {
        let server = Server::start(move |request| {
            let is_odd = request.is_search() && request.has(b"odd");
            Some(if is_odd {
                [message(request.id, tag, content), request.result(0)].concat()
            } else {
                request.good()
            })
        })
        .await;
        let domain = domain(&[&server], "");
        assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
        let odd = join_all((0..3).map(|_| sign_in_as(&domain, "odd", "x")));
        let right = join_all((0..3).map(|_| sign_in(&domain, "right")));
        let (odd, right) = tokio::join!(odd, right);
        assert_eq!(odd, [Verdict::Unavailable(outage); 3], "{content:?}");
        assert_eq!(right, [Verdict::Granted; 3], "{content:?}");
        if outage == Outage::UnreadableEntry {
            assert_eq!(server.count(Request::is_service_bind), 1, "{content:?}");
            assert!(!domain.directory().is_out());
        }
    }
}

#[tokio::test]
async fn references_alone_judge_nobody() {
    let server = Server::start(|request| {
        if !request.is_search() {
            return Some(request.good());
        }
        let reference = message(request.id, 0x73, b"\x04\x11ldap://other/dc=y");
        Some([reference, request.result(0)].concat())
    })
    .await;
    let account = Account::new("a", "h").unwrap();
    let outcome = domain(&[&server], "").exists(&account, soon()).await;
    assert_eq!(outcome.verdict, Verdict::Unavailable(Outage::Referral));
    assert!(outcome.detail.unwrap().contains("ldap://other/dc=y"));
}

#[tokio::test]
async fn a_change_goes_on_to_a_server_that_takes_it() {
    let replica = Server::start(|request| {
        Some(if request.operation == EXTENDED { request.result(10) } else { request.good() })
    })
    .await;
    let provider = Server::start(|request| Some(request.good())).await;
    let account = Account::new("a", "h").unwrap();
    for (servers, verdict) in [
        (&[&*replica, &*provider][..], Verdict::Granted),
        (&[&*replica], Verdict::Unavailable(Outage::ReadOnly)),
    ] {
        let domain = domain(servers, "set_password = \"exop\"");
        let target = domain.find_to_change(&account, soon()).await.unwrap();
        let password = SecretString::from("new");
        assert_eq!(domain.set_password(&target, &password, soon()).await.verdict, verdict);
    }
    assert_eq!(replica.count(|request| request.operation == EXTENDED), 2);
}

#[tokio::test]
async fn every_session_ends_with_an_unbind() {
    let server = Server::start(|request| Some(request.good())).await;
    let domain = domain(&[&server], "");
    assert_eq!(sign_in(&domain, "right").await, Verdict::Granted);
    drop(domain);
    let started = Instant::now();
    while server.count(|request| request.operation == UNBIND) < 2 {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", server.seen.lock().unwrap());
        sleep(Duration::from_millis(5)).await;
    }
}
