//! Operator: counts of dropped events by rule, actor class and minute. A row is written when its minute is complete.
//!
//! Rows by complete minutes, not by commit, so that the table does not depend on when commits happened. A minute that is
//! still open at a commit is part of the saved state.

use super::epoch::{Flow, Mark, StreamMark};
use super::state::{Piece, Section, State, StateError};
use super::streams::by_stream;
use crate::audit::time::Micros;
use crate::lake::tables::FilteredRow;
use crate::source::stream::StreamName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    drops: Flow<'s, (StreamName, (Drop, u64))>,
    marks: Flow<'s, Mark>,
    (state, index, peers): (&State, usize, usize),
) -> Result<Flow<'s, (StreamName, Out)>, StateError> {
    let saved: BTreeMap<StreamName, Vec<(Drop, u64)>> = state.by_stream(Section::Filtered, index, peers)?;
    let begin = |stream: &StreamName, saved: Vec<(Drop, u64)>| {
        let mut open: Drops = saved.into_iter().collect();
        let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
        let stream = stream.clone();
        move |drops: Vec<(Drop, u64)>, mark: StreamMark, out: &mut Vec<Out>| {
            for (drop, count) in drops {
                *by_rule.entry(drop.rule.clone()).or_default() += count;
                *open.entry(drop).or_default() += count;
            }
            let limit = if mark.flush { Micros::MAX } else { mark.watermark.floor(MINUTE_US) };
            // Drops sort by minute first.
            while let Some(first) = open.first_entry()
                && first.key().minute < limit
            {
                let (Drop { minute, rule, class }, count) = first.remove_entry();
                out.push(Out::Row(FilteredRow { cluster: stream.as_str().to_owned(), minute, rule, class, count }));
            }
            if mark.commit.is_some() {
                let key = |drop: &Drop| (drop.minute.0 / MINUTE_US) as u64;
                let pieces = open.iter().map(|entry| Piece::encode(Section::Filtered, key(entry.0), &entry));
                out.extend(pieces.map(Out::Piece));
                let pending: u64 = open.values().sum();
                out.push(Out::Piece(Piece::Filtered { by_rule: std::mem::take(&mut by_rule), pending }));
            }
        }
    };
    let route = |drop: &(Drop, u64)| (drop.0.minute.0 / MINUTE_US) as u64;
    Ok(by_stream(drops, marks, route, "Filtered", saved, begin))
}
