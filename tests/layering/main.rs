//! Who may know whom: the files of `src/` keep to their places.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod imports;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Tree, blind_spots, code, module_of, sources, types};

/// Every part of `src/`, a file or a folder. Each uses only those that stand before it.
const LAYERS: &[&str] = &[
    "build",
    "named",
    "lock",
    "aside",
    "background",
    "exit",
    "result_code",
    "verdict",
    "deadline",
    "jid",
    "request",
    "answer",
    "turns",
    "printable",
    "files",
    "protocol",
    "stdio",
    "local_stream",
    "peer",
    "policy",
    "observe",
    "directory/names",
    "directory/message",
    "directory/diagnosis",
    "directory/tls",
    "directory/session",
    "directory/sasl",
    "directory/locate",
    "directory/connect",
    "directory/pool",
    "directory/account",
    "directory/groups",
    "directory/directory",
    "directory/facts",
    "directory/backend",
    "directory/domain",
    "directory/inspect",
    "directory",
    "authenticator",
    "pending",
    "session",
    "listen",
    "relay",
    "confine",
    "config",
    "cli",
    "manual",
    "commands",
    "lib",
    "main",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// What is wrong with a tree whose parts have this order, with the files of each violation.
fn violations(root: &Path, layers: &[&str]) -> Vec<String> {
    let place = |file: &str| {
        let module = module_of(file);
        let holds = |layer: &str| {
            module.strip_prefix(layer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // A part of a part has a place of its own.
        let parts = layers.iter().enumerate().filter(|(_, layer)| holds(layer));
        parts.max_by_key(|(_, layer)| layer.len()).map(|(place, _)| place)
    };
    let tree = Tree::read(root);
    let imports = tree.imports();
    let homeless = sources(root).into_keys().filter(|file| place(file).is_none());
    let mut found: Vec<String> = homeless.map(|file| format!("{file} has no place")).collect();
    let upward = imports.iter().filter(|(user, used)| place(user) < place(used));
    found.extend(upward.map(|(user, used)| format!("{user} uses {used}, which stands above it")));
    for (file, source) in sources(root) {
        found.extend(blind_spots(&file, &source).iter().map(|spot| format!("{file} has {spot}")));
    }
    found.extend(circles(&imports));
    found
}

/// The shortest circle through each import that is part of one.
fn circles(imports: &BTreeSet<(&str, &str)>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (user, used) in imports {
        let mut came_from = BTreeMap::from([(*used, *user)]);
        let mut queue = VecDeque::from([*used]);
        while let Some(file) = queue.pop_front().filter(|file| file != user) {
            for (_, next) in imports.range((file, "")..).take_while(|(user, _)| *user == file) {
                if !came_from.contains_key(next) {
                    came_from.insert(next, file);
                    queue.push_back(next);
                }
            }
        }
        let mut circle = vec![*user];
        while let Some(before) = came_from.get(circle[0]) {
            circle.insert(0, before);
            if before == user {
                // Told from its first file on, wherever it was entered.
                circle.pop();
                let first = (0..circle.len()).min_by_key(|at| circle[*at]).unwrap_or_default();
                circle.rotate_left(first);
                found.insert(format!("a circle: {}", circle.join(" uses ")));
                break;
            }
        }
    }
    found
}

#[test]
fn every_file_uses_only_what_stands_before_it() {
    let found = violations(&root(), LAYERS);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The modules that this part of a file's documentation names, in its order.
fn named(file: &str, part: impl Fn(&str) -> bool) -> Vec<String> {
    let source = fs::read_to_string(root().join(file)).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<_> =
        lines.skip_while(|line| !part(line)).take_while(|line| !line.is_empty()).collect();
    let text = lines.join(" ").to_lowercase();
    text.split("[`").skip(1).map(|rest| rest.split('`').next().unwrap().to_owned()).collect()
}

#[test]
fn the_order_that_is_told_is_the_one_that_holds() {
    let told = named("lib.rs", |line| line.starts_with(" Each module uses only those before it"));
    let is_directory = |layer: &&&str| layer.starts_with("directory/");
    let of_library = LAYERS.iter().filter(|layer| !is_directory(layer));
    let of_library: Vec<_> =
        of_library.filter(|layer| !["build", "lib", "main"].contains(layer)).collect();
    assert_eq!(told.iter().collect::<Vec<_>>(), of_library);
    let told = named("directory/mod.rs", |line| line.starts_with(" 1. "));
    let layers = LAYERS.iter().filter(is_directory).map(|layer| &layer["directory/".len()..]);
    assert_eq!(told, layers.collect::<Vec<_>>());
}

#[test]
fn each_thing_is_known_only_where_it_belongs() {
    for (word, allowed) in [
        ("ldap3::", &["directory/message/filter.rs"][..]),
        ("libgssapi::", &["directory/sasl/gssapi/context.rs"]),
        ("PoisonError", &["lock.rs"]),
        (
            "use ring::",
            &[
                "directory/sasl/gssapi/channel_binding.rs",
                "directory/tls/trust.rs",
                "policy/digest.rs",
            ],
        ),
        ("httparse::", &["protocol/http/head.rs"]),
        ("prometheus_client::", &["observe/metrics.rs", "commands/daemon/"]),
        ("hickory_resolver::", &["directory/locate/dns/resolver.rs"]),
        ("deadpool::", &["directory/pool/users.rs"]),
        ("rustls", &["directory/tls", "config/tls.rs"]),
        (
            ".expose_secret()",
            &[
                "authenticator.rs",
                "listen/http/credentials.rs",
                "directory/account/set_password.rs",
                "directory/pool/sent_bind.rs",
                "directory/pool/service_account.rs",
                "policy/digest.rs",
                "protocol/control.rs",
                "protocol/native.rs",
                "listen/control.rs",
            ],
        ),
        (
            "std::env",
            &[
                "build.rs",
                "main.rs",
                "peer/process.rs",
                "config",
                "observe/sink.rs",
                "commands/screen.rs",
            ],
        ),
        (
            "Instant::now()",
            &[
                "session",
                "listen/",
                "relay",
                "authenticator",
                "deadline.rs",
                "directory/",
                "observe",
                "peer/process.rs",
                "commands/",
            ],
        ),
        (
            "tokio::spawn",
            &[
                "background.rs",
                "pending.rs",
                "listen/accept.rs",
                "relay",
                "directory/session/multiplexer.rs",
                "commands/",
            ],
        ),
        // A clock that somebody sets ends no wait, and none too soon.
        (
            "SystemTime::now()",
            &[
                "commands/daemon/process.rs",
                "commands/support.rs",
                "directory/domain/rules.rs",
                "directory/inspect/",
                "directory/tls/",
                "observe/record.rs",
            ],
        ),
        ("process::exit", &[]),
        (
            "serde::",
            &[
                "config/effective.rs",
                "config/value/",
                "protocol/native/json.rs",
                "printable.rs",
                "commands/",
            ],
        ),
        ("saphyr_parser::", &["commands/check/yaml.rs"]),
        ("toml::", &["config/"]),
    ] {
        for (path, source) in sources(&root()) {
            let is_allowed = allowed.iter().any(|prefix| path.starts_with(prefix));
            assert!(is_allowed || !code(&source).contains(word), "{path} must not know {word}");
        }
    }
}

#[test]
fn each_part_is_used_only_by_those_that_may_know_it() {
    let tree = Tree::read(&root());
    for (part, users) in [
        ("authenticator", &["commands"][..]),
        ("commands", &["main"]),
        ("config", &["commands"]),
        ("directory", &["authenticator", "commands", "config"]),
        ("listen", &["commands", "config"]),
        ("pending", &["listen", "session"]),
        ("protocol", &["cli", "commands", "config", "listen", "peer", "relay", "session"]),
        ("relay", &["commands"]),
        ("session", &["commands", "config"]),
    ] {
        let is_in = |file: &str, part: &str| module_of(file).split('/').next() == Some(part);
        for (user, used) in tree.imports() {
            let is_allowed = is_in(user, part) || users.iter().any(|part| is_in(user, part));
            assert!(is_allowed || !is_in(used, part), "{user} must not know {used}");
        }
    }
}

#[test]
fn files_have_one_subject() {
    for (path, text) in sources(&root()) {
        assert!(text.starts_with("//! "), "{path} does not say what it is about");
        assert!(text.lines().count() <= 400, "{path} is long; is it still about one thing?");
    }
}

#[test]
fn no_two_things_have_one_name() {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, source) in sources(&root()) {
        // The other one of two, of which each program has one.
        if path != "directory/locate/dns/no_resolver.rs" {
            types(&source)
                .into_iter()
                .for_each(|name| found.entry(name).or_default().push(path.clone()));
        }
    }
    found.retain(|_, files| files.len() > 1);
    assert_eq!(found, BTreeMap::new());
}

/// What is wrong with a made-up tree of `low`, `high` and the folder `top`, in this order.
fn violations_of(files: &[(&str, &str)]) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("top")).unwrap();
    for (path, source) in files {
        fs::write(root.path().join(path), source).unwrap();
    }
    violations(root.path(), &["low", "high", "top", "lib"])
}

#[test]
fn each_sort_of_violation_is_named_with_its_files() {
    let upward = ["low.rs uses high.rs, which stands above it"];
    for source in [
        "use crate::high::High;",
        "use super::{high::{self, High}, other};",
        "use crate::high; fn f() -> high::High { high::make() }",
        "fn f<'a>(x: &'a str) { let _ = ('\\'', \"\\\"\", crate::high::High); }",
        "pub(crate) use super::top::High as Renamed;",
        "pub use self::super::high::*;",
        "use crate::{self, high::{self, High,},};",
        "use {crate::{top::{High}}};",
        "use crate::r#high::r#High;",
        "use crate as root; use root::high::High;",
        "use super as parent; fn f() -> parent::high::High {}",
        "use crate::top; use top::High;",
        "use crate::high::High as _;",
        "fn f() { { use crate::high::High; } }",
        "fn f() { g::<crate::high::High>() }",
        "fn f() -> <crate::high::High as Iterator>::Item {}",
        "macro_rules! m { () => { use $crate::high::High; } }",
        "/* \" /* */ \" */ use crate::high::High; // \"",
        "use crate /* there */ ::high::High;",
        "use crate\n    // there\n    ::high::High;",
        "impl crate::high::High for u8 {} #[cfg(test)] mod tests {}",
        "fn f() { for _ in crate::high::all() {} }",
        "fn f() { use std::fmt as x; x::f() } fn g() { use crate::high as x; x::High }",
        "type Alias = ::xmpp_ldap_auth::high::High;",
        "fn f() { mod own { pub use crate::high::*; } own::High }",
        "fn f() { in_scope!() }",
    ] {
        let files = [
            ("low.rs", source),
            ("high.rs", "macro_rules! in_scope { () => {} }"),
            ("top/mod.rs", "pub use crate::high::High;"),
        ];
        assert_eq!(violations_of(&files), upward, "{source}");
    }
    assert_eq!(
        violations_of(&[("low.rs", ""), ("new.rs", "pub struct New;")]),
        ["new.rs has no place"]
    );
    for (source, spot) in [
        ("extern crate xmpp_ldap_auth as me;", "extern crate"),
        ("include!(\"high.rs\");", "include!"),
        ("std::include! { \"high.rs\" }", "include!"),
        ("#[macro_use] mod own;", "macros without a path"),
        (
            "macro_rules! m { ($m:ident) => { crate::$m::High } } m!(high);",
            "a path that a macro fills",
        ),
        (
            "macro_rules! m { ($m:ident) => { use crate::{$m::High}; } }",
            "a path that a macro fills",
        ),
        ("#[path = \"high.rs\"] mod own;", "a path out of its folder"),
        ("#[cfg_attr(all(), path = \"high.rs\")] mod own;", "a path out of its folder"),
        ("#[path = \"low/../high.rs\"] mod own;", "a path out of its folder"),
        ("#[serde(with = \"crate::high\")] struct S;", "a path in a literal"),
        ("#[path = \"../high.rs\"] mod own;", "a path out of its folder"),
        ("mod own { use super::super::high::High; }", "a module that names its parent"),
        ("mod tests;", "tests without cfg(test)"),
    ] {
        assert_eq!(
            violations_of(&[("low.rs", source)]),
            [format!("low.rs has {spot}")],
            "{source}"
        );
    }
    let circle = violations_of(&[
        ("top/a.rs", "use super::b::B; pub struct A;"),
        ("top/b.rs", "use crate::top::{c::C};"),
        ("top/c.rs", "fn f() -> super::a::A {}"),
        ("top/mod.rs", "mod a; mod b; mod c; pub use a::A;"),
    ]);
    assert_eq!(circle, ["a circle: top/a.rs uses top/b.rs uses top/c.rs"]);
    let folder = violations_of(&[
        ("top/a.rs", "use super::Of;"),
        ("top/mod.rs", "mod a; use a::A; pub struct Of;"),
    ]);
    assert_eq!(folder, ["a circle: top/a.rs uses top/mod.rs"]);
}

#[test]
fn what_keeps_to_its_place_is_no_violation() {
    let files = [
        (
            "low.rs",
            "// use crate::high::High;\nfn f() { \"crate::high::High\"; } /* crate::high::High */",
        ),
        ("high.rs", "use crate::low::f; #[cfg(test)] mod tests { use crate::top::A; } fn g() {}"),
        ("top/mod.rs", "mod a; mod b; pub use a::A;"),
        ("top/a.rs", "pub(in crate::high) struct A; use crate::{high, low::*}; use std::fs;"),
        ("top/b.rs", "use super::A; fn f() -> super::A { crate::top::A::new() }"),
        ("lib.rs", "pub mod low; pub mod high; pub mod top;"),
    ];
    assert_eq!(violations_of(&files), [""; 0]);
}
