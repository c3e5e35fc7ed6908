//! How users are named: attributes, bases, escapes, domains, other names to bind with.

use ldap_fixtures::ldif;
use ldap_fixtures::slapd::{
    Options, SERVICE_DN, SERVICE_PASSWORD, Slapd, WRITER_DN, WRITER_PASSWORD,
};

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, Site};
use crate::written_site;

const PEOPLE: &str = "
dn: ou=branch,dc=example,dc=com
objectClass: organizationalUnit
ou: branch

dn: uid=bea,ou=branch,dc=example,dc=com
objectClass: inetOrgPerson
uid: bea
cn: bea
sn: bea
mail: bea@corp.example
userPassword: branch-secret

dn: uid=alice,ou=branch,dc=example,dc=com
objectClass: inetOrgPerson
uid: alice
cn: alice of the branch
sn: alice
mail: alice@branch.example
userPassword: branch-secret

dn: uid=space cadet,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: space cadet
cn: Space Cadet
sn: Cadet
userPassword: secret

dn: uid=twice\\5C27x,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: twice\\27x
cn: twice
sn: twice
userPassword: secret

dn: uid=jo  doe,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: jo  doe
cn: Jo Doe
sn: Doe
userPassword: secret

dn: uid=alias1,ou=people,dc=example,dc=com
objectClass: alias
objectClass: extensibleObject
uid: alias1
aliasedObjectName: uid=alice,ou=people,dc=example,dc=com

dn: uid=device,ou=people,dc=example,dc=com
objectClass: account
objectClass: simpleSecurityObject
uid: device
userPassword: secret

";

fn slapd() -> Slapd {
    let entries = ldif::parse(PEOPLE).unwrap();
    Options { entries, ..Options::default() }.start().unwrap()
}

/// `directory` is the rest of `[directory.corp]`, `domains` the tables of domains.
fn site(slapd: &Slapd, directory: &str, domains: &str) -> Site {
    written_site(&format!(
        "[directory.corp]\nservers = [\"{}\"]\nbind_dn = \"{WRITER_DN}\"\n\
         bind_password_file = \"{{dir}}/password\"\n{directory}\n{domains}",
        slapd.url()
    ))
}

const ONE: &str = "[domain.\"example.com\"]\ndirectory = \"corp\"\n";

#[track_caller]
fn expect(adapter: &mut Adapter, request: &str, expected: crate::support::Answer) {
    let answer = adapter.ask(request);
    assert_eq!(answer, expected, "{request}: {}", adapter.log());
}

#[test]
fn a_preset_finds_people_and_nothing_else() {
    let slapd = slapd();
    let base = "preset = \"openldap\"\nbase = \"ou=people,dc=example,dc=com\"";
    for framing in Framing::BOTH {
        let place = site(&slapd, base, ONE);
        let mut adapter = Adapter::start(&place, framing);
        expect(&mut adapter, "auth:alice:example.com:secret", Yes);
        expect(&mut adapter, "auth:device:example.com:secret", No);
        expect(&mut adapter, "isuser:device:example.com", No);
    }
}

#[test]
fn an_entry_answers_for_the_names_that_it_bears() {
    let slapd = slapd();
    let base = "preset = \"openldap\"\nbase = \"ou=people,dc=example,dc=com\"";
    let made = "user_dn = \"uid={localpart},ou=people,dc=example,dc=com\"";
    for (lookup, spaces) in [
        (format!("{base}\nlogin_attributes = \"uid\""), Yes),
        (format!("{base}\nlogin_attributes = \"userid\""), Yes),
        (
            format!(
                "{base}\nuser_filter = \"(0.9.2342.19200300.100.1.1:caseIgnoreMatch:={{localpart}})\""
            ),
            Yes,
        ),
        // Without a search, names with spaces next to each other are nobody's.
        (format!("preset = \"openldap\"\n{made}"), No),
        (made.to_owned(), No),
    ] {
        let place = site(&slapd, &lookup, ONE);
        let mut adapter = Adapter::start(&place, Framing::Packet);
        for (name, expected) in [
            ("alice", Yes),
            ("space\\20cadet", Yes),
            ("space\\20\\20cadet", No),
            ("jo\\20\\20doe", spaces),
            ("jo\\20doe", No),
            ("jo\\20\\20\\20doe", No),
            ("alias1", No),
        ] {
            expect(&mut adapter, &format!("auth:{name}:example.com:secret"), expected);
            expect(&mut adapter, &format!("isuser:{name}:example.com"), expected);
        }
    }
}

#[test]
fn a_dn_alone_signs_in_without_a_service_account() {
    let slapd = slapd();
    for preset in ["", "preset = \"openldap\"", "preset = \"generic\"", "preset = \"389ds\""] {
        let place = Site::new(&format!(
            "[directory.corp]\nservers = [\"{}\"]\n{preset}\n\
             user_dn = \"uid={{localpart}},ou=people,dc=example,dc=com\"\n{ONE}",
            slapd.url()
        ));
        for framing in Framing::BOTH {
            let mut adapter = Adapter::start(&place, framing);
            expect(&mut adapter, "auth:alice:example.com:secret", Yes);
            expect(&mut adapter, "auth:alice:example.com:wrong", No);
            expect(&mut adapter, "auth:space\\20cadet:example.com:secret", Yes);
            expect(&mut adapter, "auth:space\\20\\20cadet:example.com:secret", No);
        }
    }
}

#[test]
fn escapes_are_decoded_once_and_only_if_wanted() {
    let slapd = slapd();
    let base = "preset = \"openldap\"\nbase = \"ou=people,dc=example,dc=com\"\n";
    let place = site(&slapd, base, ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "auth:d\\27artagnan:example.com:secret", Yes);
    expect(&mut adapter, "auth:space\\20cadet:example.com:secret", Yes);
    expect(&mut adapter, "auth:twice\\5c27x:example.com:secret", Yes);
    expect(&mut adapter, "auth:twice\\27x:example.com:secret", No);
    expect(&mut adapter, "isuser:\\20alice:example.com", No);
    expect(&mut adapter, "isuser:alice\\20:example.com", No);
    let off = format!("{base}unescape_localpart = false");
    let place = site(&slapd, &off, ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "auth:d\\27artagnan:example.com:secret", No);
    expect(&mut adapter, "auth:twice\\27x:example.com:secret", Yes);
}

#[test]
fn what_no_server_prepared_is_refused_before_any_connection() {
    let slapd = slapd();
    let base = "preset = \"openldap\"\nbase = \"ou=people,dc=example,dc=com\"";
    let place = site(&slapd, base, ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    let connections = slapd.log().matches(" ACCEPT ").count();
    for user in ["Alice", "ａlice", "al\u{ad}ice"] {
        expect(&mut adapter, &format!("auth:{user}:example.com:secret"), No);
    }
    expect(&mut adapter, "auth:alice:unknown.example:secret", No);
    assert_eq!(slapd.log().matches(" ACCEPT ").count(), connections);
}

#[test]
fn several_attributes_name_a_user() {
    let slapd = slapd();
    let several = "preset = \"openldap\"\nbase = \"dc=example,dc=com\"\n\
                   login_attributes = [\"uid\", \"mail\"]";
    let place = site(&slapd, several, ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "auth:bea:example.com:branch-secret", Yes);
    expect(&mut adapter, "auth:bea\\40corp.example:example.com:branch-secret", Yes);
    expect(&mut adapter, "auth:bob:example.com:secret", Yes);
    // Two entries have the name: neither is signed in.
    expect(&mut adapter, "auth:alice:example.com:secret", CannotTell);
    expect(&mut adapter, "auth:alice\\40branch.example:example.com:branch-secret", Yes);
}

#[test]
fn a_user_may_be_below_any_base_but_below_one_alone() {
    let slapd = slapd();
    let bases = "preset = \"openldap\"\n\
                 base = [\"ou=people,dc=example,dc=com\", \"ou=branch,dc=example,dc=com\"]";
    let place = site(&slapd, bases, ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "auth:bob:example.com:secret", Yes);
    expect(&mut adapter, "auth:bea:example.com:branch-secret", Yes);
    expect(&mut adapter, "isuser:nobody:example.com", No);
    expect(&mut adapter, "auth:alice:example.com:secret", CannotTell);
    assert_eq!(slapd.binds("uid=alice,ou=people,dc=example,dc=com"), 0);
    // A base within another does not make two of one entry.
    let within = "preset = \"openldap\"\n\
                  base = [\"dc=example,dc=com\", \"ou=People, dc=example,dc=com\"]";
    let place = site(&slapd, within, ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "auth:bob:example.com:secret", Yes);
    // Nobody can tell while one of them cannot be searched.
    let missing = "preset = \"openldap\"\n\
                   base = [\"ou=people,dc=example,dc=com\", \"ou=gone,dc=example,dc=com\"]";
    let place = site(&slapd, missing, ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "auth:bob:example.com:secret", CannotTell);
}

/// Beyond ASCII, servers differ in which letters differ in case alone.
#[test]
fn two_entries_whose_dns_differ_in_case_to_others_alone_are_two() {
    let entry = |name: &str| {
        format!(
            "dn: cn={name},ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: {name}\n\
             sn: Twin\nuid: twin\nuserPassword: secret\n\n"
        )
    };
    let entries = ldif::parse(&["Straße", "Straẞe"].map(entry).concat()).unwrap();
    let slapd = Options { entries, ..Options::default() }.start().unwrap();
    let place = site(&slapd, "preset = \"openldap\"\nbase = \"ou=people,dc=example,dc=com\"", ONE);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "auth:alice:example.com:secret", Yes);
    expect(&mut adapter, "auth:twin:example.com:secret", CannotTell);
}

#[test]
fn each_domain_has_its_own_users() {
    let slapd = slapd();
    let base = "preset = \"openldap\"\nbase = \"ou=people,dc=example,dc=com\"";
    let domains = "[domain.\"example.com\"]\ndirectory = \"corp\"\naliases = [\"chat.example.com\"]\n\
                   [domain.\"branch.example\"]\ndirectory = \"corp\"\n\
                   base = \"ou=branch,dc=example,dc=com\"\n\
                   [domain.\"mail.example\"]\ndirectory = \"corp\"\n\
                   base = \"dc=example,dc=com\"\nuser_filter = \"(mail={localpart}@example.com)\"\n\
                   [domain.\"direct.example\"]\ndirectory = \"corp\"\n\
                   user_dn = \"uid={localpart},ou=branch,dc=example,dc=com\"\n";
    for framing in Framing::BOTH {
        let place = site(&slapd, base, domains);
        let mut adapter = Adapter::start(&place, framing);
        for (account, password) in [
            ("alice:example.com", "secret"),
            ("alice:chat.example.com", "secret"),
            ("alice:branch.example", "branch-secret"),
            ("bob:mail.example", "secret"),
            ("bea:direct.example", "branch-secret"),
        ] {
            expect(&mut adapter, &format!("auth:{account}:{password}"), Yes);
            expect(&mut adapter, &format!("auth:{account}:{password}x"), No);
            expect(&mut adapter, &format!("isuser:{account}"), Yes);
        }
        expect(&mut adapter, "auth:bob:branch.example:secret", No);
        expect(&mut adapter, "auth:alice:other.example:secret", No);
    }
}

#[test]
fn a_second_credential_serves_while_the_first_is_replaced() {
    let slapd = slapd();
    let base = format!(
        "preset = \"openldap\"\nbase = \"ou=people,dc=example,dc=com\"\n\
         [directory.corp.rotation]\nbind_dn = \"{SERVICE_DN}\"\n\
         bind_password_file = \"{{dir}}/second\""
    );
    for (first, second, answer) in [
        ("wrong", SERVICE_PASSWORD, Yes),
        (WRITER_PASSWORD, "wrong", Yes),
        ("wrong", "wrong", CannotTell),
    ] {
        let site = site(&slapd, &base, ONE);
        site.secret("password", first);
        site.secret("second", second);
        let mut adapter = Adapter::start(&site, Framing::Packet);
        expect(&mut adapter, "auth:bob:example.com:secret", answer);
    }
}

#[test]
fn passwords_can_be_set_elsewhere_and_as_somebody_else() {
    let slapd = slapd();
    let other = slapd.url().replace("127.0.0.1", "localhost");
    let config = |write: &str| {
        written_site(&format!(
            "[directory.corp]\npreset = \"openldap\"\nservers = [\"{}\"]\n\
             base = \"ou=people,dc=example,dc=com\"\nset_password = \"auto\"\n\
             bind_dn = \"{SERVICE_DN}\"\nbind_password_file = \"{{dir}}/reader\"\n{write}\n{ONE}",
            slapd.url()
        ))
    };
    let site = config("");
    site.secret("reader", SERVICE_PASSWORD);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    expect(&mut adapter, "setpass:bob:example.com:new-secret", CannotTell);
    adapter.logs("result code 50");
    let site = config(&format!(
        "[directory.corp.write]\nservers = [\"{other}\"]\nbind_dn = \"{WRITER_DN}\"\n\
         bind_password_file = \"{{dir}}/password\""
    ));
    site.secret("reader", SERVICE_PASSWORD);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    expect(&mut adapter, "setpass:bob:example.com:new-secret", Yes);
    adapter.logs(&other);
    expect(&mut adapter, "auth:bob:example.com:new-secret", Yes);
    expect(&mut adapter, "auth:bob:example.com:secret", No);
}
