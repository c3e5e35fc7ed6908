//! Accepts connections, no more than there may be, from those who may connect.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::control::{self, Administration};
use super::front::{Client, Closing, Front};
use super::metrics::{self, Watched};
use super::settings::{ListenerKind, ListenerSettings, NOT_OF_PORTS};
use super::socket::{OwnFile, Socket};
use super::{http, native};
use crate::answer::Answer;
use crate::observe::metrics::RequestMetrics;
use crate::observe::trouble::Trouble;

/// How long nothing is accepted after the system has refused to.
const PAUSE: Duration = Duration::from_millis(100);

/// One listener, with its connections.
#[derive(Debug)]
pub struct Listener<A> {
    settings: ListenerSettings,
    sockets: Vec<Bound>,
    front: Arc<Front<A>>,
    places: Arc<Semaphore>,
    most: u32,
    /// That processes connect that may not.
    strangers: Trouble,
}

#[derive(Debug)]
enum Bound {
    Unix { listener: UnixListener, _own_file: Option<OwnFile> },
    Tcp(TcpListener, HttpService),
}

enum AcceptedStream {
    Unix(UnixStream),
    Tcp(TcpStream, HttpService),
}

/// What is asked by HTTP. There are ports for these alone, because who connects to one is unknown.
#[derive(Clone, Copy, Debug)]
enum HttpService {
    Answers,
    Metrics,
}

impl Bound {
    fn new(kind: ListenerKind, socket: Socket) -> io::Result<Self> {
        Ok(match socket {
            Socket::Unix(listener, own_file) => {
                listener.set_nonblocking(true)?;
                Self::Unix { listener: UnixListener::from_std(listener)?, _own_file: own_file }
            }
            Socket::Tcp(listener) => {
                let service = match kind {
                    ListenerKind::Http => HttpService::Answers,
                    ListenerKind::Metrics => HttpService::Metrics,
                    ListenerKind::Native | ListenerKind::Control => {
                        return Err(io::Error::new(io::ErrorKind::InvalidInput, NOT_OF_PORTS));
                    }
                };
                listener.set_nonblocking(true)?;
                Self::Tcp(TcpListener::from_std(listener)?, service)
            }
        })
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<AcceptedStream>> {
        Poll::Ready(match self {
            Self::Unix { listener, .. } => ready!(listener.poll_accept(context))
                .map(|(stream, _)| AcceptedStream::Unix(stream)),
            Self::Tcp(listener, service) => ready!(listener.poll_accept(context))
                .map(|(stream, _)| AcceptedStream::Tcp(stream, *service)),
        })
    }
}

/// The next connection, where each socket has its turn. Cancel-safe.
async fn accept(sockets: &mut [Bound]) -> io::Result<AcceptedStream> {
    let (at, accepted) = poll_fn(|context| {
        let mut polled = sockets.iter().map(|socket| socket.poll_accept(context)).enumerate();
        polled
            .find_map(|(at, polled)| match polled {
                Poll::Ready(accepted) => Some(Poll::Ready((at, accepted))),
                Poll::Pending => None,
            })
            .unwrap_or(Poll::Pending)
    })
    .await;
    sockets.rotate_left(at + 1);
    accepted
}

impl AcceptedStream {
    fn client(&self) -> Client {
        match self {
            Self::Unix(stream) => Client::Local(stream.peer_cred().ok().map(|peer| peer.uid())),
            Self::Tcp(..) => Client::OfPort,
        }
    }
}

impl<A: Answer> Listener<A> {
    /// Listens on all these sockets alike. Must be called within the runtime.
    ///
    /// Requests are counted in `metrics`.
    pub fn new(
        settings: ListenerSettings,
        sockets: Vec<Socket>,
        answerer: Arc<A>,
        metrics: RequestMetrics,
    ) -> io::Result<Self> {
        let sockets = sockets.into_iter().map(|socket| Bound::new(settings.kind, socket));
        let sockets = sockets.collect::<io::Result<_>>()?;
        let terms = settings.terms.clone();
        let front = Arc::new(Front::new(&settings.name, terms, answerer, metrics));
        let most = u32::try_from(settings.max_connections).unwrap_or(u32::MAX);
        let places = Arc::new(Semaphore::new(settings.max_connections));
        let strangers = Trouble::default();
        Ok(Self { settings, sockets, front, places, most, strangers })
    }

    /// What the configuration says about it.
    pub fn settings(&self) -> &ListenerSettings {
        &self.settings
    }

    /// What its connections have in common.
    pub fn front(&self) -> &Arc<Front<A>> {
        &self.front
    }

    /// Serves until the front is closed and all its connections have ended.
    pub async fn serve(mut self, daemon: Arc<impl Administration + Watched>) {
        let mut closing = self.front.ending();
        let mut sockets = mem::take(&mut self.sockets);
        let trouble = Trouble::default();
        loop {
            let stream = tokio::select! {
                biased;
                () = closing.comes() => break,
                stream = accept(&mut sockets) => stream,
            };
            match stream {
                Ok(stream) if !self.lets_in(&stream) => {}
                Ok(stream) => {
                    if self.places.available_permits() == 0 {
                        self.front.newcomers().make_room();
                    }
                    // One more waits here, and others in the backlog.
                    tokio::select! {
                        biased;
                        () = closing.comes() => break,
                        Ok(place) = Arc::clone(&self.places).acquire_owned() => {
                            self.begin(stream, place, Arc::clone(&daemon));
                        }
                    }
                }
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    if let Some(unlogged) = trouble.comes() {
                        tracing::error!(
                            listener = self.settings.name,
                            %error,
                            more_since_last_line = unlogged,
                            "no connection can be accepted now"
                        );
                    }
                    sleep(PAUSE).await;
                }
            }
        }
        // Another daemon may take the place from now on.
        drop(sockets);
        let _ = self.places.acquire_many(self.most).await;
        self.front.settle().await;
    }

    /// Whether a client may connect.
    fn lets_in(&self, stream: &AcceptedStream) -> bool {
        let client = stream.client();
        let may_connect = self.front.terms().admit(client);
        if !may_connect && let Some(unlogged) = self.strangers.comes() {
            tracing::warn!(
                listener = self.settings.name,
                uid = client.user(),
                more_since_last_line = unlogged,
                "a process of this user may not connect"
            );
        }
        may_connect
    }

    fn begin(
        &self,
        stream: AcceptedStream,
        place: OwnedSemaphorePermit,
        daemon: Arc<impl Administration + Watched>,
    ) {
        let (front, kind) = (Arc::clone(&self.front), self.settings.kind);
        let closing = front.closing(stream.client());
        front.counts().connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let connection = OpenConnection { front, _place: place };
            let front = &connection.front;
            match (stream, kind) {
                (AcceptedStream::Unix(stream), ListenerKind::Native) => {
                    native::serve(stream, front, closing).await;
                }
                (AcceptedStream::Unix(stream), ListenerKind::Control) => {
                    control::serve(stream, front, closing, &*daemon).await;
                }
                (AcceptedStream::Unix(stream), ListenerKind::Http) => {
                    HttpService::Answers.serve(stream, front, closing, &*daemon).await;
                }
                (AcceptedStream::Unix(stream), ListenerKind::Metrics) => {
                    HttpService::Metrics.serve(stream, front, closing, &*daemon).await;
                }
                (AcceptedStream::Tcp(stream, service), _) => {
                    // Each reply is one write.
                    let _ = stream.set_nodelay(true);
                    service.serve(stream, front, closing, &*daemon).await;
                }
            }
        });
    }
}

impl HttpService {
    async fn serve<A: Answer>(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        front: &Front<A>,
        closing: Closing,
        daemon: &impl Watched,
    ) {
        match self {
            Self::Answers => http::serve(stream, front, closing).await,
            Self::Metrics => metrics::serve(stream, front, daemon, closing).await,
        }
    }
}

/// A connection that is counted for as long as it is open, whatever ends it.
struct OpenConnection<A> {
    front: Arc<Front<A>>,
    _place: OwnedSemaphorePermit,
}

impl<A> Drop for OpenConnection<A> {
    fn drop(&mut self) {
        self.front.counts().connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether only this one connection could not be accepted (accept(2)).
fn is_of_client(error: &io::Error) -> bool {
    let of_client = [Errno::CONNABORTED, Errno::INTR, Errno::PROTO, Errno::PERM];
    Errno::from_io_error(error).is_some_and(|error| of_client.contains(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_no_port_where_it_matters_who_connects() {
        for (kind, may_listen) in [
            (ListenerKind::Native, false),
            (ListenerKind::Control, false),
            (ListenerKind::Http, true),
            (ListenerKind::Metrics, true),
        ] {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            assert_eq!(Bound::new(kind, Socket::Tcp(port)).is_ok(), may_listen, "{kind:?}");
        }
    }
}
