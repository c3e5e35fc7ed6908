//! What is counted. Each runs so many times, on what it has prepared before.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use tokio::time::Instant;
use xmpp_ldap_auth::directory::account::state::StateSchema;
use xmpp_ldap_auth::directory::diagnosis::{MustChange, of_bind};
use xmpp_ldap_auth::directory::message::ber::message_length;
use xmpp_ldap_auth::directory::message::entry::Entry;
use xmpp_ldap_auth::directory::message::filter_template::FilterTemplate;
use xmpp_ldap_auth::directory::message::oid::PASSWORD_POLICY;
use xmpp_ldap_auth::directory::message::{Envelope, LdapResult, Response, ResponseControl};
use xmpp_ldap_auth::directory::names::bind_name::NameTemplate;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::attempt::SignInAttempt;
use xmpp_ldap_auth::policy::changes::Changes;
use xmpp_ldap_auth::policy::digest::ProcessKey;
use xmpp_ldap_auth::policy::guard::{Budget, Guard, GuardSettings};
use xmpp_ldap_auth::protocol::Decoder;
use xmpp_ldap_auth::protocol::dialect::{Dialect, Framing};
use xmpp_ldap_auth::request::{Request, Verb};
use xmpp_ldap_auth::verdict::{Denial, Outage, Outcome, Verdict};

/// A name, and what runs so many times.
pub type Subject = (&'static str, fn(u64));

/// Every subject.
pub const SUBJECTS: [Subject; 15] = [
    ("parse a request", |times| parse(times, REQUEST)),
    ("parse a request with a name beyond ASCII", |times| parse(times, "auth:jürgen:example.com:p")),
    ("decode a line", |times| decode(times, Framing::Line, &[REQUEST.as_bytes(), b"\n"].concat())),
    ("decode a packet", |times| decode(times, Framing::Packet, &packet())),
    ("decode a burst of 64 packets", |times| decode(times, Framing::Packet, &packet().repeat(64))),
    ("write a reply in each dialect", write_replies),
    ("decode the escapes of a name", unescape),
    ("fill a filter", fill_filter),
    ("fill a DN", fill_name),
    ("judge a bind, of Active Directory", judge_active_directory),
    ("judge a bind, of OpenLDAP with a policy", judge_openldap),
    ("judge an account, of Active Directory", judge_account),
    ("read a message with an entry", read_entry),
    ("digest an account and a password", digest),
    ("pass the lock-out guard", pass_guard),
];

const REQUEST: &str = "auth:alice.liddell:example.com:correct horse battery staple";

fn account(localpart: &str) -> Account {
    Account::new(localpart, "example.com").unwrap_or_else(|| unreachable!("it is one"))
}

fn packet() -> Vec<u8> {
    let length = u16::try_from(REQUEST.len()).unwrap_or_default().to_be_bytes();
    [&length, REQUEST.as_bytes()].concat()
}

fn parse(times: u64, request: &str) {
    for _ in 0..times {
        let _ = black_box(Request::parse(black_box(request.as_bytes())));
    }
}

fn decode(times: u64, framing: Framing, stream: &[u8]) {
    let mut decoder = Decoder::new(framing);
    for _ in 0..times {
        decoder.push(black_box(stream));
        while let Some(request) = decoder.next_request() {
            let _ = black_box(request);
        }
    }
}

fn write_replies(times: u64) {
    let verdicts = [
        Verdict::Granted,
        Verdict::Denied(Denial::WrongPassword),
        Verdict::Unavailable(Outage::NoServer),
    ];
    for _ in 0..times {
        for dialect in Dialect::ALL {
            for verdict in verdicts {
                black_box(dialect.reply(black_box(Verb::Auth), black_box(verdict)));
            }
        }
    }
}

fn unescape(times: u64) {
    let account = account("alice.liddell\\40corp.example");
    for _ in 0..times {
        black_box(black_box(&account).unescaped());
    }
}

fn fill_filter(times: u64) {
    let source = "(&(objectClass=person)(|(uid={localpart})(mail={address})))";
    let filter = FilterTemplate::parse(source).unwrap_or_else(|text| unreachable!("{text}"));
    let account = account("alice.liddell");
    for _ in 0..times {
        black_box(filter.fill(black_box(&account)));
    }
}

fn fill_name(times: u64) {
    let source = "uid={localpart},ou=people,dc=example,dc=com";
    let name = NameTemplate::parse(source).unwrap_or_else(|text| unreachable!("{text}"));
    let account = account("alice.liddell");
    for _ in 0..times {
        black_box(name.fill(black_box(&account)));
    }
}

fn judge(times: u64, answer: &LdapResult) {
    for _ in 0..times {
        black_box(of_bind(black_box(answer), MustChange::Deny));
    }
}

fn judge_active_directory(times: u64) {
    let text =
        "80090308: LdapErr: DSID-0C0903D9, comment: AcceptSecurityContext error, data 775, v1db1\0";
    judge(times, &LdapResult { code: 49, text: text.to_owned(), ..LdapResult::default() });
}

fn judge_openldap(times: u64) {
    let locked = b"\x30\x03\x81\x01\x01".to_vec();
    let control = ResponseControl { oid: PASSWORD_POLICY.to_owned(), value: Some(locked) };
    judge(times, &LdapResult { code: 49, controls: vec![control], ..LdapResult::default() });
}

fn judge_account(times: u64) {
    let attributes = [
        ("userAccountControl", "512"),
        ("msDS-User-Account-Control-Computed", "0"),
        ("accountExpires", "9223372036854775807"),
        ("lockoutTime", "0"),
        ("pwdLastSet", "133456789012345678"),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), vec![value.into()]));
    let entry = Entry::new("cn=Alice,cn=Users,dc=corp,dc=example", attributes.to_vec());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    for _ in 0..times {
        black_box(StateSchema::ActiveDirectory.faults(black_box(&entry), now));
    }
}

fn read_entry(times: u64) {
    let element = |tag: u8, content: &[u8]| {
        let [high, low] = u16::try_from(content.len()).unwrap_or_default().to_be_bytes();
        [&[tag, 0x84, 0, 0, high, low], content].concat()
    };
    let attribute = |name: &str, value: &str| {
        let values = element(0x31, &element(0x04, value.as_bytes()));
        element(0x30, &[element(0x04, name.as_bytes()), values].concat())
    };
    let attributes: Vec<u8> =
        ["uid", "mail", "memberOf", "userAccountControl", "pwdLastSet", "lockoutTime"]
            .into_iter()
            .flat_map(|name| attribute(name, "cn=alice,ou=people,dc=example,dc=com"))
            .collect();
    let name = element(0x04, b"cn=alice,ou=people,dc=example,dc=com");
    let entry = element(0x64, &[name, element(0x30, &attributes)].concat());
    let message = element(0x30, &[element(0x02, &[7]), entry].concat());
    assert!(read_response(&message).is_some(), "it must be well-formed");
    for _ in 0..times {
        black_box(read_response(black_box(&message)));
    }
}

fn read_response(sent: &[u8]) -> Option<Response> {
    let message = sent.get(..message_length(sent).ok()??)?;
    Envelope::open(message).ok()?.response().ok()
}

fn process_key() -> ProcessKey {
    ProcessKey::new().unwrap_or_else(|error| unreachable!("{error}"))
}

fn digest(times: u64) {
    let key = process_key();
    let password = SecretString::from("correct horse battery staple");
    for _ in 0..times {
        let account = key.id(black_box("alice.liddell@example.com"));
        black_box(key.digest(account, black_box(&password)));
    }
}

fn pass_guard(times: u64) {
    let minute = Duration::from_secs(60);
    let budget = Budget { failures: 3, within: minute };
    let accounts = NonZeroUsize::new(10_000).unwrap_or(NonZeroUsize::MIN);
    let settings =
        GuardSettings { account: budget, domain: budget, remember_wrong: minute, accounts };
    let changes = Arc::new(Changes::default());
    let guard = Guard::new(settings, &changes);
    let (key, password) = (process_key(), SecretString::from("secret"));
    let attempt =
        SignInAttempt::new(&key, changes.now(), "example.com", "alice", "alice", &password);
    let now = Instant::now();
    let outcome = Outcome::from(Verdict::Granted);
    for _ in 0..times {
        match guard.enter(black_box(attempt), now, now) {
            Ok(permit) => drop(permit.conclude(&outcome, now)),
            Err(_) => {
                unreachable!("the password is right")
            }
        }
    }
}
