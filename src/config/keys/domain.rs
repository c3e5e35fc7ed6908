//! The keys of `[domain."NAME"]`.

use super::{TableSpec, users};
use crate::config::value::{List, Text};

/// `[domain."NAME"]`.
pub static DOMAIN: TableSpec =
    TableSpec { name: "domain.\"example.com\"", groups: &[KEYS, users::KEYS], mistakes: &[] };

keys! {
    /// Who serves an XMPP domain.
    KEYS:

    /// which directory serves this XMPP domain
    DIRECTORY = "directory": Text = Text("name");

    /// other XMPP domains of the same users
    ALIASES = "aliases": List<Text> = List(Text("domains"), "chat.example.com");
}
