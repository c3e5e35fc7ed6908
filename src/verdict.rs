//! What became of a request: three values, because "cannot tell" is neither a yes nor a no.
//!
//! A [`Verdict`] says what was decided and why; an [`Outcome`] adds what only the log wants to
//! know. Neither can hold a password.

use std::fmt;
use std::sync::Arc;

use crate::result_code;

/// The words of [`Verdict::word`].
pub const YES: &str = "yes";
/// See [`YES`].
pub const NO: &str = "no";
/// See [`YES`].
pub const UNKNOWN: &str = "unknown";

/// The decision about one request.
///
/// Only [`protocol::dialect`](crate::protocol::dialect) turns it into bytes, so "cannot tell" stays
/// apart from "no" until the last moment.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The directory said yes.
    Granted,
    /// Somebody who is entitled to judge said no.
    Denied(Denial),
    /// Nobody judged the request.
    Unavailable(Outage),
}

/// Why a request was answered with "no".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The account is disabled.
    AccountDisabled,
    /// The account has expired.
    AccountExpired,
    /// The account is locked, as after too many wrong passwords.
    AccountLocked,
    /// An empty password: a simple bind with it would be an unauthenticated bind, which many
    /// servers accept (RFC 4513, section 5.1.2).
    EmptyPassword,
    /// Not a request of this protocol: missing fields, control characters, invalid UTF-8, too long.
    Malformed,
    /// Signing in is not allowed at this time of day or day of the week.
    LogonHours,
    /// Signing in is not allowed in this way or from this machine.
    LogonRestricted,
    /// The password is right, but must be changed first.
    MustChangePassword,
    /// The listener that was asked does not carry this out.
    NotAllowed,
    /// The user is in none of the groups that may sign in.
    NotInGroup,
    /// More bytes arrived before the reply on a terminal: an injected line, or a caller out of step.
    OutOfStep,
    /// The password has expired.
    PasswordExpired,
    /// The directory refused the new password.
    PasswordRefused,
    /// `set_password` is off for this directory.
    PasswordChangeOff,
    /// The XMPP domain is not configured.
    UnknownDomain,
    /// The daemon says so, for a reason that this program does not know.
    Unexplained,
    /// No entry for this user.
    UnknownUser,
    /// A verb that this program never carries out.
    Unsupported,
    /// The directory refused the bind.
    WrongPassword,
}

/// Why nobody could judge a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// More than one entry matches; picking one could sign in the wrong person.
    Ambiguous,
    /// The directory's answer is not well-formed LDAP.
    BadReply,
    /// The password would have crossed the network in clear text.
    ClearText,
    /// The daemon is ending, and takes no more requests.
    Closing,
    /// The time to answer ran out.
    DeadlinePassed,
    /// The directory says that it cannot judge now, and why.
    Directory,
    /// The user is in more groups, or in deeper ones, than are followed.
    GroupsTooDeep,
    /// A defect of this program, contained to one request.
    Internal,
    /// The connection ended before the answer came.
    LostConnection,
    /// The configuration is not usable.
    Misconfigured,
    /// The daemon cannot be asked.
    NoDaemon,
    /// The server knows no operation to set a password by.
    NoPasswordOperation,
    /// No server could be reached.
    NoServer,
    /// So many sign-ins wait for the directory that this one's turn would come too late.
    Overloaded,
    /// The server takes no changes.
    ReadOnly,
    /// The server refers to another server; referrals are never chased.
    Referral,
    /// The server answered with a result code that judges nobody (RFC 4511, section 4.1.9).
    Refused {
        /// The result code.
        code: u32,
    },
    /// The service account could not bind.
    ServiceBind {
        /// The result code of its bind; none if it was the KDC that refused it.
        code: Option<u32>,
    },
    /// The service account could not bind because of the state that it is in.
    ServiceState(Denial),
    /// There were so many wrong passwords that one more might lock the account, so the directory is
    /// not asked for a while.
    TooManyFailures,
    /// Nothing is configured that could answer this kind of question.
    Unanswerable,
    /// The daemon says so, for a reason that this program does not know.
    Unexplained,
}

impl Verdict {
    /// `granted`, `denied` or `unavailable`, for the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// `yes`, `no` or `unknown`, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => YES,
            Self::Denied(_) => NO,
            Self::Unavailable(_) => UNKNOWN,
        }
    }

    /// What an operator does next, in one line; nothing for a yes.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Granted => "",
            Self::Denied(denial) => denial.advice(),
            Self::Unavailable(outage) => outage.advice(),
        }
    }

    /// The command that shows more of it, if there is one.
    pub fn command(self) -> Option<&'static str> {
        match self {
            Self::Denied(Denial::NotInGroup | Denial::UnknownUser) => Some("explain"),
            Self::Unavailable(Outage::NoServer | Outage::DeadlinePassed) => Some("login"),
            _ => None,
        }
    }

    /// The reason in one word, for the log; `ok` for a yes.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Granted => "ok",
            Self::Denied(denial) => denial.row().0,
            Self::Unavailable(outage) => outage.row().0,
        }
    }
}

impl Denial {
    const ALL: [Self; 19] = [
        Self::AccountDisabled,
        Self::AccountExpired,
        Self::AccountLocked,
        Self::EmptyPassword,
        Self::LogonHours,
        Self::LogonRestricted,
        Self::Malformed,
        Self::MustChangePassword,
        Self::NotAllowed,
        Self::NotInGroup,
        Self::OutOfStep,
        Self::PasswordChangeOff,
        Self::PasswordExpired,
        Self::PasswordRefused,
        Self::Unexplained,
        Self::UnknownDomain,
        Self::UnknownUser,
        Self::Unsupported,
        Self::WrongPassword,
    ];

    /// The denial for the reason of this name.
    pub fn named(reason: &str) -> Self {
        Self::ALL.into_iter().find(|it| it.row().0 == reason).unwrap_or(Self::Unexplained)
    }

    /// Its name for the log, and what an operator does next.
    #[rustfmt::skip]
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::AccountDisabled => ("account-disabled", "enable the account in the directory, if that is meant"),
            Self::AccountExpired => ("account-expired", "set a later expiry date of the account in the directory"),
            Self::AccountLocked => ("account-locked", "unlock the account in the directory; look for a client that still has an old password"),
            Self::EmptyPassword => ("empty-password", "the client sent no password"),
            Self::LogonHours => ("logon-hours", "the account's logon hours in the directory forbid it now"),
            Self::LogonRestricted => ("logon-restricted", "allow the account to log on over the network, to this server, in the directory"),
            Self::Malformed => ("malformed", "this is no request of the protocol; look at who asks"),
            Self::MustChangePassword => ("must-change-password", "let the user change the password elsewhere, or set must_change_password = \"allow\""),
            Self::NotAllowed => ("not-allowed", "write the verb into `verbs` of this [listen], if that is meant"),
            Self::NotInGroup => ("not-in-group", "put the user into the group, or see require_group"),
            Self::OutOfStep => ("out-of-step", "look for a client that sends line breaks in passwords"),
            Self::PasswordChangeOff => ("password-change-off", "set set_password = \"auto\", if users may change passwords"),
            Self::PasswordExpired => ("password-expired", "let the user change the password elsewhere, or set a new one"),
            Self::PasswordRefused => ("password-refused", "the directory's password policy refuses it; see its words"),
            Self::Unexplained => ("unexplained", "see the daemon's log"),
            Self::UnknownDomain => ("unknown-domain", "write [domain.\"…\"] for it, if it is to be served"),
            Self::UnknownUser => ("unknown-user", "check base, user_filter and what the service account may see"),
            Self::Unsupported => ("unsupported", "this program never does that"),
            Self::WrongPassword => ("wrong-password", "the password is wrong, or the directory says no more than that"),
        }
    }

    /// What an operator does next, in one line.
    pub fn advice(self) -> &'static str {
        self.row().1
    }
}

/// Whom an outage concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    /// Everybody: the directory is not there to be asked.
    Absence,
    /// Everybody: the directory is there, and does not let the service account in.
    ServiceAccount,
    /// Everybody who asks through this process.
    Daemon,
    /// Who asked this: the directory has an answer that does not help.
    Question,
}

impl Outage {
    /// Each, without what it holds besides.
    const ALL: [Self; 21] = [
        Self::Ambiguous,
        Self::BadReply,
        Self::ClearText,
        Self::Closing,
        Self::DeadlinePassed,
        Self::Directory,
        Self::GroupsTooDeep,
        Self::Internal,
        Self::LostConnection,
        Self::Misconfigured,
        Self::NoDaemon,
        Self::NoPasswordOperation,
        Self::NoServer,
        Self::Overloaded,
        Self::ReadOnly,
        Self::Referral,
        Self::Refused { code: result_code::OTHER },
        Self::ServiceBind { code: None },
        Self::TooManyFailures,
        Self::Unanswerable,
        Self::Unexplained,
    ];

    /// The outage for the reason of this name.
    pub fn named(reason: &str) -> Self {
        Self::ALL.into_iter().find(|it| it.row().0 == reason).unwrap_or(Self::Unexplained)
    }

    /// Its name for the log, whom it concerns, and what an operator does next.
    #[rustfmt::skip]
    fn row(self) -> (&'static str, Concern, &'static str) {
        use Concern::{Absence, Daemon, Question, ServiceAccount};
        match self {
            Self::Ambiguous => ("ambiguous", Question, "make user_filter match one entry for each user"),
            Self::BadReply => ("bad-reply", Absence, "check that the server is an LDAP server and that nothing between rewrites its answers"),
            Self::ClearText => ("clear-text", Question, "use ldaps:// or start_tls = true"),
            Self::Closing => ("closing", Question, "the daemon is ending; connect anew"),
            Self::DeadlinePassed => ("deadline-passed", Absence, "the directory is slow or unreachable; look at its load and the network, or raise answer_within"),
            Self::Directory => ("directory-failure", Absence, "see the directory's own words, and its log"),
            Self::GroupsTooDeep => ("groups-too-deep", Question, "the user is in very many groups: set group_method to what the directory keeps itself, or nested_groups = false"),
            Self::Internal => ("internal", Question, "please report this with the log lines around it"),
            Self::LostConnection => ("lost-connection", Absence, "the server closed the connection; look at its log"),
            Self::Misconfigured => ("misconfigured", Question, "run `xmpp-ldap-auth check`, and `xmpp-ldap-auth probe`, which asks the directory"),
            Self::NoDaemon => ("no-daemon", Daemon, "start the daemon, or look at its log; `daemon` in our configuration must be its socket"),
            Self::NoPasswordOperation => ("unsupported", Question, "the server offers no way to set a password: write set_password = \"off\""),
            Self::NoServer => ("no-server", Absence, "check the servers, the network and the certificates"),
            Self::Overloaded => ("overloaded", Absence, "the directory is slower than its users sign in: give it more power, or raise pool.size if it has power to spare"),
            Self::ReadOnly => ("read-only", Question, "this server takes no changes: name one that does in [directory.NAME.write]"),
            Self::Referral => ("referral", Question, "point `servers` and `base` at the server that holds the entries"),
            Self::Refused { code } if result_code::is_elsewhere_better(code) => ("refused", Absence, advice_on_refusal(code)),
            Self::Refused { code } => ("refused", Question, advice_on_refusal(code)),
            Self::ServiceBind { code } => ("service-bind", ServiceAccount, code.and_then(result_code::advice_on_service_bind).unwrap_or("check bind_dn and its password")),
            Self::ServiceState(Denial::AccountLocked) => ("service-bind", ServiceAccount, "unlock the service account in the directory; look for what still has its old password"),
            Self::ServiceState(Denial::PasswordExpired | Denial::MustChangePassword) => ("service-bind", ServiceAccount, "set a new password of the service account, one that does not expire and need not be changed"),
            Self::ServiceState(_) => ("service-bind", ServiceAccount, "mend the service account in the directory: see its own words about what keeps it out"),
            Self::TooManyFailures => ("too-many-failures", Question, "find out who tries; [throttle] keeps the directory from locking the account"),
            Self::Unanswerable => ("unanswerable", Question, "isuser and setpass need a service account: set bind_dn and bind_password_file"),
            Self::Unexplained => ("unexplained", Question, "see the daemon's log"),
        }
    }

    /// Whether the directory is not there to be asked, as opposed to having an answer that helps
    /// nobody.
    pub fn is_absence(self) -> bool {
        self.row().1 == Concern::Absence
    }

    /// Whether everybody who asks this directory is told the same, as opposed to one account.
    pub fn concerns_everybody(self) -> bool {
        self.row().1 != Concern::Question
    }

    /// What an operator does next, in one line.
    pub fn advice(self) -> &'static str {
        self.row().2
    }
}

fn advice_on_refusal(code: u32) -> &'static str {
    result_code::advice(code).unwrap_or(
        "see the server's own words, and its log at that time; RFC 4511, appendix A, has what the code means",
    )
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::Denied(_) => write!(f, "denied: {}", self.reason()),
            Self::Unavailable(outage) => {
                write!(f, "cannot tell: {}", self.reason())?;
                match outage {
                    Outage::Refused { code } | Outage::ServiceBind { code: Some(code) } => {
                        write!(f, " ({})", result_code::described(*code))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// A verdict with what the audit log adds to it.
#[must_use]
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The decision.
    pub verdict: Verdict,
    /// The server that gave the decisive answer, as it stands in the configuration.
    pub server: Option<Arc<str>>,
    /// The server's or the system's own words about a failure.
    pub detail: Option<Box<str>>,
    /// The operation that decided, as messages call it, and the result code that ended it.
    pub operation: Option<(&'static str, u32)>,
}

impl Outcome {
    /// Adds the operation that decided, and its result code.
    pub fn ended_by(mut self, operation: &'static str, code: u32) -> Self {
        self.operation = Some((operation, code));
        self
    }

    /// Adds the server that answered.
    pub fn from_server(mut self, server: &Arc<str>) -> Self {
        self.server = Some(Arc::clone(server));
        self
    }

    /// Adds the peer's words; nothing is kept of an empty text.
    pub fn with_detail(mut self, detail: &str) -> Self {
        self.detail = (!detail.is_empty()).then(|| detail.into());
        self
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, server: None, detail: None, operation: None }
    }
}

impl From<Denial> for Outcome {
    fn from(denial: Denial) -> Self {
        Verdict::Denied(denial).into()
    }
}

impl From<Outage> for Outcome {
    fn from(outage: Outage) -> Self {
        Verdict::Unavailable(outage).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_names_one_verdict() {
        for denial in Denial::ALL {
            assert_eq!(Denial::named(Verdict::Denied(denial).reason()), denial);
        }
        for outage in Outage::ALL {
            assert_eq!(Outage::named(Verdict::Unavailable(outage).reason()), outage);
        }
        let state = Outage::ServiceState(Denial::AccountLocked);
        assert_eq!(Outage::named(state.row().0), Outage::ServiceBind { code: None });
        assert_eq!(Denial::named("of-tomorrow"), Denial::Unexplained);
        assert_eq!(Outage::named(""), Outage::Unexplained);
    }
}
