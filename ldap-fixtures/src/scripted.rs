//! A daemon that speaks the native protocol by a script: for what a real one never does.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

/// What is done about a line: its number is that of the connection it came on, from 1.
pub type Script = dyn Fn(usize, &Value) -> Vec<Step> + Send + Sync;

/// One thing that the daemon does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes a text, which should end with a line feed.
    Write(String),
    /// Writes a text after a while, without holding up anything else.
    Later(Duration, String),
    /// Ends the connection.
    HangUp,
}

impl Step {
    /// The answer to a request.
    pub fn answer(request: &Value, verdict: &str) -> Self {
        Self::Write(answer(request, verdict))
    }

    /// The answer to a request, after a while.
    pub fn later(after: Duration, request: &Value, verdict: &str) -> Self {
        Self::Later(after, answer(request, verdict))
    }

    /// What every daemon of this version says first.
    pub fn hello() -> Self {
        Self::Write("{\"hello\":1,\"server\":\"scripted\"}\n".to_owned())
    }
}

fn answer(request: &Value, verdict: &str) -> String {
    format!("{}\n", json!({ "id": request.get("id"), "verdict": verdict, "reason": "scripted" }))
}

/// A running daemon. Dropping it ends it.
pub struct Daemon {
    socket: PathBuf,
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    has_ended: bool,
    connections: HashMap<usize, UnixStream>,
    received: Vec<(usize, Value)>,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Daemon").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Daemon {
    /// Starts a daemon on this socket, whose file must not exist.
    pub fn start(
        socket: &Path,
        script: impl Fn(usize, &Value) -> Vec<Step> + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let state = Arc::new(State { script: Box::new(script), shared: Mutex::default() });
        let accepting = Arc::clone(&state);
        thread::spawn(move || accept(&accepting, &listener));
        Ok(Self { socket: socket.to_owned(), state })
    }

    /// Every line that came, with the number of its connection.
    pub fn received(&self) -> Vec<(usize, Value)> {
        self.state.shared().received.clone()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.state.shared().connections.len()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut shared = self.state.shared();
        shared.has_ended = true;
        for connection in shared.connections.values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes whoever accepts.
        let _ = UnixStream::connect(&self.socket);
        let _ = fs::remove_file(&self.socket);
    }
}

impl State {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(state: &Arc<State>, listener: &UnixListener) {
    for (number, stream) in (1..).zip(listener.incoming()) {
        let Ok(stream) = stream else { return };
        let Ok(other) = stream.try_clone() else { return };
        let mut shared = state.shared();
        if shared.has_ended {
            return;
        }
        shared.connections.insert(number, other);
        drop(shared);
        let state = Arc::clone(state);
        thread::spawn(move || {
            serve(&state, number, &stream);
            state.shared().connections.remove(&number);
        });
    }
}

fn serve(state: &State, number: usize, stream: &UnixStream) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let Ok(message) = serde_json::from_str::<Value>(&line) else { return };
        state.shared().received.push((number, message.clone()));
        for step in (state.script)(number, &message) {
            match step {
                Step::Write(text) => {
                    let _ = (&*stream).write_all(text.as_bytes());
                }
                Step::Later(after, text) => {
                    let Ok(mut stream) = stream.try_clone() else { return };
                    thread::spawn(move || {
                        thread::sleep(after);
                        let _ = stream.write_all(text.as_bytes());
                    });
                }
                Step::HangUp => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
    }
}
