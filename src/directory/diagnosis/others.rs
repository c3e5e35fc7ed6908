//! What other directories say in their messages, and proxies before them.

use super::meaning::{Meaning, Words, cannot_tell, no};
use crate::result_code::INVALID_CREDENTIALS;
use crate::verdict::Denial::*;
use crate::verdict::Outage;

const LOCKED: Meaning = no(AccountLocked, "the account is locked");
const DISABLED: Meaning = no(AccountDisabled, "the account is disabled");
const ACCOUNT_EXPIRED: Meaning = no(AccountExpired, "the account has expired");
const PASSWORD_EXPIRED: Meaning = no(PasswordExpired, "the password has expired");
const MUST_CHANGE: Meaning = no(MustChangePassword, "the password must be changed");

/// IBM Security Directory Server, Oracle Internet Directory, and Ping Directory, OpenDJ and their
/// relatives, in this order; and the LDAP proxy of privacyIDEA.
#[rustfmt::skip]
pub(super) static BIND: &Words = &[
    ("account is locked", LOCKED),
    ("account is inactivated", DISABLED),
    ("password has expired", PASSWORD_EXPIRED),
    ("must be changed after reset", MUST_CHANGE),
    ("gsl_pwdexpired_excp", PASSWORD_EXPIRED),
    ("gsl_accountlocked_excp", LOCKED),
    ("gsl_acctdisabled_excp", DISABLED),
    ("account has been locked", LOCKED),
    ("account has been administratively disabled", DISABLED),
    ("account has expired", ACCOUNT_EXPIRED),
    ("user's password is expired", PASSWORD_EXPIRED),
    ("reusing connections is disabled", cannot_tell(Outage::Refused { code: Some(INVALID_CREDENTIALS) }, "it takes one bind a connection: write reuse = false into [directory.NAME.pool]")),
];
