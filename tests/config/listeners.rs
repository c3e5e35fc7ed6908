//! What the daemon listens on.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use xmpp_ldap_auth::config::effective::Subject;
use xmpp_ldap_auth::listen::settings::{ListenAddress, ListenerKind, ListenerSettings};
use xmpp_ldap_auth::protocol::http::reply::Status;

use crate::{GOOD, read, site};

/// The listeners, and the problems, of a configuration with this beside what is good.
fn listening(listen: &str, credentials: &str) -> (Vec<ListenerSettings>, String) {
    let site = site(&format!("{GOOD}{listen}"));
    site.secret("credentials", credentials);
    set_permissions(site.write("open", "a:b\n"), Permissions::from_mode(0o644)).unwrap();
    let reading = read(&site);
    let problems = reading.configuration.err().map(|problems| problems.to_string());
    (reading.listeners, problems.unwrap_or_default())
}

fn http(keys: &str) -> String {
    format!(
        "[listen.h]\nhttp = \"127.0.0.1:5281\"\ncredentials_file = \"{{dir}}/credentials\"\n{keys}"
    )
}

#[test]
fn http_and_metrics_listen_on_ports_of_this_machine_or_on_sockets() {
    let listen =
        http("") + "[listen.m]\nmetrics = \"[::1]:9781\"\n[listen.s]\nmetrics = \"/run/m\"\n";
    let (listeners, problems) = listening(&listen, "a:b\nc:d:e\n");
    assert_eq!(problems, "");
    let of = |name| listeners.iter().find(|listener| listener.name == name).unwrap();
    assert_eq!(of("h").kind, ListenerKind::Http);
    assert_eq!(of("h").address, ListenAddress::Tcp("127.0.0.1:5281".parse().unwrap()));
    assert_eq!(of("m").kind, ListenerKind::Metrics);
    assert_eq!(of("m").address, ListenAddress::Tcp("[::1]:9781".parse().unwrap()));
    let unix = ListenAddress::Unix { path: "/run/m".into(), mode: 0o660, group: None };
    assert_eq!(of("s").address, unix);
}

#[test]
fn how_long_http_is_worked_on_depends_on_who_asks() {
    let ejabberd = "caller = \"ejabberd\"\n";
    for (top, keys, within) in [
        (ejabberd, "", 8000),
        (ejabberd, "caller = \"prosody\"\n", 8000),
        (ejabberd, "caller = \"mongooseim\"\n", 1800),
        (ejabberd, "caller = \"mongooseim\"\nanswer_within = \"1s\"\n", 1000),
        ("caller = \"mongooseim\"\n", "", 1800),
        ("caller = \"mongooseim\"\n", "caller = \"prosody\"\n", 8000),
    ] {
        let site = site(&format!("{GOOD}{}", http(keys)).replace(ejabberd, top));
        site.secret("credentials", "a:b\n");
        let listeners = read(&site).listeners;
        assert_eq!(listeners[0].terms.answer_within, Duration::from_millis(within), "{top}{keys}");
    }
}

#[test]
fn what_is_shown_of_a_listener_is_what_holds_for_it() {
    let unix = "[listen.c]\ncontrol = \"/run/c\"\n[listen.s]\nhttp = \"systemd:s\"\n";
    let unix = unix.to_owned() + "credentials_file = \"{dir}/credentials\"\n";
    let site = site(&format!("{GOOD}{}{unix}", http("caller = \"mongooseim\"\n")));
    site.secret("credentials", "a:b\n");
    let configuration = read(&site).configuration.unwrap();
    let shown = |key: &str| {
        let mut values = configuration.effective.values(&Subject::Process).iter();
        values.find(|it| it.key == key).map(|it| it.text.clone())
    };
    assert_eq!(shown("listen.h.answer_within").as_deref(), Some("1s 800ms"));
    assert_eq!(shown("listen.s.answer_within").as_deref(), Some("8s"));
    assert_eq!(shown("listen.c.mode").as_deref(), Some("0600"));
    assert_eq!(
        ["h.mode", "h.group", "h.users", "s.mode"].map(|key| shown(&format!("listen.{key}"))),
        [const { None }; 4]
    );
    assert!(shown("listen.s.users").is_some() && shown("listen.c.group").is_some());
}

#[test]
fn the_status_for_cannot_tell_is_one_of_two() {
    for (keys, status) in [
        ("", Status::BadRequest),
        ("unavailable_status = 400\n", Status::BadRequest),
        ("unavailable_status = 503\n", Status::ServiceUnavailable),
    ] {
        let (listeners, problems) = listening(&http(keys), "a:b\n");
        assert_eq!((listeners[0].terms.http.unavailable, &*problems), (status, ""), "{keys}");
    }
}

#[test]
fn mistakes_in_listeners_are_told_and_secrets_are_not() {
    let metrics = "[listen.h]\nmetrics = \"/run/m\"\n";
    for (listen, credentials, key, words) in [
        (http("").replace("127.0.0.1", "0.0.0.0"), "a:b", "http", "only this machine"),
        (http("").replace("127.0.0.1", "[2001:db8::1]"), "a:b", "http", "only this machine"),
        (http("").replace("127.0.0.1", "localhost"), "a:b", "http", "127.0.0.1:5281"),
        (http("").replace(":5281", ""), "a:b", "http", "127.0.0.1:5281"),
        ("[listen.h]\nhttp = \"/run/h\"\n".to_owned(), "a:b", "http", "credentials_file"),
        (http("").replace("/credentials", "/none"), "a:b", "credentials_file", "none of this name"),
        (http("").replace("/credentials", "/open"), "a:b", "credentials_file", "chmod"),
        (http(""), "", "credentials_file", "user:password"),
        (http(""), "a:b\ntops3cret\n", "credentials_file", "line 2"),
        (http("users = [0]\n"), "a:b", "users", "port"),
        (http("mode = \"0600\"\n"), "a:b", "mode", "port"),
        (http("group = \"daemon\"\n"), "a:b", "group", "port"),
        (http("unavailable_status = 500\n"), "a:b", "unavailable_status", "write 400 or 503"),
        (http("metrics = \"/run/m\"\n"), "a:b", "socket", "exactly one"),
        ("[listen.h]\n".to_owned(), "a:b", "socket", "exactly one"),
        (
            metrics.to_owned() + "credentials_file = \"{dir}/credentials\"\n",
            "a:b",
            "credentials_file",
            "http alone",
        ),
        (
            metrics.to_owned() + "unavailable_status = 400\n",
            "a:b",
            "unavailable_status",
            "http alone",
        ),
        (metrics.to_owned() + "caller = \"prosody\"\n", "a:b", "caller", "http alone"),
        ("[listen.h]\nsocket = \"127.0.0.1:1\"\n".to_owned(), "a:b", "socket", "path"),
    ] {
        let (_, problems) = listening(&listen, credentials);
        let expected = format!("listen.h.{key}: ");
        let is_told = problems.lines().any(|line| line.contains(&expected) && line.contains(words));
        assert!(is_told, "{listen}: {problems}");
        assert!(!problems.contains("tops3cret"), "{problems}");
    }
}
