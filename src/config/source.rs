//! The text of the file, its syntax, and everything that was found in it.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::effective::Effective;
use super::excerpt::{self, PublicValues};
use super::keys::top::TOP;
use super::problem::{Place, Problem, Problems};
use super::syntax;
use crate::files::watch::Watch;

/// The text of a configuration file and what was found to be wrong with it.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: &'a str,
    /// None of a file whose syntax is wrong.
    public: RefCell<Option<PublicValues>>,
    problems: RefCell<Vec<Note>>,
    remarks: RefCell<Vec<Note>>,
    /// The values that were read so far.
    pub(super) effective: RefCell<Effective>,
    files: RefCell<Watch>,
}

/// What was noticed at a place of the text, about a key.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    offset: usize,
    key: String,
    text: String,
}

impl<'a> Source<'a> {
    /// The source with this text.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            public: RefCell::default(),
            problems: RefCell::default(),
            remarks: RefCell::default(),
            effective: RefCell::default(),
            files: RefCell::default(),
        }
    }

    /// The parsed document; syntax errors are recorded.
    pub(super) fn parse(&self) -> DeTable<'a> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let is_right = errors.is_empty();
        // Where the items of a list would go on that is not closed, each of which is told of twice.
        let mut items = Vec::new();
        let line_of = |at: usize| self.text.get(..at).unwrap_or_default().matches('\n').count();
        for error in errors {
            let span = error.span().unwrap_or_default();
            if let Some(other) = syntax::other_format(self.text) {
                self.record(span.start, String::new(), format!("this is not TOML: {other}"));
                break;
            }
            if error.message().starts_with("missing comma between array elements") {
                if items.is_empty() {
                    let before = self.text.get(..span.start).unwrap_or_default();
                    let begin = before.rfind('[').unwrap_or_default();
                    self.record(begin, String::new(), syntax::OPEN_LIST.to_owned());
                }
                items.push(line_of(span.start));
                continue;
            }
            if items.contains(&line_of(span.start)) {
                continue;
            }
            let (start, text) = (span.start, self.syntax(error.message(), span));
            self.record(start, String::new(), text);
        }
        let table = table.into_inner();
        self.public.replace(is_right.then(|| PublicValues::of(self.text, &table)));
        table
    }

    /// What is wrong with the syntax at this place: the parser's words, none of which it takes from the
    /// file, because that can hold a secret.
    fn syntax(&self, words: &str, span: Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or_default();
        let begun = before.rsplit('\n').next().unwrap_or_default();
        if words == "duplicate key" {
            let key = self.text.get(span).unwrap_or_default();
            // Any other may be a piece of a secret.
            let key = if TOP.knows(key) || begun.starts_with('[') { key } else { "this" };
            return format!("{key} is written twice; leave one out, or bring both together");
        }
        let is_escape = words.contains("escape")
            || words.contains("unicode value")
            || begun.ends_with('\\')
            || begun.chars().rev().nth(1) == Some('\\');
        let advice = match is_escape && begun.contains('"') {
            true => {
                "; a backslash between double quotes begins an escape: write single quotes, as in 'CORP\\name', or two backslashes"
            }
            false if begun.trim_start().starts_with('[') => {
                "; tables stand in brackets, and names with dots or blanks in quotes within them"
            }
            false => syntax::advice(words, self.text, span.start),
        };
        format!("this is not TOML: {words}{advice}")
    }

    /// The files that were read for it; see [`reads`](Self::reads).
    pub(super) fn files(&self) -> Watch {
        self.files.take()
    }

    /// Whether there is a mistake in the table of this path, as far as it was read.
    pub(super) fn has_problem_in(&self, table: &str) -> bool {
        self.problems.borrow().iter().any(|problem| {
            let rest = problem.key.strip_prefix(table);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Every problem so far, in the order of the file.
    pub(super) fn problems(&self) -> Problems {
        let mut problems = self.problems.take();
        problems.sort_by_key(|problem| problem.offset);
        Problems::of_causes(self.placed(problems))
    }

    /// What is right but deserves a second look, each once.
    pub(super) fn remarks(&self) -> Vec<Problem> {
        self.placed(self.remarks.take())
    }

    fn placed(&self, notes: Vec<Note>) -> Vec<Problem> {
        let place =
            |Note { offset, key, text }| Problem { key, place: Some(self.place(offset)), text };
        notes.into_iter().map(place).collect()
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let begun = before.get(start..).unwrap_or_default();
        Place {
            line: 1 + before.matches('\n').count(),
            column: 1 + begun.chars().count(),
            shown: excerpt::shown(self.text, start, self.public.borrow().as_ref()),
        }
    }

    /// Whether its syntax is wrong, so that what seems to stand there may not be what was meant.
    pub(super) fn is_broken(&self) -> bool {
        self.public.borrow().is_none()
    }

    /// Whether what stands here may be shown.
    pub(super) fn is_public(&self, place: usize) -> bool {
        self.public.borrow().as_ref().is_some_and(|public| public.has(place))
    }

    /// Lets a file matter as if it stood here.
    pub(super) fn reads(&self, path: &Path) {
        self.files.borrow_mut().add(path);
    }

    /// Records what is right about a key at this place, but deserves a second look.
    pub(super) fn remark(&self, offset: usize, key: String, text: String) {
        // Where the parser lost its way, what seems to be missing may be there.
        if self.is_broken() {
            return;
        }
        let mut remarks = self.remarks.borrow_mut();
        // Several directories may say the same of what they have in common.
        if !remarks.iter().any(|known| known.key == key && known.text == text) {
            remarks.push(Note { offset, key, text });
        }
    }

    /// Records what is wrong with a key at this place of the text.
    pub(super) fn record(&self, offset: usize, key: String, text: String) {
        self.problems.borrow_mut().push(Note { offset, key, text });
    }
}
