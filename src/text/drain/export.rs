//! The tree as `drain.json`, the form that DeepLog's trainer exports (version 0.0.1).

use super::learn::Drain;
use super::tree::{NodeId, Tree};
use crate::text::mask::Masks;
use serde::{Serialize, Serializer};

/// One mask as exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MaskJson {
    /// What is looked for.
    pub regex_pattern: String,
    /// What stands in its place, brackets included: `<IP>`.
    pub mask_with: String,
}

/// `drain.json`: a [`serde::Serialize`] view of a parser.
#[derive(Serialize)]
pub struct DrainJson<'a> {
    version: &'static str,
    depth: usize,
    similarity_threshold: f64,
    max_children_per_node: usize,
    delimiters: Vec<&'a str>,
    masking: Vec<MaskJson>,
    root: NodeJson<'a>,
}

impl<'a> DrainJson<'a> {
    /// The view of a parser and the masks before it.
    pub fn new(drain: &'a Drain, masks: &Masks) -> DrainJson<'a> {
        let settings = &drain.settings;
        DrainJson {
            version: "0.0.1",
            depth: settings.depth,
            similarity_threshold: settings.similarity,
            max_children_per_node: settings.max_children,
            delimiters: [" "].into_iter().chain(settings.extra_delimiters.iter().map(String::as_str)).collect(),
            masking: masks.to_json(),
            root: NodeJson {
                depth: 0,
                key: "root",
                children: Children { drain, depth: 1, nodes: &drain.tree.lengths },
                clusters: Vec::new(),
            },
        }
    }
}

#[derive(Serialize)]
struct NodeJson<'a> {
    depth: usize,
    key: &'a str,
    children: Children<'a>,
    clusters: Vec<ClusterJson<'a>>,
}

#[derive(Serialize)]
struct ClusterJson<'a> {
    cluster_id: u32,
    log_template_tokens: Vec<&'a str>,
}

/// Children of a node as a JSON object, in the order of creation.
struct Children<'a> {
    drain: &'a Drain,
    depth: usize,
    nodes: &'a [NodeId],
}

impl Serialize for Children<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tree: &Tree = &self.drain.tree;
        serializer.collect_map(self.nodes.iter().filter_map(|id| tree.node(*id)).map(|node| {
            let clusters = node.clusters.iter().filter_map(|id| self.drain.cluster(*id)).map(|cluster| ClusterJson {
                cluster_id: cluster.id.0,
                log_template_tokens: cluster.template.tokens().collect(),
            });
            let children = Children { drain: self.drain, depth: self.depth + 1, nodes: &node.children };
            let clusters = clusters.collect();
            (&node.key, NodeJson { depth: self.depth, key: &node.key, children, clusters })
        }))
    }
}
