//! Operator: aggregates of contexts; a row is written when a context has closed, and what is open at the end of the input as it
//! stands then. What joins later gives a further row with the next revision.

use super::epoch::{Flow, IdMap, Mark, by_epoch};
use super::filtered::MINUTE_US;
use super::parts::ContextPart;
use super::state::{Piece, Section, State, StateError};
use super::sums::HOUR_US;
use super::tell::{Limits, row};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::lake::tables::ContextRow;
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Exchange;

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// A row of `contexts`.
    Row(Box<ContextRow>),
    /// State, at a commit.
    Piece(Piece),
}

/// A context that may still be joined.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Open {
    part: ContextPart,
    /// Rows written so far.
    revision: u32,
    /// Something came since the last row.
    fresh: bool,
}

impl Open {
    /// Nothing can join any more: for a context no evidence reaches back to it, for a background stream its hour is over.
    fn over(&self, watermark: Micros, horizon_us: i64) -> bool {
        match self.part.background {
            Some(_) => watermark >= self.part.last.floor(HOUR_US).plus(HOUR_US),
            None => watermark.since(self.part.last) > horizon_us,
        }
    }

    fn tell(&mut self, (cluster, limits): (&str, Limits), closed: bool, out: &mut Vec<Out>) {
        if std::mem::take(&mut self.fresh) {
            self.revision += 1;
            out.push(Out::Row(Box::new(row(cluster, limits, &self.part, self.revision, closed))));
        }
    }
}

/// The operator. A context closes when the watermark is more than `horizon_us` behind its last event.
pub fn close_contexts<'s>(
    parts: Flow<'s, ContextPart>,
    marks: Flow<'s, Mark>,
    cluster: String,
    (horizon_us, limits): (i64, Limits),
    (state, index, peers): (&State, usize, usize),
) -> Result<Flow<'s, Out>, StateError> {
    let saved: Vec<Open> = state.read(Section::Context, index, peers)?;
    let mut open: IdMap<Id, Open> = saved.into_iter().map(|open| (open.part.context, open)).collect();
    let mut looked_at = Micros::MIN;
    Ok(by_epoch(parts, marks, Exchange::new(|p: &ContextPart| p.context.0), "Contexts", move |_, parts, mark, out| {
        for part in parts {
            let only_late = part.late == part.events && part.background.is_none();
            // A late event does not bring back a context that has closed: its row was the last word.
            if only_late && !open.contains_key(&part.context) {
                continue;
            }
            let context = open.entry(part.context).or_default();
            context.part.merge(part);
            context.fresh = true;
        }
        // Looking at every open context costs; once a minute of event time is enough, as rows do not depend on when it is done.
        let now = mark.watermark.floor(MINUTE_US);
        let mut closed: Vec<Open> = Vec::new();
        if now > looked_at {
            looked_at = now;
            closed.extend(open.extract_if(|_, c| c.over(now, horizon_us)).map(|(_, c)| c));
        }
        closed.sort_unstable_by_key(|c| (c.part.start, c.part.context));
        for context in &mut closed {
            context.tell((&cluster, limits), true, out);
        }
        if mark.flush || mark.commit.is_some() {
            let mut left: Vec<&mut Open> = open.values_mut().collect();
            left.sort_unstable_by_key(|c| (c.part.start, c.part.context));
            for context in left {
                if mark.flush {
                    context.tell((&cluster, limits), false, out);
                }
                if mark.commit.is_some() {
                    out.push(Out::Piece(Piece::encode(Section::Context, context.part.context.0, context)));
                }
            }
        }
    }))
}
