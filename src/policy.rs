//! What is remembered between requests, to spare the directory and to protect its users: nothing
//! here knows LDAP, a wire, or a clock. Time is an argument.
//!
//! [`digest`] makes of accounts and passwords what can be kept; [`throttle`] keeps wrong passwords
//! from locking an account; [`cache`] answers for a directory that cannot, or need not, be asked;
//! [`pace`] tells early who would be answered too late; [`recent`] is a bounded memory with an age.

pub mod cache;
pub mod digest;
pub mod pace;
pub mod recent;
pub mod throttle;
