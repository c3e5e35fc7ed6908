//! The keys that say how users are found, and who of them may sign in. They stand in
//! `[directory.NAME]`, and `[domain."NAME"]` can override each.

use crate::config::value::{Flag, List, OneOrMore, Or, Text, Word};
use crate::directory::account::state::StateSchema;
use crate::directory::groups::GroupMethod;

keys! {
    /// How users are found, and who of them may sign in.
    KEYS:

    /// below which DN users are; a user must have one entry below all of them together
    BASE = "base": OneOrMore = OneOrMore("DN");

    /// who a user is compared with; `mail`, `userPrincipalName` and `proxyAddresses` with the whole
    /// address. See [Names](names.md)
    LOGIN_ATTRIBUTES = "login_attributes": OneOrMore = OneOrMore("attribute"),
        otherwise "the preset's, which `check` prints";

    /// of the entries that sign in
    OBJECT_CLASS = "object_class": Text = Text("object class"), otherwise "the preset's";

    /// the whole filter: `"(uid={localpart})"`. It must ask for the name by equality. With the presets for
    /// domain controllers, entries must be users besides, and not computers
    USER_FILTER = "user_filter": Text = Text("filter"), otherwise "made of `object_class` and `login_attributes`";

    /// true: an alias that is found stands for the entry that it names, for which its user binds
    DEREFERENCE_ALIASES = "dereference_aliases": Or<Flag> = Or(Flag, false);

    /// instead of a search: the name to bind with: `"uid={localpart},ou=people,dc=example,dc=com"`,
    /// `"{localpart}@corp.example"`, `'CORP\{localpart}'`. The last two stand alone: without `base`,
    /// `isuser`, groups and `setpass`, because nothing says whose entry such a name is of
    USER_DN = "user_dn": Text = Text("DN or name");

    /// decodes XEP-0106: `d\27artagnan` is asked for as `d'artagnan`, `user\40corp.example` as
    /// `user@corp.example`
    UNESCAPE_LOCALPART = "unescape_localpart": Or<Flag> = Or(Flag, true);

    /// who may sign in: the members of a group, or of several; groups within groups count
    REQUIRE_GROUP = "require_group": OneOrMore = OneOrMore("DN");

    /// in how many of the groups a user must be
    REQUIRE_GROUP_MATCH = "require_group_match": Or<Word<bool>> =
        Or(Word::advised(&[("any", false), ("all", true)], "write \"any\" or \"all\""), false);

    /// who exists for `isuser`; `[]` for everybody
    ISUSER_REQUIRE_GROUP = "isuser_require_group": OneOrMore = OneOrMore("DN"),
        otherwise "as `require_group`";

    /// how membership is found out. Auto: the user's `memberOf`, then on domain controllers the chain
    /// rule and `tokenGroups`, elsewhere from group to group
    GROUP_METHOD = "group_method": Or<Word<GroupMethod>> =
        Or(Word::of(GroupMethod::ALL), GroupMethod::Auto);

    /// false: direct members alone, among whom are those of the primary group. Not with the methods
    /// `"chain"` and `"token-groups"`, nor with `"memberof"` where it may hold more, as on OpenLDAP
    NESTED_GROUPS = "nested_groups": Or<Flag> = Or(Flag, true);

    /// where groups are looked for; while it does not exist, nobody can tell who is in them
    GROUP_BASE = "group_base": Text = Text("DN"), otherwise "the naming context";

    /// in whose attributes the state of an account stands
    ACCOUNT_STATE = "account_state": List<Word<StateSchema>> =
        List(Word::of(StateSchema::ALL), "shadow"),
        otherwise "the preset's";

    /// true: who is disabled, locked or expired does not exist for `isuser`
    HIDE_INACTIVE = "hide_inactive": Or<Flag> = Or(Flag, false);
}
