//! Thousands of connections at once to one listener, of which the others know nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use ldap_fixtures::embedded::Embedded;
use ldap_fixtures::process::free_port;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::client::{Client, Daemon, auth, corp, order, site};

/// So many try to connect.
const CROWD: usize = 10_000;

/// All that can connect to a socket without waiting.
fn crowd(path: &Path) -> Vec<Socket> {
    let connect = |_| {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&SockAddr::unix(path).unwrap()).ok().map(|()| socket)
    };
    (0..CROWD).map_while(connect).collect()
}

/// The same at a port.
fn crowd_at(port: u16) -> Vec<Socket> {
    let address = SockAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    let connect = |_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&address);
        socket
    };
    (0..CROWD).map(connect).collect()
}

/// What HTTP answers on this stream.
fn asks(mut stream: impl Read + Write) -> String {
    let request = "GET /check_password?user=alice&server=example.com&pass=secret HTTP/1.1\r\n\
                   Authorization: Basic cHJvc29keTpzM2NyZXQ=\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_crowd_at_one_listener_keeps_nobody_from_the_others() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let server = Embedded::start().unwrap();
    let port = free_port().unwrap();
    let site = site(&format!(
        "[listen.a]\nsocket = \"{{dir}}/a.sock\"\n[listen.b]\nsocket = \"{{dir}}/b.sock\"\n\
         [listen.web]\nhttp = \"{{dir}}/web.sock\"\ncredentials_file = \"{{dir}}/credentials\"\n\
         [listen.port]\nhttp = \"127.0.0.1:{port}\"\ncredentials_file = \"{{dir}}/credentials\"\n\
         [listen.watch]\nmetrics = \"{{dir}}/watch.sock\"\n{}",
        corp(&server.url())
    ));
    site.secret("credentials", "prosody:s3cret\n");
    let daemon = Daemon::start(site);
    let path = |name: &str| daemon.socket(name);
    let mut before = Client::greeting(&path("a.sock"));
    for crowded in ["a.sock", "web.sock", "watch.sock", "control.sock", "port"] {
        let crowd = if crowded == "port" { crowd_at(port) } else { crowd(&path(crowded)) };
        assert!(crowd.len() > 256, "{crowded}: {}", crowd.len());
        assert_eq!(before.ask(&auth(1, "alice", "secret")), "yes ok", "{crowded}");
        let mut other = Client::greeting(&path("b.sock"));
        assert_eq!(other.ask(&auth(1, "alice", "secret")), "yes ok", "{crowded}");
        if crowded != "web.sock" {
            let answer = asks(UnixStream::connect(path("web.sock")).unwrap());
            assert!(answer.ends_with("true"), "{crowded}: {answer}");
        }
        if crowded != "control.sock" {
            let status = order(&path("control.sock"), "{\"command\":\"status\"}");
            assert!(status["status"].is_object(), "{crowded}");
        }
        drop((crowd, other));
        // Whoever comes afterwards has a place as before.
        let mut after = Client::greeting(&path("a.sock"));
        assert_eq!(after.ask(&auth(1, "alice", "secret")), "yes ok", "{crowded}");
        let answer = asks(TcpStream::connect(("127.0.0.1", port)).unwrap());
        assert!(answer.ends_with("true"), "{crowded}: {answer}");
    }
}
