//! The keys of `[directory.NAME.tls]`.

use super::TableSpec;
use crate::config::value::{FilePath, Flag, List, Or, Text, Word};
use crate::directory::tls::TlsVersion;

/// `[directory.NAME.tls]`.
pub static TLS: TableSpec =
    TableSpec { name: "directory.NAME.tls", groups: &[KEYS], mistakes: &[] };

keys! {
    /// How to speak TLS.
    KEYS:

    /// PEM certificates to trust
    CA_FILE = "ca_file": FilePath = FilePath, otherwise "the system's roots";

    /// `["sha256/…"]`: the server's public key must be one of these as well; a wrong one is in the log,
    /// ready to be copied
    PINS = "pins": List<Text> = List(Text("pins"), "sha256/…");

    /// the pins take the place of authority, name and dates, for a certificate that nobody signed
    PINS_ONLY = "pins_only": Or<Flag> = Or(Flag, false);

    /// the name that the certificate must have
    SERVER_NAME = "server_name": Text = Text("host name"), otherwise "the URL's host";

    /// our own certificate, for `sasl = "external"`
    CLIENT_CERT_FILE = "client_cert_file": FilePath = FilePath;

    /// the key of our own certificate
    CLIENT_KEY_FILE = "client_key_file": FilePath = FilePath;

    /// the oldest version that is spoken
    MIN_VERSION = "min_version": Or<Word<TlsVersion>> = Or(Word::of(TlsVersion::ALL), TlsVersion::Tls12);
}
