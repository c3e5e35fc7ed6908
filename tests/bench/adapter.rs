//! The built binary over pipes, as ejabberd starts it.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ldap_fixtures::slapd::{BASE, SERVICE_DN};

use crate::figures::{Figures, Load, Work};

const YES: [u8; 4] = [0, 2, 0, 1];

/// A running binary. Dropping it ends it.
pub struct Adapter {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Adapter {
    /// Starts it with the configuration `NAME.toml` of `site`.
    pub fn start(site: &Path, name: &str) -> Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"))
            .arg("--config")
            .arg(site.join(name).with_extension("toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(site.join("log"))?)
            .spawn()?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self { child, input, output })
    }

    /// Resident memory in KiB.
    pub fn memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Does the work; every answer must be a yes.
    pub fn run(&mut self, load: Load) -> Result<Figures> {
        let frames: Vec<Vec<u8>> = (0..load.requests).map(|number| frame(load, number)).collect();
        let mut sent_at = Vec::with_capacity(load.requests);
        let mut latencies = Vec::with_capacity(load.requests);
        let mut buffer = [0; 4 * 1024];
        let mut filled = 0;
        let processor = self.processor()?;
        let started = Instant::now();
        let mut to_send = frames.iter();
        let mut room = load.in_flight;
        while latencies.len() < load.requests {
            // What can be sent together is: a write is a system call of the generator's.
            let batch: Vec<u8> = to_send.by_ref().take(room).flatten().copied().collect();
            sent_at.resize((sent_at.len() + room).min(load.requests), Instant::now());
            self.input.write_all(&batch)?;
            filled += self.output.read(buffer.get_mut(filled..).unwrap_or_default())?;
            room = filled / YES.len();
            ensure!(room > 0, "no answer");
            let now = Instant::now();
            for answer in buffer.chunks(YES.len()).take(room) {
                ensure!(answer == YES, "{answer:?} is no yes");
                let sent = sent_at.get(latencies.len()).context("an answer too many")?;
                latencies.push(now.duration_since(*sent).as_secs_f64() * 1e6);
            }
            buffer.copy_within(room * YES.len()..filled, 0);
            filled -= room * YES.len();
        }
        let elapsed = started.elapsed();
        Ok(Figures::of(latencies, elapsed, self.processor()?.saturating_sub(processor)))
    }

    /// The processor time used so far.
    fn processor(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.child.id()))?;
        let nanoseconds = stat.split(' ').next().context("no schedstat")?.parse()?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn frame(load: Load, number: usize) -> Vec<u8> {
    let user = 1 + number % load.users;
    let text = match load.work {
        Work::Search => format!("isuser:user{user:05}:example.com"),
        Work::SearchBind | Work::Bind => format!("auth:user{user:05}:example.com:secret"),
    };
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&length, text.as_bytes()].concat()
}

/// Writes the configurations "search" and "name" into `site`.
pub fn configure(site: &Path, url: &str) -> Result<()> {
    let search = format!("base = {BASE:?}\nuser_filter = \"(uid={{localpart}})\"");
    let name = format!("user_dn = \"uid={{localpart}},ou=people,{BASE}\"");
    for (file, lookup) in [("search.toml", search), ("name.toml", name)] {
        let config = format!(
            "caller = \"ejabberd\"\n[directory.bench]\nservers = [{url:?}]\n{lookup}\n\
             bind_dn = {SERVICE_DN:?}\nbind_password_file = {:?}\npool.size = 16\n\
             [domain.\"example.com\"]\ndirectory = \"bench\"\n",
            site.join("password")
        );
        fs::write(site.join(file), config)?;
    }
    Ok(())
}
