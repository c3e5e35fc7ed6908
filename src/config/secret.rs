//! Secrets by reference: a file, a systemd credential, an environment variable.
//!
//! What is no reference may be the secret itself, in the wrong place: it is never shown.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::files;

/// The path of a file with a secret. The directory in which the XMPP server starts this program is
/// nothing to rely on.
pub fn path(text: &str) -> Result<&Path, String> {
    let path = Path::new(text);
    let whole = path.is_absolute().then_some(path);
    whole.ok_or_else(|| "write the whole path of a file that holds it, from / on".to_owned())
}

/// The secret in a file, without one newline at its end.
///
/// A file that others than its owner and group can read is refused: its secret is none.
pub fn from_file(path: &Path) -> Result<SecretString, String> {
    files::check_private(path)?;
    let text = std::fs::read_to_string(path).map_err(|error| files::unreadable(path, &error))?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    from_text(secret.strip_suffix('\r').unwrap_or(secret))
}

/// The secret in a credential that systemd passed (`LoadCredential=`).
pub fn from_credential(name: &str) -> Result<SecretString, String> {
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
pub fn from_environment(variable: &str) -> Result<SecretString, String> {
    let secret = std::env::var(variable)
        .map_err(|_| "there is no environment variable of this name, or it is not UTF-8")?;
    from_text(&secret)
}

fn from_text(secret: &str) -> Result<SecretString, String> {
    if secret.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(secret.into()) }
}
