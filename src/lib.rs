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
//!    the one whose JID was asked for, within this request; or the credential cache says so, by its
//!    documented rule.
//! 4. A password or key is never in a log, an error, a `Debug`, a command line or a core file, and in
//!    an environment only where `bind_password_env` asks for it.
//! 5. Standard output belongs to the protocol; in `run`, so does whatever else is the same stream.
//!    Writing a log line never delays a reply, and one that is lost is told of.
//! 6. No more wrong passwords of an account reach the directory in a time than its budget has, by this
//!    process: see [`policy::guard`].
//!
//! # The way of a request, which is the order to read the modules in
//!
//! `main` looks first who is at the other end, a [`peer`], and hands over to one of the
//! [`commands`]: `run` reads the [`config`], lets the process [`confine`] itself, and starts a
//! session.
//!
//! ```text
//! session        stdio brings bytes, protocol cuts them into requests;
//!   │            each gets its deadline from when the caller wrote it, as far as can be known
//!   ▼
//! pending        bounds the work on each, contains its panics, and makes its audit event
//!   ▼
//! answer         the one thing that is asked, for each account in turns
//!   ▼
//! authenticator  refuses what needs no directory, and lets policy stand before the rest
//!   ▼
//! directory      finds the entry and proves the password
//!   │
//!   ▼ verdict
//! session        protocol turns it into the caller's bytes; observe writes one audit event
//! ```
//!
//! `daemon` serves sockets in place of standard input: there [`listen`] stands where [`session`] stands
//! here; and where a daemon answers, [`relay`] stands in place of all that is below [`answer`].
//!
//! Each module uses only those before it: [`named`], [`lock`], [`aside`], [`background`], [`exit`],
//! [`result_code`], [`verdict`], [`deadline`], [`jid`], [`request`], [`answer`], [`turns`]; [`printable`],
//! [`files`], [`protocol`], [`stdio`], [`local_stream`], [`peer`]; [`policy`], [`observe`], [`directory`],
//! [`authenticator`]; [`pending`], [`session`], [`listen`], [`relay`]; [`confine`], [`config`], [`cli`],
//! [`manual`], [`commands`].

pub mod answer;
pub mod aside;
pub mod authenticator;
pub mod background;
pub mod cli;
pub mod commands;
pub mod config;
pub mod confine;
pub mod deadline;
pub mod directory;
pub mod exit;
pub mod files;
pub mod jid;
pub mod listen;
pub mod local_stream;
pub mod lock;
pub mod manual;
pub mod named;
pub mod observe;
pub mod peer;
pub mod pending;
pub mod policy;
pub mod printable;
pub mod protocol;
pub mod relay;
pub mod request;
pub mod result_code;
pub mod session;
pub mod stdio;
pub mod turns;
pub mod verdict;
