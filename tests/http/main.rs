//! The daemon's HTTP: what its clients ask, what breaks the rules, and what is measured.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod client;
mod daemon;
mod hostile;
#[path = "../daemon/client.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "helpers of other tests")]
mod native;
mod prometheus;
mod prosody;
mod questions;
#[path = "../support/mod.rs"]
mod support;
mod watched;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use xmpp_ldap_auth::answer::Answer;
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::listen::front::{Client as Connected, Front};
use xmpp_ldap_auth::listen::http;
use xmpp_ldap_auth::listen::http::credentials::Credentials;
use xmpp_ldap_auth::listen::settings::{HttpTerms, ListenerTerms};
use xmpp_ldap_auth::observe::metrics::RequestMetrics;
use xmpp_ldap_auth::request::{Request, Verb};
use xmpp_ldap_auth::verdict::{Denial, Outage, Outcome, Verdict};

use client::Client;

/// What clients sign in with: `prosody:s3cret`.
const AUTHORIZATION: &str = "Authorization: Basic cHJvc29keTpzM2NyZXQ=\r\n";

/// Knows `alice@example.com` and whatever password was set last; `out` cannot be told, `slow` is
/// answered after a second, `never` never, and `panic` is a defect.
#[derive(Debug, Default)]
struct Scripted {
    passwords: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<Verb>>,
}

impl Scripted {
    fn knowing(password: &str) -> Arc<Self> {
        let passwords = HashMap::from([("alice".to_owned(), password.to_owned())]);
        Arc::new(Self { passwords: Mutex::new(passwords), asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Answer for Scripted {
    async fn answer(&self, request: &Request, _: Deadline) -> Outcome {
        self.asked.lock().unwrap().push(request.verb());
        let account = request.account();
        if account.domainpart() != "example.com" {
            return Denial::UnknownDomain.into();
        }
        match account.localpart() {
            "out" => return Outage::NoServer.into(),
            "slow" => tokio::time::sleep(Duration::from_secs(1)).await,
            "never" => std::future::pending().await,
            "panic" => panic!("as the script says"),
            _ => {}
        }
        let known = self.passwords.lock().unwrap().get(account.localpart()).cloned();
        match (request, known) {
            (Request::Auth { password, .. }, Some(known)) => {
                let is_right = password.expose_secret() == known;
                if is_right { Verdict::Granted.into() } else { Denial::WrongPassword.into() }
            }
            (Request::IsUser { .. }, Some(_)) => Verdict::Granted.into(),
            (Request::SetPass { password, .. }, Some(_)) => {
                let new = password.expose_secret().to_owned();
                if new == "weak" {
                    return Denial::PasswordRefused.into();
                }
                self.passwords.lock().unwrap().insert(account.localpart().to_owned(), new);
                Verdict::Granted.into()
            }
            (_, None) => Denial::UnknownUser.into(),
        }
    }
}

/// One connection to a front end, in this process.
struct Served {
    client: Client<DuplexStream>,
    front: Arc<Front<Scripted>>,
    task: JoinHandle<()>,
}

fn terms() -> ListenerTerms {
    let credentials = SecretString::from("prosody:s3cret\nmongooseim:other\n");
    ListenerTerms {
        verbs: vec![Verb::Auth, Verb::IsUser, Verb::SetPass],
        answer_within: Duration::from_secs(2),
        http: HttpTerms {
            credentials: Credentials::parse(&credentials).unwrap(),
            ..HttpTerms::default()
        },
        ..ListenerTerms::default()
    }
}

fn front(terms: ListenerTerms, answerer: &Arc<Scripted>) -> Arc<Front<Scripted>> {
    Arc::new(Front::new("http", terms, Arc::clone(answerer), RequestMetrics::default()))
}

fn connect(front: &Arc<Front<Scripted>>) -> Served {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let front = Arc::clone(front);
    let serving = Arc::clone(&front);
    let task = tokio::spawn(async move {
        http::serve(theirs, &serving, serving.closing(Connected::OfPort)).await
    });
    Served { client: Client::new(ours), front, task }
}

fn serve(terms: ListenerTerms, answerer: &Arc<Scripted>) -> Served {
    connect(&front(terms, answerer))
}

/// One that knows that the password of `alice` is `s3cret`.
fn usual() -> Served {
    serve(terms(), &Scripted::knowing("s3cret"))
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{AUTHORIZATION}\r\n")
}

fn post(target: &str, form: &str) -> String {
    let length = form.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\n{AUTHORIZATION}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

const RIGHT: &str = "/check_password?user=alice&server=example.com&pass=s3cret";

const WRONG: &str = "/check_password?user=alice&server=example.com&pass=wrong";
