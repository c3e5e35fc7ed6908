//! The entries: finding, filtering and selecting (RFC 4511, section 4.5), and their passwords.

use anyhow::{Context, Result};
use ldap3_proto::proto::{LdapFilter, LdapSubstringFilter};
use ldap3_proto::{LdapPartialAttribute, LdapSearchResultEntry, LdapSearchScope};

use super::name::Name;
use crate::ldif;

/// Every entry, in the order in which they were given.
#[derive(Debug)]
pub(super) struct Tree {
    entries: Vec<Entry>,
}

/// One entry. Its passwords are no attributes, so that no search can return or match one.
#[derive(Debug)]
pub(super) struct Entry {
    name: Name,
    dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
    passwords: Vec<Vec<u8>>,
}

impl Tree {
    /// The entries of LDIF.
    pub(super) fn new(entries: Vec<ldif::Entry>) -> Result<Self> {
        let entries = entries.into_iter().map(Entry::new).collect::<Result<_>>()?;
        Ok(Self { entries })
    }

    /// The entry of that name.
    pub(super) fn get(&self, name: &Name) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == *name)
    }

    /// The entry of that name, to be changed.
    pub(super) fn get_mut(&mut self, name: &Name) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.name == *name)
    }

    /// The names of the entries that are below no other: the naming contexts.
    pub(super) fn contexts(&self) -> impl Iterator<Item = &str> {
        let is_below = |entry: &Entry, other: &Entry| {
            entry.name.depth_below(&other.name).is_some_and(|depth| depth > 0)
        };
        self.entries
            .iter()
            .filter(move |entry| !self.entries.iter().any(|other| is_below(entry, other)))
            .map(|entry| entry.dn.as_str())
    }

    /// The entries within a scope that match.
    pub(super) fn search(
        &self,
        base: &Name,
        scope: &LdapSearchScope,
        filter: &LdapFilter,
    ) -> impl Iterator<Item = &Entry> {
        let in_scope = move |entry: &Entry| {
            let depth = entry.name.depth_below(base);
            match scope {
                LdapSearchScope::Base => depth == Some(0),
                LdapSearchScope::OneLevel => depth == Some(1),
                LdapSearchScope::Subtree => depth.is_some(),
                LdapSearchScope::Children => depth.is_some_and(|depth| depth > 0),
            }
        };
        self.entries.iter().filter(move |entry| in_scope(entry) && entry.matches(filter))
    }
}

impl Entry {
    fn new(entry: ldif::Entry) -> Result<Self> {
        let name =
            Name::parse(&entry.dn).with_context(|| format!("{:?} is not a name", entry.dn))?;
        let mut new = Self { name, dn: entry.dn, attributes: Vec::new(), passwords: Vec::new() };
        for (attribute, value) in entry.attributes {
            if attribute.eq_ignore_ascii_case("userPassword") {
                new.passwords.push(value);
            } else {
                new.add(&attribute, value);
            }
        }
        Ok(new)
    }

    /// The root DSE (RFC 4512, section 5.1): an entry without a name that describes the server.
    pub(super) fn root_dse<'a>(attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut new = Self {
            name: Name::root(),
            dn: String::new(),
            attributes: Vec::new(),
            passwords: Vec::new(),
        };
        for (attribute, value) in attributes {
            new.add(attribute, value.as_bytes().to_vec());
        }
        new
    }

    fn add(&mut self, attribute: &str, value: Vec<u8>) {
        match self.attributes.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(attribute)) {
            Some((_, values)) => values.push(value),
            None => self.attributes.push((attribute.to_owned(), vec![value])),
        }
    }

    /// Its distinguished name, as it was written.
    pub(super) fn dn(&self) -> &str {
        &self.dn
    }

    /// Whether this is its password.
    pub(super) fn has_password(&self, password: &str) -> bool {
        self.passwords.iter().any(|known| known == password.as_bytes())
    }

    /// Replaces its passwords.
    pub(super) fn set_password(&mut self, password: String) {
        self.passwords = vec![password.into_bytes()];
    }

    /// Whether the filter is true for it; undefined is not.
    pub(super) fn matches(&self, filter: &LdapFilter) -> bool {
        self.evaluate(filter) == Some(true)
    }

    /// True, false or, for what is not implemented, undefined (RFC 4511, section 4.5.1.7).
    fn evaluate(&self, filter: &LdapFilter) -> Option<bool> {
        let any = |filters: &[LdapFilter], wanted: bool| {
            let mut results = filters.iter().map(|filter| self.evaluate(filter));
            let mut undefined = false;
            let found = results.any(|result| {
                undefined |= result.is_none();
                result == Some(wanted)
            });
            if undefined && !found { None } else { Some(found) }
        };
        match filter {
            LdapFilter::And(filters) => any(filters, false).map(|found| !found),
            LdapFilter::Or(filters) => any(filters, true),
            LdapFilter::Not(filter) => self.evaluate(filter).map(|result| !result),
            LdapFilter::Equality(attribute, wanted) => {
                let wanted = wanted.to_lowercase();
                Some(self.texts(attribute).any(|value| value == wanted))
            }
            LdapFilter::Present(attribute) => Some(self.values(attribute).next().is_some()),
            LdapFilter::Substring(attribute, pieces) => {
                Some(self.texts(attribute).any(|value| contains(&value, pieces)))
            }
            LdapFilter::GreaterOrEqual(..)
            | LdapFilter::LessOrEqual(..)
            | LdapFilter::Approx(..)
            | LdapFilter::Extensible(_) => None,
        }
    }

    fn values(&self, attribute: &str) -> impl Iterator<Item = &Vec<u8>> {
        self.attributes
            .iter()
            .filter(move |(name, _)| name.eq_ignore_ascii_case(attribute))
            .flat_map(|(_, values)| values)
    }

    /// Values in lower case: every attribute is taken for one that ignores case.
    fn texts(&self, attribute: &str) -> impl Iterator<Item = String> {
        self.values(attribute).map(|value| String::from_utf8_lossy(value).to_lowercase())
    }

    /// What a search returns of it, for this list of attributes (RFC 4511, section 4.5.1.8).
    pub(super) fn select(&self, wanted: &[String], types_only: bool) -> LdapSearchResultEntry {
        let all = wanted.is_empty() || wanted.iter().any(|name| name == "*");
        let attributes = self
            .attributes
            .iter()
            .filter(|(name, _)| all || wanted.iter().any(|want| want.eq_ignore_ascii_case(name)))
            .map(|(name, values)| LdapPartialAttribute {
                atype: name.clone(),
                vals: if types_only { Vec::new() } else { values.clone() },
            })
            .collect();
        LdapSearchResultEntry { dn: self.dn.clone(), attributes }
    }
}

fn contains(value: &str, pieces: &LdapSubstringFilter) -> bool {
    let lower = |piece: &Option<String>| piece.as_deref().unwrap_or_default().to_lowercase();
    let middle = value.strip_prefix(&lower(&pieces.initial));
    let Some(mut rest) = middle.and_then(|rest| rest.strip_suffix(&lower(&pieces.final_))) else {
        return false;
    };
    for piece in &pieces.any {
        let Some((_, after)) = rest.split_once(&piece.to_lowercase()) else { return false };
        rest = after;
    }
    true
}
