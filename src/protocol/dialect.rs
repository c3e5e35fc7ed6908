//! The three XMPP servers: what each sends, how long it waits, and the bytes it takes for an answer.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::request::Verb;
use crate::verdict::Verdict;

/// Which XMPP server is on the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Prosody's mod_auth_external, protocol "generic".
    Prosody,
    /// ejabberd's extauth, from 18.06 on.
    Ejabberd,
    /// MongooseIM's extauth, and ejabberd's before 18.06.
    MongooseIm,
    /// A server that sends packets, and that nobody has named.
    Unnamed,
}

/// How requests are told apart on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One request a line.
    Line,
    /// A two-byte big-endian length before each request.
    Packet,
}

impl Dialect {
    /// Every dialect that has a name, in the order in which the documentation names them.
    pub const ALL: [Self; 3] = [Self::Prosody, Self::Ejabberd, Self::MongooseIm];

    /// The name in the configuration and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prosody => "prosody",
            Self::Ejabberd => "ejabberd",
            Self::MongooseIm => "mongooseim",
            Self::Unnamed => "unknown",
        }
    }

    /// How this server frames its requests.
    pub fn framing(self) -> Framing {
        match self {
            Self::Prosody => Framing::Line,
            Self::Ejabberd | Self::MongooseIm | Self::Unnamed => Framing::Packet,
        }
    }

    /// How long this server waits for a reply unless its administrator changed that: Prosody's
    /// `external_auth_timeout`, ejabberd's `CALL_TIMEOUT`, MongooseIM's constant.
    pub fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Self::Prosody => 5,
            Self::Ejabberd => 30,
            Self::MongooseIm | Self::Unnamed => 10,
        })
    }

    /// The default of `answer_within` for a caller that waits this long.
    pub fn answer_within(self, patience: Duration) -> Duration {
        match self {
            Self::Prosody | Self::MongooseIm | Self::Unnamed => patience * 4 / 5,
            Self::Ejabberd => patience * 5 / 6,
        }
    }

    /// The reply to a `verb` request, ready to be written in one write(2).
    ///
    /// - ejabberd takes any well-formed reply to `setpass` for success and caches the password, and
    ///   caches an `isuser` of 0; a payload of `00 02` is an error to it, which it does not cache.
    /// - MongooseIM's worker dies of any payload but `00 00` and `00 01`.
    /// - Prosody knows `1` and `0`.
    /// - For a caller that nobody has named there is a reply where each of these servers survives it,
    ///   and none of them takes it for more than it says.
    pub fn reply(self, verb: Verb, verdict: Verdict) -> Option<&'static [u8]> {
        Some(match (self, verb, verdict) {
            (Self::Unnamed, Verb::SetPass, Verdict::Denied(_) | Verdict::Unavailable(_))
            | (Self::Unnamed, Verb::IsUser, Verdict::Unavailable(_)) => return None,
            (Self::Unnamed, _, Verdict::Granted) => &[0, 2, 0, 1],
            (Self::Unnamed, _, Verdict::Denied(_) | Verdict::Unavailable(_)) => &[0, 2, 0, 0],
            (Self::Prosody, _, Verdict::Granted) => b"1\n",
            (Self::Prosody, _, Verdict::Denied(_) | Verdict::Unavailable(_)) => b"0\n",
            (Self::Ejabberd | Self::MongooseIm, _, Verdict::Granted) => &[0, 2, 0, 1],
            (Self::Ejabberd, Verb::Other, Verdict::Denied(_)) => &[0, 2, 0, 0],
            (Self::Ejabberd, Verb::SetPass, Verdict::Denied(_)) => &[0, 2, 0, 2],
            (Self::Ejabberd, Verb::Auth | Verb::IsUser, Verdict::Denied(_)) => &[0, 2, 0, 0],
            (Self::Ejabberd, _, Verdict::Unavailable(_)) => &[0, 2, 0, 2],
            (Self::MongooseIm, _, Verdict::Denied(_) | Verdict::Unavailable(_)) => &[0, 2, 0, 0],
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| "write \"prosody\", \"ejabberd\" or \"mongooseim\"".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Denial, Outage};

    const NO: Verdict = Verdict::Denied(Denial::WrongPassword);
    const CANNOT_TELL: Verdict = Verdict::Unavailable(Outage::NoServer);

    #[test]
    fn every_verdict_has_the_bytes_of_the_design_table() {
        use Verb::{Auth, IsUser, Other, SetPass};
        for (verdict, verbs, prosody, ejabberd, mongooseim) in [
            (Verdict::Granted, &[Auth, IsUser, SetPass][..], "1\n", 1, 1),
            (NO, &[Auth, IsUser], "0\n", 0, 0),
            (NO, &[SetPass], "0\n", 2, 0),
            (CANNOT_TELL, &[Auth, IsUser, SetPass], "0\n", 2, 0),
            (Verdict::Denied(Denial::Unsupported), &[Other], "0\n", 0, 0),
            (Verdict::Denied(Denial::Malformed), &[Other], "0\n", 0, 0),
        ] {
            for verb in verbs {
                let reply = |dialect: Dialect| dialect.reply(*verb, verdict).unwrap();
                assert_eq!(reply(Dialect::Prosody), prosody.as_bytes());
                assert_eq!(reply(Dialect::Ejabberd), [0, 2, 0, ejabberd]);
                assert_eq!(reply(Dialect::MongooseIm), [0, 2, 0, mongooseim]);
                // MongooseIM's worker dies of the error, and ejabberd takes each "no" to setpass for
                // success and remembers one to isuser.
                let unnamed = Dialect::Unnamed.reply(*verb, verdict);
                match (verb, ejabberd) {
                    (IsUser | SetPass, 2) => assert_eq!(unnamed, None),
                    (_, 2) => assert_eq!(unnamed, Some(&[0, 2, 0, 0][..])),
                    (_, byte) => assert_eq!(unnamed, Some(&[0, 2, 0, byte][..])),
                }
            }
        }
    }

    #[test]
    fn the_default_answer_comes_before_the_caller_gives_up() {
        let seconds =
            Dialect::ALL.map(|dialect| dialect.answer_within(dialect.patience()).as_secs());
        assert_eq!(seconds, [4, 25, 8]);
    }

    #[test]
    fn names_round_trip() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
        }
        assert!("openfire".parse::<Dialect>().is_err());
    }
}
