//! Filter templates: whatever the account is called, the filter stays what it is, and the values in
//! it are the account's.

use ldap3::asn1::{ASNTag, PL, StructureTag, parse_tag};
use xmpp_ldap_auth::directory::message::filter_template::FilterTemplate;
use xmpp_ldap_auth::jid::Account;

use crate::first_line;

/// What stands for each hole, in which no character needs escaping.
const MARKS: [(&str, &str); 4] = [
    ("{localpart}", "zqlocalpartqz"),
    ("{domain}", "zqdomainqz"),
    ("{jid}", "zqjidqz"),
    ("{address}", "zqaddressqz"),
];

/// The account of an input: its localpart in one line, its domainpart in the next.
pub fn account(input: &[u8]) -> Option<Account> {
    let (localpart, rest) = first_line(input)?;
    Account::new(localpart, first_line(rest)?.0)
}

/// What fills the holes, in the order of [`MARKS`].
pub fn values(account: &Account) -> [String; 4] {
    let [localpart, domain] = [account.localpart(), account.domainpart()].map(str::to_owned);
    let jid = format!("{localpart}@{domain}");
    let address = if localpart.contains('@') { localpart.clone() } else { jid.clone() };
    [localpart, domain, jid, address]
}

/// The input is a filter template, a localpart and a domainpart, each in a line.
pub fn check(input: &[u8]) {
    let Some((source, rest)) = first_line(input) else { return };
    let Some(account) = account(rest) else { return };
    for account in [account.unescaped(), Some(account)].into_iter().flatten() {
        check_filter("(uid={localpart})", &account);
        check_filter(source, &account);
    }
}

fn check_filter(source: &str, account: &Account) {
    let Ok(template) = FilterTemplate::parse(source) else { return };
    assert_eq!(template.to_string(), source);
    // A mark could come about elsewhere.
    if [source, account.localpart(), account.domainpart()]
        .iter()
        .any(|text| text.contains("zq") || text.contains("qz"))
    {
        return;
    }
    let marked =
        MARKS.iter().fold(source.to_owned(), |text, (hole, mark)| text.replace(hole, mark));
    let mut expected = parsed(&marked).expect("a template that was read is a filter");
    let filled = template.fill(account);
    fill(&mut expected, &values(account));
    let (rest, sent) = parse_tag(filled.as_bytes()).expect("a filter is an element");
    assert!(rest.is_empty());
    assert_eq!(sent, expected, "{filled}");
    assert_eq!(parsed(&filled.to_string()), Some(expected), "{filled}");
    assert!(parsed(&template.for_anyone().to_string()).is_some());
}

/// A filter as it goes to the server.
fn parsed(filter: &str) -> Option<StructureTag> {
    ldap3::parse_filter(filter).ok().map(ASNTag::into_structure)
}

/// Replaces the marks by values.
fn fill(element: &mut StructureTag, values: &[String; 4]) {
    match &mut element.payload {
        PL::C(children) => children.iter_mut().for_each(|child| fill(child, values)),
        PL::P(bytes) => {
            for ((_, mark), value) in MARKS.iter().zip(values) {
                *bytes = replaced(bytes, mark.as_bytes(), value.as_bytes());
            }
        }
    }
}

fn replaced(mut rest: &[u8], mark: &[u8], value: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(value);
        rest = &rest[at + mark.len()..];
    }
    result.extend_from_slice(rest);
    result
}
