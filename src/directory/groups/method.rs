//! The methods by which membership is found out.

use crate::named::named;

named! {
    /// How membership is found out.
    pub enum GroupMethod {
        /// By what the server offers: the user's `memberOf`, then the chain rule and `tokenGroups` on
        /// domain controllers, or the walk elsewhere.
        Auto = "auto",
        /// The user's `memberOf` alone.
        MemberOf = "memberof",
        /// The groups' `member` and `uniqueMember`, from group to group.
        Member = "member",
        /// The groups' `memberUid`, which holds login names (RFC 2307).
        MemberUid = "memberuid",
        /// Active Directory's chain rule.
        Chain = "chain",
        /// Active Directory's `tokenGroups`.
        TokenGroups = "token-groups",
    }
}

impl GroupMethod {
    /// Whether it finds groups around groups whatever is wanted.
    pub fn is_always_nested(self) -> bool {
        matches!(self, Self::Chain | Self::TokenGroups)
    }
}
