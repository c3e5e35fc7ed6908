//! What is wrong with a text that is no filter (RFC 4515), in words that say what to write instead.

/// The first thing that is wrong with it.
pub(super) fn of(source: &str) -> String {
    let text = if !source.trim_start().starts_with('(') {
        "put it in parentheses"
    } else if has_odd_escape(source) {
        "a backslash in a filter begins an escape of two digits: write \\5c for a backslash, so that a comma in a DN becomes \\5c,"
    } else if has_parenthesis_in_value(source) {
        "write a parenthesis in a value as \\28 or \\29, and a star as \\2a"
    } else if has_space_between(source) {
        "leave out the spaces and line breaks between its parentheses"
    } else {
        match balance(source) {
            1.. => "a parenthesis is not closed",
            ..0 => "a parenthesis is closed that was never opened",
            0 => {
                "look at its operators: & | ! stand before what is in parentheses, = >= <= ~= between an attribute and a value"
            }
        }
    };
    format!(
        "it is no filter of RFC 4515: {text}; write for example (&(objectClass=person)(uid={{localpart}}))"
    )
}

fn has_odd_escape(source: &str) -> bool {
    source.split('\\').skip(1).any(|rest| {
        let digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
        digits != 2
    })
}

fn balance(source: &str) -> i32 {
    source.chars().fold(0, |open, character| match character {
        '(' => open + 1,
        ')' => open - 1,
        _ => open,
    })
}

/// Whether a character can stand before another parenthesis, but for spaces.
fn is_structure(character: char) -> bool {
    matches!(character, '(' | ')' | '&' | '|' | '!')
}

fn has_parenthesis_in_value(source: &str) -> bool {
    let mut before = source.char_indices().filter(|(_, c)| *c == '(').map(|(at, _)| {
        source.get(..at).unwrap_or_default().trim_end().chars().next_back().unwrap_or('(')
    });
    before.any(|before| !is_structure(before))
}

fn has_space_between(source: &str) -> bool {
    let trimmed = source.trim();
    trimmed != source
        || trimmed.char_indices().filter(|(_, c)| c.is_whitespace()).any(|(at, _)| {
            let before = trimmed.get(..at).and_then(|text| text.trim_end().chars().next_back());
            let after = trimmed.get(at..).and_then(|text| text.trim_start().chars().next());
            before.is_some_and(is_structure)
                || after.is_some_and(|after| matches!(after, '(' | ')'))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::message::filter::Filter;

    #[test]
    fn each_mistake_is_told_from_the_others() {
        for (source, words) in [
            ("uid={localpart}", "put it in parentheses"),
            ("", "put it in parentheses"),
            ("(& (uid={localpart}) (objectClass=person))", "spaces"),
            ("(&(uid={localpart})\n(objectClass=person))", "spaces"),
            (" (uid={localpart})", "spaces"),
            (r"(&(uid={localpart})(memberOf=CN=Some\, Name,DC=x))", r"\5c"),
            (r"(uid={localpart}\", r"\5c"),
            ("(&(uid={localpart})(memberOf=CN=a (1),DC=x))", r"\28"),
            ("(&(objectClass=person)(uid={localpart})", "not closed"),
            ("(uid={localpart}))", "never opened"),
            ("(&uid={localpart})", "operators"),
        ] {
            assert!(of(source).contains(words), "{source:?}: {}", of(source));
            assert!(!source.starts_with('(') || Filter::parse(source).is_none(), "{source:?}");
        }
    }

    proptest! {
        #[test]
        fn there_are_words_for_whatever_is_no_filter(source in "[()&|! =a-c\\\\0-9é]{0,12}") {
            prop_assert!(of(&source).len() > 40);
        }
    }
}
