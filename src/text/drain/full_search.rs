//! Matching a line with what was learned, where nothing may change.
//!
//! The tree alone can miss: a line seen in training may have joined a cluster that stands under another first token. The
//! strategies say how much work finding it is worth.

use super::cluster::{ClusterId, Similarity};
use super::learn::Drain;
use super::tokens::Tokens;
use serde::{Deserialize, Serialize};

/// When all clusters with the right number of tokens are looked at.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchStrategy {
    /// Never: the tree only.
    #[default]
    Never,
    /// When the tree finds none; the one with fewest wildcards is taken.
    Fallback,
    /// Always; the one with fewest wildcards is taken.
    Always,
    /// As `Fallback`, but the one with most wildcards is taken: what Drain3 does, though its documentation says fewest.
    Drain3Fallback,
    /// As `Always`, but the one with most wildcards is taken, as Drain3 does.
    Drain3Always,
}

impl Drain {
    /// The cluster whose template a masked line fits in every place, wildcards fitting all; none where there is none.
    pub fn matches(&mut self, line: &str, strategy: MatchStrategy) -> Option<ClusterId> {
        use MatchStrategy::{Always, Drain3Always, Drain3Fallback, Fallback, Never};
        let fewest = matches!(strategy, Fallback | Always);
        self.with_tokens(line, &mut Vec::new(), |drain, tokens| match strategy {
            Never => drain.in_tree(tokens),
            Fallback | Drain3Fallback => drain.in_tree(tokens).or_else(|| drain.full_search(tokens, fewest)),
            Always | Drain3Always => drain.full_search(tokens, fewest),
        })
    }

    fn in_tree(&self, tokens: Tokens) -> Option<ClusterId> {
        self.tree_search(tokens, 1.0, true).map(|(id, _)| id)
    }

    /// All clusters of that length, a node's own before its children's; of equals the earliest.
    fn full_search(&self, tokens: Tokens, fewest_wildcards: bool) -> Option<ClusterId> {
        let mut best: Option<(ClusterId, Similarity)> = None;
        let mut to_visit = vec![self.tree.length(tokens.len())?];
        while let Some(node) = to_visit.pop() {
            for id in node.clusters.iter().copied() {
                let Some(cluster) = self.cluster(id) else { continue };
                let Some(found) = cluster.template.similarity(tokens, true, tokens.len()) else { continue };
                let is_better = best.is_none_or(|(_, best)| match fewest_wildcards {
                    true => found.wildcards < best.wildcards,
                    false => found.wildcards > best.wildcards,
                });
                if is_better {
                    best = Some((id, found));
                }
            }
            to_visit.extend(node.children.iter().rev().filter_map(|child| self.tree.node(*child)));
        }
        best.map(|(id, _)| id)
    }
}
