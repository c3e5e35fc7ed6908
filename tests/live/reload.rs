//! Configurations, secrets and certificates that change while requests are under way.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ldap_fixtures::process::wait_until;
use ldap_fixtures::slapd::{BASE, Options, Slapd, WRITER_DN, WRITER_PASSWORD};
use ldap_fixtures::tls::Authority;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::load::{RIGHT, UNGUARDED, expect, expect_mix, recovers, send_mix, under_load};
use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Framing, PATIENCE, Site};
use crate::{Lookup, site};

const IN_USE: &str = "the configuration was read again and is in use";
/// That, or the same of certificates alone.
const READ_AGAIN: &str = "read again";
const WRONG: &str = "the new configuration is wrong; nothing has changed";
const FAILS: &str = "the new configuration does not work; nothing has changed";
const REFUSED: &str = "the new configuration is refused; nothing has changed";

/// A running process, as whoever administers it sees it.
struct Administered {
    process: Pid,
    log: File,
    unread: String,
}

impl Administered {
    fn new(site: &Site, adapter: &Adapter, framing: Framing) -> Self {
        let log = site.path().join(format!("{}.log", framing.caller()));
        let process = Pid::from_raw(adapter.id().try_into().unwrap()).unwrap();
        Self { process, log: File::open(log).unwrap(), unread: String::new() }
    }

    fn hang_up(&self) {
        kill_process(self.process, Signal::HUP).unwrap();
    }

    /// Waits until the log says this, after everything that was waited for before.
    #[track_caller]
    fn says(&mut self, words: &str) {
        let heard = wait_until(words, PATIENCE, || {
            self.log.read_to_string(&mut self.unread).unwrap();
            let start = self.unread.find(words);
            start.is_some_and(|start| self.unread.drain(..start + words.len()).count() > 0)
        });
        heard.unwrap_or_else(|error| panic!("{error} in {}", self.unread));
    }

    /// Asks for a reload, and waits for what comes of it.
    #[track_caller]
    fn reload(&mut self, outcome: &str) {
        self.hang_up();
        self.says(outcome);
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process)).unwrap().count()
    }
}

struct Bed {
    slapd: Slapd,
    site: Site,
    adapter: Adapter,
    administered: Administered,
}

impl Bed {
    fn new(framing: Framing, tables: &str) -> Self {
        let slapd = Slapd::start().unwrap();
        let site = site(&[&slapd.url()], Lookup::Search, "", tables);
        let mut adapter = Adapter::start(&site, framing);
        expect(&mut adapter, RIGHT, Yes);
        let administered = Administered::new(&site, &adapter, framing);
        Self { slapd, site, adapter, administered }
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.site.config()).unwrap()
    }
}

fn reloads_under_load(framing: Framing, count: usize) {
    let mut bed = Bed::new(framing, UNGUARDED);
    send_mix(&mut bed.adapter, 16);
    expect_mix(&mut bed.adapter, 16);
    bed.administered.reload(IN_USE);
    send_mix(&mut bed.adapter, 16);
    expect_mix(&mut bed.adapter, 16);
    let before = bed.administered.descriptors();
    let administered = &mut bed.administered;
    under_load(&mut bed.adapter, || {
        for _ in 0..count {
            administered.reload(IN_USE);
        }
    });
    // At most each connection once more, while the old one is being closed.
    let after = bed.administered.descriptors();
    assert!(after <= 2 * before, "{before} descriptors became {after}");
    let (rest, status) = bed.adapter.finish();
    assert!(rest.is_empty() && status.success());
}

#[test]
fn a_thousand_reloads_under_load_lose_nothing() {
    reloads_under_load(Framing::Packet, 1000);
}

#[test]
fn reloads_under_load_lose_no_line() {
    reloads_under_load(Framing::Line, 200);
}

#[test]
fn a_storm_of_signals_is_survived() {
    let mut bed = Bed::new(Framing::Packet, UNGUARDED);
    let administered = &mut bed.administered;
    under_load(&mut bed.adapter, || {
        for _ in 0..1000 {
            administered.hang_up();
        }
        administered.says(IN_USE);
    });
}

#[test]
fn a_wrong_configuration_changes_nothing_and_says_so() {
    for framing in Framing::BOTH {
        let mut bed = Bed::new(framing, UNGUARDED);
        let good = bed.config();
        for bad in [
            "this is not TOML".to_owned(),
            String::new(),
            format!("no_such_key = 1\n{good}"),
            good.replace("ldap://", "http://"),
            good.replace("{dir}/password", "/no/such/file").replace("/password\"", "/missing\""),
            good.replace("(uid={localpart})", "(uid={nonsense})"),
        ] {
            assert_ne!(bad, good);
            bed.site.write("config.toml", &bad);
            let administered = &mut bed.administered;
            under_load(&mut bed.adapter, || administered.reload(WRONG));
        }
        std::fs::remove_file(bed.site.config()).unwrap();
        let administered = &mut bed.administered;
        under_load(&mut bed.adapter, || administered.reload(WRONG));
        bed.site.write("config.toml", &good);
        under_load(&mut bed.adapter, || administered.reload(IN_USE));
    }
}

#[test]
fn a_configuration_that_does_not_work_changes_nothing_and_says_so() {
    let mut bed = Bed::new(Framing::Packet, UNGUARDED);
    let good = bed.config();
    // Nothing listens there.
    bed.site.write("config.toml", &good.replace(&bed.slapd.url(), "ldap://127.0.0.1:9"));
    let administered = &mut bed.administered;
    under_load(&mut bed.adapter, || administered.reload(FAILS));
    bed.site.write("config.toml", &good);
    under_load(&mut bed.adapter, || administered.reload(IN_USE));
}

#[test]
fn domains_come_and_go_with_the_configuration() {
    let mut bed = Bed::new(Framing::Packet, UNGUARDED);
    let old = bed.config();
    let more = "auth:alice:more.example:secret";
    expect(&mut bed.adapter, more, No);
    bed.site
        .write("config.toml", &format!("{old}[domain.\"more.example\"]\ndirectory = \"corp\"\n"));
    let administered = &mut bed.administered;
    under_load(&mut bed.adapter, || administered.reload(IN_USE));
    expect(&mut bed.adapter, more, Yes);
    bed.site.write("config.toml", &old);
    under_load(&mut bed.adapter, || administered.reload(IN_USE));
    expect(&mut bed.adapter, more, No);
}

#[test]
fn the_guard_remembers_across_a_reload() {
    let mut bed = Bed::new(Framing::Packet, "");
    for _ in 0..3 {
        expect(&mut bed.adapter, "auth:alice:example.com:yesterdays", No);
        bed.administered.reload(IN_USE);
    }
    // One of them is the right password's.
    assert_eq!(bed.slapd.binds("uid=alice,ou=people,dc=example,dc=com"), 2);
}

#[test]
fn who_was_let_in_by_other_rules_is_not_let_in_from_memory() {
    let tables = "answer_within = \"2s\"\n---\n[cache]\nmode = \"stale-if-unavailable\"";
    let mut bed = Bed::new(Framing::Packet, tables);
    let base = "base = \"";
    let admins = format!("require_group = \"cn=admins,{BASE}\"\n{base}");
    bed.site.write("config.toml", &bed.config().replacen(base, &admins, 1));
    bed.administered.reload(IN_USE);
    bed.slapd.stop();
    expect(&mut bed.adapter, RIGHT, CannotTell);
}

#[test]
fn a_directory_that_is_down_does_not_hold_up_the_others() {
    let mut bed = Bed::new(Framing::Packet, UNGUARDED);
    let mut down = Slapd::start().unwrap();
    let config = bed.config();
    let start = config.find("[directory.").unwrap();
    let table = config.get(start..config.find("[throttle]").unwrap()).unwrap();
    let name = table.get(..table.find(']').unwrap()).unwrap();
    let second = table.replace(name, "[directory.second").replace(&bed.slapd.url(), &down.url());
    let served = "[domain.\"second.example\"]\ndirectory = \"second\"\n";
    bed.site.write("config.toml", &format!("{config}\n{second}\n{served}"));
    bed.administered.reload(IN_USE);
    expect(&mut bed.adapter, "auth:alice:second.example:secret", Yes);
    down.stop();
    expect(&mut bed.adapter, "auth:alice:second.example:secret", CannotTell);
    bed.administered.reload(IN_USE);
    expect(&mut bed.adapter, RIGHT, Yes);
    down.restart().unwrap();
    let started = std::time::Instant::now();
    while bed.adapter.ask("auth:alice:second.example:secret") != Yes {
        assert!(started.elapsed() < PATIENCE, "{}", bed.adapter.log());
    }
}

#[test]
fn a_changed_service_password_is_noticed_by_itself() {
    let mut bed = Bed::new(Framing::Packet, UNGUARDED);
    let administered = &mut bed.administered;
    let (slapd, site) = (&bed.slapd, &bed.site);
    under_load(&mut bed.adapter, || {
        // One that does not work is not put to use.
        site.secret("password", "a-slip-of-the-pen");
        administered.says(REFUSED);
        slapd.set_password(WRITER_DN, "rotated").unwrap();
        site.secret("password", "rotated");
        administered.says(IN_USE);
    });
    bed.slapd.restart().unwrap();
    recovers(&mut bed.adapter);
    expect(&mut bed.adapter, "isuser:nobody:example.com", No);
    assert!(!bed.slapd.accepts(WRITER_DN, WRITER_PASSWORD).unwrap());
}

fn append(to: &Path, from: [&Path; 2]) {
    let texts = from.map(|file| std::fs::read_to_string(file).unwrap());
    std::fs::write(to, texts.concat()).unwrap();
}

/// Two authorities, a slapd that shows a certificate of the first, and a site that trusts that one.
struct Rotation {
    old: Authority,
    new: Authority,
    slapd: Slapd,
    site: Site,
    ca: PathBuf,
    _places: [TempDir; 2],
}

impl Rotation {
    fn new() -> Self {
        let places = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [old, new] = places.each_ref().map(|place| Authority::create(place.path()).unwrap());
        let tls = Some((old.certificate().to_owned(), old.good().unwrap()));
        let slapd = Options { tls, require_tls: true, ..Options::default() }.start().unwrap();
        let tables = format!("[directory.corp.tls]\nca_file = \"{{dir}}/ca.pem\"\n{UNGUARDED}");
        let site = site(&[&slapd.ldaps_url()], Lookup::Search, "", &tables);
        let ca = site.path().join("ca.pem");
        std::fs::copy(old.certificate(), &ca).unwrap();
        Self { old, new, slapd, site, ca, _places: places }
    }
}

#[test]
fn authorities_and_certificates_are_replaced_without_a_lost_request() {
    let Rotation { old, new, mut slapd, site, ca, _places } = Rotation::new();
    let mut adapter = Adapter::start(&site, Framing::Packet);
    expect(&mut adapter, RIGHT, Yes);
    let mut administered = Administered::new(&site, &adapter, Framing::Packet);
    under_load(&mut adapter, || {
        append(&ca, [old.certificate(), new.certificate()]);
        administered.says(READ_AGAIN);
    });
    under_load(&mut adapter, || slapd.show(&new.good().unwrap()).unwrap());
    // Not by a connection from before.
    recovers(&mut adapter);
    under_load(&mut adapter, || {
        std::fs::copy(new.certificate(), &ca).unwrap();
        administered.says(READ_AGAIN);
    });
    slapd.show(&old.good().unwrap()).unwrap();
    expect(&mut adapter, RIGHT, CannotTell);
    adapter.logs("unknown CA");
}

#[test]
fn an_authority_that_does_not_know_the_server_is_not_put_to_use() {
    let Rotation { new, mut slapd, site, ca, _places, .. } = Rotation::new();
    let mut adapter = Adapter::start(&site, Framing::Packet);
    expect(&mut adapter, RIGHT, Yes);
    let mut administered = Administered::new(&site, &adapter, Framing::Packet);
    for (text, words) in [
        (std::fs::read_to_string(new.certificate()).unwrap(), FAILS),
        ("no certificate".to_owned(), WRONG),
    ] {
        std::fs::write(&ca, text).unwrap();
        under_load(&mut adapter, || administered.says(words));
        slapd.restart().unwrap();
        recovers(&mut adapter);
    }
}

#[test]
fn a_renewed_client_certificate_is_noticed_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let authority = Authority::create(place.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
    let options = Options { tls, require_tls: true, verify_client: true, ..Options::default() };
    let mut slapd = options.start().unwrap();
    let ca = authority.certificate();
    let tables = format!(
        "[directory.corp.tls]\nca_file = {ca:?}\nclient_cert_file = \"{{dir}}/client.pem\"\n\
         client_key_file = \"{{dir}}/client.key\"\n{UNGUARDED}"
    );
    let site = site(&[&slapd.ldaps_url()], Lookup::Search, "sasl = \"external\"", &tables);
    let install = || {
        let client = authority.client().unwrap();
        let read = |file: &Path| std::fs::read_to_string(file).unwrap();
        site.secret("client.key", &read(&client.key));
        site.write("client.pem", &read(&client.certificate));
    };
    install();
    let mut adapter = Adapter::start(&site, Framing::Packet);
    expect(&mut adapter, RIGHT, Yes);
    let mut administered = Administered::new(&site, &adapter, Framing::Packet);
    under_load(&mut adapter, || {
        install();
        administered.says(READ_AGAIN);
    });
    slapd.restart().unwrap();
    recovers(&mut adapter);
}
