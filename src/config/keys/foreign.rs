//! What other programs call our keys, in whose guides an administrator has read. Whoever writes such a
//! name is told ours.

use super::TableSpec;
use super::top::TOP;

/// Names of one thing elsewhere, in small letters without separators and without `ldap` before them.
#[derive(Debug)]
pub(in crate::config) struct ForeignKey {
    names: &'static [&'static str],
    /// Our key.
    pub(in crate::config) key: &'static str,
    /// Where it stands.
    table: &'static str,
    /// What to write.
    write: &'static str,
}

const DIRECTORY: &str = "directory.NAME";
const TLS: &str = "directory.NAME.tls";

const fn is(
    key: &'static str,
    table: &'static str,
    write: &'static str,
    names: &'static [&'static str],
) -> ForeignKey {
    ForeignKey { names, key, table, write }
}

/// sssd, nslcd, ejabberd, Prosody, Apache, nginx, Keycloak, GitLab, Grafana and others.
static FOREIGN: &[ForeignKey] = &[
    is(
        "servers",
        DIRECTORY,
        "servers = [\"ldaps://ldap.example.com\"], with the port behind the host if it is another",
        &[
            "uri",
            "uris",
            "url",
            "urls",
            "host",
            "hosts",
            "hostname",
            "address",
            "port",
            "connectionurl",
            "connectionstring",
            "serverurl",
            "serveruri",
            "serverhost",
            "serverport",
            "domaincontroller",
        ],
    ),
    is(
        "start_tls",
        DIRECTORY,
        "servers = [\"ldaps://ldap.example.com\"] for TLS, or ldap:// with start_tls = true",
        &[
            "encrypt",
            "encryption",
            "ssl",
            "usessl",
            "usetls",
            "enabletls",
            "secure",
            "security",
            "idusestarttls",
            "usestarttls",
            "tlsmode",
            "mode",
        ],
    ),
    is(
        "bind_dn",
        DIRECTORY,
        "bind_dn = \"cn=xmpp,ou=services,dc=example,dc=com\"",
        &[
            "rootdn",
            "manager",
            "managerdn",
            "admindn",
            "binduser",
            "bindusername",
            "bindname",
            "defaultbinddn",
            "username",
            "binduserdn",
            "searchdn",
        ],
    ),
    is(
        "bind_password_file",
        DIRECTORY,
        "bind_password_file = \"/etc/xmpp-ldap-auth/company.password\": a password does not belong in this file",
        &[
            "bindpass",
            "bindpasswd",
            "bindpw",
            "rootpw",
            "rootpassword",
            "pw",
            "pass",
            "passwd",
            "authtok",
            "defaultauthtok",
            "managerpassword",
            "adminpassword",
            "credentials",
            "bindcredentials",
            "passwordfile",
            "bindpasswordpath",
            "bindpwfile",
            "passfile",
        ],
    ),
    is(
        "base",
        DIRECTORY,
        "base = \"ou=people,dc=example,dc=com\"",
        &[
            "basedn",
            "searchbase",
            "searchbasedn",
            "usersdn",
            "userbase",
            "userbasedn",
            "usersearchbase",
            "usersearchbasedn",
            "suffix",
            "searchbasedns",
            "root",
            "treebase",
        ],
    ),
    is(
        "user_filter",
        DIRECTORY,
        "user_filter = \"(&(objectClass=person)(uid={localpart}))\"",
        &[
            "filter",
            "searchfilter",
            "usersearchfilter",
            "usersearch",
            "loginfilter",
            "accessfilter",
            "customuserfilter",
            "customuserldapfilter",
            "passfilter",
        ],
    ),
    is(
        "login_attributes",
        DIRECTORY,
        "login_attributes = [\"uid\"]",
        &[
            "uid",
            "uids",
            "uidattr",
            "uidattribute",
            "attribute",
            "attributes",
            "attr",
            "userattr",
            "userattribute",
            "usernameattr",
            "usernameattribute",
            "usernameldapattribute",
            "userfield",
            "loginattr",
            "loginattribute",
            "nameattribute",
            "userprincipal",
        ],
    ),
    is(
        "object_class",
        DIRECTORY,
        "object_class = \"inetOrgPerson\"",
        &["userobjectclass", "userobjectclasses", "objectclasses"],
    ),
    is(
        "base",
        DIRECTORY,
        "base alone: everything below it is searched",
        &["scope", "searchscope", "usersearchscope"],
    ),
    is(
        "require_group",
        DIRECTORY,
        "require_group = \"cn=xmpp,ou=groups,dc=example,dc=com\"",
        &[
            "group",
            "groups",
            "groupdn",
            "memberof",
            "allowedgroup",
            "allowedgroups",
            "allowgroup",
            "allowgroups",
            "accessgroup",
            "requiredgroup",
            "requiredgroups",
            "groupfilter",
            "groupname",
        ],
    ),
    is(
        "group_base",
        DIRECTORY,
        "group_base = \"ou=groups,dc=example,dc=com\"",
        &["groupsearchbase", "groupsearchbasedn", "groupbasedn", "groupsdn", "groupssearchbase"],
    ),
    is(
        "ca_file",
        TLS,
        "ca_file = \"/etc/xmpp-ldap-auth/company-ca.pem\"",
        &[
            "ca",
            "cacert",
            "cacertfile",
            "cacertificate",
            "cacertdir",
            "cacerts",
            "capath",
            "tlsca",
            "tlscafile",
            "tlscacert",
            "tlscacertfile",
            "tlscacertdir",
            "tlscacertificate",
            "trustedca",
            "truststore",
            "rootca",
            "rootcas",
            "rootcacert",
            "cert",
            "certificate",
        ],
    ),
    is(
        "ca_file",
        TLS,
        "ca_file = \"/etc/xmpp-ldap-auth/company-ca.pem\", or pins for a certificate that nobody signed: there is no way not to look at it",
        &[
            "tlsreqcert",
            "reqcert",
            "tlsverify",
            "verify",
            "verifycertificates",
            "verifycert",
            "insecure",
            "insecureskipverify",
            "skipverify",
            "sslskipverify",
            "tlsinsecure",
            "tlscheckpeer",
            "validatecert",
            "tlsskipverify",
            "sslverify",
        ],
    ),
    is(
        "client_cert_file",
        TLS,
        "client_cert_file and client_key_file, with sasl = \"external\"",
        &["tlscert", "tlscertfile", "tlskey", "tlskeyfile", "clientcert", "clientkey", "certfile"],
    ),
    is(
        "connect_within",
        DIRECTORY,
        "connect_within for one server, or answer_within at the top of the file for all of the work",
        &[
            "timeout",
            "networktimeout",
            "connecttimeout",
            "connectiontimeout",
            "opttimeout",
            "searchtimeout",
            "bindtimelimit",
            "timelimit",
            "bindtimeout",
            "readtimeout",
            "responsetimeout",
        ],
    ),
];

/// The key without what other programs and other ways to write set it apart by.
fn plain(written: &str) -> String {
    let letters = written.chars().filter(|c| c.is_ascii_alphanumeric());
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let bare = ["authldap", "ldap"].into_iter().find_map(|before| letters.strip_prefix(before));
    bare.map(str::to_owned).unwrap_or(letters)
}

/// Which of our keys is meant, where people write what other programs are told in their files.
pub(in crate::config) fn meant(written: &str, spec: &TableSpec) -> Option<&'static ForeignKey> {
    let is_elsewhere = !spec.name.is_empty()
        && !spec.name.starts_with("domain")
        && ![DIRECTORY, TLS].contains(&spec.name);
    let name = plain(written);
    FOREIGN.iter().filter(|_| !is_elsewhere).find(|it| it.names.contains(&&*name))
}

/// The key of the table that differs from what is written in its case and separators alone, or by a
/// leading `ldap`.
pub(in crate::config) fn spelt_otherwise(written: &str, spec: &TableSpec) -> Option<&'static str> {
    let name = plain(written);
    spec.keys().map(|key| key.name).find(|key| plain(key) == name)
}

/// The table in which a key stands that is written in this one.
pub(in crate::config) fn elsewhere(written: &str, spec: &TableSpec) -> Option<String> {
    let family = |name: &'static str| name.split('.').next().unwrap_or_default();
    let is_near = |other: &TableSpec| match (family(spec.name), family(other.name)) {
        ("", _) | (_, "") | ("domain", "directory") => true,
        (one, other) => one == other,
    };
    let sections = TOP.sections().into_iter().map(|section| section.table);
    let mut near = sections.filter(|table| table.name != spec.name && is_near(table));
    let table = near.find(|table| spelt_otherwise(written, table).is_some())?;
    Some(match table.name {
        "" => "at the top of the file, above every table".to_owned(),
        name => format!("in [{name}]"),
    })
}

impl ForeignKey {
    /// What to write in a table of this kind.
    pub(in crate::config) fn advice(&self, spec: &TableSpec) -> String {
        let is_here = spec.name == self.table || spec.key(self.key).is_some();
        let place = if is_here { String::new() } else { format!(" in [{}]", self.table) };
        format!("there is no such key; write{place} {}", self.write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_written_plainly_once_and_is_of_a_key_that_there_is() {
        let sections = TOP.sections();
        let mut names: Vec<_> = FOREIGN.iter().flat_map(|it| it.names).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        for foreign in FOREIGN {
            let table = sections.iter().find(|it| it.table.name == foreign.table).unwrap().table;
            assert!(table.key(foreign.key).is_some(), "{foreign:?}");
            for name in foreign.names {
                assert_eq!(plain(name), *name);
                assert!(spelt_otherwise(name, table).is_none(), "{name}");
            }
        }
    }
}
