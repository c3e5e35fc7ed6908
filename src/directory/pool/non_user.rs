//! Whether whoever was bound on a domain controller is a user, where only the name says who that was:
//! computers, managed service accounts and trusts can have a user principal name, and a DN, as users have
//! them.

use std::time::Duration;

use crate::directory::message::{Filter, Query, Scope};
use crate::directory::names::dn::Dn;
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;

/// What passes is an account, and no normal one (MS-ADTS, section 2.2.13). What may not be read does not.
const NO_NORMAL_ACCOUNT: &str = "(&(sAMAccountType=*)(!(sAMAccountType=805306368)))";

/// What finds the entry of whoever binds by a name, if that is no user's.
#[derive(Clone, Debug)]
pub(in crate::directory) struct NonUser {
    /// Its DN, where that is the name.
    dn: Option<String>,
    filter: Filter,
}

impl NonUser {
    /// For a name that nobody has read. A down-level logon name says itself whose it is: those of others
    /// end in `$`.
    pub(in crate::directory) fn by_name(name: &str) -> Option<Self> {
        let filter = Filter::parse(NO_NORMAL_ACCOUNT)?;
        if Dn::parse(name).is_some() {
            return Some(Self { dn: Some(name.to_owned()), filter });
        }
        let principal = Filter::equality("userPrincipalName", name.as_bytes());
        let filter = Filter::and([&principal, &filter]);
        (!name.contains('\\')).then_some(Self { dn: None, filter })
    }

    /// The DN of who is bound on a session, if that is found to be no user. What the user may not read says
    /// nothing.
    pub(super) async fn found_on(
        &self,
        session: &Session,
        within: Duration,
    ) -> Result<Option<String>, SessionError> {
        let root_dse;
        let (base, scope) = match &self.dn {
            Some(dn) => (dn.as_str(), Scope::Base),
            None => {
                root_dse = session.root_dse(within).await?.ok();
                let root_dse = root_dse.as_ref();
                let base = root_dse.and_then(|root_dse| root_dse.text("defaultNamingContext"));
                (base.unwrap_or_default(), Scope::Subtree)
            }
        };
        let query = Query { scope, filter: &self.filter, ..Query::entry(base, &[]) };
        let found = session.search(&query, within).await?;
        Ok(found.entries.into_iter().next().map(|entry| entry.dn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_whose_they_are_need_no_question() {
        let filter = |name| NonUser::by_name(name).map(|found| found.filter.to_string());
        assert_eq!(filter("CORP\\a"), None);
        assert_eq!(filter("CN=a,DC=x").as_deref(), Some(NO_NORMAL_ACCOUNT));
        let principal = format!("(&(userPrincipalName=a@x){NO_NORMAL_ACCOUNT})");
        assert_eq!(filter("a@x"), Some(principal));
    }
}
