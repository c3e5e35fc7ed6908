//! 389 Directory Server: groups by its own plug-in, and passwords that it takes over TLS alone.

use ldap_fixtures::ds389::{
    BASE, Ds389, PASSWORD, READER_DN, READER_PASSWORD, WRITER_DN, WRITER_PASSWORD,
};

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, Site};

fn site(server: &Ds389, url: &str, name: &str, password: &str, directory: &str) -> Site {
    let site = Site::new(&format!(
        "[directory.corp]\npreset = \"389ds\"\nservers = [\"{url}\"]\n\
         base = \"ou=people,{BASE}\"\nbind_dn = \"{name}\"\n\
         bind_password_file = \"{{dir}}/password\"\n{directory}\n\
         [directory.corp.tls]\nca_file = {:?}\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n",
        server.ca()
    ));
    site.secret("password", password);
    site
}

#[test]
fn groups_and_passwords() {
    let server = Ds389::start().unwrap();
    for (framing, url, start_tls) in [
        (Framing::Line, server.ldaps_url(), ""),
        (Framing::Packet, server.url(), "start_tls = true\n"),
    ] {
        for method in ["auto", "memberof", "member"] {
            let rule = format!(
                "{start_tls}require_group = \"cn=outer,ou=groups,{BASE}\"\ngroup_method = \"{method}\""
            );
            let place = site(&server, &url, READER_DN, READER_PASSWORD, &rule);
            let mut adapter = Adapter::start(&place, framing);
            let answer = adapter.ask(&format!("auth:alice:example.com:{PASSWORD}"));
            assert_eq!(answer, Yes, "{method}: {}", adapter.log());
            assert_eq!(adapter.ask(&format!("auth:bob:example.com:{PASSWORD}")), No, "{method}");
        }
        let change = format!("{start_tls}set_password = \"auto\"");
        let place = site(&server, &url, WRITER_DN, WRITER_PASSWORD, &change);
        let mut adapter = Adapter::start(&place, framing);
        let new = format!("new-secret-{framing:?}");
        let answer = adapter.ask(&format!("setpass:changer:example.com:{new}"));
        assert_eq!(answer, Yes, "{}", adapter.log());
        // What an administrator has set must be changed here.
        assert_eq!(adapter.ask(&format!("auth:changer:example.com:{new}")), No);
        adapter.logs("must-change-password");
        assert_eq!(adapter.ask(&format!("auth:changer:example.com:{PASSWORD}")), No);
        assert_ne!(adapter.ask("setpass:changer:example.com:x"), Yes);
        adapter.logs("password-refused");
    }
}

#[test]
fn a_password_does_not_cross_in_clear_text() {
    let server = Ds389::start().unwrap();
    let place = site(&server, &server.url(), WRITER_DN, WRITER_PASSWORD, "set_password = \"auto\"");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask("setpass:changer:example.com:new-secret"), CannotTell);
    adapter.logs("use ldaps:// or start_tls = true");
}

#[test]
fn what_a_limit_or_a_role_keeps_from_being_found_is_said_with_what_to_do() {
    let server = Ds389::start().unwrap();
    let role = format!(
        "dn: cn=staff,{BASE}\nchangetype: add\nobjectClass: LDAPsubentry\n\
         objectClass: nsRoleDefinition\nobjectClass: nsSimpleRoleDefinition\n\
         objectClass: nsManagedRoleDefinition\ncn: staff\n"
    );
    let limit = "dn: cn=config,cn=ldbm database,cn=plugins,cn=config\nchangetype: modify\n\
                 replace: nsslapd-lookthroughlimit\nnsslapd-lookthroughlimit: 1\n";
    let staff = format!("require_group = \"cn=staff,{BASE}\"");
    for (change, rule, words) in [
        (&*role, &*staff, "is a role"),
        (limit, "user_filter = \"(description={localpart})\"", "index the attributes"),
    ] {
        server.change(change).unwrap();
        let place = site(&server, &server.ldaps_url(), READER_DN, READER_PASSWORD, rule);
        let mut adapter = Adapter::start(&place, Framing::Packet);
        let answer = adapter.ask(&format!("auth:alice:example.com:{PASSWORD}"));
        assert_ne!(answer, Yes, "{words}: {}", adapter.log());
        adapter.logs(words);
    }
}
