//! Answers as servers sent them, and answers as nobody ever should.

use std::fmt;

use proptest::prelude::*;

use super::meaning::{
    Meaning, MeaningTable, REFUSALS, Words, by_sign, by_words, by_words_of_refusal,
};
use super::windows_error::WindowsCode::{self, Data};
use super::*;
use crate::directory::message::oid::PASSWORD_POLICY;
use crate::directory::message::password_policy::PasswordPolicy;
use crate::directory::message::{LdapResult, ResponseControl};
use crate::verdict::{Denial, Outage, Verdict};

fn answer(code: u32, text: &str) -> LdapResult {
    LdapResult { code, text: text.to_owned(), ..LdapResult::default() }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

/// `OID=hex`, separated by commas.
fn controls(source: &str) -> Vec<ResponseControl> {
    let listed = source.split(',').filter(|control| !control.is_empty());
    listed
        .map(|control| {
            let (oid, hex) = control.split_once('=').unwrap();
            ResponseControl { oid: oid.to_owned(), value: Some(bytes(hex)) }
        })
        .collect()
}

/// A row of a table.
struct Listed {
    /// The kind of its answers.
    operation: &'static str,
    row: String,
    meaning: &'static Meaning,
    find: fn(&LdapResult) -> Option<&'static Meaning>,
}

impl Listed {
    fn is_found_by(&self, answer: &LdapResult) -> bool {
        (self.find)(answer).is_some_and(|found| std::ptr::eq(found, self.meaning))
    }
}

fn listed<S: fmt::Debug>(
    operation: &'static str,
    table: &'static [(u32, S, Meaning)],
    find: fn(&LdapResult) -> Option<&'static Meaning>,
) -> impl Iterator<Item = Listed> {
    table.iter().map(move |(code, sign, meaning)| Listed {
        operation,
        row: format!("{code} {sign:?} {meaning:?}"),
        meaning,
        find,
    })
}

fn worded(
    table: &'static Words,
    find: fn(&LdapResult) -> Option<&'static Meaning>,
) -> impl Iterator<Item = Listed> {
    table.iter().map(move |(words, meaning)| Listed {
        operation: "bind",
        row: format!("{words} {meaning:?}"),
        meaning,
        find,
    })
}

/// Every row of every table.
fn rows() -> Vec<Listed> {
    use password_policy as policy;
    let by_policy = |answer: &LdapResult| policy::of_bind(answer.code, PasswordPolicy::of(answer));
    // The rows for binds stand before those for changes.
    let is_for_bind = |(_, sign, _): &(u32, WindowsCode, Meaning)| matches!(sign, Data(_));
    let windows = active_directory::TABLE;
    let (binds, changes) = windows.split_at(windows.partition_point(is_for_bind));
    listed("bind", binds, active_directory::of_bind)
        .chain(worded(samba::BIND, samba::of_bind))
        .chain(listed("bind", ds389::BIND, |answer| by_words(ds389::BIND, answer)))
        .chain(worded(edirectory::BIND, edirectory::of_bind))
        .chain(worded(others::BIND, |answer| by_words_of_refusal(others::BIND, answer)))
        .chain(listed("bind", policy::BIND, by_policy))
        .chain(listed("bind", policy::NETSCAPE_BIND, by_policy))
        .chain(listed("bind", bare_code::BIND, |answer| by_sign(bare_code::BIND, answer.code, &())))
        .chain(listed("setpass", changes, active_directory::of_password_change))
        .chain(listed("setpass", ds389::PASSWORD_CHANGE, |answer| {
            by_words(ds389::PASSWORD_CHANGE, answer)
        }))
        .chain(listed("setpass", openldap::PASSWORD_CHANGE, |answer| {
            by_words(openldap::PASSWORD_CHANGE, answer)
        }))
        .chain(listed("setpass", bare_code::PASSWORD_CHANGE, |answer| {
            by_sign(bare_code::PASSWORD_CHANGE, answer.code, &())
        }))
        .collect()
}

/// Lines of `operation <TAB> case <TAB> result code <TAB> message <TAB> controls <TAB> verdict:
/// reason`, as servers sent them.
#[test]
fn captured_answers_mean_what_they_should() {
    let replies = concat!(env!("CARGO_MANIFEST_DIR"), "/ldap-fixtures/replies");
    let mut unseen = rows();
    for file in std::fs::read_dir(replies).unwrap() {
        let path = file.unwrap().path();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let context = format!("{}: {line}", path.display());
            let [operation, case, code, message, listed, expected] =
                line.split('\t').collect::<Vec<_>>()[..]
            else {
                panic!("six columns are wanted: {context}");
            };
            let answer = LdapResult {
                code: code.parse().unwrap(),
                text: message.replace("\\0", "\0"),
                controls: controls(listed),
                ..LdapResult::default()
            };
            let operation_is_private = !case.contains("clear text");
            let judged = match operation {
                "bind" => of_bind(&answer, MustChange::Deny),
                "setpass" => of_password_change(&answer, operation_is_private),
                _ => panic!("bind or setpass is wanted: {context}"),
            };
            assert_eq!(judged.verdict.to_string(), expected, "{context}");
            unseen.retain(|row| row.operation != operation || !row.is_found_by(&answer));
            if judged.verdict != Verdict::Granted {
                assert!(!judged.verdict.advice().is_empty(), "{context}");
            }
        }
    }
    let unseen: Vec<String> = unseen.into_iter().map(|listed| listed.row).collect();
    assert!(unseen.is_empty(), "no captured answer for {unseen:#?}");
}

/// Else the order of rows would count.
#[test]
fn no_answer_fits_two_rows_of_a_table() {
    fn check<S: PartialEq + fmt::Debug>(table: &MeaningTable<S>, covers: fn(&S, &S) -> bool) {
        for (index, (code, sign, _)) in table.iter().enumerate() {
            let mut others = table.iter().enumerate().filter(|(other, _)| *other != index);
            let twice = others.any(|(_, (other, its, _))| other == code && covers(its, sign));
            assert!(!twice, "{code} {sign:?}");
        }
    }
    check(ds389::BIND, |words, others| others.contains(words));
    for table in [edirectory::BIND, others::BIND, samba::BIND] {
        for (words, _) in table {
            let fitting = table.iter().filter(|(others, _)| others.contains(words));
            assert_eq!(fitting.count(), 1, "{words}");
        }
    }
    check(ds389::PASSWORD_CHANGE, |words, others| others.contains(words));
    check(openldap::PASSWORD_CHANGE, |words, others| others.contains(words));
    check(active_directory::TABLE, PartialEq::eq);
    check(password_policy::BIND, PartialEq::eq);
    check(password_policy::NETSCAPE_BIND, PartialEq::eq);
    check(bare_code::BIND, PartialEq::eq);
    check(bare_code::PASSWORD_CHANGE, PartialEq::eq);
}

#[test]
fn who_must_change_the_password_may_be_let_in() {
    let text =
        "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 773, v4563\0";
    let judged = of_bind(&answer(49, text), MustChange::Allow);
    assert_eq!(judged.verdict, Verdict::Granted);
    assert!(judged.remark.unwrap().contains("must be changed"));
    for data in ["532", "533", "701", "775", "52e"] {
        let judged = of_bind(&answer(49, &text.replace("773", data)), MustChange::Allow);
        assert_ne!(judged.verdict, Verdict::Granted, "{data}");
    }
}

#[test]
fn warnings_go_to_the_log() {
    let mut granted = answer(0, "");
    granted.controls = controls("1.3.6.1.4.1.42.2.27.8.5.1=3005a003810102");
    let judged = of_bind(&granted, MustChange::Deny);
    assert_eq!(judged.remark.unwrap(), "grace logins left: 2");
    granted.controls = controls("2.16.840.1.113730.3.4.5=3836343030");
    let judged = of_bind(&granted, MustChange::Deny);
    assert_eq!(judged.remark.unwrap(), "the password expires in 1day");
}

proptest! {
    /// The table's order of the day: a code that nobody listed says nothing about a password.
    #[test]
    fn a_code_of_windows_that_is_not_listed_judges_nobody(data in "[0-9a-fA-F]{1,9}|[g-z]{0,3}") {
        let is_listed = u32::from_str_radix(&data, 16).is_ok_and(|data| {
            active_directory::TABLE.iter().any(|(_, code, _)| *code == Data(data))
        });
        for comment in ["AcceptSecurityContext error", "Error processing control", ""] {
            let text = format!("80090308: LdapErr: DSID-0C090439, comment: {comment}, data {data}, v4563\0");
            let judged = of_bind(&answer(49, &text), MustChange::Deny);
            let is_unclear = matches!(judged.verdict, Verdict::Unavailable(_));
            prop_assert!(is_listed || is_unclear, "{text}");
        }
    }
}

#[test]
fn a_status_of_windows_that_is_not_listed_judges_nobody() {
    for status in ["NO_LOGON_SERVERS", "IO_TIMEOUT", "NO_SUCH_DOMAIN", "INTERNAL_ERROR", ""] {
        let text = format!("Simple Bind Failed: NT_STATUS_{status}");
        let judged = of_bind(&answer(49, &text), MustChange::Deny);
        assert!(matches!(judged.verdict, Verdict::Unavailable(_)), "{text}");
    }
}

#[test]
fn words_of_refusals_count_with_each_code_that_refuses() {
    for (words, meaning) in edirectory::BIND.iter().chain(others::BIND).chain(samba::BIND) {
        for code in REFUSALS {
            let judged = of_bind(&answer(code, &format!("Error, {words}.")), MustChange::Deny);
            assert_eq!(judged.verdict, meaning.verdict, "{code} {words}");
        }
        assert_eq!(of_bind(&answer(0, words), MustChange::Deny).verdict, Verdict::Granted);
    }
}

#[test]
fn grace_logins_sign_in_and_an_expired_password_without_them_does_not() {
    let mut granted = answer(0, "");
    granted.controls =
        controls("2.16.840.1.113730.3.4.4=30,1.3.6.1.4.1.42.2.27.8.5.1=3005a003810102");
    assert_eq!(of_bind(&granted, MustChange::Deny).verdict, Verdict::Granted);
    granted.controls.pop();
    let judged = of_bind(&granted, MustChange::Deny);
    assert_eq!(judged.verdict, Verdict::Denied(Denial::MustChangePassword));
}

#[test]
fn a_service_account_is_refused_in_the_words_of_users() {
    let said = |code, text: &str| of_service_bind(&answer(code, text));
    let windows = |data: &str| {
        said(
            49,
            &format!(
                "80090308: LdapErr: DSID-0C09, comment: AcceptSecurityContext error, data {data}, v1\0"
            ),
        )
    };
    for (data, denial) in [
        ("775", Denial::AccountLocked),
        ("532", Denial::PasswordExpired),
        ("773", Denial::MustChangePassword),
        ("533", Denial::AccountDisabled),
        ("701", Denial::AccountExpired),
        ("531", Denial::LogonRestricted),
    ] {
        let outcome = windows(data);
        assert_eq!(outcome.verdict, Verdict::Unavailable(Outage::ServiceState(denial)));
        assert!(!outcome.remark.unwrap().contains('\0'));
    }
    let by_code = |code| Verdict::Unavailable(Outage::ServiceBind { code: Some(code) });
    assert_eq!(windows("52e").verdict, by_code(49));
    for code in [1, 8, 32, 50, 53, 80] {
        assert_eq!(said(code, "").verdict, by_code(code));
    }
    for data in ["51f", "9999"] {
        assert!(!matches!(windows(data).verdict, Verdict::Unavailable(Outage::ServiceBind { .. })));
    }
}

#[test]
fn an_outage_is_never_a_denial() {
    for code in [1, 2, 3, 7, 8, 10, 11, 13, 19, 34, 51, 52, 53, 80, 123, 4096, u32::MAX] {
        let judged = of_bind(&answer(code, ""), MustChange::Deny);
        assert!(matches!(judged.verdict, Verdict::Unavailable(_)), "{code}");
    }
    for code in [1, 2, 3, 8, 10, 13, 49, 50, 51, 52, 80, u32::MAX] {
        let judged = of_password_change(&answer(code, ""), true);
        assert!(matches!(judged.verdict, Verdict::Unavailable(_)), "{code}");
    }
}

#[test]
fn a_policy_judges_a_new_password_only_where_the_server_refused_it() {
    let judged = |code, error: u8| {
        let mut answer = answer(code, "");
        answer.controls = controls(&format!("{PASSWORD_POLICY}=30038101{error:02x}"));
        of_password_change(&answer, true).verdict
    };
    for code in [19, 50, 53] {
        assert_eq!(judged(code, 5), Verdict::Denied(Denial::PasswordRefused), "{code}");
    }
    for code in [8, 10, 51, 52, 80] {
        assert!(matches!(judged(code, 5), Verdict::Unavailable(_)), "{code}");
    }
    for error in 0..3 {
        assert!(matches!(judged(50, error), Verdict::Unavailable(_)), "{error}");
    }
}

proptest! {
    #[test]
    fn only_success_is_a_yes(code in 1..=u32::MAX, text in ".*", hex in "([0-9a-f]{2}){0,12}") {
        let mut answer = answer(code, &text);
        answer.controls = controls(&format!("1.3.6.1.4.1.42.2.27.8.5.1={hex}"));
        prop_assert_ne!(of_bind(&answer, MustChange::Deny).verdict, Verdict::Granted);
        prop_assert_ne!(of_password_change(&answer, true).verdict, Verdict::Granted);
    }
}

#[test]
fn a_service_bind_by_a_name_that_is_none_says_where_that_is_written() {
    let judged = of_service_bind(&answer(34, "invalid DN"));
    let expected = "the server takes no such name in a bind: write bind_dn as a DN: invalid DN";
    assert_eq!(judged.remark.as_deref(), Some(expected));
    assert!(matches!(judged.verdict, Verdict::Unavailable(Outage::ServiceBind { code: Some(34) })));
}
