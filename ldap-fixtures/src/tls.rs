//! A certificate authority for one test, made when it is needed and gone with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustix::system::uname;
use time::{Duration, OffsetDateTime};

/// The common name of [`Authority::client`]'s certificate, which slapd takes for the service account.
pub const CLIENT_NAME: &str = "xmpp-adapter";

/// A certificate and its key, in PEM files.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key, readable for its owner alone.
    pub key: PathBuf,
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    directory: PathBuf,
    certificate: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority that keeps its files in `directory`.
    pub fn create(directory: &Path) -> Result<Self> {
        // Each has a name of its own, as different authorities do.
        Self::named(directory, &format!("Test CA {}", directory.display()))
    }

    /// The same, of this name.
    pub fn named(directory: &Path, name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let certificate = directory.join("ca.pem");
        fs::write(&certificate, issuer.pem())?;
        Ok(Self { directory: directory.to_owned(), certificate, issuer })
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// For a server: `localhost`, `ldap.example.com`, this machine's name, `127.0.0.1` and `::1`.
    pub fn good(&self) -> Result<Credential> {
        let machine = uname();
        // OpenLDAP's clients check "localhost" against the machine's own name.
        let machine = machine.nodename().to_str()?;
        let names = ["localhost", "ldap.example.com", machine, "127.0.0.1", "::1"];
        self.issue("good", &names, days(-1), days(30))
    }

    /// For a server of these names and addresses.
    pub fn server(&self, names: &[&str]) -> Result<Credential> {
        self.issue("server", names, days(-1), days(30))
    }

    /// For a server of another name.
    pub fn wrong_name(&self) -> Result<Credential> {
        self.issue("other", &["other.example.net"], days(-1), days(30))
    }

    /// For a server, valid until yesterday.
    pub fn expired(&self) -> Result<Credential> {
        self.issue("expired", &["localhost", "127.0.0.1"], days(-30), days(-1))
    }

    /// For a server, valid from tomorrow.
    pub fn early(&self) -> Result<Credential> {
        self.issue("early", &["localhost", "127.0.0.1"], days(1), days(30))
    }

    /// For a server whose name only the subject says, as certificates did before 2017.
    pub fn nameless(&self) -> Result<Credential> {
        self.issue("127.0.0.1", &[], days(-1), days(30))
    }

    /// For the adapter, see [`CLIENT_NAME`].
    pub fn client(&self) -> Result<Credential> {
        self.issue(CLIENT_NAME, &["client.example.com"], days(-1), days(30))
    }

    fn issue(
        &self,
        name: &str,
        names: &[&str],
        from: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Credential> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = (from, until);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let credential = Credential {
            certificate: self.directory.join(format!("{name}.pem")),
            key: self.directory.join(format!("{name}.key")),
        };
        fs::write(&credential.certificate, certificate.pem())?;
        fs::write(&credential.key, key.serialize_pem())?;
        fs::set_permissions(&credential.key, fs::Permissions::from_mode(0o600))?;
        Ok(credential)
    }
}

fn days(from_now: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(from_now)
}
