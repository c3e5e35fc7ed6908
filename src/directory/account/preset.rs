//! What is known about each directory product, so that the configuration need not say it.

use crate::directory::account::state::StateSchema;
use crate::named::named;

named! {
    /// A directory product, as the configuration names it.
    pub enum Preset {
        /// Microsoft's Active Directory.
        ActiveDirectory = "active-directory",
        /// Samba as a domain controller.
        Samba = "samba",
        /// OpenLDAP.
        OpenLdap = "openldap",
        /// 389 Directory Server and its relatives.
        Ds389 = "389ds",
        /// FreeIPA, Red Hat Identity Management.
        FreeIpa = "freeipa",
        /// lldap.
        Lldap = "lldap",
        /// Active Directory Lightweight Directory Services.
        Lightweight = "ad-lds",
        /// The LDAP outpost of authentik.
        Authentik = "authentik",
        /// Kanidm.
        Kanidm = "kanidm",
        /// GLAuth.
        Glauth = "glauth",
        /// eDirectory.
        EDirectory = "edirectory",
        /// HCL Domino.
        Domino = "domino",
        /// Google's Secure LDAP.
        Google = "google",
        /// Okta's LDAP interface.
        Okta = "okta",
        /// JumpCloud's LDAP.
        JumpCloud = "jumpcloud",
        /// Any other LDAP directory.
        Generic = "generic",
    }
}

impl Preset {
    fn defaults(self) -> Defaults {
        use StateSchema as State;
        let person = |account_state| Defaults {
            object_class: "person",
            login_attribute: "uid",
            account_state,
        };
        match self {
            Self::ActiveDirectory | Self::Samba => Defaults {
                object_class: "user",
                login_attribute: "sAMAccountName",
                account_state: &[State::ActiveDirectory],
            },
            Self::OpenLdap => person(&[State::OpenLdap, State::Shadow]),
            Self::Ds389 => person(&[State::Ds389, State::Shadow]),
            Self::FreeIpa => Defaults { object_class: "posixAccount", ..person(&[State::FreeIpa]) },
            Self::Lightweight => Defaults {
                object_class: "user",
                login_attribute: "cn",
                account_state: &[State::Lightweight],
            },
            Self::Authentik => Defaults {
                object_class: "user",
                login_attribute: "cn",
                account_state: &[State::Authentik],
            },
            Self::Kanidm => Defaults { login_attribute: "name", ..person(&[]) },
            Self::Glauth => Defaults { object_class: "posixAccount", ..person(&[State::Glauth]) },
            Self::EDirectory => Defaults { login_attribute: "cn", ..person(&[State::EDirectory]) },
            Self::Google | Self::Okta | Self::JumpCloud => {
                Defaults { object_class: "inetOrgPerson", ..person(&[]) }
            }
            Self::Lldap | Self::Domino => person(&[]),
            Self::Generic => person(&[State::Shadow]),
        }
    }

    /// Whether it is a domain controller of Active Directory, by whomever.
    pub fn is_active_directory(self) -> bool {
        matches!(self, Self::ActiveDirectory | Self::Samba)
    }

    /// Whether a simple bind takes a DN there, and no other name.
    pub fn binds_dns_alone(self) -> bool {
        matches!(self, Self::OpenLdap | Self::Ds389 | Self::FreeIpa | Self::Lldap)
    }

    /// The object class of entries that sign in.
    pub fn object_class(self) -> &'static str {
        self.defaults().object_class
    }

    /// The filter that users pass and nothing else does: of domain controllers, normal accounts alone
    /// (MS-ADTS, section 2.2.13), which computers, managed service accounts and trusts are not, and of
    /// these not the accounts of the KDC.
    pub fn user_filter(self) -> Option<&'static str> {
        self.is_active_directory().then_some(
            "(sAMAccountType=805306368)(!(sAMAccountName=krbtgt))(!(sAMAccountName=krbtgt_*))",
        )
    }

    /// Whether `memberOf` always holds the groups that list the user, and not those around them as
    /// well, which with OpenLDAP depends on its overlays.
    pub fn member_of_is_direct(self) -> bool {
        matches!(self, Self::ActiveDirectory | Self::Samba | Self::Lldap)
    }

    /// Whether its entries can be aliases (RFC 4512, section 2.6).
    pub fn has_aliases(self) -> bool {
        !self.is_active_directory() && self != Self::Lldap
    }

    /// The attribute that holds the login name. Only one, because a user with two would be two users
    /// to the XMPP server.
    pub fn login_attribute(self) -> &'static str {
        self.defaults().login_attribute
    }

    /// Whether that attribute holds the whole address, and not only what stands before the `@`.
    pub fn has_address_as_login(self) -> bool {
        self == Self::Okta
    }

    /// In which attributes the state of an account stands.
    pub fn account_state(self) -> &'static [StateSchema] {
        self.defaults().account_state
    }
}

/// What is known about a product, by the keys of the configuration.
struct Defaults {
    object_class: &'static str,
    login_attribute: &'static str,
    account_state: &'static [StateSchema],
}
