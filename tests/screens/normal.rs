//! What is another thing in each run, in the place of which a screen has the same in all: as long as it
//! is, so that lines break where they did.

use std::path::Path;

/// The usual directory of the configuration.
const USUAL: &str = "/etc/xmpp-ldap-auth";

/// The text with times, dates, numbers of processes and ports, and places made the same.
pub(crate) fn normal(text: &str, directory: &Path, server: Option<&str>) -> String {
    let directory = directory.to_str().unwrap();
    assert_eq!(directory.len(), USUAL.len(), "{directory} has another length");
    let mut text = text.replace(directory, USUAL);
    if let Some(server) = server {
        // A port of five digits makes both equally long.
        text = text.replace(server, "dc1.example.com");
    }
    text.lines().map(|line| format!("{}\n", normal_line(line))).collect()
}

fn normal_line(line: &str) -> String {
    let mut line = dates(&milliseconds(line));
    for (before, word) in [("\"pid\": ", "4711"), ("\"up_s\": ", "3"), ("\"ms\": ", "1.2")] {
        line = after(&line, before, word);
    }
    for (before, word) in [("\"version\": \"", "1.0.0"), ("\"user\": \"", "root")] {
        line = after(&line, before, word);
    }
    if line.starts_with("xmpp-ldap-auth ") {
        for (before, word) in [("xmpp-ldap-auth ", "1.0.0"), ("process ", "4711"), ("for ", "3s")] {
            line = after(&line, before, word);
        }
    }
    line
}

/// All are the same.
fn dates(line: &str) -> String {
    const DATE: &str = "2027-06-30T12:00:00Z";
    let is_date = |text: &str| {
        let form = text.chars().zip(DATE.chars());
        text.is_ascii()
            && text.len() == DATE.len()
            && form
                .into_iter()
                .all(|(one, as_in)| one == as_in || one.is_ascii_digit() && as_in.is_ascii_digit())
    };
    let found = (0..line.len()).find(|at| line.get(*at..at + DATE.len()).is_some_and(is_date));
    match found.map(|at| line.split_at(at)) {
        Some((begin, rest)) => format!("{begin}{DATE}{}", dates(&rest[DATE.len()..])),
        None => line.to_owned(),
    }
}

/// The line with another word behind this one.
fn after(line: &str, before: &str, word: &str) -> String {
    let Some((begin, rest)) = line.split_once(before) else { return line.to_owned() };
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-:.".contains(c));
    let (_, rest) = rest.split_at(end.unwrap_or(rest.len()));
    format!("{begin}{before}{word}{rest}")
}

/// As many as all have, and as wide where they stand in a column.
fn milliseconds(line: &str) -> String {
    let Some((before, rest)) = line.split_once(" ms") else { return line.to_owned() };
    let begun = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let column = begun.trim_end();
    let width = if begun.len() - column.len() > 1 { before.len() - column.len() } else { 4 };
    format!("{column}{:>width$} ms{rest}", "1.2")
}
