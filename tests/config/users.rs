//! How the users of a domain are found: by presets, and by what a domain says instead of its directory.

use xmpp_ldap_auth::config::effective::Subject;

use crate::{GOOD, read, site};

/// The effective values of a domain, one a line.
fn effective(config: &str, domain: &str) -> String {
    let site = site(config);
    let configuration = read(&site).configuration.unwrap_or_else(|problems| panic!("{problems}"));
    let values = configuration.effective.values(&Subject::Domain(domain.to_owned()));
    values.iter().map(|value| format!("{} = {}\n", value.key, value.text)).collect()
}

#[test]
fn each_preset_knows_how_users_are_found() {
    let plain = GOOD.replace("user_filter = \"(uid={localpart})\"\n", "");
    for (preset, filter) in [
        ("active-directory", "(&(objectClass=user)(sAMAccountName={localpart}))"),
        ("samba", "(&(objectClass=user)(sAMAccountName={localpart}))"),
        ("openldap", "(&(objectClass=person)(uid={localpart}))"),
        ("389ds", "(&(objectClass=person)(uid={localpart}))"),
        ("freeipa", "(&(objectClass=posixAccount)(uid={localpart}))"),
        ("lldap", "(&(objectClass=person)(uid={localpart}))"),
        ("ad-lds", "(&(objectClass=user)(cn={localpart}))"),
        ("authentik", "(&(objectClass=user)(cn={localpart}))"),
        ("kanidm", "(&(objectClass=person)(name={localpart}))"),
        ("glauth", "(&(objectClass=posixAccount)(uid={localpart}))"),
        ("edirectory", "(&(objectClass=person)(cn={localpart}))"),
        ("domino", "(&(objectClass=person)(uid={localpart}))"),
        ("google", "(&(objectClass=inetOrgPerson)(uid={localpart}))"),
        ("okta", "(&(objectClass=inetOrgPerson)(uid={address}))"),
        ("jumpcloud", "(&(objectClass=inetOrgPerson)(uid={localpart}))"),
        ("generic", "(&(objectClass=person)(uid={localpart}))"),
    ] {
        let config = plain.replace("bind_dn", &format!("preset = \"{preset}\"\nbind_dn"));
        let values = effective(&config, "example.com");
        let is_controller = matches!(preset, "active-directory" | "samba");
        let users =
            "(sAMAccountType=805306368)(!(sAMAccountName=krbtgt))(!(sAMAccountName=krbtgt_*))";
        let filter =
            if is_controller { format!("(&{users}{filter})") } else { (*filter).to_owned() };
        assert!(values.contains(&format!("user_filter = {filter}\n")), "{preset}: {values}");
        for (key, filter) in [
            ("login_attributes = [\"uid\", \"mail\"]", ")(|(uid={localpart})(mail={address})))"),
            ("login_attributes = [\"proxyAddresses\"]", ")(proxyAddresses=smtp:{address}))"),
            ("object_class = \"account\"", "(&(objectClass=account)("),
            ("user_filter = \"(cn={localpart})\"", "(cn={localpart})"),
        ] {
            let config = config.replace("bind_dn", &format!("{key}\nbind_dn"));
            let values = effective(&config, "example.com");
            assert!(values.contains(filter), "{preset} {key}: {values}");
            assert_eq!(values.contains(&format!("= (&{users}")), is_controller, "{values}");
        }
    }
}

#[test]
fn a_domain_overrides_what_its_directory_says() {
    let group = "require_group = [\"cn=a\", \"cn=b\"]\nrequire_group_match = \"all\"\nbind_dn";
    let config = format!(
        "{}aliases = [\"Chat.example.com\"]\n\
         [domain.\"branch.example\"]\ndirectory = \"corp\"\n\
         base = [\"ou=a,dc=branch\", \"ou=b,dc=branch\"]\nuser_filter = \"(cn={{localpart}})\"\n\
         require_group = \"cn=c\"\nisuser_require_group = []\nunescape_localpart = false\n\
         [domain.\"direct.example\"]\ndirectory = \"corp\"\nuser_dn = \"cn={{localpart}},dc=d\"\n",
        GOOD.replace("bind_dn", group)
    );
    let main = effective(&config, "example.com");
    for line in
        ["base = dc=example,dc=com", "require_group = cn=a; cn=b", "require_group_match = all"]
    {
        assert!(main.contains(line), "{main}");
    }
    assert!(main.contains("isuser_require_group = as require_group"), "{main}");
    let alias = effective(&config, "chat.example.com");
    let main = main.replace("aliases = Chat.example.com\n", "");
    assert_eq!(alias, format!("alias_of = example.com\n{main}"));
    let branch = effective(&config, "branch.example");
    for line in [
        "base = ou=a,dc=branch; ou=b,dc=branch",
        "user_filter = (cn={localpart})",
        "require_group = cn=c",
        "require_group_match = all",
        "isuser_require_group = none",
        "unescape_localpart = false",
    ] {
        assert!(branch.contains(line), "{branch}");
    }
    let direct = effective(&config, "direct.example");
    assert!(direct.contains("user_dn = cn={localpart},dc=d\n"), "{direct}");
    assert!(!direct.contains("user_filter"), "{direct}");
    let config = GOOD.replace(
        "base = \"dc=example,dc=com\"\nuser_filter = \"(uid={localpart})\"",
        "user_dn = \"uid={localpart},dc=x\"",
    ) + "base = \"dc=y\"\nuser_filter = \"(cn={localpart})\"\n";
    let searched = effective(&config, "example.com");
    assert!(searched.contains("base = dc=y") && !searched.contains("user_dn"), "{searched}");
}

#[test]
fn the_groups_of_glauth_may_be_named_as_units_are() {
    let group = "preset = \"glauth\"\nrequire_group = \"ou=chat,dc=x\"\nbind_dn";
    let reading = read(&site(&GOOD.replace("bind_dn", group)));
    assert!(!reading.remarks.iter().any(|remark| remark.key.contains("require_group")));
    assert!(reading.configuration.is_ok(), "{:?}", reading.configuration);
}

/// Else the memory would grow with the square of their number.
#[test]
fn an_alias_does_not_hold_the_names_of_all() {
    let config = CONFIG_OF_ALIASES;
    let alias = effective(config, "chat.example.com");
    assert!(alias.contains("alias_of") && !alias.contains("aliases"), "{alias}");
    assert!(effective(config, "example.com").contains("aliases"));
}

const CONFIG_OF_ALIASES: &str = r#"caller = "ejabberd"
[directory.corp]
servers = ["ldaps://ldap.example.com"]
user_dn = "uid={localpart},dc=x"
[domain."example.com"]
directory = "corp"
aliases = ["chat.example.com", "im.example.com"]
"#;
