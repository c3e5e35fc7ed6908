//! Why a request is answered with "no", each reason once: its name for the log, and what an operator
//! does next.

macro_rules! denials {
    ($($(#[doc = $meaning:literal])+ $denial:ident = $name:literal, $advice:literal;)*) => {
        /// Why a request was answered with "no".
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Denial {
            $($(#[doc = $meaning])+ $denial,)*
        }

        impl Denial {
            /// Each.
            pub const ALL: &[Self] = &[$(Self::$denial,)*];

            /// The denial for the reason of this name.
            pub fn named(reason: &str) -> Self {
                match reason {
                    $($name => Self::$denial,)*
                    _ => Self::Unexplained,
                }
            }

            /// Its name for the log.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$denial => $name,)*
                }
            }

            /// What it means, for the manual.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$denial => concat!($($meaning),+).trim_ascii_start(),)*
                }
            }

            /// What an operator does next, in one line.
            pub fn advice(self) -> &'static str {
                match self {
                    $(Self::$denial => $advice,)*
                }
            }
        }
    };
}

denials! {
    /// The account is disabled.
    AccountDisabled = "account-disabled",
        "enable the account in the directory, if that is meant";
    /// The account has expired.
    AccountExpired = "account-expired",
        "set a later expiry date of the account in the directory";
    /// The account is locked, as after too many wrong passwords.
    AccountLocked = "account-locked",
        "unlock the account in the directory; look for a client that still has an old password";
    /// An empty password: a simple bind with it would be an unauthenticated bind, which many
    /// servers accept (RFC 4513, section 5.1.2).
    EmptyPassword = "empty-password",
        "the client sent no password";
    /// Signing in is not allowed at this time of day or day of the week.
    LogonHours = "logon-hours",
        "the account's logon hours in the directory forbid it now";
    /// Signing in is not allowed in this way or from this machine.
    LogonRestricted = "logon-restricted",
        "allow the account to log on over the network, to this server, in the directory";
    /// Not a request of this protocol: missing fields, control characters, invalid UTF-8, too long.
    Malformed = "malformed",
        "this is no request of the protocol; look at who asks";
    /// The password is right, but must be changed first.
    MustChangePassword = "must-change-password",
        "let the user change the password elsewhere, or set must_change_password = \"allow\"";
    /// The listener that was asked does not carry this out.
    NotAllowed = "not-allowed",
        "write the verb into `verbs` of this [listen], if that is meant";
    /// The user is in none of the groups that may sign in.
    NotInGroup = "not-in-group",
        "put the user into the group, or see require_group";
    /// More bytes arrived before the reply on a terminal: an injected line, or a caller out of step.
    OutOfStep = "out-of-step",
        "look for a client that sends line breaks in passwords";
    /// `set_password` is off for this directory.
    PasswordChangeOff = "password-change-off",
        "set set_password = \"auto\", if users may change passwords";
    /// The password has expired.
    PasswordExpired = "password-expired",
        "let the user change the password elsewhere, or set a new one";
    /// The directory refused the new password.
    PasswordRefused = "password-refused",
        "the directory's password policy refuses it; see its words";
    /// The daemon says so, for a reason that this program does not know.
    Unexplained = "unexplained",
        "see the daemon's log";
    /// The XMPP domain is not configured.
    UnknownDomain = "unknown-domain",
        "write [domain.\"…\"] for it, if it is to be served";
    /// No entry for this user.
    UnknownUser = "unknown-user",
        "check base, user_filter and what the service account may see";
    /// A verb that this program never carries out.
    Unsupported = "unsupported",
        "this program never does that";
    /// The directory refused the bind.
    WrongPassword = "wrong-password",
        "the password is wrong, or the directory says no more than that";
}
