//! `support`: everything that somebody needs who helps, in one file, without secrets.

mod log;
mod mask;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use super::ending::Failure;
use super::screen::{GOOD, Screen};
use crate::cli::{BUILD, GlobalArgs, SupportArgs};
use crate::config::{self, support};
use crate::exit::Code;

/// Writes the file, which must not be there yet and is for its owner alone.
pub fn support(args: &SupportArgs, given: GlobalArgs) -> Result<Code, Failure> {
    let caller = given.caller;
    let path = config::path(given.config);
    let shown = args.file.display();
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.file);
    let mut file = file.map_err(|error| Failure::io(format!("{shown}: {error}")))?;
    let reading = config::load(&path, caller, None);
    let shareable = support::shareable(&path);
    let (configuration, secrets) = match shareable {
        Ok(shareable) => (shareable.text, shareable.secrets),
        Err(problem) => (problem, Vec::new()),
    };
    let ask = |command: &[&str]| {
        // The same program, whatever name it has; in the way that scripts see it.
        let mut child = Command::new("/proc/self/exe");
        child.arg("--config").arg(&path).args(command).stdin(Stdio::null());
        child.args(caller.map(|caller| format!("--caller={caller}")));
        match child.output() {
            Ok(output) => {
                let texts = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
                format!("{}\n{}\n", texts.concat(), output.status)
            }
            Err(error) => format!("{error}\n"),
        }
    };
    let sections = [
        ("version", about()),
        ("configuration", format!("{}\n{configuration}", path.display())),
        ("check", ask(&["check", "--all"])),
        ("probe", ask(&["probe"])),
        ("status", ask(&["status"])),
        ("log", log::last_lines(&reading.startup.log.target, args.lines)),
    ];
    let text: String = sections.map(|(name, text)| format!("===== {name}\n{text}\n")).concat();
    file.write_all(mask::mask(text, &secrets).as_bytes())?;
    let mut screen = Screen::new();
    let more = ": look through it before you pass it on, because it names users and servers";
    screen.verdict(GOOD, &format!("{shown} is written"), more);
    screen.print()?;
    Ok(Code::OK)
}

/// What runs here.
fn about() -> String {
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    let release = read("/etc/os-release");
    let release = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    format!(
        "xmpp-ldap-auth {BUILD}\nsystem {}\nkernel {}\nwritten at {now} by the user {}\n",
        release.unwrap_or("unknown").trim_matches('"'),
        read("/proc/sys/kernel/osrelease").trim(),
        nix::unistd::geteuid()
    )
}
