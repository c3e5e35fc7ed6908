//! Both versions of Prosody ask a daemon through `mod_auth_xmpp_ldap`.
//!
//! The oracle in all of it: no answer belongs to another request. Who signs in with a wrong password,
//! or is refused with a right one, had somebody else's.

mod daemon;
mod scripted;

use std::path::Path;

use ldap_fixtures::component::{Component, Place};
use ldap_fixtures::prosody::{Authentication, Prosody, Version};

use crate::support::binary;

/// A Prosody with the module that the binary prints, and how many seconds it waits.
fn prosody(version: Version, socket: &Path, timeout: u32) -> Prosody {
    prosody_with(version, socket, &format!("xmpp_ldap_timeout = {timeout}"))
}

/// The same with these options for the module.
fn prosody_with(version: Version, socket: &Path, options: &str) -> Prosody {
    let printed = binary().arg("prosody-module").output().unwrap();
    assert!(printed.status.success());
    let source = String::from_utf8(printed.stdout).unwrap();
    Prosody::start(version, Authentication::Module(&source, socket, options)).unwrap()
}

/// What a client is told that signs in.
fn sign_in(component: &mut Component, user: &str, password: &str) -> String {
    component.ask("sign_in", Place::Runner, user, password).unwrap()
}

/// That wrong passwords are refused and right ones accepted.
#[track_caller]
fn is_in_step(component: &mut Component) {
    for (user, password, expected) in [
        ("bob", "wrong", WRONG),
        ("alice", "secret", SUCCESS),
        ("carol", "wrong", WRONG),
        ("carol", "secret", SUCCESS),
    ] {
        assert_begins(&sign_in(component, user, password), expected);
    }
}

#[track_caller]
fn assert_begins(text: &str, start: &str) {
    assert!(text.starts_with(start), "{text:?} is not {start:?}");
}

const SUCCESS: &str = "success";
const WRONG: &str = "failure not-authorized";
const UNAVAILABLE: &str = "failure temporary-auth-failure";
