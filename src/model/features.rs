//! What a model sees of an event: one small number a column.
//!
//! ```text
//! event ─▶ columns: text each ─▶ vocabulary of the column ─▶ ids, one a column
//!                                  0 unknown, 1 absent, 2… the values that training knew
//! ```
//! Training and the stream use the same columns from here and the same vocabularies from the model file, so what was learned
//! is what is computed. A vocabulary is fixed once it is built, from the training part only.
//!
//! Three sets: [`FeatureSet::Linked`], [`FeatureSet::Mended`], and [`FeatureSet::Original`] with the 39 columns of K8NTEXT (`k8ntext.md` section 4) for
//! comparison. What is mended: owner references are read from the list, namespaces count as present or absent only, names of
//! cluster-specific things (client versions, nodes) are left out, the gap to the previous event is a column, and no verb is an
//! error.

mod mended;
mod original;
mod sequence;
mod table;
mod user_agent;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use sequence::{LOOK_BEHIND, Ordered, ROOT_LABEL, SEQUENCE_COLUMNS, SavedSequence, Sequence, Trace};
pub use table::Table;
pub use vocabulary::{ABSENT, Encoder, FIRST, UNKNOWN, Vocabulary};

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
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FeatureSet {
    /// Those of `mended`, and what the causal engine says of the event.
    #[default]
    Linked,
    /// K8NTEXT's with their defects mended.
    Mended,
    /// K8NTEXT's 39, with its encoding: the number of a value itself goes into the network.
    Original,
}

/// Buckets of the gap: below 1 µs, 2 µs, 4 µs, … and from 2³⁶ µs (19 hours) on.
pub const GAP_BUCKETS: u16 = 38;

/// The bucket of a gap; negative gaps count as none.
pub fn gap_bucket(gap_us: i64) -> u16 {
    let gap = u64::try_from(gap_us).unwrap_or(0);
    (u64::BITS - gap.leading_zeros()).min(u32::from(GAP_BUCKETS) - 1) as u16
}

impl FeatureSet {
    /// Its columns that an event has by itself.
    pub fn columns(self) -> &'static [Column] {
        match self {
            FeatureSet::Linked | FeatureSet::Mended => &mended::COLUMNS,
            FeatureSet::Original => &original::COLUMNS,
        }
    }

    /// Names of the columns behind them that depend on the events before.
    pub fn sequence_columns(self) -> &'static [&'static str] {
        let count = match self {
            FeatureSet::Linked => SEQUENCE_COLUMNS.len(),
            FeatureSet::Mended => 1,
            FeatureSet::Original => 0,
        };
        SEQUENCE_COLUMNS.get(..count).unwrap_or_default()
    }

    /// Whether what the causal engine says is among them.
    pub fn causal(self) -> bool {
        self.sequence_columns().contains(&ROOT_LABEL)
    }

    /// Names of all columns, in order.
    pub fn names(self) -> Vec<&'static str> {
        let own = self.columns().iter().map(|column| column.name);
        own.chain(self.sequence_columns().iter().copied()).collect()
    }

    /// Number of columns.
    pub fn width(self) -> usize {
        self.columns().len() + self.sequence_columns().len()
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
