//! ejabberd's macros: names in capitals, each of which stands for a text, a list or a map.

use std::collections::HashMap;
use std::rc::Rc;

use super::yaml::{Node, YamlValue};

/// Nobody writes macros within so many others; beyond them a name is left as it is.
const DEEPEST: usize = 64;

/// The macros of an ejabberd, from all of its files.
#[derive(Debug, Default)]
pub(super) struct Macros {
    values: HashMap<String, YamlValue>,
}

impl Macros {
    /// Takes those of `define_macro`.
    pub(super) fn define(&mut self, table: &YamlValue) {
        self.values.extend(table.entries().iter().cloned());
    }

    /// The options, with the macros in their places. One that leads back to itself, which ejabberd
    /// refuses, is left.
    pub(super) fn expanded(&self, options: &[(String, YamlValue)]) -> Vec<(String, YamlValue)> {
        let mut expansion = Expansion { macros: self, made: HashMap::new() };
        let options = options.iter();
        options.map(|(key, value)| (key.clone(), expansion.value(value, 0))).collect()
    }

    /// The text for which one stands.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.named(name).and_then(YamlValue::scalar)
    }

    fn named(&self, text: &str) -> Option<&YamlValue> {
        let name = text.strip_prefix('@').and_then(|rest| rest.strip_suffix('@')).unwrap_or(text);
        self.values.get(name)
    }
}

struct Expansion<'a> {
    macros: &'a Macros,
    /// What was made of nodes, by their addresses, so that one to which many aliases lead is made once.
    made: HashMap<*const Node, Rc<Node>>,
}

impl Expansion<'_> {
    fn value(&mut self, value: &YamlValue, depth: usize) -> YamlValue {
        YamlValue { place: value.place.clone(), node: self.node(&value.node, depth) }
    }

    fn node(&mut self, node: &Rc<Node>, depth: usize) -> Rc<Node> {
        let address = Rc::as_ptr(node);
        if let Some(made) = self.made.get(&address) {
            return Rc::clone(made);
        }
        if depth > DEEPEST {
            return Rc::clone(node);
        }
        // What is met within itself.
        self.made.insert(address, Rc::clone(node));
        let mut inner = |value: &YamlValue| self.value(value, depth + 1);
        let made = match &**node {
            Node::List(items) => Rc::new(Node::List(items.iter().map(inner).collect())),
            Node::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), inner(value)));
                Rc::new(Node::Map(entries.collect()))
            }
            Node::Scalar(text) => match self.macros.named(text) {
                Some(meant) => self.node(&meant.node, depth + 1),
                None => Rc::clone(node),
            },
        };
        self.made.insert(address, Rc::clone(&made));
        made
    }
}
