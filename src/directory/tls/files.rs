//! Certificates and keys, from their PEM files.
//!
//! What a library says of a file can quote it, and a key is a secret: every word here is our own.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, RootCertStore};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use secrecy::zeroize::Zeroizing;

use super::certificate::Certificate;
use crate::files::{self, Privacy};

/// The certificates of a CA file, or why they cannot be used.
pub(super) fn roots(ca_file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_file)? {
        roots.add(certificate).map_err(|_| {
            "a certificate in it is not one of X.509, or is damaged; fetch it anew".to_owned()
        })?;
    }
    Ok(roots)
}

/// The authorities of a CA file for people, and what of them ends soon: whoever trusts it has to be
/// given its successor before servers show that one's certificates.
pub(super) fn authorities(
    ca_file: &Path,
    now: SystemTime,
) -> Result<(Vec<String>, Vec<String>), String> {
    let certificates = certificates(ca_file)?;
    let read = certificates.iter().filter_map(|der| Certificate::read(der).ok());
    let (mut shown, mut remarks) = (Vec::new(), Vec::new());
    for certificate in read {
        if certificate.ends_soon(now) {
            remarks.push(format!("{certificate}: put its successor into the file as well"));
        }
        shown.push(certificate.to_string());
    }
    Ok((shown, remarks))
}

/// The certificates that this system trusts, and what of the environment's files vouches for nobody; or
/// why none can be used.
///
/// A certificate that cannot be read costs only itself.
pub(super) fn system_roots() -> Result<(RootCertStore, Vec<String>), String> {
    let mut roots = RootCertStore::empty();
    let named = named_by_environment();
    if named.is_empty() {
        roots.add_parsable_certificates(load_native_certs().certs);
    }
    let mut remarks = Vec::new();
    for NamedRoots { variable, path } in named {
        let shown = path.display();
        let found = if variable == CERT_DIR {
            check_directory(&path).map(|()| load_certs_from_paths(None, Some(&path)))
        } else {
            files::check_writers(&path).map(|()| load_certs_from_paths(Some(&path), None))
        };
        let found = found.map_err(|text| format!("{variable} is {shown}, but {text}"))?;
        let (usable, _) = roots.add_parsable_certificates(found.certs);
        if usable == 0 {
            remarks.push(format!(
                "{variable} is {shown}, where there is no certificate that can be read; correct it, or set ca_file"
            ));
        }
    }
    if !roots.is_empty() {
        return Ok((roots, remarks));
    }
    let nothing =
        "this system trusts no certificates (Debian: install ca-certificates); set ca_file";
    Err(if remarks.is_empty() { nothing.to_owned() } else { remarks.join("; ") })
}

/// Where the environment says that the certificates are which this system trusts (openssl-env(7)).
struct NamedRoots {
    variable: &'static str,
    path: PathBuf,
}

const CERT_FILE: &str = "SSL_CERT_FILE";
const CERT_DIR: &str = "SSL_CERT_DIR";

/// The file and the directories that take the place of the system's own, if there are any.
fn named_by_environment() -> Vec<NamedRoots> {
    let file = env::var_os(CERT_FILE).map(PathBuf::from);
    let file = file.map(|path| NamedRoots { variable: CERT_FILE, path });
    let directories = env::var_os(CERT_DIR).unwrap_or_default();
    let directories = env::split_paths(&directories).filter(|path| !path.as_os_str().is_empty());
    let directories = directories.map(|path| NamedRoots { variable: CERT_DIR, path });
    file.into_iter().chain(directories).collect()
}

/// What says whom this system trusts, if the environment names it.
pub(super) fn environment_paths() -> impl Iterator<Item = PathBuf> {
    named_by_environment().into_iter().map(|named| named.path)
}

/// Refuses a directory of certificates if others can write one of them.
fn check_directory(path: &Path) -> Result<(), String> {
    files::check_writers(path)?;
    let mut entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.try_for_each(|entry| files::check_writers(&entry.path()))
}

/// The certificate chain with which we sign in.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates(path)
}

/// The key with which we sign in.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(path, Privacy::Secret, "pkey")?;
    let is_encrypted = [&b"ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
    if is_encrypted.iter().any(|mark| has(&bytes, mark)) {
        return Err(format!(
            "the key is encrypted, and there is nobody to type its passphrase; write it without (openssl pkey -in {0} -out {0}.open)",
            path.display()
        ));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => "there is no private key in it".to_owned(),
        error => broken(&error, &bytes),
    })
}

/// Whether certificate and key can be used, and for each other; the error has the key at fault.
pub(super) fn check_identity(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<(), (&'static str, String)> {
    let own = chain.first().and_then(|own| Certificate::read(own).ok());
    let own = own.ok_or_else(|| {
        ("client_cert_file", "the certificate in it cannot be read; issue it anew".to_owned())
    })?;
    if own.is_version_1 {
        let text = "our own certificate is one of version 1, which is not supported; issue it anew with extensions (openssl x509 -req -extfile …)";
        return Err(("client_cert_file", text.to_owned()));
    }
    let signer = provider.key_provider.load_private_key(key.clone_key()).map_err(|_| {
        let text = format!(
            "a key of this type cannot be used (the certificate is for {}); make one of RSA from 2048 bits, P-256, P-384 or Ed25519",
            own.key
        );
        ("client_key_file", text)
    })?;
    match rustls::sign::CertifiedKey::new(chain.to_vec(), signer).keys_match() {
        Err(Error::InconsistentKeys(_)) => Err((
            "client_key_file",
            "the key does not belong to the certificate in client_cert_file; write the key of that"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// All certificates of a file, which are one or more.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path, Privacy::Public, "x509")?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| broken(&error, &bytes))?;
    if !found.is_empty() {
        return Ok(found);
    }
    Err(match has(&bytes, b"BEGIN PKCS7") {
        true => format!(
            "it is PKCS#7; write its certificates as PEM (openssl pkcs7 -print_certs -in {0} -out {0}.pem)",
            path.display()
        ),
        false => {
            "there is no certificate in it: one begins with a line -----BEGIN CERTIFICATE-----"
                .to_owned()
        }
    })
}

/// The bytes of a file that can be PEM; `kind` is the command of openssl that reads such files.
fn read(path: &Path, privacy: Privacy, kind: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = files::read(path, privacy)?;
    match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => {
            Err("it begins with a byte order mark; save it without".to_owned())
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Err("it is UTF-16; save it as plain ASCII".to_owned())
        }
        [0x30, ..] => Err(format!(
            "it is binary (DER); write it as PEM (openssl {kind} -inform der -in {0} -out {0}.pem)",
            path.display()
        )),
        _ => Ok(bytes),
    }
}

/// What is wrong with a file in which PEM begins.
fn broken(error: &pem::Error, bytes: &[u8]) -> String {
    match error {
        _ if bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() < 2 => {
            "it is all in one line; PEM has the lines -----BEGIN …----- and -----END …-----, and others between them"
        }
        pem::Error::MissingSectionEnd { .. } => "it is cut off: the line -----END …----- is missing",
        pem::Error::IllegalSectionStart { .. } => "a line -----BEGIN …----- in it is not whole",
        pem::Error::Base64Decode(_) => "what stands between BEGIN and END in it is not base64",
        _ => "it cannot be read as PEM",
    }
    .to_owned()
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn no_error_quotes_the_file() {
        let secret = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
        for text in [
            format!("{begin}{secret}{end}"),
            format!("{begin}\n{secret}\n"),
            format!("{begin}\n{secret}%{secret}\n{end}\n"),
            format!("{begin}\n{secret}{end}\n{secret}\n\n"),
            format!("-----BEGIN {secret}\n{secret}"),
            format!("\n\n-----BEGIN {secret}-----\n-----END {secret} -----\n"),
            secret.to_owned(),
            format!("\u{feff}{secret}"),
            format!("0\u{82}{secret}"),
            format!("{secret}\0"),
            format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{secret}"),
        ] {
            std::fs::write(&path, &text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            for error in [key(&path).unwrap_err(), certificates(&path).unwrap_err()] {
                let numbers = format!("{:?}", secret.as_bytes());
                let shown = [&secret[..8], &secret[20..28], &numbers[1..12]];
                assert!(!shown.iter().any(|part| error.contains(part)), "{text:?}: {error}");
            }
        }
    }
}
