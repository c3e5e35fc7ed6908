//! The methods by which membership is found out.

use std::fmt;

/// How membership is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMethod {
    /// By what the server offers: the user's `memberOf`, then the chain rule and `tokenGroups` on
    /// domain controllers, or the walk elsewhere.
    Auto,
    /// The user's `memberOf` alone.
    MemberOf,
    /// The groups' `member` and `uniqueMember`, from group to group.
    Member,
    /// The groups' `memberUid`, which holds login names (RFC 2307).
    MemberUid,
    /// Active Directory's chain rule.
    Chain,
    /// Active Directory's `tokenGroups`.
    TokenGroups,
}

impl GroupMethod {
    /// Every method, by the name that it has in the configuration.
    pub const ALL: [(&'static str, Self); 6] = [
        ("auto", Self::Auto),
        ("memberof", Self::MemberOf),
        ("member", Self::Member),
        ("memberuid", Self::MemberUid),
        ("chain", Self::Chain),
        ("token-groups", Self::TokenGroups),
    ];
}

impl GroupMethod {
    /// Whether it finds groups around groups whatever is wanted.
    pub fn is_always_nested(self) -> bool {
        matches!(self, Self::Chain | Self::TokenGroups)
    }
}

impl fmt::Display for GroupMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(_, method)| method == self);
        f.write_str(name.map_or("auto", |(name, _)| name))
    }
}
