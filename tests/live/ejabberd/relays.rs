//! ejabberd asks a daemon through many relays.

use ldap_fixtures::ejabberd::{Ejabberd, Options};
use ldap_fixtures::process::wait_until;
use ldap_fixtures::slapd::{BASE, Slapd};
use ldap_fixtures::stream::Stream;
use ldap_fixtures::xmpp::{Client, Outcome};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::refused;
use crate::daemon::Daemon;
use crate::support::{PATIENCE, Site};
use crate::{Lookup, site};

const RELAYS: u32 = 16;

/// So many bytes have no length in ejabberd's frames, whose port is closed for it.
const TOO_LONG: usize = 66_000;

struct Stage {
    slapd: Slapd,
    daemon: Daemon,
    ejabberd: Ejabberd,
    client: Client,
    _relay: Site,
}

impl Stage {
    fn start() -> Self {
        let slapd = Slapd::start().unwrap();
        let directory = "set_password = \"exop\"";
        let daemon = Daemon::start(site(&[&slapd.url()], Lookup::Search, directory, ""));
        let relay = daemon.relay("ejabberd");
        let program = format!(
            "{} --config {}",
            env!("CARGO_BIN_EXE_xmpp-ldap-auth"),
            relay.config().display()
        );
        let options = Options { pool_size: RELAYS, ..Options::default() };
        let ejabberd = options.start(&program).unwrap();
        let client = Client::new(ejabberd.port());
        Self { slapd, daemon, ejabberd, client, _relay: relay }
    }

    fn login(&self, user: &str, password: &str) -> Outcome {
        self.client.login(user, password).unwrap()
    }

    /// All relays, when there are as many as there should be: one that ends is replaced a little later.
    fn relays(&self) -> Vec<u32> {
        let mut relays = Vec::new();
        let are_all = || {
            relays = self.ejabberd.programs();
            u32::try_from(relays.len()).is_ok_and(|count| count == RELAYS)
        };
        let complete = wait_until("all relays", PATIENCE, are_all);
        complete.unwrap_or_else(|error| panic!("{error}: {relays:?}: {}", self.ejabberd.log()));
        relays.sort_unstable();
        relays
    }

    /// Waits until as many relays run as before, and none of `old`.
    #[track_caller]
    fn replaces(&self, old: &[u32]) {
        let are_new = || self.relays().iter().all(|relay| !old.contains(relay));
        let replaced = wait_until("new relays", PATIENCE, are_new);
        assert!(replaced.is_ok(), "{:?} after {old:?}: {}", self.relays(), self.ejabberd.log());
    }

    /// That right and wrong passwords are told apart by every relay.
    #[track_caller]
    fn works(&self) {
        for round in 0..RELAYS {
            for (user, password, is_right) in [("bob", "secret", true), ("bob", "wrong", false)] {
                let told = self.ejabberd.check_password(user, password).unwrap();
                assert_eq!(
                    told,
                    is_right,
                    "{round}: {}\n{}",
                    self.ejabberd.log(),
                    self.daemon.log()
                );
            }
        }
        assert_eq!(self.login("alice", "secret"), Outcome::Success, "{}", self.ejabberd.log());
    }
}

#[test]
fn clients_sign_in_and_change_their_passwords() {
    let stage = Stage::start();
    assert_eq!(stage.relays().len(), usize::try_from(RELAYS).unwrap());
    let users = [
        ("alice", "secret"),
        ("alice", "wrong"),
        ("nobody", "secret"),
        ("jürgen", "secret"),
        ("pwcolons", "a:b::c:"),
        ("pwspecial", "*()\\,=+<>#;\"/"),
        ("pwemoji", "🔑😀"),
        ("*", "secret"),
    ];
    let outcomes = stage.client.logins(&users).unwrap();
    for (user, outcome) in users.iter().zip(outcomes) {
        let expected = match user {
            ("alice", "wrong") | ("nobody" | "*", _) => refused(),
            _ => Outcome::Success,
        };
        assert_eq!(outcome, expected, "{user:?}: {}", stage.daemon.log());
    }
    let change = stage.client.change_password("carol", "secret", "new:pass wörd").unwrap();
    assert_eq!(change, Outcome::Success);
    assert_eq!(stage.login("carol", "new:pass wörd"), Outcome::Success);
    assert_eq!(stage.login("carol", "secret"), refused());
}

#[test]
fn a_stranger_who_has_ejabberd_replace_its_relays_gets_no_more_guesses() {
    let stage = Stage::start();
    let carol = format!("uid=carol,ou=people,{BASE}");
    for round in 0..4 {
        for guess in 0..3 {
            let guess = format!("guess-{round}-{guess}");
            assert!(!stage.ejabberd.check_password("carol", &guess).unwrap());
        }
        let before = stage.relays();
        let mut stranger = Stream::open(stage.ejabberd.port()).unwrap();
        let outcome = stranger.sign_in("mallory", &"x".repeat(TOO_LONG));
        assert!(!matches!(outcome, Ok(Outcome::Success)), "{outcome:?}");
        stage.replaces(&before);
    }
    assert_eq!(stage.slapd.binds(&carol), 3, "{}", stage.daemon.log());
    assert!(stage.slapd.accepts(&carol, "secret").unwrap());
    stage.works();
}

#[test]
fn relays_that_are_all_killed_are_replaced_and_the_guard_remembers() {
    let stage = Stage::start();
    let carol = format!("uid=carol,ou=people,{BASE}");
    for round in 0..3 {
        for guess in 0..2 {
            let guess = format!("guess-{round}-{guess}");
            assert!(!stage.ejabberd.check_password("carol", &guess).unwrap());
        }
        let before = stage.relays();
        for relay in &before {
            let relay = Pid::from_raw(i32::try_from(*relay).unwrap()).unwrap();
            // ejabberd may have ended one of them meanwhile.
            assert!(matches!(kill_process(relay, Signal::KILL), Ok(()) | Err(Errno::SRCH)));
        }
        stage.replaces(&before);
        stage.works();
    }
    assert_eq!(stage.slapd.binds(&carol), 3, "{}", stage.daemon.log());
}

#[test]
fn a_daemon_that_was_away_is_asked_again_and_the_users_still_exist() {
    let mut stage = Stage::start();
    stage.works();
    let relays = stage.relays();
    for _ in 0..2 {
        stage.daemon.kill();
        for _ in 0..RELAYS {
            assert!(!stage.ejabberd.check_password("bob", "secret").unwrap());
        }
        assert_eq!(stage.login("alice", "secret"), refused());
        assert!(!stage.ejabberd.user_exists("bob").unwrap());
        stage.daemon.restart();
        assert!(stage.ejabberd.user_exists("bob").unwrap());
        assert!(!stage.ejabberd.user_exists("nobody").unwrap());
        stage.works();
    }
    assert_eq!(stage.relays(), relays, "a relay ended because its daemon was away");
}
