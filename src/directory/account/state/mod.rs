//! The state of an account, as far as the attributes of its entry tell.

mod active_directory;
mod authentik;
mod ds389;
mod edirectory;
mod fault;
mod freeipa;
mod glauth;
mod lightweight;
mod ppolicy;
mod shadow;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

pub use self::fault::StateFault;
use crate::directory::message::entry::Entry;
use crate::named::named;

named! {
    /// In whose attributes the state stands.
    pub enum StateSchema {
        /// Active Directory, Microsoft's or Samba's.
        ActiveDirectory = "active-directory",
        /// Active Directory Lightweight Directory Services.
        Lightweight = "ad-lds",
        /// eDirectory.
        EDirectory = "edirectory",
        /// OpenLDAP's overlay ppolicy.
        OpenLdap = "openldap",
        /// 389 Directory Server.
        Ds389 = "389ds",
        /// FreeIPA.
        FreeIpa = "freeipa",
        /// The LDAP outpost of authentik.
        Authentik = "authentik",
        /// GLAuth.
        Glauth = "glauth",
        /// The shadow passwords of Unix.
        Shadow = "shadow",
    }
}

impl StateSchema {
    /// The attributes to read. Some are operational, so each is asked for by name.
    pub fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::ActiveDirectory => active_directory::ATTRIBUTES,
            Self::Lightweight => lightweight::ATTRIBUTES,
            Self::EDirectory => edirectory::ATTRIBUTES,
            Self::OpenLdap => ppolicy::ATTRIBUTES,
            Self::Ds389 => ds389::ATTRIBUTES,
            Self::FreeIpa => freeipa::ATTRIBUTES,
            Self::Authentik => authentik::ATTRIBUTES,
            Self::Glauth => glauth::ATTRIBUTES,
            Self::Shadow => shadow::ATTRIBUTES,
        }
    }

    /// Whether the directory itself looks at these attributes when the user binds.
    pub fn is_enforced_by_bind(self) -> bool {
        !matches!(self, Self::Shadow | Self::Glauth)
    }

    /// The attribute that says of a password that it must be changed and that each bind uses it up, if
    /// there are such passwords.
    pub fn temporary_attribute(self) -> Option<&'static str> {
        (self == Self::Ds389).then_some(ds389::TEMPORARY)
    }

    /// What keeps the account of this entry from signing in by a password that each bind uses up.
    pub fn temporary_fault(self, entry: &Entry) -> Option<StateFault> {
        ds389::temporary(entry).filter(|_| self == Self::Ds389)
    }

    /// An attribute that every such account has, if this entry does not show it: then nothing can be
    /// said about the state.
    pub fn hidden(self, entry: &Entry) -> Option<&'static str> {
        let attribute = match self {
            Self::ActiveDirectory => active_directory::CONTROL,
            // Of the others, none is there unless it says something.
            Self::Lightweight
            | Self::EDirectory
            | Self::OpenLdap
            | Self::Ds389
            | Self::FreeIpa
            | Self::Authentik
            | Self::Glauth
            | Self::Shadow => return None,
        };
        entry.values(attribute).next().is_none().then_some(attribute)
    }

    /// What keeps the account of this entry from signing in at `now`.
    pub fn faults(self, entry: &Entry, now: SystemTime) -> Vec<StateFault> {
        match self {
            Self::ActiveDirectory => active_directory::faults(entry, now),
            Self::Lightweight => lightweight::faults(entry, now),
            Self::EDirectory => edirectory::faults(entry, now),
            Self::OpenLdap => ppolicy::faults(entry, now),
            Self::Ds389 => ds389::faults(entry, now),
            Self::FreeIpa => freeipa::faults(entry, now),
            Self::Authentik => authentik::faults(entry, now),
            Self::Glauth => glauth::faults(entry, now),
            Self::Shadow => shadow::faults(entry, now),
        }
    }
}
