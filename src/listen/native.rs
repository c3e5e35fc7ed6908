//! A connection that speaks the native protocol.
//!
//! Up to a window of requests is worked on at once, and answered in any order; some more are read
//! ahead, so that what is given up before it was begun is never begun. While that many wait, or the
//! client does not read, it is not read from. Whatever ends the connection, what is open
//! comes to its end first, and is answered as far as the client reads on: a client that is lost leaves
//! its place to no other before.

use std::collections::{HashMap, VecDeque};
use std::future::ready;
use std::io;
use std::mem;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::UnixStream;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::front::{Closing, Front, ReceivedRequest};
use super::linger::linger;
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::local_stream::LocalStream;
use crate::protocol::native::{
    self, Ask, FromClient, LONGEST_LINE, LineTooLong, Lines, ProtocolFault, RequestId, VERSION,
};
use crate::request::{Refused, Request, Verb};
use crate::verdict::Outcome;

/// A client says hello within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// One read takes about so many bytes.
const READ_SIZE: usize = 16 * 1024;

/// So many requests are read beyond those that are worked on.
pub const READ_AHEAD: usize = 64;

/// A client that leaves so many bytes of answers unread is not read from.
const UNREAD: usize = 64 * 1024;

/// How we introduce ourselves.
pub const NAME: &str = concat!("xmpp-ldap-auth ", env!("CARGO_PKG_VERSION"));

type Answered = (RequestId, ReceivedRequest, Outcome);

/// One conversation with a client.
struct Conversation<'a, A> {
    front: &'a Front<A>,
    closing: Closing,
    stage: ConversationStage,
    /// Whether the client has said hello.
    has_met: bool,
    lines: Lines,
    read_at: Instant,
    /// When what was read last may have been written: it may have lain there since it was last read
    /// from whether anything does.
    written_since: Instant,
    /// Since when it was not seen that nothing lies unread.
    blind_since: Option<Instant>,
    out: Vec<u8>,
    /// Those whose answers are in it.
    answered: Vec<(ReceivedRequest, Outcome)>,
    /// What was read and is not begun.
    waiting: VecDeque<WaitingRequest>,
    work: FuturesUnordered<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    /// Whether an answer is waited for, of each request that is open.
    open: HashMap<RequestId, bool>,
}

/// A request for whose work there was no room when it was read, or behind which more may come.
struct WaitingRequest {
    id: RequestId,
    request: Result<Request, Refused>,
    read: Instant,
    by: Deadline,
}

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConversationStage {
    /// Nothing was said yet.
    Greeting,
    /// Requests come.
    Asking,
    /// We said bye.
    Draining,
    /// Nothing more is read: the client closed its side, or broke the rules.
    Ending,
}

/// Serves a connection until it ends.
pub async fn serve<A: Answer>(stream: UnixStream, front: &Front<A>, closing: Closing) {
    let Ok(stream) = stream.into_std().and_then(LocalStream::new) else { return };
    let now = Instant::now();
    let mut conversation = Conversation {
        front,
        closing,
        stage: ConversationStage::Greeting,
        has_met: false,
        lines: Lines::default(),
        read_at: now,
        written_since: now,
        blind_since: None,
        out: Vec::new(),
        answered: Vec::new(),
        waiting: VecDeque::new(),
        work: FuturesUnordered::new(),
        open: HashMap::new(),
    };
    match conversation.converse(&stream).await {
        Ok(Some(fault)) => {
            if let Some(unlogged) = front.misuse().comes() {
                tracing::warn!(
                    listener = front.name(),
                    %fault,
                    more_since_last_line = unlogged,
                    "a client broke the protocol"
                );
            }
            if let Ok(stream) = stream.into_stream() {
                linger(stream).await;
            }
        }
        Ok(None) => {}
        Err(error) => {
            tracing::debug!(listener = front.name(), %error, "a client is gone");
            conversation.finish_unheard().await;
        }
    }
}

impl<A: Answer> Conversation<'_, A> {
    /// Returns why the connection is to be closed, if the client is to blame.
    async fn converse(&mut self, stream: &LocalStream) -> io::Result<Option<ProtocolFault>> {
        let mut closing = self.closing.clone();
        let mut fault = None;
        let hello_by = self.read_at + HELLO_WITHIN;
        // Before this, only the client's own end, or ours, ends it.
        let mut end_by = None;
        loop {
            if fault.is_none()
                && let Err(broken) = self.take_lines()
            {
                native::write_error(&mut self.out, broken);
                fault = Some(broken);
                self.stage = ConversationStage::Ending;
            }
            if matches!(self.stage, ConversationStage::Draining | ConversationStage::Ending)
                && end_by.is_none()
            {
                end_by = Some(Instant::now() + self.front.terms().answer_within);
            }
            let is_idle = self.work.is_empty() && self.waiting.is_empty() && self.out.is_empty();
            if self.stage == ConversationStage::Ending && is_idle {
                return Ok(fault);
            }
            let has_room = self.out.len() < UNREAD;
            let reads =
                self.stage != ConversationStage::Ending && has_room && !self.is_read_ahead();
            if !reads {
                self.blind_since.get_or_insert_with(Instant::now);
            }
            let due = self.waiting.iter().map(|waiting| waiting.by.instant()).min();
            tokio::select! {
                biased;
                Some(answered) = self.work.next(), if has_room && !self.work.is_empty() => {
                    self.answer(answered);
                }
                written = stream.write(&self.out), if !self.out.is_empty() => {
                    self.out.drain(..written?);
                    if self.out.is_empty() {
                        self.tell_answered();
                    }
                }
                read = read(stream, self.lines.room(READ_SIZE)), if reads => {
                    self.read_at = Instant::now();
                    self.written_since = self.blind_since.unwrap_or(self.read_at);
                    match read? {
                        Read::End => {
                            self.stage = ConversationStage::Ending;
                            self.give_up_changes();
                        }
                        Read::All => self.blind_since = None,
                        Read::Part => {}
                    }
                }
                // Nothing that was sent behind these is unread, such as that nobody waits for them.
                () = ready(()), if !self.waiting.is_empty() && self.has_place() => self.begin_waiting(),
                () = sleep_until(due.unwrap_or(self.read_at)), if due.is_some() => {
                    self.begin_waiting();
                }
                () = sleep_until(hello_by), if self.stage == ConversationStage::Greeting => {
                    native::write_error(&mut self.out, ProtocolFault::Hello);
                    fault = Some(ProtocolFault::Hello);
                    self.stage = ConversationStage::Ending;
                }
                () = closing.comes(), if matches!(self.stage, ConversationStage::Greeting | ConversationStage::Asking) => {
                    native::write_bye(&mut self.out);
                    self.stage = ConversationStage::Draining;
                }
                () = sleep_until(end_by.unwrap_or(self.read_at)), if end_by.is_some() => {
                    return Ok(fault);
                }
                // Whatever came before is taken in by now, because this lets the reactor look once more.
                () = yield_now(), if self.stage == ConversationStage::Draining && is_idle => return Ok(fault),
            }
        }
    }

    fn has_place(&self) -> bool {
        self.work.len() < self.front.terms().window
    }

    fn is_read_ahead(&self) -> bool {
        self.waiting.len() >= READ_AHEAD
    }

    /// Takes in what is whole of what was read, as far as there is room for it.
    fn take_lines(&mut self) -> Result<(), ProtocolFault> {
        while self.stage != ConversationStage::Ending && !self.is_read_ahead() {
            let Some(line) = self.lines.next_line(LONGEST_LINE) else { break };
            let said = native::read_client(line.map_err(|LineTooLong| ProtocolFault::Line)?)?;
            self.take(said)?;
        }
        Ok(())
    }

    fn take(&mut self, said: FromClient) -> Result<(), ProtocolFault> {
        match (self.has_met, said) {
            (false, FromClient::Hello { version: VERSION }) => {
                self.has_met = true;
                // Its hello can cross our bye, which is all the greeting that it needs then.
                if self.stage == ConversationStage::Greeting {
                    native::write_daemon_hello(&mut self.out, NAME);
                    self.stage = ConversationStage::Asking;
                }
            }
            (false, FromClient::Hello { .. }) => return Err(ProtocolFault::Version),
            (false, _) | (true, FromClient::Hello { .. }) => return Err(ProtocolFault::Hello),
            (_, FromClient::Ask(ask)) => self.receive(ask)?,
            (_, FromClient::Cancel(id)) => {
                if let Some(is_awaited) = self.open.get_mut(&id) {
                    // Its work goes on: what the directory says counts, whoever hears it.
                    *is_awaited = false;
                    if let Some(place) = self.waiting.iter().position(|waiting| waiting.id == id)
                        && let Some(waiting) = self.waiting.remove(place)
                    {
                        let by = Deadline::after(waiting.read, Duration::ZERO);
                        self.begin(WaitingRequest { by, ..waiting });
                    }
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, ask: Ask) -> Result<(), ProtocolFault> {
        let Ask { id, within, request } = ask;
        if self.open.insert(id, true).is_some() {
            return Err(ProtocolFault::Id);
        }
        let read = self.read_at;
        // A password that its user has given up must never be set: another may have been set since.
        let is_change = request.as_ref().is_ok_and(|request| request.verb() == Verb::SetPass);
        let since = if is_change { self.written_since } else { read };
        let by = self.front.deadline(since, within);
        self.waiting.push_back(WaitingRequest { id, request, read, by });
        Ok(())
    }

    /// Begins no change of a password whose client is gone: a daemon that was stopped for a while may
    /// read it when its user has long been told that nobody knows.
    fn give_up_changes(&mut self) {
        for waiting in &mut self.waiting {
            if waiting.request.as_ref().is_ok_and(|request| request.verb() == Verb::SetPass) {
                waiting.by = Deadline::after(waiting.read, Duration::ZERO);
            }
        }
    }

    /// Begins what there is room for, and ends what there was none for in time.
    fn begin_waiting(&mut self) {
        for waiting in mem::take(&mut self.waiting) {
            if self.has_place() || waiting.by.remaining().is_zero() {
                self.begin(waiting);
            } else {
                self.waiting.push_back(waiting);
            }
        }
    }

    fn begin(&mut self, WaitingRequest { id, request, read, by }: WaitingRequest) {
        let mut asked = self.front.begin(request, read, by, &self.closing);
        self.work.push(Box::pin(async move {
            let outcome = asked.outcome().await;
            (id, asked, outcome)
        }));
    }

    /// Lets what was begun come to its end, which nobody hears, and begins no more.
    async fn finish_unheard(&mut self) {
        for waiting in mem::take(&mut self.waiting) {
            let by = Deadline::after(waiting.read, Duration::ZERO);
            self.begin(WaitingRequest { by, ..waiting });
        }
        while let Some((_, mut asked, outcome)) = self.work.next().await {
            asked.keep(&outcome);
        }
    }

    fn answer(&mut self, (id, mut asked, outcome): Answered) {
        if self.open.remove(&id) == Some(true) {
            native::write_answer(&mut self.out, id, outcome.verdict);
            self.answered.push((asked, outcome));
        } else {
            asked.keep(&outcome);
        }
    }

    /// Logs what was answered, for which nobody has to wait, because that is written.
    fn tell_answered(&mut self) {
        for (mut asked, outcome) in self.answered.drain(..) {
            asked.tell(&outcome);
        }
    }
}

impl<A> Drop for Conversation<'_, A> {
    fn drop(&mut self) {
        for (asked, outcome) in &mut self.answered {
            asked.keep(outcome);
        }
    }
}

/// What a read has found.
enum Read {
    /// All that there was.
    All,
    /// As much as there was room for.
    Part,
    /// That no more will come.
    End,
}

async fn read(stream: &LocalStream, room: &mut Vec<u8>) -> io::Result<Read> {
    let most = room.capacity() - room.len();
    Ok(match stream.read(room).await? {
        0 => Read::End,
        length if length < most => Read::All,
        _ => Read::Part,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::listen::front::Client;
    use crate::listen::settings::ListenerTerms;
    use crate::observe::metrics::RequestMetrics;
    use crate::verdict::Verdict;

    struct Yes;

    impl Answer for Yes {
        async fn answer(&self, _: &Request, _: Deadline) -> Outcome {
            Verdict::Granted.into()
        }
    }

    #[tokio::test]
    async fn a_request_whose_hello_crosses_our_bye_is_told_that_we_are_closing() {
        let terms = ListenerTerms { verbs: vec![Verb::SetPass], ..ListenerTerms::default() };
        let front = Front::new("a", terms, Arc::new(Yes), RequestMetrics::default());
        front.close();
        let (ours, mut client) = UnixStream::pair().unwrap();
        let said = br#"{"hello":1}
{"id":1,"verb":"setpass","user":"a","domain":"example.com","password":"p","within_ms":5000}
"#;
        client.write_all(said).await.unwrap();
        serve(ours, &front, front.closing(Client::Local(None))).await;
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains(r#""reason":"closing""#) && !heard.contains("error"), "{heard}");
    }
}
