//! What must hold for every input, one module a subject.
//!
//! `tests/fuzz/run` looks for an input for which it does not; the tests below ask for each input of
//! `corpus/`, which is what that has found worth keeping, and for what was wrong once. To look at
//! one input in an ordinary build:
//!
//! ```text
//! cargo run -p xmpp-ldap-auth-fuzz --bin SUBJECT FILE…
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a finding is a panic"
)]

pub mod answer;
pub mod config;
pub mod control;
pub mod diagnosis;
pub mod dn;
pub mod http;
pub mod line;
pub mod message;
pub mod native;
pub mod packet;
pub mod request;
pub mod stream;
pub mod template;

/// The program that fuzzes a subject, or, in an ordinary build, one that asks for the files named as
/// arguments.
#[macro_export]
macro_rules! target {
    ($subject:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::$subject::check(input));

        #[cfg(not(fuzzing))]
        fn main() {
            for file in std::env::args_os().skip(1) {
                $crate::$subject::check(&$crate::read(file.as_ref()));
            }
        }
    };
}

/// The bytes of an input.
pub fn read(file: &std::path::Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The input up to its first newline, as text if it is that, and the rest.
fn first_line(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::path::Path;

    use super::*;

    /// Asks for every input that is kept.
    fn all_hold(subject: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(subject);
        let mut asked = 0;
        for file in std::fs::read_dir(&corpus).unwrap() {
            let path = file.unwrap().path();
            let input = read(&path);
            assert!(catch_unwind(|| check(&input)).is_ok(), "{}", path.display());
            asked += 1;
        }
        assert!(asked > 0, "{} is empty", corpus.display());
    }

    macro_rules! corpora {
        ($($subject:ident)*) => {
            $(
                #[test]
                fn $subject() {
                    all_hold(stringify!($subject), super::$subject::check);
                }
            )*
        };
    }

    corpora!(config control diagnosis dn http line message native packet request template);
}
