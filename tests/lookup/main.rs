//! Which entry is whose, and who is in a group, asked of a scripted server: what a directory finds is
//! not always who was asked for, and what it does not say is no verdict.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/ldap.rs"]
mod ldap;

mod controller;
mod names;
mod products;
mod spellings;
mod states;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::backend::{Backend, EntryKey};
use xmpp_ldap_auth::directory::domain::Domain;
use xmpp_ldap_auth::directory::message::ber::{Reader, Writer, message_length, tag};
use xmpp_ldap_auth::jid::Account;
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
    /// What it says to each bind of a user instead.
    refusal: Mutex<Option<(u32, &'static str)>>,
    bound: Mutex<Vec<String>>,
    searches: AtomicUsize,
}

impl Server {
    async fn start(
        script: impl Fn(&Search) -> (u32, Vec<Found>) + Send + Sync + 'static,
    ) -> (Arc<Self>, u16) {
        let server = Arc::new(Self {
            script: Box::new(script),
            refusal: Mutex::default(),
            bound: Mutex::default(),
            searches: AtomicUsize::new(0),
        });
        let (listener, port) = ldap::bind().await;
        ldap::serve(listener, &server, async |server: Arc<Self>, _, stream| {
            server.serve(stream).await;
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
            let mut code = if password == b"secret" { 0 } else { 49 };
            let mut words = [b"not '".as_slice(), password, b"'"].concat();
            if name != "cn=service" {
                self.bound.lock().unwrap().push(name);
                if let Some((refusal, text)) = *self.refusal.lock().unwrap() {
                    (code, words) = (refusal, text.into());
                }
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
        self.searches.fetch_add(1, Ordering::SeqCst);
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

    fn asked(&self) -> usize {
        self.searches.load(Ordering::SeqCst)
    }

    fn bound(&self) -> Vec<String> {
        self.bound.lock().unwrap().clone()
    }
}

/// A domain of the server; `lines` are more of `[directory.d]`.
fn domain(port: u16, lines: &str) -> Domain {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "secret").unwrap();
    let service = format!("bind_dn = \"cn=service\"\nbind_password_file = {:?}", password.path());
    without_service(port, &format!("{lines}\n{service}"))
}

fn without_service(port: u16, lines: &str) -> Domain {
    let config = format!(
        "caller = \"ejabberd\"\n[directory.d]\nservers = [\"ldap://127.0.0.1:{port}\"]\n\
         allow_clear_text = true\n{lines}\n[domain.h]\ndirectory = \"d\"\n"
    );
    ldap::domain(&config)
}

fn deadline() -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(5))
}

async fn sign_in(domain: &Domain, localpart: &str) -> Outcome {
    ldap::sign_in(domain, localpart, "secret", deadline()).await
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
async fn a_password_that_the_directory_repeats_is_not_told() {
    let (_server, port) =
        Server::start(|_| (0, vec![entry("uid=a,dc=x", &[("uid", &["a"])])])).await;
    let domain = domain(port, UID);
    let outcome = ldap::sign_in(&domain, "a", "tops3cret", deadline()).await;
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
