//! The shortest way to one answer: `cargo run --example library`.
//!
//! Below the protocols the answer is a verdict, which keeps "no" and "cannot tell" apart and says
//! why.

#![allow(clippy::print_stdout, reason = "an example is there to be looked at")]

use std::time::Duration;

use anyhow::{Result, ensure};
use ldap_fixtures::embedded::Embedded;
use tokio::time::Instant;
use xmpp_ldap_auth::answer::Answer;
use xmpp_ldap_auth::authenticator::Authenticator;
use xmpp_ldap_auth::commands::build;
use xmpp_ldap_auth::config;
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::protocol::dialect::Dialect;
use xmpp_ldap_auth::request::Request;
use xmpp_ldap_auth::verdict::{Outcome, Verdict};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let server = Embedded::start()?;
    let config = format!(
        r#"
        [directory.demo]
        servers = ["{}"]
        user_dn = "uid={{localpart}},ou=people,dc=example,dc=com"

        [domain."example.com"]
        directory = "demo"
        "#,
        server.url()
    );
    let reading = config::read(&config, Some(Dialect::Prosody), None);
    let authenticator = Authenticator::new(build(reading.configuration?, None)?.served);

    let request = Request::parse(b"auth:alice:example.com:secret")?;
    let by = Deadline::after(Instant::now(), Duration::from_secs(4));
    let outcome = by.bound(authenticator.answer(&request, by)).await.unwrap_or_else(Outcome::from);

    println!("{}", outcome.verdict);
    ensure!(outcome.verdict == Verdict::Granted);
    Ok(())
}
