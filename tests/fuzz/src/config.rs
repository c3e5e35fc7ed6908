//! Configuration files: any text is a configuration or has problems, and nothing that is shown of
//! either has a secret in it.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use tempfile::{Builder, NamedTempFile};
use xmpp_ldap_auth::config::problem::Problems;
use xmpp_ldap_auth::config::{self, Reading};

/// The secret that is planted.
const SECRET: &str = "zqtops3cretqz";

/// What stands in an input for the path of a file with the secret.
const FILE: &str = "{secret}";

/// The ways to write a password where none belongs, each of which somebody took.
const MISTAKES: [&str; 17] = [
    "",
    "bind_password = \"zqtops3cretqz\"",
    "bind_password = zqtops3cretqz",
    "bind_password = \"zqtops3cretqz",
    "bind_password = [\"zqtops3cretqz\"]",
    "bind_password = { value = \"zqtops3cretqz\" }",
    "bind_pasword = 'zqtops3cretqz'",
    "password: zqtops3cretqz",
    "bind_password_env = \"zqtops3cretqz\"",
    "bind_password_file = \"zqtops3cretqz\"",
    "bind_credential = \"zqtops3cretqz\"",
    "bind_password_file = [\"zqtops3cretqz\"]",
    "base = \"dc=x\" # zqtops3cretqz",
    "base = \"dc=x\", \"zqtops3cretqz\"",
    "base = \"dc=x\" bind_password = \"zqtops3cretqz\"",
    "servers = [\"ldaps://x:zqtops3cretqz@x\"]",
    "set_password = \"zqtops3cretqz\"",
];

/// The input is a digit or a letter that chooses the mistake, one that chooses the line before which
/// it stands, a newline, and the text.
pub fn check(input: &[u8]) {
    let [mistake, place, b'\n', text @ ..] = input else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // A device may have no end, and within a string of several lines it would be that key's value.
    if ["/dev", "/proc", "/sys", "..", "\"\"\"", "'''", "qz"].iter().any(|odd| text.contains(odd)) {
        return;
    }
    let text = text.replace(FILE, &secret_file());
    let mut lines: Vec<&str> = text.lines().collect();
    let mistake = MISTAKES[usize::from(*mistake) % MISTAKES.len()];
    lines.insert(usize::from(*place) % (lines.len() + 1), mistake);
    let text = lines.join("\n");

    let reading = config::read(&text, None, None);
    let shown = format!("{reading:?}");
    assert!(!shown.contains(SECRET), "the secret shows in {shown}");
    let problems = reading.configuration.as_ref().err();
    if let Some(problems) = problems {
        assert!(!problems.is_empty());
        assert!(!problems.to_string().contains(SECRET), "{problems}");
    }
    for problem in problems.into_iter().flat_map(Problems::iter).chain(&reading.remarks) {
        assert!(
            problem.place.as_ref().is_none_or(|it| (1..=lines.len().max(1)).contains(&it.line)),
            "{problem}"
        );
        assert!(!problem.text.is_empty());
    }
    assert_eq!(facts(&config::read(&text, None, None)), facts(&reading), "{text}");
}

/// What a reading comes to, in words.
fn facts(reading: &Reading) -> String {
    let effective =
        reading.configuration.as_ref().map(|it| it.effective.iter().collect::<Vec<_>>());
    format!("{effective:?} {:?} {:?}", reading.remarks, reading.listeners)
}

fn secret_file() -> String {
    static FILE: OnceLock<NamedTempFile> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        // The same name each time, where nobody has it, so that a run can be repeated.
        let named = Builder::new().prefix("fuzz-secret").rand_bytes(0).tempfile();
        let mut file = named.or_else(|_| NamedTempFile::new()).unwrap();
        file.write_all(SECRET.as_bytes()).unwrap();
        file.as_file().set_permissions(Permissions::from_mode(0o600)).unwrap();
        file
    });
    file.path().to_str().unwrap().to_owned()
}
