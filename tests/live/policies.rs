//! The lock-out guard and the caches, by what the directory sees of them.

mod credentials;
mod guard;
mod names;

use std::time::{Duration, Instant};

use ldap_fixtures::proxy::{Fault, Proxy};
use ldap_fixtures::slapd::{BASE, Options, Slapd, WRITER_DN};

use crate::cases::outage;
use crate::load::expect;
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Answer, Framing, PATIENCE, Site};
use crate::{Lookup, site};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";

/// The fixtures' policy lets nobody in with a password that an administrator has set.
const LENIENT: &str = "must_change_password = \"allow\"";

fn sign_in(user: &str, password: &str) -> String {
    format!("auth:{user}:example.com:{password}")
}

/// How many binds as the seed's user there were.
fn binds(slapd: &Slapd, user: &str) -> usize {
    slapd.binds(&format!("uid={user},ou=people,{BASE}"))
}

/// Asks with a password that is wrong; whether the directory was asked, or the guard kept it away.
#[track_caller]
fn guess(adapter: &mut Adapter, framing: Framing, user: &str, password: &str) {
    let answer = adapter.ask(&sign_in(user, password));
    assert!(answer == No || answer == outage(framing), "{answer:?}: {}", adapter.log());
}
