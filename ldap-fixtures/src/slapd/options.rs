//! What a slapd is started with: its configuration and its entries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::admin::{ADMIN_DN, ADMIN_PASSWORD};
use super::{BASE, PASSWORD};
use crate::ldif::{self, Entry};
use crate::process::require;
use crate::tls::Credential;

/// How the passwords of numbered users, and new passwords, are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hash {
    /// Salted SHA-1: cheap, so that a benchmark measures something else.
    #[default]
    Ssha,
    /// Argon2: some milliseconds for each bind.
    Argon2,
    /// PBKDF2 with SHA-512: as slow, and known to more servers.
    Pbkdf2,
}

impl Hash {
    fn scheme(self) -> &'static str {
        match self {
            Self::Ssha => "{SSHA}",
            Self::Argon2 => "{ARGON2}",
            Self::Pbkdf2 => "{PBKDF2-SHA512}",
        }
    }

    fn module(self) -> Option<&'static str> {
        match self {
            Self::Ssha => None,
            Self::Argon2 => Some("argon2"),
            Self::Pbkdf2 => Some("pw-pbkdf2"),
        }
    }
}

/// What a slapd is to be like.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many users `user00001`… there are besides the seed's, all with [`PASSWORD`].
    pub users: usize,
    /// More entries, loaded after the seed and the numbered users; their `userPassword`s are stored
    /// as they are.
    pub entries: Vec<Entry>,
    /// Whether there are no entries at all, not even the seed's.
    pub is_empty: bool,
    /// How passwords are stored.
    pub hash: Hash,
    /// The numbered users' `userPassword`, instead of one that `hash` makes of [`PASSWORD`].
    pub stored: Option<String>,
    /// The server's certificate, and the authority that clients' certificates must be from.
    pub tls: Option<(PathBuf, Credential)>,
    /// Refuses a simple bind without TLS, with result code 13.
    pub require_tls: bool,
    /// Asks clients for a certificate.
    pub verify_client: bool,
    /// Whether it logs no operations: for so many that the log would fill the disk.
    pub is_quiet: bool,
    /// Closes connections that were idle for so many seconds; never for 0.
    pub idle_timeout: u32,
    /// More lines of slapd.conf, before the database.
    pub global: String,
    /// More lines of slapd.conf, about the database.
    pub database: String,
}

impl Options {
    /// Writes `slapd.conf` and `init.ldif` into `directory`, which slapd sees as `seen_as`.
    pub fn write(&self, directory: &Path, seen_as: &Path) -> Result<()> {
        let seen_as = seen_as.to_str().context("the path is not UTF-8")?;
        let mut tls = String::new();
        if let Some((authority, credential)) = &self.tls {
            for (file, name) in [
                (authority, "ca.pem"),
                (&credential.certificate, "server.pem"),
                (&credential.key, "server.key"),
            ] {
                let target = directory.join(name);
                if *file != target {
                    fs::copy(file, target)?;
                }
            }
            tls = format!(
                "TLSCACertificateFile {seen_as}/ca.pem\nTLSCertificateFile {seen_as}/server.pem\n\
                 TLSCertificateKeyFile {seen_as}/server.key\nTLSVerifyClient {}\n",
                if self.verify_client { "try" } else { "never" }
            );
        }
        if self.require_tls {
            tls.push_str("security simple_bind=128\n");
        }
        tls.push_str(&self.global);
        let module = self.hash.module().map(|name| format!("moduleload {name}"));
        let configuration = include_str!("../../slapd/slapd.conf.in")
            .replace("@dir@", seen_as)
            .replace("@hash_module@", &module.unwrap_or_default())
            .replace("@hash@", self.hash.scheme())
            .replace("@log@", self.log_level())
            .replace("@admin@", ADMIN_DN)
            .replace("@admin_password@", ADMIN_PASSWORD)
            .replace("@idle_timeout@", &self.idle_timeout.to_string())
            .replace("@tls@", &tls)
            .replace("@database@", &self.database);
        fs::write(directory.join("slapd.conf"), configuration)?;
        let mut entries = ldif::SEED.to_owned();
        if self.users > 0 {
            let stored = self.stored.clone().map_or_else(|| self.hashed(PASSWORD), Ok)?;
            entries.push_str(&ldif::write(&numbered_users(self.users, &stored)));
        }
        entries.push_str(&ldif::write(&self.entries));
        fs::write(directory.join("init.ldif"), entries)?;
        Ok(())
    }

    pub(super) fn log_level(&self) -> &'static str {
        if self.is_quiet { "none" } else { "stats" }
    }

    fn hashed(&self, password: &str) -> Result<String> {
        let mut command = Command::new(require("slappasswd")?);
        if let Some(module) = self.hash.module() {
            command.args(["-o", "module-path=/usr/lib/ldap", "-o"]);
            command.arg(format!("module-load={module}"));
        }
        let output = command.args(["-n", "-h", self.hash.scheme(), "-s", password]).output()?;
        ensure!(output.status.success(), "slappasswd: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn numbered_users(count: usize, hashed: &str) -> Vec<Entry> {
    let user = |number: usize| {
        let uid = format!("user{number:05}");
        let attributes = [
            ("objectClass", "inetOrgPerson"),
            ("uid", &uid),
            ("cn", &uid),
            ("sn", &uid),
            ("mail", &format!("{uid}@example.com")),
            ("userPassword", hashed),
        ];
        let attributes =
            attributes.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Entry { dn: format!("uid={uid},ou=people,{BASE}"), attributes }
    };
    (1..=count).map(user).collect()
}
