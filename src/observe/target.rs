//! What is logged, where to, and how.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use crate::named::named;

/// What is wrong with a log on the stream that carries the protocol.
pub(super) const PROTOCOL_STREAM: &str = "this leads to the stream that carries requests and replies, and the XMPP server would take a log line for a reply; log to another file, to the journal or to syslog";

/// What is logged, where, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// The least important level that is logged.
    pub level: LevelFilter,
    /// Where to.
    pub target: Target,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LevelFilter::INFO, target: Target::Auto, format: LogFormat::Text }
    }
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard error; the journal, or else syslog, where standard error is /dev/null, leads to the
    /// journal, or carries the protocol.
    Auto,
    /// Standard error; the same as `Auto` if it carries the protocol.
    Stderr,
    /// The systemd journal, with structured fields.
    Journald,
    /// `/dev/log`.
    Syslog,
    /// The end of a file, reopened on SIGHUP.
    File(PathBuf),
}

named! {
    /// How a log line looks.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(source: &str) -> Result<Self, String> {
        match source {
            "auto" => Ok(Self::Auto),
            "stderr" => Ok(Self::Stderr),
            "journald" => Ok(Self::Journald),
            "syslog" => Ok(Self::Syslog),
            other => match other.strip_prefix("file:").map(Path::new) {
                Some(path) if path.is_absolute() => Ok(Self::File(path.to_owned())),
                _ => Err("write \"auto\", \"stderr\", \"journald\", \"syslog\" or \"file:/path\""
                    .to_owned()),
            },
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Stderr => f.write_str("standard error"),
            Self::Journald => f.write_str("the journal"),
            Self::Syslog => f.write_str("syslog"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl Target {
    /// What is wrong with it whoever starts the program, as far as a name can tell: it is one for
    /// standard input or output.
    pub fn problem(&self) -> Option<&'static str> {
        matches!(self, Self::File(path) if names_protocol_stream(path)).then_some(PROTOCOL_STREAM)
    }
}

/// Whether this path, by way of whatever links, is one of standard input or output of the process that
/// opens it.
fn names_protocol_stream(path: &Path) -> bool {
    /// As many as the kernel follows (path_resolution(7)).
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Some((directory, name)) = path.parent().zip(path.file_name()) else { return false };
        let Ok(directory) = directory.canonicalize() else { return false };
        let is_own = ["/proc/self/fd", "/proc/thread-self/fd"]
            .iter()
            .any(|own| Path::new(own).canonicalize().is_ok_and(|own| own == directory));
        if is_own {
            return name == "0" || name == "1";
        }
        let Ok(target) = directory.join(name).read_link() else { return false };
        path = directory.join(target);
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_protocols_streams_are_known_by_all_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other, next] = ["one", "other", "next"].map(|name| directory.path().join(name));
        symlink("/dev/stdout", &one).unwrap();
        symlink("one", &other).unwrap();
        symlink("/proc/self/fd", &next).unwrap();
        for name in
            ["/dev/stdout", "/dev/stdin", "/dev/fd/1", "/proc/self/fd/0", "/proc/../dev/stdout"]
        {
            assert!(names_protocol_stream(Path::new(name)), "{name}");
        }
        for path in [one, other, next.join("1")] {
            assert!(names_protocol_stream(&path), "{}", path.display());
        }
        symlink("loop", directory.path().join("loop")).unwrap();
        for path in [next.join("2"), directory.path().join("loop"), directory.path().join("none")] {
            assert!(!names_protocol_stream(&path), "{}", path.display());
        }
        for name in ["/dev/stderr", "/dev/null", "/var/log/xmpp-ldap-auth.log", "/", "/no/such"] {
            assert!(!names_protocol_stream(Path::new(name)), "{name}");
        }
    }
}
