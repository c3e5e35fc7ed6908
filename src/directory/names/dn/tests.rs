//! What DNs are equal, and what is none.

use super::*;

fn dn(source: &str) -> Dn {
    Dn::parse(source).unwrap_or_else(|| panic!("{source} is a DN"))
}

#[test]
fn spellings_of_one_name_are_equal() {
    for (one, other) in [
        ("cn=Chat,ou=Groups,dc=x", "CN=chat, OU=groups , DC=X"),
        ("cn=a\\,b,dc=x", "cn=a\\2cb,dc=x"),
        ("cn=a\\+b\\=c,dc=x", "cn=a\\2Bb=c,dc=x"),
        ("uid=a+cn=b,dc=x", "cn=b+uid=a,dc=x"),
        ("cn=JÜRG,dc=x", "cn=j\\c3\\bcrg,dc=x"),
        ("cn=\\ x\\ ,dc=x", "cn=\\20x\\20,dc=x"),
        ("commonName=a,2.5.4.11=b,domainComponent=c", "cn=a,OU=b,dc=c"),
        ("OID.0.9.2342.19200300.100.1.1=a,dc=c", "userid=a,dc=c"),
        ("cn=#0C024A6f ,dc=x", "CN=#0c024a6F,dc=x"),
        ("cn=#x,dc=x", "cn=\\#x,dc=x"),
        ("", " "),
    ] {
        assert_eq!(dn(one), dn(other), "{one} {other}");
        assert_eq!(dn(one).key(), dn(other).key());
    }
}

#[test]
fn different_names_are_different() {
    for (one, other) in [
        ("cn=a,dc=x", "cn=b,dc=x"),
        ("cn=a,cn=b", "cn=b,cn=a"),
        ("cn=a+cn=b", "cn=a,cn=b"),
        ("cn=a\\,cn=b", "cn=a,cn=b"),
        ("cn=a\\ ,dc=x", "cn=a,dc=x"),
        ("cn=\u{a0}a", "cn=a"),
        ("cn=\u{2003}a", "cn=a"),
        ("cn=\u{a0}", "cn="),
        ("cn=\ta", "cn=a"),
        ("cn=a\n", "cn=a"),
        ("cn=\\#04024a6f", "cn=#04024a6f"),
        ("cn=\\2304024a6f", "cn=#04024a6f"),
        ("cn=\\ff", "cn=\\fe"),
        ("cn=\\ff", "cn=\\5cff"),
    ] {
        assert_ne!(dn(one), dn(other), "{one} {other}");
        assert_ne!(dn(one).key(), dn(other).key());
    }
}

#[test]
fn of_one_entry_is_no_name_that_some_server_takes_for_two() {
    let of_one_entry = |value: &str| Dn::of_one_entry(&format!("cn={value},dc=x")).unwrap();
    for (one, other) in [
        ("ασ", "ας"),
        ("ΑΣ", "ας"),
        ("ß", "\u{1e9e}"),
        ("i\u{307}", "\u{130}"),
        ("\u{2177}", "\u{2167}"),
        ("\u{10d0}", "\u{1c90}"),
        ("ș", "Ș"),
        ("k", "\u{212a}"),
        ("\\cdj", "\\cdJ"),
    ] {
        assert_ne!(of_one_entry(one), of_one_entry(other), "{one} {other}");
    }
    assert_eq!(of_one_entry("Jürg"), of_one_entry("jüRG"));
}

#[test]
fn what_is_no_name_is_not_read() {
    for source in
        ["alice", "cn", "=x", "cn=a,", "cn=a,b", "a,cn=b", "cn=\\", "cn=\"a\"", "cn=a,\u{a0}cn=b"]
    {
        assert_eq!(Dn::parse(source), None, "{source}");
    }
}

#[test]
fn what_an_administrator_writes_as_a_dn_is_told_apart_from_what_is_none() {
    for (source, words) in [
        ("example.com", "\"dc=example,dc=com\""),
        ("no dn at all", "it is no DN"),
        ("people", "it is no DN"),
        ("dc=example dc=com", "commas"),
        ("cn=xmpp ou=services dc=example", "commas"),
        ("ou=a b,dc=example  DC=com", "commas"),
        ("o u=x", "it is no DN"),
        ("dc=example,", "it is no DN"),
    ] {
        let error = Dn::written(source).unwrap_err();
        assert!(error.contains(words), "{source}: {error}");
    }
    for source in ["", "dc=x", "ou=A B , dc=x", "ou=a ;dc=x", "o=a b=c", "1.2.3=x", "ou=a\\ dc=b"] {
        assert!(Dn::written(source).is_ok(), "{source}");
    }
}

#[test]
fn a_name_lies_within_its_bases() {
    let name = dn("cn=a,ou=b,dc=c");
    assert!(name.is_within(&dn("OU=B,dc=c")) && name.is_within(&name) && name.is_within(&dn("")));
    assert!(!name.is_within(&dn("ou=x,dc=c")) && !dn("dc=c").is_within(&name));
    assert_eq!(name.depth(), 3);
}
