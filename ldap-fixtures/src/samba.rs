//! Samba as an Active Directory domain controller, on an address of its own.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::geteuid;
use tempfile::{NamedTempFile, TempDir};

use crate::built::built;
use crate::process::{Process, require, wait_until};
use crate::tls::Authority;

/// The domain's base.
pub const BASE: &str = "DC=example,DC=com";
/// May search, and reset the passwords of users.
pub const SERVICE: &str = "svc-xmpp@example.com";
/// May search.
pub const READER: &str = "svc-reader@example.com";
/// The password of [`SERVICE`] and [`READER`].
pub const SERVICE_PASSWORD: &str = "Passw0rd.Service1";
/// The password of every user.
pub const PASSWORD: &str = "Passw0rd.User1";
/// The name in the certificate and in DNS.
pub const HOST: &str = "dc1.example.com";

const START: Duration = Duration::from_secs(60);

/// What a user's state makes of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The sAMAccountName.
    pub name: &'static str,
    /// What Windows calls the reason for refusing the right password; `None` if it is accepted.
    pub data: Option<&'static str>,
}

/// A user in every state.
pub const USERS: [User; 9] = [
    User { name: "alice", data: None },
    User { name: "o'brien", data: None },
    User { name: "umläut", data: None },
    User { name: "disabled", data: Some("533") },
    User { name: "pwdexpired", data: Some("532") },
    User { name: "mustchange", data: Some("773") },
    User { name: "expired", data: Some("701") },
    User { name: "hours", data: Some("530") },
    User { name: "locked", data: Some("775") },
];

/// An address of the loopback device that nobody else has. Dropping it gives it back.
#[derive(Debug)]
struct Address(Ipv4Addr);

impl Address {
    fn take() -> Result<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        for _ in 0..u8::MAX {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let address = Ipv4Addr::new(127, 64 | high >> 2, low, next.max(1));
            // It is refused where somebody else has added it.
            if change("add", address)? {
                return Ok(Self(address));
            }
        }
        bail!("no address of the loopback device is free");
    }
}

fn change(what: &str, address: Ipv4Addr) -> Result<bool> {
    let output = Command::new(require("ip")?)
        .args(["address", what, &format!("{address}/32"), "dev", "lo"])
        .output()?;
    Ok(output.status.success())
}

impl Drop for Address {
    fn drop(&mut self) {
        let _ = change("delete", self.0);
    }
}

/// A domain controller of EXAMPLE.COM. Dropping it ends it.
#[derive(Debug)]
pub struct Samba {
    process: Process,
    directory: TempDir,
    address: Address,
}

impl Samba {
    /// A controller of its own.
    pub fn start() -> Result<Self> {
        ensure!(
            geteuid().is_root(),
            "a domain controller has fixed ports below 1024: run its tests as root"
        );
        let template = built("samba")?;
        let directory = tempfile::Builder::new().prefix("samba-").tempdir()?;
        let home = directory.path();
        // With attributes and holes, which the databases have.
        let copied = Command::new("cp").arg("-a").arg(template.join(".")).arg(home).status()?;
        ensure!(copied.success(), "cannot copy {}", template.display());
        let address = Address::take()?;
        let configuration = home.join("etc/smb.conf");
        let text = fs::read_to_string(&configuration)?
            .replace("@dir@", home.to_str().context("the path is not UTF-8")?)
            .replace("interfaces = 127.0.0.1/8", &format!("interfaces = {}/32", address.0));
        fs::write(&configuration, text)?;
        let names = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samba/readdress"))
            .arg(home.join("private/sam.ldb"))
            .arg(address.0.to_string())
            .output()?;
        ensure!(names.status.success(), "readdress: {}", String::from_utf8_lossy(&names.stderr));
        Authority::create(home)?.server(&[HOST, "example.com", &address.0.to_string()])?;
        fs::write(home.join("krb5.conf"), kerberos(address.0))?;
        let process = run(home)?;
        let mut samba = Self { process, directory, address };
        samba.wait()?;
        samba.lock("locked")?;
        Ok(samba)
    }

    /// A controller that is shared by whoever holds it at the same time, because it takes a second to
    /// start. Nobody changes a user that others need.
    pub fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Samba>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }

    /// Its address, where it listens on the well-known ports alone.
    pub fn address(&self) -> IpAddr {
        self.address.0.into()
    }

    /// `ldap://…`, which takes no simple bind without StartTLS.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address.0)
    }

    /// `ldaps://…`.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://{}", self.address.0)
    }

    /// The global catalog over TLS.
    pub fn catalog_url(&self) -> String {
        format!("ldaps://{}:3269", self.address.0)
    }

    /// The certificate of the authority that its own is from.
    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A keytab of [`SERVICE`].
    pub fn keytab(&self) -> PathBuf {
        self.directory.path().join("svc-xmpp.keytab")
    }

    /// A krb5.conf that finds this controller and asks nobody else.
    pub fn krb5_conf(&self) -> PathBuf {
        self.directory.path().join("krb5.conf")
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Whether a bind succeeds, or what the controller says.
    pub fn bind(&self, name: &str, password: &str) -> Result<Result<(), String>> {
        // Not an argument, which everybody could read.
        let mut file = NamedTempFile::new_in(self.directory.path())?;
        file.write_all(password.as_bytes())?;
        let output = Command::new(require("ldapsearch")?)
            .args([
                "-x",
                "-LLL",
                "-H",
                &self.ldaps_url(),
                "-D",
                name,
                "-s",
                "base",
                "-b",
                "",
                "1.1",
            ])
            .arg("-y")
            .arg(file.path())
            .env("LDAPTLS_CACERT", self.ca())
            .env("LDAPTIMEOUT", "20")
            .output()?;
        match output.status.code() {
            Some(0) => Ok(Ok(())),
            Some(49) => Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned())),
            _ => bail!("ldapsearch: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Disables a user, as an administrator does.
    pub fn disable(&self, name: &str) -> Result<()> {
        self.tool(&["user", "disable", name])
    }

    /// From now on, this many wrong passwords within so many minutes lock an account.
    pub fn lock_at(&self, threshold: u32, minutes: u32) -> Result<()> {
        self.tool(&[
            "domain",
            "passwordsettings",
            "set",
            &format!("--account-lockout-threshold={threshold}"),
            &format!("--account-lockout-duration={minutes}"),
            &format!("--reset-account-lockout-after={minutes}"),
        ])
    }

    /// Runs samba-tool on its database.
    pub fn tool(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(require("samba-tool")?);
        command.args(arguments).arg("-H").arg(self.database());
        let output = command.arg("--configfile").arg(self.home().join("etc/smb.conf")).output()?;
        ensure!(output.status.success(), "samba-tool: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Makes the changes of this LDIF in its database.
    pub fn change(&self, ldif: &str) -> Result<()> {
        let mut file = NamedTempFile::new_in(self.home())?;
        file.write_all(ldif.as_bytes())?;
        let mut command = Command::new(require("ldbmodify")?);
        let output = command.arg("-H").arg(self.database()).arg(file.path()).output()?;
        ensure!(output.status.success(), "ldbmodify: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn home(&self) -> &Path {
        self.directory.path()
    }

    fn database(&self) -> PathBuf {
        self.home().join("private/sam.ldb")
    }

    /// Binds with wrong passwords until the account is locked.
    fn lock(&self, name: &str) -> Result<()> {
        let upn = format!("{name}@example.com");
        for _ in 0..20 {
            if self.bind(&upn, "wrong")?.is_err_and(|words| words.contains("data 775")) {
                return Ok(());
            }
        }
        bail!("{name} is not locked by wrong passwords");
    }

    fn wait(&mut self) -> Result<()> {
        let ready = wait_until("Samba's first answers", START, || {
            !self.process.is_running()
                || (matches!(self.bind(SERVICE, SERVICE_PASSWORD), Ok(Ok(())))
                    && self.answers_dns())
        });
        ensure!(ready.is_ok() && self.process.is_running(), "Samba: {}", self.process.log());
        Ok(())
    }

    fn answers_dns(&self) -> bool {
        Command::new("dig")
            .args(["+short", "+time=1", "+tries=1", &format!("@{}", self.address.0)])
            .args(["SRV", "_ldap._tcp.dc._msdcs.example.com"])
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(HOST))
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        self.process.terminate();
    }
}

fn run(home: &Path) -> Result<Process> {
    let mut command = Command::new(require("samba")?);
    command.args(["-i", "-M", "standard", "--debug-stdout", "-d", "1", "-s"]);
    command.arg(home.join("etc/smb.conf"));
    let text = |name: &str| format!("{}/{name}", home.display());
    for option in [
        // No file server, and nobody else to ask.
        "server services=ldap, kdc, cldap, dns".to_owned(),
        "dns forwarder=".to_owned(),
        format!("pid directory={}", text("run")),
        format!("ncalrpc dir={}", text("run/ncalrpc")),
        "tls enabled=yes".to_owned(),
        format!("tls certfile={}", text("server.pem")),
        format!("tls keyfile={}", text("server.key")),
        format!("tls cafile={}", text("ca.pem")),
    ] {
        command.arg(format!("--option={option}"));
    }
    Process::spawn(command, &home.join("samba.log"))
}

fn kerberos(address: Ipv4Addr) -> String {
    format!(
        "[libdefaults]\ndefault_realm = EXAMPLE.COM\ndns_lookup_kdc = false\n\
         dns_lookup_realm = false\ndns_canonicalize_hostname = false\nrdns = false\n\
         [realms]\nEXAMPLE.COM = {{\nkdc = {address}\n}}\n[domain_realm]\n\
         .example.com = EXAMPLE.COM\nexample.com = EXAMPLE.COM\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_in_the_state_that_the_table_says() {
        let samba = Samba::start().unwrap();
        for user in USERS {
            let answer = samba.bind(&format!("EXAMPLE\\{}", user.name), PASSWORD).unwrap();
            match user.data {
                None => assert_eq!(answer, Ok(()), "{user:?}"),
                Some(data) => {
                    let words = answer.unwrap_err();
                    assert!(words.contains(&format!("data {data},")), "{user:?}: {words}");
                }
            }
        }
    }

    #[test]
    fn two_run_side_by_side() {
        let (one, other) = (Samba::start().unwrap(), Samba::start().unwrap());
        assert_ne!(one.address(), other.address());
        for samba in [&one, &other] {
            let ticket = Command::new("kinit")
                .args(["-k", "-t"])
                .arg(samba.keytab())
                .args(["-c", "MEMORY:", "svc-xmpp@EXAMPLE.COM"])
                .env("KRB5_CONFIG", samba.krb5_conf())
                .output()
                .unwrap();
            assert!(ticket.status.success(), "{}", String::from_utf8_lossy(&ticket.stderr));
        }
    }
}
