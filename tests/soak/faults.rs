//! Random faults of the network and of the server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;
use ldap_fixtures::proxy::{Fault, Proxy};
use ldap_fixtures::slapd::Slapd;
use rustix::process::{Pid, Signal, kill_process};

use crate::daemon::Daemon;

/// How often each fault was made.
pub type Count = BTreeMap<&'static str, usize>;

/// What can be broken.
pub struct Breakable {
    pub slapd: Slapd,
    pub ways: [Proxy; 2],
    /// The processes that the XMPP servers have started.
    pub adapters: [Pid; 2],
    /// The one that they ask, if they are relays.
    pub daemon: Option<Daemon>,
}

/// Breaks things until it is over, and mends them then.
pub fn make(rng: &mut Rng, it: &mut Breakable, is_over: &AtomicBool, count: &mut Count) {
    while !is_over.load(Ordering::SeqCst) {
        let name = one(rng, it);
        *count.entry(name).or_default() += 1;
        sleep(Duration::from_millis(rng.u64(5..80)));
        // Sometimes the next fault comes on top of this one.
        if rng.u8(..4) > 0 {
            mend(&it.ways);
        }
    }
    mend(&it.ways);
    // Connections that are black holes for good would be one as well when all is quiet.
    it.ways.iter().for_each(Proxy::cut_all);
}

fn mend(ways: &[Proxy; 2]) {
    ways.iter().for_each(|way| way.set(Fault::None));
}

fn one(rng: &mut Rng, it: &mut Breakable) -> &'static str {
    let way = &it.ways[rng.usize(..2)];
    match rng.u8(..32) {
        0..4 => {
            way.set(Fault::Delay(Duration::from_millis(rng.u64(1..50))));
            "delays"
        }
        4..8 => {
            way.set(Fault::BlackHole);
            "black holes"
        }
        8..10 => {
            way.set(Fault::DropIdle);
            "forgotten connections"
        }
        10..13 => {
            way.set(Fault::Refuse);
            way.cut_all();
            "refusals"
        }
        13..17 => {
            way.set(Fault::CutAfter(rng.usize(..400)));
            "cut replies"
        }
        17..21 => {
            way.set(Fault::ResetAfter(rng.usize(..400)));
            "reset replies"
        }
        21..24 => {
            way.cut_all();
            "cuts"
        }
        24..27 => {
            way.reset_all();
            "resets"
        }
        27..29 => {
            it.slapd.pause();
            sleep(Duration::from_millis(rng.u64(20..200)));
            it.slapd.resume();
            "stalls"
        }
        29..31 => {
            for adapter in it.adapters {
                kill_process(adapter, Signal::HUP).unwrap();
            }
            it.daemon.iter().for_each(Daemon::reload);
            "reloads"
        }
        _ => match &mut it.daemon {
            Some(daemon) if rng.bool() => {
                daemon.restart_after(Duration::from_millis(rng.u64(..100)));
                "restarts of the daemon"
            }
            _ => {
                it.slapd.kill();
                it.slapd.restart().unwrap();
                "restarts"
            }
        },
    }
}
