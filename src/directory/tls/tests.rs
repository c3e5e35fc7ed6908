//! Certificates as they are met, and the words for each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::rejection::of_proof;
use super::trust::{Pin, Roots};
use super::verifier::Verifier;
use super::{Tls, TlsSettings, TlsVersion, Trust, files};

const SAN: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1";

/// A directory of certificates, made by openssl: NAME.pem and NAME.key.
struct Pki(tempfile::TempDir);

impl Pki {
    fn new() -> Self {
        let pki = Self(tempfile::tempdir().unwrap());
        pki.authority("ca", "ec -pkeyopt ec_paramgen_curve:P-256", "-sha256");
        pki
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn sh(&self, command: &str) {
        let done = Command::new("sh").args(["-ec", command]).current_dir(self.0.path()).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn authority(&self, name: &str, key: &str, hash: &str) {
        self.sh(&format!(
            "openssl req -x509 -newkey {key} {hash} -nodes -subj /CN={name} -keyout {name}.key -out {name}.pem \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        ));
    }

    /// Without `extensions` it is one of version 1.
    fn issue(&self, name: &str, ca: &str, key: &str, hash: &str, extensions: &str) {
        std::fs::write(self.path("ext"), extensions).unwrap();
        let extfile = if extensions.is_empty() { "" } else { "-extfile ext" };
        self.sh(&format!(
            "openssl req -newkey {key} -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr; chmod 600 {name}.key; \
             openssl x509 -req {hash} -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -set_serial 7 -out {name}.pem {extfile}"
        ));
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).unwrap()
    }

    fn pin(&self, name: &str) -> String {
        Pin::of(&self.certificate(name)).unwrap().to_string()
    }

    /// What is said of a server at this host that presents this chain to who trusts this file.
    fn said(&self, chain: &[&str], ca: &str, host: &str) -> String {
        let store = Arc::new(files::roots(&self.path(&format!("{ca}.pem"))).unwrap());
        let roots = Roots { store, are_of_file: true };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(Some(roots), Vec::new(), provider).unwrap();
        let chain: Vec<_> = chain.iter().map(|name| self.certificate(name)).collect();
        let (own, others) = chain.split_first().unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        match verifier.verify_server_cert(own, others, &name, &[], UnixTime::now()) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => super::explained(std::io::Error::other(error)).to_string(),
        }
    }

    /// What is said of a certificate and a key of our own.
    fn said_of_own(&self, certificate: &str, key: &str) -> String {
        let client = Some((self.path(certificate), self.path(key)));
        let settings = TlsSettings {
            trust: Trust::Nobody,
            pins: Vec::new(),
            server_name: None,
            client,
            min_version: TlsVersion::Tls12,
        };
        Tls::new(settings).map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
    }
}

/// What only a developer understands.
fn assert_plain(text: &str) {
    for odd in ["BadSignature", "Unsupported", "CaUsed", "KeyMismatch", "Identifier", "[4", "[6"] {
        assert!(!text.contains(odd), "{text}");
    }
}

const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
const P521: &str = "ec -pkeyopt ec_paramgen_curve:P-521";

#[test]
fn each_certificate_that_is_refused_is_told_with_its_cause_and_the_way_out() {
    let pki = Pki::new();
    pki.authority("other", P256, "-sha256");
    pki.authority("big", P521, "-sha512");
    pki.authority("rsa", "rsa:2048", "-sha256");
    pki.authority("weakca", "rsa:1024", "-sha256");
    pki.sh(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=narrow -keyout narrow.key -out narrow.pem \
         -addext basicConstraints=critical,CA:TRUE -addext nameConstraints=critical,permitted\\;DNS:corp.example",
    );
    pki.sh(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=self -keyout self.key -out self.pem \
         -addext basicConstraints=CA:FALSE",
    );
    let authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign";
    pki.issue("inter", "ca", P256, "-sha256", authority);
    pki.issue("good", "ca", P256, "-sha256", SAN);
    pki.issue("below", "inter", P256, "-sha256", SAN);
    pki.issue("bare", "ca", P256, "-sha256", "extendedKeyUsage=serverAuth");
    pki.issue("client", "ca", P256, "-sha256", &format!("{SAN}\nextendedKeyUsage=clientAuth"));
    pki.issue("v1", "ca", P256, "-sha256", "");
    pki.issue("named", "ca", P256, "-sha256", "subjectAltName=DNS:127.0.0.1,DNS:dc1.corp.example");
    pki.issue("elsewhere", "ca", P256, "-sha256", "subjectAltName=DNS:a.example,IP:192.0.2.1");
    pki.issue("authority", "ca", P256, "-sha256", &format!("{SAN}\n{authority}"));
    pki.issue("byleaf", "good", P256, "-sha256", SAN);
    pki.issue("sha1", "rsa", "rsa:2048", "-sha1", SAN);
    pki.issue("by521", "big", P256, "-sha512", SAN);
    pki.issue("byweak", "weakca", P256, "-sha256", SAN);
    pki.issue("outside", "narrow", P256, "-sha256", SAN);
    let host = "localhost";
    assert_eq!(pki.said(&["good"], "ca", host), "accepted");
    assert_eq!(pki.said(&["below", "inter"], "ca", host), "accepted");
    for (chain, ca, host, words) in [
        (&["below"][..], "ca", host, &["\"CN=inter\"", "does not send", "there: \"CN=ca\""][..]),
        (&["good"], "other", host, &["issuer is \"CN=ca\"", "there: \"CN=other\""]),
        (&["good"], "good", host, &["the server's own certificate", "issuer, \"CN=ca\""]),
        (&["self"], "ca", host, &["no issuer but itself", "pins_only", &pki.pin("self")]),
        (&["authority"], "ca", host, &["CA:TRUE", "CA:FALSE", &pki.pin("authority")]),
        (&["byleaf", "good"], "ca", host, &["\"CN=good\"", "not one of an authority"]),
        (&["v1"], "ca", host, &["version 1", "subjectAltName"]),
        (&["bare"], "ca", host, &["no subjectAltName", "pins_only", &pki.pin("bare")]),
        (&["client"], "ca", host, &["serverAuth"]),
        (
            &["elsewhere"],
            "ca",
            host,
            &["for a.example, 192.0.2.1, not for localhost", "server_name"],
        ),
        (&["named"], "ca", "127.0.0.1", &["as a name", "IP:127.0.0.1", "dc1.corp.example"]),
        (&["sha1"], "rsa", host, &["RSA with SHA-1", "SHA-256"]),
        (&["by521"], "big", host, &["ECDSA with SHA-512", "P-256"]),
        (&["byweak"], "weakca", host, &["1024 bits", "too short", "2048"]),
        (&["outside"], "narrow", host, &["name constraints"]),
    ] {
        let said = pki.said(chain, ca, host);
        words
            .iter()
            .for_each(|word| assert!(said.contains(word), "{chain:?}: no {word} in {said}"));
        assert_plain(&said);
    }
}

#[test]
fn a_server_that_cannot_prove_its_key_is_told_from_one_whose_key_is_not_supported() {
    let pki = Pki::new();
    pki.issue("weak", "ca", "rsa:1024", "-sha256", SAN);
    pki.issue("p521", "ca", P521, "-sha256", SAN);
    pki.issue("good", "ca", P256, "-sha256", SAN);
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let unsupported = || {
        let id = Vec::new();
        Error::InvalidCertificate(
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: id.clone(),
                public_key_algorithm_id: id,
            },
        )
    };
    for (name, error, words) in [
        ("weak", bad(), "RSA of 1024 bits"),
        ("p521", unsupported(), "P-521"),
        ("good", bad(), "does not have the key"),
    ] {
        let error = of_proof(error, &pki.certificate(name));
        let said = super::explained(std::io::Error::other(error)).to_string();
        assert!(said.contains(words), "{said}");
        assert_plain(&said);
    }
}

#[test]
fn our_own_certificate_is_told_as_ours() {
    let pki = Pki::new();
    pki.issue("mine", "ca", P256, "-sha256", SAN);
    pki.issue("other", "ca", P256, "-sha256", SAN);
    pki.issue("p5", "ca", P521, "-sha256", SAN);
    pki.issue("v1", "ca", P256, "-sha256", "");
    pki.sh(
        "openssl pkcs8 -topk8 -in mine.key -passout pass:x -out enc.key; openssl ec -in mine.key -outform der -out der.key; \
         { printf '\\357\\273\\277'; cat mine.key; } > bom.key; tr -d '\\n' < mine.key > line.key; head -2 mine.key > cut.key; chmod 600 *.key",
    );
    assert_eq!(pki.said_of_own("mine.pem", "mine.key"), "accepted");
    for (certificate, key, words) in [
        ("mine.pem", "enc.key", "client_key_file: the key is encrypted"),
        ("mine.pem", "der.key", "client_key_file: it is binary (DER)"),
        ("mine.pem", "bom.key", "client_key_file: it begins with a byte order mark"),
        ("mine.pem", "line.key", "client_key_file: it is all in one line"),
        ("mine.pem", "cut.key", "client_key_file: it is cut off"),
        ("mine.pem", "mine.pem", "client_key_file: "),
        ("mine.pem", "other.key", "client_key_file: the key does not belong"),
        ("mine.key", "mine.key", "client_cert_file: there is no certificate"),
        ("p5.pem", "p5.key", "the curve P-521"),
        ("v1.pem", "v1.key", "client_cert_file: our own certificate is one of version 1"),
    ] {
        let said = pki.said_of_own(certificate, key);
        assert!(said.contains(words), "{certificate} {key}: {said}");
        assert_plain(&said);
        let secret = std::fs::read_to_string(pki.path("mine.key")).unwrap();
        let secret: Vec<&str> = secret.lines().collect();
        assert!(!said.contains(secret[1]) && !said.contains("77, "), "{said}");
    }
}

#[test]
fn each_shape_of_a_ca_file_that_is_not_pem_is_told() {
    let pki = Pki::new();
    pki.sh(
        "{ printf '\\357\\273\\277'; cat ca.pem ca.pem; } > bom.pem; tr -d '\\n' < ca.pem > line.pem; head -4 ca.pem > cut.pem; \
         openssl x509 -in ca.pem -outform der -out der.pem; openssl crl2pkcs7 -nocrl -certfile ca.pem -out p7b.pem; \
         printf '\\377\\376-' > utf16.pem; : > empty.pem; sed 's/^M/*/' ca.pem > odd.pem",
    );
    let said = |name: &str| files::roots(Path::new(&pki.path(name))).unwrap_err();
    for (name, words) in [
        ("bom.pem", "byte order mark"),
        ("line.pem", "one line"),
        ("cut.pem", "cut off"),
        ("der.pem", "openssl x509 -inform der"),
        ("p7b.pem", "openssl pkcs7"),
        ("utf16.pem", "UTF-16"),
        ("empty.pem", "no certificate in it"),
        ("odd.pem", "not base64"),
        ("missing.pem", "cannot read"),
    ] {
        assert!(said(name).contains(words), "{name}: {}", said(name));
    }
}

#[test]
fn when_a_certificate_expires_is_read() {
    let pki = Pki::new();
    pki.sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -days 9 -out soon.pem");
    pki.sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=b -days 36500 -out late.pem");
    for (name, days) in [("soon", 9), ("late", 36_500)] {
        let expiry = super::certificate_expiry(&pki.certificate(name)).unwrap();
        let left = expiry.duration_since(SystemTime::now()).unwrap().as_secs();
        assert!((days * 86_400 - 3600..=days * 86_400).contains(&left), "{name}: {left}");
    }
    assert_eq!(super::certificate_expiry(b"none"), None);
}

#[test]
fn authorities_are_shown_and_told_of_before_they_end() {
    let pki = Pki::new();
    pki.sh("cat ca.pem > both.pem");
    let issued = "basicConstraints=critical,CA:TRUE";
    pki.issue("sub", "ca", "ec -pkeyopt ec_paramgen_curve:P-256", "-sha256 -days 365", issued);
    pki.sh("cat sub.pem >> both.pem");
    let day = std::time::Duration::from_secs(24 * 3600);
    // The first is good for 30 days.
    for (days, ending) in [(-1, 0), (1, 1), (31, 1), (336, 2), (400, 2)] {
        let now = SystemTime::now();
        let now = if days < 0 { now - day } else { now + day * u32::try_from(days).unwrap() };
        let (shown, remarks) = files::authorities(&pki.path("both.pem"), now).unwrap();
        let [first, second] = &shown[..] else { panic!("{shown:?}") };
        assert!(first.starts_with("\"CN=ca\" issued by itself, good until 20"), "{first}");
        assert!(second.starts_with("\"CN=sub\" issued by \"CN=ca\", good until 20"), "{second}");
        assert_eq!(remarks.len(), ending, "after {days} days: {remarks:?}");
    }
}
