//! JSON objects (RFC 8259), read strictly: each key once, and nothing nested deeply.

use std::borrow::Cow;
use std::fmt;
use std::mem;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object within an object within … is no deeper than this.
const DEEPEST: usize = 8;

/// An object whose values are read when they are asked for, in the order of its keys.
pub(in crate::protocol) struct Object<'a>(Vec<(JsonKey<'a>, &'a RawValue)>);

/// A key, which is copied only where it has escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct JsonKey<'a>(Cow<'a, str>);

impl<'a> Object<'a> {
    /// Reads one object; `None` where the bytes are anything else.
    pub(in crate::protocol) fn read(line: &'a [u8]) -> Option<Self> {
        let object: Self = serde_json::from_str(str::from_utf8(line).ok()?).ok()?;
        object.0.iter().all(|(_, value)| is_strict(value.get())).then_some(object)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        let at = self.0.binary_search_by(|(known, _)| known.0.as_ref().cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| value.get())
    }

    /// Whether the key is there.
    pub(in crate::protocol) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The string of this key; `None` where there is none, or it holds half a surrogate pair.
    pub(in crate::protocol) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.get(key)?).ok()
    }

    /// The whole number of this key, if it is written as one and has no sign.
    pub(in crate::protocol) fn whole(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// The number of this key.
    pub(in crate::protocol) fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.parse().ok()
    }
}

/// Whether what is in a value, which is well-formed, is as strict as the object around it. Whoever
/// sends it has not shown yet that he may ask, so it is gone through once, however it is nested.
fn is_strict(value: &str) -> bool {
    if !value.starts_with(['{', '[']) {
        return true;
    }
    // Of each object that is open, where its keys begin; an array has none.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut keys: Vec<JsonKey<'_>> = Vec::new();
    let mut comes_key = false;
    let mut bytes = value.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                comes_key = byte == b'{';
                open.push(comes_key.then_some(keys.len()));
                if open.len() >= DEEPEST {
                    return false;
                }
            }
            b'}' | b']' => {
                if let Some(Some(first)) = open.pop() {
                    let own = keys.get_mut(first..).unwrap_or_default();
                    own.sort_unstable();
                    if !own.is_sorted_by(|key, next| key < next) {
                        return false;
                    }
                    keys.truncate(first);
                }
            }
            b',' => comes_key = matches!(open.last(), Some(Some(_))),
            b'"' => {
                let mut is_escaped = false;
                let end = bytes.find(|(_, byte)| {
                    let is_end = *byte == b'"' && !is_escaped;
                    is_escaped = *byte == b'\\' && !is_escaped;
                    is_end
                });
                if mem::take(&mut comes_key) {
                    let key = end.and_then(|(end, _)| value.get(at..=end));
                    match key.map(serde_json::from_str) {
                        Some(Ok(key)) => keys.push(key),
                        Some(Err(_)) | None => return false,
                    }
                }
            }
            _ => {}
        }
    }
    true
}

impl<'de> Deserialize<'de> for JsonKey<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = JsonKey<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<JsonKey<'de>, E> {
                Ok(JsonKey(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<JsonKey<'de>, E> {
                Ok(JsonKey(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members: Vec<(JsonKey<'de>, _)> = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                members.sort_unstable_by(|(key, _), (other, _)| key.cmp(other));
                if members.is_sorted_by(|(key, _), (next, _)| key < next) {
                    Ok(Object(members))
                } else {
                    Err(A::Error::custom("a key twice"))
                }
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_refused() {
        for line in [
            "",
            " ",
            "1",
            "\"a\"",
            "[]",
            "null",
            "{",
            "}",
            "{}}",
            "{} {}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":NaN}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":1 \"b\":2}",
            "\u{feff}{}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":1}",
            "{\"x\":{\"a\":1,\"a\":1}}",
            "{\"x\":[{\"a\":1,\"a\":1}]}",
            "{\"x\":{\"a\":[{\"b\":1}],\"\\u0061\":1}}",
            "{\"x\":[[],{\"a\":{\"a\":1},\"b\":1,\"a\":1}]}",
            "{\"x\":{\"\\ud800\":1}}",
            "// comment\n{}",
            "{\"a\":tru}",
            "{\"\\ud800\":1}",
        ] {
            assert!(Object::read(line.as_bytes()).is_none(), "{line}");
        }
        assert!(Object::read(b"{\"a\":\"\xff\"}").is_none());
        assert!(Object::read(b"{\"a\":1}\0").is_none());
    }

    #[test]
    fn what_stands_in_strings_or_elsewhere_is_no_second_key() {
        for line in [
            r#"{"x":{"a":"}\"{\\","b":[",",{"a":1},"a","a"],"c":{"a":1,"b":1}}}"#,
            r#"{"x":[{"a":1},{"a":1}],"a":{"x":1},"y":{"a\\":1,"a\"":1,"a":[]}}"#,
            r#"{"x":{"a":"\ud800"},"y":["\ud800"]}"#,
        ] {
            assert!(Object::read(line.as_bytes()).is_some(), "{line}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused_however_deep_it_is() {
        let nested = |arrays: usize| {
            let line = format!("{{\"a\":{}{}}}", "[".repeat(arrays), "]".repeat(arrays));
            Object::read(line.as_bytes()).is_some()
        };
        assert!(nested(7));
        for arrays in [8, 9, 200, 150_000] {
            assert!(!nested(arrays), "{arrays}");
        }
        assert!(Object::read(&b"{\"a\":".repeat(60_000)).is_none());
    }

    #[test]
    fn values_are_read_as_what_they_are() {
        let line =
            br#" {"t":"\u00e9\ud83d\ude00\n" ,"s":"\ud800x","w":9007199254740992,"n":-1,"f":1.5e0,
            "h":1e999,"o":{"t":1},"null":null, "b":true}"#;
        let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
        let object = Object::read(&line).unwrap();
        assert_eq!(object.text("t").as_deref(), Some("é😀\n"));
        assert!(object.has("s") && object.text("s").is_none());
        assert_eq!(object.whole("w"), Some(9_007_199_254_740_992));
        assert_eq!(object.number("w"), Some(9_007_199_254_740_992.0));
        assert_eq!((object.whole("n"), object.number("n")), (None, Some(-1.0)));
        assert_eq!((object.whole("f"), object.number("f")), (None, Some(1.5)));
        assert_eq!(object.number("h"), Some(f64::INFINITY));
        for other in ["o", "null", "b", "t", "none"] {
            assert_eq!((object.whole(other), object.number(other)), (None, None), "{other}");
        }
        for other in ["o", "null", "b", "w", "none"] {
            assert_eq!(object.text(other), None, "{other}");
        }
    }
}
