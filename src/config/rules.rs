//! How users of an XMPP domain are found and who of them may sign in: keys of `[directory.NAME]`,
//! each of which `[domain."NAME"]` may override.

use super::effective::Origin;
use super::keys::{AnyKey, Key, users as keys};
use super::table::Table;
use super::value::{OneOrMore, Or, ValueKind};
use crate::directory::account::preset::Preset;
use crate::directory::account::state::StateSchema;
use crate::directory::domain::{DnLookup, Lookup, Rules, UserSearch};
use crate::directory::groups::{Group, GroupMethod, GroupRule};
use crate::directory::message::Filter;
use crate::directory::message::filter::ANY_ENTRY;
use crate::directory::message::filter_template::FilterTemplate;
use crate::directory::names::bind_name::NameTemplate;
use crate::directory::names::dn::Dn;

/// The keys that say how a user is found by a search.
static SEARCH_KEYS: [&AnyKey; 4] =
    [&keys::BASE, &keys::USER_FILTER, &keys::LOGIN_ATTRIBUTES, &keys::OBJECT_CLASS];

/// What is wrong with anything that needs an entry beside a user_dn that is no DN.
pub(super) const ALONE: &str = "user_dn is no DN, and nothing says whose entry such a name is of: it stands alone, without base, groups, isuser and setpass; leave out user_dn and let base and login_attributes find the user, or write a DN";

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

    fn has_aliases(&self) -> bool {
        self.preset.is_none_or(Preset::has_aliases)
    }

    fn has(&self, key: &AnyKey) -> bool {
        self.with(key).has(key)
    }

    fn get<K: ValueKind>(&self, key: &Key<K>) -> Option<K::Parsed> {
        self.with(key).get(key)
    }

    fn get_or_default<K: ValueKind<Parsed: Copy>>(&self, key: &Key<Or<K>>) -> K::Parsed {
        self.with(key).get_or_default(key)
    }

    fn stand_in<K: ValueKind>(&self, key: &Key<K>, value: K::Parsed, origin: Origin) -> K::Parsed {
        self.directory.stand_in(key, value, origin)
    }

    /// What the preset lets stand in, or else the same for every product.
    fn of_preset<K: ValueKind>(
        &self,
        key: &Key<K>,
        value: impl FnOnce(Preset) -> K::Parsed,
        otherwise: K::Parsed,
    ) -> K::Parsed {
        match self.preset {
            Some(preset) => self.stand_in(key, value(preset), Origin::Preset),
            None => self.stand_in(key, otherwise, Origin::Default),
        }
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
        preset: overrides.preset,
    };
    check_nesting(overrides, &sign_in);
    let exist = match overrides.get(&keys::ISUSER_REQUIRE_GROUP) {
        Some(_) => GroupRule {
            groups: read_groups(overrides, &keys::ISUSER_REQUIRE_GROUP),
            ..sign_in.clone()
        },
        None => sign_in.clone(),
    };
    let is_plain = matches!(lookup, Some(Lookup::Plain(_)));
    let needs_group =
        if sign_in.is_needed() { &keys::REQUIRE_GROUP } else { &keys::ISUSER_REQUIRE_GROUP };
    if sign_in.is_needed() || exist.is_needed() {
        if !has_service {
            overrides.problem(
                needs_group,
                "groups are looked up by a service account: write bind_dn and bind_password_file",
            );
        } else if is_plain {
            overrides.problem(needs_group, ALONE);
        }
    }
    let hide_inactive = overrides.get_or_default(&keys::HIDE_INACTIVE);
    if hide_inactive && is_plain {
        overrides.problem(&keys::HIDE_INACTIVE, ALONE);
    }
    let account_state = read_account_state(overrides, has_service && !is_plain);
    Some(Rules {
        alias_of: None,
        unescape: overrides.get_or_default(&keys::UNESCAPE_LOCALPART),
        account_state,
        hide_inactive,
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

/// Groups within groups count, or they do not, by every method; a method that cannot keep to that is
/// refused.
fn check_nesting(overrides: Overrides<'_>, rule: &GroupRule) {
    if rule.nested {
        return;
    }
    let is_direct = overrides.preset.is_some_and(Preset::member_of_is_direct);
    if rule.method.is_always_nested() {
        overrides.problem(
            &keys::NESTED_GROUPS,
            format!(
                "{} finds groups within groups in any case; write group_method = \"auto\"",
                rule.method.name()
            ),
        );
    } else if rule.method == GroupMethod::MemberOf && !is_direct {
        overrides.problem(
            &keys::NESTED_GROUPS,
            "memberOf holds groups within groups on some servers; write group_method = \"auto\", or the preset of one that does not do so",
        );
    }
}

/// What is read of the state of accounts, where entries are read.
fn read_account_state(overrides: Overrides<'_>, reads_entries: bool) -> Vec<StateSchema> {
    let written = overrides.get(&keys::ACCOUNT_STATE);
    let of_preset = || overrides.preset.map(Preset::account_state).unwrap_or_default().to_vec();
    if reads_entries {
        return written.unwrap_or_else(|| {
            let states = |preset: Preset| preset.account_state().to_vec();
            overrides.of_preset(&keys::ACCOUNT_STATE, states, Vec::new())
        });
    }
    let is_enforced = |state: &StateSchema| state.is_enforced_by_bind();
    match written {
        Some(states) if !states.iter().all(is_enforced) => overrides.problem(
            &keys::ACCOUNT_STATE,
            "nobody reads it: write bind_dn and bind_password_file, and user_dn as a DN if there is one",
        ),
        None if !of_preset().iter().all(is_enforced) => overrides.directory.remark_on_table(
            "nobody reads the state of accounts that the directory does not see to itself, such as shadowExpire: that needs bind_dn, and user_dn as a DN",
        ),
        _ => {}
    }
    overrides.stand_in(&keys::ACCOUNT_STATE, Vec::new(), Origin::Default)
}

fn read_groups(overrides: Overrides<'_>, key: &Key<OneOrMore>) -> Vec<Group> {
    if !overrides.has(key) {
        overrides.stand_in(key, Vec::new(), Origin::Default);
    }
    let groups = overrides.with(key).all_parsed(key, Group::parse);
    let mut names = groups.iter().map(Group::name);
    let is_container = |name| Dn::parse(name).is_some_and(|dn| dn.is_of_container());
    // GLAuth names its groups so.
    if overrides.preset != Some(Preset::Glauth) && names.any(is_container) {
        let text = "this names a unit and no group, so that it has no members; to take the users of a unit alone, write it as base";
        overrides.with(key).remark(key, text);
    }
    groups
}

fn read_lookup(overrides: Overrides<'_>) -> Option<Lookup> {
    let table = overrides.with(&keys::USER_DN);
    let name = table.parsed(&keys::USER_DN, NameTemplate::parse);
    // A domain may say how to search where its directory has user_dn.
    if !table.has(&keys::USER_DN) || overrides.domain_has_not(&keys::USER_DN, &SEARCH_KEYS) {
        table.forget(&keys::USER_DN);
        return read_search(overrides).map(Lookup::Search);
    }
    let searches = table.has_any(&SEARCH_KEYS);
    match name? {
        NameTemplate::Dn(template) => {
            if searches {
                table.problem(
                    &keys::USER_DN,
                    "write either user_dn, to bind without a search, or base and user_filter",
                );
            }
            Some(Lookup::Dn(DnLookup {
                template,
                filter: read_user_filter(overrides),
                has_aliases: overrides.has_aliases(),
            }))
        }
        NameTemplate::Plain(name) => {
            if searches {
                table.problem(&keys::USER_DN, ALONE);
            }
            if overrides.preset.is_some_and(Preset::binds_dns_alone) {
                table.problem(
                    &keys::USER_DN,
                    "this directory takes a DN in a bind, and no other name: write for example uid={localpart},ou=people,dc=example,dc=com",
                );
            }
            Some(Lookup::Plain(name))
        }
    }
}

/// What the entries of users pass in any case.
fn read_user_filter(overrides: Overrides<'_>) -> Filter {
    let filter = overrides.preset.and_then(Preset::user_filter);
    filter.and_then(|text| Filter::parse(&format!("(&{text})"))).unwrap_or(ANY_ENTRY.clone())
}

fn read_search(overrides: Overrides<'_>) -> Option<UserSearch> {
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
    let has_aliases = overrides.has_aliases();
    (!bases.is_empty()).then_some(UserSearch {
        bases,
        filter: filter?,
        has_aliases,
        follows_aliases,
    })
}

fn read_filter(overrides: Overrides<'_>) -> Option<FilterTemplate> {
    let parts: [&AnyKey; 2] = [&keys::LOGIN_ATTRIBUTES, &keys::OBJECT_CLASS];
    let among_users = |text: &str| match overrides.preset.and_then(Preset::user_filter) {
        Some(users) => FilterTemplate::parse(text)
            .and_then(|_| FilterTemplate::parse(&format!("(&{users}{text})"))),
        None => FilterTemplate::parse(text),
    };
    let is_written =
        overrides.has(&keys::USER_FILTER) && !overrides.domain_has_not(&keys::USER_FILTER, &parts);
    let (filter, origin) = if is_written {
        let filter = overrides.with(&keys::USER_FILTER).parsed(&keys::USER_FILTER, among_users);
        (filter?, Origin::File)
    } else {
        let (key, made) = make_filter(overrides)?;
        let filter = made.and_then(|text| among_users(&text));
        let origin = if overrides.preset.is_some() { Origin::Preset } else { Origin::Default };
        (filter.map_err(|text| overrides.problem(key, text)).ok()?, origin)
    };
    overrides.stand_in(&keys::USER_FILTER, filter.to_string(), origin);
    Some(filter)
}

/// A filter of object class and login attributes, and the key to blame if it is none.
fn make_filter(overrides: Overrides<'_>) -> Option<(&'static AnyKey, Result<String, String>)> {
    let class = overrides.get(&keys::OBJECT_CLASS).unwrap_or_else(|| {
        let class = |preset: Preset| preset.object_class().to_owned();
        overrides.of_preset(&keys::OBJECT_CLASS, class, class(Preset::Generic))
    });
    let written = overrides.get(&keys::LOGIN_ATTRIBUTES).filter(|written| !written.is_empty());
    if let Some(attributes) = written {
        let filter = FilterTemplate::of_attributes(&class, &attributes);
        return Some((&keys::LOGIN_ATTRIBUTES, filter));
    }
    let Some(preset) = overrides.preset else {
        overrides.with(&keys::LOGIN_ATTRIBUTES).problem(
            &keys::USER_FILTER,
            "write how a user is found, such as \"(uid={localpart})\", or a preset",
        );
        return None;
    };
    let login = preset.login_attribute();
    let attributes =
        overrides.stand_in(&keys::LOGIN_ATTRIBUTES, vec![login.to_owned()], Origin::Preset);
    Some(if preset.has_address_as_login() {
        let filter = format!("(&(objectClass={class})({login}={{address}}))");
        (&keys::OBJECT_CLASS, Ok(filter))
    } else {
        (&keys::LOGIN_ATTRIBUTES, FilterTemplate::of_attributes(&class, &attributes))
    })
}
