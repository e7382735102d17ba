//! The tree of first tokens.
//!
//! Nodes lie in one list in the order of creation; children keep that order, which decides ties in a full search.

use super::chars::has_digit;
use super::cluster::ClusterId;
use super::settings::DrainSettings;
use super::tokens::Tokens;
use hashbrown::HashMap;

/// Place of a node in [`Tree::nodes`].
pub(super) type NodeId = u32;

/// One node: the way to it, the ways on, and at a leaf its clusters.
#[derive(Default)]
pub(super) struct Node {
    /// The token that leads here; below the root the number of tokens.
    pub(super) key: Box<str>,
    pub(super) parent: Option<NodeId>,
    by_token: HashMap<Box<str>, NodeId>,
    pub(super) children: Vec<NodeId>,
    pub(super) clusters: Vec<ClusterId>,
}

/// All nodes but the root, which has only [`Tree::lengths`].
#[derive(Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    by_length: HashMap<usize, NodeId>,
    /// The children of the root, in the order of creation.
    pub(super) lengths: Vec<NodeId>,
}

impl Tree {
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// The node of lines with so many tokens.
    pub(super) fn length(&self, tokens: usize) -> Option<&Node> {
        self.node(*self.by_length.get(&tokens)?)
    }

    /// The clusters of the leaf to which the tokens of a line lead, exact before wildcard at each step.
    pub(super) fn leaf(&self, tokens: Tokens, settings: &DrainSettings) -> Option<&[ClusterId]> {
        let mut node = self.length(tokens.len())?;
        for token in tokens.iter().take(steps(tokens, settings)) {
            let child = node.by_token.get(token).or_else(|| node.by_token.get(settings.wildcard.as_str()))?;
            node = self.node(*child)?;
        }
        Some(&node.clusters)
    }

    /// Puts a new cluster at the leaf of its tokens, which is made where it is not there. Clusters that are no longer kept
    /// leave that leaf.
    pub(super) fn insert(
        &mut self,
        tokens: Tokens,
        settings: &DrainSettings,
        cluster: ClusterId,
        is_kept: impl Fn(ClusterId) -> bool,
    ) {
        let mut at = match self.by_length.get(&tokens.len()) {
            Some(node) => *node,
            None => self.add_length(tokens.len()),
        };
        for token in tokens.iter().take(steps(tokens, settings)) {
            at = self.step(at, token, settings);
        }
        if let Some(leaf) = self.nodes.get_mut(at as usize) {
            leaf.clusters.retain(|id| tokens.len() > 0 && is_kept(*id));
            leaf.clusters.push(cluster);
        }
    }

    /// The child that a new cluster with this token goes to.
    fn step(&mut self, at: NodeId, token: &str, settings: &DrainSettings) -> NodeId {
        let wildcard = settings.wildcard.as_str();
        let Some(node) = self.node(at) else { return at };
        if let Some(child) = node.by_token.get(token) {
            return *child;
        }
        let any = node.by_token.get(wildcard).copied();
        let key = if settings.parametrize_numeric_tokens && has_digit(token) {
            wildcard
        } else if node.children.len() + usize::from(any.is_none()) < settings.max_children {
            token
        } else {
            wildcard
        };
        match any {
            Some(any) if key == wildcard => any,
            _ => self.add_child(Some(at), key),
        }
    }

    /// The node of lines with so many tokens, made.
    pub(super) fn add_length(&mut self, tokens: usize) -> NodeId {
        let node = self.add_child(None, &tokens.to_string());
        self.by_length.insert(tokens, node);
        node
    }

    /// A new last child of `parent`, or of the root.
    pub(super) fn add_child(&mut self, parent: Option<NodeId>, key: &str) -> NodeId {
        let child = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        match parent.and_then(|parent| self.nodes.get_mut(parent as usize)) {
            Some(parent) => {
                parent.by_token.insert(key.into(), child);
                parent.children.push(child);
            }
            None => self.lengths.push(child),
        }
        self.nodes.push(Node { key: key.into(), parent, ..Node::default() });
        child
    }
}

/// How many tokens of a line the tree looks at: down to the level above the leaves, and never the last one.
fn steps(tokens: Tokens, settings: &DrainSettings) -> usize {
    settings.depth.saturating_sub(3).min(tokens.len().saturating_sub(1))
}
