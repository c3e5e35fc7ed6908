//! What commands say of a server that does not answer.

use super::*;

/// What a command says that cannot tell; three seconds are its time for an answer.
async fn told_by_command(server: &Server, command: &'static [&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (password, config) = (directory.path().join("password"), directory.path().join("config"));
    std::fs::write(&password, "x").unwrap();
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "caller = \"ejabberd\"\nanswer_within = \"3s\"\n[directory.d]\n\
         servers = [\"ldap://127.0.0.1:{}\"]\nbase = \"dc=x\"\n\
         user_filter = \"(uid={{localpart}})\"\nbind_dn = \"cn=service\"\n\
         bind_password_file = {password:?}\n\
         [domain.\"example.com\"]\ndirectory = \"d\"\nrequire_group = \"cn=g,dc=x\"\n\
         group_method = \"member\"\ngroup_base = \"dc=x\"\n",
        server.port
    );
    std::fs::write(&config, text).unwrap();
    let output = tokio::task::spawn_blocking(move || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_xmpp-ldap-auth"));
        program.env("COLUMNS", "10000").env("RUNTIME_DIRECTORY", "/nonexistent");
        program.arg("--config").arg(config).args(command).stdin(Stdio::piped());
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Not every command reads it.
        let _ = child.stdin.take().unwrap().write_all(b"right\n");
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(69), "{out}{error}");
    format!("{out}{error}")
}

/// A server that leaves this unanswered.
async fn hanging(hangs: Pick) -> Arc<Server> {
    Server::start(move |request| Some(if hangs(request) { Vec::new() } else { request.good() }))
        .await
}

#[tokio::test]
async fn probe_names_what_a_server_leaves_unanswered_and_asks_it_no_more() {
    let of_base: Pick = |request| request.is_search() && !request.has(b"cn=");
    let of_group: Pick = |request| request.is_search() && request.has(b"cn=g");
    let of_policies: Pick = |request| request.operation == SEARCH && request.has(b"cn=config");
    let cases: [(Pick, &str); 4] = [
        (Request::is_service_bind, "service bind: cannot tell: lost-connection: no answer"),
        (of_base, "search: dc=x: no answer came"),
        (of_group, "search: cn=g,dc=x: no answer came"),
        (of_policies, "search: cn=config: no answer came"),
    ];
    join_all(cases.map(async |(hangs, words)| {
        let server = hanging(hangs).await;
        let told = told_by_command(&server, &["probe"]).await;
        assert!(told.contains(words), "{words}: {told}");
        assert!(!told.contains("does not exist") && !told.contains("could not be read"), "{told}");
        let seen = server.seen.lock().unwrap();
        let first = seen.iter().position(hangs).unwrap();
        assert!(seen[first + 1..].iter().all(|request| request.operation == UNBIND), "{told}");
    }))
    .await;
    let ending = Server::start(move |request| (!of_base(request)).then(|| request.good())).await;
    let told = told_by_command(&ending, &["probe"]).await;
    assert!(told.contains("dc=x: the connection was closed"), "{told}");
    assert!(!told.contains("does not exist"), "{told}");
}

#[tokio::test]
async fn login_names_the_step_and_the_server_that_it_waited_for() {
    let cases: [(Pick, &str); 3] = [
        (Request::is_service_bind, "service bind"),
        (Request::is_search, "search"),
        (Request::is_user_bind, "bind as the user"),
    ];
    join_all(cases.map(async |(hangs, step)| {
        let server = hanging(hangs).await;
        let login = &["login", "--password-stdin", "a@example.com"];
        let told = told_by_command(&server, login).await;
        let verdict = told.lines().find(|line| line.contains("cannot tell")).unwrap();
        let words = format!("{step} on ldap://127.0.0.1:{}: no answer", server.port);
        assert!(verdict.contains(&words), "{words}: {told}");
    }))
    .await;
}

#[tokio::test]
async fn explain_ends_in_time_and_tells_what_it_has_seen_and_waited_for() {
    let cases: [(Pick, &str, &str); 2] = [
        (Request::is_service_bind, "service bind", "filter"),
        (Request::is_search, "search", "filter"),
    ];
    join_all(cases.map(async |(hangs, step, seen)| {
        let server = hanging(hangs).await;
        let told = told_by_command(&server, &["explain", "a@example.com"]).await;
        let words = format!("{step} on ldap://127.0.0.1:{}: no answer", server.port);
        assert!(told.contains(&words) && told.contains(seen), "{words}: {told}");
        assert!(told.contains("nobody can tell whether this user can sign in"), "{told}");
    }))
    .await;
}
