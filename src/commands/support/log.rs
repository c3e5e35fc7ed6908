//! The last lines of the log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::observe::target::Target;

/// No more of a file is looked at.
const LONGEST: u64 = 8 << 20;

/// The last lines of the log that goes there, or why there are none.
pub(super) fn last_lines(target: &Target, lines: usize) -> String {
    let read = match target {
        Target::File(path) => of_file(path, lines).map_err(|error| format!("{target}: {error}")),
        Target::Auto | Target::Stderr | Target::Journald | Target::Syslog => of_journal(lines),
    };
    read.unwrap_or_else(|problem| format!("there is no log here: {problem}\n"))
}

fn of_file(path: &Path, lines: usize) -> io::Result<String> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(LONGEST)))?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    let last = all.get(all.len().saturating_sub(lines)..).unwrap_or_default();
    Ok(last.iter().map(|line| format!("{line}\n")).collect())
}

/// What the program wrote to the journal, and what systemd says of the daemon's unit.
fn of_journal(lines: usize) -> Result<String, String> {
    let mut journal = Command::new("journalctl");
    journal.args(["--no-pager", "--quiet", "--output", "short-iso", "--lines"]);
    journal.arg(lines.to_string());
    journal.args(["SYSLOG_IDENTIFIER=xmpp-ldap-auth", "+", "_SYSTEMD_UNIT=xmpp-ldap-auth.service"]);
    journal.args(["+", "UNIT=xmpp-ldap-auth.service", "_PID=1"]);
    let output = journal.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("journalctl: {error}"))?;
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    if out.is_empty() {
        return Err(format!("the journal has no line of this program {}", error.trim()));
    }
    Ok(format!("{out}{error}"))
}
