//! The algorithms of keys and signatures that are met in certificates, by their object identifiers in
//! DER (RFC 8017, appendix C; RFC 5480, section 2.1.1; RFC 5758, section 3.2; RFC 8410, section 3).

pub(super) const RSA_KEY: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
pub(super) const EC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";

pub(in crate::directory) const RSA_WITH_MD5: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04";
pub(in crate::directory) const RSA_WITH_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05";
pub(in crate::directory) const RSA_WITH_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
pub(in crate::directory) const RSA_WITH_SHA384: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
pub(in crate::directory) const RSA_WITH_SHA512: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d";
pub(in crate::directory) const ECDSA_WITH_SHA1: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x01";
pub(in crate::directory) const ECDSA_WITH_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
pub(in crate::directory) const ECDSA_WITH_SHA384: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x03";
pub(in crate::directory) const ECDSA_WITH_SHA512: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x04";

/// How each is called.
pub(super) const NAMES: [(&[u8], &str); 19] = [
    (RSA_KEY, "RSA"),
    (RSA_WITH_MD5, "RSA with MD5"),
    (RSA_WITH_SHA1, "RSA with SHA-1"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "RSA-PSS"),
    (RSA_WITH_SHA256, "RSA with SHA-256"),
    (RSA_WITH_SHA384, "RSA with SHA-384"),
    (RSA_WITH_SHA512, "RSA with SHA-512"),
    (b"\x2a\x86\x48\xce\x38\x04\x01", "DSA"),
    (b"\x2a\x86\x48\xce\x38\x04\x03", "DSA with SHA-1"),
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", "the curve P-256"),
    (b"\x2b\x81\x04\x00\x22", "the curve P-384"),
    (b"\x2b\x81\x04\x00\x23", "the curve P-521"),
    (ECDSA_WITH_SHA1, "ECDSA with SHA-1"),
    (ECDSA_WITH_SHA256, "ECDSA with SHA-256"),
    (ECDSA_WITH_SHA384, "ECDSA with SHA-384"),
    (ECDSA_WITH_SHA512, "ECDSA with SHA-512"),
    (b"\x2b\x65\x70", "Ed25519"),
    (b"\x2b\x65\x71", "Ed448"),
    (EC_KEY, "an elliptic curve"),
];
