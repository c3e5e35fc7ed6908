//! Whose keys a keytab holds, so that a wrong one is noticed before a KDC is asked.

/// The principals of a keytab in the form that MIT and Heimdal share (version 0x502), each once;
/// `None` if it is none, or cut off.
pub(super) fn principals(keytab: &[u8]) -> Option<Vec<String>> {
    let mut rest = keytab.strip_prefix(b"\x05\x02")?;
    let mut principals = Vec::new();
    while let Some((size, behind)) = rest.split_first_chunk() {
        let size = i32::from_be_bytes(*size);
        // An entry that was removed leaves a hole with its size below zero.
        let length = usize::try_from(size.unsigned_abs()).ok()?;
        if length == 0 {
            break;
        }
        let entry = behind.get(..length)?;
        if size > 0 {
            let name = principal(entry)?;
            if !principals.contains(&name) {
                principals.push(name);
            }
        }
        rest = behind.get(length..)?;
    }
    Some(principals)
}

/// The principal at the front of an entry.
fn principal(entry: &[u8]) -> Option<String> {
    let (count, mut rest) = entry.split_first_chunk()?;
    let realm = text(&mut rest)?;
    let parts: Option<Vec<String>> =
        (0..u16::from_be_bytes(*count)).map(|_| text(&mut rest)).collect();
    Some(format!("{}@{realm}", parts?.join("/")))
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let (length, behind) = rest.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let text = behind.get(..length)?;
    *rest = behind.get(length..)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry for a principal, with a key that is nobody's.
    fn entry(realm: &str, parts: &[&str]) -> Vec<u8> {
        let text = |text: &str| {
            [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
        };
        let mut entry = u16::try_from(parts.len()).unwrap().to_be_bytes().to_vec();
        entry.extend(text(realm));
        entry.extend(parts.iter().flat_map(|part| text(part)));
        entry.extend([0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 18, 0, 2, 7, 7]);
        [&i32::try_from(entry.len()).unwrap().to_be_bytes(), &entry[..]].concat()
    }

    #[test]
    fn the_principals_are_found() {
        let hole = [&(-3_i32).to_be_bytes()[..], &[0; 3]].concat();
        let keytab = [
            &b"\x05\x02"[..],
            &entry("CORP.EXAMPLE", &["svc-xmpp"]),
            &entry("CORP.EXAMPLE", &["svc-xmpp"]),
            &hole,
            &entry("CORP.EXAMPLE", &["xmpp", "host.corp.example"]),
        ];
        let expected = ["svc-xmpp@CORP.EXAMPLE", "xmpp/host.corp.example@CORP.EXAMPLE"];
        assert_eq!(principals(&keytab.concat()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_keytab_has_no_principals() {
        let whole = [&b"\x05\x02"[..], &entry("R", &["a"])].concat();
        assert_eq!(principals(b"\x05\x02"), Some(vec![]));
        for end in 7..whole.len() {
            assert_eq!(principals(&whole[..end]), None, "{end}");
        }
        for odd in [&b""[..], b"hello", b"\x05\x01\x00\x00", b"\x05\x02\x7f\xff\xff\xff\x00"] {
            assert_eq!(principals(odd), None, "{odd:?}");
        }
    }
}
