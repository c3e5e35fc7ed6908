//! Taking secrets out of a text, in whatever encoding they are there.

use std::cmp::Reverse;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::zeroize::Zeroizing;

use crate::printable::printable;

/// What stands in the place of a secret.
const MASK: &str = "[masked]";

/// Shorter pieces of a secret say nothing, and stand in words by chance.
const SHORTEST_PIECE: usize = 4;

/// What encoders of URLs leave as it is, besides letters and digits: nothing, what RFC 3986 reserves for
/// nothing, the same and what parts a path, as JavaScript does, and as HTML forms do.
const LEFT_IN_URLS: [&str; 5] = ["", "-._~", "-._~/", "-._~!*'()", "-._*"];

/// The text without these secrets.
pub(super) fn mask(text: String, secrets: &[Zeroizing<String>]) -> String {
    let mut forms: Vec<_> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    // What holds another one goes first.
    forms.sort_unstable_by_key(|form| Reverse(form.len()));
    forms.iter().fold(text, |text, form| text.replace(form.as_str(), MASK))
}

/// A secret as it is, and as it looks in JSON, in logs, in URLs and in Base64, also within more.
fn forms(secret: &str) -> Vec<String> {
    let secret = secret.trim_end_matches(['\r', '\n']);
    let quoted = |text: String| text.get(1..text.len() - 1).unwrap_or_default().to_owned();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        quoted(json),
        quoted(format!("{secret:?}")),
        printable(secret),
        hex.to_uppercase(),
        hex,
    ];
    for left in LEFT_IN_URLS {
        for is_lower in [false, true] {
            let encoded = percent_encoded(secret, left, is_lower);
            forms.extend([encoded.replace("%20", "+"), encoded]);
        }
    }
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        forms.push(engine.encode(secret));
        for before in 0..3 {
            // The first and last letters depend on what stands beside the secret.
            let encoded = engine.encode([&vec![0; before], secret.as_bytes()].concat());
            let sure = (before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6;
            let piece = encoded.get(sure).unwrap_or_default();
            forms.extend((piece.len() >= SHORTEST_PIECE).then(|| piece.to_owned()));
        }
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// As in a URL, with these characters as they are; the letters of codes are of one case.
fn percent_encoded(text: &str, left: &str, is_lower: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            _ if byte.is_ascii_alphanumeric() || left.as_bytes().contains(&byte) => {
                encoded.push(byte.into());
            }
            _ if is_lower => encoded.push_str(&format!("%{byte:02x}")),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_form_of_a_secret_stays(
            secret in "[a-zA-Z0-9\"\\\\ü%&:/ \t\u{1b}]{6,20}",
            before in "[ -~]{0,9}",
            after in "[ -~]{0,9}",
        ) {
            let secret = format!("S{}S", secret);
            let whole = format!("{before}{secret}{after}");
            let forms = [
                whole.clone(),
                serde_json::Value::from(whole.as_str()).to_string(),
                format!("{whole:?}"),
                printable(&whole),
                utf8_percent_encode(&whole, NON_ALPHANUMERIC).to_string(),
                STANDARD_NO_PAD.encode(&whole),
                URL_SAFE_NO_PAD.encode(&whole),
            ];
            for form in forms {
                let masked = mask(form.clone(), &[secret.clone().into()]);
                prop_assert!(masked.contains(MASK), "{form} {masked}");
            }
        }
    }

    #[test]
    fn urls_are_written_in_many_ways() {
        for (secret, form) in [
            ("a-b c", "a-b%20c"),
            ("a-b c", "a-b+c"),
            ("a-b c", "a%2db+c"),
            ("Ab/c", "Ab%2fc"),
            ("A.b/ü", "A.b/%c3%bc"),
            ("(it's)!/", "(it's)!%2F"),
            ("a*~b", "a*%7Eb"),
        ] {
            let masked = mask(format!("x={form}&y"), &[secret.to_owned().into()]);
            assert_eq!(masked, format!("x={MASK}&y"), "{form}");
        }
    }
}
