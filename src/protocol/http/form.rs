//! The fields of a query or a form (`application/x-www-form-urlencoded`, as the URL standard has it).

use std::fmt;

use super::MalformedHttp;

/// The fields that questions have. One is missing where it is, and where what it holds is no text:
/// after a `%` stand no two hexadecimal digits, or the bytes are not UTF-8. `Debug` shows none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FormFields {
    /// The part of a JID before the `@`.
    pub user: Option<String>,
    /// The part of a JID after the `@`.
    pub server: Option<String>,
    /// A password.
    pub pass: Option<String>,
}

impl FormFields {
    /// Reads a query or a form. Other fields do not matter; which of two equal ones counts would be a
    /// guess, so that they are refused.
    pub fn parse(source: &[u8]) -> Result<Self, MalformedHttp> {
        let mut form = [const { None::<Option<String>> }; 3];
        for pair in source.split(|byte| *byte == b'&') {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = parts.next().and_then(decoded);
            let [user, server, pass] = &mut form;
            let field = match name.as_deref() {
                Some("user") => user,
                Some("server") => server,
                Some("pass") => pass,
                _ => continue,
            };
            if field.replace(decoded(parts.next().unwrap_or_default())).is_some() {
                return Err(MalformedHttp);
            }
        }
        let [user, server, pass] = form.map(Option::flatten);
        Ok(Self { user, server, pass })
    }
}

impl fmt::Debug for FormFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

/// The text that stands for a name or a value.
fn decoded(source: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(source.len());
    let mut rest = source.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => 16 * digit(*rest.next()?)? + digit(*rest.next()?)?,
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn pass(source: &[u8]) -> Option<String> {
        FormFields::parse(source).unwrap().pass
    }

    #[test]
    fn fields_come_in_any_order_beside_others() {
        let form = FormFields::parse(b"x=y&pass=a+b%2bc&&server=h&user=%C3%A4&z").unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(form, FormFields { user: text("ä"), server: text("h"), pass: text("a b+c") });
        assert_eq!(FormFields::parse(b"").unwrap(), FormFields::default());
        let form = FormFields::parse(b"user&server=&pass").unwrap();
        assert_eq!(form, FormFields { user: text(""), server: text(""), pass: text("") });
    }

    #[test]
    fn a_value_is_everything_behind_the_first_sign() {
        for (source, value) in [
            (&b"pass=a=b"[..], "a=b"),
            (b"pass==", "="),
            (b"pass=a;b", "a;b"),
            (b"pass=%26%3D%25", "&=%"),
            (b"pass=%e2%82%AC", "€"),
            (b"%70ass=x", "x"),
            ("pass=ü".as_bytes(), "ü"),
        ] {
            assert_eq!(pass(source).as_deref(), Some(value));
        }
    }

    #[test]
    fn what_is_no_text_is_missing() {
        for source in [
            &b"pass=%"[..],
            b"pass=%4",
            b"pass=%4g",
            b"pass=%+1",
            b"pass=% 1",
            b"pass=%%41",
            b"pass=%u00e4",
            b"pass=%ff",
            b"pass=%c3",
            b"pass=%c0%80",
            b"pass=%ed%a0%80",
            b"pass=\xff",
            b"Pass=x",
            b"pas=x",
        ] {
            assert_eq!(pass(source), None, "{source:?}");
        }
    }

    #[test]
    fn a_field_given_twice_is_refused_however_it_is_written() {
        for source in [
            &b"user=a&user=b"[..],
            b"user=a&user=a",
            b"user=&user=a",
            b"user=a&user",
            b"user=a&%75ser=b",
            b"pass=%&pass=a",
            b"server=a&x=1&server=b",
        ] {
            assert_eq!(FormFields::parse(source), Err(MalformedHttp), "{source:?}");
        }
        assert!(FormFields::parse(b"x=1&x=2&user=a").is_ok());
    }

    #[test]
    fn debug_output_hides_the_fields() {
        let shown = format!("{:?}", FormFields::parse(b"pass=s3cret&user=s3cret"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    /// What servers leave as it is, from the strictest to the laxest.
    const KEPT: [&AsciiSet; 2] =
        [NON_ALPHANUMERIC, &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~')];

    proptest! {
        #[test]
        fn every_text_survives_every_encoding(text in any::<String>(), lower in any::<bool>()) {
            for kept in KEPT {
                let mut encoded = percent_encode(text.as_bytes(), kept).to_string();
                if lower {
                    encoded = lowercase_escapes(&encoded);
                }
                for source in [encoded.clone(), encoded.replace("%20", "+")] {
                    prop_assert_eq!(pass(format!("pass={source}").as_bytes()), Some(text.clone()));
                }
            }
        }

        #[test]
        fn any_bytes_are_fields_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = FormFields::parse(&bytes);
            let _ = FormFields::parse(&[b"pass=", &bytes[..]].concat());
        }
    }

    fn lowercase_escapes(encoded: &str) -> String {
        let mut parts = encoded.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (escape, rest) = part.split_at(2);
            text + "%" + &escape.to_lowercase() + rest
        })
    }
}
