//! Which servers a directory has, and which of them is asked (RFC 2782, MS-ADTS 6.3).
//!
//! `srv` finds them, `servers` has them in the order in which they are asked, and `health` knows which
//! of them do their work.

pub mod dns;
pub mod health;
mod ldap_ping;
pub mod server;
pub mod servers;
pub mod srv;
mod srv_order;
pub mod srv_record;
pub mod trial;
