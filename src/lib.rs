//! External authentication for XMPP servers against LDAP directories.
//!
//! Prosody, ejabberd or MongooseIM starts the binary `xmpp-ldap-auth` and asks it, over standard
//! input and output, whether a password is right, whether a user exists, or to set a password. The
//! binary asks a directory. This library is its parts; it exists for the binary, its tests and its
//! examples, and promises no stable API.
//!
//! # Invariants
//!
//! 1. One request, at most one reply, in order, in time; otherwise the process ends in the way its
//!    caller survives.
//! 2. "Cannot tell" is never "no" until the last byte is chosen, and never "yes".
//! 3. "Yes" to `auth` means: this directory accepted this non-empty password for exactly one entry,
//!    within this request; or the credential cache says so, by its documented rule.
//! 4. A password is never in a log, an error, a `Debug`, a command line, an environment or a core
//!    file.
//! 5. Standard output belongs to the protocol; in `run`, so does standard error when it is the same
//!    terminal.
//!
//! # The way of a request, which is the order to read the modules in
//!
//! [`commands`] build the parts from [`config`]. [`stdio`] brings bytes to the [`session`], which
//! cuts them by [`protocol`] into [`request`]s and gives each a [`deadline`]. The [`authenticator`]
//! refuses what needs no directory, asks a [`directory`] the rest, and lets the [`policy`] stand
//! between both. The answer is a [`verdict`], which the session turns into bytes again, and tells
//! [`observe`]. Before the first request the process [`confine`]s itself.

pub mod answer;
pub mod authenticator;
pub mod cli;
pub mod commands;
pub mod config;
pub mod confine;
pub mod deadline;
pub mod directory;
pub mod exit;
pub mod files;
pub mod jid;
pub mod observe;
pub mod policy;
pub mod protocol;
pub mod request;
pub mod session;
pub mod stdio;
pub mod verdict;
