//! What the binary is measured beside: libldap in C, and the LDAP library that it uses.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ldap_fixtures::slapd::{BASE, PASSWORD, SERVICE_DN, SERVICE_PASSWORD};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, StdStream};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

use crate::figures::{Figures, Load, Work};

/// A bare libldap client: `libldap.c`.
pub struct Libldap(PathBuf);

impl Libldap {
    /// Compiles it.
    pub fn build(directory: &Path) -> Result<Self> {
        let program = directory.join("libldap");
        let status = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/libldap.c"))
            .args(["-lldap", "-llber", "-lpthread"])
            .status()
            .context("cannot start cc; tests/run installs it")?;
        ensure!(status.success(), "libldap.c does not compile; tests/run installs libldap-dev");
        Ok(Self(program))
    }

    /// Does the work with as many threads as there may be requests in flight.
    pub fn run(&self, url: &str, load: Load) -> Result<Figures> {
        let work = match load.work {
            Work::SearchBind => "search-bind",
            Work::Bind => "bind",
            Work::Search => "search",
        };
        let output = Command::new(&self.0)
            .args([url, SERVICE_DN, SERVICE_PASSWORD, work])
            .args([load.in_flight, load.requests, load.users].map(|number| number.to_string()))
            .output()?;
        ensure!(output.status.success(), "libldap: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<f64> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        match numbers.as_slice() {
            [p50, p99, rate, processor] => {
                Ok(Figures { p50: *p50, p99: *p99, rate: *rate, processor: *processor })
            }
            _ => anyhow::bail!("libldap printed {text:?}"),
        }
    }
}

/// A bare loop over ldap3, with as many tasks as there may be requests in flight.
pub fn ldap3_loop(url: &str, load: Load) -> Result<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url: Arc<str> = url.into();
    let before = processor();
    let started = Instant::now();
    let latencies = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..load.in_flight {
            tasks.spawn(one_after_the_other(Arc::clone(&url), load, task));
        }
        let mut latencies = Vec::with_capacity(load.requests);
        while let Some(task) = tasks.join_next().await {
            latencies.extend(task??);
        }
        anyhow::Ok(latencies)
    })?;
    Ok(Figures::of(latencies, started.elapsed(), processor().saturating_sub(before)))
}

/// The processor time of this process.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

async fn one_after_the_other(url: Arc<str>, load: Load, task: usize) -> Result<Vec<f64>> {
    let mut searching = connect(&url).await?;
    searching.simple_bind(SERVICE_DN, SERVICE_PASSWORD).await?.success()?;
    let mut binding = connect(&url).await?;
    let mut latencies = Vec::new();
    for number in 0..load.requests / load.in_flight {
        let user = 1 + (task * 7919 + number) % load.users;
        let started = Instant::now();
        let mut dn = format!("uid=user{user:05},ou=people,{BASE}");
        if load.work != Work::Bind {
            let filter = format!("(uid=user{user:05})");
            let mut found =
                searching.streaming_search(BASE, Scope::Subtree, &filter, ["1.1"]).await?;
            let entry = found.next().await?.context("nobody found")?;
            dn = ldap3::SearchEntry::construct(entry).dn;
            ensure!(found.next().await?.is_none(), "more than one found");
            found.finish().await.success()?;
        }
        if load.work != Work::Search {
            binding.simple_bind(&dn, PASSWORD).await?.success()?;
        }
        latencies.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(latencies)
}

async fn connect(url: &str) -> Result<Ldap> {
    let address = url.trim_start_matches("ldap://");
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Tcp(stream.into_std()?));
    let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await?;
    tokio::spawn(connection.drive());
    Ok(ldap)
}
