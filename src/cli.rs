//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::protocol::dialect::Dialect;

/// The version, the commit if it is known, and the features that were chosen.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("XMPP_LDAP_AUTH_BUILD"), ")");

/// Signs the users of Prosody, ejabberd or MongooseIM in against an LDAP directory.
#[derive(Debug, Parser)]
#[command(version, long_version = BUILD, about, max_term_width = 80)]
pub struct Cli {
    /// Which configuration is meant
    #[command(flatten)]
    pub given: GlobalArgs,

    /// What to do; without it: run
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which configuration is meant, and for whom; every command can be told.
#[derive(Args, Debug)]
pub struct GlobalArgs {
    /// The configuration file [default: $XMPP_LDAP_AUTH_CONFIG, else /etc/xmpp-ldap-auth/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Who asks: prosody, ejabberd or mongooseim; wins over the configuration file
    #[arg(long, global = true, value_name = "SERVER", value_parser = callers(), hide_possible_values = true)]
    pub caller: Option<Dialect>,
}

/// The names of callers, which shells complete.
fn callers() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name))
        .try_map(|name| name.parse::<Dialect>())
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve standard input and output; the XMPP server starts this
    Run,
    /// Serve the sockets of the configuration, for all XMPP servers of this machine
    Daemon,
    /// Show how the daemon that runs here stands
    Status(StatusArgs),
    /// Clear what the daemon's guard holds against an account
    Forgive(ForgiveArgs),
    /// Check the configuration and the files that it names, without any network
    Check(CheckArgs),
    /// Ask every server of every directory what it is and whether the configuration fits it
    Probe(ProbeArgs),
    /// Sign one user in, and show every step
    Login(LoginArgs),
    /// Show why a user can or cannot sign in, without a password
    Explain(ExplainArgs),
    /// Collect what somebody needs who helps into one file, without secrets
    Support(SupportArgs),
    /// Print a shell's completion script
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
    /// Show a page of the manual, or list its pages
    Man(ManArgs),
    /// Print the JSON schema of the configuration
    Schema,
    /// Print mod_auth_xmpp_ldap.lua, by which Prosody asks the daemon
    ProsodyModule,
}

impl Command {
    /// Whether it tells scripts what it found out, and not people.
    pub fn is_json(&self) -> bool {
        match self {
            Self::Check(args) => args.json,
            Self::Explain(args) => args.json,
            Self::Login(args) => args.json,
            Self::Probe(args) => args.json,
            Self::Status(args) => args.json,
            _ => false,
        }
    }
}

/// The arguments of `man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Which page, such as guard, check or xmpp-ldap-auth.toml
    pub page: Option<String>,
    /// Print it in HTML instead of roff
    #[arg(long)]
    pub html: bool,
    /// Write all pages into this directory instead
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "page")]
    pub all: Option<PathBuf>,
}

/// The arguments of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `forgive`.
#[derive(Args, Debug)]
pub struct ForgiveArgs {
    /// Whose account, such as alice@example.com
    pub jid: String,
}

/// The arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Show the defaults as well, not only what is written or comes from a preset
    #[arg(long)]
    pub all: bool,
    /// Check as this user, with its groups, such as ejabberd; for root alone
    #[arg(long, value_name = "USER")]
    pub as_user: Option<String>,
    /// Check this configuration of ejabberd as well, such as /etc/ejabberd/ejabberd.yml
    #[arg(long, value_name = "FILE")]
    pub ejabberd: Option<PathBuf>,
    /// Check this configuration of Prosody as well, such as /etc/prosody/prosody.cfg.lua
    #[arg(long, value_name = "FILE")]
    pub prosody: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `probe`.
#[derive(Args, Debug)]
pub struct ProbeArgs {
    /// Only the directories of these names
    pub directories: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `login`.
#[derive(Args, Debug)]
pub struct LoginArgs {
    /// Who signs in, such as alice@example.com
    pub jid: String,
    /// Ask the directory from here, although a daemon runs, whose guard and caches then do not count
    #[arg(long)]
    pub stand_alone: bool,
    /// Read the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Who would sign in, such as alice@example.com
    pub jid: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `support`.
#[derive(Args, Debug)]
pub struct SupportArgs {
    /// The file to write, which must not be there yet
    pub file: PathBuf,
    /// So many of the last lines of the log
    #[arg(long, default_value_t = 500)]
    pub lines: usize,
}

impl Cli {
    /// Reads the arguments of this process, of which the first is the name of the program.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString> + Clone,
    ) -> Result<Self, clap::Error> {
        Self::plain(arguments.clone().into_iter().skip(1))
            .map_or_else(|| Self::try_parse_from(arguments), Ok)
            .map_err(without_what_may_be_a_password)
    }

    /// The command line after the name of the program, if it is what an XMPP server writes. It is read
    /// here because clap, which reads all others, leaves more memory behind than a relay needs in all.
    pub fn plain(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.into_iter().peekable();
        let config = match arguments.next_if(|argument| argument == "--config") {
            Some(_) => Some(PathBuf::from(arguments.next().filter(|file| is_value(file))?)),
            None => None,
        };
        let _ = arguments.next_if(|argument| argument == "run");
        let given = GlobalArgs { config, caller: None };
        arguments.next().is_none().then_some(Self { given, command: None })
    }
}

/// An error that does not repeat what was written where nothing belongs.
fn without_what_may_be_a_password(mut error: clap::Error) -> clap::Error {
    let place = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::TooManyValues => ContextKind::InvalidValue,
        _ => return error,
    };
    if !matches!(error.get(place), Some(ContextValue::String(text)) if text.starts_with('-')) {
        let why = "it may be a password, which `login` asks for, or reads by --password-stdin";
        error.insert(place, ContextValue::String("…".to_owned()));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![why.into()]));
    }
    error
}

fn is_value(argument: &OsStr) -> bool {
    !argument.is_empty() && !argument.as_encoded_bytes().starts_with(b"-")
}

/// The caller that the program's own name ends with, as in `xmpp-ldap-auth-prosody`: Prosody can
/// pass no argument, but it can start a symbolic link.
pub fn caller_from_name(program: &OsStr) -> Option<Dialect> {
    let name = Path::new(program).file_name()?.to_str()?;
    Dialect::ALL
        .into_iter()
        .find(|dialect| name.strip_suffix(dialect.name()).is_some_and(|rest| rest.ends_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_plain_means_what_clap_says_it_means() {
        let read = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            let meant = |cli: Cli| {
                let Cli { given: GlobalArgs { config, caller }, command } = cli;
                (config, caller, command.is_none_or(|command| matches!(command, Command::Run)))
            };
            let by_clap =
                Cli::try_parse_from([OsString::from("x")].into_iter().chain(words.clone()));
            (Cli::plain(words).map(meant), by_clap.ok().map(meant))
        };
        for words in [
            &[][..],
            &["run"],
            &["--config", "a b"],
            &["--config", "run"],
            &["--config", "a", "run"],
        ] {
            let (plain, by_clap) = read(words);
            assert!(plain.is_some() && plain == by_clap, "{words:?}: {plain:?} {by_clap:?}");
        }
        for words in [
            &["check"][..],
            &["run", "run"],
            &["run", "--config", "a"],
            &["--config"],
            &["--config", ""],
            &["--config", "-a"],
            &["--config=a"],
            &["--config", "a", "daemon"],
            &["--caller", "ejabberd"],
            &["--help"],
            &[""],
        ] {
            assert!(read(words).0.is_none(), "{words:?}");
        }
    }

    #[test]
    fn the_name_tells_the_caller() {
        assert_eq!(
            caller_from_name("/usr/bin/xmpp-ldap-auth-prosody".as_ref()),
            Some(Dialect::Prosody)
        );
        assert_eq!(caller_from_name("x-mongooseim".as_ref()), Some(Dialect::MongooseIm));
        assert_eq!(caller_from_name("/usr/bin/xmpp-ldap-auth".as_ref()), None);
        assert_eq!(caller_from_name("/opt/prosody/xmpp-ldap-auth".as_ref()), None);
    }
}
