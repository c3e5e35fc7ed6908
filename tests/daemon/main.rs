//! The daemon: its sockets, its protocol, and how it starts, runs and stops.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking, and its helpers are nobody's API"
)]

mod client;
mod control;
mod crowd;
mod lifecycle;
mod listeners;
mod lost_clients;
mod machine;
mod native;
mod relay;
#[path = "../support/mod.rs"]
mod support;
mod systemd;
