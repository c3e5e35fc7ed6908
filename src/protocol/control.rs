//! What an administrator asks a daemon: one JSON object a line, and one for the answer.
//!
//! ```text
//! → {"command":"status"}                                         ← {"status":{…}}
//! → {"command":"forgive","jid":"alice@example.com"}              ← {"forgiven":true}
//! → {"command":"login","jid":"…","password":"…","within_ms":…}   ← {"verdict":"yes","reason":"ok",…}
//!                                                                ← {"error":"why nothing was done"}
//! ```

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::native::json::Object;
use super::native::milliseconds;

/// What an administrator asks.
#[derive(Debug)]
pub enum Order {
    /// What there is to say about the daemon.
    Status,
    /// To forget what the lock-out guard holds against an account.
    Forgive {
        /// Whose, as the administrator wrote it.
        jid: String,
    },
    /// To sign a user in.
    Login {
        /// Whom, as the administrator wrote it.
        jid: String,
        /// With this password.
        password: SecretString,
        /// For how long the administrator waits.
        within: Duration,
    },
}

impl Order {
    /// Reads a line; `None` where it is no order.
    pub fn read(line: &[u8]) -> Option<Self> {
        let object = Object::read(line)?;
        Some(match object.text("command")?.as_str() {
            "status" => Self::Status,
            "forgive" => Self::Forgive { jid: object.text("jid")? },
            "login" => Self::Login {
                jid: object.text("jid")?,
                password: object.text("password")?.into(),
                within: milliseconds(object.number("within_ms")?)?,
            },
            _ => return None,
        })
    }

    /// The line for it.
    pub fn line(&self) -> Vec<u8> {
        let value = match self {
            Self::Status => json!({ "command": "status" }),
            Self::Forgive { jid } => json!({ "command": "forgive", "jid": jid }),
            Self::Login { jid, password, within } => json!({
                "command": "login",
                "jid": jid,
                "password": password.expose_secret(),
                "within_ms": u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
            }),
        };
        let mut line = value.to_string().into_bytes();
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let login = Order::Login {
            jid: "a\"@h".to_owned(),
            password: "p\\ü".into(),
            within: Duration::from_millis(1500),
        };
        for order in [Order::Status, Order::Forgive { jid: "ä@h".to_owned() }, login] {
            let line = order.line();
            let read = Order::read(&line[..line.len() - 1]).unwrap();
            assert_eq!(read.line(), line);
        }
    }

    #[test]
    fn what_is_no_order_is_none() {
        for line in [
            "",
            "{}",
            "status",
            "{\"command\":\"stop\"}",
            "{\"command\":\"forgive\"}",
            "{\"command\":\"login\",\"jid\":\"a@h\",\"password\":\"p\"}",
            "{\"command\":\"login\",\"jid\":\"a@h\",\"password\":1,\"within_ms\":5}",
        ] {
            assert!(Order::read(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn no_debug_output_shows_a_password() {
        let line = br#"{"command":"login","jid":"a@h","password":"tops3cret","within_ms":5}"#;
        assert!(!format!("{:?}", Order::read(line).unwrap()).contains("tops3cret"));
    }
}
