//! What a configuration comes to.

use std::fs;
use std::time::Duration;

use ldap_fixtures::tls::Authority;
use xmpp_ldap_auth::config;
use xmpp_ldap_auth::config::effective::Subject;
use xmpp_ldap_auth::directory::account::preset::Preset;
use xmpp_ldap_auth::protocol::dialect::Dialect;
use xmpp_ldap_auth::session::lock_step::FirstRequest;

use crate::support::binary;
use crate::{GOOD, read, site};

#[test]
fn a_good_configuration_has_no_problems() {
    let site = site(GOOD);
    let reading = read(&site);
    let configuration = reading.configuration.unwrap();
    assert_eq!(configuration.domains()["example.com"].0, "corp");
    assert_eq!(reading.startup.caller.terms.dialect, Dialect::Ejabberd);
    assert_eq!(reading.startup.caller.terms.answer_within, Duration::from_secs(25));
    assert_eq!(reading.startup.caller.terms.reply_within, Duration::from_millis(27_500));
    assert_eq!(reading.startup.caller.terms.window, 64);
    let few = config::read("max_in_flight = 3\n", None, None);
    assert_eq!(few.startup.caller.terms.window, 3);
    assert_eq!(reading.startup.caller.first_request, FirstRequest::Discard);
    assert!(reading.remarks.is_empty());
    assert!(!format!("{:?}", configuration.directories["corp"]).contains("tops3cret"));
}

#[test]
fn the_caller_comes_from_the_command_line_then_the_file_then_the_terminal() {
    let site = site(GOOD);
    let dialect =
        |given, likely| config::load(&site.config(), given, likely).startup.caller.terms.dialect;
    assert_eq!(dialect(Some(Dialect::MongooseIm), None), Dialect::MongooseIm);
    assert_eq!(dialect(None, Some(Dialect::Prosody)), Dialect::Ejabberd);
    site.write("config.toml", &GOOD.replace("caller = \"ejabberd\"", ""));
    assert_eq!(dialect(None, Some(Dialect::Prosody)), Dialect::Prosody);
}

#[test]
fn a_domain_is_served_by_either_spelling_of_its_name() {
    for name in ["bücher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example"] {
        let site =
            site(&GOOD.replacen("[domain.\"example.com\"]", &format!("[domain.{name:?}]"), 1));
        let configuration = read(&site).configuration.unwrap();
        assert!(configuration.domains().contains_key("bücher.example"), "{name}");
    }
}

#[test]
fn every_example_is_right() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut count = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let site =
            site(&fs::read_to_string(&path).unwrap().replace("/etc/xmpp-ldap-auth/", "{dir}/"));
        site.secret("company.password", "x");
        fs::rename(site.path().join("ca.pem"), site.path().join("company-ca.pem")).unwrap();
        let client = Authority::create(site.path()).unwrap().client().unwrap();
        fs::rename(client.certificate, site.path().join("client.pem")).unwrap();
        fs::rename(client.key, site.path().join("client.key")).unwrap();
        let output = binary().arg("check").arg("--config").arg(site.config()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}: {text}", path.display());
        assert!(text.contains("is right"), "{text}");
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        assert!(lines.any(|words| words == ["preset", name]), "{name}: {text}");
        count += 1;
    }
    assert_eq!(count, Preset::ALL.len());
}

#[test]
fn failures_count_for_as_long_as_a_directory_can_count_them() {
    for within in ["30m", "7days", "365days"] {
        let reading = read(&site(&format!("{GOOD}[throttle]\nwithin = \"{within}\"\n")));
        let guard = reading.configuration.unwrap().policy.guard.unwrap();
        assert_eq!(guard.account.within, humantime::parse_duration(within).unwrap());
    }
}

#[test]
fn our_own_certificate_is_shown_and_told_of_before_it_expires() {
    let place = site(GOOD);
    // Good for 30 days.
    let own = Authority::create(place.path()).unwrap().client().unwrap();
    let keys = format!(
        "client_cert_file = {:?}\nclient_key_file = {:?}\nca_file",
        own.certificate, own.key
    );
    place.write("config.toml", &GOOD.replacen("ca_file", &keys, 1));
    let reading = read(&place);
    let remarks: Vec<String> = reading.remarks.iter().map(ToString::to_string).collect();
    let expected =
        "directory.corp.tls.client_cert_file: \"CN=xmpp-adapter\" issued by \"CN=Test CA ";
    let is_told = |it: &String| it.contains(expected) && it.ends_with("Z: renew it");
    assert!(remarks.iter().any(is_told), "{remarks:?}");
    let configuration = reading.configuration.unwrap();
    let values = configuration.effective.values(&Subject::Directory("corp".to_owned()));
    assert!(
        values
            .iter()
            .any(|it| it.key == "tls.client_certificate" && it.text.contains("good until"))
    );
}
