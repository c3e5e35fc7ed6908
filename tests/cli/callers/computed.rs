//! What the configurations of XMPP servers say through names, in other files and by computing.

use super::*;

#[test]
fn ejabberds_macros_stand_for_texts_lists_and_maps() {
    let site = site(NOBODY);
    let defined = |to: &str, text: &str| {
        EJABBERD.replace("hosts: [example.com]", to) + "define_macro:\n  ONE: example.com\n" + text
    };
    let auth = "auth_method: [external]\nauth_use_cache: false\n";
    let of_host = defined(
        "hosts: [ONE]\nhost_config:\n  ONE: CONF",
        "  CONF:\n    auth_use_cache: OFF\n    auth_method: HOW\n  HOW: [external]\n  OFF: false\n",
    );
    for right in [
        defined("hosts: ONE", ""),
        defined("hosts: [\"@ONE@\"]", ""),
        defined("hosts: ALL", "  ALL: [ONE]\n"),
        defined("hosts: \"@ALL@\"", "  ALL: OTHER\n  OTHER:\n    - ONE\n"),
        of_host.replace(auth, ""),
    ] {
        let (code, found) = findings(&site, "--ejabberd", &right);
        let keys: Vec<_> = found.iter().map(|(_, key, _)| key.as_str()).collect();
        assert_eq!((code, &*keys), (Some(0), &["extauth_pool_size"][..]), "{right}: {found:?}");
    }
    let own = "  -\n    module: ejabberd_c2s\n    starttls_required: true";
    let listener = "  C2S:\n    module: ejabberd_c2s\n    starttls_required: false";
    for (text, key, words) in [
        (defined("hosts: ALL", "  ALL: [ONE, example.net]\n"), "hosts", "[domain.\"example.net\"]"),
        (
            defined("hosts: [ONE]", listener).replace(own, "  - C2S\n  -\n    module: x"),
            "starttls_required",
            "in the clear",
        ),
        (defined("hosts: A", "  A: B\n  B: [A]\n"), "hosts", "[domain.\"B\"]"),
    ] {
        let (_, found) = findings(&site, "--ejabberd", &text);
        let is_it = |it: &(bool, String, String)| it.1 == key && it.2.contains(words);
        assert!(found.iter().any(is_it), "{text}: {found:?}");
    }
    // Each names the one before it twice.
    let names = (1..60).map(|at| format!("  A{at}: [A{0}, A{0}]\n", at - 1)).collect::<String>();
    let (code, _) = findings(&site, "--ejabberd", &defined("hosts: [ONE]\nacl: A59", &names));
    assert_eq!(code, Some(0));
}

#[test]
fn of_what_ejabberd_includes_counts_what_it_takes() {
    let site = site(NOBODY);
    let auth = "auth_method: [external]\nauth_use_cache: false\n";
    site.write("auth.yml", auth);
    for (terms, found) in [
        ("", None),
        ("allow_only: [auth_method, auth_use_cache]", None),
        ("disallow: [hosts]", None),
        ("allow_only: [auth_method]", Some("auth_use_cache")),
        ("disallow: [auth_use_cache]", Some("auth_use_cache")),
        ("disallow: [auth_method]", Some("auth_method")),
    ] {
        let include = format!("include_config_file:\n  auth.yml:\n    {terms}\n");
        let text = EJABBERD.replace(auth, &include);
        let (_, findings) = findings(&site, "--ejabberd", &text);
        let error = findings.iter().find(|it| it.0).map(|it| it.1.as_str());
        assert_eq!(error, found, "{terms}: {findings:?}");
    }
    let (_, found) = findings(&site, "--ejabberd", "{hosts, [\"example.com\"]}.\n");
    assert!(found.iter().any(|it| it.2.contains("is it ejabberd.yml?")), "{found:?}");
}

#[test]
fn what_prosody_computes_is_no_mistake() {
    let site = site(NOBODY);
    let _listener = UnixListener::bind(site.path().join("auth.sock")).unwrap();
    for (from, to) in [
        ("= \"xmpp_ldap\"", "= os.getenv(\"AUTH\") or \"xmpp_ldap\""),
        ("authentication = \"xmpp_ldap\"", "local how = \"xmpp_ldap\"\nauthentication = how"),
        ("VirtualHost \"example.com\"", "for _, host in ipairs(hosts) do VirtualHost(host) end"),
        ("VirtualHost \"example.com\"", "VirtualHost(\"example\" .. \".com\")"),
        ("VirtualHost \"example.com\"", "dofile \"/etc/prosody/hosts.lua\""),
        ("VirtualHost", "if dark() then authentication = \"internal_hashed\" end\nVirtualHost"),
    ] {
        let (code, found) = findings(&site, "--prosody", &BY_DAEMON.replacen(from, to, 1));
        assert_eq!(code, Some(0), "{to}: {found:?}");
        assert!(
            matches!(&*found, [(false, key, text)] if key == "authentication" && text.contains("is computed")),
            "{to}: {found:?}"
        );
    }
    for (from, to, key, words) in [
        ("\"xmpp_ldap\"", "{ \"xmpp_ldap\" }", "authentication", "no host asks"),
        ("VirtualHost \"example.com\"", "", "authentication", "there is no VirtualHost"),
        (
            "VirtualHost \"example.com\"",
            "VirtualHost \"example.com\"\nplugin_paths = {}",
            "plugin_paths",
            "above the first VirtualHost",
        ),
    ] {
        let (code, found) = findings(&site, "--prosody", &BY_DAEMON.replacen(from, to, 1));
        assert!(
            code == Some(78)
                && matches!(&*found, [(true, of, text)] if of == key && text.contains(words)),
            "{to}: {found:?}"
        );
    }
    let escaped = BY_DAEMON.replacen("\"xmpp_ldap\"", "\"\\120mpp_\\z\n  ldap\"", 1);
    assert_eq!(findings(&site, "--prosody", &escaped), (Some(0), Vec::new()));
}
