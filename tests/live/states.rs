//! One table: what each directory product says of accounts in each state, through both framings.

use ldap_fixtures::ds389::{self, Ds389};
use ldap_fixtures::ldif;
use ldap_fixtures::samba::{self, Samba};
use ldap_fixtures::slapd::{Options, WRITER_DN, WRITER_PASSWORD};

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Answer, Framing, Site};

/// An account and what is to become of it.
struct Case {
    user: &'static str,
    password: &'static str,
    /// The answer to the right password, and the reason in the log.
    auth: (Answer, &'static str),
    /// The reason in the log for a wrong password.
    wrong: &'static str,
    /// The answer to `isuser` where inactive accounts are hidden.
    shown: Answer,
}

const fn case(
    user: &'static str,
    password: &'static str,
    auth: (Answer, &'static str),
    wrong: &'static str,
    shown: Answer,
) -> Case {
    Case { user, password, auth, wrong, shown }
}

const WRONG: &str = "wrong-password";

/// Accounts beside the seed's.
const MORE: &str = "
dn: uid=unixexpired,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: shadowAccount
uid: unixexpired
cn: unixexpired
sn: unixexpired
shadowExpire: 10000
userPassword: secret

dn: uid=unixopen,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: shadowAccount
uid: unixopen
cn: unixopen
sn: unixopen
shadowExpire: -1
userPassword: secret

dn: cn=graceful,ou=policies,dc=example,dc=com
objectClass: device
objectClass: pwdPolicy
cn: graceful
pwdAttribute: userPassword
pwdMaxAge: 1
pwdGraceAuthNLimit: 100

dn: uid=graceful,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: graceful
cn: graceful
sn: graceful
userPassword: secret
pwdPolicySubentry: cn=graceful,ou=policies,dc=example,dc=com
pwdChangedTime: 20200101000000Z

";

const OPENLDAP: [Case; 9] = [
    case("alice", "secret", (Yes, "ok"), WRONG, Yes),
    case("dave", "secret", (No, "account-locked"), "account-locked", No),
    case("frank", "secret", (No, "password-expired"), WRONG, Yes),
    case("grace", "secret", (No, "must-change-password"), WRONG, Yes),
    case("graceful", "secret", (Yes, "ok"), WRONG, Yes),
    case("nopass", "secret", (No, WRONG), WRONG, Yes),
    case("unixexpired", "secret", (No, "account-expired"), "account-expired", No),
    case("unixopen", "secret", (Yes, "ok"), WRONG, Yes),
    case("nobody", "secret", (No, "unknown-user"), "unknown-user", No),
];

const SAMBA: [Case; 10] = [
    case("alice", samba::PASSWORD, (Yes, "ok"), WRONG, Yes),
    case("o'brien", samba::PASSWORD, (Yes, "ok"), WRONG, Yes),
    case("umläut", samba::PASSWORD, (Yes, "ok"), WRONG, Yes),
    case("disabled", samba::PASSWORD, (No, "account-disabled"), WRONG, No),
    case("pwdexpired", samba::PASSWORD, (No, "password-expired"), WRONG, Yes),
    case("mustchange", samba::PASSWORD, (No, "must-change-password"), WRONG, Yes),
    case("expired", samba::PASSWORD, (No, "account-expired"), WRONG, No),
    case("hours", samba::PASSWORD, (No, "logon-hours"), WRONG, Yes),
    case("locked", samba::PASSWORD, (No, "account-locked"), "account-locked", No),
    case("nobody", samba::PASSWORD, (No, "unknown-user"), "unknown-user", No),
];

const DS389: [Case; 7] = [
    case("alice", ds389::PASSWORD, (Yes, "ok"), WRONG, Yes),
    case("inactive", ds389::PASSWORD, (No, "account-disabled"), "account-disabled", No),
    case("expired", ds389::PASSWORD, (No, "password-expired"), WRONG, Yes),
    case("mustchange", ds389::PASSWORD, (No, "must-change-password"), WRONG, Yes),
    case("warned", ds389::PASSWORD, (Yes, "ok"), WRONG, Yes),
    case("locked", ds389::PASSWORD, (No, "account-locked"), "account-locked", No),
    case("nobody", ds389::PASSWORD, (No, "unknown-user"), "unknown-user", No),
];

/// A directory to which more lines can be added.
struct Product {
    cases: &'static [Case],
    /// `[directory.corp]`, without its heading.
    directory: String,
    /// The tables below it.
    tables: String,
    password: &'static str,
}

impl Product {
    fn site(&self, more: &str) -> Site {
        let site = Site::new(&format!(
            "[directory.corp]\n{}\nbind_password_file = \"{{dir}}/password\"\n{more}\n{}\n\
             [domain.\"example.com\"]\ndirectory = \"corp\"\n",
            self.directory, self.tables
        ));
        site.secret("password", self.password);
        site
    }

    /// Every case through a framing.
    fn check(&self, framing: Framing) {
        let plain = self.site("");
        let hiding = self.site("hide_inactive = true");
        let lenient = self.site("must_change_password = \"allow\"");
        let mut adapter = Adapter::start(&plain, framing);
        let mut hider = Adapter::start(&hiding, framing);
        let mut forgiver = Adapter::start(&lenient, framing);
        for Case { user, password, auth: (answer, reason), wrong, shown } in self.cases {
            let context = format!("{framing:?} {user}");
            let right = format!("auth:{user}:example.com:{password}");
            assert_eq!(adapter.ask(&right), *answer, "{context}: {}", adapter.log());
            assert_eq!(reason_of(&adapter, user, 1), *reason, "{context}");
            let other = format!("auth:{user}:example.com:{password}x");
            assert_eq!(adapter.ask(&other), No, "{context}");
            assert_eq!(reason_of(&adapter, user, 2), *wrong, "{context}");
            let exists = format!("isuser:{user}:example.com");
            let is_there = if *reason == "unknown-user" { No } else { Yes };
            assert_eq!(adapter.ask(&exists), is_there, "{context}: {}", adapter.log());
            assert_eq!(hider.ask(&exists), *shown, "{context}: {}", hider.log());
            let forgiven = if *reason == "must-change-password" { Yes } else { *answer };
            assert_eq!(forgiver.ask(&right), forgiven, "{context}: {}", forgiver.log());
        }
    }

    /// What `explain` says without a password.
    fn explain(&self) {
        let site = self.site("");
        for Case { user, auth: (answer, reason), .. } in self.cases {
            let jid = format!("{}@example.com", user.replace('\'', "\\27"));
            let output = site.command().args(["explain", &jid]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            // What stands in no attribute only a bind can tell.
            let is_seen = *answer == No && *reason != WRONG && *reason != "password-expired"
                || text.contains("denied");
            assert_eq!(output.status.code(), Some(if is_seen { 77 } else { 0 }), "{user}: {text}");
            if is_seen {
                assert!(text.contains(reason), "{user}: no {reason} in {text}");
            }
        }
    }
}

/// The reason of the `count`th sign-in of a user, from the log that is written behind the reply.
fn reason_of(adapter: &Adapter, user: &str, count: usize) -> String {
    let needle = format!("verb=\"auth\" user=\"{user}\"");
    loop {
        let log = adapter.log();
        // The last line may not be whole yet.
        let (whole, _) = log.rsplit_once('\n').unwrap_or_default();
        if let Some(line) = whole.lines().filter(|line| line.contains(&needle)).nth(count - 1) {
            let (_, behind) = line.split_once("reason=\"").unwrap();
            return behind.split_once('"').unwrap().0.to_owned();
        }
        std::thread::yield_now();
    }
}

#[test]
fn openldap() {
    for framing in Framing::BOTH {
        let entries = ldif::parse(MORE).unwrap();
        let slapd = Options { entries, ..Options::default() }.start().unwrap();
        let product = Product {
            cases: &OPENLDAP,
            directory: format!(
                "preset = \"openldap\"\nservers = [\"{}\"]\nbase = \"ou=people,dc=example,dc=com\"\n\
                 bind_dn = \"{WRITER_DN}\"",
                slapd.url()
            ),
            tables: String::new(),
            password: WRITER_PASSWORD,
        };
        product.check(framing);
        product.explain();
    }
}

#[test]
fn samba_domain_controller() {
    let samba = Samba::start().unwrap();
    let product = Product {
        cases: &SAMBA,
        directory: format!(
            "preset = \"samba\"\nservers = [\"{}\"]\nbase = \"{}\"\nbind_dn = \"{}\"",
            samba.ldaps_url(),
            samba::BASE,
            samba::READER
        ),
        tables: format!("[directory.corp.tls]\nca_file = {:?}", samba.ca()),
        password: samba::SERVICE_PASSWORD,
    };
    for framing in Framing::BOTH {
        product.check(framing);
    }
    product.explain();
}

#[test]
fn ds389_server() {
    let server = Ds389::start().unwrap();
    let product = Product {
        cases: &DS389,
        directory: format!(
            "preset = \"389ds\"\nservers = [\"{}\"]\nbase = \"ou=people,{}\"\nbind_dn = \"{}\"",
            server.ldaps_url(),
            ds389::BASE,
            ds389::READER_DN
        ),
        tables: format!("[directory.corp.tls]\nca_file = {:?}", server.ca()),
        password: ds389::READER_PASSWORD,
    };
    for framing in Framing::BOTH {
        product.check(framing);
    }
    product.explain();
}

#[test]
fn grace_logins_are_counted_in_the_log() {
    let entries = ldif::parse(MORE).unwrap();
    let slapd = Options { entries, ..Options::default() }.start().unwrap();
    let site = crate::site(&[&slapd.url()], crate::Lookup::Search, "", "");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    assert_eq!(adapter.ask("auth:graceful:example.com:secret"), Yes);
    adapter.logs("grace logins left: 99");
    assert_ne!(adapter.ask("isuser:graceful:example.com"), CannotTell);
}
