//! README, followed to the letter on a bare Debian 12: its commands are given there by a shell, and what
//! it says of the XMPP servers is done to real ones. Only the names of the company are replaced, and
//! what takes a person's hands: the editor, and the password that `login` asks for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ldap_fixtures::ejabberd::Options;
use ldap_fixtures::prosody::{Authentication, Prosody, Version};
use ldap_fixtures::slapd::{self, Slapd};
use ldap_fixtures::systemd::Machine;
use ldap_fixtures::tls::Authority;
use ldap_fixtures::xmpp::{Client, Outcome};
use tempfile::TempDir;

use crate::cases::own_password_only;

/// The administrator's editor, who changes the names of the example.
const EDITOR: &str = "#!/bin/sh
exec sed -i -f /root/edits \"$1\"
";

/// What a bare machine has not: it is given by root there.
const SUDO: &str = "#!/bin/sh
[ \"$1\" = -u ] || exec \"$@\"
user=$2
shift 2
exec runuser -u \"$user\" -- \"$@\"
";

/// The code in this language in a section of README.
fn code(heading: &str, language: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once(&format!("\n{heading}\n")).unwrap();
    let level = heading.split(' ').next().unwrap();
    let end = section.find(&format!("\n{level} ")).unwrap_or(section.len());
    let (start, section) = (format!("```{language}\n"), &section[..end]);
    let blocks: Vec<&str> =
        section.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "{heading} has no {language}");
    blocks.concat()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The same with other words, each of which must be there.
fn with(code: &str, replacements: &[(&str, &str)]) -> String {
    replacements.iter().fold(code.to_owned(), |code, (old, new)| {
        assert!(code.contains(old), "the guide does not say {old:?}: {code}");
        code.replace(old, new)
    })
}

struct Stage {
    machine: Machine,
    _directory: TempDir,
    _slapd: Slapd,
}

impl Stage {
    /// A machine on which README was followed until a user signed in, for this user that asks.
    fn start(who: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::create(directory.path()).unwrap();
        let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
        let slapd = slapd::Options { tls, ..slapd::Options::default() }.start().unwrap();
        let edits = format!(
            "s|\"ldap://ldap1.example.com\", \"ldap://ldap2.example.com\"|\"{}\"|\ns|^bind_dn = .*|bind_dn = \"{}\"|\n",
            slapd.url(),
            slapd::SERVICE_DN
        );
        let machine = Machine::boot(|files| {
            let lay = |path: &str, from: &Path| {
                let path = files.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::copy(from, path).unwrap();
            };
            let binary = Path::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
            lay("root/target/release/xmpp-ldap-auth", binary);
            lay("root/company-ca.pem", authority.certificate());
            for folder in ["examples", "examples/systemd"] {
                for entry in fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
                    if entry.file_type().unwrap().is_file() {
                        let name = entry.file_name().into_string().unwrap();
                        lay(&format!("root/{folder}/{name}"), &entry.path());
                    }
                }
            }
            fs::write(files.join("root/edits"), edits)?;
            fs::create_dir_all(files.join("usr/local/bin"))?;
            // The program is built already.
            for (name, text) in [("editor", EDITOR), ("sudo", SUDO), ("cargo", "#!/bin/sh\n")] {
                let path = files.join("usr/local/bin").join(name);
                fs::write(&path, text)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
            Ok(())
        });
        let stage = Self { machine: machine.unwrap(), _directory: directory, _slapd: slapd };
        stage.run("useradd --system prosody && useradd --system ejabberd");
        stage.run(&code("## Installation", "sh"));
        let said = stage.run(&with(
            &code("## The directory", "sh"),
            &[
                ("who=xmpp-ldap-auth", &*format!("who={who}")),
                ("the service password", slapd::SERVICE_PASSWORD),
                (
                    "login alice@example.com",
                    &format!("login alice@example.com --password-stdin <<< {}", slapd::PASSWORD),
                ),
            ],
        ));
        for expected in ["is right", "granted", "the right password would be accepted"] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        stage
    }

    /// What commands say there, none of which may fail.
    #[track_caller]
    fn run(&self, commands: &str) -> String {
        let mut shell: Command = self.machine.command("bash").unwrap();
        shell.env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let output = shell.args(["-euo", "pipefail", "-c", commands]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{commands}: {said}");
        said
    }
}

#[test]
fn both_versions_of_prosody_sign_users_in() {
    let heading = "### Prosody (0.12 and 13.0)";
    let stage = Stage::start("xmpp-ldap-auth");
    stage.run(&code(heading, "sh"));
    let lua = code(heading, "lua");
    let plugins = "/usr/local/lib/prosody/modules";
    assert_eq!(
        lua,
        format!("plugin_paths = {{ \"{plugins}\" }}\nauthentication = \"xmpp_ldap\"\n")
    );
    let module = stage.machine.path(&format!("{plugins}/mod_auth_xmpp_ldap.lua"));
    let module = fs::read_to_string(module).unwrap();
    // Prosody runs here, where it cannot see that the socket's directory is the daemon's own.
    stage.run("chown root /run/xmpp-ldap-auth/prosody.sock");
    let socket = stage.machine.path("/run/xmpp-ldap-auth/prosody.sock");
    for version in Version::ALL {
        let prosody =
            Prosody::start(version, Authentication::Module(&module, &socket, 10)).unwrap();
        let client = Client::new(prosody.port());
        own_password_only(client, ("bob", slapd::PASSWORD), || prosody.log());
    }
}

#[test]
fn ejabberd_signs_users_in() {
    let heading = "### ejabberd (18.06 or later)";
    let stage = Stage::start("ejabberd");
    stage.run(&code(heading, "sh"));
    // ejabberd starts it on the machine, as its user there.
    let program = "/usr/local/bin/xmpp-ldap-auth-ejabberd";
    let mut enter = stage.machine.command("runuser").unwrap();
    enter.args(["-u", "ejabberd", "--", program]);
    let words: Vec<&str> = [enter.get_program()]
        .into_iter()
        .chain(enter.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let yaml = with(&code(heading, "yaml"), &[(program, &*format!("{:?}", words.join(" ")))]);
    let cache = "auth_use_cache: false\n";
    assert!(yaml.contains(cache));
    let ejabberd = Options::default().start_by(&yaml.replace(cache, "")).unwrap();
    assert_eq!(ejabberd.programs().len(), 4);
    let client = Client::new(ejabberd.port());
    assert_eq!(client.login("alice", slapd::PASSWORD).unwrap(), Outcome::Success);
    own_password_only(client, ("bob", slapd::PASSWORD), || ejabberd.log());
}
