//! Tables.

use crate::config::keys::{Describe, TableSpec, ValueForm};

/// A table with these keys.
#[derive(Debug)]
pub struct Subtable(pub &'static TableSpec);

impl Describe for Subtable {
    fn form(&self) -> ValueForm {
        ValueForm::Table(self.0)
    }
}

/// A table of tables with these keys, whose names the administrator chooses.
#[derive(Debug)]
pub struct Subtables(pub &'static TableSpec);

impl Describe for Subtables {
    fn form(&self) -> ValueForm {
        ValueForm::Tables(self.0)
    }
}
