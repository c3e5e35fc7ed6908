//! How users of an XMPP domain are found and who of them may sign in: keys of `[directory.NAME]`,
//! each of which `[domain."NAME"]` may override.

use super::file::Table;
use crate::directory::account::preset::Preset;
use crate::directory::account::state::StateSchema;
use crate::directory::domain::{Lookup, Rules, Search};
use crate::directory::groups::{Group, GroupMethod, GroupRule};
use crate::directory::message::filter_template::FilterTemplate;
use crate::directory::names::bind_name::NameTemplate;

/// The keys that say how a user is found by a search.
const SEARCH_KEYS: [&str; 4] = ["base", "user_filter", "login_attributes", "object_class"];

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
    fn with(&self, key: &'static str) -> &'a Table<'a> {
        // Both are asked, so that both know the key.
        self.directory.has(key);
        self.domain.filter(|domain| domain.has(key)).unwrap_or(self.directory)
    }

    fn has(&self, key: &'static str) -> bool {
        self.with(key).has(key)
    }
}

/// Reads the rules. `None` where a user could not be found by what is left of them.
pub(super) fn read(overrides: Overrides<'_>, has_service: bool) -> Option<Rules> {
    let lookup = read_lookup(overrides);
    let sign_in = read_groups(overrides, "require_group");
    let exist = if overrides.has("isuser_require_group") {
        GroupRule { groups: read_group_names(overrides, "isuser_require_group"), ..sign_in.clone() }
    } else {
        sign_in.clone()
    };
    if !has_service && (sign_in.is_needed() || exist.is_needed()) {
        overrides.with("require_group").problem(
            "require_group",
            "groups are looked up by a service account: write bind_dn and bind_password_file",
        );
    }
    let account_state = overrides.with("account_state");
    let account_state = if account_state.has("account_state") {
        account_state.list("account_state", |name| named(&StateSchema::ALL, name))
    } else {
        overrides.preset.map(Preset::account_state).unwrap_or_default().to_vec()
    };
    Some(Rules {
        alias_of: None,
        unescape: overrides.with("unescape_localpart").flag_or("unescape_localpart", true),
        lookup: lookup?,
        account_state,
        hide_inactive: overrides.with("hide_inactive").flag("hide_inactive"),
        sign_in,
        exist,
    })
}

fn read_lookup(overrides: Overrides<'_>) -> Option<Lookup> {
    for key in SEARCH_KEYS {
        overrides.has(key);
    }
    let table = overrides.with("user_dn");
    let name = table.parsed("user_dn", NameTemplate::parse);
    if !table.has("user_dn") || is_overridden(overrides) {
        return read_search(overrides).map(Lookup::Search);
    }
    let searches = SEARCH_KEYS.into_iter().any(|key| table.has(key));
    match name? {
        NameTemplate::Dn(dn) => {
            if searches {
                table.problem(
                    "user_dn",
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

/// Whether the domain says how to search while only its directory has `user_dn`.
fn is_overridden(overrides: Overrides<'_>) -> bool {
    overrides.domain.is_some_and(|domain| {
        !domain.has("user_dn") && SEARCH_KEYS.into_iter().any(|key| domain.has(key))
    })
}

fn read_search(overrides: Overrides<'_>) -> Option<Search> {
    let bases = overrides.with("base").one_or_more("base", |base| Ok(base.to_owned()));
    let filter = read_filter(overrides);
    if bases.iter().any(String::is_empty) && !overrides.is_catalog {
        overrides.with("base").problem(
            "base",
            "only a global catalog (port 3268 or 3269) is searched from \"\"; write the DN below which the users are",
        );
    }
    if bases.is_empty() && !overrides.has("base") {
        overrides.with("base").problem(
            "base",
            "write the DN below which the users are, such as \"ou=people,dc=example,dc=com\"",
        );
    }
    (!bases.is_empty()).then_some(Search { bases, filter: filter? })
}

fn read_filter(overrides: Overrides<'_>) -> Option<FilterTemplate> {
    let table = overrides.with("user_filter");
    let is_nearer = |key| {
        overrides.domain.is_some_and(|domain| domain.has(key))
            && overrides.domain.is_some_and(|domain| !domain.has("user_filter"))
    };
    if table.has("user_filter") && !is_nearer("login_attributes") && !is_nearer("object_class") {
        return table.parsed("user_filter", FilterTemplate::parse);
    }
    let table = overrides.with("login_attributes");
    let mut attributes = table.one_or_more("login_attributes", |name| Ok(name.to_owned()));
    match overrides.preset {
        Some(preset) if attributes.is_empty() => {
            attributes.push(preset.login_attribute().to_owned());
        }
        None if attributes.is_empty() => {
            table.problem(
                "user_filter",
                "write how a user is found, such as \"(uid={localpart})\", or a preset",
            );
            return None;
        }
        _ => {}
    }
    let object_class = overrides.with("object_class").string("object_class");
    let object_class =
        object_class.unwrap_or(overrides.preset.unwrap_or(Preset::Generic).object_class());
    FilterTemplate::of_attributes(object_class, &attributes)
        .map_err(|text| table.problem("login_attributes", text))
        .ok()
}

fn read_groups(overrides: Overrides<'_>, key: &'static str) -> GroupRule {
    let all =
        overrides.with("require_group_match").parsed("require_group_match", |word| match word {
            "any" => Ok(false),
            "all" => Ok(true),
            _ => Err("write \"any\" or \"all\"".to_owned()),
        });
    let method = overrides.with("group_method");
    let method = method.parsed("group_method", |name| named(&GroupMethod::ALL, name));
    GroupRule {
        groups: read_group_names(overrides, key),
        all: all.unwrap_or(false),
        method: method.unwrap_or(GroupMethod::Auto),
        nested: overrides.with("nested_groups").flag_or("nested_groups", true),
        base: overrides.with("group_base").string("group_base").map(str::to_owned),
    }
}

fn read_group_names(overrides: Overrides<'_>, key: &'static str) -> Vec<Group> {
    overrides.with(key).one_or_more(key, Group::parse)
}

/// What has this name; the error names them all.
pub(super) fn named<T: Copy>(all: &[(&'static str, T)], name: &str) -> Result<T, String> {
    let found = all.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|(name, _)| format!("{name:?}")).collect();
        format!("write one of {}", names.join(", "))
    })
}
