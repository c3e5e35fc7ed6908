//! A directory in memory that speaks real LDAP, for where nothing but Rust is installed.
//!
//! It knows simple bind, search, Who am I? and password modify. It knows no schema (every attribute
//! ignores case), no password policy, no hashed passwords and no TLS; where those matter, use
//! [`slapd`](crate::slapd).

mod client;
mod name;
mod tree;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context, Result};

use ldap3_proto::LdapCodec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use crate::ldif::{self, Entry};
use client::{Answer, Client};
use tree::Tree;

/// The longest request: more than the longest password of an XMPP server's packet.
const LONGEST_REQUEST: usize = 128 * 1024;

/// A directory. Dropping it ends it and closes its connections.
#[derive(Debug)]
pub struct Embedded {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the clients have in common.
#[derive(Debug)]
struct Shared {
    tree: Mutex<Tree>,
    binds: AtomicUsize,
}

impl Embedded {
    /// With the entries of [`ldif::SEED`].
    pub fn start() -> Result<Self> {
        Self::with(ldif::parse(ldif::SEED)?)
    }

    /// With these entries; their `userPassword`s are compared as they are.
    pub fn with(entries: Vec<Entry>) -> Result<Self> {
        let shared =
            Arc::new(Shared { tree: Mutex::new(Tree::new(entries)?), binds: AtomicUsize::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on loopback")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (stop, stopped) = oneshot::channel();
        let clients = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    _ = accept(listener, &clients) => {}
                }
            });
        });
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// How many bind requests it has seen, whatever became of them.
    pub fn binds(&self) -> usize {
        self.shared.binds.load(Ordering::SeqCst)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, shared: &Arc<Shared>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, Client::new(Arc::clone(shared))));
    }
}

async fn serve(mut stream: TcpStream, mut client: Client) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut codec = LdapCodec::new(Some(LONGEST_REQUEST), None);
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    let mut open = true;
    while open && stream.read_buf(&mut input).await? > 0 {
        loop {
            let answer = match codec.decode(&mut input) {
                Ok(Some(request)) => client.answer(request),
                Ok(None) => break,
                Err(_) => {
                    codec.encode(client::notice_of_disconnection(), &mut output)?;
                    Answer::Close
                }
            };
            match answer {
                Answer::Messages(messages) => {
                    for message in messages {
                        codec.encode(message, &mut output)?;
                    }
                }
                Answer::Close => {
                    open = false;
                    break;
                }
            }
        }
        stream.write_all(&output.split()).await?;
    }
    Ok(())
}
