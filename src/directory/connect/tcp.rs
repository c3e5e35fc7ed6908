//! Opening a TCP connection to a host: every address of it, and a socket that notices death.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The next address is tried when the one before has not answered for this long (RFC 8305, section
/// 5), so that a dead first address does not cost the whole deadline.
const STAGGER: Duration = Duration::from_millis(250);

/// A quiet connection is asked for a sign of life before a firewall forgets it.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// Bytes that stay unacknowledged for this long end the connection: the server has not received them,
/// as behind a firewall that forgot the connection, so there is time to send them again elsewhere.
const UNACKNOWLEDGED: Duration = Duration::from_millis(1500);

/// Connects to the first of these addresses that answers.
pub async fn dial(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut exhausted = false;
    loop {
        match addresses.next() {
            Some(address) => drop(attempts.spawn(open(address))),
            None => exhausted = true,
        }
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last_error = error,
                Err(panic) => last_error = io::Error::other(panic),
            },
            () = sleep(STAGGER), if !exhausted => {}
            else => return Err(last_error),
        }
    }
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // A TLS Finished and the bind behind it are two small writes; with Nagle's algorithm the second
    // waits for the peer's delayed acknowledgement.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_AFTER)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_PROBES),
    )?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(stream)
}
