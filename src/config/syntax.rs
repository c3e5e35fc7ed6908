//! What people write where TOML takes something else, as other formats have it.

/// What is said of a list at its beginning.
pub(super) const OPEN_LIST: &str = "this is not TOML: the list that begins here goes on where a comma is missing, or it is not closed: write ]";

/// What a file looks like that is of another format, and what to write instead.
pub(super) fn other_format(text: &str) -> Option<&'static str> {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let first = lines.find(|line| !line.starts_with('#'))?;
    let is_key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_yaml = |line: &str| {
        line.split_once(':')
            .is_some_and(|(key, value)| is_key(key) && (value.is_empty() || value.starts_with(' ')))
    };
    if first.starts_with('{') {
        Some(
            "it looks like JSON; write key = value in lines of their own, and tables in brackets: [directory.NAME]",
        )
    } else if first.starts_with("---") || is_yaml(first) {
        Some(
            "it looks like YAML; write key = value in lines of their own, and tables in brackets: [directory.NAME]",
        )
    } else {
        None
    }
}

/// What to write instead of what stands at this place, of which the parser says these words.
pub(super) fn advice(words: &str, text: &str, at: usize) -> &'static str {
    let before = text.get(..at).unwrap_or_default();
    let begun = before.rsplit('\n').next().unwrap_or_default().trim_start();
    let rest = text.get(at..).unwrap_or_default().lines().next().unwrap_or_default();
    let line = format!("{begun}{rest}");
    let is_comment = |text: &str| ["//", "/*", ";", "--"].iter().any(|it| text.starts_with(it));
    let quotes: &[char] = &[
        '\u{ab}', '\u{bb}', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201c}', '\u{201d}', '\u{201e}',
        '`',
    ];
    let is_blank =
        |c: char| c == '\u{200b}' || c == '\u{feff}' || !c.is_ascii() && c.is_whitespace();
    if is_comment(&line)
        || (rest.starts_with("//") || rest.starts_with("/*")) && begun.contains('=')
    {
        "; a comment begins with #"
    } else if rest.starts_with(quotes) {
        "; this is no quotation mark of TOML: write \" on both sides"
    } else if rest.starts_with(is_blank) {
        "; there is a blank here that is no space, as a web page or a word processor has them: write a space"
    } else if rest.starts_with([',', ';']) && begun.contains('=') {
        "; nothing stands behind a value: leave it out"
    } else if begun.split('=').next().is_some_and(|key| key.contains(':')) || rest.starts_with(':')
    {
        "; write = between key and value"
    } else if words.starts_with("key with no value") {
        "; write key = value, with quotes around a text"
    } else {
        "; strings stand in quotes, and each key in a line of its own"
    }
}
