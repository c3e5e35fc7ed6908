//! How users of an XMPP domain are found and who of them may sign in: keys of `[directory.NAME]`,
//! each of which `[domain."NAME"]` may override.

use super::file::Table;
use super::keys::{AnyKey, Key, users as keys};
use super::value::{Kind, OneOrMore, Or, Plain};
use crate::directory::account::preset::Preset;
use crate::directory::domain::{Lookup, Rules, Search};
use crate::directory::groups::{Group, GroupRule};
use crate::directory::message::filter_template::FilterTemplate;
use crate::directory::names::bind_name::NameTemplate;
use crate::directory::names::dn::Dn;

/// The keys that say how a user is found by a search.
static SEARCH_KEYS: [&AnyKey; 4] =
    [&keys::BASE, &keys::USER_FILTER, &keys::LOGIN_ATTRIBUTES, &keys::OBJECT_CLASS];

/// The keys of a domain's table, which take the place of its directory's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overrides<'a> {
    /// The domain's; `None` to read the directory's keys alone.
    pub(super) domain: Option<&'a Table<'a>>,
    /// The directory's.
    pub(super) directory: &'a Table<'a>,
    /// What stands in for keys that neither has.
    pub(super) preset: Option<Preset>,
    /// Whether the whole forest can be searched, from the base "".
    pub(super) is_catalog: bool,
}

impl<'a> Overrides<'a> {
    /// The table that has the key, or else the directory's.
    fn with(&self, key: &AnyKey) -> &'a Table<'a> {
        self.domain.filter(|domain| domain.has(key)).unwrap_or(self.directory)
    }

    fn has(&self, key: &AnyKey) -> bool {
        self.with(key).has(key)
    }

    fn get<K: Kind>(&self, key: &Key<K>) -> Option<K::Value> {
        self.with(key).get(key)
    }

    fn get_or_default<K: Plain>(&self, key: &Key<Or<K>>) -> K::Value {
        self.with(key).get_or_default(key)
    }

    fn problem(&self, key: &AnyKey, text: impl Into<String>) {
        self.with(key).problem(key, text);
    }

    /// Whether the domain has one of these keys, but not this one.
    fn domain_has_not(&self, key: &AnyKey, but: &[&AnyKey]) -> bool {
        self.domain.is_some_and(|domain| !domain.has(key) && domain.has_any(but))
    }
}

/// Reads the rules. `None` where a user could not be found by what is left of them.
pub(super) fn read(overrides: Overrides<'_>, has_service: bool) -> Option<Rules> {
    let lookup = read_lookup(overrides);
    let sign_in = GroupRule {
        groups: read_groups(overrides, &keys::REQUIRE_GROUP),
        all: overrides.get_or_default(&keys::REQUIRE_GROUP_MATCH),
        method: overrides.get_or_default(&keys::GROUP_METHOD),
        nested: overrides.get_or_default(&keys::NESTED_GROUPS),
        base: overrides.with(&keys::GROUP_BASE).parsed(&keys::GROUP_BASE, dn),
    };
    let exist = if overrides.has(&keys::ISUSER_REQUIRE_GROUP) {
        GroupRule { groups: read_groups(overrides, &keys::ISUSER_REQUIRE_GROUP), ..sign_in.clone() }
    } else {
        sign_in.clone()
    };
    if !has_service && (sign_in.is_needed() || exist.is_needed()) {
        overrides.problem(
            &keys::REQUIRE_GROUP,
            "groups are looked up by a service account: write bind_dn and bind_password_file",
        );
    }
    let account_state = overrides.get(&keys::ACCOUNT_STATE);
    let of_preset = || overrides.preset.map(Preset::account_state).unwrap_or_default().to_vec();
    Some(Rules {
        alias_of: None,
        unescape: overrides.get_or_default(&keys::UNESCAPE_LOCALPART),
        account_state: account_state.unwrap_or_else(of_preset),
        hide_inactive: overrides.get_or_default(&keys::HIDE_INACTIVE),
        sign_in,
        exist,
        // Last, so that the mistakes in everything else are found too.
        lookup: lookup?,
    })
}

/// A DN as it is written.
fn dn(text: &str) -> Result<String, String> {
    Dn::written(text).map(|_| text.to_owned())
}

fn read_groups(overrides: Overrides<'_>, key: &Key<OneOrMore>) -> Vec<Group> {
    overrides.with(key).all_parsed(key, Group::parse)
}

fn read_lookup(overrides: Overrides<'_>) -> Option<Lookup> {
    let table = overrides.with(&keys::USER_DN);
    let name = table.parsed(&keys::USER_DN, NameTemplate::parse);
    // A domain may say how to search where its directory has user_dn.
    if !table.has(&keys::USER_DN) || overrides.domain_has_not(&keys::USER_DN, &SEARCH_KEYS) {
        return read_search(overrides).map(Lookup::Search);
    }
    let searches = table.has_any(&SEARCH_KEYS);
    match name? {
        NameTemplate::Dn(dn) => {
            if searches {
                table.problem(
                    &keys::USER_DN,
                    "write either user_dn, to bind without a search, or base and user_filter",
                );
            }
            Some(Lookup::Dn(dn))
        }
        NameTemplate::Plain(name) if searches => {
            Some(Lookup::Plain(name, Some(read_search(overrides)?)))
        }
        NameTemplate::Plain(name) => Some(Lookup::Plain(name, None)),
    }
}

fn read_search(overrides: Overrides<'_>) -> Option<Search> {
    let bases = overrides.with(&keys::BASE).all_parsed(&keys::BASE, dn);
    let filter = read_filter(overrides);
    let is_controller = overrides.preset.is_some_and(Preset::is_active_directory);
    if bases.iter().any(String::is_empty) && is_controller && !overrides.is_catalog {
        overrides.problem(
            &keys::BASE,
            "only a global catalog (port 3268 or 3269) is searched from \"\"; write the DN below which the users are",
        );
    }
    if bases.is_empty() && !overrides.has(&keys::BASE) {
        overrides.problem(
            &keys::BASE,
            "write the DN below which the users are, such as \"ou=people,dc=example,dc=com\"",
        );
    }
    let follows_aliases = overrides.get_or_default(&keys::DEREFERENCE_ALIASES);
    (!bases.is_empty()).then_some(Search { bases, filter: filter?, follows_aliases })
}

fn read_filter(overrides: Overrides<'_>) -> Option<FilterTemplate> {
    let parts: [&AnyKey; 2] = [&keys::LOGIN_ATTRIBUTES, &keys::OBJECT_CLASS];
    if overrides.has(&keys::USER_FILTER) && !overrides.domain_has_not(&keys::USER_FILTER, &parts) {
        return overrides
            .with(&keys::USER_FILTER)
            .parsed(&keys::USER_FILTER, FilterTemplate::parse);
    }
    let mut attributes = overrides.get(&keys::LOGIN_ATTRIBUTES).unwrap_or_default();
    match overrides.preset {
        Some(preset) if attributes.is_empty() => {
            attributes.push(preset.login_attribute().to_owned());
        }
        None if attributes.is_empty() => {
            overrides.with(&keys::LOGIN_ATTRIBUTES).problem(
                &keys::USER_FILTER,
                "write how a user is found, such as \"(uid={localpart})\", or a preset",
            );
            return None;
        }
        _ => {}
    }
    let object_class = overrides.get(&keys::OBJECT_CLASS);
    let of_preset = || overrides.preset.unwrap_or(Preset::Generic).object_class().to_owned();
    FilterTemplate::of_attributes(&object_class.unwrap_or_else(of_preset), &attributes)
        .map_err(|text| overrides.problem(&keys::LOGIN_ATTRIBUTES, text))
        .ok()
}
