//! What is known about each directory product, so that the configuration need not say it.

use std::fmt;

use crate::directory::account::state::Schema;

/// A directory product, as the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Microsoft's Active Directory.
    ActiveDirectory,
    /// Samba as a domain controller.
    Samba,
    /// OpenLDAP.
    OpenLdap,
    /// 389 Directory Server and its relatives.
    Ds389,
    /// FreeIPA, Red Hat Identity Management.
    FreeIpa,
    /// lldap.
    Lldap,
    /// Any other LDAP directory.
    Generic,
}

impl Preset {
    /// Every preset, by the name that it has in the configuration.
    pub const ALL: [(&'static str, Self); 7] = [
        ("active-directory", Self::ActiveDirectory),
        ("samba", Self::Samba),
        ("openldap", Self::OpenLdap),
        ("389ds", Self::Ds389),
        ("freeipa", Self::FreeIpa),
        ("lldap", Self::Lldap),
        ("generic", Self::Generic),
    ];

    /// Whether it is a domain controller of Active Directory, by whomever.
    pub fn is_active_directory(self) -> bool {
        matches!(self, Self::ActiveDirectory | Self::Samba)
    }

    /// The object class of entries that sign in.
    ///
    /// Computers and managed service accounts of Active Directory are of class `user` too, but not
    /// of category `person`, which is short for a DN that the server fills in.
    pub fn object_class(self) -> &'static str {
        match self {
            Self::ActiveDirectory | Self::Samba => "user",
            Self::FreeIpa => "posixAccount",
            Self::OpenLdap | Self::Ds389 | Self::Lldap | Self::Generic => "person",
        }
    }

    /// The attribute that holds the login name. Only one, because a user with two would be two users
    /// to the XMPP server.
    pub fn login_attribute(self) -> &'static str {
        match self {
            Self::ActiveDirectory | Self::Samba => "sAMAccountName",
            _ => "uid",
        }
    }

    /// In which attributes the state of an account stands.
    pub fn account_state(self) -> &'static [Schema] {
        match self {
            Self::ActiveDirectory | Self::Samba => &[Schema::ActiveDirectory],
            Self::OpenLdap => &[Schema::OpenLdap, Schema::Shadow],
            Self::Ds389 => &[Schema::Ds389, Schema::Shadow],
            Self::FreeIpa => &[Schema::FreeIpa],
            Self::Generic => &[Schema::Shadow],
            Self::Lldap => &[],
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(_, preset)| preset == self);
        f.write_str(name.map_or("generic", |(name, _)| name))
    }
}
