//! A connection that speaks HTTP/1.1: one request after the other, each within its time.
//!
//! Nothing is read ahead of a reply, so that requests sent together are answered one by one, and a
//! client that does not read its replies is not read from. A connection on which somebody who may ask
//! has asked stays open however long it is idle: whoever closed it could not know what is on its way.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::listen::front::Closing;
use crate::listen::linger::linger;
use crate::listen::newcomers::Newcomer;
use crate::protocol::http::MalformedHttp;
use crate::protocol::http::body::BodyReader;
use crate::protocol::http::head::{Head, HeadReader, Method};
use crate::protocol::http::reply::{Reply, Status};
use crate::protocol::receive_buffer::ReceiveBuffer;

/// The time for a head from its first byte on, for a body, and for the client to take a reply. A client
/// has this time to be admitted, however often it asks.
const WITHIN: Duration = Duration::from_secs(5);

/// What is asked over HTTP.
pub(in crate::listen) trait Api: Sync {
    /// What was asked, until the reply is sent.
    type Asked: Default + Send;

    /// Whether a connection may have more than one request.
    fn keeps_open(&self) -> bool {
        true
    }

    /// Whether whoever sent this head may ask, before its body is read; the reply if not.
    fn admit(&self, head: &Head) -> Result<(), Reply>;

    /// The reply to a request whose last byte was read at this moment.
    fn reply(
        &self,
        head: &Head,
        body: &[u8],
        read: Instant,
    ) -> impl Future<Output = (Reply, Self::Asked)> + Send;

    /// What became of the reply.
    fn sent(&self, asked: Self::Asked, is_sent: bool);
}

/// One client.
struct HttpConnection<S> {
    stream: S,
    received: ReceiveBuffer,
    heads: HeadReader,
}

/// What ends a conversation in words.
enum Ending {
    /// There will be no more requests, or none that is waited for.
    Over,
    /// The last reply is behind this.
    LastReply,
    /// What came is no request, or came too slowly.
    Malformed,
}

impl From<MalformedHttp> for Ending {
    fn from(MalformedHttp: MalformedHttp) -> Self {
        Self::Malformed
    }
}

/// Serves a client until it has no more requests, breaks the rules, or connections are to be closed.
pub(in crate::listen) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    api: &impl Api,
    newcomer: Newcomer,
    mut closing: Closing,
) -> io::Result<()> {
    let (received, heads) = (ReceiveBuffer::default(), HeadReader::default());
    let mut connection = HttpConnection { stream, received, heads };
    let ending = tokio::select! {
        ending = connection.serve(api, &newcomer, &mut closing) => ending?,
        () = newcomer.has_to_leave() => Ending::Over,
    };
    // Whoever lingers makes no room.
    drop(newcomer);
    match ending {
        Ending::Over => return Ok(()),
        Ending::LastReply => {}
        Ending::Malformed => {
            // Another status could be one that the client does not know.
            let reply = Reply::text(Status::BadRequest, "no request, or too slow");
            connection.write(&reply.bytes(true)).await?;
        }
    }
    linger(connection.stream).await;
    Ok(())
}

impl<S: AsyncRead + AsyncWrite + Unpin> HttpConnection<S> {
    async fn serve<A: Api>(
        &mut self,
        api: &A,
        newcomer: &Newcomer,
        closing: &mut Closing,
    ) -> io::Result<Ending> {
        let mut admitted_by = Some(Instant::now() + WITHIN);
        loop {
            let head = match self.head(admitted_by, closing).await? {
                Ok(head) => head,
                Err(ending) => return Ok(ending),
            };
            let ((mut reply, asked), closes) = match api.admit(&head) {
                // The body, which is not read, would be taken for a request.
                Err(reply) => ((reply, A::Asked::default()), !head.has_no_body()),
                Ok(()) => {
                    if admitted_by.take().is_some() && !newcomer.admit() {
                        return Ok(Ending::Over);
                    }
                    let body = match self.body(&head).await? {
                        Ok(body) => body,
                        Err(ending) => return Ok(ending),
                    };
                    (api.reply(&head, &body, Instant::now()).await, false)
                }
            };
            let closes = closes || head.closes || !api.keeps_open() || closing.is_now();
            if head.method == Method::Other {
                // Behind a reply to HEAD, a body would be taken for the next one.
                reply.body = "".into();
            }
            let written = self.write(&reply.bytes(closes)).await;
            api.sent(asked, written.is_ok());
            written?;
            if closes {
                return Ok(Ending::LastReply);
            }
        }
    }

    async fn head(
        &mut self,
        mut by: Option<Instant>,
        closing: &mut Closing,
    ) -> io::Result<Result<Head, Ending>> {
        loop {
            match self.heads.next(&mut self.received) {
                Ok(Some(head)) => return Ok(Ok(head)),
                Ok(None) => {}
                Err(malformed) => return Ok(Err(malformed.into())),
            }
            let is_idle = self.received.bytes().is_empty();
            if !is_idle && by.is_none() {
                by = Some(Instant::now() + WITHIN);
            }
            let by = async {
                match by {
                    Some(by) => sleep_until(by).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                read = self.stream.read_buf(self.received.room()) => if read? == 0 {
                    return Ok(Err(Ending::Over));
                },
                () = by => return Ok(Err(if is_idle { Ending::Over } else { Ending::Malformed })),
                () = closing.comes(), if is_idle => {
                    return Ok(Err(Ending::LastReply));
                }
            }
        }
    }

    async fn body(&mut self, head: &Head) -> io::Result<Result<Vec<u8>, Ending>> {
        let mut reader = match BodyReader::new(head.length) {
            Ok(reader) => reader,
            Err(malformed) => return Ok(Err(malformed.into())),
        };
        let by = Instant::now() + WITHIN;
        let mut is_asked_for = !head.expects_continue;
        loop {
            match reader.next(&mut self.received) {
                Ok(Some(body)) => return Ok(Ok(body)),
                Ok(None) => {}
                Err(malformed) => return Ok(Err(malformed.into())),
            }
            if !is_asked_for {
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
                is_asked_for = true;
            }
            match timeout_at(by, self.stream.read_buf(self.received.room())).await {
                Err(_) => return Ok(Err(Ending::Malformed)),
                Ok(read) => {
                    if read? == 0 {
                        return Ok(Err(Ending::Over));
                    }
                }
            }
        }
    }

    /// Writes in one write(2), if the client takes it.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(WITHIN, write).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
    }
}
