//! Programs on pipes, as ejabberd starts them: the built binary, and the scripts.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::contender::{Contender, Running};
use crate::drive::{Inbox, Lane, Request, Verb, Verdict, measure};
use crate::figures::{Figures, Load, Work};
use crate::kernel::Usage;
use crate::site::Site;

/// A running program. Dropping it ends it.
pub struct Extauth {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    asked: VecDeque<usize>,
    inbox: Inbox,
}

impl Extauth {
    /// Starts it; its standard error goes to the log of the site.
    pub fn start(mut command: Command, site: &Site) -> Result<Self> {
        let log = File::options().append(true).create(true).open(site.log_file())?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = child.with_context(|| {
            format!("cannot start {}; tests/bench/run installs it", command.get_program().display())
        })?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self { child, input, output, asked: VecDeque::new(), inbox: Inbox::default() })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Lane for Extauth {
    fn send(&mut self, requests: &[(usize, Request)]) -> Result<()> {
        let mut frames = Vec::with_capacity(64 * requests.len());
        for (number, request) in requests {
            let user = request.user;
            let text = match request.verb {
                Verb::IsUser => format!("isuser:user{user:05}:example.com"),
                Verb::Elsewhere => format!("isuser:user{user:05}:elsewhere.example"),
                Verb::Auth | Verb::Guess => {
                    format!("auth:user{user:05}:example.com:{}", request.password(*number))
                }
            };
            frames.extend(u16::try_from(text.len())?.to_be_bytes());
            frames.extend(text.as_bytes());
            self.asked.push_back(*number);
        }
        Ok(self.input.write_all(&frames)?)
    }

    fn receive(&mut self, answers: &mut Vec<(usize, Verdict)>) -> Result<()> {
        self.inbox.read_from(&mut self.output)?;
        while let Some(reply) = self.inbox.take(|_| Some(4)) {
            let verdict = match reply.as_slice() {
                [0, 2, 0, 1] => Verdict::Yes,
                [0, 2, 0, 0] => Verdict::No,
                [0, 2, 0, 2] => Verdict::CannotTell,
                _ => bail!("{reply:?} is no reply"),
            };
            answers.push((self.asked.pop_front().context("a reply too many")?, verdict));
        }
        Ok(())
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.output.as_fd())
    }
}

impl Drop for Extauth {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How requests in flight are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// All on one.
    OneProcess,
    /// One on each, as ejabberd and Prosody have it.
    LockStep,
}

/// A program with a command line for each work. Its processes stay from one load to the next.
pub struct Program<'a> {
    site: &'a Site,
    spread: Spread,
    in_flight: RangeInclusive<usize>,
    command: Box<dyn Fn(Work) -> Command + 'a>,
    running: Running<Vec<Extauth>>,
}

impl<'a> Program<'a> {
    pub fn new(
        site: &'a Site,
        spread: Spread,
        in_flight: RangeInclusive<usize>,
        command: impl Fn(Work) -> Command + 'a,
    ) -> Self {
        Self { site, spread, in_flight, command: Box::new(command), running: Running::default() }
    }
}

impl Contender for Program<'_> {
    fn serves(&self, _: Work, in_flight: usize) -> bool {
        self.in_flight.contains(&in_flight)
    }

    fn run(&mut self, load: &Load) -> Result<Figures> {
        let (count, depth) = match self.spread {
            Spread::OneProcess => (1, load.in_flight),
            Spread::LockStep => (load.in_flight, 1),
        };
        let running = self.running.get(load.work, || Ok(Vec::new()))?;
        while running.len() < count {
            running.push(Extauth::start((self.command)(load.work), self.site)?);
        }
        let processes = running.get_mut(..count).context("too few processes")?;
        let ids: Vec<u32> = processes.iter().map(Extauth::id).collect();
        measure(processes, depth, load, || Usage::of(ids.iter().copied()))
    }
}
