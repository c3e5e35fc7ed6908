//! The state of an account, as far as the attributes of its entry tell.

use std::fmt;
use std::time::SystemTime;

use crate::directory::message::entry::Entry;
use crate::directory::names::time::{Shown, generalized_time, unix_day, windows_time};
use crate::verdict::Denial;

/// In whose attributes the state stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Active Directory, Microsoft's or Samba's.
    ActiveDirectory,
    /// OpenLDAP's overlay ppolicy (draft-behera-ldap-password-policy-11, section 5.3).
    OpenLdap,
    /// 389 Directory Server.
    Ds389,
    /// FreeIPA.
    FreeIpa,
    /// The shadow passwords of Unix (RFC 2307).
    Shadow,
}

impl Schema {
    /// Every schema, by the name that it has in the configuration.
    pub const ALL: [(&'static str, Self); 5] = [
        ("active-directory", Self::ActiveDirectory),
        ("openldap", Self::OpenLdap),
        ("389ds", Self::Ds389),
        ("freeipa", Self::FreeIpa),
        ("shadow", Self::Shadow),
    ];

    /// The attributes to read. Some are operational, so each is asked for by name.
    pub fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::ActiveDirectory => &[
                "userAccountControl",
                "msDS-User-Account-Control-Computed",
                "accountExpires",
                "lockoutTime",
                "pwdLastSet",
                "logonHours",
            ],
            Self::OpenLdap => &["pwdAccountLockedTime", "pwdReset", "pwdStartTime", "pwdEndTime"],
            Self::Ds389 => &["nsAccountLock", "accountUnlockTime", "passwordExpirationTime"],
            Self::FreeIpa => &["nsAccountLock", "krbPrincipalExpiration", "krbPasswordExpiration"],
            Self::Shadow => &["shadowExpire"],
        }
    }

    /// Whether the directory itself looks at these attributes when the user binds.
    pub fn is_enforced_by_bind(self) -> bool {
        self != Self::Shadow
    }

    /// What keeps the account of this entry from signing in at `now`.
    pub fn faults(self, entry: &Entry, now: SystemTime) -> Vec<Fault> {
        let faults = match self {
            Self::ActiveDirectory => active_directory(entry, now),
            Self::OpenLdap => openldap(entry, now),
            Self::Ds389 => ds389(entry, now),
            Self::FreeIpa => freeipa(entry, now),
            Self::Shadow => vec![shadow(entry, now)],
        };
        faults.into_iter().flatten().collect()
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(_, schema)| schema == self);
        f.write_str(name.map_or("none", |(name, _)| name))
    }
}

/// Something that keeps an account from signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// As what it is refused.
    pub denial: Denial,
    /// What the entry says.
    pub text: String,
    /// Whether the entry alone is enough to be sure; else it depends on a policy that cannot be
    /// seen from here.
    pub is_certain: bool,
}

impl Fault {
    fn new(denial: Denial, text: impl Into<String>) -> Option<Self> {
        Some(Self { denial, text: text.into(), is_certain: true })
    }

    fn possible(denial: Denial, text: impl Into<String>) -> Option<Self> {
        Some(Self { denial, text: text.into(), is_certain: false })
    }

    /// Whether it is about the account, and not just about its password or the time of day.
    pub fn makes_inactive(&self) -> bool {
        self.is_certain
            && matches!(
                self.denial,
                Denial::AccountDisabled | Denial::AccountExpired | Denial::AccountLocked
            )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// MS-ADTS, sections 2.2.16 (flags) and 3.1.1.4.5.17 (computed flags).
fn active_directory(entry: &Entry, now: SystemTime) -> Vec<Option<Fault>> {
    const DISABLED: u32 = 0x2;
    const LOCKED_OUT: u32 = 0x10;
    const NEVER_EXPIRES: u32 = 0x1_0000;
    const PASSWORD_EXPIRED: u32 = 0x80_0000;
    // They are signed, and the computed ones may have the highest bit.
    let flags = |name| {
        let number = entry.text(name).and_then(|text| text.parse::<i32>().ok());
        number.map(i32::cast_unsigned)
    };
    let ticks = |name| entry.text(name).and_then(|text| text.parse::<u64>().ok());
    let control = flags("userAccountControl").unwrap_or_default();
    let computed = flags("msDS-User-Account-Control-Computed");
    let expires =
        ticks("accountExpires").filter(|ticks| !matches!(*ticks, 0 | NEVER)).and_then(windows_time);
    let must_change = ticks("pwdLastSet") == Some(0);
    let is_locked = computed.map_or_else(
        || ticks("lockoutTime").is_some_and(|ticks| ticks != 0),
        |flags| flags & LOCKED_OUT != 0,
    );
    let is_stale = computed
        .map_or(must_change && control & NEVER_EXPIRES == 0, |flags| flags & PASSWORD_EXPIRED != 0);
    vec![
        (control & DISABLED != 0)
            .then(|| Fault::new(Denial::AccountDisabled, "userAccountControl says disabled"))
            .flatten(),
        expires.filter(|expires| *expires <= now).and_then(|expires| {
            let text = format!("accountExpires was {}", Shown(expires));
            Fault::new(Denial::AccountExpired, text)
        }),
        is_locked
            .then(|| match (computed, ticks("lockoutTime").and_then(windows_time)) {
                (Some(_), Some(since)) => {
                    Fault::new(Denial::AccountLocked, format!("locked out since {}", Shown(since)))
                }
                (Some(_), None) => Fault::new(Denial::AccountLocked, "locked out"),
                (None, _) => Fault::possible(
                    Denial::AccountLocked,
                    "lockoutTime is set, unless the domain's lock-out duration is over",
                ),
            })
            .flatten(),
        is_stale
            .then(|| match must_change {
                true => Fault::new(Denial::MustChangePassword, "pwdLastSet is 0: must be changed"),
                false => Fault::new(Denial::PasswordExpired, "the password has expired"),
            })
            .flatten(),
        entry
            .values("logonHours")
            .next()
            .filter(|hours| !may_log_on(hours, now))
            .and_then(|_| Fault::new(Denial::LogonHours, "logonHours forbid it at this hour")),
    ]
}

/// `accountExpires` of an account that never does (MS-ADA1, section 2.2).
const NEVER: u64 = 0x7fff_ffff_ffff_ffff;

/// 168 bits, one for each hour of the week from Sunday 00:00 UTC, the lowest bit of a byte first
/// (MS-SAMR, section 2.2.6.5).
fn may_log_on(hours: &[u8], now: SystemTime) -> bool {
    /// 1970 began on a Thursday.
    const HOURS_TO_THURSDAY: u64 = 4 * 24;
    if hours.len() != 21 {
        return true;
    }
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let hour = (since_1970 / 3600 + HOURS_TO_THURSDAY) % 168;
    let byte = usize::try_from(hour / 8).ok().and_then(|index| hours.get(index));
    byte.is_none_or(|byte| byte >> (hour % 8) & 1 == 1)
}

fn openldap(entry: &Entry, now: SystemTime) -> Vec<Option<Fault>> {
    /// Locked by an administrator, until one unlocks it.
    const FOR_GOOD: &str = "000001010000Z";
    let time = |name| entry.text(name).and_then(generalized_time);
    let locked = match entry.text("pwdAccountLockedTime") {
        None => None,
        Some(FOR_GOOD) => {
            Fault::new(Denial::AccountLocked, "pwdAccountLockedTime says locked for good")
        }
        Some(_) if time("pwdAccountLockedTime").is_some_and(|since| since > now) => None,
        Some(since) => Fault::possible(
            Denial::AccountLocked,
            format!("locked since {since}, unless the policy's pwdLockoutDuration is over"),
        ),
    };
    vec![
        locked,
        entry
            .has("pwdReset", "TRUE")
            .then(|| Fault::new(Denial::MustChangePassword, "pwdReset says it must be changed"))
            .flatten(),
        time("pwdStartTime").filter(|start| *start > now).and_then(|start| {
            Fault::new(
                Denial::AccountExpired,
                format!("not before {} (pwdStartTime)", Shown(start)),
            )
        }),
        time("pwdEndTime").filter(|end| *end <= now).and_then(|end| {
            Fault::new(Denial::AccountExpired, format!("until {} (pwdEndTime)", Shown(end)))
        }),
    ]
}

fn ds389(entry: &Entry, now: SystemTime) -> Vec<Option<Fault>> {
    let time = |name| entry.text(name).and_then(generalized_time);
    let unlocked = time("accountUnlockTime").and_then(|unlocked| {
        if unlocked == SystemTime::UNIX_EPOCH {
            Fault::new(Denial::AccountLocked, "accountUnlockTime says locked until it is reset")
        } else if unlocked > now {
            let text = format!("locked until {}", Shown(unlocked));
            Fault::new(Denial::AccountLocked, text)
        } else {
            None
        }
    });
    let expired = time("passwordExpirationTime").filter(|expired| *expired <= now);
    vec![
        inactivated(entry),
        unlocked,
        expired.and_then(|expired| {
            if expired == SystemTime::UNIX_EPOCH {
                let text = "passwordExpirationTime says it must be changed";
                return Fault::new(Denial::MustChangePassword, text);
            }
            let text =
                format!("the password expired {}, unless grace logins are left", Shown(expired));
            Fault::possible(Denial::PasswordExpired, text)
        }),
    ]
}

fn freeipa(entry: &Entry, now: SystemTime) -> Vec<Option<Fault>> {
    let past = |name| {
        let time = entry.text(name).and_then(generalized_time);
        time.filter(|time| *time <= now)
    };
    vec![
        inactivated(entry),
        past("krbPrincipalExpiration").and_then(|expired| {
            let text = format!("krbPrincipalExpiration was {}", Shown(expired));
            Fault::new(Denial::AccountExpired, text)
        }),
        past("krbPasswordExpiration").and_then(|expired| {
            let text = format!(
                "krbPasswordExpiration was {}; binds go on unless the server forbids them",
                Shown(expired)
            );
            Fault::possible(Denial::PasswordExpired, text)
        }),
    ]
}

fn inactivated(entry: &Entry) -> Option<Fault> {
    let is_inactive = entry.has("nsAccountLock", "true");
    is_inactive
        .then(|| Fault::new(Denial::AccountDisabled, "nsAccountLock says inactivated"))
        .flatten()
}

/// The day of `shadowExpire` is the first on which the account cannot be used; a negative number
/// means never (shadow(5)).
fn shadow(entry: &Entry, now: SystemTime) -> Option<Fault> {
    let day = entry.text("shadowExpire")?.parse::<u64>().ok().and_then(unix_day)?;
    if day > now {
        return None;
    }
    Fault::new(Denial::AccountExpired, format!("shadowExpire was {}", Shown(day)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Tuesday, 2026-11-24 08:30 UTC.
    fn now() -> SystemTime {
        generalized_time("20261124083000Z").unwrap()
    }

    fn entry(attributes: &[(&str, &[u8])]) -> Entry {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![value.to_vec()]))
            .collect();
        Entry::new("cn=x", attributes)
    }

    fn found(schema: Schema, attributes: &[(&str, &[u8])]) -> Vec<(Denial, bool)> {
        let faults = schema.faults(&entry(attributes), now());
        faults.into_iter().map(|fault| (fault.denial, fault.is_certain)).collect()
    }

    /// A schema, attributes, and what they tell: each refusal and whether it is certain.
    type Case<'a> = (Schema, &'a [(&'a str, &'a [u8])], &'a [(Denial, bool)]);

    #[test]
    fn each_attribute_tells_its_state() {
        use Denial::*;
        use Schema::*;
        let (sure, maybe) = (true, false);
        let cases: &[Case<'_>] = &[
            (ActiveDirectory, &[], &[]),
            (ActiveDirectory, &[("userAccountControl", b"512")], &[]),
            (ActiveDirectory, &[("useraccountcontrol", b"514")], &[(AccountDisabled, sure)]),
            (ActiveDirectory, &[("userAccountControl", b"66050")], &[(AccountDisabled, sure)]),
            (
                ActiveDirectory,
                &[("userAccountControl", b"-2147483646")],
                &[(AccountDisabled, sure)],
            ),
            (ActiveDirectory, &[("userAccountControl", b"x")], &[]),
            (ActiveDirectory, &[("accountExpires", b"0")], &[]),
            (ActiveDirectory, &[("accountExpires", b"9223372036854775807")], &[]),
            (
                ActiveDirectory,
                &[("accountExpires", b"134000000000000000")],
                &[(AccountExpired, sure)],
            ),
            (ActiveDirectory, &[("accountExpires", b"150000000000000000")], &[]),
            (
                ActiveDirectory,
                &[("msDS-User-Account-Control-Computed", b"16")],
                &[(AccountLocked, sure)],
            ),
            (
                ActiveDirectory,
                &[
                    ("lockoutTime", b"134000000000000000"),
                    ("msDS-User-Account-Control-Computed", b"0"),
                ],
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
            (
                Ds389,
                &[("passwordExpirationTime", b"19700101000000Z")],
                &[(MustChangePassword, sure)],
            ),
            (Ds389, &[("passwordExpirationTime", b"20251124080000Z")], &[(PasswordExpired, maybe)]),
            (Ds389, &[("passwordExpirationTime", b"20271124080000Z")], &[]),
            (FreeIpa, &[("nsAccountLock", b"TRUE")], &[(AccountDisabled, sure)]),
            (FreeIpa, &[("krbPrincipalExpiration", b"20251124080000Z")], &[(AccountExpired, sure)]),
            (
                FreeIpa,
                &[("krbPasswordExpiration", b"20251124080000Z")],
                &[(PasswordExpired, maybe)],
            ),
            (FreeIpa, &[("krbPasswordExpiration", b"20271124080000Z")], &[]),
            (Shadow, &[("shadowExpire", b"-1")], &[]),
            (Shadow, &[("shadowExpire", b"")], &[]),
            (Shadow, &[("shadowExpire", b"20000")], &[(AccountExpired, sure)]),
            (Shadow, &[("shadowExpire", b"20781")], &[(AccountExpired, sure)]),
            (Shadow, &[("shadowExpire", b"20782")], &[]),
            (Shadow, &[("shadowExpire", b"18446744073709551615")], &[]),
        ];
        for (schema, attributes, expected) in cases {
            assert_eq!(found(*schema, attributes), *expected, "{schema} {attributes:?}");
            for (attribute, _) in *attributes {
                let known =
                    schema.attributes().iter().any(|name| name.eq_ignore_ascii_case(attribute));
                assert!(known, "{attribute} is never asked for");
            }
        }
    }

    #[test]
    fn logon_hours_begin_on_sunday_in_utc() {
        let mut hours = [0; 21];
        // Tuesday is the third day: its ninth hour is number 56, bit 0 of byte 7.
        hours[7] = 1;
        assert!(may_log_on(&hours, now()));
        assert!(!may_log_on(&hours, now() + Duration::from_secs(3600)));
        assert!(may_log_on(&hours, now() + Duration::from_secs(7 * 86_400)));
    }

    #[test]
    fn only_the_account_itself_makes_inactive() {
        let inactive = |schema: Schema, attribute, value: &[u8]| {
            schema.faults(&entry(&[(attribute, value)]), now()).iter().any(Fault::makes_inactive)
        };
        assert!(inactive(Schema::Ds389, "nsAccountLock", b"true"));
        assert!(!inactive(Schema::ActiveDirectory, "pwdLastSet", b"0"));
        assert!(!inactive(Schema::OpenLdap, "pwdAccountLockedTime", b"20261124080000Z"));
    }

    proptest! {
        #[test]
        fn no_value_can_hurt(which in 0..5usize, value in proptest::collection::vec(any::<u8>(), 0..30)) {
            let (_, schema) = Schema::ALL[which];
            for attribute in schema.attributes() {
                let _ = schema.faults(&entry(&[(attribute, &value)]), now());
            }
        }
    }
}
