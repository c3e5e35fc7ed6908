//! The program that an XMPP server starts, as the user who looks may start it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::findings::{FileLine, Findings};
use crate::cli::caller_from_name;
use crate::files::check_writers;
use crate::protocol::dialect::Dialect;

/// The name of the binary, and the beginning of those of its links.
const NAME: &str = "xmpp-ldap-auth";

/// Linux reads no more of a script to find its interpreter.
const LONGEST_START: u64 = 256;

/// A command: a program and its arguments.
#[derive(Debug)]
pub(super) struct CommandLine {
    /// The program's path.
    pub(super) program: PathBuf,
    /// What it is given.
    arguments: Vec<String>,
}

impl CommandLine {
    /// Words between blanks, of which quotes may stand around each.
    pub(super) fn parse(command: &str) -> Option<Self> {
        let mut words = command.split_whitespace();
        let words = words.by_ref().map(|word| word.trim_matches(['"', '\'']).to_owned());
        let mut words = words.collect::<Vec<_>>().into_iter();
        Some(Self { program: words.next()?.into(), arguments: words.collect() })
    }

    /// Who asks, as its name or its arguments say.
    pub(super) fn caller(&self) -> Option<Dialect> {
        let given = self.argument("--caller");
        given.and_then(|name| name.parse().ok()).or_else(|| caller_from_name(self.program.as_ref()))
    }

    /// The value of an argument.
    pub(super) fn argument(&self, name: &str) -> Option<&str> {
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix(name) {
                Some("") => return arguments.next().map(String::as_str),
                Some(rest) => return rest.strip_prefix('='),
                None => {}
            }
        }
        None
    }

    /// Whether it is this program by its name, and no script that starts it.
    pub(super) fn is_ours(&self) -> bool {
        let real = fs::canonicalize(&self.program);
        let name = real.as_deref().unwrap_or(&self.program).file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| name.starts_with(NAME)) && self.interpreter().is_none()
    }

    /// The first line of a script behind `#!`.
    fn interpreter(&self) -> Option<String> {
        let mut start = Vec::new();
        File::open(&self.program).ok()?.take(LONGEST_START).read_to_end(&mut start).ok()?;
        let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        Some(String::from_utf8_lossy(line).into_owned())
    }

    /// Tells what keeps the program from being started, or lets others say what is started.
    pub(super) fn judge(&self, place: &FileLine, key: &str, found: &mut Findings) {
        let program = self.program.display();
        let Ok(metadata) = fs::metadata(&self.program) else {
            let text = format!(
                "{program} is not there, or in a directory that this user may not enter; write where xmpp-ldap-auth is installed"
            );
            return found.error(place, key, text);
        };
        if !metadata.is_file() || access(&self.program, Access::EXEC_OK).is_err() {
            let text = format!("this user may not start {program}; run chmod 755 {program}");
            return found.error(place, key, text);
        }
        if let Err(text) = check_writers(&self.program) {
            found.error(place, key, text);
        }
        match self.interpreter() {
            Some(line) if line.ends_with('\r') => {
                let text = format!(
                    "{program} has line ends of Windows, so that it cannot be started; save it with those of Unix"
                );
                found.error(place, key, text);
            }
            Some(line) => {
                let by = line.split_whitespace().next().unwrap_or_default();
                if !Path::new(by).exists() {
                    let text = format!("{program} is a script for {by}, which is not there");
                    found.error(place, key, text);
                }
            }
            None if !self.is_ours() => {
                let text = format!("{program} is another program, of which nothing can be said");
                found.remark(place, key, text);
            }
            None => {}
        }
    }
}
