//! Taking secrets out of a text, in whatever encoding they are there.

use std::cmp::Reverse;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::Zeroizing;

use crate::printable::printable;

/// What stands in the place of a secret.
const MASK: &str = "[masked]";

/// Shorter pieces of a secret say nothing, and stand in words by chance.
const SHORTEST_PIECE: usize = 4;

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
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        quoted(json),
        quoted(format!("{secret:?}")),
        printable(secret),
        percent.replace("%20", "+"),
        percent.to_lowercase(),
        percent,
        hex.to_uppercase(),
        hex,
    ];
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

#[cfg(test)]
mod tests {
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
}
