//! HTTP/1.1 (RFC 9112) as far as a few fixed questions need it, as pure codecs: the [`head`] of a
//! request, its [`body`], the fields of a [`form`] in either, and the [`reply`].
//!
//! What two readers could take for different messages is refused, whatever RFC 9112 lets a server
//! make of it: a line feed or a carriage return alone, a folded field, a length that is given twice
//! or beside chunks. So is HTTP/1.0, which has no chunks and closes by default.
//!
//! Heads are as long as a query needs that holds the longest password, with each byte as `%XX`. Only
//! the statuses of RFC 9110 come back that MongooseIM survives, which fails on any that it does not
//! know.

pub mod body;
pub mod form;
pub mod head;
pub mod reply;

/// No request, or one that is not served in any case. Nothing behind it can be read either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedHttp;

/// The first line of these bytes without its end, and how long it is with it; `None` as long as the
/// end is missing.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, MalformedHttp> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(MalformedHttp)?;
    if line.contains(&b'\r') { Err(MalformedHttp) } else { Ok(Some((line, end + 1))) }
}
