//! Real servers, a fault proxy and an in-memory directory for the tests, examples and benchmarks of
//! `xmpp-ldap-auth`.
//!
//! Everything listens on loopback only, on free ports, with its files in a throw-away directory; is
//! ready when a real request has succeeded; and ends, with its children, when its value is dropped.
//! A program that is not installed is an error that says how to install it, never a test that is
//! skipped.

mod built;
pub mod component;
pub mod container;
pub mod dns;
pub mod ds389;
pub mod ejabberd;
pub mod embedded;
mod family;
pub mod hostile;
pub mod ldif;
pub mod network;
pub mod process;
pub mod prosody;
pub mod proxy;
pub mod samba;
pub mod scripted;
pub mod slapd;
pub mod stream;
pub mod systemd;
pub mod tls;
pub mod xmpp;
