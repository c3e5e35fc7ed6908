//! Random requests, with the answers that are right for each.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::support::Answer::{self, CannotTell, No, Yes};
use crate::support::Framing;

/// How many numbered users the directory has.
pub const USERS: usize = 200;

/// Of these, so many at the end have their passwords changed, half of them by each conversation.
const CHANGING: usize = 20;

/// A request of which the answer is awaited.
#[derive(Debug)]
pub struct Sent {
    pub bytes: Vec<u8>,
    expected: Answer,
    /// Whether the guard may have let nobody judge it.
    is_guess: bool,
    change: Option<Change>,
}

/// What the answer may change in the model.
#[derive(Debug)]
struct Change {
    user: usize,
    /// The password that would be set.
    new: Option<String>,
}

/// A user whose password changes.
#[derive(Debug)]
struct Changing {
    /// `None` after a change of which nobody knows whether it was made.
    password: Option<String>,
    old: String,
    /// Whether a request about the user is under way.
    is_busy: bool,
}

/// Makes requests, and knows what may be answered.
#[derive(Debug)]
pub struct Model {
    rng: Rng,
    framing: Framing,
    changing: BTreeMap<usize, Changing>,
    made: usize,
}

/// The login name of a numbered user.
pub fn login(user: usize) -> String {
    format!("user{user:05}")
}

impl Model {
    pub fn new(seed: u64, framing: Framing) -> Self {
        let half = CHANGING / 2;
        let last = if framing == Framing::Line { USERS } else { USERS - half };
        let user = || Changing {
            password: Some("secret".to_owned()),
            old: "never-set".to_owned(),
            is_busy: false,
        };
        let changing = (last - half + 1..=last).map(|number| (number, user())).collect();
        Self { rng: Rng::with_seed(seed), framing, changing, made: 0 }
    }

    /// Requests that let every user in once, so that none is a stranger to the guard.
    pub fn introductions() -> impl Iterator<Item = String> {
        (1..=USERS).map(|user| format!("auth:{}:example.com:secret", login(user)))
    }

    /// The users whose passwords are unknown by now.
    pub fn lost(&self) -> impl Iterator<Item = usize> {
        self.changing.iter().filter(|(_, user)| user.password.is_none()).map(|(number, _)| *number)
    }

    /// Somebody has given this user a password.
    pub fn found(&mut self, user: usize, password: &str) {
        if let Some(user) = self.changing.get_mut(&user) {
            user.password = Some(password.to_owned());
        }
    }

    /// A random request.
    pub fn next(&mut self) -> Sent {
        self.made += 1;
        match self.rng.u32(..100) {
            0..30 => self.plain(Yes, |user, _| format!("auth:{user}:example.com:secret")),
            // A device that has yesterday's password, and somebody who guesses.
            30..35 => self.plain(No, |user, _| format!("auth:{user}:example.com:yesterdays")),
            35..45 => Sent {
                is_guess: true,
                ..self.plain(No, |_, number| format!("auth:alice:guess.example:g{number}"))
            },
            45..55 => self.plain(Yes, |user, _| format!("isuser:{user}:example.com")),
            55..62 => self.plain(No, |_, number| format!("isuser:nobody{number}:example.com")),
            62..67 => self.plain(No, |_, number| format!("auth:nobody{number}:example.com:secret")),
            67..70 => self.plain(No, |user, _| format!("auth:{user}:elsewhere.example:secret")),
            70..73 => self.plain(No, |user, _| format!("auth:{user}:example.com:")),
            73..78 => self.other_verb(),
            78..84 => self.hostile_name(),
            84..90 => self.noise(),
            _ => self.change(),
        }
    }

    fn sent(&self, request: &[u8], expected: Answer, change: Option<Change>) -> Sent {
        Sent { bytes: self.framing.frame(request), expected, is_guess: false, change }
    }

    /// A request about a user whose password never changes, or about nobody.
    fn plain(&mut self, expected: Answer, text: impl FnOnce(&str, usize) -> String) -> Sent {
        let user = login(self.rng.usize(1..=USERS - CHANGING));
        self.sent(text(&user, self.made).as_bytes(), expected, None)
    }

    fn other_verb(&mut self) -> Sent {
        let verbs = ["tryregister", "removeuser", "removeuser3", "certauth", "roster", "AUTH", ""];
        let verb = verbs[self.rng.usize(..verbs.len())];
        self.plain(No, |user, _| format!("{verb}:{user}:example.com:secret"))
    }

    /// A name that is syntax of filters and DNs.
    fn hostile_name(&mut self) -> Sent {
        const PIECES: [&str; 16] = [
            "*",
            "(",
            ")",
            "\\",
            "user00001",
            ",",
            "=",
            "|",
            "&",
            "uid",
            "ou",
            "\\2a",
            "+",
            "#",
            "\"",
            "dc",
        ];
        let length = self.rng.usize(2..12);
        let name: String =
            (0..length).map(|_| PIECES[self.rng.usize(..PIECES.len())]).chain(["*"]).collect();
        let verb = if self.rng.bool() { "isuser" } else { "auth" };
        let password = if verb == "auth" { ":secret" } else { "" };
        self.plain(No, |_, _| format!("{verb}:{name}:example.com{password}"))
    }

    /// Bytes that are no request.
    fn noise(&mut self) -> Sent {
        let longest = if self.framing == Framing::Line { 2000 } else { 5000 };
        let limit = if self.rng.u8(..) < 16 { longest } else { 60 };
        let length = self.rng.usize(..limit);
        let mut bytes: Vec<u8> = (0..length).map(|_| self.rng.u8(..)).collect();
        if self.rng.bool() {
            let start = ["auth:", "isuser:", "setpass:", "auth:user00001:example.com:\u{1}"];
            bytes.splice(0..0, start[self.rng.usize(..start.len())].bytes());
        }
        // What makes it no request even if nothing else does.
        bytes.push(0);
        if self.framing == Framing::Line {
            bytes.retain(|byte| *byte != b'\n');
        }
        // ejabberd would take a no to this for success.
        let is_change = self.framing == Framing::Packet && bytes.starts_with(b"setpass:");
        self.sent(&bytes, if is_change { CannotTell } else { No }, None)
    }

    /// A request about a user whose password changes; one at a time, because which of two changes is
    /// the last the directory decides.
    fn change(&mut self) -> Sent {
        let free: Vec<usize> = self
            .changing
            .iter()
            .filter(|(_, user)| !user.is_busy && user.password.is_some())
            .map(|(number, _)| *number)
            .collect();
        let Some(number) = (!free.is_empty()).then(|| free[self.rng.usize(..free.len())]) else {
            return self.plain(Yes, |user, _| format!("isuser:{user}:example.com"));
        };
        let new = format!("new:{}:{}", self.made, self.rng.u32(..));
        let kind = self.rng.u8(..4);
        let Some(user) = self.changing.get_mut(&number) else { unreachable!() };
        user.is_busy = true;
        let current = user.password.clone().unwrap_or_default();
        let login = login(number);
        let (request, expected, new) = match kind {
            0 => (format!("setpass:{login}:example.com:{new}"), Yes, Some(new)),
            1 => (format!("auth:{login}:example.com:{}", user.old), No, None),
            _ => (format!("auth:{login}:example.com:{current}"), Yes, None),
        };
        let change = Some(Change { user: number, new });
        Sent { is_guess: kind == 1, ..self.sent(request.as_bytes(), expected, change) }
    }

    /// Judges an answer; `has_faults` says whether the directory may have been out of reach.
    pub fn judge(&mut self, sent: Sent, answer: Answer, has_faults: bool) -> Result<(), Sent> {
        // Lines have no third value.
        let is_outage =
            has_faults && (answer == CannotTell || self.framing == Framing::Line && answer == No);
        let is_held_back = sent.is_guess && answer == CannotTell;
        if answer != sent.expected && !is_outage && !is_held_back {
            return Err(sent);
        }
        if let Some(Change { user, new }) = sent.change
            && let Some(user) = self.changing.get_mut(&user)
        {
            user.is_busy = false;
            if let Some(new) = new {
                let old = user.password.replace(new);
                user.old = old.unwrap_or_default();
                if answer != Yes {
                    user.password = None;
                }
            }
        }
        Ok(())
    }
}
