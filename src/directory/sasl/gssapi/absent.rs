//! What stands for signing in by Kerberos where the program is built without it: an account that
//! nobody can have.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub enum Principal {}

impl Principal {
    /// The error says what to do about it.
    pub fn new(_: String, _: PathBuf, _: Option<String>, _: bool) -> Result<Self, &'static str> {
        Err(
            "this program was built without Kerberos; build it with `cargo build --release --features gssapi`",
        )
    }

    /// See the feature `gssapi`.
    pub fn principal(&self) -> &str {
        match *self {}
    }

    /// See the feature `gssapi`.
    pub fn keytab(&self) -> &Path {
        match *self {}
    }

    /// See the feature `gssapi`.
    pub fn replaces_tls(&self) -> bool {
        match *self {}
    }

    /// See the feature `gssapi`.
    #[expect(clippy::unused_async, reason = "it stands for one that waits")]
    pub async fn sign_in<S>(
        &self,
        _: &mut S,
        _: &str,
        _: Option<&[u8]>,
        _: Duration,
    ) -> io::Result<()> {
        match *self {}
    }

    /// See the feature `gssapi`.
    #[expect(clippy::unused_async, reason = "it stands for one that waits")]
    pub async fn sign_in_and_seal<S>(&self, _: S, _: &str, _: Duration) -> io::Result<(S, bool)> {
        match *self {}
    }
}
