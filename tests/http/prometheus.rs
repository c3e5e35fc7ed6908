//! The alarms and the dashboard that the examples have, by Prometheus's own tool and against what a
//! daemon measures.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::process::require;
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::get;

const PREFIX: &str = "xmpp_ldap_auth_";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus").join(name)
}

#[track_caller]
fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new(require("promtool").unwrap());
    command.args(arguments).current_dir(example(""));
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
}

fn dashboard() -> Value {
    let text = fs::read_to_string(example("dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The expressions of the dashboard's panels.
fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// The families of ours that a text names.
fn families(text: &str) -> BTreeSet<&str> {
    let ends = |character: char| !character.is_ascii_alphanumeric() && character != '_';
    let names = text.split(PREFIX).skip(1).map(|rest| rest.split(ends).next().unwrap());
    names.map(|name| name.trim_end_matches("_bucket")).collect()
}

#[test]
fn each_alarm_is_raised_by_what_it_is_for_and_by_nothing_else() {
    promtool(&["check", "rules", "alerts.yml"], "");
    promtool(&["test", "rules", "alerts_test.yml"], "");
    let alarms = fs::read_to_string(example("alerts.yml")).unwrap();
    let tested = fs::read_to_string(example("alerts_test.yml")).unwrap();
    for alarm in alarms.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tested.contains(&format!("{{alertname=\"{alarm}\"}}")), "{alarm} is not tested");
    }
}

#[test]
fn each_expression_of_the_dashboard_can_be_evaluated() {
    let expressions = expressions().into_iter().enumerate();
    let rules: Vec<Value> = expressions
        .map(|(number, expression)| {
            let expression = expression.replace("$__rate_interval", "5m");
            json!({"record": format!("panel:{number}"), "expr": expression})
        })
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rules.yml");
    let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(&path, groups.to_string()).unwrap();
    promtool(&["check", "rules", path.to_str().unwrap()], "");
}

#[test]
fn each_panel_of_the_dashboard_has_its_place_in_the_picture() {
    let output = Command::new(example("picture")).arg("--check").output().unwrap();
    let picture = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let panels = dashboard()["panels"].as_array().unwrap().len();
    assert_eq!(picture.matches("class=\"panel\"").count(), panels, "{picture}");
}

#[tokio::test]
async fn alarms_and_dashboard_ask_for_what_is_measured() {
    let directory = Embedded::start().unwrap();
    let daemon = Daemon::asking(&directory.url());
    let question = "/check_password?user=alice&server=example.com&pass=secret";
    let _ = daemon.client().await.ask(get(question)).await;
    let metrics = daemon.watch("/metrics", "").await.body;
    let measured =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let measured: String = measured.map(|family| format!("{family} ")).collect();
    let measured = families(&measured);
    let alarms = fs::read_to_string(example("alerts.yml")).unwrap();
    let asked = [alarms, expressions().join(" ")].join(" ");
    let unknown: Vec<_> = families(&asked).difference(&measured).copied().collect();
    assert!(unknown.is_empty(), "{unknown:?} in\n{metrics}");
    promtool(&["check", "metrics"], &metrics);
}
