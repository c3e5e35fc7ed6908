//! Why a server's certificate was not accepted, in words that say what to do about it.

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::certificate::{Algorithm, Certificate, Name, PublicKey, SHORTEST_RSA};
use super::trust::{Pin, Roots};
use crate::directory::names::time::Shown;

const KEYS: &str = "RSA from 2048 bits, P-256, P-384 or Ed25519";

/// What a server presented, and to whom.
pub(super) struct Presented<'a> {
    /// The server's certificate.
    pub(super) own: &'a CertificateDer<'a>,
    /// The others that it sent.
    pub(super) others: &'a [CertificateDer<'a>],
    /// The authorities that are trusted.
    pub(super) roots: &'a Roots,
}

impl Presented<'_> {
    /// What is wrong with it, by an error of the verifier. Errors that are not about a certificate
    /// stay what they are.
    pub(super) fn explain(&self, error: Error) -> Error {
        let Error::InvalidCertificate(cause) = &error else { return error };
        let Ok(own) = Certificate::read(self.own) else { return error };
        match self.words(cause, &own) {
            Some(text) => rejected(text),
            None => error,
        }
    }

    fn words(&self, cause: &CertificateError, own: &Certificate<'_>) -> Option<String> {
        Some(match cause {
            CertificateError::UnknownIssuer => self.unknown_issuer(own),
            CertificateError::BadSignature => self.bad_signature(),
            CertificateError::ExpiredContext { time, not_after } => format!(
                "the certificate has expired on {}; by this machine's clock it is {}",
                date(*not_after),
                date(*time)
            ),
            CertificateError::NotValidYetContext { time, not_before } => format!(
                "the certificate is not valid before {}; by this machine's clock it is {}",
                date(*not_before),
                date(*time)
            ),
            CertificateError::NotValidForNameContext { expected, presented } => {
                self.other_name(expected, presented)
            }
            CertificateError::InvalidPurposeContext { .. } => {
                "the certificate is not for servers: issue it anew with extendedKeyUsage = serverAuth"
                    .to_owned()
            }
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id, ..
            } => unsupported_signature(&Algorithm(signature_algorithm_id), None),
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id,
                public_key_algorithm_id,
            } => unsupported_signature(
                &Algorithm(signature_algorithm_id),
                Some(&Algorithm(public_key_algorithm_id)),
            ),
            CertificateError::UnhandledCriticalExtension => {
                "the certificate has a critical extension that this program does not know; issue it anew without"
                    .to_owned()
            }
            CertificateError::BadEncoding => {
                "the certificate cannot be read; issue it anew".to_owned()
            }
            CertificateError::Other(other) => {
                self.of_library(other.0.downcast_ref::<webpki::Error>()?, own)
            }
            _ => return None,
        })
    }

    fn of_library(&self, error: &webpki::Error, own: &Certificate<'_>) -> String {
        use webpki::Error as E;
        let issuer = own.issuer;
        match error {
            E::CaUsedAsEndEntity => format!(
                "the server's own certificate is one of an authority (CA:TRUE): issue one for the server, with CA:FALSE, {}",
                self.or_pin()
            ),
            E::EndEntityUsedAsCa => format!(
                "the certificate was issued by {issuer}, whose own certificate is not one of an authority (CA:TRUE); issue that one anew"
            ),
            E::UnsupportedCertVersion => {
                "the certificate is one of version 1, which has no extensions and so no subjectAltName: issue it anew with one (openssl x509 -req -extfile …)".to_owned()
            }
            E::NameConstraintViolation => format!(
                "the certificate has names that its authority may not vouch for, by the name constraints of that: issue it anew for other names, or by another authority than {issuer}"
            ),
            E::PathLenConstraintViolated => format!(
                "an authority on the way to {issuer} may have no authorities below it (pathlen); issue its certificate anew"
            ),
            _ => format!(
                "the certificate, issued by {issuer}, breaks the rules of RFC 5280; issue it anew, {}",
                self.or_pin()
            ),
        }
    }

    fn unknown_issuer(&self, own: &Certificate<'_>) -> String {
        if self.roots.has_key(own.key) && !own.is_self_signed() {
            return format!(
                "ca_file holds the server's own certificate; write that of its issuer, {}, into it",
                own.issuer
            );
        }
        if own.is_self_signed() {
            return format!(
                "the server's certificate, {}, has no issuer but itself: let an authority sign one, {}",
                own.subject,
                self.or_pin()
            );
        }
        let missing = self.last_issuer(own);
        if self.roots.has_name(missing) {
            return format!(
                "the certificate is from an unknown CA: its issuer is {missing}, and the one of that name in ca_file has another key: fetch it anew"
            );
        }
        format!(
            "the certificate is from an unknown CA: its issuer is {missing}, which the server does not send and {}: let the server send its intermediate certificates, or write the certificate of {missing} into ca_file",
            self.roots.lack()
        )
    }

    /// Who issued the last certificate of the chain that begins with this one.
    fn last_issuer<'a>(&'a self, own: &Certificate<'a>) -> Name<'a> {
        let others = self.others.iter().filter_map(|other| Certificate::read(other).ok());
        let mut others: Vec<Certificate<'_>> = others.collect();
        let mut issuer = own.issuer;
        while let Some(at) = others.iter().position(|other| other.subject == issuer) {
            issuer = others.swap_remove(at).issuer;
        }
        issuer
    }

    fn bad_signature(&self) -> String {
        let sent = [self.own].into_iter().chain(self.others);
        let facts = sent.filter_map(|sent| Certificate::read(sent).ok()).map(|facts| facts.key);
        let short = facts.chain(self.roots.keys()).find(PublicKey::is_short);
        match short {
            Some(key) => too_short(&key),
            None => {
                "the signature of the certificate does not fit its issuer's key: ca_file, or the server, has an older certificate of the issuer".to_owned()
            }
        }
    }

    fn other_name(&self, expected: &ServerName<'_>, presented: &[String]) -> String {
        let expected = expected.to_str();
        if presented.is_empty() {
            return format!(
                "the certificate has no subjectAltName, so it is not for {expected}; issue it anew with one, {}",
                self.or_pin()
            );
        }
        let is_address = |name: &String| name.starts_with("IpAddress");
        let as_name = |name: &&String| !is_address(name) && bare(name) == expected;
        if presented.iter().any(|name| as_name(&name)) {
            let mut names = presented.iter().filter(|name| !as_name(name)).map(|name| bare(name));
            let other = names.next().map(|name| format!(", or use the name {name} in the URL"));
            return format!(
                "the address {expected} stands in the certificate as a name (DNS:), not as an address: issue it anew with IP:{expected}{}",
                other.unwrap_or_default()
            );
        }
        let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
        format!(
            "the certificate is for another name: for {}, not for {expected}; use that name in the URL, or set server_name",
            names.join(", "),
        )
    }

    /// How to do without what a certificate lacks.
    fn or_pin(&self) -> String {
        Pin::of(self.own).map_or_else(
            |_| "or set pins and pins_only".to_owned(),
            |pin| {
                format!(
                    "or, after comparing it on the server, write pins = [\"{pin}\"] and pins_only = true"
                )
            },
        )
    }
}

/// Why a server could not prove that the key in its certificate is its own, by an error of the
/// handshake.
pub(super) fn of_proof(error: Error, certificate: &CertificateDer<'_>) -> Error {
    let (Error::InvalidCertificate(cause), Ok(facts)) = (&error, Certificate::read(certificate))
    else {
        return error;
    };
    match cause {
        _ if facts.key.is_short() => rejected(too_short(&facts.key)),
        _ if facts.is_version_1 => rejected(
            "the certificate is one of version 1; issue it anew as one of version 3, with a subjectAltName".to_owned(),
        ),
        CertificateError::BadSignature => {
            rejected("the server does not have the key that its certificate is for".to_owned())
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => rejected(
            format!("the server's key is of {}, which is not supported; make one of {KEYS}", facts.key),
        ),
        _ => error,
    }
}

/// An error with these words.
pub(super) fn rejected(text: String) -> Error {
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Rejected(String);
    let other = rustls::OtherError(std::sync::Arc::new(Rejected(text)));
    Error::InvalidCertificate(CertificateError::Other(other))
}

fn too_short(key: &PublicKey<'_>) -> String {
    format!(
        "the certificate has a key of {key}, which is too short; make one of {SHORTEST_RSA} bits or more"
    )
}

fn unsupported_signature(signature: &Algorithm<'_>, key: Option<&Algorithm<'_>>) -> String {
    let by = key.map(|key| format!(" by a key of {key}")).unwrap_or_default();
    format!(
        "the certificate is signed by the algorithm {signature}{by}, which is not supported; issue it anew with SHA-256 by an authority whose key is {KEYS}"
    )
}

/// A name without the kind that the library writes around it.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

fn date(time: UnixTime) -> Shown {
    let since = std::time::Duration::from_secs(time.as_secs());
    Shown(std::time::UNIX_EPOCH.checked_add(since).unwrap_or(std::time::UNIX_EPOCH))
}
