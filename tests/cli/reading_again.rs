//! A configuration that is mended, named or changed while the program runs.

use super::*;

#[test]
fn with_an_unusable_configuration_it_lives_on_and_cannot_tell() {
    let site = Site::new("[directory]\n[nonsense]\n");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    for request in
        ["auth:alice:example.com:secret", "isuser:alice:example.com", "setpass:alice:example.com:x"]
    {
        assert_eq!(adapter.ask(request), CannotTell);
    }
    assert_eq!(adapter.ask("removeuser:alice:example.com"), No);
    adapter.logs("nonsense: there is no such key");
    let (rest, status) = adapter.finish();
    assert!(rest.is_empty() && status.success());
}

#[test]
fn a_named_caller_gets_its_own_replies_when_the_file_names_it() {
    let site = Site::new("caller = \"mongoose\"\n");
    let mut child = site
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(child.try_wait().unwrap(), None);
    site.write("config.toml", &format!("caller = \"mongooseim\"\n{NOBODY}"));
    // The next process speaks to it. An open input shows that this one does not end for want of it.
    let _input = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(78));
}

/// From the first moment on: before the process has said what becomes of signals, it is only the one
/// who starts it that can say so.
#[test]
fn a_hang_up_that_is_ignored_at_the_start_ends_nobody() {
    let site = Site::new(NOBODY);
    let inner = site.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; echo begins >&2; exec \"$0\" \"$@\""])
        .arg(inner.get_program());
    command.args(inner.get_args()).args(["--caller", "ejabberd"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("XMPP_LDAP_AUTH_CONFIG")
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(log.next().unwrap().unwrap(), "begins");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert!(log.any(|line| line.unwrap().contains("ready")));
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert!(log.any(|line| line.unwrap().contains("read again")), "it listens to it afterwards");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// What every bind and search is answered with: success.
fn agreeable(listener: &std::net::TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        std::thread::spawn(move || {
            let mut request = [0; 512];
            while std::io::Read::read(&mut stream, &mut request).is_ok_and(|length| length > 5) {
                let [id, operation] = [request[4], request[5]];
                let answer = [
                    0x30,
                    12,
                    2,
                    1,
                    id,
                    operation + if operation == 0x63 { 2 } else { 1 },
                    7,
                    10,
                    1,
                    0,
                    4,
                    0,
                    4,
                    0,
                ];
                let _ = std::io::Write::write_all(&mut stream, &answer);
            }
        });
    }
}

#[test]
fn a_configuration_whose_directory_could_not_be_reached_is_tried_again_by_itself() {
    let site = Site::new(NOBODY);
    site.secret("password", "x");
    let adapter = Adapter::start(&site, Framing::Packet);
    adapter.logs("ready");
    // Nobody listens there yet, and nobody else will.
    let reserved =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    reserved.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let port = reserved.local_addr().unwrap().as_socket().unwrap().port().to_string();
    let service = "bind_dn = \"cn=x\"\nbind_password_file = \"{dir}/password\"\n[domain";
    let config = NOBODY.replace("127.0.0.1:9\"", &format!("127.0.0.1:{port}\""));
    site.write("config.toml", &config.replacen("[domain", service, 1));
    let pid = rustix::process::Pid::from_raw(i32::try_from(adapter.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    adapter.logs("it will be tried again");
    reserved.listen(16).unwrap();
    std::thread::spawn(move || agreeable(&reserved.into()));
    let started = Instant::now();
    while !adapter.log().contains("read again and is in use") {
        assert!(started.elapsed() < 2 * PATIENCE, "{}", adapter.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_configuration_that_is_read_by_itself_when_half_written_is_read_again() {
    let site = Site::new("[domain");
    let mut adapter = Adapter::start(&site, Framing::Packet);
    adapter.logs("until the configuration is right");
    site.write("config.toml", NOBODY);
    adapter.logs("read again and is in use");
    site.write(
        "config.toml",
        &format!("{NOBODY}[domain.\"late.example\"]\ndirectory = \"nobody\"\n"),
    );
    let started = Instant::now();
    // Nobody answers for it, which is no "no".
    while adapter.ask("isuser:alice:late.example") == No {
        assert!(started.elapsed() < 2 * PATIENCE, "{}", adapter.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}
