//! Which servers a directory has, and which of them is asked (RFC 2782, MS-ADTS 6.3).

pub mod dns;
pub mod health;
mod ldap_ping;
pub mod server;
pub mod servers;
pub mod srv;
mod srv_order;
pub mod trial;
