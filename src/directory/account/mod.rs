//! What is known about an account: its state by product, and how its password is set.

pub mod preset;
pub mod set_password;
pub mod state;
