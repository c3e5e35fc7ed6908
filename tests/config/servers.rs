//! Where the servers of a directory may be.

use crate::{GOOD, read, site};

#[test]
fn clear_text_is_for_this_machine_or_on_demand() {
    for (servers, rest, allowed) in [
        ("ldap://127.0.0.1", "", true),
        ("ldap://[::1]:3389", "", true),
        ("ldap://localhost", "", true),
        ("ldap://ldap.example.com", "", false),
        ("ldap://192.0.2.1", "", false),
        ("ldap://ldap.example.com", "start_tls = true", true),
        ("ldap://ldap.example.com", "allow_clear_text = true", true),
        ("ldapi://%2Frun%2Fldapi", "", true),
    ] {
        let config = GOOD
            .replace("ldaps://ldap.example.com", servers)
            .replace("bind_dn", &format!("{rest}\nbind_dn"));
        assert_eq!(read(&site(&config)).configuration.is_ok(), allowed, "{servers} {rest}");
    }
}

#[test]
fn a_global_catalog_is_searched_without_a_base_and_written_elsewhere() {
    for servers in [
        "servers = [\"ldaps://dc1.corp.example:3269\"]",
        "discover = \"corp.example\"\ndiscover_global_catalog = true",
    ] {
        let config = GOOD
            .replace("servers = [\"ldaps://ldap.example.com\"]", servers)
            .replace("\"dc=example,dc=com\"", "\"\"\nset_password = \"auto\"")
            + "[directory.corp.write]\ndiscover = \"corp.example\"\n";
        let problems = read(&site(&config)).configuration.err();
        assert!(problems.is_none(), "{}", problems.unwrap());
    }
}

#[test]
fn name_servers_are_asked_by_a_program_that_was_built_for_it() {
    for key in ["discover = \"corp.example\"", "nameservers = [\"192.0.2.53\"]"] {
        let config = GOOD.replace("bind_dn", &format!("{key}\nbind_dn"));
        let problems = read(&site(&config)).configuration.err();
        let problems = problems.map(|problems| problems.to_string()).unwrap_or_default();
        assert_eq!(
            problems.contains("--features discover"),
            !cfg!(feature = "discover"),
            "{problems}"
        );
        assert_eq!(problems.is_empty(), cfg!(feature = "discover"), "{problems}");
    }
}
