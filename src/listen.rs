//! What a daemon listens on: sockets, who may ask what through each, and their connections.
//!
//! A [`Listener`](accept::Listener) accepts connections, each of which speaks one of the protocols
//! here: [`native`], [`http`], [`metrics`], or [`control`] with an administrator. Whatever asks the
//! directory does so through the listener's [`Front`](front::Front), which knows what it may ask.

pub mod accept;
pub mod control;
pub mod front;
pub mod http;
mod linger;
pub mod metrics;
pub mod native;
mod newcomers;
pub mod settings;
pub mod socket;
