//! The catalogues: each key has its text and is read, each reason and event of the log is told of in the
//! manual, and what is made of the catalogues is true.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod schema;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::Parser;
use xmpp_ldap_auth::cli::Cli;
use xmpp_ldap_auth::config;
use xmpp_ldap_auth::config::effective::{Origin, Subject};
use xmpp_ldap_auth::config::keys::domain::DOMAIN;
use xmpp_ldap_auth::config::keys::top::{CALLER, TOP};
use xmpp_ldap_auth::config::keys::{AnyKey, Section, TableSpec, ValueForm};
use xmpp_ldap_auth::protocol::dialect::Dialect;
use xmpp_ldap_auth::verdict::{Denial, Outage, Verdict};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The tables of the manual: one for each table of the file.
fn tables() -> String {
    let mut tables = String::new();
    for section in TOP.sections() {
        add(&mut tables, &section).unwrap();
    }
    tables
}

fn add(tables: &mut String, section: &Section) -> std::fmt::Result {
    match section.table.name {
        "" => writeln!(tables, "\n## At the top\n")?,
        name => writeln!(tables, "\n## `[{name}]`\n\n{}\n", section.text)?,
    }
    writeln!(tables, "| key | | value | default |\n|---|---|---|---|")?;
    for key in section.keys.iter().filter(|key| below(key).is_none()) {
        let value = key.kind().form().words();
        writeln!(tables, "| `{}` | {} | {value} | {} |", key.name, key.text, key.default())?;
    }
    for (other, keys) in &section.shared {
        writeln!(tables, "| `{}` | as in `[{other}]` | | |", keys.join("`, `"))?;
    }
    Ok(())
}

fn below(key: &AnyKey) -> Option<&'static TableSpec> {
    match key.kind().form() {
        ValueForm::Table(table) | ValueForm::Tables(table) => Some(table),
        _ => None,
    }
}

/// What stands in a page of the manual between the lines `<!-- what -->` and `<!-- end of what -->`
/// must be this; if asked for, it is made so.
fn holds(page: &str, what: &str, made: &str) {
    let path = root().join("src/manual").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (start, end) = (format!("<!-- {what} -->\n"), format!("<!-- end of {what} -->\n"));
    let (before, rest) = text.split_once(&start).unwrap();
    let (shown, behind) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_MANUAL").is_some() {
        fs::write(&path, [before, &start, made, &end, behind].concat()).unwrap();
    } else {
        assert!(
            shown == made,
            "the {what} in {page} are not those of the catalogue; make them anew with\n\
             UPDATE_MANUAL=1 cargo test --test catalogue manual"
        );
    }
}

#[test]
fn the_manual_shows_every_key() {
    holds("configuration.md", "keys", &tables());
}

#[test]
fn the_manual_shows_every_reason() {
    let mut made = String::new();
    let mut add = |title: &str, verdicts: &mut dyn Iterator<Item = (Verdict, &'static str)>| {
        writeln!(made, "\n## {title}\n\n| reason | | do |\n|---|---|---|").unwrap();
        let mut rows: Vec<String> = verdicts
            .map(|(verdict, meaning)| {
                let (reason, advice) = (verdict.reason(), verdict.advice());
                format!("| `{reason}` | {} | {advice} |", meaning.trim_end_matches('.'))
            })
            .collect();
        rows.sort_unstable();
        rows.iter().for_each(|row| writeln!(made, "{row}").unwrap());
    };
    let denials = Denial::ALL.iter().map(|it| (Verdict::Denied(*it), it.meaning()));
    add("Why it was \"no\"", &mut { denials });
    let outages = Outage::ALL.iter().map(|it| (Verdict::Unavailable(*it), it.meaning()));
    add("Why nobody could tell", &mut { outages });
    holds("log.md", "reasons", &made);
}

/// The messages of the events in a file: of each call of a macro of `tracing` above debugging, the
/// string that is no field's value.
fn messages(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for level in ["error", "warn", "info"] {
        for call in source.split(&format!("tracing::{level}!(")).skip(1) {
            let (mut before, mut rest, mut depth) = ('(', call, 1);
            while let Some(c) = rest.chars().next().filter(|_| depth > 0) {
                rest = &rest[c.len_utf8()..];
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    '"' => {
                        let end = (0..rest.len())
                            .find(|at| rest[*at..].starts_with('"') && !rest[..*at].ends_with('\\'))
                            .unwrap();
                        if depth == 1 && matches!(before, '(' | ',') {
                            found.push(rest[..end].replace("\\\"", "\""));
                        }
                        rest = &rest[end + 1..];
                    }
                    _ => {}
                }
                before = if c.is_whitespace() { before } else { c };
            }
        }
    }
    found
}

fn sources(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_manual_shows_every_event() {
    let source = "tracing::warn!(a = f(\"x\"), b = \"y\", \"one \\\"two\\\" (three\"); g(\"z\")";
    assert_eq!(messages(source), ["one \"two\" (three"]);
    let page = fs::read_to_string(root().join("src/manual/log.md")).unwrap();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut count = 0;
    for message in files.iter().flat_map(|file| messages(file)).filter(|it| it != "{}") {
        // Code in Markdown cannot hold the sign that ends it.
        let message = message.split('`').next().unwrap();
        assert!(page.contains(&format!("`{}`", message.trim_end())), "log.md lacks {message}");
        count += 1;
    }
    assert!(count > 40, "{count}");
}

/// Every key of a table and of those below it, with the table that it stands in.
fn keys(table: &'static TableSpec, path: &str) -> Vec<(String, &'static AnyKey)> {
    let mut found = Vec::new();
    for key in table.keys() {
        let path =
            if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        match key.kind().form() {
            ValueForm::Table(table) => found.extend(keys(table, &path)),
            ValueForm::Tables(table) => found.extend(keys(table, &format!("{path}.x"))),
            _ => found.push((path, key)),
        }
    }
    found
}

#[test]
fn every_key_has_a_name_of_its_own_and_a_text() {
    for section in TOP.sections() {
        let mut names: Vec<&str> = section.table.keys().map(|key| key.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a key of [{}] stands twice", section.table.name);
        assert!(section.table.name.is_empty() || section.text.len() > 10);
        for key in section.table.keys() {
            assert!(key.text.len() > 10 && !key.text.contains('|'), "{}: {}", key.name, key.text);
            let mistake = section.table.mistakes.iter().find(|(name, _)| *name == key.name);
            assert_eq!(mistake, None);
        }
    }
}

/// Contexts, in one of which each key means something.
const CONTEXTS: [&str; 5] = [
    "listen.x = { http = \"127.0.0.1:5281\", credentials_file = \"/no/such\" }",
    "listen.x.socket = \"/run/x.sock\"",
    "directory.x = { preset = \"generic\", servers = [\"ldap://localhost\"], bind_dn = \"cn=x\" }\ndomain.x.directory = \"x\"",
    "directory.x = { discover = \"h.example\", sasl = \"gssapi\", tls.pins_only = true, write.discover = \"h.example\", write.sasl = \"gssapi\" }\ndomain.x.directory = \"x\"",
    "directory.x = { discover = \"h.example\", tls.pins_only = true, bind_dn = \"x\", rotation = {}, write = { servers = [], bind_dn = \"x\", rotation = {} } }\ndomain.x = { directory = \"x\" }",
];

/// A configuration with one more key, whose value is of no kind that a key has.
fn with(context: &str, key: &str) -> String {
    let mut document: toml::Table = toml::from_str(context).unwrap();
    let (path, key) = key.rsplit_once('.').map_or((None, key), |(path, key)| (Some(path), key));
    let mut table = &mut document;
    for part in path.into_iter().flat_map(|path| path.split('.')) {
        let below = table.entry(part).or_insert_with(|| toml::Table::new().into());
        table = below.as_table_mut().unwrap();
    }
    table.insert(key.to_owned(), toml::Value::Float(1.5));
    document.to_string()
}

#[test]
fn every_key_is_read() {
    for (path, key) in keys(&TOP, "") {
        let is_refused = CONTEXTS.iter().any(|context| {
            let problems =
                config::read(&with(context, &path), None, None).configuration.unwrap_err();
            let told = problems.iter().find(|problem| problem.key == path);
            told.is_some_and(|problem| {
                assert!(!problem.text.contains("no such key"), "{problem}");
                problem.text.starts_with("write ")
            })
        });
        assert!(is_refused, "{path} ({}) is in the catalogue, but nobody reads it", key.text);
    }
}

/// Everything that is written, and every default, is among the effective values.
#[test]
fn check_shows_every_key_that_has_a_value() {
    let text = "caller = \"prosody\"\ncache.mode = \"ttl\"\ncache.dn_ttl = \"1m\"\n\
        [directory.x]\npreset = \"generic\"\nservers = [\"ldap://localhost\"]\nbase = \"dc=x\"\n\
        anonymous = true\nnameservers = [\"192.0.2.53\"]\n[domain.y]\ndirectory = \"x\"\n\
        [listen.x]\nsocket = \"/run/x.sock\"\n";
    let configuration = config::read(text, None, None).configuration.unwrap();
    let mut shown = BTreeMap::new();
    for (subject, values) in configuration.effective.iter() {
        let table = match subject {
            Subject::Directory(name) => format!("directory.{name}."),
            Subject::Domain(name) => format!("domain.{name}."),
            Subject::Process => String::new(),
        };
        for value in values {
            shown.insert(format!("{table}{}", value.key), (&*value.text, value.origin));
        }
    }
    for (path, key) in keys(&TOP, "") {
        // The users of each domain have their own list, and what is not written overrides nothing.
        let is_elsewhere = ["domain.", "directory.x.write.", "directory.x.rotation."]
            .iter()
            .any(|table| path.starts_with(table));
        let is_of_users = std::ptr::addr_eq(key, DOMAIN.key(key.name).unwrap_or(&CALLER));
        let has_default = key.kind().default().is_some() && !is_elsewhere && !is_of_users;
        assert!(!has_default || shown.contains_key(&path), "{path} is not shown");
    }
    for (path, key) in keys(&TOP, "") {
        let stands_in = matches!(shown.get(&path), Some((_, Origin::Default)));
        assert!(
            !stands_in || !key.default().is_empty(),
            "the catalogue does not say what {path} is"
        );
    }
    for (path, value, origin) in [
        ("caller", "prosody", Origin::File),
        ("answer_within", "4s", Origin::Default),
        ("cache.good_for", "5m", Origin::Default),
        ("cache.dn_ttl", "1m", Origin::File),
        ("log.target", "auto", Origin::Default),
        ("directory.x.preset", "generic", Origin::File),
        ("directory.x.nameservers", "192.0.2.53", Origin::File),
        ("directory.x.anonymous", "true", Origin::File),
        ("directory.x.pool.lifetime", "30m", Origin::Default),
        ("domain.y.base", "dc=x", Origin::File),
        ("domain.y.login_attributes", "uid", Origin::Preset),
        ("domain.y.user_filter", "(&(objectClass=person)(uid={localpart}))", Origin::Preset),
        ("domain.y.require_group", "none", Origin::Default),
        ("domain.y.group_base", "the naming context", Origin::Default),
    ] {
        assert_eq!(shown.get(path), Some(&(value, origin)), "{path}");
    }
    let given = config::read(text, Some(Dialect::Ejabberd), None).configuration.unwrap();
    let caller = given.effective.values(&Subject::Process).iter().find(|it| it.key == "caller");
    let caller = caller.map(|caller| (&*caller.text, caller.origin));
    assert_eq!(caller, Some(("ejabberd", Origin::CommandLine)));
}

#[test]
fn what_is_no_key_is_told_the_keys_of_that_table() {
    for (text, expected) in [
        (
            "[directory.corp.pool]\nx = 1",
            "line 2: directory.corp.pool.x: there is no such key; the keys here are size, reuse, idle, lifetime",
        ),
        ("[directory.corp]\nkeytabs = 1", "did you mean keytab?"),
        ("[directory.corp]\nprincipals = 1", "did you mean principal?"),
        (
            "[directory.corp]\nkeytab = \"/x\"",
            "line 2: directory.corp.keytab: it belongs to sasl = \"gssapi\", which is missing",
        ),
        (
            "[directory.corp.write]\nstart_tls = true",
            "line 2: directory.corp.write.start_tls: it belongs to servers or discover",
        ),
        (
            "[domain.chat.example.com]\ndirectory = \"x\"",
            "line 1: domain.chat: write the name in quotes: [domain.\"chat.example.com\"]",
        ),
        ("[log]\nlevel = \"info\"\nlevel = \"info\"", "line 3, column 1: level is written twice"),
        (
            "[domain.\"a.example\"]\n[domain.\"A.example\"]",
            "line 1: domain.a.example.directory: this domain is written twice, in two spellings",
        ),
        (
            "[domain.\"a.example\"]\naliases = [\"a.example\"]",
            "line 2: domain.a.example.aliases: this domain is also an alias of itself",
        ),
    ] {
        let problems = config::read(text, None, None).configuration.unwrap_err().to_string();
        assert!(problems.contains(expected), "{text}: {problems}");
        assert!(!problems.contains("bind_password,"), "{problems}");
    }
    let problems = config::read("[domain.example.com]\ndirectory = \"x\"", None, None);
    let problems = problems.configuration.unwrap_err().to_string();
    assert_eq!(problems.matches("domain").count(), 2, "{problems}");
    let problems = config::read("caller == \"prosody\"", None, None).configuration.unwrap_err();
    assert_eq!(problems.len(), 1, "a syntax error drags others behind it: {problems}");
}

/// The code in this language in README and in the manual, with the page that it is in.
fn code(language: &str) -> Vec<(String, String)> {
    let pages = fs::read_dir(root().join("src/manual")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let start = format!("```{language}\n");
    let mut found = Vec::new();
    for page in pages.chain([root().join("README.md")]) {
        for rest in fs::read_to_string(&page).unwrap().split(&start).skip(1) {
            let block = rest.split("```").next().unwrap().to_owned();
            found.push((page.display().to_string(), block));
        }
    }
    found
}

#[test]
fn every_command_in_the_manual_is_one() {
    let blocks = code("sh").into_iter().flat_map(|(page, text)| {
        text.lines().map(|line| (page.clone(), line.to_owned())).collect::<Vec<_>>()
    });
    let mut count = 0;
    for (page, line) in blocks {
        let mut words =
            line.split_whitespace().skip_while(|word| ["sudo", "-u", "$who"].contains(word));
        if words.next() == Some("xmpp-ldap-auth") {
            let arguments = words.take_while(|word| !word.starts_with(['|', '<', '>', '#']));
            if let Err(error) = Cli::try_parse_from(["xmpp-ldap-auth"].into_iter().chain(arguments))
            {
                panic!("{page}: {line}: {error}");
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
