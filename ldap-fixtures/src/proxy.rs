//! A network that can be broken: a proxy before a TCP server, and an address that never connects.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::Result;
use socket2::SockRef;

/// How often a connection looks whether the fault has changed.
const TURN: Duration = Duration::from_millis(5);

/// The request for TLS on an open connection (RFC 4511, section 4.14).
const START_TLS_OID: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// What the network does to connections, those that are open included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Holds each piece of a reply back for this long.
    Delay(Duration),
    /// Holds each answer to a bind back for this long, as a server does whose hash is slow.
    DelayBinds(Duration),
    /// Carries nothing in either direction, not even the end of a connection.
    BlackHole,
    /// A black hole for the connections that are open now, and for good, as a firewall that has
    /// forgotten them is; new ones work.
    DropIdle,
    /// Closes each new connection at once.
    Refuse,
    /// Closes each connection after so many bytes of replies.
    CutAfter(usize),
    /// Resets each connection after so many bytes of replies.
    ResetAfter(usize),
    /// Answers a request for StartTLS itself, with this result code, and goes on in clear text: what
    /// somebody on the path would do.
    StripStartTls(u8),
}

/// A proxy before a server. Dropping it closes everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    fault: Mutex<Fault>,
    connections: Mutex<Vec<Weak<Connection>>>,
    received: Mutex<Vec<u8>>,
    accepted: AtomicUsize,
    /// Connections up to this number are black holes for good.
    forgotten: AtomicUsize,
    stopped: AtomicBool,
}

impl Shared {
    fn open_connections(&self) -> Vec<Arc<Connection>> {
        let mut connections = locked(&self.connections);
        connections.retain(|connection| connection.strong_count() > 0);
        connections.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A client's connection and the server's. The sockets are closed when the threads of both
/// directions have let go of it.
#[derive(Debug)]
struct Connection {
    number: usize,
    client: TcpStream,
    server: TcpStream,
    ended: AtomicBool,
}

impl Connection {
    /// Tells both sides that this is the end, and wakes both threads.
    fn cut(&self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// The same without the orderly end that a client would see before the reset.
    fn reset(&self) {
        let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
        self.ended.store(true, Ordering::SeqCst);
        let _ = self.client.shutdown(Shutdown::Read);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Waits while nothing gets through; false when the connection is to end.
    fn pass(&self, shared: &Shared) -> bool {
        while *locked(&shared.fault) == Fault::BlackHole
            || self.number <= shared.forgotten.load(Ordering::SeqCst)
        {
            if self.ended.load(Ordering::SeqCst) {
                break;
            }
            sleep(TURN);
        }
        !self.ended.load(Ordering::SeqCst)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A proxy before the server at `target`, without a fault.
    pub fn start(target: SocketAddr) -> Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), target)
    }

    /// The same on another address of this machine, such as `::1`.
    pub fn start_on(address: IpAddr, target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            fault: Mutex::new(Fault::None),
            connections: Mutex::default(),
            received: Mutex::default(),
            accepted: AtomicUsize::new(0),
            forgotten: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    /// `ldap://ADDRESS:PORT` of the proxy.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the network does from now on.
    pub fn set(&self, fault: Fault) {
        if fault == Fault::DropIdle {
            self.shared.forgotten.store(self.accepted(), Ordering::SeqCst);
        }
        *locked(&self.shared.fault) = fault;
    }

    /// Leads new connections to another server, as when one is replaced behind the same name.
    pub fn lead_to(&self, target: SocketAddr) {
        *locked(&self.shared.target) = target;
    }

    /// How many connections were ever made.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open now; one that a side has closed may count for a moment more.
    pub fn connections(&self) -> usize {
        self.shared.open_connections().len()
    }

    /// Closes every open connection in the orderly way.
    pub fn cut_all(&self) {
        for connection in self.shared.open_connections() {
            connection.cut();
        }
    }

    /// Resets every open connection.
    pub fn reset_all(&self) {
        for connection in self.shared.open_connections() {
            connection.reset();
        }
    }

    /// Every byte that clients have sent, in clear text or not.
    pub fn received(&self) -> Vec<u8> {
        locked(&self.shared.received).clone()
    }

    /// Forgets what clients have sent.
    pub fn forget_received(&self) {
        *locked(&self.shared.received) = Vec::new();
    }

    /// Whether clients have sent this.
    pub fn has_received(&self, bytes: &[u8]) -> bool {
        contains(&locked(&self.shared.received), bytes)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.cut_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        if *locked(&shared.fault) == Fault::Refuse {
            continue;
        }
        let Ok(server) = TcpStream::connect(*locked(&shared.target)) else { continue };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        let ended = AtomicBool::new(false);
        let connection = Arc::new(Connection { number, client, server, ended });
        locked(&shared.connections).push(Arc::downgrade(&connection));
        // After the connection can be seen by whoever stops us, so that none is missed.
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        for direction in [requests, replies] {
            let (connection, shared) = (Arc::clone(&connection), Arc::clone(shared));
            spawn(move || direction(&connection, &shared));
        }
    }
}

fn requests(connection: &Connection, shared: &Shared) {
    let (mut client, mut server) = (&connection.client, &connection.server);
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let bytes = buffer.get(..length).unwrap_or_default();
        locked(&shared.received).extend_from_slice(bytes);
        let fault = *locked(&shared.fault);
        if let Fault::StripStartTls(code) = fault
            && contains(bytes, START_TLS_OID)
        {
            // An ExtendedResponse to message 1, which StartTLS always is.
            let answer = [0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, code, 4, 0, 4, 0];
            let _ = client.write_all(&answer);
            continue;
        }
        if !connection.pass(shared) || server.write_all(bytes).is_err() {
            break;
        }
    }
    end(connection);
}

fn replies(connection: &Connection, shared: &Shared) {
    let (mut client, mut server) = (&connection.client, &connection.server);
    let mut buffer = [0; 16 * 1024];
    let mut sent = 0;
    loop {
        let length = server.read(&mut buffer).unwrap_or(0);
        // Of the server's end, too, a client behind a black hole learns nothing.
        if !connection.pass(shared) || length == 0 {
            break;
        }
        let bytes = buffer.get(..length).unwrap_or_default();
        let fault = *locked(&shared.fault);
        let (allowed, then_reset) = match fault {
            Fault::CutAfter(limit) => (limit.saturating_sub(sent), false),
            Fault::ResetAfter(limit) => (limit.saturating_sub(sent), true),
            Fault::Delay(delay) => {
                sleep(delay);
                (length, false)
            }
            Fault::DelayBinds(delay) => {
                if is_bind_response(bytes) {
                    sleep(delay);
                }
                (length, false)
            }
            Fault::None
            | Fault::BlackHole
            | Fault::DropIdle
            | Fault::Refuse
            | Fault::StripStartTls(_) => (length, false),
        };
        if client.write_all(bytes.get(..allowed.min(length)).unwrap_or_default()).is_err() {
            break;
        }
        sent += allowed.min(length);
        if allowed < length {
            if then_reset {
                connection.reset();
            }
            break;
        }
    }
    end(connection);
}

/// Whether a piece of replies begins with a BindResponse, which nothing else comes with: a client has
/// no other request under way (RFC 4511, section 4.2.1).
fn is_bind_response(piece: &[u8]) -> bool {
    // [0x30, length, 2, length, message ID, 0x61, …], where a length of 128 or more has more bytes.
    let [0x30, first, rest @ ..] = piece else { return false };
    let more = if *first < 0x80 { 0 } else { usize::from(first & 0x7f) };
    let Some([2, id, rest @ ..]) = rest.get(more..) else { return false };
    rest.get(usize::from(*id)) == Some(&0x61)
}

/// Ends a connection, unless that was already done in one way or the other.
fn end(connection: &Connection) {
    if !connection.ended.load(Ordering::SeqCst) {
        connection.cut();
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// An address that takes the first connections into its queue and never answers any more: a black
/// hole, as a host without power is.
#[derive(Debug)]
pub struct Unreachable {
    address: SocketAddr,
    _listener: socket2::Socket,
    _queued: Vec<socket2::Socket>,
}

impl Unreachable {
    /// Fills the queue of a listener that nobody accepts from.
    pub fn start() -> Result<Self> {
        use socket2::{Domain, Socket, Type};
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?;
        let mut queued = Vec::new();
        for _ in 0..8 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            let _ = socket.connect_timeout(&address, Duration::from_millis(50));
            queued.push(socket);
        }
        let address = address.as_socket().ok_or_else(|| anyhow::anyhow!("not an IP address"))?;
        Ok(Self { address, _listener: listener, _queued: queued })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }
}
