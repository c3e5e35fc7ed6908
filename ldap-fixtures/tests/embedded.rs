//! The directory in memory, as OpenLDAP's clients see it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::{Command, Output};

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::ldif::accounts;
use ldap_fixtures::process::require;
use ldap_fixtures::slapd::{
    BASE, PASSWORD, SERVICE_DN, SERVICE_PASSWORD, WRITER_DN, WRITER_PASSWORD,
};

const ALICE: &str = "uid=alice,ou=people,dc=example,dc=com";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=com";

/// The LDAP result code and the output.
#[track_caller]
fn run(program: &str, directory: &Embedded, who: &[&str], arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(require(program).unwrap())
        .args(["-x", "-o", "ldif-wrap=no", "-H", &directory.url()])
        .args(who)
        .args(arguments)
        .output()
        .unwrap();
    let output = String::from_utf8(stdout).unwrap();
    let code = match status.code().unwrap() {
        // Some end with 1 for every failure, and print the code: "Result: No such object (32)".
        1 => {
            let printed = String::from_utf8(stderr).unwrap() + &output;
            let (code, _) = printed.split_once('(').unwrap().1.split_once(')').unwrap();
            code.parse().unwrap()
        }
        code => code,
    };
    (code, output)
}

fn bind(directory: &Embedded, dn: &str, password: &str) -> i32 {
    run("ldapwhoami", directory, &["-D", dn, "-w", password], &[]).0
}

fn search(directory: &Embedded, arguments: &[&str]) -> (i32, String) {
    let arguments = [&["-LLL"], arguments].concat();
    run("ldapsearch", directory, &["-D", SERVICE_DN, "-w", SERVICE_PASSWORD], &arguments)
}

/// The DNs that a search finds, in order.
fn found(directory: &Embedded, arguments: &[&str]) -> (i32, Vec<String>) {
    let (code, text) = search(directory, &[arguments, &["1.1"]].concat());
    let dns = text.lines().filter_map(|line| line.strip_prefix("dn: ")).map(str::to_owned);
    (code, dns.collect())
}

#[test]
fn every_account_of_the_seed_binds_with_its_password_alone() {
    let directory = Embedded::start().unwrap();
    let accounts = accounts().unwrap();
    for account in &accounts {
        assert_eq!(bind(&directory, &account.dn, &account.password), 0, "{account:?}");
        assert_eq!(bind(&directory, &account.dn, "wrong"), 49, "{account:?}");
    }
    assert_eq!(directory.binds(), 2 * accounts.len());
}

#[test]
fn binds_that_prove_nothing_are_refused() {
    let directory = Embedded::start().unwrap();
    assert_eq!(bind(&directory, "uid=nobody,ou=people,dc=example,dc=com", PASSWORD), 49);
    assert_eq!(bind(&directory, "uid=nopass,ou=people,dc=example,dc=com", PASSWORD), 49);
    assert_eq!(bind(&directory, ALICE, ""), 53);
    assert_eq!(bind(&directory, "alice", PASSWORD), 34);
    let (code, who) = run("ldapwhoami", &directory, &[], &[]);
    assert_eq!((code, who.trim()), (0, "anonymous"));
}

#[test]
fn a_name_may_be_spelled_differently() {
    let directory = Embedded::start().unwrap();
    for dn in [
        r"cn=Doe\, John \+ x,ou=people,dc=example,dc=com",
        r"CN=doe\2C john \2B X , OU=People, DC=example,DC=com",
    ] {
        let (code, who) = run("ldapwhoami", &directory, &["-D", dn, "-w", PASSWORD], &[]);
        assert_eq!(code, 0);
        assert_eq!(who.trim(), r"dn:cn=Doe\, John \+ x,ou=people,dc=example,dc=com");
    }
    assert_eq!(bind(&directory, r"cn=Doe, John + x,ou=people,dc=example,dc=com", PASSWORD), 34);
}

#[test]
fn searches_keep_to_their_base_and_scope() {
    let directory = Embedded::start().unwrap();
    let people = format!("ou=people,{BASE}");
    let one = found(&directory, &["-b", BASE, "-s", "one"]);
    assert_eq!(one.1.len(), 5);
    assert_eq!(one.1[0], people);
    assert_eq!(found(&directory, &["-b", &people, "-s", "base"]), (0, vec![people.clone()]));
    assert_eq!(found(&directory, &["-b", BASE, "(uid=dupe)"]).1.len(), 2);
    assert_eq!(found(&directory, &["-b", &people, "(uid=dupe)"]).1.len(), 1);
    assert_eq!(found(&directory, &["-b", BASE, "-s", "one", "(uid=alice)"]), (0, vec![]));
    assert_eq!(found(&directory, &["-b", "ou=nowhere,dc=example,dc=com"]).0, 32);
    assert_eq!(run("ldapsearch", &directory, &[], &["-b", BASE]).0, 50);
}

#[test]
fn filters_mean_what_they_say() {
    let directory = Embedded::start().unwrap();
    for (filter, uids) in [
        ("(uid=ALICE)", &["alice"][..]),
        (r"(uid=st\2ar)", &["st*r"]),
        (r"(uid=a\29\28uid=\2a)", &["a)(uid=*"]),
        (r"(uid=back\5cslash)", &["back\\slash"]),
        ("(&(uid=alice)(mail=alice@example.com))", &["alice"]),
        ("(&(uid=alice)(mail=bob@example.com))", &[]),
        ("(|(uid=alice)(uid=bob))", &["alice", "bob"]),
        ("(&(uid=*)(!(objectClass=inetOrgPerson)))", &[]),
        ("(&(sn=Builder)(memberOf=*))", &[]),
        ("(memberOf=cn=chat,ou=groups,dc=example,dc=com)", &["alice"]),
        ("(mail=ali*)", &["alice"]),
        ("(mail=*lic*@*.com)", &["alice"]),
        ("(cn=b*b*er)", &["bob"]),
        ("(uid=alice*alice)", &[]),
        ("(!(uid>=a))", &[]),
        ("(|(uid>=a)(uid=bob))", &["bob"]),
        ("(userPassword=secret)", &[]),
        ("(userPassword=*)", &[]),
    ] {
        let (code, text) = search(&directory, &["-b", BASE, filter, "uid"]);
        let got: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("uid: ")).collect();
        assert_eq!((code, got.as_slice()), (0, uids), "{filter}");
    }
}

#[test]
fn a_search_stops_at_its_size_limit() {
    let directory = Embedded::start().unwrap();
    let (code, dns) = found(&directory, &["-b", BASE, "-z", "2", "(uid=*)"]);
    assert_eq!((code, dns.len()), (4, 2));
    let (code, dns) = found(&directory, &["-b", BASE, "-z", "2", "(uid=dupe)"]);
    assert_eq!((code, dns.len()), (0, 2));
}

#[test]
fn attributes_are_those_asked_for_and_never_a_password() {
    let directory = Embedded::start().unwrap();
    let alice = |attributes: &[&str]| search(&directory, &[&["-b", ALICE], attributes].concat()).1;
    assert_eq!(alice(&["1.1"]).trim(), format!("dn: {ALICE}"));
    assert_eq!(
        alice(&["MAIL", "userPassword"]).trim(),
        format!("dn: {ALICE}\nmail: alice@example.com")
    );
    assert!(alice(&[]).contains("objectClass: inetOrgPerson"));
    for attributes in [&[][..], &["*"], &["+", "*"], &["userPassword"]] {
        assert!(!alice(attributes).to_lowercase().contains("userpassword"), "{attributes:?}");
    }
    let (code, root) = run("ldapsearch", &directory, &[], &["-LLL", "-s", "base", "-b", ""]);
    assert_eq!(code, 0);
    assert!(root.contains("supportedExtension: 1.3.6.1.4.1.4203.1.11.1"), "{root}");
    assert!(root.contains(&format!("namingContexts: {BASE}")), "{root}");
}

#[test]
fn a_password_is_changed_by_the_writer_or_its_owner_alone() {
    let directory = Embedded::start().unwrap();
    let change = |who: &[&str], arguments: &[&str]| run("ldappasswd", &directory, who, arguments).0;
    let writer = ["-D", WRITER_DN, "-w", WRITER_PASSWORD];
    let alice = ["-D", ALICE, "-w", PASSWORD];

    assert_eq!(change(&[], &["-s", "new", ALICE]), 50);
    assert_eq!(change(&["-D", SERVICE_DN, "-w", SERVICE_PASSWORD], &["-s", "new", ALICE]), 50);
    assert_eq!(change(&alice, &["-s", "new", BOB]), 50);
    assert_eq!(change(&writer, &["-s", "new", "uid=nobody,dc=example,dc=com"]), 32);
    assert_eq!(change(&alice, &["-a", "wrong", "-s", "new"]), 53);
    assert_eq!(change(&writer, &[BOB]), 53);
    assert_eq!(bind(&directory, ALICE, PASSWORD), 0);

    assert_eq!(change(&writer, &["-s", "by writer", ALICE]), 0);
    assert_eq!(bind(&directory, ALICE, "by writer"), 0);
    assert_eq!(bind(&directory, ALICE, PASSWORD), 49);

    assert_eq!(change(&["-D", ALICE, "-w", "by writer"], &["-a", "by writer", "-s", "own"]), 0);
    assert_eq!(bind(&directory, ALICE, "own"), 0);
    assert_eq!(bind(&directory, ALICE, "by writer"), 49);
    assert_eq!(bind(&directory, BOB, PASSWORD), 0);
}

#[test]
fn what_it_cannot_do_is_refused_and_it_ends_when_dropped() {
    let directory = Embedded::start().unwrap();
    let who = ["-D", WRITER_DN, "-w", WRITER_PASSWORD];
    assert_eq!(run("ldapdelete", &directory, &who, &[ALICE]).0, 53);
    assert_eq!(run("ldapcompare", &directory, &who, &[ALICE, "uid:alice"]).0, 53);
    assert_eq!(run("ldapwhoami", &directory, &who, &["-ZZ"]).0, 2);
    let url = directory.url();
    drop(directory);
    assert!(!ldap_fixtures::slapd::answers(&url));
}
