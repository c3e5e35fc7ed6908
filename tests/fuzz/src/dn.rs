//! Names to bind with: whatever the account is called, a DN keeps its parts, and a plain name its
//! separators.

use xmpp_ldap_auth::directory::names::bind_name::NameTemplate;
use xmpp_ldap_auth::directory::names::dn::Dn;
use xmpp_ldap_auth::jid::Account;

use crate::first_line;
use crate::template::{account, values};

const HOLES: [&str; 4] = ["{localpart}", "{domain}", "{jid}", "{address}"];

/// The input is a name template, a localpart and a domainpart, each in a line.
pub fn check(input: &[u8]) {
    let Some((source, rest)) = first_line(input) else { return };
    let Some(account) = account(rest) else { return };
    for account in [account.unescaped(), Some(account)].into_iter().flatten() {
        check_name("uid={localpart},ou=people,dc=example,dc=com", &account);
        check_name(source, &account);
    }
}

fn check_name(source: &str, account: &Account) {
    let Ok(template) = NameTemplate::parse(source) else { return };
    let filled = template.fill(account);
    match template {
        NameTemplate::Dn(template) => {
            assert_eq!(template.to_string(), source);
            let Some(filled) = filled else {
                // A directory may take these for another spelling of a name.
                let is_plain = |value: &String| value.bytes().all(|byte| byte.is_ascii_graphic());
                assert!(!values(account).iter().all(is_plain), "a DN can hold any plain name");
                return;
            };
            // No character is special as the two digits of each of its bytes.
            let plain = Dn::parse(&with_values(source, account, |value| {
                value.bytes().map(|byte| format!("\\{byte:02x}")).collect()
            }));
            assert!(plain.is_some(), "{filled}");
            assert_eq!(Dn::parse(&filled), plain, "{filled}");
            let depth = Dn::parse(&with_values(source, account, |_| "x".to_owned()));
            assert_eq!(plain.map(|dn| dn.depth()), depth.map(|dn| dn.depth()), "{filled}");
        }
        NameTemplate::Plain(template) => {
            assert_eq!(template.to_string(), source);
            let Some(filled) = filled else { return };
            assert_eq!(filled, with_values(source, account, str::to_owned));
            let is_address = source == "{address}" && account.localpart().contains('@');
            let own = account.localpart().matches(['@', '\\', '/']).count();
            assert!(own == 0 || is_address, "{filled}");
        }
    }
}

fn with_values(source: &str, account: &Account, escape: impl Fn(&str) -> String) -> String {
    let values = values(account);
    let mut filled = String::new();
    let mut rest = source;
    while let Some((text, behind)) = rest.split_once('{') {
        filled.push_str(text);
        let hole =
            HOLES.iter().position(|hole| hole[1..].strip_suffix('}') == behind.split('}').next());
        filled.push_str(&escape(&values[hole.expect("a template has no other holes")]));
        rest = behind.split_once('}').map_or("", |(_, rest)| rest);
    }
    filled + rest
}
