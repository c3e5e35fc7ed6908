//! What does not go together with a way to find users is refused, or remarked on.

use crate::{read, site};

const SERVICE: &str = "bind_dn = \"cn=x\"\nbind_password_file = \"{dir}/password\"\n";

/// What is wrong with `[directory.corp]` and these lines, and the domain with those.
fn mistakes(directory: &str, domain: &str) -> String {
    let config = format!(
        "caller = \"ejabberd\"\n[directory.corp]\nservers = [\"ldaps://x\"]\n{directory}\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n{domain}\n"
    );
    told(&config)
}

/// What is wrong with a configuration, or else what is odd about it.
fn told(config: &str) -> String {
    let reading = read(&site(config));
    let remarks: Vec<String> = reading.remarks.iter().map(|remark| remark.text.clone()).collect();
    match reading.configuration {
        Ok(_) => remarks.join("\n"),
        Err(problems) => problems.to_string(),
    }
}

/// What keeps computers away is their entry, or the `$` that a down-level name ends in.
#[test]
fn a_name_that_others_than_users_can_have_is_remarked_on() {
    for (preset, user_dn, is_said) in [
        ("active-directory", "{localpart}@corp.example", true),
        ("samba", "{address}", true),
        ("active-directory", "CORP\\{localpart}", false),
        ("openldap", "{localpart}@corp.example", false),
    ] {
        let text = mistakes(&format!("preset = {preset:?}\nuser_dn = {user_dn:?}"), "");
        assert_eq!(
            text.contains("userPrincipalName of its own"),
            is_said,
            "{preset} {user_dn}: {text}"
        );
    }
}

#[test]
fn a_cache_that_can_spare_nothing_is_remarked_on() {
    for (user_dn, bind, mode, is_said) in [
        ("uid={localpart},dc=x", false, "ttl", true),
        ("CORP\\{localpart}", true, "ttl", true),
        ("uid={localpart},dc=x", true, "ttl", false),
        ("uid={localpart},dc=x", false, "stale-if-unavailable", false),
    ] {
        let bind = if bind { "anonymous = true\n" } else { "" };
        let text = told(&format!(
            "caller = \"ejabberd\"\n[directory.corp]\nservers = [\"ldaps://x\"]\nuser_dn = {user_dn:?}\n{bind}\
             [domain.\"example.com\"]\ndirectory = \"corp\"\n[cache]\nmode = \"{mode}\"\n"
        ));
        assert_eq!(text.contains("spares no sign-in"), is_said, "{user_dn} {mode}: {text}");
    }
}

#[test]
fn without_a_service_account_there_is_a_remark() {
    let config = "caller = \"ejabberd\"\n[directory.corp]\nservers = [\"ldap://localhost\"]\nuser_dn = \"{localpart}@corp.example\"\n[domain.x]\ndirectory = \"corp\"";
    let reading = read(&site(config));
    assert!(reading.configuration.is_ok());
    assert!(
        reading.remarks.iter().any(|remark| remark.text.contains("isuser")),
        "{:?}",
        reading.remarks
    );
}

#[test]
fn a_name_that_is_no_dn_stands_alone() {
    for name in ["{localpart}@corp.example", "CORP\\{localpart}", "{jid}", "{address}"] {
        for (beside, key) in [
            ("base = 'dc=x'\nuser_filter = '(uid={localpart})'", "user_dn"),
            ("login_attributes = 'uid'", "user_dn"),
            ("require_group = 'cn=a,dc=x'", "require_group"),
            ("isuser_require_group = 'cn=a,dc=x'", "isuser_require_group"),
            ("set_password = 'auto'", "set_password"),
            ("hide_inactive = true", "hide_inactive"),
            ("account_state = ['shadow']", "account_state"),
        ] {
            let text = mistakes(&format!("{SERVICE}user_dn = '{name}'\n{beside}"), "");
            assert!(text.contains(&format!("directory.corp.{key}: ")), "{name} {beside}: {text}");
        }
        let text = mistakes(
            &format!(
                "{SERVICE}require_group = 'cn=a'\nbase = 'dc=x'\nuser_filter = '(uid={{localpart}})'"
            ),
            &format!("user_dn = '{name}'"),
        );
        assert!(text.contains("require_group: user_dn is no DN"), "{text}");
        let text = mistakes(&format!("{SERVICE}user_dn = '{name}'"), "");
        assert!(text.contains("isuser is answered with \"cannot tell\""), "{text}");
    }
}

#[test]
fn a_name_that_the_product_takes_in_no_bind_is_refused() {
    for (preset, is_refused) in [
        ("openldap", true),
        ("389ds", true),
        ("freeipa", true),
        ("lldap", true),
        ("samba", false),
        ("generic", false),
    ] {
        let text = mistakes(&format!("preset = '{preset}'\nuser_dn = '{{localpart}}@x'"), "");
        let words = "directory.corp.user_dn: this directory takes a DN in a bind";
        assert_eq!(text.contains(words), is_refused, "{preset}: {text}");
    }
}

#[test]
fn who_reads_no_entry_says_so() {
    let dn = "user_dn = 'uid={localpart},dc=x'\n";
    for (beside, words) in [
        ("preset = 'openldap'", "nobody reads the state"),
        ("preset = 'openldap'\naccount_state = ['shadow']", "directory.corp.account_state: nobody"),
        ("preset = 'freeipa'", "isuser is answered"),
    ] {
        let text = mistakes(&format!("{dn}{beside}"), "");
        assert!(text.contains(words), "{beside}: {text}");
        let text = mistakes(&format!("{SERVICE}{dn}{beside}"), "");
        assert_eq!(text, "", "{beside}");
    }
}

#[test]
fn nested_groups_are_left_out_or_refused() {
    let rule = |method: &str, preset: &str| {
        format!(
            "{SERVICE}{preset}base = 'dc=x'\nlogin_attributes = 'uid'\nrequire_group = 'cn=a,dc=x'\n\
             nested_groups = false\ngroup_method = '{method}'"
        )
    };
    let any = "";
    for preset in
        ["active-directory", "samba", "openldap", "lldap", "389ds", "freeipa", "generic", any]
    {
        let is_direct = matches!(preset, "active-directory" | "samba" | "lldap");
        let line = if preset == any { String::new() } else { format!("preset = '{preset}'\n") };
        for (method, is_kept) in [
            ("auto", true),
            ("member", true),
            ("memberuid", true),
            ("memberof", is_direct),
            ("chain", false),
            ("token-groups", false),
        ] {
            let text = mistakes(&rule(method, &line), "");
            assert_eq!(text.contains("corp.nested_groups: "), !is_kept, "{preset} {method} {text}");
            let nested = rule(method, &line).replace("false", "true");
            assert_eq!(mistakes(&nested, ""), "", "{preset} {method}");
        }
    }
}
