//! The wire protocols, as pure codecs: here the two that are spoken over standard input and output;
//! those of the daemon's sockets are [`native`], [`http`] and [`control`].
//!
//! # Lines (Prosody, "generic")
//!
//! ```text
//! request = verb ":" user ":" host [":" password] LF      at most 1000 bytes before the LF
//! reply   = ("1" / "0") LF
//! ```
//!
//! # Packets (ejabberd, MongooseIM)
//!
//! ```text
//! request = length(2, big-endian) verb ":" user ":" host [":" password]
//! reply   = 00 02 00 (01 / 00)                            and 00 02 00 02, an error, to ejabberd
//! ```
//!
//! The verbs are `auth` (check the password), `isuser` (does the user exist; no password field) and
//! `setpass` (set the password). Everything else is answered with a "no". Replies come in the order
//! of the requests; nothing on the wire ties a reply to its request but that order.

pub mod control;
pub mod dialect;
pub mod http;
pub mod line;
pub mod native;
pub mod packet;
pub mod receive_buffer;

use dialect::Framing;
use line::LineDecoder;
use packet::PacketDecoder;

use crate::request::{Refused, Request};

/// Either codec, chosen by the dialect.
#[derive(Debug)]
pub enum Decoder {
    /// For lines.
    Line(LineDecoder),
    /// For packets.
    Packet(PacketDecoder),
}

/// How a byte stream ended.
#[derive(Debug)]
pub enum StreamEnd {
    /// Between two requests.
    Clean,
    /// With a last line that has no newline.
    Last(Result<Request, Refused>),
    /// In the middle of a packet.
    Cut,
}

impl Decoder {
    /// The codec for a framing.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Line => Self::Line(LineDecoder::default()),
            Framing::Packet => Self::Packet(PacketDecoder::default()),
        }
    }

    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Line(decoder) => decoder.push(bytes),
            Self::Packet(decoder) => decoder.push(bytes),
        }
    }

    /// The next whole request, or `None` when more input is needed.
    pub fn next_request(&mut self) -> Option<Result<Request, Refused>> {
        match self {
            Self::Line(decoder) => decoder.next_request(),
            Self::Packet(decoder) => decoder.next_request(),
        }
    }

    /// How many bytes are held that belong to no request yet.
    pub fn held(&self) -> usize {
        match self {
            Self::Line(decoder) => decoder.held(),
            Self::Packet(decoder) => decoder.held(),
        }
    }

    /// To be called once, at the end of input and after the last request.
    pub fn finish(&mut self) -> StreamEnd {
        match self {
            Self::Line(decoder) => decoder.finish().map_or(StreamEnd::Clean, StreamEnd::Last),
            Self::Packet(decoder) if decoder.held() > 0 => StreamEnd::Cut,
            Self::Packet(_) => StreamEnd::Clean,
        }
    }
}
