//! workflows.json, the form in which the DeepLog trainer keeps its automaton.
//!
//! ```text
//! {"root":   {"value": null, "children": {"5": "node-1"}, "parents": [],       "is_start": false, "is_end": false},
//!  "node-1": {"value": 5,    "children": {},              "parents": ["root"], "is_start": true,  "is_end": true}}
//! ```
//! A key that is a number stands as one. `parents` and `is_start` follow from the children (a start is a child of the root): they are
//! written for others and not read.

use super::super::super::error::DetectError;
use super::super::super::file::write_whole;
use super::super::super::read::plain;
use super::super::super::sequence::KeySequence;
use super::super::super::vocabulary::{Token, Vocabulary};
use super::super::automaton::{Automaton, Edge, Node, NodeId};
use super::model::{ROOT, TrainerWorkflow};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A node as it is written.
#[derive(Serialize)]
struct Written<'a> {
    value: Option<Value>,
    children: BTreeMap<&'a str, &'a str>,
    parents: Vec<&'a str>,
    is_start: bool,
    is_end: bool,
}

/// A node as it is read.
#[derive(Deserialize)]
struct Read {
    #[serde(deserialize_with = "key")]
    value: Option<String>,
    children: BTreeMap<String, Value>,
    is_end: bool,
}

fn key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Value>::deserialize(deserializer)?.map(plain))
}

/// A key as JSON: a number where it is the plain form of one.
fn value(key: &str) -> Value {
    match key.parse::<u64>() {
        Ok(number) if number.to_string() == key => number.into(),
        _ => key.into(),
    }
}

impl Serialize for TrainerWorkflow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parents: BTreeMap<NodeId, Vec<&str>> = BTreeMap::new();
        for (id, node) in self.automaton.nodes() {
            for edge in node.children.values() {
                parents.entry(edge.to).or_default().push(self.name(id));
            }
        }
        serializer.collect_map(self.automaton.nodes().map(|(id, node)| {
            let parents = parents.remove(&id).unwrap_or_default();
            let child = |(key, edge): (&Token, &Edge)| (self.vocabulary.key(*key), self.name(edge.to));
            let written = Written {
                value: node.key.map(|key| value(self.vocabulary.key(key))),
                children: node.children.iter().map(child).collect(),
                is_start: parents.contains(&ROOT),
                parents,
                is_end: node.is_end,
            };
            (self.name(id), written)
        }))
    }
}

impl TrainerWorkflow {
    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DetectError> {
        let failed = |source| DetectError::File { path: path.to_owned(), source };
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        write_whole(path, &bytes).map_err(failed)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or its nodes do not fit together.
    pub fn read(path: &Path) -> Result<TrainerWorkflow, DetectError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| DetectError::File { path: path.to_owned(), source })?;
        parse(&text).map_err(|detail| DetectError::Model { of: "workflow", path: path.to_owned(), detail })
    }
}

fn parse(text: &str) -> Result<TrainerWorkflow, String> {
    let mut read: BTreeMap<String, Read> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let root = read.remove_entry(ROOT).ok_or_else(|| format!("it has no node `{ROOT}`"))?;
    // The shorter name first: node-2 before node-10, as they were made.
    let mut others: Vec<(String, Read)> = read.into_iter().collect();
    others.sort_by_key(|(name, _)| name.len());
    let (names, read): (Vec<String>, Vec<Read>) = std::iter::once(root).chain(others).unzip();

    let ids: BTreeMap<&str, NodeId> = names.iter().map(String::as_str).zip((0..).map(NodeId)).collect();
    let values = read.iter().filter_map(|node| node.value.as_deref());
    let vocabulary = Vocabulary::of([&KeySequence::new("", values)]);
    let mut nodes = Vec::new();
    for (name, node) in names.iter().zip(&read) {
        if (name == ROOT) == node.value.is_some() {
            return Err(format!("node `{name}`: every node but `{ROOT}` has a value, the key by which it is entered"));
        }
        let mut children = BTreeMap::new();
        for (key, child) in &node.children {
            let to = child_of(name, (key, &plain(child.clone())), &ids, &read)?;
            children.insert(vocabulary.token(key), Edge { to, taken: 0 });
        }
        let key = node.value.as_deref().map(|value| vocabulary.token(value));
        nodes.push(Node { key, is_end: node.is_end, children, ..Node::default() });
    }
    Ok(TrainerWorkflow::new(Automaton::new(nodes), vocabulary, names))
}

/// The child that a node has under a key.
fn child_of(
    name: &str,
    (key, child): (&str, &str),
    ids: &BTreeMap<&str, NodeId>,
    read: &[Read],
) -> Result<NodeId, String> {
    let Some(id) = ids.get(child).copied() else {
        let swapped = ids.contains_key(key);
        let remedy = if swapped { "; write children as value -> id, not id -> value" } else { "" };
        return Err(format!("node `{name}` has a child `{child}` under `{key}`, and there is no such node{remedy}"));
    };
    match read.get(id.index()).and_then(|node| node.value.as_deref()) {
        Some(value) if value == key => Ok(id),
        value => Err(format!(
            "node `{name}` has `{child}` under `{key}`, but its value is {}; nodes of different value cannot be one",
            value.map_or("null".to_owned(), |value| format!("`{value}`"))
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_form() {
        let sessions = [KeySequence::new("1", ["5", "05", "5"])];
        let (model, _) = TrainerWorkflow::learn(&sessions, Options::default()).unwrap();
        let expected = serde_json::json!({
            "root": {"value": null, "children": {"5": "node-1"}, "parents": [], "is_start": false, "is_end": false},
            "node-1": {"value": 5, "children": {"05": "node-2"}, "parents": ["root"], "is_start": true, "is_end": false},
            "node-2": {"value": "05", "children": {"5": "node-3"}, "parents": ["node-1"], "is_start": false, "is_end": false},
            "node-3": {"value": 5, "children": {}, "parents": ["node-2"], "is_start": false, "is_end": true},
        });
        assert_eq!(serde_json::to_value(&model).unwrap(), expected);
    }

    #[test]
    fn a_broken_file_is_told_with_its_node() {
        let file = |root: &str, child: &str| {
            format!(
                r#"{{"root": {{"value": null, "children": {root}, "is_end": false}}, "n": {{"value": {child}, "children": {{}}, "is_end": true}}}}"#
            )
        };
        assert!(parse(&file(r#"{"5": "n"}"#, "5")).is_ok());
        let wrong = |root: &str, child: &str| parse(&file(root, child)).unwrap_err();
        assert!(
            wrong(r#"{"5": "m"}"#, "5").contains("node `root` has a child `m` under `5`, and there is no such node")
        );
        assert!(wrong(r#"{"n": 5}"#, "5").ends_with("write children as value -> id, not id -> value"));
        assert!(wrong(r#"{"5": "n"}"#, "7").contains("its value is `7`; nodes of different value cannot be one"));
        assert!(wrong(r#"{"5": "root"}"#, "5").contains("its value is null"));
        assert!(wrong("{}", "null").contains("node `n`: every node but `root` has a value"));
        assert!(parse("{}").unwrap_err().contains("no node `root`"));
        assert!(parse(r#"{"root": {}}"#).unwrap_err().contains("line 1"));
    }

    proptest! {
        #[test]
        fn it_reads_back(raw in prop::collection::vec(prop::collection::vec("[a-c0-9]{1,2}", 1..12), 1..8),
            threshold in 0.0..1.0f64, back_steps in 0usize..3) {
            let sessions: Vec<KeySequence> =
                raw.into_iter().map(|keys| KeySequence::new("s", keys)).collect();
            let (mut model, _) = TrainerWorkflow::learn(&sessions, Options { threshold, back_steps }).unwrap();
            let back = parse(&serde_json::to_string(&model).unwrap()).unwrap();
            model.automaton.count([]);
            prop_assert_eq!(back, model);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }
    }
}
