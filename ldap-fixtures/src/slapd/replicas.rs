//! Two providers that replicate each other.

use std::time::Duration;

use anyhow::Result;

use super::admin::{ADMIN_DN, ADMIN_PASSWORD};
use super::{BASE, Options, Slapd, WRITER_DN, WRITER_PASSWORD};
use crate::process::{free_port, wait_until};

/// The first contents take longer than a change.
const FIRST_COPY: Duration = Duration::from_secs(30);

/// Starts two providers; the second has everything from the first when this returns.
pub fn start() -> Result<[Slapd; 2]> {
    let mut last_error = None;
    for _ in 0..5 {
        match on_ports([free_port()?, free_port()?]) {
            Ok(pair) => return Ok(pair),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(|| anyhow::anyhow!("slapd does not start")))
}

fn on_ports([first, second]: [u16; 2]) -> Result<[Slapd; 2]> {
    let provider = |number: u16, other: u16| Options {
        global: format!("moduleload syncprov\nserverID {number}\n"),
        database: format!(
            "overlay syncprov\nsyncrepl rid=00{number} provider=ldap://127.0.0.1:{other} \
             bindmethod=simple binddn=\"{ADMIN_DN}\" credentials={ADMIN_PASSWORD} \
             searchbase=\"{BASE}\" type=refreshAndPersist retry=\"1 +\" network-timeout=1 timeout=5\n\
             multiprovider on\n"
        ),
        ..Options::default()
    };
    // What the first is loaded with bears its number, so that the second sees that it is newer.
    let one = provider(1, second).start_on(first, &["-w", "-S", "1"])?;
    let other = Options { is_empty: true, ..provider(2, first) }.start_on(second, &[])?;
    wait_until("the first copy of a replica", FIRST_COPY, || {
        other.accepts(WRITER_DN, WRITER_PASSWORD).unwrap_or(false)
            && other.accepts(LAST_OF_SEED, "%s$(x){localpart}").unwrap_or(false)
    })?;
    Ok([one, other])
}

/// The last account of the seed.
const LAST_OF_SEED: &str = "uid=pwbraces,ou=people,dc=example,dc=com";
