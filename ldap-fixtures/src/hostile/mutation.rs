//! Honest answers with random damage, and whether what was sent grants anything all the same.

use fastrand::Rng;

use super::attack::{alice, refusal};
use super::ber::{self, Request, message, result, tag};

/// Bytes that mean something in BER, or nearly do.
const TELLING: [u8; 16] = [
    0x00, 0x01, 0x02, 0x04, 0x0a, 0x1f, 0x30, 0x31, 0x61, 0x64, 0x65, 0x78, 0x7f, 0x80, 0x84, 0xff,
];

/// Which answers are damaged; all others are honest, but that users are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// The bind of the service account.
    ServiceBind,
    /// The entry that a search finds.
    SearchEntry,
    /// The end of a search.
    SearchDone,
    /// The bind of a user; before the damage it is a success or a refusal.
    UserBind,
    /// The change of a password; likewise.
    PasswordChange,
}

impl Damaged {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::ServiceBind,
        Self::SearchEntry,
        Self::SearchDone,
        Self::UserBind,
        Self::PasswordChange,
    ];

    /// Whether this is what answers the request.
    pub(super) fn is_asked_by(self, request: Request) -> bool {
        match self {
            Self::ServiceBind => request.operation == tag::BIND_REQUEST && request.is_service,
            Self::SearchEntry | Self::SearchDone => request.operation == tag::SEARCH_REQUEST,
            Self::UserBind => request.operation == tag::BIND_REQUEST && !request.is_service,
            Self::PasswordChange => request.operation == tag::EXTENDED_REQUEST,
        }
    }

    pub(super) fn answer(self, request: Request, rng: &mut Rng) -> Vec<u8> {
        let id = request.id;
        let success = |operation| message(id, operation, &result(&[0], b"", b""));
        let either = |operation, rng: &mut Rng| {
            if rng.bool() { success(operation) } else { message(id, operation, &refusal()) }
        };
        let mut answer = match self {
            Self::ServiceBind => success(tag::BIND_RESPONSE),
            Self::UserBind => either(tag::BIND_RESPONSE, rng),
            Self::PasswordChange => either(tag::EXTENDED_RESPONSE, rng),
            Self::SearchEntry => alice(id),
            Self::SearchDone => success(tag::SEARCH_DONE),
        };
        for _ in 0..rng.usize(1..4) {
            damage(&mut answer, rng);
        }
        match self {
            Self::SearchEntry => [answer, success(tag::SEARCH_DONE)].concat(),
            Self::SearchDone => [alice(id), answer].concat(),
            Self::ServiceBind | Self::UserBind | Self::PasswordChange => answer,
        }
    }
}

/// Does one random thing to some bytes.
fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.usize(..bytes.len());
    let to = (at + rng.usize(1..9)).min(bytes.len());
    let piece = bytes.get(at..to).unwrap_or_default().to_vec();
    match rng.u8(..8) {
        0 => change(bytes, at, |byte| byte ^ (1 << rng.u8(..8))),
        1 => change(bytes, at, |_| rng.u8(..)),
        2 => {
            let telling = rng.choice(TELLING).unwrap_or_default();
            change(bytes, at, |_| telling);
        }
        3 => {
            bytes.drain(at..to);
        }
        4 => {
            bytes.splice(at..at, piece.repeat(rng.usize(1..20)));
        }
        5 => {
            let inserted: Vec<u8> = (0..rng.usize(1..9)).map(|_| rng.u8(..)).collect();
            bytes.splice(at..at, inserted);
        }
        6 => bytes.truncate(at),
        _ => bytes.extend(piece.iter().chain(&bytes.clone()).copied().collect::<Vec<u8>>()),
    }
}

fn change(bytes: &mut [u8], at: usize, how: impl FnOnce(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = how(*byte);
    }
}

/// Whether a well-formed success for the request is among these bytes, which are everything that
/// was sent on its connection. What stands behind bytes that are no message is none either.
pub(super) fn grants(mut sent: &[u8], request: Request) -> bool {
    let operation = match request.operation {
        tag::BIND_REQUEST => tag::BIND_RESPONSE,
        _ => tag::EXTENDED_RESPONSE,
    };
    while let Some((tag::SEQUENCE, message, rest)) = ber::split(sent) {
        if is_success(message, request.id, operation) {
            return true;
        }
        sent = rest;
    }
    false
}

fn is_success(message: &[u8], id: i32, operation: u8) -> bool {
    let Some((tag::INTEGER, digits, rest)) = ber::split(message) else { return false };
    let Some((found, fields, _)) = ber::split(rest) else { return false };
    let Some((tag::ENUMERATED, [0], rest)) = ber::split(fields) else { return false };
    let Some((tag::OCTET_STRING, _, rest)) = ber::split(rest) else { return false };
    ber::number(digits) == i64::from(id)
        && found == operation
        && matches!(ber::split(rest), Some((tag::OCTET_STRING, _, _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIND: Request =
        Request { id: 7, operation: tag::BIND_REQUEST, is_service: false, is_user: true };

    #[test]
    fn only_a_success_for_the_request_grants() {
        let bind = |id, code| message(id, tag::BIND_RESPONSE, &result(&[code], b"", b""));
        assert!(grants(&bind(7, 0), BIND));
        assert!(grants(&[bind(6, 49), bind(7, 0)].concat(), BIND));
        assert!(!grants(&bind(7, 49), BIND));
        assert!(!grants(&bind(8, 0), BIND));
        assert!(!grants(&[b"HTTP/1.1".to_vec(), bind(7, 0)].concat(), BIND));
        assert!(!grants(&message(7, tag::SEARCH_DONE, &result(&[0], b"", b"")), BIND));
        let whole = bind(7, 0);
        for length in 0..whole.len() {
            assert!(!grants(&whole[..length], BIND), "{length}");
        }
    }

    #[test]
    fn some_damage_leaves_a_success_and_most_does_not() {
        let mut rng = Rng::with_seed(1);
        let granted =
            (0..10_000).filter(|_| grants(&Damaged::UserBind.answer(BIND, &mut rng), BIND)).count();
        assert!((100..5_000).contains(&granted), "{granted}");
    }
}
