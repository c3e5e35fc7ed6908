//! A bare loop over ldap3, the LDAP library that the binary uses.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ldap_fixtures::slapd::{BASE, PASSWORD, SERVICE_DN, SERVICE_PASSWORD};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, StdStream};
use tokio::sync::Barrier;

use crate::contender::Contender;
use crate::figures::{Figures, Load, Work, micros};
use crate::kernel::own_processor;
use crate::site::{filter, user_dn};

/// As many tasks as there may be requests in flight, each with its own connections.
pub struct Ldap3 {
    pub url: Arc<str>,
}

impl Contender for Ldap3 {
    fn serves(&self, _: Work, _: usize) -> bool {
        true
    }

    fn run(&mut self, load: &Load) -> Result<Figures> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(Arc::clone(&self.url), *load))
    }
}

async fn run(url: Arc<str>, load: Load) -> Result<Figures> {
    let open = Arc::new(Barrier::new(load.in_flight + 1));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..load.in_flight {
        tasks.spawn(one_after_the_other(Arc::clone(&url), load, task, Arc::clone(&open)));
    }
    open.wait().await;
    let before = own_processor();
    let started = Instant::now();
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task??);
    }
    let used = own_processor().saturating_sub(before);
    // It is in the process of the load generator, whose memory is not its own.
    Ok(Figures::of_latencies(latencies, started.elapsed(), used, f64::NAN))
}

async fn one_after_the_other(
    url: Arc<str>,
    load: Load,
    task: usize,
    open: Arc<Barrier>,
) -> Result<Vec<f64>> {
    let mut searching = connect(&url).await?;
    searching.simple_bind(SERVICE_DN, SERVICE_PASSWORD).await?.success()?;
    let mut binding = connect(&url).await?;
    let mut latencies = Vec::new();
    open.wait().await;
    let end = Instant::now() + load.lasting;
    for number in 0.. {
        let started = Instant::now();
        if started > end {
            break;
        }
        let name = format!("user{:05}", 1 + (task * 7919 + number) % load.users);
        let mut dn = user_dn(&name);
        if load.work != Work::Bind {
            let filter = filter(&name);
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
        latencies.push(micros(started.elapsed()));
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
