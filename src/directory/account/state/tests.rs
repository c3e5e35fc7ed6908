//! What each attribute tells of an account.

use std::time::SystemTime;

use proptest::prelude::*;

use super::{StateFault, StateSchema};
use crate::directory::message::entry::Entry;
use crate::directory::names::time::generalized_time;
use crate::verdict::Denial;

/// Tuesday, 2026-11-24 08:30 UTC.
fn now() -> SystemTime {
    generalized_time("20261124083000Z").unwrap()
}

fn entry(attributes: &[(&str, &[u8])]) -> Entry {
    let attributes =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), vec![value.to_vec()])).collect();
    Entry::new("cn=x", attributes)
}

fn found(schema: StateSchema, attributes: &[(&str, &[u8])]) -> Vec<(Denial, bool)> {
    let faults = schema.faults(&entry(attributes), now());
    faults.into_iter().map(|fault| (fault.denial, fault.is_certain)).collect()
}

/// A schema, attributes, and what they tell: each refusal and whether it is certain.
type Case<'a> = (StateSchema, &'a [(&'a str, &'a [u8])], &'a [(Denial, bool)]);

#[test]
fn each_attribute_tells_its_state() {
    use Denial::*;
    use StateSchema::*;
    let (sure, maybe) = (true, false);
    let cases: &[Case<'_>] = &[
        (ActiveDirectory, &[], &[]),
        (Authentik, &[("ak-active", b"TRUE")], &[]),
        (Authentik, &[("ak-active", b"FALSE")], &[(AccountDisabled, sure)]),
        (Glauth, &[("accountStatus", b"active")], &[]),
        (Glauth, &[("accountStatus", b"inactive")], &[(AccountDisabled, sure)]),
        (Lightweight, &[("msDS-UserAccountDisabled", b"FALSE")], &[]),
        (Lightweight, &[("msDS-UserAccountDisabled", b"TRUE")], &[(AccountDisabled, sure)]),
        (Lightweight, &[("ms-DS-UserAccountAutoLocked", b"TRUE")], &[(AccountLocked, sure)]),
        (Lightweight, &[("msDS-UserPasswordExpired", b"TRUE")], &[(PasswordExpired, sure)]),
        (EDirectory, &[("loginDisabled", b"TRUE")], &[(AccountDisabled, sure)]),
        (EDirectory, &[("loginDisabled", b"FALSE")], &[]),
        (EDirectory, &[("loginExpirationTime", b"20261124083000Z")], &[(AccountExpired, sure)]),
        (EDirectory, &[("loginExpirationTime", b"20261124083001Z")], &[]),
        (EDirectory, &[("lockedByIntruder", b"TRUE")], &[(AccountLocked, maybe)]),
        (
            EDirectory,
            &[("passwordExpirationTime", b"19600101000000Z")],
            &[(PasswordExpired, maybe)],
        ),
        (ActiveDirectory, &[("accountExpires", b"1")], &[(AccountExpired, sure)]),
        (OpenLdap, &[("pwdEndTime", b"19691231235959Z")], &[(AccountExpired, sure)]),
        (ActiveDirectory, &[("userAccountControl", b"512")], &[]),
        (ActiveDirectory, &[("useraccountcontrol", b"514")], &[(AccountDisabled, sure)]),
        (ActiveDirectory, &[("userAccountControl", b"66050")], &[(AccountDisabled, sure)]),
        (ActiveDirectory, &[("userAccountControl", b"-2147483646")], &[(AccountDisabled, sure)]),
        (ActiveDirectory, &[("userAccountControl", b"x")], &[]),
        (ActiveDirectory, &[("accountExpires", b"0")], &[]),
        (ActiveDirectory, &[("accountExpires", b"9223372036854775807")], &[]),
        (ActiveDirectory, &[("accountExpires", b"134000000000000000")], &[(AccountExpired, sure)]),
        (ActiveDirectory, &[("accountExpires", b"150000000000000000")], &[]),
        (
            ActiveDirectory,
            &[("msDS-User-Account-Control-Computed", b"16")],
            &[(AccountLocked, sure)],
        ),
        (
            ActiveDirectory,
            &[("lockoutTime", b"134000000000000000"), ("msDS-User-Account-Control-Computed", b"0")],
            &[],
        ),
        (ActiveDirectory, &[("lockoutTime", b"134000000000000000")], &[(AccountLocked, maybe)]),
        (ActiveDirectory, &[("lockoutTime", b"0")], &[]),
        (
            ActiveDirectory,
            &[("msDS-User-Account-Control-Computed", b"8388608"), ("pwdLastSet", b"1")],
            &[(PasswordExpired, sure)],
        ),
        (
            ActiveDirectory,
            &[("msDS-User-Account-Control-Computed", b"8388608"), ("pwdLastSet", b"0")],
            &[(MustChangePassword, sure)],
        ),
        (ActiveDirectory, &[("pwdLastSet", b"0")], &[(MustChangePassword, sure)]),
        (ActiveDirectory, &[("pwdLastSet", b"0"), ("userAccountControl", b"66048")], &[]),
        (ActiveDirectory, &[("logonHours", &[0; 21])], &[(LogonHours, sure)]),
        (ActiveDirectory, &[("logonHours", &[0xff; 21])], &[]),
        (ActiveDirectory, &[("logonHours", b"")], &[]),
        (OpenLdap, &[], &[]),
        (OpenLdap, &[("pwdAccountLockedTime", b"000001010000Z")], &[(AccountLocked, sure)]),
        (OpenLdap, &[("pwdAccountLockedTime", b"20261124080000Z")], &[(AccountLocked, maybe)]),
        (OpenLdap, &[("pwdAccountLockedTime", b"20271124080000Z")], &[]),
        (OpenLdap, &[("pwdReset", b"TRUE")], &[(MustChangePassword, sure)]),
        (OpenLdap, &[("pwdReset", b"FALSE")], &[]),
        (OpenLdap, &[("pwdStartTime", b"20271124080000Z")], &[(AccountExpired, sure)]),
        (OpenLdap, &[("pwdEndTime", b"20251124080000Z")], &[(AccountExpired, sure)]),
        (OpenLdap, &[("pwdEndTime", b"20271124080000Z")], &[]),
        (Ds389, &[("nsAccountLock", b"true")], &[(AccountDisabled, sure)]),
        (Ds389, &[("nsaccountlock", b"TRUE")], &[(AccountDisabled, sure)]),
        (Ds389, &[("nsAccountLock", b"false")], &[]),
        (Ds389, &[("accountUnlockTime", b"19700101000000Z")], &[(AccountLocked, sure)]),
        (Ds389, &[("accountUnlockTime", b"20261124090000Z")], &[(AccountLocked, sure)]),
        (Ds389, &[("accountUnlockTime", b"20261124080000Z")], &[]),
        (Ds389, &[("passwordExpirationTime", b"19700101000000Z")], &[(MustChangePassword, sure)]),
        (Ds389, &[("passwordExpirationTime", b"20251124080000Z")], &[(PasswordExpired, maybe)]),
        (Ds389, &[("passwordExpirationTime", b"20271124080000Z")], &[]),
        (Ds389, &[("pwdTPRReset", b"TRUE")], &[(MustChangePassword, sure)]),
        (Ds389, &[("pwdTPRReset", b"FALSE")], &[]),
        (FreeIpa, &[("nsAccountLock", b"TRUE")], &[(AccountDisabled, sure)]),
        (FreeIpa, &[("krbPrincipalExpiration", b"20251124080000Z")], &[(AccountExpired, sure)]),
        (FreeIpa, &[("krbPasswordExpiration", b"20251124080000Z")], &[(PasswordExpired, maybe)]),
        (FreeIpa, &[("krbPasswordExpiration", b"20271124080000Z")], &[]),
        (Shadow, &[("shadowExpire", b"-1")], &[]),
        (Shadow, &[("shadowExpire", b"")], &[]),
        (Shadow, &[("shadowExpire", b"20000")], &[(AccountExpired, sure)]),
        (Shadow, &[("shadowExpire", b"20781")], &[(AccountExpired, sure)]),
        (Shadow, &[("shadowExpire", b"20782")], &[]),
        (Shadow, &[("shadowExpire", b"18446744073709551615")], &[]),
    ];
    for (schema, attributes, expected) in cases {
        assert_eq!(found(*schema, attributes), *expected, "{schema:?} {attributes:?}");
        for (attribute, _) in *attributes {
            let known = schema.attributes().iter().any(|name| name.eq_ignore_ascii_case(attribute));
            assert!(known, "{attribute} is never asked for");
        }
    }
}

#[test]
fn only_the_account_itself_makes_inactive() {
    let inactive = |schema: StateSchema, attribute, value: &[u8]| {
        schema.faults(&entry(&[(attribute, value)]), now()).iter().any(StateFault::makes_inactive)
    };
    assert!(inactive(StateSchema::Ds389, "nsAccountLock", b"true"));
    assert!(!inactive(StateSchema::ActiveDirectory, "pwdLastSet", b"0"));
    assert!(!inactive(StateSchema::OpenLdap, "pwdAccountLockedTime", b"20261124080000Z"));
}

proptest! {
    #[test]
    fn no_value_can_hurt(which in 0..StateSchema::ALL.len(), value in proptest::collection::vec(any::<u8>(), 0..30)) {
        let (_, schema) = StateSchema::ALL[which];
        for attribute in schema.attributes() {
            let _ = schema.faults(&entry(&[(attribute, &value)]), now());
        }
    }
}
