//! The JSON schema of the configuration: what it says of keys, of the examples and of the manual.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use xmpp_ldap_auth::config::schema::schema;

use crate::{code, root};

/// What a validator says of each document, one line each; nothing of one that is as the schema says.
const VALIDATOR: &str = "import json, sys
from jsonschema import Draft202012Validator as Validator
given = json.load(sys.stdin)
Validator.check_schema(given['schema'])
for document in given['documents']:
    print('; '.join(error.message for error in Validator(given['schema']).iter_errors(document)))";

fn complaints(documents: &[Value]) -> Vec<String> {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", VALIDATOR])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = serde_json::json!({ "schema": schema(), "documents": documents });
    python.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "tests/run installs python3-jsonschema");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_example_is_what_the_schema_says() {
    let paths: Vec<PathBuf> = fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    let documents: Vec<Value> = paths
        .iter()
        .map(|path| {
            let example: toml::Table = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            serde_json::to_value(example).unwrap()
        })
        .collect();
    let found = complaints(&documents);
    assert_eq!(found.len(), documents.len());
    assert!(found.len() >= 10);
    for (complaint, path) in found.iter().zip(&paths) {
        assert_eq!(complaint, "", "{}", path.display());
    }
    let wrong = [
        serde_json::json!({ "caller": "openfire" }),
        serde_json::json!({ "max_in_flight": 0 }),
        serde_json::json!({ "answer_within": "soon" }),
        serde_json::json!({ "directory": { "corp": { "base": 7 } } }),
        serde_json::json!({ "directory": { "corp": { "bind_password": "x" } } }),
        serde_json::json!({ "domain": { "example.com": { "size": 1 } } }),
    ];
    for (complaint, document) in complaints(&wrong).iter().zip(&wrong) {
        assert_ne!(complaint, "", "{document}");
    }
}

/// What stands there is a whole configuration, a part of one, or what is added to `[directory.NAME]`.
#[test]
fn every_configuration_in_the_manual_is_what_the_schema_says() {
    let blocks = code("toml");
    // MongooseIM has a TOML of its own.
    let blocks: Vec<_> = blocks.into_iter().filter(|(_, text)| !text.contains("[auth.")).collect();
    assert!(blocks.len() >= 6, "{blocks:?}");
    let mut documents = Vec::new();
    for (page, text) in &blocks {
        let table: toml::Table = toml::from_str(text).unwrap_or_else(|it| panic!("{page}: {it}"));
        documents.push(serde_json::json!({ "directory": { "x": table } }));
        documents.push(serde_json::to_value(table).unwrap());
    }
    let found = complaints(&documents);
    assert_eq!(found.len(), documents.len());
    for (complaints, (page, text)) in found.chunks(2).zip(&blocks) {
        assert!(complaints.iter().any(String::is_empty), "{page}: {text}{complaints:?}");
    }
}

/// Where a value is described, no link is left: an editor would lead it nowhere.
#[test]
fn the_schema_describes_every_key() {
    fn look(schema: &Value, count: &mut usize) {
        for (key, below) in schema["properties"].as_object().into_iter().flatten() {
            let text = below["description"].as_str().unwrap();
            assert!(text.len() > 10 && !text.contains("]("), "{key}: {text}");
            *count += 1;
            look(below, count);
            look(&below["additionalProperties"], count);
        }
    }
    let mut count = 0;
    look(&schema(), &mut count);
    assert!(count > 100, "{count}");
}
