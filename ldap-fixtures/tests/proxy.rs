//! That the proxy breaks connections in the ways that it says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::spawn;
use std::time::{Duration, Instant};

use ldap_fixtures::process::wait_until;
use ldap_fixtures::proxy::{Fault, Proxy, Unreachable};

const SOON: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(10);

/// A server that sends everything back.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        for mut stream in listener.incoming().flatten() {
            spawn(move || {
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    stream.write_all(&buffer[..length]).unwrap();
                }
            });
        }
    });
    address
}

fn client(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

#[track_caller]
fn hears_nothing(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(SOON)).unwrap();
    let error = stream.read(&mut [0; 64]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.set_read_timeout(Some(LONG)).unwrap();
}

fn round_trip(stream: &mut TcpStream) -> std::io::Result<usize> {
    stream.write_all(b"hello")?;
    stream.read(&mut [0; 64])
}

#[test]
fn without_a_fault_bytes_pass_and_are_recorded() {
    let proxy = Proxy::start(echo()).unwrap();
    assert_eq!(round_trip(&mut client(&proxy)).unwrap(), 5);
    assert!(proxy.has_received(b"hello") && !proxy.has_received(b"secret"));
    assert_eq!(proxy.accepted(), 1);
}

#[test]
fn a_delay_holds_replies_back() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = client(&proxy);
    proxy.set(Fault::Delay(SOON));
    let started = Instant::now();
    assert_eq!(round_trip(&mut stream).unwrap(), 5);
    assert!(started.elapsed() >= SOON);
}

#[test]
fn a_delay_of_binds_holds_nothing_else_back() {
    // LDAPMessages with the ID 300 and no result: a BindResponse, the same with a long form of its
    // length, and a SearchResultDone (RFC 4511, section 4.1.1).
    let bind: &[u8] = &[0x30, 6, 2, 2, 1, 44, 0x61, 0];
    let long: &[u8] = &[0x30, 0x84, 0, 0, 0, 6, 2, 2, 1, 44, 0x61, 0];
    let search: &[u8] = &[0x30, 6, 2, 2, 1, 44, 0x65, 0];
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = client(&proxy);
    proxy.set(Fault::DelayBinds(LONG));
    for piece in [search, b"hello", &[0x30], &[0x30, 0xff], &[0x30, 2, 2, 0xff]] {
        stream.write_all(piece).unwrap();
        assert_eq!(stream.read(&mut [0; 64]).unwrap(), piece.len());
    }
    for piece in [bind, long] {
        proxy.set(Fault::DelayBinds(SOON));
        let started = Instant::now();
        stream.write_all(piece).unwrap();
        assert_eq!(stream.read(&mut [0; 64]).unwrap(), piece.len());
        assert!(started.elapsed() >= SOON);
    }
}

#[test]
fn a_black_hole_swallows_and_gives_back() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = client(&proxy);
    proxy.set(Fault::BlackHole);
    stream.write_all(b"hello").unwrap();
    hears_nothing(&mut stream);
    proxy.set(Fault::None);
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 5);
}

#[test]
fn a_black_hole_hides_the_end_of_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let mut stream = client(&proxy);
    let (server, _) = listener.accept().unwrap();
    proxy.set(Fault::BlackHole);
    drop(server);
    hears_nothing(&mut stream);
    proxy.set(Fault::None);
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
}

#[test]
fn connections_in_a_black_hole_are_cut_and_reset_all_the_same() {
    let proxy = Proxy::start(echo()).unwrap();
    proxy.set(Fault::BlackHole);
    let mut stream = client(&proxy);
    stream.write_all(b"hello").unwrap();
    hears_nothing(&mut stream);
    proxy.reset_all();
    assert_eq!(stream.read(&mut [0; 64]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut stream = client(&proxy);
    stream.write_all(b"hello").unwrap();
    hears_nothing(&mut stream);
    proxy.cut_all();
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
}

#[test]
fn forgotten_connections_stay_silent_and_new_ones_work() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = client(&proxy);
    assert_eq!(round_trip(&mut old).unwrap(), 5);
    proxy.set(Fault::DropIdle);
    assert_eq!(round_trip(&mut client(&proxy)).unwrap(), 5);
    old.write_all(b"hello").unwrap();
    hears_nothing(&mut old);
    proxy.set(Fault::None);
    hears_nothing(&mut old);
}

#[test]
fn open_connections_are_counted() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut streams = [client(&proxy), client(&proxy), client(&proxy)];
    for stream in &mut streams {
        assert_eq!(round_trip(stream).unwrap(), 5);
    }
    assert_eq!(proxy.connections(), 3);
    drop(streams);
    wait_until("the end of the connections", LONG, || proxy.connections() == 0).unwrap();
    assert_eq!(proxy.accepted(), 3);
}

#[test]
fn a_stripped_start_tls_is_answered_without_the_server() {
    // StartTLS as message 1.
    let request = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = client(&proxy);
    proxy.set(Fault::StripStartTls(2));
    stream.write_all(request).unwrap();
    let mut answer = [0; 14];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00");
    assert_eq!(round_trip(&mut stream).unwrap(), 5);
    assert_eq!(proxy.received(), [&request[..], b"hello"].concat());
}

#[test]
fn nothing_is_left_of_a_dropped_proxy() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = client(&proxy);
    assert_eq!(round_trip(&mut stream).unwrap(), 5);
    let address = proxy.address();
    drop(proxy);
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
    wait_until("the end of the listener", LONG, || TcpStream::connect(address).is_err()).unwrap();
}

#[test]
fn connections_are_cut_and_reset() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = client(&proxy);
    assert_eq!(round_trip(&mut stream).unwrap(), 5);
    proxy.cut_all();
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
    let mut stream = client(&proxy);
    assert_eq!(round_trip(&mut stream).unwrap(), 5);
    proxy.reset_all();
    assert_eq!(stream.read(&mut [0; 64]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn replies_are_cut_at_a_byte() {
    let proxy = Proxy::start(echo()).unwrap();
    proxy.set(Fault::CutAfter(3));
    let mut stream = client(&proxy);
    assert_eq!(round_trip(&mut stream).unwrap(), 3);
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 0);
    proxy.set(Fault::ResetAfter(0));
    assert_eq!(round_trip(&mut client(&proxy)).unwrap_err().kind(), ErrorKind::ConnectionReset);
    proxy.set(Fault::Refuse);
    assert!(matches!(round_trip(&mut client(&proxy)), Ok(0) | Err(_)));
}

#[test]
fn an_unreachable_address_does_not_connect() {
    let unreachable = Unreachable::start().unwrap();
    let error = TcpStream::connect_timeout(&unreachable.address(), SOON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
