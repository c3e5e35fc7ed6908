//! YAML, with the line of each value.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use saphyr_parser::{Event, Parser};

use super::findings::FileLine;

/// Nobody writes lists and maps within so many others.
const DEEPEST: usize = 64;

/// A value, and where it begins: of a value in a map, where its key stands.
#[derive(Clone, Debug)]
pub(super) struct YamlValue {
    /// Where.
    pub(super) place: FileLine,
    /// What. An alias shares it, so that many of them take no more memory.
    pub(super) node: Rc<Node>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Node {
    /// A text, a number or a word.
    Scalar(String),
    /// A list.
    List(Vec<YamlValue>),
    /// A map, in the order of the file.
    Map(Vec<(String, YamlValue)>),
}

impl YamlValue {
    /// The text of a scalar.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &*self.node {
            Node::Scalar(text) => Some(text),
            Node::List(_) | Node::Map(_) => None,
        }
    }

    /// The items of a list, or what stands alone in place of one.
    pub(super) fn items(&self) -> &[Self] {
        match &*self.node {
            Node::List(items) => items,
            Node::Scalar(_) | Node::Map(_) => std::slice::from_ref(self),
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match &*self.node {
            Node::Map(entries) => entries,
            Node::Scalar(_) | Node::List(_) => &[],
        }
    }

    /// What stands in a map, the last where it stands there twice.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// What is not complete yet.
enum Open {
    List(Vec<YamlValue>),
    Map(Vec<(String, YamlValue)>, Option<(String, FileLine)>),
}

/// The first document of a file. The error is where it is no YAML, and why.
pub(super) fn parse(file: &Rc<Path>, bytes: &[u8]) -> Result<YamlValue, (FileLine, String)> {
    let place = |line: usize| FileLine { file: Rc::clone(file), line: Some(line) };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        (place(line), "it is not in UTF-8".to_owned())
    })?;
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<(Open, FileLine, usize, usize)> = Vec::new();
    let mut anchors: HashMap<usize, (Rc<Node>, usize)> = HashMap::new();
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| (place(error.marker().line()), error.info().to_owned()))?;
        let here = place(span.start.line());
        // The height is of what a value holds, by aliases too: it is dropped by recursion.
        let (node, here, height) = match event {
            Event::Scalar(text, _, anchor, _) => {
                let node = Rc::new(Node::Scalar(text.into_owned()));
                anchors.insert(anchor, (Rc::clone(&node), 0));
                (node, here, 0)
            }
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some((node, height)) => (Rc::clone(node), here, *height),
                None => return Err((here, "an alias of itself".to_owned())),
            },
            Event::SequenceStart(anchor, _) => {
                open.push((Open::List(Vec::new()), here, anchor, 1));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push((Open::Map(Vec::new(), None), here, anchor, 1));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((ended, here, anchor, height)) = open.pop() else { continue };
                if height > DEEPEST {
                    return Err((here, "lists within lists without end".to_owned()));
                }
                let node = Rc::new(match ended {
                    Open::List(items) => Node::List(items),
                    Open::Map(entries, _) => Node::Map(entries),
                });
                anchors.insert(anchor, (Rc::clone(&node), height));
                (node, here, height)
            }
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
        };
        let value = YamlValue { place: here, node };
        if let Some((.., holder)) = open.last_mut() {
            *holder = (*holder).max(height + 1);
        }
        match open.last_mut() {
            None => return Ok(value),
            Some((Open::List(items), ..)) => items.push(value),
            Some((Open::Map(entries, key), ..)) => match key.take() {
                None => {
                    *key = Some((value.scalar().unwrap_or_default().to_owned(), value.place));
                }
                Some((key, place)) => entries.push((key, YamlValue { place, ..value })),
            },
        }
    }
    Ok(YamlValue { place: place(1), node: Rc::new(Node::Map(Vec::new())) })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn what_is_nested_without_end_or_in_another_encoding_is_refused() {
        let file: Rc<Path> = Rc::from(Path::new("x"));
        let mut aliases = "- &a0 x\n".to_owned();
        for at in 1..100_000 {
            writeln!(aliases, "- &a{at} [*a{}]", at - 1).unwrap();
        }
        for text in ["- ".repeat(100_000), aliases] {
            assert!(parse(&file, text.as_bytes()).is_err());
        }
        let (place, why) = parse(&file, b"a: 1\n# \xe4\n").unwrap_err();
        assert!(place.line == Some(2) && why.contains("UTF-8"), "{place:?} {why}");
        let text = format!("{}x", "- ".repeat(20));
        assert!(parse(&file, text.as_bytes()).is_ok());
    }
}
