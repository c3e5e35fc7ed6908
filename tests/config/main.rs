//! What the configuration accepts, and what it says about what it does not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod habits;
mod kerberos;
mod listeners;
mod mistakes;
mod reading;
mod refusals;
mod remarks;
mod secrets;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod users;

use ldap_fixtures::tls::Authority;
use support::Site;
use xmpp_ldap_auth::config::{self, Reading};

/// Nothing wrong with it, and nothing in it that a test would not want to change.
const GOOD: &str = r#"caller = "ejabberd"
[directory.corp]
servers = ["ldaps://ldap.example.com"]
base = "dc=example,dc=com"
user_filter = "(uid={localpart})"
bind_dn = "cn=x"
bind_password_file = "{dir}/password"
[directory.corp.tls]
ca_file = "{dir}/ca.pem"
[domain."example.com"]
directory = "corp"
"#;

fn site(config: &str) -> Site {
    let site = Site::new(config);
    site.secret("password", "tops3cret\n");
    Authority::create(site.path()).unwrap();
    site
}

fn read(site: &Site) -> Reading {
    config::load(&site.config(), None, None)
}

/// The problems of a configuration, one a line.
fn problems(config: &str) -> String {
    let site = site(config);
    let problems = read(&site).configuration.unwrap_err().to_string();
    problems.replace(site.path().to_str().unwrap(), "{dir}")
}
