//! A reader of requests that follows the grammar of RFC 9112 to the letter, whatever that costs.

use super::{Facts, Method};

/// Cuts the request off that stands at the start of a stream; `None` if there is none.
pub(super) fn request(stream: &mut &[u8]) -> Option<Facts> {
    // Section 2.2.
    while let Some(rest) = stream.strip_prefix(b"\r\n") {
        *stream = rest;
    }
    let (method, target) = request_line(line(stream)?)?;
    let mut fields = Vec::new();
    loop {
        match line(stream)? {
            [] => break,
            line => fields.push(field(line)?),
        }
    }
    let all = |wanted: &str| -> Vec<&[u8]> {
        let named = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| *value).collect()
    };
    let only = |name| match all(name)[..] {
        [] => Some(None),
        [value] => Some(Some(value)),
        _ => None,
    };
    only("host")?;
    let body = match (only("content-length")?, only("transfer-encoding")?) {
        (None, None) => Vec::new(),
        (Some(digits), None) => taken(stream, number(digits, 10)?)?.to_vec(),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => chunks(stream)?,
        (_, Some(_)) => return None,
    };
    let (path, query) = path_and_query(target)?;
    let options = all("connection").join(&b","[..]);
    let is_close = |option: &[u8]| trimmed(option).eq_ignore_ascii_case(b"close");
    Some(Facts {
        method,
        path,
        query,
        authorization: only("authorization")?.map(<[u8]>::to_vec),
        accept: all("accept").join(&b","[..]),
        expects_continue: match only("expect")? {
            None => false,
            Some(value) if value.eq_ignore_ascii_case(b"100-continue") => true,
            Some(_) => return None,
        },
        closes: options.split(|byte| *byte == b',').any(is_close),
        body,
    })
}

/// A line, which ends in CR LF and has neither elsewhere.
fn line<'a>(stream: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = stream.iter().position(|byte| b"\r\n".contains(byte))?;
    let (line, rest) = stream.split_at(end);
    *stream = rest.strip_prefix(b"\r\n")?;
    Some(line)
}

/// Section 3.
fn request_line(line: &[u8]) -> Option<(Method, &[u8])> {
    let [method, target, b"HTTP/1.1"] = line.split(|byte| *byte == b' ').collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let method = match method {
        b"GET" => Method::Get,
        b"POST" => Method::Post,
        other => is_token(other).then_some(Method::Other)?,
    };
    Some((method, target))
}

/// The path and the query of a target (section 3.2). Clients leave more characters in queries than
/// RFC 3986 does, so whatever cannot be a separator is taken there.
fn path_and_query(target: &[u8]) -> Option<(String, Vec<u8>)> {
    let target = std::str::from_utf8(target).ok()?;
    if target.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '#') {
        return None;
    }
    let (whole, query) = target.split_once('?').unwrap_or((target, ""));
    let path = if whole.starts_with('/') {
        whole
    } else {
        let authority = whole.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"))?;
        let authority = whole.strip_prefix(authority)?;
        authority.find('/').map_or("", |path| &authority[path..])
    };
    path.is_ascii().then(|| (path.to_owned(), query.as_bytes().to_vec()))
}

/// A name and a value (section 5).
fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
    let is_legal =
        is_token(name) && value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
    is_legal.then_some((std::str::from_utf8(name).ok()?, value))
}

/// Section 7.1; what extensions and trailers say does not matter.
fn chunks(stream: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream)?;
        let end = size.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(size.len());
        let (digits, extension) = size.split_at(end);
        if !trimmed(extension).is_empty() && !trimmed(extension).starts_with(b";") {
            return None;
        }
        match number(digits, 16)? {
            0 => break,
            size => body.extend_from_slice(taken(stream, size)?),
        }
        if !line(stream)?.is_empty() {
            return None;
        }
    }
    while !line(stream)?.is_empty() {}
    Some(body)
}

fn taken<'a>(stream: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = stream.split_at_checked(length)?;
    *stream = rest;
    Some(taken)
}

fn number(digits: &[u8], base: u32) -> Option<usize> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    usize::from_str_radix(digits, base).ok()
}

/// Without the whitespace that may stand around it (RFC 9110, section 5.6.3).
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}
