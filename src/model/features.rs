//! What a model sees of an event: one small number a column.
//!
//! ```text
//! event ─▶ columns: text each ─▶ vocabulary of the column ─▶ ids, one a column
//!                                  0 unknown, 1 absent, 2… the values that training knew
//! ```
//! Training and the stream use the same columns from here and the same vocabularies from the model file, so what was learned
//! is what is computed. A vocabulary is fixed once it is built, from the training part only.
//!
//! Two sets: [`FeatureSet::Mended`], and [`FeatureSet::Original`] with the 39 columns of K8NTEXT (`k8ntext.md` section 4) for
//! comparison. What is mended: owner references are read from the list, namespaces count as present or absent only, names of
//! cluster-specific things (client versions, nodes) are left out, the gap to the previous event is a column, and no verb is an
//! error.

mod mended;
mod original;
mod table;
mod user_agent;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use table::Table;
pub use vocabulary::{ABSENT, Encoder, UNKNOWN, Vocabulary};

use crate::audit::event::Event;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Text that a column has for an event; `None` where it is absent.
pub type Value<'e> = Option<Cow<'e, str>>;

/// A column.
#[derive(Copy, Clone, Debug)]
pub struct Column {
    /// Its name, a path in the event where it is one.
    pub name: &'static str,
    /// Its value for an event.
    pub value: for<'e> fn(&'e Event<'_>) -> Value<'e>,
}

/// Which columns a model has.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureSet {
    /// The columns of this program.
    #[default]
    Mended,
    /// Those of K8NTEXT, with its encoding: the number of a value itself goes into the network.
    Original,
}

/// Name of the column that holds the gap to the previous event; it is the last of the mended set and known only once events
/// are in order.
pub const GAP: &str = "gap";

/// Buckets of the gap: below 1 µs, 2 µs, 4 µs, … and from 2³⁶ µs (19 hours) on.
pub const GAP_BUCKETS: u16 = 38;

/// The bucket of a gap; negative gaps count as none.
pub fn gap_bucket(gap_us: i64) -> u16 {
    let gap = u64::try_from(gap_us).unwrap_or(0);
    (u64::BITS - gap.leading_zeros()).min(u32::from(GAP_BUCKETS) - 1) as u16
}

impl FeatureSet {
    /// Its columns, without the gap.
    pub fn columns(self) -> &'static [Column] {
        match self {
            FeatureSet::Mended => &mended::COLUMNS,
            FeatureSet::Original => &original::COLUMNS,
        }
    }

    /// Whether the gap follows the columns.
    pub fn has_gap(self) -> bool {
        self == FeatureSet::Mended
    }

    /// Names of all columns, in order.
    pub fn names(self) -> Vec<&'static str> {
        let gap = self.has_gap().then_some(GAP);
        self.columns().iter().map(|column| column.name).chain(gap).collect()
    }

    /// Number of columns.
    pub fn width(self) -> usize {
        self.columns().len() + usize::from(self.has_gap())
    }
}

/// Text that is there unless it is empty.
fn text(text: &str) -> Value<'_> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

/// A mark that something is there.
fn mark(there: bool) -> Value<'static> {
    there.then_some(Cow::Borrowed("yes"))
}
