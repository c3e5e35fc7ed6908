//! Object identifiers of controls, extended operations, matching rules and capabilities.

/// The StartTLS operation (RFC 4511, section 4.14).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// The password modify operation (RFC 3062).
pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";

/// The "Who am I?" operation (RFC 4532).
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// The paged results control (RFC 2696).
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// The ManageDsaIT control (RFC 3296).
pub const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";

/// The password policy control, request and response (draft-behera-ldap-password-policy-11, section
/// 6).
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Netscape's control that the password has expired, or must be changed
/// (draft-vchu-ldap-pwd-policy-00, section 4).
pub const NETSCAPE_PASSWORD_EXPIRED: &str = "2.16.840.1.113730.3.4.4";

/// Netscape's control that the password will expire in so many seconds
/// (draft-vchu-ldap-pwd-policy-00, section 4).
pub const NETSCAPE_PASSWORD_EXPIRING: &str = "2.16.840.1.113730.3.4.5";

/// The policy hints control, by which a password reset keeps to the password history (MS-ADTS,
/// section 3.1.1.3.4.1.27).
pub const POLICY_HINTS: &str = "1.2.840.113556.1.4.2239";

/// What Windows Server 2008 R2 called it.
pub const POLICY_HINTS_DEPRECATED: &str = "1.2.840.113556.1.4.2066";

/// The rule that walks a chain of DNs, LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS, section 3.1.1.3.4.4).
pub const MATCHING_RULE_IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// The server is an Active Directory domain controller (MS-ADTS, section 3.1.1.3.4.3).
pub const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

/// The server is one of Active Directory Lightweight Directory Services (MS-ADTS, section
/// 3.1.1.3.4.3).
pub const ACTIVE_DIRECTORY_LDS: &str = "1.2.840.113556.1.4.1851";

/// The domain controller is of Windows Server 2003 or later (MS-ADTS, section 3.1.1.3.4.3).
pub const ACTIVE_DIRECTORY_V51: &str = "1.2.840.113556.1.4.1670";

/// The domain controller is read-only (MS-ADTS, section 3.1.1.3.4.3).
pub const ACTIVE_DIRECTORY_PARTIAL_SECRETS: &str = "1.2.840.113556.1.4.1920";
