//! Signing in to a server by SASL (RFC 4513, section 5.2).

#[cfg(feature = "gssapi")]
mod gssapi;
pub mod principal;

use std::sync::Arc;

use self::principal::{KerberosAccount, Principal};

/// Makes an account that signs in by GSSAPI, if this program was built with it.
#[cfg(feature = "gssapi")]
const GSSAPI: Option<fn(KerberosAccount) -> Arc<dyn Principal>> = Some(gssapi::principal);
#[cfg(not(feature = "gssapi"))]
const GSSAPI: Option<fn(KerberosAccount) -> Arc<dyn Principal>> = None;

/// An account that signs in by Kerberos. The error says that this program knows no Kerberos.
pub fn kerberos(account: KerberosAccount) -> Result<Arc<dyn Principal>, &'static str> {
    GSSAPI.map(|gssapi| gssapi(account)).ok_or(
        "this program was built without Kerberos; build it with `cargo build --release --features gssapi`",
    )
}
