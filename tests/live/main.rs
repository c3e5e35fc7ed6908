//! The binary against real servers, started for each test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking, and its helpers are nobody's API"
)]

mod cases;
mod container;
mod daemon;
mod discovery;
mod ds389;
mod ejabberd;
mod examples;
mod failover;
mod faults;
mod groups;
#[cfg(feature = "gssapi")]
mod gssapi;
mod guides;
mod hostile;
mod load;
mod lookup;
mod policies;
mod prosody;
mod prosody_module;
mod reload;
mod replicas;
mod samba;
mod secrets;
mod shared_guard;
mod slapd;
mod states;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod tools;

use ldap_fixtures::slapd::{WRITER_DN, WRITER_PASSWORD};
use support::Site;

/// How the users are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Below the suffix, by a filter: two subtrees, so that there can be two matches.
    Search,
    /// By a DN template.
    Name,
}

/// A site with this configuration, and the password of the fixtures' writer in the file `password`.
pub fn written_site(config: &str) -> Site {
    let site = Site::new(config);
    site.secret("password", WRITER_PASSWORD);
    site
}

/// A site that asks these servers; `directory` and `rest` are more lines for `[directory.corp]` and
/// for the tables behind it.
pub fn site(servers: &[&str], lookup: Lookup, directory: &str, rest: &str) -> Site {
    let by = match lookup {
        Lookup::Search => "base = \"dc=example,dc=com\"\nuser_filter = \"(uid={localpart})\"",
        Lookup::Name => "user_dn = \"uid={localpart},ou=people,dc=example,dc=com\"",
    };
    let service = if directory.contains("sasl") {
        String::new()
    } else {
        format!("bind_dn = \"{WRITER_DN}\"\nbind_password_file = \"{{dir}}/password\"")
    };
    let site = Site::new("");
    site.secret("password", WRITER_PASSWORD);
    // What stands before the first table belongs to the top of the file.
    let (top, rest) = rest.split_once("---\n").unwrap_or(("", rest));
    site.write(
        "config.toml",
        &format!(
            "{top}\n[directory.corp]\nservers = {servers:?}\n{by}\n{service}\n{directory}\n{rest}\n\
             [domain.\"example.com\"]\ndirectory = \"corp\"\n"
        ),
    );
    site
}
