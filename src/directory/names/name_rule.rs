//! By which attributes an entry bears the name of an account.
//!
//! Directories compare names more loosely than XMPP servers: without accents, with spaces that do not
//! count. What a search finds is therefore compared once more, so that no entry answers for two JIDs.

use unicode_normalization::UnicodeNormalization;

use crate::directory::names::placeholder::ValueTemplate;
use crate::jid::{Account, nodeprep};

/// An attribute that must have a certain value, by which an entry is the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAssertion {
    /// The attribute description (RFC 4512, section 2.5).
    pub attribute: String,
    value: ValueTemplate,
}

impl NameAssertion {
    /// The assertion; `None` if its value is the same for all users of a domain.
    pub fn new(attribute: &str, value: &ValueTemplate) -> Option<Self> {
        let assertion = Self { attribute: attribute.to_owned(), value: value.clone() };
        value.names_the_user().then_some(assertion)
    }

    /// The value that the attribute of an account's entry has, in the spelling of the request.
    pub fn value(&self, account: &Account) -> Vec<u8> {
        let mut value = Vec::new();
        self.value.fill(account, |piece| value.extend_from_slice(piece));
        value
    }
}

/// By which attributes an entry bears a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// By this one.
    One(NameAssertion),
    /// By all of these.
    All(Vec<Self>),
    /// By any of these.
    Any(Vec<Self>),
}

impl NameRule {
    /// All of these; `None` of none.
    pub fn all(rules: impl IntoIterator<Item = Self>) -> Option<Self> {
        Some(Self::All(rules.into_iter().collect())).filter(|rule| !rule.assertions().is_empty())
    }

    /// Any of these; `None` of none.
    pub fn any(rules: impl IntoIterator<Item = Self>) -> Option<Self> {
        Some(Self::Any(rules.into_iter().collect())).filter(|rule| !rule.assertions().is_empty())
    }

    /// The assertions that it is made of.
    pub fn assertions(&self) -> Vec<&NameAssertion> {
        match self {
            Self::One(assertion) => vec![assertion],
            Self::All(rules) | Self::Any(rules) => {
                rules.iter().flat_map(Self::assertions).collect()
            }
        }
    }

    /// Whether an entry bears the account's name: a value of the attribute, prepared as an XMPP server
    /// prepares names, is the value that is asked for. `values` are those of an attribute.
    pub fn is_borne<'a>(&self, account: &Account, values: &impl Fn(&str) -> Vec<&'a [u8]>) -> bool {
        match self {
            Self::One(assertion) => {
                let wanted = assertion.value(account);
                let wanted = nodeprep(&String::from_utf8_lossy(&wanted));
                let mut values = values(&assertion.attribute).into_iter();
                values.any(|value| spelled(value).as_ref() == Some(&wanted))
            }
            Self::All(rules) => rules.iter().all(|rule| rule.is_borne(account, values)),
            Self::Any(rules) => rules.iter().any(|rule| rule.is_borne(account, values)),
        }
    }
}

/// A value as an XMPP server would spell it. No name begins or ends with a space (XEP-0106).
fn spelled(value: &[u8]) -> Option<String> {
    Some(nodeprep(std::str::from_utf8(value).ok()?.trim_matches(' ')))
}

/// Whether a server that nobody asks whose entry it found can take this name for no other one: it has
/// no spaces that do not count (RFC 4518, section 2.6), and no character that compares like another
/// and that nodeprep is too old to know.
pub(super) fn is_plain(account: &Account) -> bool {
    let name = account.localpart();
    // Nodeprep knows all of ASCII.
    let is_known = || name.is_ascii() || name.to_lowercase().nfkc().eq(name.chars());
    name.bytes().all(|byte| byte.is_ascii_graphic())
        || is_known() && name.split(' ').all(|word| !word.is_empty())
}
