//! What is wrong with a configuration, all of it, in words that say what to write instead.

use std::fmt;

use crate::printable::printable;

/// One mistake, or one remark. It never holds a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The full key, such as `directory.corp.servers`; empty for the file as a whole.
    pub key: String,
    /// Where it is in the file, if it is somewhere.
    pub place: Option<Place>,
    /// What is wrong and what to write instead.
    pub text: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The line for people, as far as it may be shown.
    pub shown: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column, .. }) = self.place {
            write!(f, "line {line}")?;
            // Of a key, the line is enough to find it.
            if self.key.is_empty() {
                write!(f, ", column {column}")?;
            }
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", printable(&self.key))?;
        }
        f.write_str(&printable(&self.text))
    }
}

impl Problem {
    /// What has no place in the file; with no key, it is about the file as a whole.
    pub fn nowhere(key: &str, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), place: None, text: text.into() }
    }

    fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// Whether it is about the syntax of a place.
    fn is_syntax(&self) -> bool {
        self.key.is_empty() && self.place.is_some()
    }
}

/// Everything that is wrong, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same without what only follows from the rest.
    pub(super) fn of_causes(mut problems: Vec<Problem>) -> Self {
        problems.dedup();
        // One slip of the pen in a line is often several to the parser.
        problems.dedup_by(|a, b| a.is_syntax() && b.is_syntax() && a.line() == b.line());
        // A syntax error leaves no value of its line as it was meant.
        let syntax = problems.iter().filter(|problem| problem.key.is_empty());
        let broken: Vec<Option<usize>> = syntax.map(Problem::line).collect();
        problems.retain(|problem| problem.key.is_empty() || !broken.contains(&problem.line()));
        Self(problems)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}
