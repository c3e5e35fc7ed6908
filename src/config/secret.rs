//! Secrets by reference: a file, a systemd credential, an environment variable.
//!
//! What is no reference may be the secret itself, in the wrong place: it is never shown.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::files::{self, Privacy};

/// A password, with what is odd about it, in words that say nothing of what it is.
#[derive(Debug)]
pub struct Secret {
    /// The password.
    pub password: SecretString,
    /// What looks as if it were not meant to be part of it.
    pub oddity: Option<&'static str>,
}

/// The secret in a file, without one newline at its end.
///
/// A file that others than its owner and group can read is refused: its secret is none.
pub fn from_file(path: &Path) -> Result<Secret, String> {
    let bytes = files::read(path, Privacy::Secret).map_err(|error| {
        format!("{error}; or write bind_password_env or bind_credential in its place")
    })?;
    let text = str::from_utf8(&bytes).map_err(|_| not_utf8(&bytes))?;
    let secret = text.strip_suffix('\n').unwrap_or(text);
    from_text(secret.strip_suffix('\r').unwrap_or(secret))
}

/// The text of a file of secrets, as it is; a file that others can read is refused as well.
pub fn text_of_file(path: &Path) -> Result<SecretString, String> {
    let bytes = files::read(path, Privacy::Secret).map_err(|error| error.to_string())?;
    str::from_utf8(&bytes).map(SecretString::from).map_err(|_| not_utf8(&bytes))
}

/// The secret in a credential that systemd passed (`LoadCredential=`).
pub fn from_credential(name: &str) -> Result<Secret, String> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or(
        "systemd passed no credentials; write LoadCredential= in the unit of the XMPP server",
    )?;
    if name.contains('/') {
        return Err("write the name of the credential alone".to_owned());
    }
    let path = PathBuf::from(directory).join(name);
    if !path.exists() {
        return Err("systemd passed no credential of this name; write LoadCredential= for it in the unit of the XMPP server".to_owned());
    }
    from_file(&path)
}

/// The secret in an environment variable.
pub fn from_environment(variable: &str) -> Result<Secret, String> {
    let secret = std::env::var(variable)
        .map_err(|_| "there is no environment variable of this name, or it is not UTF-8")?;
    from_text(&Zeroizing::new(secret))
}

fn not_utf8(bytes: &[u8]) -> String {
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let what = if is_utf16 { "the secret is in UTF-16" } else { "the secret is not UTF-8" };
    format!("{what}; save it as UTF-8, without a byte order mark")
}

fn from_text(secret: &str) -> Result<Secret, String> {
    if secret.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    Ok(Secret { password: secret.into(), oddity: oddity(secret) })
}

fn oddity(secret: &str) -> Option<&'static str> {
    let is_quoted =
        |quote| secret.len() > 1 && secret.starts_with(quote) && secret.ends_with(quote);
    if secret.starts_with('\u{feff}') {
        Some(
            "the secret begins with a byte order mark, which is taken for a part of it; save it without",
        )
    } else if secret.contains(['\n', '\r']) {
        Some(
            "the secret has more than one line, or more than one line break at its end; all of it but the last line break of a file is taken for the password",
        )
    } else if secret.trim() != secret {
        Some("the secret begins or ends with a blank, which is taken for a part of it")
    } else if secret.contains(char::is_control) {
        Some(
            "the secret holds a control character, such as a tabulator or NUL, which is taken for a part of it",
        )
    } else if is_quoted('"') || is_quoted('\'') {
        Some("the secret stands in quotation marks, which are taken for a part of it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_as_if_it_were_not_meant_is_said_without_showing_it() {
        for (secret, word) in [
            ("\u{feff}s3cret", "byte order mark"),
            ("s3cret\n", "line"),
            ("s3cret\r\nhush", "line"),
            (" s3cret", "blank"),
            ("s3cret\u{a0}", "blank"),
            ("\ts3cret", "blank"),
            ("s3\0cret", "control"),
            ("\"s3cret\"", "quotation"),
            ("'s3cret'", "quotation"),
        ] {
            let oddity = from_text(secret).unwrap().oddity.unwrap();
            assert!(oddity.contains(word) && !oddity.contains("s3"), "{oddity}");
        }
        for usual in ["s3cret", "pass word", "\"", "it's", "ключ", "\"a\" b"] {
            assert_eq!(from_text(usual).unwrap().oddity, None, "{usual}");
        }
    }

    #[test]
    fn other_encodings_are_named() {
        for (bytes, word) in [
            (&b"\xff\xfes\0"[..], "UTF-16"),
            (b"\xfe\xff\0s", "UTF-16"),
            (b"gehe\xefm", "not UTF-8"),
        ] {
            assert!(not_utf8(bytes).contains(word));
        }
    }
}
