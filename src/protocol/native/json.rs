//! JSON objects (RFC 8259), read strictly: each key once, and nothing nested deeply.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object within an object within … is no deeper than this.
const DEEPEST: usize = 8;

/// An object whose values are read when they are asked for.
pub(in crate::protocol) struct Object<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Object<'a> {
    /// Reads one object; `None` where the bytes are anything else.
    pub(in crate::protocol) fn read(line: &'a [u8]) -> Option<Self> {
        let object: Self = serde_json::from_str(str::from_utf8(line).ok()?).ok()?;
        object.0.values().all(|value| is_strict(value, 1)).then_some(object)
    }

    /// Whether the key is there.
    pub(in crate::protocol) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The string of this key; `None` where there is none, or it holds half a surrogate pair.
    pub(in crate::protocol) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }

    /// The whole number of this key, if it is written as one and has no sign.
    pub(in crate::protocol) fn whole(&self, key: &str) -> Option<u64> {
        self.0.get(key)?.get().parse().ok()
    }

    /// The number of this key.
    pub(in crate::protocol) fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.get().parse().ok()
    }
}

/// Whether what is in a value at this depth is as strict as the object around it.
fn is_strict(value: &RawValue, depth: usize) -> bool {
    let text = value.get();
    let within: Option<Vec<&RawValue>> = match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<Object<'_>>(text)
            .map(|object| object.0.into_values().collect())
            .ok(),
        Some(b'[') => serde_json::from_str(text).ok(),
        _ => return true,
    };
    let is_all_strict =
        |within: Vec<&RawValue>| within.iter().all(|value| is_strict(value, depth + 1));
    depth < DEEPEST && within.is_some_and(is_all_strict)
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
                let mut members = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    if members.insert(Cow::Owned::<str>(key), value).is_some() {
                        return Err(A::Error::custom("a key twice"));
                    }
                }
                Ok(Object(members))
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
