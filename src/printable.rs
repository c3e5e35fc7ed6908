//! Text of others, made fit for a person's terminal.

use serde::Serialize;
use serde_json::Value;

/// The text with everything that a terminal would obey, or that would show it in another order or not
/// at all, written as an escape.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The value as JSON in one line, which means the same and holds nothing that a terminal would obey.
pub fn printable_json(value: &Value) -> String {
    escaped_json(&value.to_string())
}

/// The value as JSON in a line for each of its parts, for a person to read.
pub fn pretty_printable_json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(text.lines().map(escaped_json).collect::<Vec<_>>().join("\n"))
}

/// What a terminal obeys stands in JSON's strings alone, where it may be escaped (RFC 8259, section 7).
fn escaped_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_obeyed(character) {
            let units = character.encode_utf16(&mut [0; 2]).to_vec();
            text.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(character);
        }
    }
    text
}

/// Whether a terminal obeys a character, or shows others in another way because of it (Unicode,
/// section 23.2), or shows it as a space, which it is not.
fn is_obeyed(character: char) -> bool {
    // Blanks that look like a space are none to whoever compares; that of ideographs shows.
    let is_space = matches!(character, ' ' | '\u{3000}');
    character.is_control()
        || character.is_whitespace() && !is_space
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_the_rest_is_as_it_was() {
        for (text, shown) in [
            ("\u{1b}]0;owned\u{7}\u{1b}[2J", "\\u{1b}]0;owned\\u{7}\\u{1b}[2J"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\r\n\tb\u{0}", "a\\r\\n\\tb\\u{0}"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("a\u{a0}b\u{2009}c 佐藤\u{3000}太郎", "a\\u{a0}b\\u{2009}c 佐藤\u{3000}太郎"),
            ("Kennwort für Zoë: 密码 \\ \"'", "Kennwort für Zoë: 密码 \\ \"'"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn json_means_the_same_and_holds_nothing_that_a_terminal_obeys() {
        let value = json!({ "a\u{9b}31m": ["\u{1b}[2J\u{202e}\u{e0041}\n", "Zoë"] });
        for text in [printable_json(&value), pretty_printable_json(&value).unwrap()] {
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            assert!(!text.chars().any(|c| c != '\n' && is_obeyed(c)), "{text}");
            assert!(text.contains("Zoë"), "{text}");
        }
        assert!(!printable_json(&value).contains('\n'));
        assert!(pretty_printable_json(&value).unwrap().contains('\n'));
    }

    proptest! {
        #[test]
        fn no_control_is_left(text in any::<String>()) {
            let shown = printable(&text);
            prop_assert!(!shown.chars().any(is_obeyed));
        }
    }
}
