//! Operator: aggregates of contexts; a row is written when a context has closed, and what is open at the end of the input as it
//! stands then. What joins later gives a further row with the next revision.
//!
//! Where topics are followed, a row is written when a context pauses. Pauses are judged at whole minutes of event time, with
//! everything merged that lies before: so the rows do not depend on where epochs end.

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
use std::collections::BTreeSet;
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

/// Contexts that have something to tell, by the time of their last event.
#[derive(Default)]
struct Pauses {
    quiet_us: Option<i64>,
    fresh: BTreeSet<(Micros, Id)>,
}

impl Pauses {
    fn note(&mut self, context: &Open) {
        if self.quiet_us.is_some() && context.fresh && context.part.background.is_none() {
            self.fresh.insert((context.part.last, context.part.context));
        }
    }

    fn forget(&mut self, context: &Open) {
        self.fresh.remove(&(context.part.last, context.part.context));
    }

    /// Those that are quiet at `minute`, in a fixed order.
    fn over(&mut self, minute: Micros) -> BTreeSet<(Micros, Id)> {
        let Some(quiet_us) = self.quiet_us else { return BTreeSet::new() };
        let later = self.fresh.split_off(&(minute.plus(1 - quiet_us), Id(0)));
        std::mem::replace(&mut self.fresh, later)
    }
}

/// The operator. A context closes when the watermark is more than `horizon_us` behind its last event; it is told when it has
/// been quiet for `quiet_us`, if that is given, or else when it closes.
pub fn close_contexts<'s>(
    parts: Flow<'s, ContextPart>,
    marks: Flow<'s, Mark>,
    cluster: String,
    (horizon_us, quiet_us, limits): (i64, Option<i64>, Limits),
    (state, index, peers): (&State, usize, usize),
) -> Result<Flow<'s, Out>, StateError> {
    let saved: Vec<Open> = state.read(Section::Context, index, peers)?;
    let mut pauses = Pauses { quiet_us, ..Pauses::default() };
    saved.iter().for_each(|open| pauses.note(open));
    let mut open: IdMap<Id, Open> = saved.into_iter().map(|open| (open.part.context, open)).collect();
    let mut looked_at = Micros::MIN;
    Ok(by_epoch(
        parts,
        marks,
        Exchange::new(|p: &ContextPart| p.context.0),
        "Contexts",
        move |_, mut parts, mark, out| {
            if quiet_us.is_some() {
                parts.sort_by_key(|part| part.last.floor(MINUTE_US));
            }
            let tell_quiet = |minute: Micros, open: &mut IdMap<Id, Open>, pauses: &mut Pauses, out: &mut Vec<Out>| {
                for (_, id) in pauses.over(minute) {
                    if let Some(context) = open.get_mut(&id) {
                        context.tell((&cluster, limits), false, out);
                    }
                }
            };
            for part in parts {
                tell_quiet(part.last.floor(MINUTE_US), &mut open, &mut pauses, out);
                let only_late = part.late == part.events && part.background.is_none();
                // A late event does not bring back a context that has closed: its row was the last word.
                if only_late && !open.contains_key(&part.context) {
                    continue;
                }
                let context = open.entry(part.context).or_default();
                pauses.forget(context);
                context.part.merge(part);
                context.fresh = true;
                pauses.note(context);
            }
            // Looking at every open context costs; once a minute of event time is enough, as rows do not depend on when it is done.
            let now = mark.watermark.floor(MINUTE_US);
            tell_quiet(now, &mut open, &mut pauses, out);
            let mut closed: Vec<Open> = Vec::new();
            if now > looked_at {
                looked_at = now;
                closed.extend(open.extract_if(|_, c| c.over(now, horizon_us)).map(|(_, c)| c));
            }
            closed.sort_unstable_by_key(|c| (c.part.start, c.part.context));
            for context in &mut closed {
                pauses.forget(context);
                context.tell((&cluster, limits), true, out);
            }
            if mark.flush || mark.commit.is_some() {
                let mut left: Vec<&mut Open> = open.values_mut().collect();
                left.sort_unstable_by_key(|c| (c.part.start, c.part.context));
                for context in left {
                    if mark.flush {
                        pauses.forget(context);
                        context.tell((&cluster, limits), false, out);
                    }
                    if mark.commit.is_some() {
                        out.push(Out::Piece(Piece::encode(Section::Context, context.part.context.0, context)));
                    }
                }
            }
        },
    ))
}
