//! `support`: what is in its file, and what is not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xmpp_ldap_auth::printable::printable;

use super::*;

/// Where a secret may be, and what it is.
const IN_FILE: &str = "file \"s3cret\" \\ põ";
const IN_VARIABLE: &str = "variable%s3cret&x";
const OF_HTTP: &str = "http:S3cret/+-a b";
const MISPLACED: &str = "misplaced-s3cret";
const IN_COMMENT: &str = "commented-s3cret";
const IN_URL: &str = "urls3cret";

const CONFIG: &str = r#"
# commented-s3cret
[log]
target = "file:{dir}/log"
[listen.http]
http = "127.0.0.1:9"
credentials_file = "{dir}/credentials"
[directory.one]
servers = ["ldap://127.0.0.1:9"]
bind_dn = "cn=one"
bind_password_file = "{dir}/password"
base = "dc=x"
user_filter = "(uid={localpart})"
[directory.two]
servers = ["ldap://127.0.0.1:9"]
bind_dn = "cn=two"
bind_password_env = "S3CRET"
base = "dc=x"
user_filter = "(uid={localpart})"
[domain."example.com"]
directory = "one"
[domain."example.net"]
directory = "two"
"#;

/// As in a URL, with these characters as they are.
fn percent(secret: &str, left: &str, is_lower: bool) -> String {
    let bytes = secret.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || left.as_bytes().contains(&byte) => {
            char::from(byte).to_string()
        }
        byte if is_lower => format!("%{byte:02x}"),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}

/// How a secret may be written, each with the part of it that is the secret alone.
fn forms(secret: &str) -> Vec<(String, String)> {
    let plain = [
        secret.to_owned(),
        serde_json::Value::from(secret).to_string(),
        format!("{secret:?}"),
        printable(secret),
        STANDARD.encode(secret),
        percent(secret, "", true),
        percent(secret, "-._~", false),
        percent(secret, "-._~", true).replace("%20", "+"),
        percent(secret, "-._~/", false),
        percent(secret, "-._~!*'()", true),
    ];
    let in_login = ["u", "us", "use"].map(|name| {
        let login = format!("{name}:{secret}");
        let encoded = STANDARD.encode(&login);
        // The letters on both sides depend on the neighbours of the secret too.
        let alone = ((name.len() + 1) * 8).div_ceil(6)..login.len() * 8 / 6;
        (encoded.clone(), encoded[alone].to_owned())
    });
    plain.map(|form| (form.clone(), form)).into_iter().chain(in_login).collect()
}

/// What `support` writes, and in what it says of that.
fn bundle(site: &Site, more: &[&str]) -> (String, Output) {
    let file = site.path().join("bundle");
    let _ = fs::remove_file(&file);
    let mut command = site.command();
    let output = command.arg("support").args(more).arg(&file).env("S3CRET", IN_VARIABLE);
    let output = output.output().unwrap();
    (fs::read_to_string(&file).unwrap(), output)
}

#[test]
fn no_secret_is_passed_on_in_any_form() {
    let all = [IN_FILE, IN_VARIABLE, OF_HTTP, MISPLACED, IN_COMMENT, IN_URL];
    let misplaced = format!("bind_password = \"{MISPLACED}\"\nbind_dn = \"cn=one\"");
    let in_url = format!("ldap://u:{IN_URL}@127.0.0.1:9");
    for config in [
        CONFIG.to_owned(),
        CONFIG.replace("bind_dn = \"cn=one\"", &misplaced),
        CONFIG.replace("bind_dn = \"cn=one\"", &misplaced).replace("base = ", "base == "),
        CONFIG.replacen("ldap://127.0.0.1:9", &in_url, 1),
        CONFIG.replace("{dir}/password", MISPLACED),
    ] {
        let site = Site::new(&config);
        for (name, text) in [("password", IN_FILE), ("credentials", &format!("u:{OF_HTTP}\n"))] {
            let path = site.write(name, text);
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let is_known = |secret: &&str| match *secret {
            IN_FILE => config.contains("{dir}/password"),
            MISPLACED | IN_URL => config.contains(*secret),
            secret => secret != IN_COMMENT,
        };
        // As if a line of the log had one, whatever a directory echoes.
        let logged: Vec<String> =
            all.into_iter().filter(is_known).flat_map(forms).map(|(form, _)| form).collect();
        site.write("log", &format!("first\n{}\nlast\n", logged.join("\n")));
        let (text, output) = bundle(&site, &[]);
        assert!(output.status.success() && text.contains("last\n"), "{text}");
        for (_, form) in all.into_iter().flat_map(forms) {
            assert!(!text.contains(&form), "{form}: {text}");
            assert!(!told(&output).contains(&form));
        }
    }
}

#[test]
fn whoever_helps_finds_everything_and_nobody_else_can_read_it() {
    let site = Site::new(&format!(
        "caller = \"ejabberd\"\n[log]\ntarget = \"file:{{dir}}/log\"\n{NOBODY}"
    ));
    site.write("log", "one\ntwo\nthree\n");
    let (text, output) = bundle(&site, &["--lines", "2"]);
    assert!(told(&output).contains("is written"), "{}", told(&output));
    for part in [
        concat!("xmpp-ldap-auth ", env!("CARGO_PKG_VERSION"), " ("),
        "kernel ",
        "===== configuration",
        "[domain.\"example.com\"]",
        "throttle.within",
        "exit status: 69",
        "Connection refused",
        "===== status",
        "===== log\ntwo\nthree\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let file = site.path().join("bundle");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let output = site.command().arg("support").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", told(&output));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

/// One asks for help when nothing works.
#[test]
fn a_configuration_that_cannot_be_used_is_collected_as_well() {
    for (config, part) in [
        ("[directory.x]\nservers = [\"ldap://x\"]\nnonsense = 1\n", "servers = [\"ldap://x\"]"),
        ("[directory.x\nbase = 'y'", "base = 'y'"),
    ] {
        let (text, output) = bundle(&Site::new(config), &[]);
        assert!(
            output.status.success() && text.contains(part) && text.contains("is wrong"),
            "{text}"
        );
    }
    let site = Site::new("");
    fs::remove_file(site.config()).unwrap();
    let (text, output) = bundle(&site, &[]);
    assert!(output.status.success() && text.contains("there is none of this name"), "{text}");
}
