//! What an answer means: result code, diagnostic message and controls, to a verdict and words.
//!
//! The default is always "cannot tell": of an answer that is not listed nobody knows that the user
//! was judged. Of the rows that fit an answer, the first counts.

use std::cell::LazyCell;
use std::fmt;

use crate::directory::message::Answer;
use crate::directory::message::password_policy::{PasswordPolicy, PolicyError};
use crate::directory::message::result_code::{
    self, BUSY, CONSTRAINT_VIOLATION, INAPPROPRIATE_AUTHENTICATION, INSUFFICIENT_ACCESS_RIGHTS,
    INVALID_CREDENTIALS, NO_SUCH_OBJECT, PROTOCOL_ERROR, REFERRAL, SUCCESS, UNAVAILABLE,
    UNWILLING_TO_PERFORM,
};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// What becomes of a right password that must be changed before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MustChange {
    /// It does not sign in.
    Deny,
    /// It signs in: XMPP clients could not change it otherwise.
    Allow,
}

impl MustChange {
    /// Both, by the names that they have in the configuration.
    pub const ALL: [(&'static str, Self); 2] = [("deny", Self::Deny), ("allow", Self::Allow)];
}

impl fmt::Display for MustChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        })
    }
}

/// A verdict, and what the log adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What the answer means, in words, and the server's own.
    pub remark: Option<String>,
}

impl Judgement {
    /// The outcome of a request that ended with this.
    pub fn outcome(self) -> Outcome {
        Outcome::from(self.verdict).with_detail(&self.remark.unwrap_or_default())
    }
}

/// What an answer is recognised by.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// This code from Windows in an Active Directory's message: `…, data 52e, v1db1`.
    Data(u32),
    /// These words in the message, in lower case.
    Words(&'static str),
    /// This error of the password policy control.
    Policy(PolicyError),
    /// Netscape's control for a password that has expired or must be changed.
    NetscapeExpired,
    /// The result code alone.
    Any,
}

/// The result code, the sign, what it comes to, and what that means in words.
type Row = (u32, Sign, Verdict, &'static str);

const fn no(denial: Denial) -> Verdict {
    Verdict::Denied(denial)
}

const fn unclear(outage: Outage) -> Verdict {
    Verdict::Unavailable(outage)
}

/// A bind as the user. The codes of Windows are in MS-ERREF, section 2.2.
#[rustfmt::skip]
const BIND: &[Row] = {
    use Denial::*;
    use Sign::*;
    &[
        (INVALID_CREDENTIALS, Data(0x525), no(UnknownUser), "no such user"),
        (INVALID_CREDENTIALS, Data(0x52e), no(WrongPassword), "no such user, or a wrong password"),
        (INVALID_CREDENTIALS, Data(0x56), no(WrongPassword), "a wrong password"),
        (INVALID_CREDENTIALS, Data(0x52f), no(LogonRestricted), "an account restriction"),
        (INVALID_CREDENTIALS, Data(0x530), no(LogonHours), "not at this time of day"),
        (INVALID_CREDENTIALS, Data(0x531), no(LogonRestricted), "not from this workstation"),
        (INVALID_CREDENTIALS, Data(0x532), no(PasswordExpired), "the password has expired"),
        (INVALID_CREDENTIALS, Data(0x533), no(AccountDisabled), "the account is disabled"),
        (INVALID_CREDENTIALS, Data(0x534), no(LogonRestricted), "not granted this type of logon"),
        (INVALID_CREDENTIALS, Data(0x569), no(LogonRestricted), "not granted this type of logon"),
        (INVALID_CREDENTIALS, Data(0x701), no(AccountExpired), "the account has expired"),
        (INVALID_CREDENTIALS, Data(0x773), no(MustChangePassword), "the password must be changed"),
        (INVALID_CREDENTIALS, Data(0x775), no(AccountLocked), "the account is locked"),
        (INVALID_CREDENTIALS, Data(0x568), unclear(Outage::Directory), "the user is in too many groups for a token"),
        (INVALID_CREDENTIALS, Data(0x51f), unclear(Outage::Directory), "the domain controller found no logon server"),
        (INVALID_CREDENTIALS, Data(0x6ba), unclear(Outage::Directory), "the domain controller could not call another"),
        (INVALID_CREDENTIALS, Data(0x6fb), unclear(Outage::Directory), "the trust between domains is broken"),
        (INVALID_CREDENTIALS, Data(0x6fd), unclear(Outage::Directory), "the trust between domains is broken"),
        (INVALID_CREDENTIALS, Data(0x8009_0346), unclear(Outage::Directory), "the domain controller wants TLS channel bindings"),

        // 389 Directory Server, FreeIPA and their relatives.
        (INVALID_CREDENTIALS, Words("password expired"), no(PasswordExpired), "the password has expired"),
        (INVALID_CREDENTIALS, Words("password is expired"), no(PasswordExpired), "the password has expired"),
        (CONSTRAINT_VIOLATION, Words("password retry limit"), no(AccountLocked), "too many wrong passwords"),
        (CONSTRAINT_VIOLATION, Words("inactivity limit"), no(AccountDisabled), "not used for too long"),
        (UNWILLING_TO_PERFORM, Words("account inactivated"), no(AccountDisabled), "the account is inactivated"),
        (UNWILLING_TO_PERFORM, Words("permanently locked"), no(AccountLocked), "the account is locked"),
        (UNWILLING_TO_PERFORM, Words("too many failed logins"), no(AccountLocked), "too many wrong passwords"),
        (UNWILLING_TO_PERFORM, Words("principal) is expired"), no(AccountExpired), "the account has expired"),

        (INVALID_CREDENTIALS, Policy(PolicyError::PasswordExpired), no(PasswordExpired), "the password has expired"),
        (INVALID_CREDENTIALS, Policy(PolicyError::AccountLocked), no(AccountLocked), "the account is locked"),
        (INVALID_CREDENTIALS, Policy(PolicyError::ChangeAfterReset), no(MustChangePassword), "the password must be changed"),
        (UNWILLING_TO_PERFORM, Policy(PolicyError::AccountLocked), no(AccountLocked), "the account is locked"),
        (CONSTRAINT_VIOLATION, Policy(PolicyError::AccountLocked), no(AccountLocked), "the account is locked"),
        (SUCCESS, Policy(PolicyError::ChangeAfterReset), no(MustChangePassword), "the password must be changed"),
        (INVALID_CREDENTIALS, NetscapeExpired, no(PasswordExpired), "the password has expired"),
        (SUCCESS, NetscapeExpired, no(MustChangePassword), "the password must be changed"),

        // eDirectory.
        (UNWILLING_TO_PERFORM, Words("(-197)"), no(AccountLocked), "too many wrong passwords"),
        (UNWILLING_TO_PERFORM, Words("(-218)"), no(LogonHours), "not at this time of day"),
        (UNWILLING_TO_PERFORM, Words("(-220)"), no(AccountDisabled), "the account is disabled or expired"),
        (UNWILLING_TO_PERFORM, Words("(-222)"), no(PasswordExpired), "the password has expired"),

        (SUCCESS, Any, Verdict::Granted, ""),
        (NO_SUCH_OBJECT, Any, no(UnknownUser), "no such entry"),
        (INAPPROPRIATE_AUTHENTICATION, Any, no(WrongPassword), "the entry has no password"),
        (INVALID_CREDENTIALS, Any, no(WrongPassword), ""),
        (BUSY, Any, unclear(Outage::Directory), "the server is busy"),
        (UNAVAILABLE, Any, unclear(Outage::Directory), "the server is shutting down, or is not there yet"),
        (REFERRAL, Any, unclear(Outage::Referral), ""),
    ]
};

/// Setting a password as the service account.
#[rustfmt::skip]
const PASSWORD_CHANGE: &[Row] = {
    use Denial::*;
    use Sign::*;
    &[
        (SUCCESS, Any, Verdict::Granted, ""),
        (NO_SUCH_OBJECT, Any, no(UnknownUser), "no such entry"),
        (REFERRAL, Any, unclear(Outage::ReadOnly), "the server refers to another one for changes"),
        (PROTOCOL_ERROR, Any, unclear(Outage::Unsupported), "the server does not know this operation"),
        (UNWILLING_TO_PERFORM, Words("no update referral"), unclear(Outage::ReadOnly), "the server is a replica"),
        (UNWILLING_TO_PERFORM, Words("operation restricted"), unclear(Outage::ReadOnly), "the database is read-only"),
        (UNWILLING_TO_PERFORM, Words("read-only"), unclear(Outage::ReadOnly), "the database is read-only"),
        (UNWILLING_TO_PERFORM, Words("read only"), unclear(Outage::ReadOnly), "the database is read-only"),
        (UNWILLING_TO_PERFORM, Words("0000001f"), unclear(Outage::ClearText), "domain controllers set passwords over TLS alone"),
        (CONSTRAINT_VIOLATION, Words("00000056"), no(PasswordRefused), "the old password does not match"),
        (CONSTRAINT_VIOLATION, Words("0000052d"), no(PasswordRefused), "the password policy: length, complexity, history or age"),
        (UNWILLING_TO_PERFORM, Words("0000052d"), no(PasswordRefused), "the password policy: length, complexity, history or age"),
        (CONSTRAINT_VIOLATION, Any, no(PasswordRefused), ""),
        (UNWILLING_TO_PERFORM, Any, no(PasswordRefused), ""),
        (BUSY, Any, unclear(Outage::Directory), "the server is busy"),
        (UNAVAILABLE, Any, unclear(Outage::Directory), "the server is shutting down, or is not there yet"),
    ]
};

/// The judgement of a bind as the user.
pub fn of_bind(answer: &Answer, must_change: MustChange) -> Judgement {
    let policy = PasswordPolicy::of(answer);
    let (verdict, words) = judge(BIND, answer, policy);
    // To a wrong password, domain controllers say something else.
    let is_right = || answer.code == SUCCESS || windows_code(&answer.text) == Some(0x773);
    match (verdict, must_change) {
        (Verdict::Denied(Denial::MustChangePassword), MustChange::Allow) if is_right() => {
            Judgement { verdict: Verdict::Granted, remark: Some(words.to_owned()) }
        }
        (Verdict::Granted, _) => Judgement { verdict, remark: warning(policy) },
        _ => Judgement { verdict, remark: remark(words, answer) },
    }
}

/// The judgement of setting a password as the service account.
pub fn of_password_change(answer: &Answer) -> Judgement {
    let policy = PasswordPolicy::of(answer);
    let (verdict, words) = judge(PASSWORD_CHANGE, answer, policy);
    let is_refusal = matches!(
        answer.code,
        CONSTRAINT_VIOLATION | INSUFFICIENT_ACCESS_RIGHTS | UNWILLING_TO_PERFORM
    );
    match (verdict, policy.error) {
        (Verdict::Granted, _) => Judgement { verdict, remark: None },
        (_, Some(error)) if is_refusal && error.is_about_new_password() => {
            let verdict = Verdict::Denied(Denial::PasswordRefused);
            Judgement { verdict, remark: remark(error.words(), answer) }
        }
        _ => Judgement { verdict, remark: remark(words, answer) },
    }
}

fn judge(rows: &'static [Row], answer: &Answer, policy: PasswordPolicy) -> (Verdict, &'static str) {
    row_of(rows, answer, policy)
        .map_or((unclear(result_code::outage(answer.code)), ""), |(_, _, verdict, words)| {
            (*verdict, words)
        })
}

fn row_of(rows: &'static [Row], answer: &Answer, policy: PasswordPolicy) -> Option<&'static Row> {
    let data = LazyCell::new(|| windows_code(&answer.text));
    let message = LazyCell::new(|| answer.text.to_lowercase());
    let fits = |sign: Sign| match sign {
        Sign::Data(code) => *data == Some(code),
        Sign::Words(words) => message.contains(words),
        Sign::Policy(error) => policy.error == Some(error),
        Sign::NetscapeExpired => policy.netscape_expired,
        Sign::Any => true,
    };
    rows.iter().find(|(code, sign, ..)| *code == answer.code && fits(*sign))
}

/// The code of Windows behind "data " in a domain controller's message.
fn windows_code(message: &str) -> Option<u32> {
    let (_, behind) = message.split_once("AcceptSecurityContext error, data ")?;
    let end = behind.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(behind.len());
    u32::from_str_radix(behind.get(..end)?, 16).ok()
}

/// The meaning in words, and behind it the server's own.
fn remark(words: &str, answer: &Answer) -> Option<String> {
    // Windows ends its messages with a NUL.
    let message = answer.text.trim_matches(['\0', '\n', ' ']);
    let parts: Vec<&str> = [words, message].into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// What the policy has to say about a password that was accepted.
fn warning(policy: PasswordPolicy) -> Option<String> {
    let grace = policy.grace_logins.map(|left| format!("grace logins left: {left}"));
    grace.or_else(|| {
        let left = humantime::format_duration(policy.expires_in?);
        Some(format!("the password expires in {left}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::message::{PASSWORD_POLICY, ResponseControl};

    fn answer(code: u32, text: &str) -> Answer {
        Answer { code, text: text.to_owned(), controls: Vec::new() }
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

    /// Lines of `operation <TAB> case <TAB> result code <TAB> message <TAB> controls <TAB> verdict:
    /// reason`, as servers sent them.
    #[test]
    fn captured_answers_mean_what_they_should() {
        let replies = concat!(env!("CARGO_MANIFEST_DIR"), "/ldap-fixtures/replies");
        let mut seen = [vec![false; BIND.len()], vec![false; PASSWORD_CHANGE.len()]];
        for file in std::fs::read_dir(replies).unwrap() {
            let path = file.unwrap().path();
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let context = format!("{}: {line}", path.display());
                let [operation, _, code, message, listed, expected] =
                    line.split('\t').collect::<Vec<_>>()[..]
                else {
                    panic!("six columns are wanted: {context}");
                };
                let answer = Answer {
                    code: code.parse().unwrap(),
                    text: message.replace("\\0", "\0"),
                    controls: controls(listed),
                };
                let (judged, rows, seen) = match operation {
                    "bind" => (of_bind(&answer, MustChange::Deny), BIND, &mut seen[0]),
                    "setpass" => (of_password_change(&answer), PASSWORD_CHANGE, &mut seen[1]),
                    _ => panic!("bind or setpass is wanted: {context}"),
                };
                assert_eq!(judged.verdict.to_string(), expected, "{context}");
                if let Some(row) = row_of(rows, &answer, PasswordPolicy::of(&answer)) {
                    let index = rows.iter().position(|other| std::ptr::eq(other, row)).unwrap();
                    seen[index] = true;
                }
                if judged.verdict != Verdict::Granted {
                    assert!(!judged.verdict.advice().is_empty(), "{context}");
                }
            }
        }
        for (rows, seen) in [(BIND, &seen[0]), (PASSWORD_CHANGE, &seen[1])] {
            let untested: Vec<&Row> =
                rows.iter().zip(seen).filter(|(_, seen)| !**seen).map(|(row, _)| row).collect();
            assert!(untested.is_empty(), "no captured answer for {untested:?}");
        }
    }

    #[test]
    fn who_must_change_the_password_may_be_let_in() {
        let text = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 773, v4563\0";
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

    #[test]
    fn an_outage_is_never_a_denial() {
        for code in [1, 2, 3, 7, 8, 10, 11, 13, 19, 34, 50, 51, 52, 53, 80, 123, 4096, u32::MAX] {
            let judged = of_bind(&answer(code, ""), MustChange::Deny);
            assert!(matches!(judged.verdict, Verdict::Unavailable(_)), "{code}");
        }
        for code in [1, 2, 3, 8, 10, 13, 49, 50, 51, 52, 80, u32::MAX] {
            let judged = of_password_change(&answer(code, ""));
            assert!(matches!(judged.verdict, Verdict::Unavailable(_)), "{code}");
        }
    }

    #[test]
    fn a_policy_judges_a_new_password_only_where_the_server_refused_it() {
        let judged = |code, error: u8| {
            let mut answer = answer(code, "");
            answer.controls = controls(&format!("{PASSWORD_POLICY}=30038101{error:02x}"));
            of_password_change(&answer).verdict
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
            prop_assert_ne!(of_password_change(&answer).verdict, Verdict::Granted);
        }
    }
}
