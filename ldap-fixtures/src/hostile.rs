//! A server that follows a script, for answers that no honest server gives.
//!
//! It takes every bind for right and finds one entry, `uid=alice,ou=people,dc=example,dc=com`, but
//! answers one kind of request as an [`Attack`] or an [`Oddity`] says.

mod attack;
mod ber;
mod mutation;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::spawn;

use anyhow::Result;

use attack::{Answer, honest, only_result, refused};
pub use attack::{Attack, Oddity};
use ber::{Request, tag, take_request};
use fastrand::Rng;
pub use mutation::Damaged;

/// A stream ends here, so that a client that buffers it fails its test and not its machine.
const LONGEST_STREAM: usize = 256 << 20;

/// Which requests are attacked; all others are answered honestly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Every bind.
    Bind,
    /// Every search.
    Search,
}

impl Step {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Bind, Self::Search];

    fn request(self) -> u8 {
        match self {
            Self::Bind => tag::BIND_REQUEST,
            Self::Search => tag::SEARCH_REQUEST,
        }
    }

    fn response(self) -> u8 {
        match self {
            Self::Bind => tag::BIND_RESPONSE,
            Self::Search => tag::SEARCH_DONE,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Bind => Self::Search,
            Self::Search => Self::Bind,
        }
    }
}

#[derive(Debug)]
enum Script {
    Attack(Step, Attack),
    Oddity(Oddity),
    Result(Step, u8),
    Damage(Damaged, Mutex<Rng>),
}

impl Script {
    /// The answer, and whether it is another than a good server's.
    fn answer(&self, request: Request) -> (Answer, bool) {
        let at = |step: Step| request.operation == step.request();
        let scripted = match self {
            Self::Attack(step, attack) => at(*step).then(|| attack.answer(*step, request)),
            Self::Oddity(oddity) => at(Step::Search).then(|| oddity.answer(request)),
            Self::Result(step, code) => at(*step).then(|| only_result(*step, *code, request)),
            Self::Damage(damaged, rng) => damaged.is_asked_by(request).then(|| {
                let mut rng = rng.lock().unwrap_or_else(PoisonError::into_inner);
                Answer::Bytes(damaged.answer(request, &mut rng))
            }),
        };
        let is_scripted = scripted.is_some();
        let honest = || match self {
            Self::Damage(..) if !request.is_service => refused(request),
            _ => honest(request),
        };
        (scripted.unwrap_or_else(honest), is_scripted)
    }
}

/// The server. Dropping it closes everything.
#[derive(Debug)]
pub struct Hostile {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    answered: AtomicUsize,
    user_binds: AtomicUsize,
    granted: AtomicUsize,
    clients: Mutex<Vec<Weak<TcpStream>>>,
    stopped: AtomicBool,
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, Vec<Weak<TcpStream>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hostile {
    /// Attacks at this step.
    pub fn start(step: Step, attack: Attack) -> Result<Self> {
        Self::follow(Script::Attack(step, attack))
    }

    /// Answers searches in this way.
    pub fn odd(oddity: Oddity) -> Result<Self> {
        Self::follow(Script::Oddity(oddity))
    }

    /// Answers with this result code at this step, and with nothing else.
    pub fn saying(step: Step, code: u8) -> Result<Self> {
        Self::follow(Script::Result(step, code))
    }

    /// Damages these answers at random; the same seed damages in the same way.
    pub fn damaging(damaged: Damaged, seed: u64) -> Result<Self> {
        Self::follow(Script::Damage(damaged, Mutex::new(Rng::with_seed(seed))))
    }

    fn follow(script: Script) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script,
            answered: AtomicUsize::new(0),
            user_binds: AtomicUsize::new(0),
            granted: AtomicUsize::new(0),
            clients: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// How many binds as a user, and changes of a password, got a well-formed success.
    pub fn granted(&self) -> usize {
        self.shared.granted.load(Ordering::SeqCst)
    }

    /// How many requests were answered as the script says: with 0, a test has tested nothing.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// How many binds named the user.
    pub fn user_binds(&self) -> usize {
        self.shared.user_binds.load(Ordering::SeqCst)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for client in self.shared.clients().drain(..).filter_map(|client| client.upgrade()) {
            let _ = client.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client.map(Arc::new) else { continue };
        shared.clients().push(Arc::downgrade(&client));
        // After the client can be seen by whoever stops us, so that none is missed.
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        spawn(move || serve(&client, &shared));
    }
}

/// Answers until either side closes the connection; that a client hangs up is no failure here.
fn serve(mut client: &TcpStream, shared: &Shared) {
    let _ = client.set_nodelay(true);
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    let mut all = Vec::new();
    while let Ok(length @ 1..) = client.read(&mut chunk) {
        buffer.extend_from_slice(chunk.get(..length).unwrap_or_default());
        while let Some(request) = take_request(&mut buffer) {
            let (answer, is_scripted) = shared.script.answer(request);
            shared.answered.fetch_add(usize::from(is_scripted), Ordering::SeqCst);
            let is_user_bind = request.operation == tag::BIND_REQUEST && request.is_user;
            shared.user_binds.fetch_add(usize::from(is_user_bind), Ordering::SeqCst);
            let sent = match answer {
                Answer::Bytes(bytes) => {
                    all.extend_from_slice(&bytes);
                    let is_success = !request.is_service && mutation::grants(&all, request);
                    shared.granted.fetch_add(usize::from(is_success), Ordering::SeqCst);
                    client.write_all(&bytes).is_ok()
                }
                Answer::LastBytes(bytes) => {
                    let _ = client.write_all(&bytes);
                    false
                }
                Answer::Stream(bytes) => {
                    let _ = client.write_all(&bytes).and_then(|()| stream(client));
                    false
                }
            };
            if !sent {
                return;
            }
        }
    }
}

/// Sends bytes for as long as anybody takes them, but not more than a machine can bear.
fn stream(mut client: &TcpStream) -> io::Result<()> {
    let bytes = [0x41; 64 * 1024];
    (0..LONGEST_STREAM / bytes.len()).try_for_each(|_| client.write_all(&bytes))
}
