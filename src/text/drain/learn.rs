//! Learning a line, and matching one without learning.

use super::cluster::{Cluster, ClusterId, Similarity, Template};
use super::clusters::Clusters;
use super::settings::{DrainSettings, SettingsError};
use super::tokens::{Span, Splitter, Tokens};
use super::tree::Tree;
use serde::{Deserialize, Serialize};

/// What a line changed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It fits a template as it is.
    None,
    /// It is the first of its cluster.
    ClusterCreated,
    /// The template of its cluster has more wildcards now.
    ClusterTemplateChanged,
}

/// Where a line went.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Its cluster: the log key.
    pub id: ClusterId,
    /// What it changed.
    pub change: Change,
}

/// The parser: a tree, its clusters, and room to work.
///
/// ```
/// use causeway::text::drain::{Drain, DrainSettings};
///
/// let mut drain = Drain::new(DrainSettings::default()).unwrap();
/// let first = drain.learn("user ann logged in");
/// let second = drain.learn("user bob logged in");
/// assert_eq!(first.id, second.id);
/// assert_eq!(drain.cluster(first.id).unwrap().template.text(), "user <*> logged in");
/// ```
pub struct Drain {
    pub(super) settings: DrainSettings,
    pub(super) tree: Tree,
    pub(super) clusters: Clusters,
    splitter: Splitter,
    /// Places of the last line's tokens; kept for its memory.
    spans: Vec<Span>,
}

impl Drain {
    /// A parser that has seen nothing.
    ///
    /// # Errors
    /// [`SettingsError`] when no tree can be built so.
    pub fn new(settings: DrainSettings) -> Result<Drain, SettingsError> {
        settings.check()?;
        Ok(Drain {
            tree: Tree::default(),
            clusters: Clusters::new(settings.max_clusters),
            splitter: Splitter::new(&settings.extra_delimiters),
            spans: Vec::new(),
            settings,
        })
    }

    /// Its settings.
    pub fn settings(&self) -> &DrainSettings {
        &self.settings
    }

    /// A cluster by its number; none where it never was or was dropped.
    pub fn cluster(&self, id: ClusterId) -> Option<&Cluster> {
        self.clusters.get(id)
    }

    /// The clusters kept, in the order of their numbers.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.iter()
    }

    /// How many clusters are kept.
    pub fn cluster_count(&self) -> usize {
        self.clusters.len()
    }

    /// Lines that joined the clusters kept.
    pub fn total_size(&self) -> u64 {
        self.clusters.iter().map(|cluster| cluster.size).sum()
    }

    /// Learns one masked line: its cluster, found or made.
    pub fn learn(&mut self, line: &str) -> Learned {
        let mut spans = std::mem::take(&mut self.spans);
        let learned = self.with_tokens(line, &mut spans, |drain, tokens| drain.learn_tokens(tokens));
        self.spans = spans;
        learned
    }

    fn learn_tokens(&mut self, tokens: Tokens) -> Learned {
        let Some((id, similarity)) = self.tree_search(tokens, self.settings.similarity, false) else {
            let wildcard = self.settings.wildcard.as_str();
            let template = Template::new(tokens.iter(), wildcard);
            let id = self.clusters.push(|id| Cluster { id, size: 1, template });
            self.tree.insert(tokens, &self.settings, id, |id| self.clusters.get(id).is_some());
            return Learned { id, change: Change::ClusterCreated };
        };
        let mut change = Change::None;
        if let Some(cluster) = self.clusters.get_mut(id) {
            cluster.size += 1;
            let fits = similarity.same + similarity.wildcards == tokens.len();
            if !fits && cluster.template.absorb(tokens, &self.settings.wildcard) {
                change = Change::ClusterTemplateChanged;
            }
        }
        self.clusters.used(id);
        Learned { id, change }
    }

    /// Calls `work` with the tokens of a line.
    pub(super) fn with_tokens<T>(
        &mut self,
        line: &str,
        spans: &mut Vec<Span>,
        work: impl FnOnce(&mut Drain, Tokens) -> T,
    ) -> T {
        if self.splitter.replaces_text() {
            let line = self.splitter.without_delimiters(line);
            self.splitter.split(&line, spans);
            work(self, Tokens::new(&line, spans))
        } else {
            self.splitter.split(line, spans);
            work(self, Tokens::new(line, spans))
        }
    }

    /// The places of the tokens of a line, as learning sees them; none where delimiters change its length.
    pub fn spans(&self, line: &str, spans: &mut Vec<Span>) -> bool {
        let in_place = !self.splitter.replaces_text();
        if in_place {
            self.splitter.split(line, spans);
        }
        in_place
    }

    /// The best cluster of the leaf that the tree leads to.
    pub(super) fn tree_search(
        &self,
        tokens: Tokens,
        least: f64,
        wildcards_count: bool,
    ) -> Option<(ClusterId, Similarity)> {
        let leaf = self.tree.leaf(tokens, &self.settings)?;
        if tokens.len() == 0 {
            let id = leaf.first().copied().filter(|id| self.clusters.get(*id).is_some())?;
            return Some((id, Similarity { same: 0, wildcards: 0 }));
        }
        self.best_of(leaf.iter().copied(), tokens, least, wildcards_count)
    }

    /// The most similar of some clusters, where it is similar enough.
    pub(super) fn best_of(
        &self,
        ids: impl Iterator<Item = ClusterId>,
        tokens: Tokens,
        least: f64,
        wildcards_count: bool,
    ) -> Option<(ClusterId, Similarity)> {
        let mut best: Option<(ClusterId, Similarity)> = None;
        for id in ids {
            let Some(cluster) = self.clusters.get(id) else { continue };
            let to_reach = best.map_or(0, |(_, similarity)| similarity.same);
            let Some(similarity) = cluster.template.similarity(tokens, wildcards_count, to_reach) else { continue };
            if best.is_none_or(|(_, best)| similarity > best) {
                best = Some((id, similarity));
            }
        }
        best.filter(|(_, similarity)| share(similarity.same, tokens.len()) >= least)
    }
}

/// Part of a whole; all of nothing is everything.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}
