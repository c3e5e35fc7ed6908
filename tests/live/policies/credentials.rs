//! The credential cache.

use ldap_fixtures::samba::{self, Samba};

use super::*;

const TTL: &str = "[cache]\nmode = \"ttl\"\ngood_for = \"10m\"";
const STALE: &str = "[cache]\nmode = \"stale-if-unavailable\"\ngood_for = \"10m\"";

fn cached(slapd: &Slapd, directory: &str, table: &str, framing: Framing) -> (Site, Adapter) {
    let site = site(
        &[&slapd.url()],
        Lookup::Search,
        directory,
        &format!("answer_within = \"2s\"\n---\n{table}"),
    );
    let adapter = Adapter::start(&site, framing);
    (site, adapter)
}

#[test]
fn a_young_success_is_not_proved_again_and_a_refusal_forgets_it() {
    let slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = cached(&slapd, LENIENT, TTL, Framing::Packet);
    for _ in 0..5 {
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    }
    assert_eq!(binds(&slapd, "alice"), 1);
    // Another password is the directory's to judge, even while one is remembered.
    expect(&mut adapter, &sign_in("alice", "wrong"), No);
    assert_eq!(binds(&slapd, "alice"), 2);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    assert_eq!(binds(&slapd, "alice"), 3);
    // A password that was changed elsewhere is learned at once.
    slapd.replace(ALICE, "userPassword", "changed").unwrap();
    expect(&mut adapter, &sign_in("alice", "changed"), Yes);
    expect(&mut adapter, &sign_in("alice", "secret"), No);
}

#[test]
fn what_is_too_old_is_proved_again() {
    let slapd = Slapd::start().unwrap();
    let table = "[cache]\nmode = \"ttl\"\ngood_for = \"300ms\"";
    let (_site, mut adapter) = cached(&slapd, "", table, Framing::Packet);
    let started = Instant::now();
    while binds(&slapd, "alice") < 2 {
        assert!(started.elapsed() < PATIENCE);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    }
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_changed_password_ends_the_old_one_at_once() {
    for (table, framing) in [TTL, STALE].into_iter().zip(Framing::BOTH) {
        let mut slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = cached(&slapd, "set_password = \"exop\"", table, framing);
        expect(&mut adapter, &sign_in("bob", "secret"), Yes);
        expect(&mut adapter, "setpass:bob:example.com:new", Yes);
        if table == STALE {
            slapd.stop();
            assert_ne!(adapter.ask(&sign_in("bob", "secret")), Yes, "{}", adapter.log());
            slapd.restart().unwrap();
        }
        expect_eventually(&mut adapter, &sign_in("bob", "secret"), No);
        expect(&mut adapter, &sign_in("bob", "new"), Yes);
    }
}

/// Asks until it is answered otherwise than by "cannot tell".
#[track_caller]
fn expect_eventually(adapter: &mut Adapter, request: &str, expected: Answer) {
    let started = Instant::now();
    loop {
        match adapter.ask(request) {
            CannotTell if started.elapsed() < PATIENCE => {}
            answer => return assert_eq!(answer, expected, "{request}: {}", adapter.log()),
        }
    }
}

#[test]
fn openldap_locks_or_deletes_an_account_that_is_remembered() {
    let slapd = Slapd::start().unwrap();
    let states = "account_state = [\"openldap\"]";
    let (_site, mut adapter) = cached(&slapd, states, TTL, Framing::Packet);
    for user in ["alice", "bob"] {
        expect(&mut adapter, &sign_in(user, "secret"), Yes);
    }
    slapd.replace(ALICE, "pwdAccountLockedTime", "000001010000Z").unwrap();
    slapd.delete(&format!("uid=bob,ou=people,{BASE}")).unwrap();
    for user in ["alice", "bob"] {
        expect(&mut adapter, &sign_in(user, "secret"), No);
    }
    adapter.logs("reason=\"account-locked\"");
    adapter.logs("reason=\"unknown-user\"");
}

#[test]
fn a_member_that_leaves_the_group_is_not_let_in_from_memory() {
    let slapd = Slapd::start().unwrap();
    let group = format!("cn=chat,ou=groups,{BASE}");
    let rule = format!("require_group = \"{group}\"");
    let (_site, mut adapter) = cached(&slapd, &rule, TTL, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    slapd.replace(&group, "member", &format!("uid=bob,ou=people,{BASE}")).unwrap();
    expect(&mut adapter, &sign_in("alice", "secret"), No);
    adapter.logs("reason=\"not-in-group\"");
}

#[test]
fn active_directory_disables_an_account_that_is_remembered() {
    let samba = Samba::start().unwrap();
    let site = Site::new(&format!(
        "[directory.corp]\npreset = \"samba\"\nservers = [\"{}\"]\nbase = \"{}\"\n\
         bind_dn = \"{}\"\nbind_password_file = \"{{dir}}/password\"\n\
         [directory.corp.tls]\nca_file = {:?}\n{TTL}\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n",
        samba.ldaps_url(),
        samba::BASE,
        samba::READER,
        samba.ca()
    ));
    site.secret("password", samba::SERVICE_PASSWORD);
    let mut adapter = Adapter::start(&site, Framing::Packet);
    expect(&mut adapter, &sign_in("dave", samba::PASSWORD), Yes);
    samba.disable("dave").unwrap();
    expect(&mut adapter, &sign_in("dave", samba::PASSWORD), No);
    adapter.logs("reason=\"account-disabled\"");
}

#[test]
fn an_outage_is_bridged_for_who_was_let_in_and_for_nobody_else() {
    for framing in Framing::BOTH {
        let mut slapd = Slapd::start().unwrap();
        let (_site, mut adapter) = cached(&slapd, "", STALE, framing);
        let outage = outage(framing);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        // While it can be asked, it is.
        assert_eq!(binds(&slapd, "alice"), 2);
        expect(&mut adapter, "isuser:alice:example.com", Yes);
        expect(&mut adapter, "isuser:bob:example.com", Yes);
        expect(&mut adapter, "isuser:nobody:example.com", No);
        slapd.stop();
        for request in ["auth:alice:example.com:secret", "isuser:alice:example.com"] {
            expect(&mut adapter, request, Yes);
        }
        expect(&mut adapter, "isuser:bob:example.com", Yes);
        for request in [
            "auth:alice:example.com:wrong",
            "auth:bob:example.com:secret",
            "auth:nobody:example.com:secret",
            "isuser:nobody:example.com",
            "isuser:carol:example.com",
        ] {
            expect(&mut adapter, request, outage);
        }
        // What nobody could judge was not held against alice.
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
        adapter.logs("remembered, because");
    }
}

#[test]
fn a_refusal_after_an_outage_wins_over_what_is_remembered() {
    let mut slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = cached(&slapd, "", STALE, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    expect(&mut adapter, "isuser:alice:example.com", Yes);
    slapd.stop();
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    slapd.restart().unwrap();
    slapd.delete(ALICE).unwrap();
    // While the outage is remembered, so is she.
    let started = Instant::now();
    while adapter.ask(&sign_in("alice", "secret")) == Yes {
        assert!(started.elapsed() < PATIENCE, "{}", adapter.log());
    }
    expect(&mut adapter, "isuser:alice:example.com", No);
    slapd.stop();
    expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
    expect(&mut adapter, "isuser:alice:example.com", CannotTell);
}

#[test]
fn who_does_not_exist_any_more_does_not_sign_in_from_memory() {
    let mut slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = cached(&slapd, "", STALE, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    slapd.delete(ALICE).unwrap();
    expect(&mut adapter, "isuser:alice:example.com", No);
    slapd.stop();
    expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
}

#[test]
fn an_answer_that_helps_nobody_is_no_outage() {
    let slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = cached(&slapd, "", STALE, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    slapd
        .change(&format!(
            "dn: cn=another,{BASE}\nchangetype: add\nobjectClass: inetOrgPerson\n\
             uid: alice\ncn: another\nsn: a\nuserPassword: other\n"
        ))
        .unwrap();
    expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
    expect(&mut adapter, "isuser:alice:example.com", CannotTell);
}

#[test]
fn a_refused_password_is_forgotten_although_the_name_cannot_be_looked_up_again() {
    let mut slapd = Slapd::start().unwrap();
    let table = format!("{STALE}\ndn_ttl = \"10m\"");
    let (_site, mut adapter) = cached(&slapd, "account_state = []", &table, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    slapd.set_password(ALICE, "changed").unwrap();
    slapd.set_password(WRITER_DN, "changed").unwrap();
    slapd.restart().unwrap();
    expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
    slapd.stop();
    expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
}

#[test]
fn nothing_is_remembered_by_default() {
    let mut slapd = Slapd::start().unwrap();
    let (_site, mut adapter) = cached(&slapd, "", "", Framing::Packet);
    for _ in 0..3 {
        expect(&mut adapter, &sign_in("alice", "secret"), Yes);
    }
    assert_eq!(binds(&slapd, "alice"), 3);
    expect(&mut adapter, "isuser:alice:example.com", Yes);
    slapd.stop();
    expect(&mut adapter, &sign_in("alice", "secret"), CannotTell);
    expect(&mut adapter, "isuser:alice:example.com", CannotTell);
}
