//! One event of the log, and how it looks: a line for people, a JSON object, an entry of the journal
//! or a message of syslog.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::printable::{printable, printable_json};

/// How the journal and syslog call this program.
const IDENTIFIER: &str = "xmpp-ldap-auth";

/// What stands before the names of our own fields in the journal.
const FIELD_PREFIX: &str = "XMPP_LDAP_AUTH_";

/// No value is longer, in bytes: a datagram has its limits, and so has a reader.
const LONGEST: usize = 4096;

/// A line has seldom more bytes, and an event seldom more fields: what grows step by step is copied, and
/// leaves pieces of memory behind that nothing else fits in.
const USUAL_LINE: usize = 320;
const USUAL_FIELDS: usize = 12;

/// The facility for security and authorization (RFC 5424, section 6.2.1).
const AUTH: u8 = 4;

/// An event as it will be written.
#[derive(Clone, Debug)]
pub(super) struct Record {
    at: SystemTime,
    level: Level,
    message: String,
    fields: Vec<(&'static str, FieldValue)>,
}

/// A field's value, and whether it is a string that a line shows in quotes.
#[derive(Clone, Debug)]
struct FieldValue {
    value: Value,
    is_quoted: bool,
}

impl Record {
    /// Reads an event.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut record = Self::new(*event.metadata().level(), "");
        event.record(&mut record);
        record
    }

    /// A record without fields.
    pub(super) fn new(level: Level, message: &str) -> Self {
        let message = message.to_owned();
        Self { at: SystemTime::now(), level, message, fields: Vec::with_capacity(USUAL_FIELDS) }
    }

    /// The message and the fields behind it, without a line break or another control character.
    fn text(&self) -> String {
        let mut text = String::with_capacity(USUAL_LINE);
        text.push_str(&printable(&self.message));
        for (name, FieldValue { value, is_quoted }) in &self.fields {
            let _ = match value {
                Value::String(value) if *is_quoted => write!(text, " {name}={value:?}"),
                Value::String(value) => write!(text, " {name}={}", printable(value)),
                value => write!(text, " {name}={value}"),
            };
        }
        text
    }

    /// The same with texts that are cut to this many bytes.
    pub(super) fn cut_to(mut self, length: usize) -> Self {
        cut(&mut self.message, length);
        for (_, FieldValue { value, .. }) in &mut self.fields {
            if let Value::String(text) = value {
                cut(text, length);
            }
        }
        self
    }

    /// A line for people.
    pub(super) fn line(&self) -> Vec<u8> {
        let at = humantime::format_rfc3339_micros(self.at);
        let mut line = String::with_capacity(USUAL_LINE);
        let _ = writeln!(line, "{at} {:>5} {}", self.level, self.text());
        line.into_bytes()
    }

    /// A line for programs.
    pub(super) fn json(&self) -> Vec<u8> {
        let at = humantime::format_rfc3339_micros(self.at).to_string();
        let mut object = Map::new();
        object.insert("timestamp".to_owned(), at.into());
        object.insert("level".to_owned(), self.level.as_str().into());
        object.insert("message".to_owned(), self.message.as_str().into());
        for (name, FieldValue { value, .. }) in &self.fields {
            object.insert((*name).to_owned(), value.clone());
        }
        format!("{}\n", printable_json(&Value::Object(object))).into_bytes()
    }

    /// An entry in the journal's own protocol: the line as MESSAGE, and beside it each field.
    pub(super) fn journal(&self) -> Vec<u8> {
        let mut entry = format!(
            "MESSAGE={}\nPRIORITY={}\nSYSLOG_FACILITY={AUTH}\nSYSLOG_IDENTIFIER={IDENTIFIER}\n",
            self.text(),
            severity(self.level)
        );
        for (name, FieldValue { value, .. }) in &self.fields {
            let _ = write!(entry, "{FIELD_PREFIX}{}=", name.to_ascii_uppercase());
            let _ = match value {
                // A line break would need the form for binary values.
                Value::String(value) => writeln!(entry, "{}", printable(value)),
                value => writeln!(entry, "{value}"),
            };
        }
        entry.into_bytes()
    }

    /// A message of syslog (RFC 3164), to which syslog itself adds the time.
    pub(super) fn syslog(&self) -> Vec<u8> {
        let priority = AUTH * 8 + severity(self.level);
        let id = std::process::id();
        format!("<{priority}>{IDENTIFIER}[{id}]: {}", self.text()).into_bytes()
    }

    fn add(&mut self, field: &Field, mut value: Value, is_quoted: bool) {
        if let Value::String(text) = &mut value {
            cut(text, LONGEST);
        }
        match value {
            Value::String(message) if field.name() == "message" => self.message = message,
            value => self.fields.push((field.name(), FieldValue { value, is_quoted })),
        }
    }
}

impl Visit for Record {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into(), false);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into(), false);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into(), false);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into(), false);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into(), true);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into(), false);
    }
}

fn cut(text: &mut String, length: usize) {
    if let Some((beyond, _)) = text.char_indices().find(|(at, _)| *at >= length) {
        text.truncate(beyond);
        text.push('…');
    }
}

/// As numbered by RFC 5424, section 6.2.1.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &'static str, value: &str, is_quoted: bool) -> (&'static str, FieldValue) {
        (name, FieldValue { value: value.into(), is_quoted })
    }

    fn record() -> Record {
        let mut record = Record::new(Level::WARN, "a\nb\u{1b}[2J");
        record.fields = vec![
            text("user", "jürgen\n\"x\"\u{202e}", true),
            text("problem", "one\r\ntwo\u{2028}", false),
            ("ms", FieldValue { value: 1.0.into(), is_quoted: false }),
        ];
        record
    }

    #[test]
    fn whatever_is_in_it_a_line_is_one_line_without_control_characters() {
        let line = String::from_utf8(record().line()).unwrap();
        let (head, rest) = line.split_at(line.find(" WARN ").unwrap());
        assert!(head.ends_with("Z "), "{head}");
        assert_eq!(
            rest,
            " WARN a\\nb\\u{1b}[2J user=\"jürgen\\n\\\"x\\\"\\u{202e}\" problem=one\\r\\ntwo\\u{2028} ms=1.0\n"
        );
    }

    #[test]
    fn the_journal_gets_the_whole_line_and_each_field_beside_it() {
        let entry = String::from_utf8(record().journal()).unwrap();
        let mut lines = entry.lines();
        assert!(lines.next().unwrap().starts_with("MESSAGE=a\\nb\\u{1b}[2J user=\"jürgen"));
        let rest: Vec<&str> = lines.collect();
        assert_eq!(rest[0], "PRIORITY=4");
        assert!(rest.contains(&"XMPP_LDAP_AUTH_PROBLEM=one\\r\\ntwo\\u{2028}"), "{rest:?}");
        assert!(rest.contains(&"XMPP_LDAP_AUTH_MS=1.0"), "{rest:?}");
        assert_eq!(rest.len(), 6);
    }

    #[test]
    fn syslog_gets_a_priority_and_a_name() {
        let message = String::from_utf8(record().syslog()).unwrap();
        assert!(message.starts_with("<36>xmpp-ldap-auth["), "{message}");
        assert!(message.contains("]: a\\nb") && !message.contains('\n'), "{message}");
    }

    #[test]
    fn no_form_of_it_has_what_a_terminal_obeys() {
        let words = "one\u{9b}31m\u{202e}\u{ad}two";
        let mut record = Record::new(Level::WARN, words);
        record.fields = vec![text("user", words, true), text("problem", words, false)];
        for form in [record.line(), record.json(), record.journal(), record.syslog()] {
            let form = String::from_utf8(form).unwrap();
            assert!(form.lines().all(|line| printable(line) == line), "{form}");
        }
    }

    #[test]
    fn programs_get_an_object_with_the_values_as_they_were() {
        let value: Value = serde_json::from_slice(&record().json()).unwrap();
        assert_eq!(value["message"], "a\nb\u{1b}[2J");
        assert_eq!(value["problem"], "one\r\ntwo\u{2028}");
        assert_eq!(value["ms"], 1.0);
        assert_eq!(value["level"], "WARN");
    }
}
