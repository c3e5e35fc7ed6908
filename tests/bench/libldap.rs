//! A bare libldap client: `libldap.c`, compiled by the benchmark.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use ldap_fixtures::slapd::{SERVICE_DN, SERVICE_PASSWORD};

use crate::contender::Contender;
use crate::figures::{Figures, Load, Work};
use crate::site::{Security, Site};

/// How it keeps requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Each has a thread, with its own connections.
    Threads,
    /// One thread has them all; searches share one connection.
    Pipelined,
}

/// The compiled program.
pub struct Program(PathBuf);

impl Program {
    pub fn build(site: &Site) -> Result<Self> {
        let program = site.path().join("libldap");
        let status = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/libldap.c"))
            .args(["-lldap", "-llber", "-lpthread"])
            .status()
            .context("cannot start cc; tests/bench/run installs it")?;
        ensure!(
            status.success(),
            "libldap.c does not compile; tests/bench/run installs libldap-dev"
        );
        Ok(Self(program))
    }

    /// The work of a load.
    pub fn run(
        &self,
        site: &Site,
        security: Security,
        manner: Manner,
        load: &Load,
    ) -> Result<Figures> {
        let work = match load.work {
            Work::SearchBind => "search-bind",
            Work::Bind => "bind",
            Work::Search => "search",
        };
        self.start(site, security, manner, work, load)
    }

    /// A new connection, and a bind on it, over and over.
    pub fn connect(&self, site: &Site, security: Security, load: &Load) -> Result<Figures> {
        self.start(site, security, Manner::Threads, "connect", load)
    }

    fn start(
        &self,
        site: &Site,
        security: Security,
        manner: Manner,
        work: &str,
        load: &Load,
    ) -> Result<Figures> {
        let (url, tls) = match security {
            Security::ClearText => (site.slapd.url(), "as-url"),
            Security::StartTls => (site.slapd.url(), "start-tls"),
            Security::Ldaps => (site.slapd.ldaps_url(), "as-url"),
        };
        let manner = match manner {
            Manner::Threads => "threads",
            Manner::Pipelined => "pipelined",
        };
        let output = Command::new(&self.0)
            .args([&url, tls, SERVICE_DN, SERVICE_PASSWORD, work, manner])
            .arg(load.in_flight.to_string())
            .arg(load.lasting.as_millis().to_string())
            .arg(load.users.to_string())
            .env("LDAPTLS_CACERT", site.authority())
            .output()?;
        ensure!(output.status.success(), "libldap: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<f64> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [p50, p99, rate, processor, memory] = *numbers.as_slice() else {
            bail!("libldap printed {text:?}")
        };
        let nobody = f64::NAN;
        Ok(Figures {
            p50,
            p99,
            rate,
            processor,
            memory: memory / 1024.0,
            generator: nobody,
            directory: nobody,
        })
    }
}

/// The program as a contender, in clear text.
pub struct Libldap<'a> {
    pub program: &'a Program,
    pub site: &'a Site,
    pub manner: Manner,
}

impl Contender for Libldap<'_> {
    fn serves(&self, _: Work, in_flight: usize) -> bool {
        self.manner == Manner::Threads || in_flight > 1
    }

    fn run(&mut self, load: &Load) -> Result<Figures> {
        self.program.run(self.site, Security::ClearText, self.manner, load)
    }
}
