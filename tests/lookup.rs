//! Which entry is whose, and who is in a group, asked of a scripted server: what a directory finds is
//! not always who was asked for, and what it does not say is no verdict.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use xmpp_ldap_auth::config;
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::Directory;
use xmpp_ldap_auth::directory::backend::{Backend, EntryKey};
use xmpp_ldap_auth::directory::domain::{Domain, Memory};
use xmpp_ldap_auth::directory::message::ber::{Reader, Writer, message_length, tag};
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::guard::Permit;
use xmpp_ldap_auth::verdict::{Denial, Outage, Outcome, Verdict};

/// A search, as far as it matters here.
struct Search {
    base: String,
    attributes: Vec<String>,
    filter: Vec<u8>,
}

impl Search {
    fn asks_for(&self, words: &str) -> bool {
        self.filter.windows(words.len()).any(|window| window == words.as_bytes())
    }
}

type Found = (Vec<u8>, Vec<(&'static str, Vec<Vec<u8>>)>);
type Script = dyn Fn(&Search) -> (u32, Vec<Found>) + Send + Sync;

/// A server that finds what its script says, and takes `secret` as the password of everybody.
struct Server {
    script: Box<Script>,
    bound: Mutex<Vec<String>>,
}

impl Server {
    async fn start(
        script: impl Fn(&Search) -> (u32, Vec<Found>) + Send + Sync + 'static,
    ) -> (Arc<Self>, u16) {
        let server = Arc::new(Self { script: Box::new(script), bound: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepting = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&accepting);
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        (server, port)
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut input = Vec::new();
        loop {
            while message_length(&input).ok()?.is_none_or(|length| length > input.len()) {
                if stream.read_buf(&mut input).await.ok()? == 0 {
                    return None;
                }
            }
            let length = message_length(&input).ok()??;
            let rest = input.split_off(length);
            let answer = self.answer(&input)?;
            input = rest;
            stream.write_all(&answer).await.ok()?;
        }
    }

    fn answer(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut fields = Reader::new(Reader::new(message).expect(tag::SEQUENCE).ok()?);
        let id = fields.expect(tag::INTEGER).ok()?;
        let (operation, content) = fields.read().ok()??;
        let mut fields = Reader::new(content);
        let mut out = Writer::default();
        let mut respond = |operation, fill: &dyn Fn(&mut Writer)| {
            out.constructed(tag::SEQUENCE, |out| {
                out.primitive(tag::INTEGER, id);
                out.constructed(operation, fill);
            });
        };
        let end = |code: u32| {
            move |out: &mut Writer| {
                out.number(tag::ENUMERATED, code);
                out.octets(b"");
                out.octets(b"");
            }
        };
        if operation == tag::BIND_REQUEST {
            fields.expect(tag::INTEGER).ok()?;
            let name = fields.text().ok()?.into_owned();
            let (_, password) = fields.read().ok()??;
            let code = if password == b"secret" { 0 } else { 49 };
            let words = [b"not '".as_slice(), password, b"'"].concat();
            if name != "cn=service" {
                self.bound.lock().unwrap().push(name);
            }
            respond(tag::BIND_RESPONSE, &|out: &mut Writer| {
                out.number(tag::ENUMERATED, code);
                out.octets(b"");
                out.octets(if code == 0 { b"" } else { &words });
            });
            return Some(out.into_bytes());
        }
        let base = fields.text().ok()?.into_owned();
        for _ in 0..5 {
            fields.read().ok()??;
        }
        let (_, filter) = fields.read().ok()??;
        let mut names = Reader::new(fields.expect(tag::SEQUENCE).ok()?);
        let mut attributes = Vec::new();
        while !names.is_at_end() {
            attributes.push(names.text().ok()?.into_owned());
        }
        let search = Search { base, attributes, filter: filter.to_vec() };
        let (code, entries) = (self.script)(&search);
        for (dn, values) in entries {
            respond(tag::SEARCH_ENTRY, &|out: &mut Writer| {
                out.octets(&dn);
                out.constructed(tag::SEQUENCE, |out| {
                    // An attribute is asked for without its range, and by any of its names.
                    let is_asked = |name: &str| {
                        let bare = |name: &str| name.split(';').next().unwrap().to_lowercase();
                        let mut asked = search.attributes.iter().map(|asked| bare(asked));
                        asked.any(|asked| asked == bare(name) || asked == "userid" && name == "uid")
                    };
                    for (name, values) in values.iter().filter(|(name, _)| is_asked(name)) {
                        out.constructed(tag::SEQUENCE, |out| {
                            out.octets(name.as_bytes());
                            out.constructed(tag::SET, |out| {
                                values.iter().for_each(|value| out.octets(value));
                            });
                        });
                    }
                });
            });
        }
        respond(tag::SEARCH_DONE, &end(code));
        Some(out.into_bytes())
    }

    fn bound(&self) -> Vec<String> {
        self.bound.lock().unwrap().clone()
    }
}

/// A domain of the server; `lines` are more of `[directory.d]`.
fn domain(port: u16, lines: &str) -> Domain {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "secret").unwrap();
    let config = format!(
        "caller = \"ejabberd\"\n[directory.d]\nservers = [\"ldap://127.0.0.1:{port}\"]\n{lines}\n\
         allow_clear_text = true\nbind_dn = \"cn=service\"\nbind_password_file = {:?}\n\
         [domain.h]\ndirectory = \"d\"\n",
        password.path()
    );
    let configuration = config::read(&config, None, None).configuration.unwrap();
    let (settings, rules) = configuration.into_domain("h").unwrap();
    Domain::new(Directory::new(settings).into(), rules, Memory::default())
}

fn deadline() -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(5))
}

async fn sign_in(domain: &Domain, localpart: &str) -> Outcome {
    let account = Account::new(localpart, "h").unwrap();
    match domain.find(&account, deadline()).await {
        Ok(found) => {
            if let Some(denial) = found.refusal() {
                return denial.clone();
            }
            let password = SecretString::from("secret");
            domain.prove(&found, &password, &Permit::unguarded(), deadline()).await
        }
        Err(outcome) => outcome,
    }
}

/// What sign-in and isuser come to, which is the same.
async fn verdict(domain: &Domain, localpart: &str) -> Verdict {
    let account = Account::new(localpart, "h").unwrap();
    let signed_in = sign_in(domain, localpart).await.verdict;
    let exists = domain.exists(&account, deadline()).await.verdict;
    assert_eq!(signed_in, exists, "{localpart}");
    signed_in
}

fn entry(dn: &str, attributes: &[(&'static str, &[&str])]) -> Found {
    let values = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
    let attributes = attributes.iter().map(|(name, of)| (*name, values(of))).collect();
    (dn.as_bytes().to_vec(), attributes)
}

const UID: &str = "base = \"dc=x\"\nuser_filter = \"(uid={localpart})\"";
const NO: Verdict = Verdict::Denied(Denial::UnknownUser);

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
async fn a_password_that_the_directory_repeats_is_not_told() {
    let (_server, port) =
        Server::start(|_| (0, vec![entry("uid=a,dc=x", &[("uid", &["a"])])])).await;
    let domain = domain(port, UID);
    let found = domain.find(&Account::new("a", "h").unwrap(), deadline()).await.unwrap();
    let password = SecretString::from("tops3cret");
    let outcome = domain.prove(&found, &password, &Permit::unguarded(), deadline()).await;
    assert_eq!(outcome.verdict, Verdict::Denied(Denial::WrongPassword));
    let detail = outcome.detail.unwrap();
    assert!(detail.contains("left out") && !detail.contains("tops3cret"), "{detail}");
}

#[tokio::test]
async fn a_password_that_each_bind_uses_up_is_not_used_up_by_denials() {
    for (temporary, must_change, expected, binds) in [
        ("TRUE", "deny", Verdict::Denied(Denial::MustChangePassword), 0),
        ("FALSE", "deny", Verdict::Granted, 1),
        ("TRUE", "allow", Verdict::Granted, 1),
    ] {
        let (server, port) = Server::start(move |_| {
            let attributes: &[(&str, &[&str])] = &[("uid", &["a"]), ("pwdTPRReset", &[temporary])];
            (0, vec![entry("uid=a,dc=x", attributes)])
        })
        .await;
        let domain = domain(
            port,
            &format!(
                "preset = \"389ds\"\nbase = \"dc=x\"\nmust_change_password = \"{must_change}\""
            ),
        );
        let verdict = sign_in(&domain, "a").await.verdict;
        assert_eq!(verdict, expected, "{temporary} {must_change}");
        assert_eq!(server.bound().len(), binds, "{temporary} {must_change}");
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_named_is_never_bound() {
    let (server, port) = Server::start(|search| {
        let values = vec![("uid", vec![search.filter[search.filter.len() - 1..].to_vec()])];
        let dn = if search.asks_for("b") { b"cn=\xe1,dc=x".to_vec() } else { Vec::new() };
        (0, vec![(dn, values)])
    })
    .await;
    let domain = domain(port, UID);
    for name in ["a", "b"] {
        assert_eq!(
            verdict(&domain, name).await,
            Verdict::Unavailable(Outage::UnreadableEntry),
            "{name}"
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

/// A domain controller: `a` is in `inner` and by more than 1500 groups in `last`; `outer` lies in
/// another domain. `root` says what its root DSE is answered by.
fn controller(search: &Search, root: u32) -> (u32, Vec<Found>) {
    const GROUPS: usize = 1500;
    if search.base.is_empty() {
        let capability = ("supportedCapabilities", vec![b"1.2.840.113556.1.4.800".to_vec()]);
        return (root, if root == 0 { vec![(Vec::new(), vec![capability])] } else { Vec::new() });
    }
    if search.base.contains("dc=branch") {
        return (10, Vec::new());
    }
    if search.base.starts_with("cn=g") {
        return (32, Vec::new());
    }
    if search.base.starts_with("cn=primary") {
        let sid = [b"\x01\x05domain".as_slice(), &513_u32.to_le_bytes()].concat();
        return (0, vec![(b"cn=primary,dc=x".to_vec(), vec![("objectSid", vec![sid])])]);
    }
    let sid = [b"\x01\x05domain".as_slice(), &1104_u32.to_le_bytes()].concat();
    let groups = |from: usize| (from..from + GROUPS).map(|at| format!("cn=n{at},dc=x").into());
    let mut member_of: Vec<Vec<u8>> = groups(0).collect();
    let mut name = "memberOf;range=0-1499";
    let asks = |name: &str| search.attributes.iter().any(|asked| asked.eq_ignore_ascii_case(name));
    if asks("memberOf;range=1500-*") {
        (member_of, name) = (groups(1500).collect(), "memberOf;range=1500-2999");
    }
    if asks("memberOf;range=3000-*") {
        (member_of, name) = (vec![b"CN=Last,DC=x".to_vec()], "memberOf;range=3000-*");
    }
    let attributes = vec![
        ("sAMAccountName", vec![b"a".to_vec()]),
        ("tokenGroups", vec![b"\x01\x05domain\x01\x02\0\0".to_vec()]),
        ("primaryGroupID", vec![b"513".to_vec()]),
        ("objectSid", vec![sid]),
        (name, member_of),
    ];
    (0, vec![(b"cn=a,dc=x".to_vec(), attributes)])
}

fn group_rule(group: &str, more: &str) -> String {
    format!("preset = \"active-directory\"\nbase = \"dc=x\"\nrequire_group = \"{group}\"\n{more}")
}

#[tokio::test]
async fn values_that_come_in_part_are_read_to_the_end() {
    let (_server, port) = Server::start(|search| controller(search, 0)).await;
    for more in ["", "nested_groups = false", "group_method = \"memberof\""] {
        for group in ["cn=n0,dc=x", "cn=n2999,dc=x", "cn=last,dc=x", "cn=primary,dc=x"] {
            let domain = domain(port, &group_rule(group, more));
            assert_eq!(verdict(&domain, "a").await, Verdict::Granted, "{group} {more}");
        }
        let domain = domain(port, &group_rule("cn=gone,dc=x", more));
        let outcome = sign_in(&domain, "a").await;
        assert_eq!(outcome.verdict, Verdict::Denied(Denial::NotInGroup), "{more}");
        assert!(outcome.detail.unwrap().contains("cn=gone,dc=x does not exist"), "{more}");
    }
}

#[tokio::test]
async fn a_group_of_another_domain_is_nobodys_verdict() {
    let (_server, port) = Server::start(|search| controller(search, 0)).await;
    let (elsewhere, here) = ("cn=c,dc=branch,dc=x", "cn=last,dc=x");
    for more in ["", "nested_groups = false", "group_method = \"token-groups\""] {
        let domain = domain(port, &group_rule(elsewhere, more));
        let outcome = sign_in(&domain, "a").await;
        assert_eq!(outcome.verdict, Verdict::Unavailable(Outage::Referral), "{more}");
        assert!(outcome.detail.unwrap().contains("global catalog"), "{more}");
    }
    let several = |groups: [&str; 2], all: &str| {
        let rule = group_rule("", &format!("require_group_match = \"{all}\""));
        domain(port, &rule.replace("\"\"", &format!("{groups:?}")))
    };
    let cannot_tell = Verdict::Unavailable(Outage::Referral);
    let denied = Verdict::Denied(Denial::NotInGroup);
    assert_eq!(verdict(&several([elsewhere, here], "any"), "a").await, Verdict::Granted);
    assert_eq!(verdict(&several([elsewhere, here], "all"), "a").await, cannot_tell);
    assert_eq!(verdict(&several([elsewhere, "cn=gone,dc=x"], "any"), "a").await, cannot_tell);
    assert_eq!(verdict(&several([elsewhere, "cn=gone,dc=x"], "all"), "a").await, denied);
}

#[tokio::test]
async fn a_root_dse_that_was_refused_is_asked_for_again() {
    for code in [1, 3, 32, 50, 51, 52, 53, 80] {
        let root = Arc::new(Mutex::new(code));
        let now = Arc::clone(&root);
        let (_server, port) =
            Server::start(move |search| controller(search, *now.lock().unwrap())).await;
        let domain = domain(port, &group_rule("cn=primary,dc=x", ""));
        let by = Deadline::after(Instant::now(), Duration::from_millis(500));
        let found = domain.find(&Account::new("a", "h").unwrap(), by).await;
        let verdict = found.map(|_| ()).unwrap_err().verdict;
        assert!(matches!(verdict, Verdict::Unavailable(_)), "{code}: {verdict}");
        *root.lock().unwrap() = 0;
        let well = async {
            while sign_in(&domain, "a").await.verdict != Verdict::Granted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(5), well).await.is_ok(), "{code}");
    }
}

/// What a user of a domain that a table describes is told apart by.
async fn key_of(table: &str, lines: &str) -> EntryKey {
    let config = format!(
        "caller = \"ejabberd\"\n[directory.{table}]\n{lines}\nallow_clear_text = true\n\
         [domain.h]\ndirectory = {table:?}\n",
    );
    let configuration = config::read(&config, None, None).configuration.unwrap();
    let (settings, rules) = configuration.into_domain("h").unwrap();
    let domain = Domain::new(Directory::new(settings).into(), rules, Memory::default());
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
