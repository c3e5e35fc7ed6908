//! Why nobody could judge a request, each reason once: its name for the log, whom it concerns, and what
//! an operator does next.

use crate::result_code;
use crate::verdict::denial::Denial;

/// Makes what is written to each reason its meaning in the manual as well.
macro_rules! with_meanings {
    (
        $(#[$about:meta])+
        pub enum Outage {
            $($(#[doc = $meaning:literal])+ $outage:ident $({ $($field:tt)+ })? $(($of:ty))?,)+
        }
    ) => {
        $(#[$about])+
        pub enum Outage {
            $($(#[doc = $meaning])+ $outage $({ $($field)+ })? $(($of))?,)+
        }

        impl Outage {
            /// What it means, for the manual.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$outage { .. } => concat!($($meaning),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

with_meanings! {
    /// Why nobody could judge a request.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Outage {
        /// More than one entry matches; picking one could sign in the wrong person.
        Ambiguous,
        /// The directory's answer is not well-formed LDAP.
        BadReply,
        /// The directory has not answered the user's bind, and answers other questions.
        BindUnanswered,
        /// The password would have crossed the network in clear text.
        ClearText,
        /// The daemon is ending, and takes no more requests.
        Closing,
        /// So many requests about this account wait that one more would keep others from being answered.
        Crowded,
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
            /// The result code; none if it was told to another process.
            code: Option<u32>,
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
        /// The answer about this account cannot be used, as where its DN is not UTF-8 or it is too large.
        UnreadableEntry,
        /// The daemon says so, for a reason that this program does not know.
        Unexplained,
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
    pub const ALL: [Self; 24] = [
        Self::Ambiguous,
        Self::BadReply,
        Self::BindUnanswered,
        Self::ClearText,
        Self::Closing,
        Self::Crowded,
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
        Self::Refused { code: None },
        Self::ServiceBind { code: None },
        Self::TooManyFailures,
        Self::Unanswerable,
        Self::Unexplained,
        Self::UnreadableEntry,
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
            Self::BindUnanswered => ("bind-unanswered", Question, "the directory answers other questions: look at its log, see whether somebody has to confirm the sign-in elsewhere, or raise answer_within"),
            Self::ClearText => ("clear-text", Question, "use ldaps:// or start_tls = true"),
            Self::Closing => ("closing", Question, "the daemon is ending; connect anew"),
            Self::Crowded => ("crowded", Question, "find out who tries so often, or why the directory leaves the first of them unanswered"),
            Self::DeadlinePassed => ("deadline-passed", Absence, "the directory is slow or unreachable; look at its load and the network, or raise answer_within"),
            Self::Directory => ("directory-failure", Absence, "see the directory's own words, and its log"),
            Self::GroupsTooDeep => ("groups-too-deep", Question, "the user is in very many groups: set group_method to what the directory keeps itself, or nested_groups = false"),
            Self::Internal => ("internal", Question, "please report this with the log lines around it"),
            Self::LostConnection => ("lost-connection", Absence, "the server closed the connection; look at its log"),
            Self::Misconfigured => ("misconfigured", Question, "run `xmpp-ldap-auth check`, and `xmpp-ldap-auth probe`, which asks the directory"),
            Self::NoDaemon => ("no-daemon", Daemon, "start the daemon, or look at its log; `daemon` in our configuration must be its socket"),
            Self::NoPasswordOperation => ("no-password-operation", Question, "the server offers no way to set a password: write set_password = \"off\""),
            Self::NoServer => ("no-server", Absence, "check the servers, the network and the certificates"),
            Self::Overloaded => ("overloaded", Absence, "the directory is slower than its users sign in: give it more power, or raise pool.size if it has power to spare"),
            Self::ReadOnly => ("read-only", Question, "this server takes no changes: name one that does in [directory.NAME.write]"),
            Self::Referral => ("referral", Question, "point `servers` and `base` at the server that holds the entries"),
            Self::Refused { code } if code.is_some_and(result_code::says_not_now) => ("refused", Absence, advice_on_refusal(code)),
            Self::Refused { code } => ("refused", Question, advice_on_refusal(code)),
            Self::ServiceBind { code } => ("service-bind", ServiceAccount, code.and_then(result_code::advice_on_service_bind).unwrap_or("check bind_dn and its password")),
            Self::ServiceState(Denial::AccountLocked) => ("service-bind", ServiceAccount, "unlock the service account in the directory; look for what still has its old password"),
            Self::ServiceState(Denial::PasswordExpired | Denial::MustChangePassword) => ("service-bind", ServiceAccount, "set a new password of the service account, one that does not expire and need not be changed"),
            Self::ServiceState(_) => ("service-bind", ServiceAccount, "mend the service account in the directory: see its own words about what keeps it out"),
            Self::TooManyFailures => ("too-many-failures", Question, "find out who tries; [throttle] keeps the directory from locking the account"),
            Self::Unanswerable => ("unanswerable", Question, "isuser and setpass need a service account: set bind_dn and bind_password_file"),
            Self::UnreadableEntry => ("unreadable-entry", Question, "mend the entry in the directory: its detail says what is wrong with it"),
            Self::Unexplained => ("unexplained", Question, "see the daemon's log"),
        }
    }

    /// Its name for the log.
    pub fn name(self) -> &'static str {
        self.row().0
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

fn advice_on_refusal(code: Option<u32>) -> &'static str {
    code.and_then(result_code::advice).unwrap_or(
        "see the server's own words, and its log at that time; RFC 4511, appendix A, has what the code means",
    )
}
