//! A domain controller: groups, and values that come in part.

use super::*;

/// A domain controller: `a` is in `inner` and by more than 1500 groups in `last`; `outer` lies in
/// another domain. `root` says what its root DSE is answered by.
fn controller(search: &Search, root: u32) -> (u32, Vec<Found>) {
    const GROUPS: usize = 1500;
    if search.base.is_empty() {
        let capability = ("supportedCapabilities", vec![b"1.2.840.113556.1.4.800".to_vec()]);
        return (root, if root == 0 { vec![(Vec::new(), vec![capability])] } else { Vec::new() });
    }
    if search.base.contains("dc=branch") {
        return (10, Vec::new());
    }
    if search.base.starts_with("cn=g") {
        return (32, Vec::new());
    }
    if search.base.starts_with("cn=primary") {
        let sid = [b"\x01\x05domain".as_slice(), &513_u32.to_le_bytes()].concat();
        return (0, vec![(b"cn=primary,dc=x".to_vec(), vec![("objectSid", vec![sid])])]);
    }
    let sid = [b"\x01\x05domain".as_slice(), &1104_u32.to_le_bytes()].concat();
    let groups = |from: usize| (from..from + GROUPS).map(|at| format!("cn=n{at},dc=x").into());
    let mut member_of: Vec<Vec<u8>> = groups(0).collect();
    let mut name = "memberOf;range=0-1499";
    let asks = |name: &str| search.attributes.iter().any(|asked| asked.eq_ignore_ascii_case(name));
    if asks("memberOf;range=1500-*") {
        (member_of, name) = (groups(1500).collect(), "memberOf;range=1500-2999");
    }
    if asks("memberOf;range=3000-*") {
        (member_of, name) = (vec![b"CN=Last,DC=x".to_vec()], "memberOf;range=3000-*");
    }
    let attributes = vec![
        ("sAMAccountName", vec![b"a".to_vec()]),
        ("tokenGroups", vec![b"\x01\x05domain\x01\x02\0\0".to_vec()]),
        ("primaryGroupID", vec![b"513".to_vec()]),
        ("objectSid", vec![sid]),
        (name, member_of),
    ];
    (0, vec![(b"cn=a,dc=x".to_vec(), attributes)])
}

fn group_rule(group: &str, more: &str) -> String {
    format!("preset = \"active-directory\"\nbase = \"dc=x\"\nrequire_group = \"{group}\"\n{more}")
}

#[tokio::test]
async fn values_that_come_in_part_are_read_to_the_end() {
    let (_server, port) = Server::start(|search| controller(search, 0)).await;
    for more in ["", "nested_groups = false", "group_method = \"memberof\""] {
        for group in ["cn=n0,dc=x", "cn=n2999,dc=x", "cn=last,dc=x", "cn=primary,dc=x"] {
            let domain = domain(port, &group_rule(group, more));
            assert_eq!(verdict(&domain, "a").await, Verdict::Granted, "{group} {more}");
        }
        let domain = domain(port, &group_rule("cn=gone,dc=x", more));
        let outcome = sign_in(&domain, "a").await;
        assert_eq!(outcome.verdict, Verdict::Denied(Denial::NotInGroup), "{more}");
        assert!(outcome.detail.unwrap().contains("cn=gone,dc=x does not exist"), "{more}");
    }
}

#[tokio::test]
async fn a_part_that_does_not_come_leaves_nobody_out() {
    let part = |name: &'static str| vec![(name, vec![b"cn=n1500,dc=x".to_vec()])];
    for (code, parts) in [
        (0, Vec::new()),
        (0, vec![Vec::new()]),
        (0, vec![part("memberOf")]),
        (0, vec![part("memberOf;range=0-1499")]),
        (0, vec![part("memberOf;range=1501-*")]),
        (0, vec![part("memberOf;range=1500-1499")]),
        (32, Vec::new()),
        (50, Vec::new()),
    ] {
        let context = format!("{code} {parts:?}");
        let (_server, port) = Server::start(move |search| {
            if search.attributes.iter().any(|asked| asked.ends_with(";range=1500-*")) {
                let entry = |attributes| (b"cn=a,dc=x".to_vec(), attributes);
                return (code, parts.clone().into_iter().map(entry).collect());
            }
            controller(search, 0)
        })
        .await;
        let rule = group_rule("cn=last,dc=x", "group_method = \"memberof\"");
        let verdict = verdict(&domain(port, &rule), "a").await;
        assert!(matches!(verdict, Verdict::Unavailable(_)), "{context}: {verdict}");
    }
}

#[tokio::test]
async fn a_group_of_another_domain_is_nobodys_verdict() {
    let (_server, port) = Server::start(|search| controller(search, 0)).await;
    let (elsewhere, here) = ("cn=c,dc=branch,dc=x", "cn=last,dc=x");
    for more in ["", "nested_groups = false", "group_method = \"token-groups\""] {
        let domain = domain(port, &group_rule(elsewhere, more));
        let outcome = sign_in(&domain, "a").await;
        assert_eq!(outcome.verdict, Verdict::Unavailable(Outage::Referral), "{more}");
        assert!(outcome.detail.unwrap().contains("global catalog"), "{more}");
    }
    let several = |groups: [&str; 2], all: &str| {
        let rule = group_rule("", &format!("require_group_match = \"{all}\""));
        domain(port, &rule.replace("\"\"", &format!("{groups:?}")))
    };
    let cannot_tell = Verdict::Unavailable(Outage::Referral);
    let denied = Verdict::Denied(Denial::NotInGroup);
    assert_eq!(verdict(&several([elsewhere, here], "any"), "a").await, Verdict::Granted);
    assert_eq!(verdict(&several([elsewhere, here], "all"), "a").await, cannot_tell);
    assert_eq!(verdict(&several([elsewhere, "cn=gone,dc=x"], "any"), "a").await, cannot_tell);
    assert_eq!(verdict(&several([elsewhere, "cn=gone,dc=x"], "all"), "a").await, denied);
}

/// The catalog of the forest in which the group of the other domain has this security identifier.
async fn catalog(sid: &'static [u8]) -> (Arc<Server>, u16) {
    Server::start(move |search| match search.base.contains("dc=branch") {
        true => {
            (0, vec![(b"cn=c,dc=branch,dc=x".to_vec(), vec![("objectSid", vec![sid.to_vec()])])])
        }
        false => controller(search, 0),
    })
    .await
}

#[tokio::test]
async fn a_group_of_another_domain_is_asked_of_the_catalog_and_nothing_else_is() {
    const OF_A: &[u8] = b"\x01\x05domain\x01\x02\0\0";
    let (elsewhere, here) = ("cn=c,dc=branch,dc=x", "cn=last,dc=x");
    let denied = Verdict::Denied(Denial::NotInGroup);
    let (of_a, of_nobody) = ((OF_A, Verdict::Granted), (b"\x01\x05other".as_slice(), denied));
    // Windows refers to another server, Samba knows no such entry.
    for (code, (sid, verdict_of_a)) in [(10, of_a), (10, of_nobody), (32, of_a), (32, of_nobody)] {
        let (_server, port) = Server::start(move |search| {
            let is_foreign = search.base.contains("dc=branch");
            if is_foreign { (code, Vec::new()) } else { controller(search, 0) }
        })
        .await;
        let (catalog, catalog_port) = catalog(sid).await;
        let named = format!("global_catalog = [\"ldap://127.0.0.1:{catalog_port}\"]\n");
        let several = |all: &str| {
            let rule = group_rule("", &format!("{named}require_group_match = \"{all}\""));
            domain(port, &rule.replace("\"\"", &format!("{:?}", [elsewhere, here])))
        };
        assert_eq!(verdict(&several("any"), "a").await, Verdict::Granted);
        assert_eq!(catalog.asked(), 0, "the other group suffices");
        assert_eq!(verdict(&domain(port, &group_rule(elsewhere, &named)), "a").await, verdict_of_a);
        assert_eq!(verdict(&several("all"), "a").await, verdict_of_a);
        assert!(catalog.asked() > 0 && catalog.bound().is_empty());
    }
    let (_server, port) = Server::start(|search| controller(search, 0)).await;
    let away = "global_catalog = [\"ldap://127.0.0.1:9\"]\nconnect_within = \"100ms\"";
    let outcome = sign_in(&domain(port, &group_rule(elsewhere, away)), "a").await;
    assert!(matches!(outcome.verdict, Verdict::Unavailable(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_root_dse_that_was_refused_is_asked_for_again() {
    for code in [1, 3, 32, 50, 51, 52, 53, 80] {
        let root = Arc::new(Mutex::new(code));
        let now = Arc::clone(&root);
        let (_server, port) =
            Server::start(move |search| controller(search, *now.lock().unwrap())).await;
        let domain = domain(port, &group_rule("cn=primary,dc=x", ""));
        let by = Deadline::after(Instant::now(), Duration::from_millis(500));
        let found = domain.find(&Account::new("a", "h").unwrap(), by).await;
        let verdict = found.map(|_| ()).unwrap_err().verdict;
        assert!(matches!(verdict, Verdict::Unavailable(_)), "{code}: {verdict}");
        *root.lock().unwrap() = 0;
        let well = async {
            while sign_in(&domain, "a").await.verdict != Verdict::Granted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(5), well).await.is_ok(), "{code}");
    }
}
