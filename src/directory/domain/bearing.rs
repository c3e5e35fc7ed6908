//! Whether an entry that was found bears the name that was asked for.

use super::located::Located;
use crate::directory::names::name_rule::NameRule;
use crate::jid::Account;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// The attribute that an alias has, and no other entry.
const ALIAS: &str = "aliasedObjectName";

/// Whether an entry that was found bears the name that was asked for.
pub(super) struct Bearing<'a> {
    rule: &'a NameRule,
    account: &'a Account,
    /// What is read of entries.
    pub(super) attributes: Vec<&'a str>,
}

impl<'a> Bearing<'a> {
    /// Read from these attributes and those that hold the name.
    pub(super) fn new(
        rule: &'a NameRule,
        account: &'a Account,
        attributes: &[&'a str],
        has_aliases: bool,
    ) -> Self {
        let names = rule.assertions().into_iter().map(|name| name.attribute.as_str());
        let mut attributes: Vec<&str> = attributes.iter().copied().chain(names).collect();
        attributes.extend(has_aliases.then_some(ALIAS));
        attributes.sort_unstable();
        attributes.dedup();
        Self { rule, account, attributes }
    }

    pub(super) fn judge(&self, located: &Located) -> Result<(), Outcome> {
        let entry = &located.entry;
        // Of blanks and NUL alone, servers make the empty one.
        if !entry.dn.contains(char::is_alphanumeric) {
            let outcome = Outcome::from(Outage::UnreadableEntry).from_server(&located.server);
            return Err(outcome
                .with_detail("an entry without a DN was found, or with one that is not UTF-8"));
        }
        if let Some(target) = entry.text(ALIAS) {
            let text = format!("{} is an alias of {target}, and nobody's entry", entry.dn);
            let outcome = Outcome::from(Denial::UnknownUser).from_server(&located.server);
            return Err(outcome.with_detail(&text));
        }
        let values = |name: &str| entry.values_of_any_name(name, &self.attributes);
        if self.rule.is_borne(self.account, &values) {
            return Ok(());
        }
        let names = self.rule.assertions().into_iter().map(|name| name.attribute.as_str());
        let names: Vec<&str> = names.collect();
        let is_unread = names.iter().all(|name| values(name).is_empty());
        let names = names.join(" and ");
        let (verdict, text) = if is_unread {
            let text = format!("the service account may not read {names} of {}", entry.dn);
            (Verdict::Unavailable(Outage::Misconfigured), text)
        } else {
            let text = format!("{} was found, but its {names} is not that name", entry.dn);
            (Verdict::Denied(Denial::UnknownUser), text)
        };
        Err(Outcome::from(verdict).from_server(&located.server).with_detail(&text))
    }
}
