//! What an answer means: no words and no control make a yes of a no, or a no of "cannot tell".

use xmpp_ldap_auth::directory::diagnosis::{MustChange, of_bind, of_password_change};
use xmpp_ldap_auth::directory::message::LdapResult;
use xmpp_ldap_auth::verdict::{Denial, Verdict};

use crate::answer;

/// Result codes of RFC 4511, appendix A.2.
const SUCCESS: u32 = 0;
const CONSTRAINT_VIOLATION: u32 = 19;
const NO_SUCH_OBJECT: u32 = 32;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INVALID_CREDENTIALS: u32 = 49;
const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
const UNWILLING_TO_PERFORM: u32 = 53;

/// The input is an answer; see [`answer::read`].
pub fn check(input: &[u8]) {
    let Some(answer) = answer::read(input) else { return };
    check_bind(&answer);
    check_password_change(&answer);
}

fn check_bind(answer: &LdapResult) {
    let strict = of_bind(answer, MustChange::Deny).verdict;
    let lenient = of_bind(answer, MustChange::Allow).verdict;
    assert!(strict != Verdict::Granted || answer.code == SUCCESS, "{answer:?}");
    if lenient != strict {
        assert_eq!(strict, Verdict::Denied(Denial::MustChangePassword), "{answer:?}");
        assert_eq!(lenient, Verdict::Granted, "{answer:?}");
        let is_right = answer.code == SUCCESS || answer.text.contains("773");
        assert!(is_right, "{answer:?}");
    }
    let may_judge = match answer.code {
        SUCCESS => matches!(strict, Verdict::Granted | Verdict::Denied(Denial::MustChangePassword)),
        NO_SUCH_OBJECT
        | INAPPROPRIATE_AUTHENTICATION
        | INVALID_CREDENTIALS
        | INSUFFICIENT_ACCESS_RIGHTS => true,
        // These judge nobody by themselves.
        CONSTRAINT_VIOLATION | UNWILLING_TO_PERFORM => {
            !is_denied(strict) || !answer.text.is_empty() || !answer.controls.is_empty()
        }
        _ => matches!(strict, Verdict::Unavailable(_)),
    };
    assert!(may_judge, "{answer:?} gave {strict:?}");
    if answer.code == SUCCESS {
        let silent = LdapResult { text: String::new(), ..answer.clone() };
        assert_eq!(of_bind(&silent, MustChange::Deny).verdict, strict, "words count with success");
    }
}

fn check_password_change(answer: &LdapResult) {
    let verdict = of_password_change(answer, true).verdict;
    assert_eq!(verdict == Verdict::Granted, answer.code == SUCCESS, "{answer:?}");
    let may_deny = matches!(
        answer.code,
        CONSTRAINT_VIOLATION | NO_SUCH_OBJECT | INSUFFICIENT_ACCESS_RIGHTS | UNWILLING_TO_PERFORM
    );
    assert!(may_deny || !is_denied(verdict), "{answer:?} gave {verdict:?}");
}

fn is_denied(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Denied(_))
}
