//! What the refusal of StartTLS means. It judges nobody.

use crate::directory::message::LdapResult;
use crate::result_code::{self, OPERATIONS_ERROR, OTHER, PROTOCOL_ERROR, UNAVAILABLE};

/// The refusal by this answer, which is not success, with the server's words and what to do.
pub fn of_start_tls(answer: &LdapResult) -> String {
    let LdapResult { code, text, .. } = answer;
    let advice = match *code {
        UNAVAILABLE | OTHER | OPERATIONS_ERROR => "the server may have no certificate: give it one",
        PROTOCOL_ERROR => "the server does not know StartTLS: write ldaps://, if it has that",
        _ => "see the server's log, or write ldaps://",
    };
    let name = result_code::name(*code).unwrap_or("unknown");
    let words = text.trim_end_matches('\0');
    format!("StartTLS refused ({name}, result code {code}): {words:?}; {advice}")
}
