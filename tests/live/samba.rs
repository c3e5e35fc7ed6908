//! Samba as a domain controller: what is Active Directory's own.

mod groups;

use ldap_fixtures::samba::{BASE, PASSWORD, READER, SERVICE, SERVICE_PASSWORD, Samba};

use crate::support::Answer::{CannotTell, No, Yes};
use crate::support::{Adapter, Answer, Framing, Site};

/// `directory` is the rest of `[directory.corp]`, `below` the tables behind it.
fn site(samba: &Samba, server: &str, directory: &str, below: &str) -> Site {
    let site = Site::new(&format!(
        "[directory.corp]\npreset = \"samba\"\nservers = [\"{server}\"]\n{directory}\n\
         [directory.corp.tls]\nca_file = {:?}\nserver_name = \"dc1.example.com\"\n{below}\n\
         [domain.\"example.com\"]\ndirectory = \"corp\"\n",
        samba.ca()
    ));
    site.secret("password", SERVICE_PASSWORD);
    site
}

/// A directory of which so many wrong passwords may reach the domain controller.
pub fn guarded(samba: &Samba, failures: u32) -> Site {
    let below = format!("[throttle]\nfailures = {failures}\n");
    site(samba, &samba.ldaps_url(), &service(READER), &below)
}

fn service(name: &str) -> String {
    format!("base = \"{BASE}\"\nbind_dn = '{name}'\nbind_password_file = \"{{dir}}/password\"\n")
}

fn group(name: &str) -> String {
    format!("require_group = \"CN={name},CN=Users,{BASE}\"\n")
}

#[track_caller]
fn expect(adapter: &mut Adapter, request: &str, expected: Answer) {
    let answer = adapter.ask(request);
    assert_eq!(answer, expected, "{request}: {}", adapter.log());
}

fn sign_in(user: &str, password: &str) -> String {
    format!("auth:{user}:example.com:{password}")
}

#[test]
fn a_user_binds_by_each_form_of_the_name() {
    let samba = Samba::shared().unwrap();
    for framing in Framing::BOTH {
        for name in ["{localpart}@example.com", "EXAMPLE\\{localpart}", "{jid}", "{address}"] {
            let place = site(&samba, &samba.ldaps_url(), &format!("user_dn = '{name}'"), "");
            let mut adapter = Adapter::start(&place, framing);
            expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
            expect(&mut adapter, &sign_in("alice", "Passw0rd.Wrong"), No);
            expect(&mut adapter, &sign_in("carol", PASSWORD), Yes);
            expect(&mut adapter, &sign_in("example\\alice", PASSWORD), No);
        }
    }
}

#[test]
fn one_accounts_password_never_opens_anothers_name() {
    let samba = Samba::start().unwrap();
    // A name of Jane's that looks like John's.
    samba.tool(&["user", "create", "john", PASSWORD]).unwrap();
    samba.tool(&["user", "create", "jane", "Passw0rd.Jane1"]).unwrap();
    samba.tool(&["group", "addmembers", "chat", "john"]).unwrap();
    let jane = format!("CN=jane,CN=Users,{BASE}");
    let upn = "changetype: modify\nreplace: userPrincipalName\nuserPrincipalName: john@corp.com\n";
    samba.change(&format!("dn: {jane}\n{upn}")).unwrap();
    let rest = format!("{}{}set_password = \"auto\"\n", service(SERVICE), group("chat"));
    let place = site(
        &samba,
        &samba.ldaps_url(),
        &format!("user_dn = '{{localpart}}@corp.com'\n{rest}"),
        "",
    );
    let output = place.command().arg("check").output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(78), "{text}");
    for key in ["user_dn", "require_group", "set_password"] {
        assert!(text.contains(&format!("directory.corp.{key}: user_dn is no DN")), "{text}");
    }
    // By a search for the same name, the password is of whom the search finds, and the group too.
    let searched = format!("login_attributes = ['sAMAccountName', 'userPrincipalName']\n{rest}");
    let place = site(&samba, &samba.ldaps_url(), &searched, "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("john", "Passw0rd.Jane1"), No);
    expect(&mut adapter, &sign_in("john", PASSWORD), Yes);
    expect(&mut adapter, &sign_in("john\\40corp.com", "Passw0rd.Jane1"), No);
    adapter.logs("not-in-group");
}

#[test]
fn only_users_are_users() {
    let samba = Samba::start().unwrap();
    samba.tool(&["computer", "create", "ws1"]).unwrap();
    samba.tool(&["user", "setpassword", "ws1$", "--newpassword=Passw0rd.Machine1"]).unwrap();
    samba.tool(&["contact", "create", "conny", "--mail-address=conny@example.com"]).unwrap();
    let managed = format!("CN=gmsa1,CN=Managed Service Accounts,{BASE}");
    samba
        .change(&format!(
            "dn: {managed}\nchangetype: add\nobjectClass: msDS-GroupManagedServiceAccount\n\
             sAMAccountName: gmsa1$\nmsDS-ManagedPasswordInterval: 30\nuserAccountControl: 4096\n"
        ))
        .unwrap();
    for (preset, finding) in [
        ("samba", ""),
        ("active-directory", "login_attributes = ['sAMAccountName', 'mail']"),
        ("active-directory", "object_class = 'top'"),
        ("samba", "user_filter = '(|(sAMAccountName={localpart})(cn={localpart}))'"),
    ] {
        let place = site(&samba, &samba.ldaps_url(), &(service(READER) + finding), "");
        let config = std::fs::read_to_string(place.config()).unwrap();
        place.write("config.toml", &config.replace("\"samba\"", &format!("{preset:?}")));
        let mut adapter = Adapter::start(&place, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
        expect(&mut adapter, "isuser:administrator:example.com", Yes);
        expect(&mut adapter, &sign_in("ws1$", "Passw0rd.Machine1"), No);
        for name in ["ws1$", "dc1$", "gmsa1$", "gmsa1", "krbtgt", "conny", "chat"] {
            expect(&mut adapter, &format!("isuser:{name}:example.com"), No);
        }
    }
    // By a name without a search too.
    let upn = "changetype: modify\nreplace: userPrincipalName\nuserPrincipalName: pc@example.com\n";
    samba.change(&format!("dn: CN=ws1,CN=Computers,{BASE}\n{upn}")).unwrap();
    samba.tool(&["user", "create", "anna", PASSWORD]).unwrap();
    samba.change(&format!("dn: CN=anna,CN=Users,{BASE}\n{}", upn.replace("pc", "a.nna"))).unwrap();
    let (users, computers) = (
        format!("CN={{localpart}},CN=Users,{BASE}"),
        format!("CN={{localpart}},CN=Computers,{BASE}"),
    );
    for (user_dn, users, machine) in [
        ("{localpart}@example.com", &["alice", "anna", "a.nna"][..], "pc"),
        ("{address}", &["alice", "a.nna"], "pc"),
        (&*users, &["anna"], "pc"),
        (&*computers, &[], "ws1"),
    ] {
        let place = site(&samba, &samba.ldaps_url(), &format!("user_dn = '{user_dn}'"), "");
        let mut adapter = Adapter::start(&place, Framing::Packet);
        for _ in 0..2 {
            for user in users {
                expect(&mut adapter, &sign_in(user, PASSWORD), Yes);
            }
            for name in ["ws1$", machine] {
                expect(&mut adapter, &sign_in(name, "Passw0rd.Machine1"), No);
            }
        }
        if !user_dn.contains("CN=Users") {
            adapter.logs("is no user");
        }
    }
}

#[test]
fn an_entry_answers_for_the_names_that_it_bears() {
    let samba = Samba::start().unwrap();
    samba.tool(&["user", "create", "jo  doe", PASSWORD]).unwrap();
    samba
        .change(&format!(
            "dn: CN=jo  doe,CN=Users,{BASE}\nchangetype: modify\nadd: proxyAddresses\n\
             proxyAddresses: SMTP:Jo@Example.com\nproxyAddresses: smtp:joe@other.example\n"
        ))
        .unwrap();
    let several = service(READER) + "login_attributes = ['sAMAccountName', 'proxyAddresses']";
    let place = site(&samba, &samba.ldaps_url(), &several, "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    for name in ["jo\\20\\20doe", "jo", "joe\\40other.example", "umläut"] {
        expect(&mut adapter, &sign_in(name, PASSWORD), Yes);
        expect(&mut adapter, &format!("isuser:{name}:example.com"), Yes);
    }
    for name in ["jo\\20doe", "jo\\20\\20\\20doe", "joe", "umlaut"] {
        expect(&mut adapter, &sign_in(name, PASSWORD), No);
        expect(&mut adapter, &format!("isuser:{name}:example.com"), No);
    }
}

#[test]
fn the_service_account_signs_in_by_each_form_of_its_name() {
    let samba = Samba::shared().unwrap();
    for name in [READER, "EXAMPLE\\svc-reader", "CN=svc-reader,CN=Users,DC=example,DC=com"] {
        let place = site(&samba, &samba.ldaps_url(), &service(name), "");
        let mut adapter = Adapter::start(&place, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
    }
}

#[test]
fn login_attributes_of_a_user_that_has_several_names() {
    let samba = Samba::shared().unwrap();
    let several =
        service(READER) + "login_attributes = ['sAMAccountName', 'userPrincipalName', 'mail']";
    let place = site(&samba, &samba.ldaps_url(), &several, "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    for name in
        ["esmith", "eve.smith", "eve.smith\\40example.com", "e.smith\\40mail.example.com", "alice"]
    {
        expect(&mut adapter, &sign_in(name, PASSWORD), Yes);
    }
    expect(&mut adapter, &sign_in("e.smith", PASSWORD), No);
    let place = site(&samba, &samba.ldaps_url(), &service(READER), "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("eve.smith", PASSWORD), No);
    // A computer is no user that signs in, and has no such name either.
    expect(&mut adapter, "isuser:dc1:example.com", No);
}

#[test]
fn the_global_catalog_finds_users_of_the_forest() {
    let samba = Samba::shared().unwrap();
    for base in ["", BASE] {
        let directory = service(READER).replace(BASE, base);
        let place = site(&samba, &samba.catalog_url(), &directory, "");
        let mut adapter = Adapter::start(&place, Framing::Packet);
        expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
        expect(&mut adapter, &sign_in("alice", "Passw0rd.Wrong"), No);
        expect(&mut adapter, "isuser:nobody:example.com", No);
    }
}

#[test]
fn passwords_are_set_by_unicode_pwd() {
    let samba = Samba::shared().unwrap();
    for (framing, user, method) in
        [(Framing::Line, "changer1", "auto"), (Framing::Packet, "changer2", "unicode-pwd")]
    {
        let directory = format!("{}set_password = \"{method}\"", service(SERVICE));
        let place = site(&samba, &samba.ldaps_url(), &directory, "");
        let mut adapter = Adapter::start(&place, framing);
        let refused = if framing == Framing::Line { No } else { CannotTell };
        for new in ["Pässwörd.1", "Quo\"ted: Passw0rd", "Emoji.😀.Passw0rd", "日本語.Passw0rd"]
        {
            expect(&mut adapter, &format!("setpass:{user}:example.com:{new}"), Yes);
            expect(&mut adapter, &sign_in(user, new), Yes);
            // For an hour, the password before it is accepted too: that is the server's own rule.
        }
        expect(&mut adapter, &sign_in(user, PASSWORD), No);
        expect(&mut adapter, &format!("setpass:{user}:example.com:Ab1."), refused);
        adapter.logs("the password is too short");
        expect(&mut adapter, &format!("setpass:{user}:example.com:alllowercase"), refused);
        expect(&mut adapter, "setpass:nobody:example.com:Pässwörd.1", refused);
        expect(&mut adapter, &sign_in(user, "日本語.Passw0rd"), Yes);
    }
}

#[test]
fn a_password_change_that_cannot_be_says_why() {
    let samba = Samba::shared().unwrap();
    let request = "setpass:changer3:example.com:Pässwörd.1";
    for (service_name, method, words) in
        [(READER, "auto", "result code 50"), (SERVICE, "exop", "reason=\"no-password-operation\"")]
    {
        let directory = format!("{}set_password = \"{method}\"", service(service_name));
        let place = site(&samba, &samba.ldaps_url(), &directory, "[log]\nlevel = \"debug\"");
        let mut adapter = Adapter::start(&place, Framing::Packet);
        expect(&mut adapter, request, CannotTell);
        adapter.logs(words);
        expect(&mut adapter, &sign_in("changer3", PASSWORD), Yes);
    }
    // Searches as one account, on the global catalog; changes as another, on the domain's port.
    let directory = format!("{}set_password = \"auto\"", service(READER));
    let write = format!(
        "[directory.corp.write]\nservers = [\"{}\"]\nbind_dn = \"{SERVICE}\"\n\
         bind_password_file = \"{{dir}}/password\"",
        samba.ldaps_url()
    );
    let place = site(&samba, &samba.catalog_url(), &directory, &write);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, request, Yes);
    expect(&mut adapter, &sign_in("changer3", "Pässwörd.1"), Yes);
    // The same account on another server.
    let directory = format!("{}set_password = \"auto\"", service(SERVICE));
    let write = format!("[directory.corp.write]\nservers = [\"{}\"]", samba.ldaps_url());
    let place = site(&samba, &samba.catalog_url(), &directory, &write);
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, "setpass:changer3:example.com:Pässwörd.2", Yes);
    expect(&mut adapter, &sign_in("changer3", "Pässwörd.2"), Yes);
}

#[test]
fn clear_text_is_refused_with_what_to_configure() {
    let samba = Samba::shared().unwrap();
    let directory = service(READER) + "set_password = \"auto\"";
    let place = site(&samba, &samba.url(), &directory, "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", PASSWORD), CannotTell);
    adapter.logs("result code 8");
    adapter.logs("use ldaps:// or start_tls = true");
    let place = site(&samba, &samba.url(), &(directory + "\nstart_tls = true"), "");
    let mut adapter = Adapter::start(&place, Framing::Packet);
    expect(&mut adapter, &sign_in("alice", PASSWORD), Yes);
    expect(&mut adapter, "isuser:carol:example.com", Yes);
}

#[test]
fn probe_knows_a_domain_controller() {
    let samba = Samba::shared().unwrap();
    let directory = format!("{}{}set_password = \"auto\"", service(SERVICE), group("outer"));
    let place = site(&samba, &samba.ldaps_url(), &directory, "");
    let output = place.command().arg("probe").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for words in [
        "Samba Team",
        "dc1.example.com",
        "set_password    unicode-pwd",
        "0 s apart",
        "GSSAPI",
        "CN=Configuration,DC=example,DC=com",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let wrong = directory.replace("\"auto\"", "\"exop\"");
    let place = site(&samba, &samba.ldaps_url(), &wrong, "");
    place.write(
        "config.toml",
        &std::fs::read_to_string(place.config()).unwrap().replace("\"samba\"", "\"openldap\""),
    );
    let output = place.command().arg("probe").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(69), "{text}");
    for words in ["does not offer the password modify operation", "it is a domain controller"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}
