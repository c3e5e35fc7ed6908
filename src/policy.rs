//! What is remembered between requests, to spare the directory and to protect its users: nothing
//! here knows LDAP, a wire, or a clock. Time is an argument.
//!
//! [`digest`] makes of accounts and passwords what can be kept; [`throttle`] keeps wrong passwords
//! from locking an account; [`cache`] answers for a directory that cannot, or need not, be asked;
//! [`admission`] tells early who would be answered too late; [`ttl_cache`] is a bounded cache.

pub mod admission;
pub mod cache;
pub mod digest;
pub mod throttle;
pub mod ttl_cache;
