//! Operator: counts of dropped events by rule, actor class and minute. A row is written when its minute is complete.
//!
//! Rows by complete minutes, not by commit, so that the table does not depend on when commits happened. A minute that is
//! still open at a commit is part of the saved state.

use super::epoch::{Flow, Mark, by_epoch};
use super::state::{Piece, Section, State, StateError};
use crate::audit::time::Micros;
use crate::lake::tables::FilteredRow;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timely::dataflow::channels::pact::Exchange;

/// One minute.
pub const MINUTE_US: i64 = 60_000_000;

/// Why an event has no row, and of whom it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Drop {
    /// Start of its minute.
    pub minute: Micros,
    /// Rule, as the table names it.
    pub rule: String,
    /// Class of the actor.
    pub class: String,
}

/// Drops of one batch.
pub type Drops = BTreeMap<Drop, u64>;

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// A row of `filtered`.
    Row(FilteredRow),
    /// State and counts, at a commit.
    Piece(Piece),
}

/// The operator. `saved` state of this worker is taken from `state`.
pub fn count_drops<'s>(
    drops: Flow<'s, (Drop, u64)>,
    marks: Flow<'s, Mark>,
    cluster: String,
    (state, index, peers): (&State, usize, usize),
) -> Result<Flow<'s, Out>, StateError> {
    let mut open: Drops = state.read(Section::Filtered, index, peers)?.into_iter().collect();
    let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
    let route = |drop: &(Drop, u64)| (drop.0.minute.0 / MINUTE_US) as u64;
    Ok(by_epoch(drops, marks, Exchange::new(route), "Filtered", move |_, drops, mark, out| {
        for (drop, count) in drops {
            *by_rule.entry(drop.rule.clone()).or_default() += count;
            *open.entry(drop).or_default() += count;
        }
        let limit = if mark.flush { Micros::MAX } else { mark.watermark.floor(MINUTE_US) };
        // Drops sort by minute first.
        while let Some(first) = open.first_entry()
            && first.key().minute < limit
        {
            let (drop, count) = first.remove_entry();
            let Drop { minute, rule, class } = drop;
            out.push(Out::Row(FilteredRow { cluster: cluster.clone(), minute, rule, class, count }));
        }
        if mark.commit.is_some() {
            for entry in &open {
                out.push(Out::Piece(Piece::encode(Section::Filtered, (entry.0.minute.0 / MINUTE_US) as u64, &entry)));
            }
            let pending: u64 = open.values().sum();
            out.push(Out::Piece(Piece::Filtered { by_rule: std::mem::take(&mut by_rule), pending }));
        }
    }))
}
