//! 389 Directory Server as an ordinary process, with all its files in one directory.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::{NamedTempFile, TempDir};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use crate::process::{Process, free_port, require, wait_until};
use crate::slapd::answers;
use crate::tls::Authority;

/// The suffix.
pub const BASE: &str = "dc=example,dc=com";
/// May search.
pub const READER_DN: &str = "uid=reader,ou=services,dc=example,dc=com";
/// The password of [`READER_DN`].
pub const READER_PASSWORD: &str = "reader-secret";
/// May search, and set passwords.
pub const WRITER_DN: &str = "uid=writer,ou=services,dc=example,dc=com";
/// The password of [`WRITER_DN`].
pub const WRITER_PASSWORD: &str = "writer-secret";
/// The password of every user.
pub const PASSWORD: &str = "secret-1";

/// Users in every state; `locked` is locked by wrong passwords.
pub const USERS: [&str; 8] =
    ["alice", "bob", "changer", "inactive", "expired", "mustchange", "warned", "locked"];

const ROOT_DN: &str = "cn=Directory Manager";
const ROOT_PASSWORD: &str = "manager-secret";
const START: Duration = Duration::from_secs(60);

/// Where Debian's package keeps what instances are made of.
const DATA: &str = "/usr/share/dirsrv/data";
const SCHEMA: &str = "/usr/share/dirsrv/schema";
const CONFIG: &str = "/etc/dirsrv/config";

const GENERALIZED_TIME: &[FormatItem<'_>] =
    format_description!("[year][month][day][hour][minute][second]Z");

/// A server with users in every state. Dropping it ends it.
#[derive(Debug)]
pub struct Ds389 {
    process: Process,
    directory: TempDir,
    port: u16,
    ldaps_port: u16,
}

impl Ds389 {
    /// Starts and fills one.
    pub fn start() -> Result<Self> {
        ensure!(Path::new(DATA).is_dir(), "{DATA} is missing: install 389-ds-base");
        // Between choosing a port and using it somebody else may take it.
        let mut last_error = None;
        for _ in 0..5 {
            match Self::try_start() {
                Ok(server) => return Ok(server),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| anyhow::anyhow!("ns-slapd does not start")))
    }

    fn try_start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("ds389-").tempdir()?;
        let (port, ldaps_port) = (free_port()?, free_port()?);
        prepare(directory.path(), port, ldaps_port)?;
        let mut command = Command::new(require("ns-slapd")?);
        command.arg("-D").arg(directory.path());
        command.arg("-i").arg(directory.path().join("pid")).args(["-d", "0"]);
        let process = Process::spawn(command, &directory.path().join("output.log"))?;
        let mut server = Self { process, directory, port, ldaps_port };
        let url = server.url();
        let ready = wait_until("ns-slapd's first answer", START, || {
            !server.process.is_running() || answers(&url)
        });
        // It ends where another server has its port.
        ensure!(ready.is_ok() && server.process.is_running(), "ns-slapd: {}", server.process.log());
        server.fill()?;
        Ok(server)
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// `ldaps://127.0.0.1:PORT`.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.ldaps_port)
    }

    /// The certificate of the authority that its own is from.
    pub fn ca(&self) -> std::path::PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// The DN of a user.
    pub fn dn(user: &str) -> String {
        format!("uid={user},ou=people,{BASE}")
    }

    /// What ldapwhoami prints and its result code, which is the server's.
    pub fn bind(&self, dn: &str, password: &str) -> Result<(i32, String)> {
        let output = self.tool("ldapwhoami", dn, password, &["-e", "ppolicy"], "")?;
        let text = [output.stdout, output.stderr].concat();
        let code = output.status.code().context("ldapwhoami was ended")?;
        Ok((code, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Makes the changes of this LDIF as its root.
    pub fn change(&self, ldif: &str) -> Result<()> {
        let done = self.tool("ldapmodify", ROOT_DN, ROOT_PASSWORD, &[], ldif)?;
        ensure!(done.status.success(), "ldapmodify: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    fn fill(&self) -> Result<()> {
        let people = USERS.map(|user| {
            format!(
                "dn: {}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {user}\ncn: {user}\n\
                 sn: {user}\nmail: {user}@example.com\nuserPassword: {PASSWORD}\n\n",
                Self::dn(user)
            )
        });
        let soon = OffsetDateTime::now_utc() + time::Duration::hours(12);
        let changes = include_str!("../ds389/entries.ldif")
            .replace("@people@\n", &people.concat())
            .replace("@soon@", &soon.format(GENERALIZED_TIME)?);
        self.change(&changes)?;
        for _ in 0..20 {
            // 19, constraintViolation, is its word for a locked account.
            if self.bind(&Self::dn("locked"), "wrong")?.0 == 19 {
                return Ok(());
            }
        }
        bail!("a user is not locked by wrong passwords");
    }

    fn tool(
        &self,
        program: &str,
        dn: &str,
        password: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<Output> {
        // Not an argument, which everybody could read.
        let mut file = NamedTempFile::new_in(self.directory.path())?;
        file.write_all(password.as_bytes())?;
        let mut child = Command::new(require(program)?)
            .args(["-x", "-ZZ", "-H", &self.url(), "-D", dn, "-y"])
            .arg(file.path())
            .args(arguments)
            .env("LDAPTLS_CACERT", self.ca())
            .env("LDAPTIMEOUT", "20")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
        Ok(child.wait_with_output()?)
    }
}

/// Writes the configuration, from the package's own templates, and the certificate.
fn prepare(home: &Path, port: u16, ldaps_port: u16) -> Result<()> {
    for name in ["db", "lock", "run", "ldif", "bak", "tmp"] {
        fs::create_dir(home.join(name))?;
    }
    for name in ["certmap.conf", "slapd-collations.conf"] {
        fs::copy(Path::new(CONFIG).join(name), home.join(name))?;
    }
    let schema = Command::new("cp").arg("-r").arg(SCHEMA).arg(home.join("schema")).status()?;
    ensure!(schema.success(), "cannot copy {SCHEMA}");
    let at = |name: &str| format!("{}/{name}", home.display());
    let mut dse = fs::read_to_string(Path::new(DATA).join("template-dse.ldif"))?;
    dse.push_str(&fs::read_to_string(Path::new(DATA).join("template-suffix-db.ldif"))?);
    for (mark, value) in [
        ("%schema_dir%", at("schema")),
        ("%lock_dir%", at("lock")),
        ("%tmp_dir%", at("tmp")),
        ("%cert_dir%", at("")),
        ("%ldif_dir%", at("ldif")),
        ("%bak_dir%", at("bak")),
        ("%run_dir%", at("run")),
        ("%inst_dir%", at("")),
        ("%log_dir%", home.display().to_string()),
        ("%config_dir%", home.display().to_string()),
        ("%db_dir%", at("db")),
        ("%db_home_dir%", at("db")),
        ("%db_lib%", "bdb".to_owned()),
        ("%fqdn%", "localhost".to_owned()),
        ("%ds_port%", port.to_string()),
        ("%ds_user%", user()?),
        ("%rootdn%", ROOT_DN.to_owned()),
        ("%ds_passwd%", hashed(ROOT_PASSWORD)?),
        ("%ldapi_enabled%", "off".to_owned()),
        ("%ldapi_autobind%", "off".to_owned()),
        ("%ldapi%", at("ldapi")),
        ("%ds_suffix%", BASE.to_owned()),
        ("%ds_bename%", "userRoot".to_owned()),
        (
            "objectclass:nsslapdConfig\n",
            format!(
                "objectclass:nsslapdConfig\nnsslapd-listenhost: 127.0.0.1\n\
                 nsslapd-securelistenhost: 127.0.0.1\nnsslapd-secureport: {ldaps_port}\n\
                 nsslapd-security: on\nnsslapd-accesslog-logbuffering: off\n"
            ),
        ),
        (
            "nsslapd-plugininitfunc: memberof_postop_init\nnsslapd-plugintype: \
             betxnpostoperation\nnsslapd-pluginenabled: off\n",
            "nsslapd-plugininitfunc: memberof_postop_init\nnsslapd-plugintype: \
             betxnpostoperation\nnsslapd-pluginenabled: on\nmemberOfAutoAddOC: nsMemberOf\n"
                .to_owned(),
        ),
    ] {
        ensure!(dse.contains(mark), "the package's template has no {mark}");
        dse = dse.replace(mark, &value);
    }
    fs::write(home.join("dse.ldif"), dse)?;
    certify(home)
}

/// Puts the authority and a certificate into a certificate database without a password.
fn certify(home: &Path) -> Result<()> {
    let authority = Authority::create(home)?;
    let credential = authority.server(&["localhost", "ldap.example.com", "127.0.0.1"])?;
    let database = format!("sql:{}", home.display());
    let bundle = home.join("server.p12");
    let run = |program: &str, arguments: &[&str], files: &[(&str, &Path)]| -> Result<()> {
        let mut command = Command::new(require(program)?);
        command.args(arguments);
        for (option, file) in files {
            command.arg(option).arg(file);
        }
        let output = command.stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    run("certutil", &["-N", "--empty-password", "-d", &database], &[])?;
    run(
        "certutil",
        &["-A", "-n", "authority", "-t", "CT,,", "-a", "-d", &database],
        &[("-i", authority.certificate())],
    )?;
    run(
        "openssl",
        &["pkcs12", "-export", "-passout", "pass:", "-name", "Server-Cert"],
        &[("-in", &credential.certificate), ("-inkey", &credential.key), ("-out", &bundle)],
    )?;
    run("pk12util", &["-W", "", "-K", "", "-d", &database], &[("-i", &bundle)])
}

fn hashed(password: &str) -> Result<String> {
    let output = Command::new(require("pwdhash")?).args(["-s", "SSHA512", password]).output()?;
    ensure!(output.status.success(), "pwdhash: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn user() -> Result<String> {
    let output = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_in_every_state() {
        let (server, other) = (Ds389::start().unwrap(), Ds389::start().unwrap());
        assert_eq!(other.bind(&Ds389::dn("alice"), PASSWORD).unwrap().0, 0);
        for (user, code, words) in [
            ("alice", 0, "alice"),
            ("inactive", 53, "Account inactivated"),
            ("expired", 49, "password expired!"),
            ("locked", 19, "Exceed password retry limit"),
        ] {
            let (actual, text) = server.bind(&Ds389::dn(user), PASSWORD).unwrap();
            assert_eq!(actual, code, "{user}: {text}");
            assert!(text.contains(words), "{user}: {text}");
        }
    }
}
