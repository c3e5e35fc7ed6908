//! What the refusal of a SASL bind by Kerberos means.

use super::refusal::Refusal;
use super::windows_error::{BAD_BINDINGS, WindowsCode};
use crate::directory::message::LdapResult;
use crate::result_code::{
    self, AUTH_METHOD_NOT_SUPPORTED, INVALID_CREDENTIALS, STRONGER_AUTH_REQUIRED,
    UNWILLING_TO_PERFORM,
};

/// The refusal of a SASL bind by this answer, which neither is success nor wants another token.
pub fn of_sasl_bind(answer: &LdapResult) -> Refusal {
    let (code, words) = (answer.code, &*answer.text);
    let has_bad_bindings = || {
        WindowsCode::status(words) == Some(WindowsCode::Status(BAD_BINDINGS))
            || WindowsCode::data(words) == Some(WindowsCode::Data(BAD_BINDINGS))
    };
    let advice = match code {
        AUTH_METHOD_NOT_SUPPORTED => "; the server does not offer GSSAPI",
        STRONGER_AUTH_REQUIRED => {
            "; the server wants more protection than it was given: on Samba, where `ldap server require strong auth = yes` refuses Kerberos over TLS, write sasl_seal = true with ldap:// servers"
        }
        INVALID_CREDENTIALS if has_bad_bindings() => {
            "; the server wants channel bindings that fit its TLS certificate; is there a proxy between?"
        }
        UNWILLING_TO_PERFORM => {
            "; the server takes Kerberos only without TLS: write sasl_seal = true with ldap:// servers"
        }
        _ => "",
    };
    Refusal {
        code: Some(code),
        is_judged: !result_code::says_not_now(code),
        text: format!("the server refused Kerberos: result code {code}, {words:?}{advice}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result_code::BUSY;

    #[test]
    fn a_refusal_carries_its_code_and_advice() {
        let of_sasl_bind = |code, text: &str| {
            of_sasl_bind(&LdapResult { code, text: text.to_owned(), ..LdapResult::default() })
        };
        let strong = of_sasl_bind(STRONGER_AUTH_REQUIRED, "no");
        assert_eq!((strong.code, strong.is_judged), (Some(8), true));
        assert!(strong.text.contains("sasl_seal"), "{strong:?}");
        assert!(!of_sasl_bind(BUSY, "").is_judged);
        let words = "80090346: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data 80090346, v4563";
        assert!(of_sasl_bind(INVALID_CREDENTIALS, words).text.contains("channel bindings"));
        assert!(!of_sasl_bind(INVALID_CREDENTIALS, "no").text.contains("channel bindings"));
    }
}
