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

use ldap_fixtures::proxy::{Fault, Proxy, Unreachable};

const SOON: Duration = Duration::from_millis(200);

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
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
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
fn a_black_hole_swallows_and_gives_back() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut stream = client(&proxy);
    proxy.set(Fault::BlackHole);
    stream.set_read_timeout(Some(SOON)).unwrap();
    let error = round_trip(&mut stream).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    proxy.set(Fault::None);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 5);
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
    let address: SocketAddr = unreachable.url().trim_start_matches("ldap://").parse().unwrap();
    let error = TcpStream::connect_timeout(&address, SOON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
