//! Why a handshake failed, in an administrator's words.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// What must fit on both sides, besides the version.
const COMMON: &str = "this program speaks TLS 1.2 and 1.3 with AES-GCM or ChaCha20 and ECDHE on X25519, P-256 or P-384, to servers whose key is RSA from 2048 bits, P-256, P-384 or Ed25519";

const VERSION: &str = "the server speaks none of the versions of TLS that are wanted: TLS 1.2 and 1.3, but for those below min_version; see min_version, or let it speak these";

/// The error with its cause and what to do about it.
pub fn explained(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(cause) => io::Error::new(error.kind(), of_tls(cause)),
        None => error,
    }
}

/// The error of a handshake; `starts_tls` says whether the server had agreed to it in LDAP.
pub(super) fn of_handshake(error: io::Error, starts_tls: bool) -> io::Error {
    let is_cut = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    );
    let is_other = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .is_some_and(|cause| matches!(cause, Error::InvalidMessage(_)));
    let text = match (is_cut, is_other, starts_tls) {
        (true, _, true) => {
            "the server closed the connection during the TLS handshake, as one without a certificate does; give it one"
        }
        (true, _, false) => {
            "the server closed the connection during the TLS handshake; is this a TLS port? If it is the one for ldap://, write ldap:// with start_tls = true; a server without a certificate, such as a domain controller, does the same: give it one"
        }
        (_, true, true) => {
            "what came after StartTLS is not TLS: somebody on the way, or the server, put other bytes there"
        }
        (_, true, false) => {
            "the server does not speak TLS at this port; write ldap:// with start_tls = true, or the port for ldaps"
        }
        _ => return explained(error),
    };
    io::Error::new(error.kind(), text)
}

fn of_tls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(cause)) => cause.to_string(),
        Error::InvalidCertificate(cause) => format!("the certificate is not acceptable: {cause}"),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => VERSION.to_owned(),
        Error::PeerIncompatible(cause) => {
            format!("the server and this program cannot agree ({cause:?}): {COMMON}")
        }
        other => format!("TLS failed: {other}"),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::ProtocolVersion => VERSION.to_owned(),
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => format!(
            "the server ended the handshake ({alert:?}): it has no cipher suite, curve or kind of key in common with this program, or wants a client certificate (client_cert_file); {COMMON}"
        ),
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "the server wants a client certificate: set client_cert_file and client_key_file".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => format!(
            "the server does not accept our client certificate ({alert:?}); see its log, and client_cert_file"
        ),
        AlertDescription::UnrecognisedName => {
            "the server has no certificate for the name in the URL (UnrecognizedName); use a name that it knows".to_owned()
        }
        alert => format!("the server ended the handshake: {alert:?}; see its log"),
    }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;

    #[test]
    fn each_cause_says_what_to_do() {
        for (error, words) in [
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "does not speak TLS at this port",
            ),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "min_version"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "cipher suite, curve"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "set client_cert_file"),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "does not accept our client certificate",
            ),
            (Error::AlertReceived(AlertDescription::InternalError), "InternalError"),
            (
                Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig),
                "see min_version",
            ),
            (Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), "cannot agree"),
        ] {
            let text = of_handshake(io::Error::other(error), false).to_string();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn an_end_without_a_word_is_about_the_port_or_the_certificate() {
        for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset] {
            let text = |starts_tls| of_handshake(kind.into(), starts_tls).to_string();
            assert!(text(false).contains("write ldap:// with start_tls = true"));
            assert!(text(true).contains("without a certificate"));
            assert!(!text(true).contains("ldap://"));
        }
        let other = Error::InvalidMessage(InvalidMessage::InvalidContentType);
        assert!(!of_handshake(io::Error::other(other), true).to_string().contains("start_tls"));
    }

    #[test]
    fn other_errors_stay_what_they_are() {
        let refused = of_handshake(io::Error::from(io::ErrorKind::ConnectionRefused), false);
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(refused.get_ref().is_none());
    }
}
