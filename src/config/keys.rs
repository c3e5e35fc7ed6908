//! The catalogue of keys: whatever can be written into a configuration stands here, once, with its
//! kind, its default, and what it means.
//!
//! Reading, "there is no such key", `check`, the table in the manual, the manual page and the JSON
//! schema are made from it. A key that is not in it cannot be looked up.

/// Declares keys, and a group of them. The comment of a key is its text: there is no key without.
macro_rules! keys {
    (
        $(#[doc = $about:literal])+
        $group:ident:
        $(
            $(#[doc = $text:literal])+
            $key:ident = $name:literal: $kind:ty = $value:expr $(, otherwise $otherwise:literal)?;
        )+
    ) => {
        $(
            $(#[doc = $text])+
            pub static $key: $crate::config::keys::Key<$kind> = $crate::config::keys::Key {
                name: $name,
                text: concat!($($text),+).trim_ascii_start(),
                otherwise: keys!(@otherwise $($otherwise)?),
                kind: $value,
            };
        )+
        $(#[doc = $about])+
        pub static $group: &[&$crate::config::keys::AnyKey] = &[$(&$key),+];
    };
    (@otherwise) => { None };
    (@otherwise $text:literal) => { Some($text) };
}

pub mod directory;
pub mod domain;
pub(super) mod foreign;
mod key;
pub mod listen;
pub mod memory;
mod section;
pub mod tls;
pub mod top;
pub mod users;

pub use self::key::{AnyKey, Describe, Key, TableSpec, ValueForm, is_like};
pub use self::section::Section;
