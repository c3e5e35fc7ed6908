//! What an administrator does to a running slapd.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, Slapd};
use crate::process::require;
use crate::tls::Credential;

/// May do everything in the database.
pub const ADMIN_DN: &str = "cn=admin,dc=example,dc=com";
/// The password of [`ADMIN_DN`].
pub const ADMIN_PASSWORD: &str = "admin-secret";

impl Slapd {
    /// Carries out changes that are written in LDIF.
    pub fn change(&self, ldif: &str) -> Result<()> {
        let mut child = Command::new(require("ldapmodify")?)
            .args(["-x", "-H", &self.url(), "-D", ADMIN_DN, "-w", ADMIN_PASSWORD])
            .env(PATIENCE, "10")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("no standard input")?.write_all(ldif.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "ldapmodify: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// The first value of an attribute of an entry.
    pub fn value(&self, dn: &str, attribute: &str) -> Result<Option<String>> {
        let output = Command::new(require("ldapsearch")?)
            .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &self.url()])
            .args(["-D", ADMIN_DN, "-w", ADMIN_PASSWORD, "-s", "base", "-b", dn, attribute])
            .env(PATIENCE, "10")
            .output()?;
        ensure!(output.status.success(), "ldapsearch: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{attribute}: ")));
        Ok(line.map(str::to_owned))
    }

    /// Gives an attribute one value instead of those it has.
    pub fn replace(&self, dn: &str, attribute: &str, value: &str) -> Result<()> {
        self.change(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        ))
    }

    /// Gives an account another password, which it need not change, whatever the policy says.
    pub fn set_password(&self, dn: &str, password: &str) -> Result<()> {
        self.replace(dn, "userPassword", password)?;
        self.replace(dn, "pwdReset", "FALSE")
    }

    /// Shows this certificate from now on, after a restart.
    pub fn show(&mut self, credential: &Credential) -> Result<()> {
        fs::copy(&credential.certificate, self.directory.path().join("server.pem"))?;
        fs::copy(&credential.key, self.directory.path().join("server.key"))?;
        self.restart()
    }

    /// Renames an entry where it is.
    pub fn rename(&self, dn: &str, name: &str) -> Result<()> {
        self.change(&format!("dn: {dn}\nchangetype: modrdn\nnewrdn: {name}\ndeleteoldrdn: 0\n"))
    }

    /// Removes an entry.
    pub fn delete(&self, dn: &str) -> Result<()> {
        self.change(&format!("dn: {dn}\nchangetype: delete\n"))
    }
}
