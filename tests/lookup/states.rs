//! What the products of the presets say of accounts that may not sign in, by their documentation: in
//! the answer to the bind, and in the entry.

use xmpp_ldap_auth::directory::account::preset::Preset;

use super::*;

/// A preset, an attribute of the entry, what the server answers the bind with the right password, and
/// what the sign-in and a look-up that hides inactive accounts come to.
struct Case {
    preset: &'static str,
    attribute: (&'static str, &'static str),
    bind: (u32, &'static str),
    auth: Verdict,
    is_shown: bool,
}

const NONE: (&str, &str) = ("description", "x");

const fn case(
    preset: &'static str,
    attribute: (&'static str, &'static str),
    bind: (u32, &'static str),
    denial: Denial,
    is_shown: bool,
) -> Case {
    Case { preset, attribute, bind, auth: Verdict::Denied(denial), is_shown }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("ad-lds", ("msDS-UserAccountDisabled", "TRUE"), (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 533, v2580"), Denial::AccountDisabled, false),
    case("ad-lds", ("ms-DS-UserAccountAutoLocked", "TRUE"), (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 775, v2580"), Denial::AccountLocked, false),
    case("ad-lds", ("msDS-UserPasswordExpired", "TRUE"), (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 532, v2580"), Denial::PasswordExpired, true),
    case("ad-lds", NONE, (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 773, v2580"), Denial::MustChangePassword, true),
    case("edirectory", ("loginDisabled", "TRUE"), (53, "NDS error: log account expired (-220)"), Denial::AccountDisabled, false),
    case("edirectory", ("loginExpirationTime", "20200101000000Z"), (53, "NDS error: log account expired (-220)"), Denial::AccountDisabled, false),
    case("edirectory", ("lockedByIntruder", "TRUE"), (53, "NDS error: login lockout (-197)"), Denial::AccountLocked, true),
    case("edirectory", ("passwordExpirationTime", "20200101000000Z"), (49, "NDS error: bad password (-222)"), Denial::PasswordExpired, true),
    case("edirectory", NONE, (53, "NDS error: bad login time (-218)"), Denial::LogonHours, true),
    case("edirectory", NONE, (49, "NDS error: failed authentication (-669)"), Denial::WrongPassword, true),
    case("authentik", ("ak-active", "FALSE"), (49, ""), Denial::WrongPassword, false),
    case("authentik", NONE, (50, "Insufficient Access Rights"), Denial::LogonRestricted, true),
    // Some versions sign them in.
    case("glauth", ("accountStatus", "inactive"), (0, ""), Denial::AccountDisabled, false),
    case("glauth", ("accountStatus", "active"), (49, ""), Denial::WrongPassword, true),
    case("google", NONE, (50, "Insufficient access"), Denial::LogonRestricted, true),
    // These do not tell a state from a wrong password.
    case("google", NONE, (49, "Incorrect username or password"), Denial::WrongPassword, true),
    case("kanidm", NONE, (49, "invalid credentials"), Denial::WrongPassword, true),
    case("domino", NONE, (49, "Failed, invalid credentials"), Denial::WrongPassword, true),
    case("okta", NONE, (49, "Invalid credentials"), Denial::WrongPassword, true),
    case("jumpcloud", NONE, (49, ""), Denial::WrongPassword, true),
];

/// Where an entry stands in all of them.
fn lines(preset: &str, hide: bool) -> String {
    format!("preset = \"{preset}\"\nbase = \"o=x\"\nhide_inactive = {hide}")
}

/// An entry that bears the name in whatever attribute a preset asks for it.
fn person(attribute: (&'static str, &'static str)) -> Vec<Found> {
    let names: [(&str, &[&str]); 3] = [("uid", &["a", "a@h"]), ("cn", &["a"]), ("name", &["a"])];
    let own: (&str, &[&str]) = (attribute.0, &[attribute.1]);
    vec![entry("cn=a,o=x", &[names[0], names[1], names[2], own])]
}

#[tokio::test]
async fn each_product_tells_states_as_its_documentation_says() {
    for Case { preset, attribute, bind, auth, is_shown } in CASES {
        let attribute = *attribute;
        let (server, port) = Server::start(move |_| (0, person(attribute))).await;
        *server.refusal.lock().unwrap() = Some(*bind);
        let outcome = sign_in(&domain(port, &lines(preset, false)), "a").await;
        assert_eq!(outcome.verdict, *auth, "{preset} {attribute:?} {bind:?}: {outcome:?}");
        let hiding = domain(port, &lines(preset, true));
        let shown = hiding.exists(&Account::new("a", "h").unwrap(), deadline()).await.verdict;
        assert_eq!(shown == Verdict::Granted, *is_shown, "{preset} {attribute:?}: {shown:?}");
    }
}

/// Nobody is refused by an answer that no documentation explains.
#[tokio::test]
async fn an_answer_that_is_in_no_table_is_cannot_tell() {
    for (preset, _) in Preset::ALL {
        let names = ("sAMAccountName", "a");
        let (server, port) = Server::start(move |_| (0, person(names))).await;
        let domain = domain(port, &lines(preset, false));
        for (code, words) in [
            (1, ""),
            (2, "what"),
            (11, ""),
            (19, "no such words"),
            (49, "NDS error: transport failure (-625)"),
            (
                49,
                "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 9999, v2580",
            ),
            (51, ""),
            (52, ""),
            (53, "no such words"),
            (80, "NDS error: system failure (-632)"),
            (123, ""),
        ] {
            *server.refusal.lock().unwrap() = Some((code, words));
            let outcome = sign_in(&domain, "a").await;
            let is_unclear = matches!(outcome.verdict, Verdict::Unavailable(_));
            assert!(is_unclear, "{preset} {code} {words}: {outcome:?}");
        }
    }
}
