//! What a directory says about an account: its state, and what an answer about it means.

pub mod diagnosis;
pub mod preset;
pub mod set_password;
pub mod state;
