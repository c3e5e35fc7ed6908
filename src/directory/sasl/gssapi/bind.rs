//! The LDAP side of the sign-in: bind requests and responses that carry SASL tokens (RFC 4511,
//! section 4.2), and what the two sides agree on at its end (RFC 4752, section 3.1).

use crate::directory::diagnosis::of_sasl_bind;
use crate::directory::message::{LdapResult, Operation};
use crate::directory::sasl::principal::ByteStream;
use crate::directory::session::error::ConnectError;
use crate::directory::session::exchange::exchange;
use crate::result_code::{SASL_BIND_IN_PROGRESS, SUCCESS};

/// What the server has to say to a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BindAnswer {
    /// It wants another one.
    Next(Vec<u8>),
    /// The sign-in is complete.
    Complete,
}

/// A bind of several steps.
#[derive(Debug, Default)]
pub(super) struct SaslBind {
    steps: u32,
}

impl SaslBind {
    /// Hands a token to the server.
    pub(super) async fn send(
        &mut self,
        mut stream: &mut dyn ByteStream,
        token: &[u8],
    ) -> Result<BindAnswer, ConnectError> {
        self.steps = self.steps.saturating_add(1);
        let bind = Operation::SaslBind { mechanism: "GSSAPI", token };
        read(exchange(&mut stream, self.steps, &bind).await?)
    }
}

fn read(answer: LdapResult) -> Result<BindAnswer, ConnectError> {
    match answer.code {
        SUCCESS => Ok(BindAnswer::Complete),
        SASL_BIND_IN_PROGRESS => Ok(BindAnswer::Next(answer.sasl_credentials.unwrap_or_default())),
        _ => Err(ConnectError::Refused(of_sasl_bind(&answer))),
    }
}

/// How the messages after the sign-in are protected (RFC 4752, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Not by Kerberos.
    Nothing,
    /// Against changes.
    Integrity,
    /// Against changes and readers.
    Confidentiality,
}

impl Protection {
    fn bit(self) -> u8 {
        match self {
            Self::Nothing => 1,
            Self::Integrity => 2,
            Self::Confidentiality => 4,
        }
    }
}

/// What a server offers at the end of the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LayerOffer {
    protections: u8,
    /// The largest sealed message that it takes.
    pub(super) largest: usize,
}

impl LayerOffer {
    /// Reads the four bytes of the server.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let [protections, high, middle, low] = *message else { return None };
        let largest = [high, middle, low].iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        Some(Self { protections, largest })
    }

    /// The first of these that the server offers.
    pub(super) fn choose(self, wanted: &[Protection]) -> Option<Protection> {
        wanted.iter().copied().find(|protection| self.protections & protection.bit() != 0)
    }
}

/// The answer to an offer: the choice, the largest sealed message that is taken (0 where nothing is
/// sealed), and no other name than the ticket's.
pub(super) fn choice(protection: Protection, largest: u32) -> [u8; 4] {
    let largest = if protection == Protection::Nothing { 0 } else { largest };
    let [_, high, middle, low] = largest.to_be_bytes();
    [protection.bit(), high, middle, low]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::message::Envelope;

    fn read(answer: &[u8]) -> Result<BindAnswer, ConnectError> {
        super::read(Envelope::open(answer).unwrap().result().unwrap())
    }

    #[test]
    fn answers_are_read() {
        let done = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert_eq!(read(done).unwrap(), BindAnswer::Complete);
        let token = b"\x30\x10\x02\x01\x01\x61\x0b\x0a\x01\x0e\x04\x00\x04\x00\x87\x02\x01\x02";
        assert_eq!(read(token).unwrap(), BindAnswer::Next(vec![1, 2]));
        let empty = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x0e\x04\x00\x04\x00";
        assert_eq!(read(empty).unwrap(), BindAnswer::Next(vec![]));
    }

    #[test]
    fn a_refusal_is_judged_by_its_code() {
        let strong = b"\x30\x0e\x02\x01\x01\x61\x09\x0a\x01\x08\x04\x00\x04\x02no";
        assert!(read(strong).unwrap_err().is_judged());
        let busy = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x33\x04\x00\x04\x00";
        assert!(!read(busy).unwrap_err().is_judged());
    }

    #[test]
    fn offers_have_four_bytes() {
        assert_eq!(LayerOffer::read(b"\x07\x00\xff\xff").unwrap().largest, 0xffff);
        for odd in [&b""[..], b"\x07", b"\x07\x00\xff", b"\x07\x00\xff\xff\x00"] {
            assert_eq!(LayerOffer::read(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn the_first_wish_that_is_offered_is_chosen() {
        use Protection::{Confidentiality, Integrity, Nothing};
        let choose = |offer: u8, wanted: &[Protection]| {
            LayerOffer::read(&[offer, 0, 16, 0]).unwrap().choose(wanted)
        };
        assert_eq!(choose(7, &[Confidentiality, Integrity]), Some(Confidentiality));
        assert_eq!(choose(3, &[Confidentiality, Integrity]), Some(Integrity));
        assert_eq!(choose(3, &[Confidentiality]), None);
        assert_eq!(choose(7, &[Nothing]), Some(Nothing));
        assert_eq!(choose(6, &[Nothing]), None);
        assert_eq!(choose(0, &[Confidentiality, Integrity, Nothing]), None);
    }

    #[test]
    fn no_size_is_named_where_nothing_is_sealed() {
        assert_eq!(choice(Protection::Nothing, 0x10000), [1, 0, 0, 0]);
        assert_eq!(choice(Protection::Confidentiality, 0x10000), [4, 1, 0, 0]);
    }
}
