//! Why ldap3's own connection is not used, shown on the version in the lock file. A test that fails
//! here says that ldap3 got better: the decision is due again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::alloc::System;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;

use ldap3::{Ldap, LdapConnAsync};
use zeroizing_alloc::ZeroAlloc;

/// As in the program, so that nothing is found in memory that was freed.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

const BIND_RESPONSE: u8 = 0x61;
const SEARCH_RESULT_DONE: u8 = 0x65;
const EXTENDED_RESPONSE: u8 = 0x78;

/// The URL of a server that answers every request by this operation.
fn server(operation: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        loop {
            // Each request comes in one piece, is short, and has an ID of one byte.
            let mut request = vec![0; 256];
            let length = stream.read(&mut request).unwrap_or(0);
            if length == 0 {
                return;
            }
            let header = [0x30, u8::try_from(operation.len() + 3).unwrap(), 0x02, 0x01, request[4]];
            drop(request);
            stream.write_all(&[&header, operation].concat()).unwrap();
        }
    });
    url
}

async fn connect(url: &str) -> (Ldap, tokio::task::JoinHandle<()>) {
    let (connection, ldap) = LdapConnAsync::new(url).await.unwrap();
    let driver = tokio::spawn(async move {
        let _ = connection.drive().await;
    });
    (ldap, driver)
}

#[tokio::test]
async fn a_response_that_is_no_bind_response_of_success_passes_for_one() {
    let success = b"\x0a\x01\x00\x04\x00\x04\x00";
    for (what, operation) in [
        ("the end of a search", [&[SEARCH_RESULT_DONE, 7], &success[..]].concat()),
        ("an extended response", [&[EXTENDED_RESPONSE, 7], &success[..]].concat()),
        (
            "a result code without a byte",
            [&[BIND_RESPONSE, 6], &b"\x0a\x00\x04\x00\x04\x00"[..]].concat(),
        ),
    ] {
        let (mut ldap, _driver) = connect(&server(operation.leak())).await;
        let bound = ldap.simple_bind("cn=a", "secret").await.and_then(ldap3::LdapResult::success);
        assert!(
            bound.is_ok(),
            "ldap3 does not take {what} for a successful bind any more: decide again whether to use its connection"
        );
    }
}

/// A password that stands in memory only while it is used.
struct Password([u8; 24]);

impl Password {
    const MASK: u8 = 0x80;

    fn random() -> Self {
        Self(std::array::from_fn(|_| u8::try_from(fastrand::alphanumeric()).unwrap() ^ Self::MASK))
    }

    fn text(&self) -> String {
        self.0.iter().map(|byte| char::from(byte ^ Self::MASK)).collect()
    }

    /// Whether this process has it anywhere that it can write.
    fn is_in_memory(&self) -> bool {
        let memory = File::open("/proc/self/mem").unwrap();
        fs::read_to_string("/proc/self/maps").unwrap().lines().any(|line| {
            let mut fields = line.split_whitespace();
            let (range, access) = (fields.next().unwrap(), fields.next().unwrap());
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
            let mut region = vec![0; usize::try_from(end - start).unwrap()];
            access.starts_with("rw")
                && memory.read_exact_at(&mut region, start).is_ok()
                && region.windows(self.0.len()).any(|window| {
                    window.iter().zip(self.0).all(|(byte, masked)| byte ^ Self::MASK == masked)
                })
        })
    }
}

#[tokio::test]
async fn a_password_stays_in_memory_as_long_as_the_connection_is_kept() {
    let password = Password::random();
    assert!(!password.is_in_memory(), "the search finds what it must not");
    let (mut ldap, driver) = connect(&server(b"\x61\x07\x0a\x01\x00\x04\x00\x04\x00")).await;
    ldap.simple_bind("cn=a", &password.text()).await.unwrap().success().unwrap();
    ldap.simple_bind("cn=b", "another").await.unwrap().success().unwrap();
    assert!(
        password.is_in_memory(),
        "ldap3 does not keep a password any more: decide again whether to use its connection"
    );
    drop(ldap);
    driver.await.unwrap();
    assert!(!password.is_in_memory(), "something else than the connection kept it");
}
