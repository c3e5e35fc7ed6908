//! README, followed to the letter on a bare Debian 12: its commands are given there by a shell, and what
//! it says of the XMPP servers is done to real ones. Only the names of the company are replaced, and
//! what takes a person's hands: the editor, and the password that `login` asks for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ldap_fixtures::ejabberd::Options;
use ldap_fixtures::process::free_port;
use ldap_fixtures::prosody::{Authentication, Prosody, Version};
use ldap_fixtures::slapd::{self, Slapd};
use ldap_fixtures::systemd::Machine;
use ldap_fixtures::tls::Authority;
use ldap_fixtures::xmpp::{Client, Outcome};
use ldap_fixtures::{ds389, samba};
use tempfile::TempDir;

use crate::cases::{own_password_only, refused};

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

/// A directory, and what its example has to be told of it.
struct Directory<'a> {
    example: &'a str,
    /// For sed.
    edits: String,
    authority: &'a Path,
    service_password: &'a str,
    password: &'a str,
}

impl Directory<'_> {
    fn openldap<'a>(server: &Slapd, authority: &'a Authority) -> Directory<'a> {
        let edits = format!(
            "s|^servers = .*|servers = [\"{}\"]|\ns|^bind_dn = .*|bind_dn = \"{}\"|\n",
            server.url(),
            slapd::SERVICE_DN
        );
        Directory {
            example: "openldap",
            edits,
            authority: authority.certificate(),
            service_password: slapd::SERVICE_PASSWORD,
            password: slapd::PASSWORD,
        }
    }

    /// A machine on which README was followed until a user signed in, for this user that asks.
    fn stage(&self, who: &str) -> Stage {
        let machine = Machine::boot(|files| {
            let lay = |path: &str, from: &Path| {
                let path = files.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::copy(from, path).unwrap();
            };
            let binary = Path::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
            lay("root/target/release/xmpp-ldap-auth", binary);
            lay("root/company-ca.pem", self.authority);
            for folder in ["examples", "examples/systemd"] {
                for entry in fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
                    if entry.file_type().unwrap().is_file() {
                        let name = entry.file_name().into_string().unwrap();
                        lay(&format!("root/{folder}/{name}"), &entry.path());
                    }
                }
            }
            fs::write(files.join("root/edits"), &self.edits)?;
            fs::create_dir_all(files.join("usr/local/bin"))?;
            // The program is built already.
            for (name, text) in [("editor", EDITOR), ("sudo", SUDO), ("cargo", "#!/bin/sh\n")] {
                let path = files.join("usr/local/bin").join(name);
                fs::write(&path, text)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
            Ok(())
        });
        let stage = Stage { machine: machine.unwrap() };
        stage.run("useradd --system prosody && useradd --system ejabberd");
        stage.run(&code("## Installation", "sh"));
        let said = stage.run(&with(
            &code("## The directory", "sh"),
            &[
                ("who=xmpp-ldap-auth", &*format!("who={who}")),
                ("openldap.toml", &format!("{}.toml", self.example)),
                ("the service password", self.service_password),
                (
                    "login alice@example.com",
                    &format!("login alice@example.com --password-stdin <<< {}", self.password),
                ),
            ],
        ));
        for expected in ["is right", "granted", "the right password would be accepted"] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        stage
    }
}

/// An OpenLDAP that speaks TLS, and who signed its certificate.
fn openldap() -> (TempDir, Authority, Slapd) {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::create(directory.path()).unwrap();
    let tls = Some((authority.certificate().to_owned(), authority.good().unwrap()));
    let slapd = slapd::Options { tls, ..slapd::Options::default() }.start().unwrap();
    (directory, authority, slapd)
}

struct Stage {
    machine: Machine,
}

impl Stage {
    /// The command line by which a program here becomes one of another user there.
    fn words(&self, arguments: &[&str]) -> String {
        let mut command = self.machine.command("runuser").unwrap();
        command.args(arguments);
        let words = [command.get_program()].into_iter().chain(command.get_args());
        words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
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
    let (_directory, authority, slapd) = openldap();
    let stage = Directory::openldap(&slapd, &authority).stage("xmpp-ldap-auth");
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
            Prosody::start(version, Authentication::Module(&module, &socket, "")).unwrap();
        let client = Client::new(prosody.port());
        own_password_only(client, ("bob", slapd::PASSWORD), || prosody.log());
    }
}

#[test]
fn ejabberd_signs_users_in() {
    let heading = "### ejabberd (18.06 or later)";
    let (_directory, authority, slapd) = openldap();
    let stage = Directory::openldap(&slapd, &authority).stage("ejabberd");
    stage.run(&code(heading, "sh"));
    let program = "/usr/local/bin/xmpp-ldap-auth-ejabberd";
    // ejabberd starts it on the machine, as its user there.
    let yaml = with(
        &code(heading, "yaml"),
        &[(program, &*format!("{:?}", stage.words(&["-u", "ejabberd", "--", program])))],
    );
    let cache = "auth_use_cache: false\n";
    assert!(yaml.contains(cache));
    let ejabberd = Options::default().start_by(&yaml.replace(cache, "")).unwrap();
    assert_eq!(ejabberd.programs().len(), 4);
    let client = Client::new(ejabberd.port());
    assert_eq!(client.login("alice", slapd::PASSWORD).unwrap(), Outcome::Success);
    own_password_only(client, ("bob", slapd::PASSWORD), || ejabberd.log());
}

#[test]
fn samba_and_active_directory_are_asked_for_a_user() {
    let server = samba::Samba::shared().unwrap();
    let found = format!("discover = \"example.com\"\\nnameservers = [\"{}\"]", server.address());
    for example in ["samba", "active-directory"] {
        let edits = format!(
            "s|^servers = .*|{found}|\ns|^base = .*|base = \"{}\"|\ns|^bind_dn = .*|bind_dn = \"{}\"|\n\
             s|corp\\.example|example.com|g\n",
            samba::BASE,
            samba::READER
        );
        let directory = Directory {
            example,
            edits,
            authority: &server.ca(),
            service_password: samba::SERVICE_PASSWORD,
            password: samba::PASSWORD,
        };
        directory.stage("xmpp-ldap-auth");
    }
}

#[test]
fn directory_server_389_is_asked_for_a_user() {
    let server = ds389::Ds389::start().unwrap();
    let directory = Directory {
        example: "389ds",
        edits: format!(
            "s|^servers = .*|servers = [\"{}\"]|\ns|^bind_dn = .*|bind_dn = \"{}\"|\n",
            server.ldaps_url(),
            ds389::READER_DN
        ),
        authority: &server.ca(),
        service_password: ds389::READER_PASSWORD,
        password: ds389::PASSWORD,
    };
    directory.stage("xmpp-ldap-auth");
}

/// What Prosody's page says of a terminal. Its program runs on the machine, as its user there.
#[test]
fn prosody_signs_users_in_on_a_terminal() {
    let (directory, authority, slapd) = openldap();
    let stage = Directory::openldap(&slapd, &authority).stage("prosody");
    let program = "/usr/local/bin/xmpp-ldap-auth";
    let page = fs::read_to_string(root().join("src/manual/prosody.md")).unwrap();
    for line in [
        &*format!("external_auth_command = \"{program}\""),
        "external_auth_protocol = \"generic\"",
        "external_auth_timeout = 5",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}");
    }
    let wrapper = directory.path().join("xmpp-auth");
    let enter = stage.words(&["-u", "prosody", "--", program]);
    fs::write(&wrapper, format!("#!/bin/sh\nexec {enter}\n")).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let prosody = Prosody::start(Version::V0_12, Authentication::Terminal(&wrapper, 5)).unwrap();
    let client = Client::new(prosody.port());
    for (password, expected) in [
        // The first one after a start, as the page says.
        (slapd::PASSWORD, refused()),
        (slapd::PASSWORD, Outcome::Success),
        ("wrong", refused()),
        (slapd::PASSWORD, Outcome::Success),
    ] {
        assert_eq!(client.login("alice", password).unwrap(), expected, "{}", prosody.log());
    }
}

/// What the page about HTTP says, on the machine of the daemon that Prosody's page sets up.
#[test]
fn prosody_signs_users_in_over_http() {
    let (_directory, authority, slapd) = openldap();
    let stage = Directory::openldap(&slapd, &authority).stage("xmpp-ldap-auth");
    let page = fs::read_to_string(root().join("src/manual/http.md")).unwrap();
    let toml = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let port = free_port().unwrap();
    let toml = with(toml, &[("5281", &*port.to_string())]);
    let config = stage.machine.path("/etc/xmpp-ldap-auth/config.toml");
    fs::write(&config, [fs::read_to_string(&config).unwrap(), toml].concat()).unwrap();
    stage.run(
        "printf 'user:password\\n' | sudo install -m 640 -g xmpp-ldap-auth /dev/stdin /etc/xmpp-ldap-auth/http.credentials",
    );
    stage.run(&code("### Prosody (0.12 and 13.0)", "sh"));
    for version in Version::ALL {
        let prosody = Prosody::start(version, Authentication::Http(port, "user:password")).unwrap();
        let client = Client::new(prosody.port());
        assert_eq!(client.login("alice", slapd::PASSWORD).unwrap(), Outcome::Success);
        assert_eq!(client.login("alice", "wrong").unwrap(), refused());
    }
}
