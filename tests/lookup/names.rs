//! Who bears a name, and which entry is whose.

use super::*;

#[tokio::test]
async fn a_loose_comparison_makes_no_second_name() {
    // Whatever is asked for, the directory takes it for this one.
    for (lines, attribute) in [
        (UID, "uid"),
        ("base = \"dc=x\"\nuser_filter = \"(userid={localpart})\"", "uid"),
        ("base = \"dc=x\"\nuser_filter = \"(uid~={localpart})\"", "uid"),
        ("base = \"dc=x\"\nuser_filter = \"(|(cn=*{localpart}*)(uid={localpart}))\"", "uid"),
        ("preset = \"active-directory\"\nbase = \"dc=x\"", "sAMAccountName"),
        ("base = \"dc=x\"\nuser_filter = \"(mail={localpart}@h)\"", "mail"),
        ("base = \"dc=x\"\nlogin_attributes = \"proxyAddresses\"", "proxyAddresses"),
        ("user_dn = \"uid={localpart},dc=x\"", "uid"),
        ("user_dn = \"uid={localpart},dc=x\"\npreset = \"active-directory\"", "uid"),
    ] {
        let (before, after) = match attribute {
            "mail" => ("", "@H"),
            "proxyAddresses" => ("SMTP:", "@H"),
            _ => ("", ""),
        };
        let (server, port) = Server::start(move |search| {
            if search.base.is_empty() {
                return (0, Vec::new());
            }
            let value = format!("{before}Müller{after}");
            (0, vec![entry("cn=m,dc=x", &[(attribute, &["other", &value])])])
        })
        .await;
        let domain = domain(port, lines);
        assert_eq!(verdict(&domain, "müller").await, Verdict::Granted, "{lines}");
        for other in ["muller", "mùller", "müller2", "mueller", "m"] {
            assert_eq!(verdict(&domain, other).await, NO, "{lines} {other}");
        }
        assert_eq!(server.bound(), ["cn=m,dc=x"], "{lines}");
    }
}

#[tokio::test]
async fn of_two_entries_the_one_that_bears_the_name_is_meant() {
    let (server, port) = Server::start(|search| {
        let one = |cn: &str, uid| entry(&format!("cn={cn},dc=x"), &[("uid", &[uid])]);
        match search.asks_for("twins") {
            true => (0, vec![one("a", "twins"), one("b", "Twins")]),
            false => (0, vec![one("a", "müller"), one("b", "muller")]),
        }
    })
    .await;
    let domain = domain(port, UID);
    assert_eq!(verdict(&domain, "muller").await, Verdict::Granted);
    assert_eq!(verdict(&domain, "müller").await, Verdict::Granted);
    assert_eq!(verdict(&domain, "twins").await, Verdict::Unavailable(Outage::Ambiguous));
    assert_eq!(server.bound(), ["cn=b,dc=x", "cn=a,dc=x"]);
}

#[tokio::test]
async fn entries_whose_dns_differ_in_case_are_two_where_they_can_be() {
    let (server, port) = Server::start(|search| {
        let uid = search.filter.last().map(|byte| [*byte]).unwrap();
        let one = |home: &str| (home.as_bytes().to_vec(), vec![("uid", vec![uid.to_vec()])]);
        match search.asks_for("b") {
            true => (0, vec![one("homeDirectory=/H,dc=x"), one("homeDirectory=/h,dc=x")]),
            false => (0, vec![one("cn=A,dc=x"), one("CN=a, DC=X")]),
        }
    })
    .await;
    let domain = domain(port, UID);
    assert_eq!(verdict(&domain, "b").await, Verdict::Unavailable(Outage::Ambiguous));
    assert_eq!(verdict(&domain, "a").await, Verdict::Granted);
    assert_eq!(server.bound(), ["cn=A,dc=x"]);
}

#[tokio::test]
async fn more_entries_than_were_asked_for_are_never_one() {
    let one = |cn: &str, uid: &str| entry(&format!("cn={cn},dc=x"), &[("uid", &[uid])]);
    let (server, port) = Server::start(move |search| {
        let found = match search.asks_for("third") {
            true => vec![one("a", "first"), one("b", "second"), one("c", "third")],
            false => vec![one("a", "twins"), one("b", "other"), one("c", "twins")],
        };
        (0, found)
    })
    .await;
    let ambiguous = Verdict::Unavailable(Outage::Ambiguous);
    let searched = domain(port, UID);
    assert_eq!(verdict(&searched, "twins").await, ambiguous);
    assert_eq!(verdict(&searched, "third").await, ambiguous);
    let read = domain(port, "user_dn = \"uid={localpart},dc=x\"");
    let refused = Verdict::Unavailable(Outage::Refused { code: Some(4) });
    assert_eq!(verdict(&read, "twins").await, refused);
    assert_eq!(server.bound(), [""; 0]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_named_is_never_bound() {
    const DNS: [&[u8]; 6] = [b"", b"cn=\xe1,dc=x", b" ", b"\0", b"\n", b","];
    let (server, port) = Server::start(|search| {
        let name = search.filter.last().copied().unwrap();
        let dn = DNS[usize::from(name - b'a')];
        (0, vec![(dn.to_vec(), vec![("uid", vec![vec![name]])])])
    })
    .await;
    let domain = domain(port, UID);
    for (name, dn) in ["a", "b", "c", "d", "e", "f"].into_iter().zip(DNS) {
        assert_eq!(
            verdict(&domain, name).await,
            Verdict::Unavailable(Outage::UnreadableEntry),
            "{dn:?}"
        );
    }
    assert_eq!(server.bound(), [""; 0]);
}

#[tokio::test]
async fn a_name_that_may_not_be_read_is_nobodys_verdict() {
    let (server, port) = Server::start(|_| (0, vec![entry("cn=a,dc=x", &[("cn", &["a"])])])).await;
    let domain = domain(port, UID);
    assert_eq!(verdict(&domain, "a").await, Verdict::Unavailable(Outage::Misconfigured));
    let detail = sign_in(&domain, "a").await.detail.unwrap();
    assert!(detail.contains("may not read uid of cn=a,dc=x"), "{detail}");
    assert_eq!(server.bound(), [""; 0]);
}

/// What a user of a domain that a table describes is told apart by.
async fn key_of(table: &str, lines: &str) -> EntryKey {
    let config = format!(
        "caller = \"ejabberd\"\n[directory.{table}]\n{lines}\nallow_clear_text = true\n\
         [domain.h]\ndirectory = {table:?}\n",
    );
    let domain = ldap::domain(&config);
    let found = domain.find(&Account::new("alice", "h").unwrap(), deadline()).await;
    found.unwrap().key().clone()
}

#[tokio::test]
async fn no_change_of_the_servers_makes_another_account() {
    let (_server, port) =
        Server::start(|_| (0, vec![entry("uid=alice,dc=x", &[("uid", &["alice"])])])).await;
    let search =
        |server| format!("anonymous = true\n{UID}\nservers = [\"ldap://{server}:{port}/\"]");
    let searched = key_of("d", &search("localhost")).await;
    assert_eq!(key_of("d", &search("127.0.0.1")).await, searched);
    let elsewhere = key_of("e", &search("localhost")).await;
    assert_eq!(elsewhere.counted_as, searched.counted_as);
    assert_ne!(elsewhere.entry, searched.entry, "what one grants says nothing of the other");
    let named = "servers = [\"ldap://a\"]\nuser_dn = 'uid={localpart},dc=x'";
    let named = key_of("d", named).await;
    assert_eq!(named.entry, searched.entry);
    for servers in [
        "servers = [\"ldap://127.0.0.1:1\"]",
        "servers = [\"ldap://127.0.0.1:1/\"]",
        "servers = [[\"ldap://b\", \"ldaps://127.0.0.1:1\"]]",
        "discover = \"corp.example\"",
    ] {
        let template = |name: &str| format!("{servers}\nuser_dn = '{name}'");
        let dn = key_of("d", &template("UID={localpart}, DC=x")).await;
        assert_eq!(dn, named, "{servers}");
        let plain = key_of("d", &template("{localpart}@corp.example")).await;
        for (table, name) in [("d", "CORP\\{localpart}"), ("e", "{localpart}@{domain}")] {
            let other = key_of(table, &template(name)).await;
            assert_eq!(other.counted_as, plain.counted_as, "{name}");
            assert_ne!(other.entry, plain.entry, "{name}");
        }
        let elsewhere = key_of("e", &template("uid={localpart},dc=x")).await;
        assert_eq!(elsewhere.counted_as, named.counted_as, "{servers}");
        assert_ne!(elsewhere.entry, named.entry, "what one grants says nothing of the other");
    }
}

#[tokio::test]
async fn an_entry_that_is_told_twice_is_not_two_that_were_found() {
    let (_server, port) = Server::start(|_| {
        let one = || entry("cn=a,dc=x", &[("uid", &["a"])]);
        (4, vec![one(), one()])
    })
    .await;
    let cut_off = Verdict::Unavailable(Outage::Refused { code: Some(4) });
    assert_eq!(verdict(&domain(port, UID), "a").await, cut_off);
}
