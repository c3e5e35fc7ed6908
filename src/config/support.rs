//! The file as it may be passed on, and what must not be.

use std::path::Path;

use secrecy::zeroize::Zeroizing;
use toml::de::DeTable;

use super::excerpt::{self, PublicValues};
use super::named_secrets;

/// A file for somebody who helps.
#[derive(Debug)]
pub struct Shareable {
    /// Its lines, with their numbers, without comments and without values that may be secrets.
    pub text: String,
    /// The secrets that it names.
    pub secrets: Vec<Zeroizing<String>>,
}

/// Reads the file, whatever is wrong with it. The error says why it cannot be read.
pub fn shareable(path: &Path) -> Result<Shareable, String> {
    let text = Zeroizing::new(super::read_text(path).map_err(|problem| problem.to_string())?);
    let (table, errors) = DeTable::parse_recoverable(&text);
    let table = table.into_inner();
    let public = errors.is_empty().then(|| PublicValues::of(&text, &table));
    let mut lines = String::new();
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if let Some(shown) = excerpt::shown(&text, start, public.as_ref()) {
            lines.push_str(&format!("{number:>4}  {shown}\n"));
        }
        start += line.len();
    }
    Ok(Shareable { text: lines, secrets: named_secrets::of(&table) })
}
