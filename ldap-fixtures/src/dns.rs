//! A name server that says what a test wants.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Result;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::SRV;
use hickory_proto::rr::{Name, RData, Record};

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is answered with SERVFAIL.
    Failure,
    /// It is refused.
    Refusal,
    /// Nobody answers it.
    Silence,
}

/// A name server. Dropping it ends it.
#[derive(Debug)]
pub struct NameServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    records: Mutex<HashMap<Name, Vec<Record>>>,
    troubles: Mutex<HashMap<Name, Trouble>>,
    is_silent: AtomicBool,
    is_over: AtomicBool,
    questions: AtomicUsize,
}

impl NameServer {
    /// A name server that knows no names yet.
    pub fn start() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.serve(&socket)
        });
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many questions it has been asked.
    pub fn questions(&self) -> usize {
        self.shared.questions.load(Ordering::SeqCst)
    }

    /// Whether it answers nothing at all.
    pub fn silence(&self, is_silent: bool) {
        self.shared.is_silent.store(is_silent, Ordering::SeqCst);
    }

    /// Answers questions about a name no more as it should.
    pub fn trouble(&self, name: &str, trouble: Trouble) -> Result<()> {
        let name = absolute(name)?;
        self.shared.troubles.lock().unwrap_or_else(PoisonError::into_inner).insert(name, trouble);
        Ok(())
    }

    /// Forgets a name.
    pub fn forget(&self, name: &str) -> Result<()> {
        let name = absolute(name)?;
        self.shared.locked().remove(&name);
        Ok(())
    }

    /// Adds a host that offers a service, for `ttl` seconds.
    pub fn offer(
        &self,
        service: &str,
        (priority, weight): (u16, u16),
        (host, port): (&str, u16),
        ttl: u32,
    ) -> Result<()> {
        let srv = SRV::new(priority, weight, port, absolute(host)?);
        self.add(absolute(service)?, ttl, RData::SRV(srv));
        Ok(())
    }

    /// Adds the address of a host.
    pub fn host(&self, host: &str, address: IpAddr) -> Result<()> {
        self.add(absolute(host)?, 600, address.into());
        Ok(())
    }

    fn add(&self, name: Name, ttl: u32, data: RData) {
        let record = Record::from_rdata(name.clone(), ttl, data);
        self.shared.locked().entry(name).or_default().push(record);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes it up.
        if let Ok(socket) = UdpSocket::bind("127.0.0.1:0") {
            let _ = socket.send_to(&[], self.address);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Vec<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let question = buffer.get(..length).and_then(|bytes| Message::from_vec(bytes).ok());
            let Some(question) = question else { continue };
            self.questions.fetch_add(1, Ordering::SeqCst);
            let trouble = self.trouble_with(&question);
            if self.is_silent.load(Ordering::SeqCst) || trouble == Some(Trouble::Silence) {
                continue;
            }
            if let Ok(answer) = self.answer(&question).to_vec() {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    fn trouble_with(&self, question: &Message) -> Option<Trouble> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        question
            .queries
            .iter()
            .find_map(|query| troubles.get(&query.name().to_lowercase()).copied())
    }

    fn answer(&self, question: &Message) -> Message {
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.message_type = MessageType::Response;
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_queries(question.queries.iter().cloned());
        let records = self.locked();
        for query in &question.queries {
            // Resolvers send names in random case, and look whether it comes back.
            let known = records.get(&query.name().to_lowercase());
            if known.is_none() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            let fitting =
                known.into_iter().flatten().filter(|r| r.record_type() == query.query_type());
            answer.add_answers(fitting.cloned());
        }
        match self.trouble_with(question) {
            Some(Trouble::Failure) => answer.metadata.response_code = ResponseCode::ServFail,
            Some(Trouble::Refusal) => answer.metadata.response_code = ResponseCode::Refused,
            Some(Trouble::Silence) | None => {}
        }
        answer
    }
}

fn absolute(name: &str) -> Result<Name> {
    Ok(Name::from_ascii(format!("{name}."))?.to_lowercase())
}
