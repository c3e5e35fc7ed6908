//! The whole program in one process, with nothing installed but Rust and a C compiler:
//!
//! ```text
//! cargo run --example quickstart
//! cargo run --example quickstart -- --interactive
//! ```
//!
//! A directory in memory speaks LDAP on loopback. The code of the binary is configured for it, as an
//! administrator would, and is asked as Prosody and as ejabberd ask. An answer that is not the
//! expected one ends the example with an error.

#![allow(clippy::print_stdout, reason = "an example is there to be looked at")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::slapd::{BASE, WRITER_DN, WRITER_PASSWORD};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use xmpp_ldap_auth::authenticator::Authenticator;
use xmpp_ldap_auth::commands::build;
use xmpp_ldap_auth::config;
use xmpp_ldap_auth::protocol::dialect::{Dialect, Framing};
use xmpp_ldap_auth::session::StdioSession;

/// What is asked, and whether the answer must be a yes.
const CONVERSATION: [(&str, bool); 7] = [
    ("auth:alice:example.com:secret", true),
    ("auth:alice:example.com:wrong", false),
    ("isuser:alice:example.com", true),
    ("isuser:nobody:example.com", false),
    ("setpass:alice:example.com:correct horse", true),
    ("auth:alice:example.com:correct horse", true),
    ("auth:alice:example.com:secret", false),
];

const YES: &str = "yes";
const NO: &str = "no";
const CANNOT_TELL: &str = "cannot tell";
const NOT_YES: &str = "no, or cannot tell";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => {
            converse(Dialect::Prosody).await?;
            converse(Dialect::Ejabberd).await
        }
        Some("--interactive") => interact().await,
        Some(other) => bail!("there is no option {other}, only --interactive"),
    }
}

/// Shows the conversation as this XMPP server would have it.
async fn converse(dialect: Dialect) -> Result<()> {
    // Prosody's protocol has two answers, ejabberd's three.
    let (no, cannot_tell) = match dialect.framing() {
        Framing::Line => (NOT_YES, NOT_YES),
        Framing::Packet => (NO, CANNOT_TELL),
    };
    let site = tempfile::tempdir()?;
    let directory = Embedded::start()?;
    let mut server = XmppServer::start(dialect, &configure(site.path(), &directory.url())?)?;
    println!("\n{dialect}");
    for (request, granted) in CONVERSATION {
        ensure!(server.ask(request).await? == if granted { YES } else { no });
    }
    drop(directory);
    println!("  (the directory is down now)");
    ensure!(server.ask("isuser:alice:example.com").await? == cannot_tell);
    Ok(())
}

/// Lets somebody type requests, and asks them as both XMPP servers.
async fn interact() -> Result<()> {
    let site = tempfile::tempdir()?;
    let directory = Embedded::start()?;
    let config = configure(site.path(), &directory.url())?;
    let mut prosody = XmppServer::start(Dialect::Prosody, &config)?;
    let mut ejabberd = XmppServer::start(Dialect::Ejabberd, &config)?;
    println!("Type requests such as those below; Ctrl-D ends.\n");
    CONVERSATION.iter().for_each(|(request, _)| println!("  {request}"));
    // This stops the sessions too, which have nothing to do in the meantime.
    for request in std::io::stdin().lines() {
        let request = request?;
        prosody.ask(&request).await?;
        ejabberd.ask(&request).await?;
    }
    Ok(())
}

/// Writes the configuration and, where nobody else can read it, the service account's password.
fn configure(site: &Path, url: &str) -> Result<PathBuf> {
    let secret = site.join("password");
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&secret)?
        .write_all(WRITER_PASSWORD.as_bytes())?;
    let config = site.join("config.toml");
    fs::write(
        &config,
        format!(
            r#"
[directory.demo]
servers = ["{url}"]
base = "{BASE}"
user_filter = "(uid={{localpart}})"
bind_dn = "{WRITER_DN}"
bind_password_file = {secret:?}
set_password = "exop"

[domain."example.com"]
directory = "demo"
"#
        ),
    )?;
    Ok(config)
}

/// The XMPP server's end of the pipe to the program that it started.
struct XmppServer {
    dialect: Dialect,
    pipe: DuplexStream,
}

impl XmppServer {
    /// Does what `xmpp-ldap-auth run` does, with a pipe in the place of standard input and output.
    fn start(dialect: Dialect, config: &Path) -> Result<Self> {
        let reading = config::load(config, Some(dialect), None);
        let built = build(reading.configuration?, None)?;
        for directory in built.directories {
            tokio::spawn(async move { directory.maintain().await });
        }
        let authenticator = Arc::new(Authenticator::new(built.served));
        let session = StdioSession::new(authenticator, reading.startup.caller.terms);
        let (pipe, stdio) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let (input, output) = tokio::io::split(stdio);
            session.pipelined(input, output).await
        });
        Ok(Self { dialect, pipe })
    }

    /// Sends a request, shows it with its answer, and says what the answer means.
    async fn ask(&mut self, request: &str) -> Result<&'static str> {
        let (sent, reply_length) = match self.dialect.framing() {
            Framing::Line => ([request, "\n"].concat().into_bytes(), 2),
            Framing::Packet => {
                let length = u16::try_from(request.len())?.to_be_bytes();
                ([&length, request.as_bytes()].concat(), 4)
            }
        };
        self.pipe.write_all(&sent).await?;
        let mut reply = vec![0; reply_length];
        self.pipe.read_exact(&mut reply).await?;
        let meaning = match reply.as_slice() {
            b"1\n" | [0, 2, 0, 1] => YES,
            [0, 2, 0, 0] => NO,
            [0, 2, 0, 2] => CANNOT_TELL,
            b"0\n" => NOT_YES,
            _ => bail!("{request:?} was answered with {reply:?}"),
        };
        let (sent, reply) = (sent.escape_ascii(), reply.escape_ascii());
        println!("  {:<52} {:<18} {meaning}", format!("\"{sent}\""), format!("\"{reply}\""));
        Ok(meaning)
    }
}
