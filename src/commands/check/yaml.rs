//! YAML, with the line of each value.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use saphyr_parser::{Event, Parser};

use super::findings::FileLine;

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
pub(super) fn parse(file: &Rc<Path>, text: &str) -> Result<YamlValue, (FileLine, String)> {
    let place = |line: usize| FileLine { file: Rc::clone(file), line: Some(line) };
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<(Open, FileLine, usize)> = Vec::new();
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| (place(error.marker().line()), error.info().to_owned()))?;
        let here = place(span.start.line());
        let (node, here) = match event {
            Event::Scalar(text, _, anchor, _) => {
                let node = Rc::new(Node::Scalar(text.into_owned()));
                anchors.insert(anchor, Rc::clone(&node));
                (node, here)
            }
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some(node) => (Rc::clone(node), here),
                None => return Err((here, "an alias of itself".to_owned())),
            },
            Event::SequenceStart(anchor, _) => {
                open.push((Open::List(Vec::new()), here, anchor));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push((Open::Map(Vec::new(), None), here, anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((ended, here, anchor)) = open.pop() else { continue };
                let node = Rc::new(match ended {
                    Open::List(items) => Node::List(items),
                    Open::Map(entries, _) => Node::Map(entries),
                });
                anchors.insert(anchor, Rc::clone(&node));
                (node, here)
            }
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
        };
        let value = YamlValue { place: here, node };
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
