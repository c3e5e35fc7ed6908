//! Groups of a real domain controller.

use super::*;

#[test]
fn a_group_in_which_nobody_can_be_found_is_named() {
    let samba = Samba::start().unwrap();
    samba.tool(&["group", "add", "list", "--group-type=Distribution"]).unwrap();
    samba.tool(&["group", "addmembers", "list", "alice"]).unwrap();
    let rule = |name: &str, more: &str| {
        let directory = format!("{}{}{more}", service(READER), group(name));
        site(&samba, &samba.ldaps_url(), &directory, "")
    };
    let place = rule("list", "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
    let by_token = "group_method = \"token-groups\"";
    for (name, more, words) in [
        ("list", by_token, "distribution group"),
        ("gone", "", "does not exist"),
        ("gone", by_token, "does not exist"),
        ("gone", "nested_groups = false", "does not exist"),
        ("gone", "group_method = \"member\"", "does not exist"),
    ] {
        let place = rule(name, more);
        let mut adapter = Adapter::start(&place, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", PASSWORD), No);
        adapter.logs(words);
        for command in [&["probe"][..], &["explain", "alice@example.com"]] {
            let output = place.command().args(command).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(!output.status.success() && text.contains(words), "{command:?}: {text}");
        }
    }
    let place = rule("outer", "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
    let outer = format!("CN=outer,CN=Users,{BASE}");
    let change = "changetype: modrdn\nnewrdn: CN=renamed\ndeleteoldrdn: 1\n";
    samba.change(&format!("dn: {outer}\n{change}")).unwrap();
    expect(&mut adapter, &sign_in("alice", PASSWORD), No);
    adapter.logs("does not exist");
    // A group of a domain that the controller does not hold.
    let place = rule("x", "");
    let config = std::fs::read_to_string(place.config()).unwrap();
    place.write(
        "config.toml",
        &config.replace("\"CN=x,CN=Users,DC=", "\"CN=x,CN=Users,DC=branch,DC="),
    );
    let output = place.command().arg("probe").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("another domain") || text.contains("does not exist"), "{text}");
}

#[test]
fn groups_are_judged_by_what_only_domain_controllers_have() {
    let samba = Samba::shared().unwrap();
    for method in ["auto", "chain", "token-groups", "member"] {
        for (name, alice, bob, carol) in [
            ("inner", Yes, No, No),
            ("outer", Yes, No, No),
            ("ring-b", No, No, Yes),
            ("gone", No, No, No),
        ] {
            let rule = format!("{}{}group_method = \"{method}\"", service(READER), group(name));
            let place = site(&samba, &samba.ldaps_url(), &rule, "");
            let mut adapter = Adapter::start(&place, Framing::Packet);
            for (user, expected) in [("alice", alice), ("bob", bob), ("carol", carol)] {
                let answer = adapter.ask(&sign_in(user, PASSWORD));
                assert_eq!(answer, expected, "{method} {name} {user}: {}", adapter.log());
            }
        }
    }
    // Everybody is in the primary group, and nobody is listed in it.
    for method in ["auto", "token-groups"] {
        for name in ["Domain Users", "everybody"] {
            let rule = format!("{}{}group_method = \"{method}\"", service(READER), group(name));
            let place = site(&samba, &samba.ldaps_url(), &rule, "");
            let mut adapter = Adapter::start(&place, Framing::Packet);
            expect(&mut adapter, &sign_in("bob", PASSWORD), Yes);
        }
    }
    for method in ["auto", "memberof", "member"] {
        for (name, expected) in
            [("outer", No), ("inner", Yes), ("Domain Users", Yes), ("everybody", No)]
        {
            let direct = format!(
                "{}{}nested_groups = false\ngroup_method = \"{method}\"",
                service(READER),
                group(name)
            );
            let place = site(&samba, &samba.ldaps_url(), &direct, "");
            let mut adapter = Adapter::start(&place, Framing::Packet);
            expect(&mut adapter, &sign_in("alice", PASSWORD), expected);
        }
    }
}

#[test]
fn groups_that_the_domain_does_not_have_are_asked_of_the_global_catalog() {
    let samba = Samba::shared().unwrap();
    let probe = |catalog: &str, groups: &[&str]| {
        let directory = format!(
            "{}global_catalog = [{catalog:?}]\nrequire_group = {groups:?}\n",
            service(READER)
        );
        let place = site(&samba, &samba.ldaps_url(), &directory, "");
        let output = place.command().arg("probe").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (place, output.status.success(), text)
    };
    let (chat, foreign) =
        (format!("CN=chat,CN=Users,{BASE}"), "CN=chat,DC=branch,DC=example,DC=com");
    let (place, is_good, text) = probe(&samba.catalog_url(), &[&chat]);
    assert!(is_good && text.contains("global catalog"), "{text}");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
    expect(&mut adapter, &sign_in("bob", PASSWORD), No);

    let (place, is_good, text) = probe(&samba.catalog_url(), &[&chat, foreign]);
    assert!(!is_good && text.contains("branch"), "{text}");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
    expect(&mut adapter, &sign_in("bob", PASSWORD), No);
    adapter.logs("CN=chat,DC=branch,DC=example,DC=com does not exist");

    // The domain's own port, and none at all.
    let (_, is_good, text) = probe(&samba.ldaps_url(), &[&chat]);
    assert!(!is_good && text.contains("it is none"), "{text}");
    let (place, is_good, _) = probe("ldaps://127.0.0.1:9", &[&chat, foreign]);
    assert!(!is_good);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("bob", PASSWORD), CannotTell);
}
