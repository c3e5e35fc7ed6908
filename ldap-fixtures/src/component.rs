//! A component of Prosody (XEP-0114) that calls its user manager through `prosody/mod_calls.lua`.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Longer than Prosody's user manager may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Prosody calls from. It can wait for an answer in a runner alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The handler of the component's stanza.
    Stanza,
    /// A runner of its own.
    Runner,
    /// A timer.
    Timer,
}

/// What a component has called and not yet waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call(u32);

/// A connected component, `component.example.com`.
#[derive(Debug)]
pub struct Component {
    stream: TcpStream,
    unread: String,
    returned: HashMap<Call, String>,
    last: u32,
}

impl Component {
    /// Connects to this port of 127.0.0.1.
    pub fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut component =
            Self { stream, unread: String::new(), returned: HashMap::new(), last: 0 };
        component.write(
            "<stream:stream xmlns='jabber:component:accept' to='component.example.com' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
        )?;
        let opening = component.read_to("<stream:stream", ">")?;
        let id = attribute(&opening, "id").context("a stream without ID")?;
        let proof = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{id}secret").as_bytes());
        let proof: String = proof.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        component.write(&format!("<handshake>{proof}</handshake>"))?;
        component.read_to("<handshake", "/>")?;
        Ok(component)
    }

    /// Calls a function of `mod_calls`; any number may be called before the first has returned.
    pub fn call(&mut self, name: &str, from: Place, user: &str, password: &str) -> Result<Call> {
        self.last += 1;
        let place = format!("{from:?}").to_lowercase();
        self.write(&format!(
            "<iq type='get' id='{}' from='component.example.com' to='example.com'>\
             <call xmlns='urn:ldap-fixtures:calls' name='{name}' from='{place}' user='{}' \
             password='{}'/></iq>",
            self.last,
            escaped(user),
            escaped(password)
        ))?;
        Ok(Call(self.last))
    }

    /// What a call has returned, values separated by blanks.
    pub fn wait(&mut self, call: Call) -> Result<String> {
        loop {
            if let Some(returned) = self.returned.remove(&call) {
                return Ok(returned);
            }
            let stanza = self.read_to("<iq", "</iq>")?;
            let id = attribute(&stanza, "id").context("no ID")?.parse()?;
            let (_, returned) = stanza.split_once("<returned").context("nothing returned")?;
            let text = returned.split_once('>').and_then(|(_, text)| text.split_once("</"));
            self.returned.insert(Call(id), text.map_or("", |(text, _)| text).to_owned());
        }
    }

    /// Calls a function and waits for what it returns.
    pub fn ask(&mut self, name: &str, from: Place, user: &str, password: &str) -> Result<String> {
        let call = self.call(name, from, user, password)?;
        self.wait(call)
    }

    /// Sends a message to a user; whether it came back.
    pub fn bounces(&mut self, user: &str) -> Result<bool> {
        self.write(&format!(
            "<message type='chat' from='component.example.com' to='{}@example.com'>\
             <body>hello</body></message>\
             <iq type='get' id='after' from='component.example.com' to='example.com'>\
             <ping xmlns='urn:xmpp:ping'/></iq>",
            escaped(user)
        ))?;
        let replies = self.read_to("", "id='after'")?;
        Ok(replies.contains("<message"))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes())?)
    }

    /// The text from the next `start` up to and with the next `end`.
    fn read_to(&mut self, start: &str, end: &str) -> Result<String> {
        loop {
            if let Some((_, rest)) = self.unread.split_once(start)
                && let Some((text, rest)) = rest.split_once(end)
            {
                let found = format!("{start}{text}{end}");
                self.unread = rest.to_owned();
                return Ok(found);
            }
            let mut bytes = [0; 8192];
            let length = self.stream.read(&mut bytes)?;
            if length == 0 {
                bail!("the component's stream ended: {}", self.unread);
            }
            self.unread.push_str(&String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()));
        }
    }
}

/// The value of an attribute of the first tag.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = text.split_once(&format!(" {name}="))?;
    value.split(['\'', '"']).nth(1)
}

/// A text as it stands in an attribute (XML 1.0, sections 2.4 and 3.3.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '\'' | '"' | '\t' | '\n' | '\r' => {
                escaped.push_str(&format!("&#{};", u32::from(character)));
            }
            other => escaped.push(other),
        }
    }
    escaped
}
