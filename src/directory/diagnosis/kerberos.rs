//! What it means that there is no Kerberos ticket, by the numbers of the errors.

use super::refusal::Refusal;

/// MIT's library counts its errors from here: first those of the protocol (RFC 4120, section 7.5.9),
/// each by its own number.
const FIRST_ERROR: u32 = (-1_765_328_384_i32).cast_unsigned();

const KDC_ERR_C_PRINCIPAL_UNKNOWN: u32 = 6;
const KDC_ERR_S_PRINCIPAL_UNKNOWN: u32 = 7;
const KDC_ERR_ETYPE_NOSUPP: u32 = 14;
const KDC_ERR_CLIENT_REVOKED: u32 = 18;
const KDC_ERR_KEY_EXPIRED: u32 = 23;
const KDC_ERR_PREAUTH_FAILED: u32 = 24;
const KDC_ERR_SVC_UNAVAILABLE: u32 = 29;
const KRB_AP_ERR_SKEW: u32 = 37;

/// Behind them come the library's own.
const FIRST_OF_LIBRARY: u32 = 128;
const KRB5_REALM_UNKNOWN: u32 = 154;
const KRB5_KDC_UNREACH: u32 = 156;
const KRB5_REALM_CANT_RESOLVE: u32 = 220;

/// Why the account `client` was given no ticket for `server`, by GSSAPI's minor status and the words
/// of the library. It is judged where the KDC has something against it: then each attempt may count.
pub fn of_ticket(minor_status: u32, words: &str, client: &str, server: &str) -> Refusal {
    let number = minor_status.wrapping_sub(FIRST_ERROR);
    // Whatever else the KDC says, it may have counted a wrong password.
    let is_judged = !matches!(
        number,
        0 | KDC_ERR_S_PRINCIPAL_UNKNOWN
            | KDC_ERR_SVC_UNAVAILABLE
            | KRB_AP_ERR_SKEW
            | FIRST_OF_LIBRARY..
    );
    let advice = match number {
        KDC_ERR_C_PRINCIPAL_UNKNOWN => &format!("the KDC does not know {client}"),
        KDC_ERR_S_PRINCIPAL_UNKNOWN => &format!(
            "the KDC does not know {server}; write the server's host name in servers, not an address or an alias, or write it as sasl_host"
        ),
        KDC_ERR_ETYPE_NOSUPP => {
            "the KDC and the keytab share no kind of key: export the keytab with AES keys"
        }
        KDC_ERR_CLIENT_REVOKED => &format!("{client} is disabled, locked or expired"),
        KDC_ERR_KEY_EXPIRED => &format!("the password of {client} has expired"),
        KDC_ERR_PREAUTH_FAILED => {
            "the keytab is older than the account's password: export it again"
        }
        KDC_ERR_SVC_UNAVAILABLE => "the KDC is not available now",
        KRB_AP_ERR_SKEW => "the clocks of this machine and of the KDC differ: synchronize them",
        KRB5_REALM_UNKNOWN | KRB5_KDC_UNREACH | KRB5_REALM_CANT_RESOLVE => {
            "can the KDC be reached, and does krb5.conf, or $KRB5_CONFIG, know it?"
        }
        _ => "see the keytab with `klist -k`, and try it with `kinit -k -t`",
    };
    Refusal { code: None, is_judged, text: format!("Kerberos: {words}; {advice}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_by_the_kdc_is_judged_unless_it_is_about_something_else() {
        let refusal = |number: u32| {
            of_ticket(FIRST_ERROR.wrapping_add(number), "words", "svc@X", "ldap/dc1@X")
        };
        for number in [6, 14, 18, 23, 24, 1, 127] {
            assert!(refusal(number).is_judged, "{number}");
        }
        for number in [0, 7, 29, 37, 128, 154, 156, 220, u32::MAX] {
            assert!(!refusal(number).is_judged, "{number}");
        }
        assert!(refusal(6).text.contains("does not know svc@X"));
        assert!(refusal(7).text.contains("does not know ldap/dc1@X"));
        assert!(refusal(37).text.starts_with("Kerberos: words; the clocks"));
    }
}
