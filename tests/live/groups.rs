//! Who is let in by groups, on a server that has no nested groups of its own.

use ldap_fixtures::ldif;
use ldap_fixtures::slapd::{Options, Slapd, WRITER_DN};

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Answer, Framing, Site};
use crate::written_site;

/// Groups within groups, in a ring, by DN and by login name. Only `chat` is known to `memberOf`,
/// because the server was filled offline.
const GROUPS: &str = "
dn: cn=inner,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: inner
member: uid=bob,ou=people,dc=example,dc=com

dn: cn=outer,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: outer
member: cn=inner,ou=groups,dc=example,dc=com

dn: cn=unique,ou=groups,dc=example,dc=com
objectClass: groupOfUniqueNames
cn: unique
uniqueMember: cn=Outer,ou=Groups,dc=example,dc=com

dn: cn=ring a,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: ring a
member: cn=ring b\\, too,ou=groups,dc=example,dc=com
member: uid=carol,ou=people,dc=example,dc=com

dn: cn=ring b\\, too,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: ring b, too
member: cn=ring a,ou=groups,dc=example,dc=com

dn: cn=posix,ou=groups,dc=example,dc=com
objectClass: posixGroup
cn: posix
gidNumber: 1000
memberUid: erin
memberUid: com,ma

dn: cn=empty,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: empty
member: cn=nobody

";

fn slapd() -> Slapd {
    let entries = ldif::parse(GROUPS).unwrap();
    Options { entries, ..Options::default() }.start().unwrap()
}

fn site(slapd: &Slapd, rule: &str) -> Site {
    written_site(&format!(
        "[directory.corp]\npreset = \"openldap\"\nservers = [\"{}\"]\n\
         base = \"ou=people,dc=example,dc=com\"\nbind_dn = \"{WRITER_DN}\"\n\
         bind_password_file = \"{{dir}}/password\"\nset_password = \"auto\"\n{rule}\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n",
        slapd.url()
    ))
}

fn group(name: &str) -> String {
    format!("cn={name},ou=groups,dc=example,dc=com")
}

/// What becomes of users under a rule.
#[track_caller]
fn expect(slapd: &Slapd, rule: &str, users: &[(&str, Answer)]) {
    for framing in Framing::BOTH {
        let place = site(slapd, rule);
        let mut adapter = Adapter::start(&place, framing);
        for (user, expected) in users {
            let answer = adapter.ask(&format!("auth:{user}:example.com:secret"));
            assert_eq!(answer, *expected, "{rule}: {user}: {}", adapter.log());
            let wrong = adapter.ask(&format!("auth:{user}:example.com:wrong"));
            assert_eq!(wrong, No, "{rule}: {user}");
            let exists = adapter.ask(&format!("isuser:{user}:example.com"));
            assert_eq!(exists, *expected, "{rule}: {user}: {}", adapter.log());
        }
        if users.iter().any(|(_, expected)| *expected == No) {
            adapter.logs("not-in-group");
        }
    }
}

#[test]
fn a_member_is_let_in_by_every_method() {
    let slapd = slapd();
    let rule = |name: &str, method: &str| {
        format!("require_group = '{}'\ngroup_method = \"{method}\"", group(name))
    };
    for method in ["auto", "member"] {
        expect(&slapd, &rule("chat", method), &[("alice", Yes), ("bob", No)]);
        expect(&slapd, &rule("inner", method), &[("alice", No), ("bob", Yes)]);
        expect(&slapd, &rule("empty", method), &[("alice", No)]);
    }
    expect(&slapd, &rule("chat", "memberof"), &[("alice", Yes), ("bob", No)]);
    expect(&slapd, &rule("inner", "memberof"), &[("bob", No)]);
    for method in ["auto", "memberuid"] {
        expect(&slapd, &rule("posix", method), &[("erin", Yes), ("com,ma", Yes), ("bob", No)]);
    }
    expect(&slapd, &rule("inner", "memberuid"), &[("bob", No)]);
}

#[test]
fn groups_within_groups_count_unless_they_must_not() {
    let slapd = slapd();
    let of = |name: &str| format!("require_group = '{}'", group(name));
    expect(&slapd, &of("outer"), &[("bob", Yes), ("alice", No)]);
    expect(&slapd, &of("unique"), &[("bob", Yes), ("alice", No)]);
    expect(
        &slapd,
        &of("Unique, OU=Groups , DC=example,dc=com").replace(",ou=groups,dc=example,dc=com", ""),
        &[("bob", Yes)],
    );
    expect(&slapd, &(of("outer") + "\nnested_groups = false"), &[("bob", No)]);
    expect(&slapd, &(of("inner") + "\nnested_groups = false"), &[("bob", Yes)]);
}

/// The overlay dynlist adds to `memberOf` the groups around groups, where it is told to.
#[test]
fn a_member_of_that_holds_more_is_not_taken_for_direct() {
    let entries = ldif::parse(GROUPS).unwrap();
    let global = "moduleload dynlist\ninclude /etc/ldap/schema/dyngroup.schema\n".to_owned();
    let database = "overlay dynlist\n\
         dynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*\n"
        .to_owned();
    let slapd = Options { entries, global, database, ..Options::default() }.start().unwrap();
    let of = |name: &str, more: &str| format!("require_group = '{}'\n{more}", group(name));
    expect(&slapd, &of("outer", "group_method = \"memberof\""), &[("bob", Yes)]);
    expect(&slapd, &of("outer", "nested_groups = false"), &[("bob", No)]);
    expect(&slapd, &of("inner", "nested_groups = false"), &[("bob", Yes), ("alice", No)]);
}

#[test]
fn a_group_has_many_spellings() {
    let slapd = slapd();
    for method in ["auto", "memberof", "member"] {
        for name in [
            "commonName=chat,ou=groups,dc=example,dc=com",
            "2.5.4.3=chat,OU=Groups,dc=example,dc=com",
            "cn=chat,organizationalUnitName=groups,domainComponent=example,dc=com",
            "cn= chat ,ou=groups,dc=example,dc=com",
        ] {
            let rule = format!("require_group = '{name}'\ngroup_method = \"{method}\"");
            expect(&slapd, &rule, &[("alice", Yes), ("bob", No)]);
        }
    }
    for name in ["cn=ring  a,ou=groups,dc=example,dc=com", "cn=RING a,ou=groups,dc=example,dc=com"]
    {
        expect(&slapd, &format!("require_group = '{name}'"), &[("carol", Yes), ("bob", No)]);
    }
}

/// Beyond ASCII, servers differ in which letters differ in case alone.
#[test]
fn a_group_whose_name_the_server_takes_for_another_is_another() {
    let groups = [
        ("Straße", "alice"),
        ("Straẞe", "bob"),
        ("Τμήμα Σ", "alice"),
        ("Τμήμα ς", "bob"),
        ("Gruppe Ⅷ", "alice"),
        ("Gruppe ⅷ", "bob"),
    ];
    let entry = |(name, member): &(&str, &str)| {
        format!(
            "dn: {}\nobjectClass: groupOfNames\ncn: {name}\n\
             member: uid={member},ou=people,dc=example,dc=com\n\n",
            group(name)
        )
    };
    let entries = ldif::parse(&groups.iter().map(entry).collect::<String>()).unwrap();
    let slapd = Options { entries, ..Options::default() }.start().unwrap();
    for method in ["auto", "member"] {
        let of =
            |name: &str| format!("require_group = '{}'\ngroup_method = \"{method}\"", group(name));
        let (alices, bobs) = ([("alice", Yes), ("bob", No)], [("alice", No), ("bob", Yes)]);
        for name in ["Straße", "STRAßE", "Τμήμα Σ", "ΤΜΉΜΑ Σ", "Gruppe Ⅷ"] {
            expect(&slapd, &of(name), &alices);
        }
        for name in ["Straẞe", "τμήμα ς", "gruppe ⅷ"] {
            expect(&slapd, &of(name), &bobs);
        }
    }
}

/// The overlay memberof calls a group as whoever added the member did.
#[test]
fn a_member_of_in_another_spelling_is_the_group() {
    let entry = "dn: cn=Büro,ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\ncn: Büro\n\
                 member: cn=nobody\n\n";
    let entries = ldif::parse(entry).unwrap();
    let slapd = Options { entries, ..Options::default() }.start().unwrap();
    slapd
        .change(&format!(
            "dn: {}\nchangetype: modify\nadd: member\n\
             member: uid=alice,ou=people,dc=example,dc=com\n",
            group("BÜRO")
        ))
        .unwrap();
    for name in ["Büro", "BÜRO", "büro"] {
        let rule = format!("require_group = '{}'\ngroup_method = \"memberof\"", group(name));
        expect(&slapd, &rule, &[("alice", Yes), ("bob", No)]);
    }
}

#[test]
fn a_base_of_groups_that_is_not_there_is_nobodys_verdict() {
    let slapd = slapd();
    for method in ["auto", "member", "memberuid"] {
        let place = site(
            &slapd,
            &format!(
                "require_group = '{}'\ngroup_method = \"{method}\"\n\
                 group_base = 'ou=nowhere,dc=example,dc=com'",
                group("outer")
            ),
        );
        let mut adapter = Adapter::start(&place, Framing::Packet);
        assert_eq!(adapter.ask("auth:bob:example.com:secret"), CannotTell);
        adapter.logs("there is no ou=nowhere,dc=example,dc=com");
        let output = place.command().arg("probe").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && text.contains("group_base"), "{text}");
    }
}

#[test]
fn a_root_dse_that_is_hidden_is_nobodys_verdict() {
    let entries = ldif::parse(GROUPS).unwrap();
    let global = "access to dn.base=\"\" by * none\n".to_owned();
    let slapd = Options { entries, global, ..Options::default() }.start().unwrap();
    let outer = format!("require_group = '{}'\n", group("outer"));
    let place = site(&slapd, &outer);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask("auth:bob:example.com:secret"), CannotTell);
    adapter.logs("write group_base");
    let output = place.command().arg("probe").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && text.contains("group_base"), "{text}");
    let based = outer.clone() + "group_base = 'ou=groups,dc=example,dc=com'";
    expect(&slapd, &based, &[("bob", Yes), ("alice", No)]);
    let direct = format!("require_group = '{}'\nnested_groups = false", group("inner"));
    expect(&slapd, &direct, &[("bob", Yes), ("alice", No)]);
}

#[test]
fn a_group_in_which_the_method_finds_nobody_is_named() {
    let slapd = slapd();
    for (name, method, words) in [
        ("posix", "member", "lists login names"),
        ("posix", "memberof", "lists login names"),
        ("inner", "memberuid", "lists DNs"),
        ("gone", "auto", "does not exist"),
        ("gone", "memberof", "does not exist"),
        ("cn=writer,ou=services,dc=example,dc=com", "auto", "is no group"),
        ("uid=erin,ou=people,dc=example,dc=com", "memberof", "is no group"),
        ("ou=groups,dc=example,dc=com", "member", "is no group"),
    ] {
        let dn = if name.contains('=') { name.to_owned() } else { group(name) };
        let rule = format!("require_group = '{dn}'\ngroup_method = \"{method}\"");
        let place = site(&slapd, &rule);
        let mut adapter = Adapter::start(&place, Framing::Packet);
        assert_eq!(adapter.ask("auth:erin:example.com:secret"), No);
        adapter.logs(words);
        for command in [&["probe"][..], &["explain", "erin@example.com"]] {
            let output = place.command().args(command).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(!output.status.success() && text.contains(words), "{command:?}: {text}");
        }
    }
}

#[test]
fn a_ring_of_groups_ends() {
    let slapd = slapd();
    for name in ["ring a", "ring b\\, too"] {
        let rule = format!("require_group = '{}'", group(name));
        expect(&slapd, &rule, &[("carol", Yes), ("bob", No)]);
    }
}

#[test]
fn any_or_all_of_several_groups() {
    let slapd = slapd();
    let several = |matching: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| group(name)).collect();
        format!("require_group = {names:?}\nrequire_group_match = \"{matching}\"")
    };
    let any = several("any", &["chat", "outer", "gone"]);
    expect(&slapd, &any, &[("alice", Yes), ("bob", Yes), ("carol", No)]);
    expect(&slapd, &several("all", &["inner", "outer", "unique"]), &[("bob", Yes), ("alice", No)]);
    expect(&slapd, &several("all", &["inner", "chat"]), &[("bob", No), ("alice", No)]);
}

#[test]
fn a_password_is_not_tried_on_who_is_not_let_in() {
    let slapd = slapd();
    let place = site(&slapd, &format!("require_group = '{}'", group("chat")));
    let mut adapter = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter.ask("auth:bob:example.com:secret"), No);
    assert_eq!(adapter.ask("setpass:bob:example.com:another"), CannotTell);
    assert_eq!(slapd.binds("uid=bob,ou=people,dc=example,dc=com"), 0);
    assert!(slapd.accepts("uid=bob,ou=people,dc=example,dc=com", "secret").unwrap());
    assert_eq!(adapter.ask("setpass:alice:example.com:another"), Yes);
}

#[test]
fn isuser_has_a_rule_of_its_own() {
    let slapd = slapd();
    let rule = |isuser: &str| {
        format!("require_group = '{}'\nisuser_require_group = {isuser}", group("chat"))
    };
    let place = site(&slapd, &rule("[]"));
    let mut everybody = Adapter::start(&place, Framing::Packet);
    assert_eq!(everybody.ask("isuser:bob:example.com"), Yes);
    assert_eq!(everybody.ask("auth:bob:example.com:secret"), No);
    let outer = format!("'{}'", group("outer"));
    let place = site(&slapd, &rule(&outer));
    let mut others = Adapter::start(&place, Framing::Packet);
    assert_eq!(others.ask("isuser:bob:example.com"), Yes);
    assert_eq!(others.ask("isuser:alice:example.com"), No);
    assert_eq!(others.ask("auth:alice:example.com:secret"), Yes);
}

#[test]
fn more_groups_than_are_followed_are_nobodys_verdict() {
    let mut entries = Vec::new();
    let mut member = "uid=bob,ou=people,dc=example,dc=com".to_owned();
    for level in 0..20 {
        let dn = group(&format!("level{level}"));
        let text = format!(
            "\ndn: {dn}\nobjectClass: groupOfNames\ncn: level{level}\nmember: {member}\n\n"
        );
        entries.extend(ldif::parse(&text).unwrap());
        member = dn;
    }
    let slapd = Options { entries, ..Options::default() }.start().unwrap();
    let rule = |level: u32| format!("require_group = '{}'", group(&format!("level{level}")));
    let place = site(&slapd, &rule(15));
    let mut adapter_15 = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter_15.ask("auth:bob:example.com:secret"), Yes, "{}", adapter_15.log());
    let place = site(&slapd, &rule(19));
    let mut adapter_19 = Adapter::start(&place, Framing::Packet);
    assert_eq!(adapter_19.ask("auth:bob:example.com:secret"), CannotTell);
    adapter_19.logs("groups-too-deep");
}
