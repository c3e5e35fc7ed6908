//! The screens, as an administrator sees them at 80 columns, of real runs. After a change that is
//! meant: `SNAPSHOTS=overwrite cargo test --test screens`, and read what has become of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod normal;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ldap_fixtures::slapd::{Options, Slapd, WRITER_DN, WRITER_PASSWORD};
use ldap_fixtures::tls::Authority;
use normal::normal;
use snapbox::data::{Data, DataFormat};
use tempfile::TempDir;

/// Where the configuration is, in whose place the screens show the usual one.
struct Place {
    /// Its path is as long as the usual one, so that lines break as they do there.
    directory: TempDir,
    server: Option<Slapd>,
}

/// A daemon that is started listens sooner.
const PATIENCE: Duration = Duration::from_secs(30);

impl Place {
    fn new(config: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("screens-").tempdir_in("/tmp").unwrap();
        let place = Self { directory, server: None };
        place.write(config);
        place
    }

    /// With a server that speaks TLS; `{url}` in the configuration is its own.
    fn with_server(config: &str) -> Self {
        let mut place = Self::new("");
        let authority = Authority::named(place.directory.path(), "Company CA").unwrap();
        let credential = authority.server(&["localhost"]).unwrap();
        let tls = Some((authority.certificate().to_owned(), credential));
        let slapd = Options { tls, ..Options::default() }.start().unwrap();
        place.server = Some(slapd);
        place.write(config);
        place
    }

    /// How the server is written in the configuration.
    fn host(&self) -> Option<String> {
        self.server.as_ref().map(|it| format!("localhost:{}", it.ldaps_address().port()))
    }

    fn write(&self, config: &str) {
        let path = self.directory.path();
        let url = format!("ldaps://{}", self.host().unwrap_or_default());
        let config = config.replace("{url}", &url);
        fs::write(path.join("config.toml"), config.replace("{dir}", path.to_str().unwrap()))
            .unwrap();
        let password = path.join("company.password");
        fs::write(&password, WRITER_PASSWORD).unwrap();
        fs::set_permissions(password, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
        command.current_dir(self.directory.path()).args(["--config", "config.toml"]);
        command.args(arguments).env("RUNTIME_DIRECTORY", self.directory.path());
        command.env("COLUMNS", "80").env_remove("XMPP_LDAP_AUTH_CONFIG");
        command
    }

    /// What a command shows, and its exit code.
    fn run(&self, mut command: Command, input: &str) -> String {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let [out, beside] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        let beside = if beside.is_empty() { beside } else { format!("(standard error)\n{beside}") };
        // As whoever else runs the tests sees it.
        let out = out.replace(
            "hint: checked as root, who may read everything: add --as-user with the user that\n    runs this program\n",
            "",
        );
        let code = output.status.code().unwrap();
        self.normal(&format!("{out}{beside}(exit status {code})\n"))
    }

    /// The text as it would be in the usual place.
    fn normal(&self, text: &str) -> String {
        normal(text, self.directory.path(), self.host().as_deref())
    }

    /// That this is what the command shows to people.
    fn shows(&self, name: &str, arguments: &[&str], input: &str) {
        let text = self.run(self.command(arguments), input);
        let too_long = |line: &&str| line.chars().count() > 80 && line.contains("  ");
        let long = text.lines().find(too_long);
        assert_eq!(long.filter(|line| !line.contains("://")), None, "wider than the terminal");
        let command = format!("$ xmpp-ldap-auth {}\n", arguments.join(" "));
        is(&format!("{name}.txt"), format!("{command}{text}"), DataFormat::Text);
    }

    /// The same, and what it tells scripts.
    fn shows_and_tells(&self, name: &str, arguments: &[&str], input: &str) {
        self.shows(name, arguments, input);
        let json = self.run(self.command(&[arguments, &["--json"]].concat()), input);
        is(&format!("{name}.json"), json, DataFormat::Text);
    }

    /// The same in colours, as README shows it.
    fn is_pictured(&self, name: &str, arguments: &[&str], input: &str) {
        let mut command = self.command(arguments);
        command.env("CLICOLOR_FORCE", "1");
        let text = self.run(command, input);
        let (text, _) = text.split_once("(exit status").unwrap();
        let prompt = format!("$ xmpp-ldap-auth {}\n", arguments.join(" "));
        is(&format!("{name}.svg"), format!("{prompt}{text}"), DataFormat::TermSvg);
    }
}

/// That a snapshot is so.
fn is(name: &str, text: String, format: DataFormat) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(name);
    let expected = Data::read_from(&path, Some(format));
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(Data::text(text).raw(), expected.raw());
}

const GOOD: &str = r#"caller = "ejabberd"

[directory.company]
preset = "openldap"
servers = ["{url}"]
base = "ou=people,dc=example,dc=com"
bind_dn = "cn=writer,ou=services,dc=example,dc=com"
bind_password_file = "{dir}/company.password"
require_group = "cn=chat,ou=groups,dc=example,dc=com"

[directory.company.tls]
ca_file = "{dir}/ca.pem"

[domain."example.com"]
directory = "company"

[log]
target = "file:{dir}/log"
"#;

const MISTAKEN: &str = r#"caller = "ejabberd"

[directory.company]
preset = "openldap"
servers = ["ldap://ldap.example.com"]
base = "example.com"
bind_dn = "cn=xmpp,ou=services,dc=example,dc=com"
bind_password = "the service password"
requir_group = "cn=chat,ou=groups,dc=example,dc=com"

[domain.example.com]
directory = "corp"
"#;

#[test]
fn check_of_a_file_that_is_right() {
    assert!(GOOD.contains(WRITER_DN));
    let place = Place::with_server(GOOD);
    place.shows("check", &["check"], "");
}

#[test]
fn check_of_a_file_with_mistakes() {
    let place = Place::new(MISTAKEN);
    place.shows_and_tells("check-mistakes", &["check"], "");
    place.is_pictured("check-mistakes", &["check"], "");
}

#[test]
fn check_of_a_file_that_is_no_toml() {
    let config = MISTAKEN.replace("\"cn=xmpp,ou=services,dc=example,dc=com\"", "\"CORP\\xmpp\"");
    Place::new(&config).shows("check-broken", &["check"], "");
}

#[test]
fn check_without_a_file() {
    let place = Place::new("");
    fs::remove_file(place.directory.path().join("config.toml")).unwrap();
    place.shows("check-nothing", &["check"], "");
}

#[test]
fn probe_of_a_server() {
    let place = Place::with_server(GOOD);
    place.shows("probe", &["probe"], "");
    let mistaken = GOOD
        .replace("cn=chat,", "cn=gone,")
        .replace("[\"{url}\"]", "[\"{url}\", \"ldaps://127.0.0.1:9\"]");
    place.write(&mistaken);
    place.shows_and_tells("probe-mistakes", &["probe"], "");
}

#[test]
fn login_of_a_user() {
    let place = Place::with_server(GOOD);
    let login = ["login", "--password-stdin", "alice@example.com"];
    place.shows("login", &login, "secret\n");
    place.shows_and_tells("login-denied", &login, "wrong\n");
    let nowhere = GOOD.replace("{url}", "ldaps://127.0.0.1:9");
    place.write(&nowhere);
    place.shows("login-outage", &login, "secret\n");
}

#[test]
fn explain_of_a_user() {
    let place = Place::with_server(GOOD);
    place.shows("explain", &["explain", "alice@example.com"], "");
    place.shows_and_tells("explain-denied", &["explain", "bob@example.com"], "");
    place.is_pictured("explain-denied", &["explain", "bob@example.com"], "");
    place.write(&GOOD.replace("{url}", "ldaps://127.0.0.1:9"));
    place.shows("explain-outage", &["explain", "bob@example.com"], "");
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn status_of_a_daemon() {
    let place = Place::with_server(&GOOD.replace("caller = \"ejabberd\"\n", ""));
    place.shows_and_tells("status-nobody", &["status"], "");
    let mut command = place.command(&["daemon"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _daemon = Daemon(command.spawn().unwrap());
    let started = Instant::now();
    let socket: PathBuf = place.directory.path().join("control.sock");
    while UnixStream::connect(&socket).is_err() {
        assert!(started.elapsed() < PATIENCE, "the daemon does not listen");
        std::thread::sleep(Duration::from_millis(2));
    }
    let login = ["login", "--password-stdin", "alice@example.com"];
    place.shows("login-by-daemon", &login, "secret\n");
    place.shows_and_tells("status", &["status"], "");
}
