//! Guesses at one account by many spellings of its name, which all count as guesses at that account.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use xmpp_ldap_auth::answer::Answer;
use xmpp_ldap_auth::authenticator::{Authenticator, ServedDomains};
use xmpp_ldap_auth::policy::Policies;
use xmpp_ldap_auth::policy::guard::{Budget, GuardSettings};
use xmpp_ldap_auth::request::Request;

use super::*;

const FAILURES: u32 = 3;

/// Each is another account to an XMPP server, and may be one to a directory.
const SPELLINGS: [&str; 8] = [
    "jo.doe",
    "jodoe",
    "j\u{f6}.doe",
    "jo\u{308}.doe",
    "jo.do\u{307}\u{e8}",
    "jo-doe",
    "jo\\20doe",
    "\u{ff4a}o_doe",
];

fn guarded(domain: Domain) -> Authenticator<Domain> {
    let account = Budget { failures: FAILURES, within: Duration::from_secs(3600) };
    let (remember_wrong, accounts) = (account.within, NonZeroUsize::new(100).unwrap());
    let guard = GuardSettings { account, domain: account, remember_wrong, accounts };
    let policies = Arc::new(Policies::new(Some(guard), None).unwrap());
    Authenticator::new(ServedDomains {
        domains: HashMap::from([("h".to_owned(), domain)]),
        policies,
    })
}

#[tokio::test]
async fn spellings_of_a_name_share_a_budget() {
    for user_dn in
        ["uid={localpart},ou=people,dc=x", "{localpart}@corp.example", "CORP\\\\{localpart}"]
    {
        let (server, port) = Server::start(|_| (0, Vec::new())).await;
        let domain = without_service(port, &format!("user_dn = \"{user_dn}\""));
        let authenticator = guarded(domain);
        for guess in 0..4 {
            for name in SPELLINGS {
                let Some(account) = Account::new(name, "h") else { continue };
                let password = format!("{name} {guess}").into();
                let request = Request::Auth { account: account.into(), password };
                let verdict = authenticator.answer(&request, deadline()).await.verdict;
                assert_ne!(verdict, Verdict::Granted, "{user_dn} {name}");
            }
        }
        let bound = server.bound();
        assert_eq!(bound.len(), usize::try_from(FAILURES).unwrap(), "{user_dn}: {bound:?}");
    }
}
