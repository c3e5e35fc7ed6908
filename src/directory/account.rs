//! The state of an account, from its attributes.

use std::time::SystemTime;

use super::entry::Entry;
use crate::verdict::Denial;

/// Where the state stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    ActiveDirectory,
    OpenLdap,
    Ds389,
    FreeIpa,
    Shadow,
}

impl Schema {
    pub const ALL: [(&'static str, Self); 5] = [
        ("active-directory", Self::ActiveDirectory),
        ("openldap", Self::OpenLdap),
        ("389ds", Self::Ds389),
        ("freeipa", Self::FreeIpa),
        ("shadow", Self::Shadow),
    ];
}

/// What keeps an account from signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Disabled,
}

impl Fault {
    pub fn denial(&self) -> Denial {
        Denial::UnknownUser
    }
    pub fn is_enforced_by_bind(&self) -> bool {
        true
    }
}
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("disabled")
    }
}

pub fn attributes(_: &[Schema]) -> Vec<&'static str> {
    Vec::new()
}

pub fn faults(_: &Entry, _: &[Schema], _: SystemTime) -> Vec<Fault> {
    Vec::new()
}

impl std::fmt::Display for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("schema")
    }
}
