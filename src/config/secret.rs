//! Secrets by reference: a file, a systemd credential, an environment variable.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::files;

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
    from_file(&PathBuf::from(directory).join(name))
}

/// The secret in an environment variable.
pub fn from_environment(variable: &str) -> Result<SecretString, String> {
    let secret = std::env::var(variable)
        .map_err(|_| format!("the environment variable {variable} is not set, or not UTF-8"))?;
    from_text(&secret)
}

fn from_text(secret: &str) -> Result<SecretString, String> {
    if secret.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(secret.into()) }
}
