//! What the configuration says about the users of one XMPP domain.

use std::time::SystemTime;

use super::lookup::Lookup;
use crate::directory::account::state::{StateFault, StateSchema};
use crate::directory::groups::GroupRule;
use crate::directory::message::entry::Entry;
use crate::jid::Account;
use crate::verdict::Denial;

/// What the configuration says about the users of one XMPP domain.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The domain that stands in for this one in templates, if this is an alias.
    pub alias_of: Option<String>,
    /// Whether the escapes of XEP-0106 are decoded.
    pub unescape: bool,
    /// How a user is named in the directory.
    pub lookup: Lookup,
    /// In which attributes the state of an account stands.
    pub account_state: Vec<StateSchema>,
    /// Whether an account that cannot sign in is hidden from `isuser`.
    pub hide_inactive: bool,
    /// Who may sign in, and have a password set.
    pub sign_in: GroupRule,
    /// Who exists.
    pub exist: GroupRule,
}

impl Rules {
    /// The account as the directory is asked about it.
    pub(in crate::directory) fn named(&self, account: &Account) -> Result<Account, Denial> {
        let account = match &self.alias_of {
            Some(domain) => account.at(domain),
            None => account.clone(),
        };
        if !self.unescape {
            return Ok(account);
        }
        account.unescaped().ok_or(Denial::UnknownUser)
    }

    /// What keeps an account from signing in, as far as its attributes tell.
    pub(in crate::directory) fn faults(&self, entry: &Entry) -> Vec<StateFault> {
        let now = SystemTime::now();
        self.account_state.iter().flat_map(|schema| schema.faults(entry, now)).collect()
    }

    /// What of that the directory does not see to when the user binds.
    pub(super) fn unenforced_fault(&self, entry: &Entry) -> Option<StateFault> {
        let now = SystemTime::now();
        self.unenforced().find_map(|schema| schema.faults(entry, now).into_iter().next())
    }

    /// The attributes from which [`unenforced_fault`](Self::unenforced_fault) judges.
    pub(super) fn unenforced_attributes(&self) -> impl Iterator<Item = &'static str> {
        self.unenforced().flat_map(|schema| schema.attributes()).copied()
    }

    /// What denies an account whatever its password is, where the directory would use the password up
    /// to say so.
    pub(super) fn temporary_fault(&self, entry: &Entry) -> Option<StateFault> {
        self.account_state.iter().find_map(|schema| schema.temporary_fault(entry))
    }

    /// The attributes from which [`temporary_fault`](Self::temporary_fault) judges.
    pub(super) fn temporary_attributes(&self) -> impl Iterator<Item = &'static str> {
        self.account_state.iter().filter_map(|schema| schema.temporary_attribute())
    }

    fn unenforced(&self) -> impl Iterator<Item = &StateSchema> {
        self.account_state.iter().filter(|schema| !schema.is_enforced_by_bind())
    }

    /// The attributes from which [`faults`](Self::faults) and a group rule judge.
    pub(in crate::directory) fn attributes(&self, rule: &GroupRule) -> Vec<&'static str> {
        let states = self.account_state.iter().flat_map(|schema| schema.attributes());
        states.chain(rule.attributes()).copied().collect()
    }
}
