//! Result codes of LDAP (RFC 4511, appendix A), each once, and what a code says by itself.

macro_rules! result_codes {
    ($($name:literal $constant:ident = $code:literal,)*) => {
        $(
            #[doc = $name]
            pub const $constant: u32 = $code;
        )*

        /// The name of a code (RFC 4511, appendix A.2).
        pub fn name(code: u32) -> Option<&'static str> {
            match code {
                $($constant => Some($name),)*
                _ => None,
            }
        }
    };
}

result_codes! {
    "success" SUCCESS = 0,
    "operationsError" OPERATIONS_ERROR = 1,
    "protocolError" PROTOCOL_ERROR = 2,
    "timeLimitExceeded" TIME_LIMIT_EXCEEDED = 3,
    "sizeLimitExceeded" SIZE_LIMIT_EXCEEDED = 4,
    "compareFalse" COMPARE_FALSE = 5,
    "compareTrue" COMPARE_TRUE = 6,
    "authMethodNotSupported" AUTH_METHOD_NOT_SUPPORTED = 7,
    "strongerAuthRequired" STRONGER_AUTH_REQUIRED = 8,
    "referral" REFERRAL = 10,
    "adminLimitExceeded" ADMIN_LIMIT_EXCEEDED = 11,
    "unavailableCriticalExtension" UNAVAILABLE_CRITICAL_EXTENSION = 12,
    "confidentialityRequired" CONFIDENTIALITY_REQUIRED = 13,
    "saslBindInProgress" SASL_BIND_IN_PROGRESS = 14,
    "noSuchAttribute" NO_SUCH_ATTRIBUTE = 16,
    "undefinedAttributeType" UNDEFINED_ATTRIBUTE_TYPE = 17,
    "inappropriateMatching" INAPPROPRIATE_MATCHING = 18,
    "constraintViolation" CONSTRAINT_VIOLATION = 19,
    "attributeOrValueExists" ATTRIBUTE_OR_VALUE_EXISTS = 20,
    "invalidAttributeSyntax" INVALID_ATTRIBUTE_SYNTAX = 21,
    "noSuchObject" NO_SUCH_OBJECT = 32,
    "aliasProblem" ALIAS_PROBLEM = 33,
    "invalidDNSyntax" INVALID_DN_SYNTAX = 34,
    "aliasDereferencingProblem" ALIAS_DEREFERENCING_PROBLEM = 36,
    "inappropriateAuthentication" INAPPROPRIATE_AUTHENTICATION = 48,
    "invalidCredentials" INVALID_CREDENTIALS = 49,
    "insufficientAccessRights" INSUFFICIENT_ACCESS_RIGHTS = 50,
    "busy" BUSY = 51,
    "unavailable" UNAVAILABLE = 52,
    "unwillingToPerform" UNWILLING_TO_PERFORM = 53,
    "loopDetect" LOOP_DETECT = 54,
    "namingViolation" NAMING_VIOLATION = 64,
    "objectClassViolation" OBJECT_CLASS_VIOLATION = 65,
    "notAllowedOnNonLeaf" NOT_ALLOWED_ON_NON_LEAF = 66,
    "notAllowedOnRDN" NOT_ALLOWED_ON_RDN = 67,
    "entryAlreadyExists" ENTRY_ALREADY_EXISTS = 68,
    "objectClassModsProhibited" OBJECT_CLASS_MODS_PROHIBITED = 69,
    "affectsMultipleDSAs" AFFECTS_MULTIPLE_DSAS = 71,
    "other" OTHER = 80,
}

/// A code as messages show it: its number and its name.
pub fn described(code: u32) -> String {
    match name(code) {
        Some(name) => format!("result code {code}, {name}"),
        None => format!("result code {code}"),
    }
}

/// What an operator does about a request that ended with this code, as far as a code tells.
pub fn advice(code: u32) -> Option<&'static str> {
    Some(match code {
        STRONGER_AUTH_REQUIRED => {
            "the server wants encryption, or SASL: use ldaps:// or start_tls = true, or see sasl"
        }
        CONFIDENTIALITY_REQUIRED => "the server wants encryption: use ldaps:// or start_tls = true",
        TIME_LIMIT_EXCEEDED | SIZE_LIMIT_EXCEEDED | ADMIN_LIMIT_EXCEEDED => {
            "let the server index the attributes of user_filter, or raise its limits for the service account"
        }
        NO_SUCH_OBJECT => "base does not exist, or the service account may not see it",
        INVALID_DN_SYNTAX => {
            "base, or another DN in the configuration, is none that this server takes"
        }
        INSUFFICIENT_ACCESS_RIGHTS => "the service account lacks the right to do this",
        _ => return None,
    })
}

/// What an operator does about a bind as the service account that ended with this code, as far as a
/// code tells.
pub fn advice_on_service_bind(code: u32) -> Option<&'static str> {
    match code {
        STRONGER_AUTH_REQUIRED | CONFIDENTIALITY_REQUIRED => advice(code),
        code if judges_nobody(code) => Some("see the server's own words, and its log"),
        _ => None,
    }
}

/// Whether a server with this answer says that it cannot work now, so that another one is asked.
pub fn says_not_now(code: u32) -> bool {
    matches!(code, BUSY | UNAVAILABLE)
}

/// Whether a server with this answer has judged nothing because of a fault or a limit of its own, so
/// that another one might do better.
pub fn judges_nobody(code: u32) -> bool {
    matches!(
        code,
        OPERATIONS_ERROR
            | TIME_LIMIT_EXCEEDED
            | ADMIN_LIMIT_EXCEEDED
            | BUSY
            | UNAVAILABLE
            | LOOP_DETECT
            | OTHER
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_standard() {
        assert_eq!(name(INVALID_CREDENTIALS), Some("invalidCredentials"));
        assert_eq!(name(8), Some("strongerAuthRequired"));
        for unassigned in [9, 15, 35, 70, 82, 4096] {
            assert_eq!(name(unassigned), None);
        }
    }

    #[test]
    fn a_server_that_judges_nobody_has_no_word_about_the_service_accounts_password() {
        for code in 0..100 {
            let about_server = judges_nobody(code)
                || matches!(code, STRONGER_AUTH_REQUIRED | CONFIDENTIALITY_REQUIRED);
            assert_eq!(advice_on_service_bind(code).is_some(), about_server, "{code}");
        }
    }
}
