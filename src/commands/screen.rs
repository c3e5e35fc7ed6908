//! What a command shows a person: rows, findings and, as the last line, what it comes to, wrapped to
//! the width of the terminal.

use std::io::{self, Write};
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style};
use rustix::termios::tcgetwinsize;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use super::finding::{Finding, Severity};
use super::print::unless_closed;
use crate::printable::printable;

/// For what is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// For what deserves a look.
pub(super) const ODD: Style = AnsiColor::Yellow.on_default();
/// For what is wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// For what begins a part.
pub(super) const HEADING: Style = Style::new().bold();
/// For what is beside the matter.
pub(super) const FAINT: Style = Style::new().dimmed();

/// Where nobody sees it, as in a pipe, each line stays whole for programs such as grep.
const ENDLESS: usize = 60_000;

/// How long the words are for what can be found to be good.
pub(super) const WHAT: usize = 14;

/// Below a line that goes on.
const HANGING: &str = "    ";

/// What is shown.
#[derive(Debug)]
pub(super) struct Screen {
    text: String,
    width: usize,
}

impl Screen {
    /// An empty one, as wide as the terminal.
    pub(super) fn new() -> Self {
        Self { text: String::new(), width: width() }
    }

    /// A line that begins a part.
    pub(super) fn heading(&mut self, text: &str) {
        self.verdict(HEADING, text, "");
    }

    /// Something that is so: what was looked at, in a column of this width, what it is, and something
    /// beside the matter.
    pub(super) fn row(&mut self, column: usize, what: &str, text: &str, beside: &str) {
        let label = format!("  {:<column$}  ", printable(what));
        let mut text = printable(text);
        if !beside.is_empty() {
            text.push_str(&format!("  {}", styled(FAINT, beside)));
        }
        self.wrapped(&label, &text, &" ".repeat(column + 4));
    }

    /// A finding: a row for what is good, and the rest as compilers tell of it. Only an error begins
    /// with its place, to which an editor may jump.
    pub(super) fn finding(&mut self, finding: &Finding) {
        let Finding { severity, file, line, column, key, text, .. } = finding;
        let style = match severity {
            Severity::Good => {
                return self.row(WHAT, key.as_deref().unwrap_or_default(), text, "");
            }
            Severity::Error => BAD,
            Severity::Remark | Severity::Hint => ODD,
        };
        let mut place = file.as_deref().map(printable).unwrap_or_default();
        for number in [line, column].into_iter().flatten() {
            place.push_str(&format!(":{number}"));
        }
        if !place.is_empty() {
            place.push_str(": ");
        }
        let key = key.as_ref().map(|key| format!("{}: ", printable(key))).unwrap_or_default();
        let name = severity.name();
        let name = format!("{style}{name}:{style:#} ");
        let (first, second) =
            if *severity == Severity::Error { (place, name) } else { (name, place) };
        let text = format!("{first}{second}{key}{}", printable(text));
        self.wrapped("", &text, HANGING);
    }

    /// Findings, in their order, each with its line below.
    pub(super) fn findings(&mut self, findings: &[Finding]) {
        for (finding, next) in findings.iter().zip(findings.iter().skip(1).map(Some).chain([None]))
        {
            self.finding(finding);
            let is_same = |it: &Finding| (&it.file, it.line) == (&finding.file, finding.line);
            // The line is below the last that is about it.
            if let Some(shown) = finding.shown.as_deref().filter(|_| !next.is_some_and(is_same)) {
                self.excerpt(shown);
            }
        }
    }

    /// A line of a file, as much of it as there is room for.
    fn excerpt(&mut self, line: &str) {
        let line = printable(&line.replace('\t', " "));
        let room = self.width.saturating_sub(HANGING.len() + 2);
        let shown = match line.char_indices().nth(room) {
            Some(_) => line.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            None => line,
        };
        self.text.push_str(&format!("{HANGING}{FAINT}| {shown}{FAINT:#}\n"));
    }

    /// A text of its own.
    pub(super) fn note(&mut self, text: &str) {
        self.wrapped("", &printable(text), HANGING);
    }

    /// What it all comes to; `more` goes on after it.
    pub(super) fn verdict(&mut self, style: Style, text: &str, more: &str) {
        self.wrapped("", &format!("{}{}", styled(style, text), printable(more)), HANGING);
    }

    fn wrapped(&mut self, label: &str, text: &str, below: &str) {
        let options = Options::new(self.width)
            .initial_indent(label)
            .subsequent_indent(below)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit)
            // So that a name can be copied.
            .break_words(false);
        for line in textwrap::wrap(text, options) {
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
    }

    /// Shows it. That nobody reads it is the reader's choice.
    pub(super) fn print(&self) -> io::Result<()> {
        unless_closed(anstream::stdout().write_all(self.text.as_bytes()))
    }

    /// Shows it beside what the command was asked for.
    pub(super) fn print_beside(&self) -> io::Result<()> {
        anstream::stderr().write_all(self.text.as_bytes())
    }
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{}{style:#}", printable(text))
}

/// How wide the terminal is. A pipe has the width that the environment tells, if it does.
pub(super) fn width() -> usize {
    width_of(io::stdout(), ENDLESS)
}

/// The same of another stream, whose width is `otherwise` where nobody tells.
pub(super) fn width_of(stream: impl AsFd, otherwise: usize) -> usize {
    let terminal = tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col));
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(told).filter(|width| *width > 0).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: usize) -> Screen {
        Screen { text: String::new(), width }
    }

    /// Without styles.
    fn plain(screen: &Screen) -> String {
        anstream::adapter::strip_str(&screen.text).to_string()
    }

    #[test]
    fn a_finding_is_told_as_compilers_do_and_its_line_once() {
        let file = std::path::Path::new("x.toml");
        let finding = |text: &str| {
            let finding = Finding::new(Severity::Error, "directory.x", text).in_file(file);
            finding.at(3, 1, Some("servers = [\"ldaps://a\",\t\u{1b}[2J 'long']".to_owned()))
        };
        let mut screen = screen(40);
        screen.findings(&[finding("no; write so"), finding("no \u{1b}[31m\u{202e}")]);
        let expected = [
            "x.toml:3:1: error: directory.x: no;",
            "    write so",
            "x.toml:3:1: error: directory.x: no",
            "    \\u{1b}[31m\\u{202e}",
            "    | servers = [\"ldaps://a\", \\u{1b}[2J…",
        ];
        assert_eq!(plain(&screen).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_an_error_begins_with_its_place() {
        let told = |severity| {
            let finding = Finding::new(severity, "directory.x", "no");
            let finding = finding.in_file(std::path::Path::new("x.toml")).at(3, 1, None);
            let mut screen = screen(ENDLESS);
            screen.finding(&finding);
            plain(&screen)
        };
        assert_eq!(told(Severity::Error), "x.toml:3:1: error: directory.x: no\n");
        assert_eq!(told(Severity::Remark), "remark: x.toml:3:1: directory.x: no\n");
    }

    #[test]
    fn a_row_goes_on_below_its_text_and_a_name_stays_whole() {
        let mut screen = screen(24);
        screen.row(4, "base", "first ou=people,dc=example-of-one,dc=com", "(preset)");
        let expected =
            ["  base  first", "        ou=people,dc=example-of-one,dc=com", "        (preset)"];
        assert_eq!(plain(&screen).lines().collect::<Vec<_>>(), expected);
    }
}
