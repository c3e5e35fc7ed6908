//! What a server says about itself in its root DSE (RFC 4512, section 5.1).

use crate::directory::message::entry::Entry;
use crate::directory::message::oid;
use crate::directory::names::dn::Dn;

/// A root DSE.
#[derive(Clone, Debug)]
pub struct RootDse(Entry);

impl RootDse {
    /// The attributes that it is made of. They are operational, so each must be asked for by name.
    pub const ATTRIBUTES: [&str; 15] = [
        "vendorName",
        "vendorVersion",
        "namingContexts",
        "defaultNamingContext",
        "supportedControl",
        "supportedExtension",
        "supportedCapabilities",
        "supportedSASLMechanisms",
        "supportedLDAPVersion",
        "currentTime",
        "dnsHostName",
        "domainFunctionality",
        "isGlobalCatalogReady",
        "objectClass",
        "serverName",
    ];

    /// The root DSE in the entry that was read.
    pub fn new(entry: Entry) -> Self {
        Self(entry)
    }

    /// Its values of an attribute.
    pub fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.0.texts(attribute)
    }

    /// Its first value of an attribute.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.0.text(attribute)
    }

    /// Whether passwords are set by the operation of RFC 3062.
    pub fn has_password_modify(&self) -> bool {
        self.0.has("supportedExtension", oid::PASSWORD_MODIFY)
    }

    /// Whether it is of Microsoft's family, which authentik says it were.
    fn has_capability(&self, oid: &str) -> bool {
        let is_imitation = self.text("vendorName").is_some_and(|name| name.contains("goauthentik"));
        !is_imitation && self.0.has("supportedCapabilities", oid)
    }

    /// Whether this is a domain controller of Active Directory, or of Samba.
    pub fn is_active_directory(&self) -> bool {
        self.has_capability(oid::ACTIVE_DIRECTORY)
    }

    /// Whether this is Active Directory Lightweight Directory Services.
    pub fn is_lightweight(&self) -> bool {
        self.has_capability(oid::ACTIVE_DIRECTORY_LDS)
    }

    /// Whether passwords are set by the attribute `unicodePwd`.
    pub fn has_unicode_pwd(&self) -> bool {
        self.is_active_directory() || self.is_lightweight()
    }

    /// Whether the rule `1.2.840.113556.1.4.1941` walks nested groups there.
    pub fn has_chain_rule(&self) -> bool {
        self.is_active_directory() && self.has_capability(oid::ACTIVE_DIRECTORY_V51)
    }

    /// Whether it is a read-only domain controller.
    pub fn is_read_only(&self) -> bool {
        self.has_capability(oid::ACTIVE_DIRECTORY_PARTIAL_SECRETS)
    }

    /// The policy hints controls that it knows.
    pub fn policy_hints(&self) -> Vec<&'static str> {
        let hints = [oid::POLICY_HINTS, oid::POLICY_HINTS_DEPRECATED];
        hints.into_iter().filter(|oid| self.0.has("supportedControl", oid)).collect()
    }

    /// Whether it knows a control.
    pub fn has_control(&self, oid: &str) -> bool {
        self.0.has("supportedControl", oid)
    }

    /// Whether it says what the server holds.
    pub fn has_naming_contexts(&self) -> bool {
        self.text("namingContexts").is_some()
    }

    /// The naming context that an entry lies in.
    pub fn naming_context_of(&self, dn: &Dn) -> Option<&str> {
        self.texts("namingContexts")
            .filter_map(|context| Some((context, Dn::parse(context)?)))
            .filter(|(_, base)| dn.is_within(base))
            .max_by_key(|(_, base)| base.depth())
            .map(|(context, _)| context)
    }

    /// The product in a few words, as far as it can be told.
    pub fn product(&self) -> String {
        let vendor = self.text("vendorName").unwrap_or_default();
        let version = self.text("vendorVersion").unwrap_or_default();
        if self.is_active_directory() {
            return match vendor {
                "" => "Active Directory".to_owned(),
                vendor => format!("{vendor} {version}").trim_end().to_owned(),
            };
        }
        if self.is_lightweight() {
            return "Active Directory Lightweight Directory Services".to_owned();
        }
        if !vendor.is_empty() || !version.is_empty() {
            return format!("{vendor} {version}").trim().to_owned();
        }
        if self.0.has("objectClass", "OpenLDAProotDSE") {
            return "OpenLDAP".to_owned();
        }
        "unknown".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_dse(vendor: &str, capabilities: &[&str]) -> RootDse {
        let values = |values: &[&str]| values.iter().map(|v| v.as_bytes().to_vec()).collect();
        RootDse::new(Entry::new(
            "",
            vec![
                ("vendorName".to_owned(), values(&[vendor])),
                ("supportedCapabilities".to_owned(), values(capabilities)),
                ("namingContexts".to_owned(), values(&["", "o=West"])),
            ],
        ))
    }

    #[test]
    fn who_claims_to_be_a_domain_controller_and_is_none_is_not_taken_for_one() {
        let all = [
            oid::ACTIVE_DIRECTORY,
            oid::ACTIVE_DIRECTORY_LDS,
            oid::ACTIVE_DIRECTORY_V51,
            oid::ACTIVE_DIRECTORY_PARTIAL_SECRETS,
        ];
        let authentik = root_dse("goauthentik.io", &all);
        assert!(!authentik.is_active_directory() && !authentik.is_read_only());
        assert!(!authentik.has_unicode_pwd() && !authentik.has_chain_rule());
        assert!(root_dse("", &all[..1]).is_active_directory());
        let lightweight = root_dse("", &all[1..2]);
        assert!(lightweight.has_unicode_pwd() && !lightweight.is_active_directory());
    }

    #[test]
    fn an_entry_lies_in_the_deepest_context_that_holds_it() {
        let root_dse = root_dse("", &[]);
        for (dn, context) in [("cn=a,o=West", "o=West"), ("cn=a,o=East", "")] {
            assert_eq!(root_dse.naming_context_of(&Dn::parse(dn).unwrap()), Some(context));
        }
    }
}
