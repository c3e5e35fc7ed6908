//! A group that the configuration names.

use std::fmt;

use crate::directory::names::dn::Dn;

/// A group, by its DN as written and in comparable form.
#[derive(Clone, Debug)]
pub struct Group {
    name: String,
    dn: Dn,
}

impl Group {
    /// Reads a DN; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        let dn = Dn::parse(source).filter(|dn| dn.depth() > 0).ok_or(
            "it is no DN; write the group's, such as \"cn=chat,ou=groups,dc=example,dc=com\"",
        )?;
        Ok(Self { name: source.to_owned(), dn })
    }

    /// Its DN as written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its DN in comparable form.
    pub(super) fn dn(&self) -> &Dn {
        &self.dn
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
