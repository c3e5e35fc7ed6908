//! What DNS says of a service.

/// An SRV record: a host that offers a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvRecord {
    /// Lower ones are tried first.
    pub priority: u16,
    /// The share of requests among those of the same priority.
    pub weight: u16,
    /// The host's name, without a dot at its end.
    pub host: String,
    /// Its port.
    pub port: u16,
}
