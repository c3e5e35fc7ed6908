//! Asking domain controllers, in one datagram, for the site that this machine is in (MS-ADTS,
//! section 6.3.3: LDAP ping).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::directory::locate::dns::Dns;
use crate::directory::message::Query;
use crate::directory::message::ber;
use crate::directory::message::{Envelope, Filter, Operation, Response};

/// Controllers answer at once, or not at all.
const PATIENCE: Duration = Duration::from_millis(500);

const PORT: u16 = 389;

/// Asks for an answer of the form `NETLOGON_SAM_LOGON_RESPONSE_EX` (NETLOGON_NT_VERSION_5 and 5EX,
/// section 6.3.1.1), little-endian.
const VERSION: &[u8] = b"\x06\0\0\0";
/// The attribute of the root DSE that answers.
const NETLOGON: &str = "Netlogon";
/// The operation codes of that form (section 6.3.1.3): the domain is here, and no user was asked for.
const LOGON_RESPONSE_EX: u16 = 23;
const USER_UNKNOWN_EX: u16 = 25;
/// Where the names begin in it: behind two numbers of 2 bytes, one of 4, and a GUID.
const NAMES: usize = 24;
/// The names before the client's site (section 6.3.1.9): forest, domain, host, the same in NetBIOS
/// (two), user, the server's site.
const NAMES_BEFORE: usize = 7;

/// The longest chain of pointers within a name; a longer one is a loop.
const MOST_POINTERS: usize = 16;

/// The site that the first of these controllers to answer names; empty if the directory knows
/// none for this machine.
pub(in crate::directory) async fn site(
    dns: &Dns,
    domain: &str,
    hosts: impl Iterator<Item = &str>,
) -> Option<String> {
    let mut pings: FuturesUnordered<_> = hosts.map(|host| ping(dns, domain, host)).collect();
    let first = async {
        while let Some(answer) = pings.next().await {
            if answer.is_some() {
                return answer;
            }
        }
        None
    };
    timeout(PATIENCE, first).await.ok().flatten()
}

async fn ping(dns: &Dns, domain: &str, host: &str) -> Option<String> {
    let address = dns.addresses(host, PORT).await.ok()?.into_iter().next()?;
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(address).await.ok()?;
    socket.send(&request(domain)).await.ok()?;
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await.ok()?;
    client_site(&netlogon(buffer.get(..length)?)?)
}

/// A search of the root DSE for its attribute `Netlogon`.
fn request(domain: &str) -> Vec<u8> {
    let filter = Filter::and(&[
        Filter::equality("DnsDomain", domain.as_bytes()),
        Filter::equality("NtVer", VERSION),
    ]);
    let query = Query { filter: &filter, at_most: None, ..Query::entry("", &[NETLOGON]) };
    Operation::Search { query: &query, seconds: 0 }.message(1, &[])
}

/// The value of the attribute in an answer.
fn netlogon(answer: &[u8]) -> Option<Vec<u8>> {
    // The message with the end of the search may stand behind that with the entry.
    let answer = answer.get(..ber::message_length(answer).ok()??)?;
    match Envelope::open(answer).ok()?.response().ok()? {
        Response::Entry(entry) => entry.values(NETLOGON).next().map(<[u8]>::to_vec),
        Response::NamelessEntry | Response::References(_) | Response::End(_) => None,
    }
}

fn client_site(response: &[u8]) -> Option<String> {
    let (code, _) = response.split_first_chunk()?;
    if !matches!(u16::from_le_bytes(*code), LOGON_RESPONSE_EX | USER_UNKNOWN_EX) {
        return None;
    }
    let mut position = NAMES;
    for _ in 0..NAMES_BEFORE {
        name(response, &mut position)?;
    }
    name(response, &mut position)
}

/// The name at a position, compressed as in DNS (RFC 1035, section 4.1.4); the position moves
/// behind it.
fn name(message: &[u8], position: &mut usize) -> Option<String> {
    const POINTER: u8 = 0xc0;
    let mut labels = Vec::new();
    let mut at = *position;
    let mut pointers = 0;
    loop {
        let length = *message.get(at)?;
        at += 1;
        if length & POINTER == POINTER {
            let low = *message.get(at)?;
            if pointers == 0 {
                *position = at + 1;
            }
            pointers += 1;
            if pointers > MOST_POINTERS {
                return None;
            }
            at = usize::from(u16::from_be_bytes([length & !POINTER, low]));
            continue;
        }
        let end = at + usize::from(length);
        if length == 0 {
            break;
        }
        labels.push(std::str::from_utf8(message.get(at..end)?).ok()?);
        at = end;
    }
    if pointers == 0 {
        *position = at;
    }
    Some(labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with these names, of which the second points into the first.
    fn response(client_site: &[u8]) -> Vec<u8> {
        let mut response = vec![23, 0, 0, 0];
        response.extend([0; 20]);
        response.extend(b"\x07example\x03com\x00");
        response.extend(b"\x04corp\xc0\x18");
        response.extend(b"\x03dc1\xc0\x25");
        response.extend(b"\x04CORP\x00");
        response.extend(b"\x03DC1\x00");
        response.extend(b"\x00");
        response.extend(b"\x06Berlin\x00");
        response.extend(client_site);
        response.extend(b"\x05\x00\x00\x00\xff\xff\xff\xff");
        response
    }

    #[test]
    fn the_clients_site_is_read() {
        assert_eq!(client_site(&response(b"\x06Munich\x00")).as_deref(), Some("Munich"));
        assert_eq!(client_site(&response(b"\x00")).as_deref(), Some(""));
        // As the server's.
        let whole = response(b"\x00");
        let berlin = whole.windows(7).position(|window| window == b"\x06Berlin").unwrap();
        let pointer = [0xc0, u8::try_from(berlin).unwrap()];
        assert_eq!(client_site(&response(&pointer)).as_deref(), Some("Berlin"));
    }

    #[test]
    fn names_within_names_are_joined() {
        let whole = response(b"\x00");
        let mut position = NAMES;
        let names: Vec<_> = (0..3).map(|_| name(&whole, &mut position).unwrap()).collect();
        assert_eq!(names, ["example.com", "corp.example.com", "dc1.corp.example.com"]);
    }

    #[test]
    fn odd_answers_name_no_site() {
        let whole = response(b"\x06Munich\x00");
        for end in 0..whole.len() - 8 {
            assert_eq!(client_site(&whole[..end]), None, "{end}");
        }
        let loops = response(b"\xc0\x18");
        let mut endless = loops.clone();
        endless[24..26].copy_from_slice(b"\xc0\x18");
        assert_eq!(client_site(&endless), None);
        let mut other = whole;
        other[0] = 19;
        assert_eq!(client_site(&other), None);
        for odd in [&b""[..], b"\x30", b"\x30\x03\x02\x01\x01", b"HTTP/1.1 200 OK"] {
            assert_eq!(netlogon(odd), None);
        }
    }

    #[test]
    fn a_request_is_a_search_of_the_root_dse() {
        let request = request("corp.example");
        let envelope = Envelope::open(&request).unwrap();
        assert_eq!((envelope.id, envelope.operation), (1, ber::tag::SEARCH_REQUEST));
        let text = String::from_utf8_lossy(&request);
        assert!(text.contains("DnsDomain") && text.contains("corp.example"));
    }
}
