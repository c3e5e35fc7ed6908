//! Certificates and keys, from their PEM files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::files;

/// A certificate chain and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificates of a CA file, or why they cannot be used.
pub(super) fn roots(ca_file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca_file)
        .map_err(|error| format!("cannot read it: {error}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| format!("not a PEM certificate: {error}"))?;
        roots.add(certificate).map_err(|error| format!("not a usable certificate: {error}"))?;
    }
    if roots.is_empty() { Err("there is no PEM certificate in it".to_owned()) } else { Ok(roots) }
}

/// The certificates that this system trusts, or why there are none.
///
/// A certificate that cannot be read costs only itself.
pub(super) fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        Err("this system trusts no certificates (Debian: install ca-certificates); set ca_file"
            .to_owned())
    } else {
        Ok(roots)
    }
}

/// The certificate chain and key with which we sign in.
pub(super) fn identity(certificate: &Path, key: &Path) -> Result<Identity, String> {
    files::check_private(key)?;
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("client_cert_file: {error}"))?;
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| format!("client_key_file: {error}"))?;
    Ok((chain, key))
}
