//! Why a handshake failed, in an administrator's words.

use std::io;
use std::time::UNIX_EPOCH;

use humantime::format_rfc3339_seconds;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

/// The error with its cause and what to do about it.
pub fn explained(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let text = match cause {
        Some(cause) => of_tls(cause),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection during the TLS handshake; is this a TLS port?"
                .to_owned()
        }
        None => return error,
    };
    io::Error::new(error.kind(), text)
}

fn of_tls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(cause) => of_certificate(cause),
        Error::InvalidMessage(_) => {
            "the server does not speak TLS at this port; write ldap:// with start_tls = true, or the port for ldaps".to_owned()
        }
        Error::AlertReceived(alert) => match alert {
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => format!(
                "the server ended the handshake ({alert:?}): it has no TLS version or cipher in common with this program; see min_version"
            ),
            AlertDescription::CertificateRequired => {
                "the server wants a client certificate: set client_cert_file and client_key_file".to_owned()
            }
            AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::UnknownCA => {
                format!("the server does not accept our client certificate ({alert:?})")
            }
            alert => format!("the server ended the handshake: {alert:?}"),
        },
        Error::PeerIncompatible(cause) => {
            format!("the server and this program cannot agree on TLS ({cause:?}); see min_version")
        }
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the certificate is from an unknown CA; set ca_file".to_owned()
        }
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
        CertificateError::NotValidForNameContext { expected, presented }
            if presented.is_empty() =>
        {
            format!(
                "the certificate has no subjectAltName, so it is not for {}; issue it anew with one, or set pins and pins_only",
                expected.to_str()
            )
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            format!(
                "the certificate is for another name: for {}, not for {}; use that name in the URL, or set server_name",
                names.join(", "),
                expected.to_str()
            )
        }
        CertificateError::Other(cause) => cause.to_string(),
        other => format!("the certificate is not acceptable: {other}"),
    }
}

/// A name without the kind that the library writes around it.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

fn date(time: UnixTime) -> String {
    let time = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(time.as_secs()));
    time.map_or_else(|| "no date".to_owned(), |time| format_rfc3339_seconds(time).to_string())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{InvalidMessage, PeerIncompatible};

    use super::*;

    #[test]
    fn each_cause_says_what_to_do() {
        let at =
            |days: u64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(days * 86_400));
        let expected = ServerName::try_from("dc1.corp.example").unwrap();
        let other = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: expected.clone(),
            presented: presented.iter().map(ToString::to_string).collect(),
        };
        for (error, words) in [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), "unknown CA; set ca_file"),
            (
                Error::InvalidCertificate(CertificateError::ExpiredContext {
                    time: at(2),
                    not_after: at(1),
                }),
                "has expired on 1970-01-02T00:00:00Z; by this machine's clock it is 1970-01-03T00:00:00Z",
            ),
            (
                Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    time: at(1),
                    not_before: at(2),
                }),
                "is not valid before 1970-01-03T00:00:00Z",
            ),
            (
                Error::InvalidCertificate(other(&[
                    "DnsName(\"a.example\")",
                    "IpAddress(192.0.2.1)",
                ])),
                "for a.example, 192.0.2.1, not for dc1.corp.example; use that name",
            ),
            (Error::InvalidCertificate(other(&[])), "no subjectAltName"),
            (Error::InvalidCertificate(CertificateError::BadSignature), "not acceptable"),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "does not speak TLS at this port",
            ),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "see min_version"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "set client_cert_file"),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "does not accept our client certificate",
            ),
            (Error::AlertReceived(AlertDescription::InternalError), "InternalError"),
            (Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), "cannot agree"),
        ] {
            let text = explained(io::Error::other(error)).to_string();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn other_errors_stay_what_they_are() {
        let refused = explained(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let closed = explained(io::Error::from(io::ErrorKind::UnexpectedEof));
        assert!(closed.to_string().contains("is this a TLS port?"));
    }
}
