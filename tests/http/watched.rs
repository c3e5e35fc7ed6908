//! What Prometheus reads, and what `/healthz` says.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::slapd::Options;
use ldap_fixtures::tls::Authority;
use tokio::time::sleep;

use crate::daemon::Daemon;
use crate::support::PATIENCE;
use crate::{get, post};

/// The value of a sample, by its name and its labels in their order.
fn value(metrics: &str, sample: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn every_family_is_there_and_says_what_happened() {
    let directory = Embedded::start().unwrap();
    let url = directory.url();
    let daemon = Daemon::asking(&url);
    let mut client = daemon.client().await;
    let ask = |user, server, pass| {
        get(&format!("/check_password?user={user}&server={server}&pass={pass}"))
    };
    for request in [
        ask("alice", "example.com", "secret"),
        ask("alice", "example.com", "wrong"),
        ask("alice", "example.com", "wrong"),
        ask("alice", "x.example", "x"),
        ask("alice", "y.example", "x"),
        get("/user_exists?user=bob&server=example.com"),
        post("/set_password", "user=alice&server=example.com&pass=secret"),
        post("/register", "user=z&server=example.com&pass=x"),
    ] {
        let _ = client.ask(request).await;
    }
    let answer = daemon.watch("/metrics", "").await;
    assert_eq!(answer.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let metrics = &answer.body;
    let version = env!("CARGO_PKG_VERSION");
    let request = |verb, domain, verdict, reason| {
        format!(
            "requests_total{{listener=\"chat\",verb=\"{verb}\",domain=\"{domain}\",verdict=\"{verdict}\",reason=\"{reason}\"}}"
        )
    };
    let operation = |operation, result| {
        format!(
            "directory_operations_total{{directory=\"corp\",server=\"{url}\",operation=\"{operation}\",result=\"{result}\"}}"
        )
    };
    for (sample, expected) in [
        (format!("build_info{{version=\"{version}\"}}"), 1.0),
        (request("auth", "example.com", "yes", "ok"), 1.0),
        (request("auth", "example.com", "no", "wrong-password"), 2.0),
        (request("auth", "other", "no", "unknown-domain"), 2.0),
        (request("isuser", "example.com", "yes", "ok"), 1.0),
        (request("setpass", "example.com", "yes", "ok"), 1.0),
        (request("other", "other", "no", "unsupported"), 1.0),
        ("request_duration_seconds_count{listener=\"chat\",verb=\"auth\"}".to_owned(), 5.0),
        ("requests_in_flight{listener=\"chat\"}".to_owned(), 0.0),
        ("connections{listener=\"chat\"}".to_owned(), 1.0),
        ("connections{listener=\"watch\"}".to_owned(), 1.0),
        (format!("directory_up{{directory=\"corp\",server=\"{url}\"}}"), 1.0),
        (operation("bind", "refused"), 1.0),
        (operation("setpass", "ok"), 1.0),
        (operation("setpass", "lost"), 0.0),
        ("pool_connections{directory=\"corp\",state=\"busy\"}".to_owned(), 0.0),
        ("guard_refusals_total{kind=\"same-wrong\"}".to_owned(), 1.0),
        ("guard_refusals_total{kind=\"account\"}".to_owned(), 0.0),
        ("guard_refusals_total{kind=\"domain\"}".to_owned(), 0.0),
        ("cache_total{cache=\"dn\",result=\"hit\"}".to_owned(), 0.0),
        ("late_answers_total".to_owned(), 0.0),
        ("reload_success".to_owned(), 1.0),
        ("log_lines_lost_total".to_owned(), 0.0),
    ] {
        let found = value(metrics, &format!("xmpp_ldap_auth_{sample}"));
        assert_eq!(found, Some(expected), "{sample} in\n{metrics}");
    }
    for (sample, least) in [
        ("xmpp_ldap_auth_pool_connections{directory=\"corp\",state=\"idle\"}".to_owned(), 1.0),
        (format!("xmpp_ldap_auth_{}", operation("connect", "ok")), 2.0),
        (format!("xmpp_ldap_auth_{}", operation("search", "ok")), 1.0),
        ("process_cpu_seconds_total".to_owned(), 0.000_1),
        ("process_start_time_seconds".to_owned(), 1.7e9),
        ("process_resident_memory_bytes".to_owned(), 1e6),
        ("process_virtual_memory_bytes".to_owned(), 1e6),
        ("process_open_fds".to_owned(), 5.0),
        ("process_max_fds".to_owned(), 10.0),
    ] {
        let found = value(metrics, &sample);
        assert!(found >= Some(least), "{sample} is {found:?} in\n{metrics}");
    }
    assert!(metrics.contains("# TYPE xmpp_ldap_auth_certificate_expiry_timestamp_seconds gauge"));
    for word in ["alice", "bob", "x.example", "y.example", "secret"] {
        assert!(!metrics.contains(word), "{word} in\n{metrics}");
    }
}

#[tokio::test]
async fn it_is_told_when_the_certificate_of_a_server_expires() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
    let slapd = Options { tls, ..Options::default() }.start().unwrap();
    let url = slapd.ldaps_url();
    let ca = format!("[directory.corp.tls]\nca_file = {:?}\n", authority.certificate());
    let daemon = Daemon::asking_also(&url, &ca);
    let mut client = daemon.client().await;
    let right = get("/check_password?user=alice&server=example.com&pass=secret");
    assert_eq!(client.ask(&right).await.brief(), (200, "true"), "{}", daemon.log());
    let metrics = daemon.watch("/metrics", "").await.body;
    let sample = format!(
        "xmpp_ldap_auth_certificate_expiry_timestamp_seconds{{directory=\"corp\",server=\"{url}\"}}"
    );
    let expiry = value(&metrics, &sample).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(expiry > now && expiry < now + 1e10, "{expiry}");
}

#[tokio::test]
async fn open_metrics_are_written_for_who_wants_them() {
    let directory = Embedded::start().unwrap();
    let daemon = Daemon::asking(&directory.url());
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let answer = daemon.watch("/metrics", accept).await;
    let kind = answer.field("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    assert!(
        answer.body.contains("# TYPE xmpp_ldap_auth_late_answers counter\n"),
        "{}",
        answer.body
    );
    assert!(answer.closes());
    for (target, status) in [("/", 404), ("/check_password?user=a", 404), ("/healthz", 200)] {
        assert_eq!(daemon.watch(target, "").await.status, status, "{target}");
    }
}

#[tokio::test]
async fn health_is_lost_and_found() {
    let directory = Embedded::start().unwrap();
    let daemon = Daemon::asking(&directory.url());
    assert_eq!(daemon.watch("/healthz", "").await.brief(), (200, "ok"));
    let good = std::fs::read_to_string(daemon.0.site.config()).unwrap();
    daemon.0.site.write("config.toml", &format!("{good}\n[domain.\"x\"]\ndirectory = \"none\"\n"));
    daemon.reload();
    daemon.becomes(503, "domain.x.directory").await;
    let metrics = daemon.watch("/metrics", "").await.body;
    assert_eq!(value(&metrics, "xmpp_ldap_auth_reload_success"), Some(0.0));
    let mut client = daemon.client().await;
    let right = get("/check_password?user=alice&server=example.com&pass=secret");
    assert_eq!(client.ask(&right).await.brief(), (200, "true"));
    daemon.0.site.write("config.toml", &good);
    daemon.reload();
    daemon.becomes(200, "ok").await;
    let url = directory.url();
    drop(directory);
    let start = Instant::now();
    while client.ask(&right).await.status == 200 {
        assert!(start.elapsed() < PATIENCE, "{}", daemon.log());
        sleep(Duration::from_millis(5)).await;
    }
    daemon.becomes(503, "directory corp").await;
    let metrics = daemon.watch("/metrics", "").await.body;
    let up = format!("xmpp_ldap_auth_directory_up{{directory=\"corp\",server=\"{url}\"}}");
    assert_eq!(value(&metrics, &up), Some(0.0), "{metrics}");
}
