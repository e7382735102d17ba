//! What Drain can be told.

use serde::{Deserialize, Serialize};

/// Deepest tree.
const MAX_DEPTH: usize = 1000;

/// Settings of the tree; the defaults are those of Drain3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrainSettings {
    /// Least share of equal tokens with which a line joins a cluster.
    pub similarity: f64,
    /// Levels of the tree, the root and the level of lengths counted: `depth - 3` leading tokens are looked at.
    pub depth: usize,
    /// Most children of an inner node, the wildcard's included.
    pub max_children: usize,
    /// Most clusters kept; the one longest unused goes. All are kept where this is absent.
    pub max_clusters: Option<usize>,
    /// Texts replaced by a space before a line is split, in this order.
    pub extra_delimiters: Vec<String>,
    /// Whether a token with a digit takes the wildcard branch when a cluster is inserted.
    pub parametrize_numeric_tokens: bool,
    /// What stands in a template where lines differ.
    pub wildcard: String,
}

impl Default for DrainSettings {
    fn default() -> DrainSettings {
        DrainSettings {
            similarity: 0.4,
            depth: 4,
            max_children: 100,
            max_clusters: None,
            extra_delimiters: Vec::new(),
            parametrize_numeric_tokens: true,
            wildcard: "<*>".into(),
        }
    }
}

/// Settings with which no tree can be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// Two levels are the root and the lengths; a tree is walked to its depth when it is exported.
    #[error("depth is {0}: give 3 to {MAX_DEPTH}")]
    Depth(usize),
    /// Not even the wildcard would have a place.
    #[error("max_children is 0: give 1 or more")]
    MaxChildren,
    /// No cluster could be kept.
    #[error("max_clusters is 0: give 1 or more, or leave it out to keep all clusters")]
    MaxClusters,
    /// Not a share.
    #[error("sim_th is {0}: give a share from 0 to 1")]
    Similarity(f64),
}

impl SettingsError {
    /// The key of an ini file that is wrong.
    pub fn key(&self) -> &'static str {
        match self {
            SettingsError::Depth(_) => "depth",
            SettingsError::MaxChildren => "max_children",
            SettingsError::MaxClusters => "max_clusters",
            SettingsError::Similarity(_) => "sim_th",
        }
    }
}

impl DrainSettings {
    /// Whether a tree can be built with them.
    ///
    /// # Errors
    /// [`SettingsError`] with the value and its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        if !(3..=MAX_DEPTH).contains(&self.depth) {
            return Err(SettingsError::Depth(self.depth));
        }
        if self.max_children == 0 {
            return Err(SettingsError::MaxChildren);
        }
        if self.max_clusters == Some(0) {
            return Err(SettingsError::MaxClusters);
        }
        if !(0.0..=1.0).contains(&self.similarity) {
            return Err(SettingsError::Similarity(self.similarity));
        }
        Ok(())
    }
}
