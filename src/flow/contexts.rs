//! Operator: aggregates of contexts; a row is written when a context has closed, and what is open at the end of the input as it
//! stands then. What joins later gives a further row with the next revision.
//!
//! At the end of the input every open context has a row. So rows leave as batches of bounded size, which take a fraction of what the rows
//! take one by one.
//!
//! Where topics are followed, a row is written when a context pauses. Pauses are judged at whole minutes of event time, with
//! everything merged that lies before: so the rows do not depend on where epochs end.

use super::epoch::{Flow, Mark, StreamMark};
use super::filtered::MINUTE_US;
use super::open_contexts::{Open, OpenContexts};
use super::parts::ContextPart;
use super::state::{Piece, Section, State, StateError};
use super::streams::by_stream;
use super::tell::{Limits, row};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::lake::tables::{ContextRow, to_batches};
use crate::source::stream::StreamName;
use arrow_array::RecordBatch;
use std::collections::{BTreeMap, BTreeSet};

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// Rows of `contexts`.
    Rows(RecordBatch),
    /// State, at a commit.
    Piece(Piece),
}

/// Rows that are put together.
const MOST_ROWS: usize = 1_024;

/// Rows that have not left yet.
#[derive(Default)]
struct Batched {
    rows: Vec<ContextRow>,
}

impl Batched {
    /// Says how the context stands, if it has something to tell.
    fn tell(&mut self, open: &mut Open, (cluster, limits): (&str, Limits), closed: bool, out: &mut Vec<Out>) {
        if std::mem::take(&mut open.fresh) {
            open.revision += 1;
            self.rows.push(row(cluster, limits, &open.part, open.revision, closed));
            if self.rows.len() >= MOST_ROWS {
                self.leave(out);
            }
        }
    }

    fn leave(&mut self, out: &mut Vec<Out>) {
        match to_batches(&std::mem::take(&mut self.rows)) {
            Ok(batches) => out.extend(batches.into_iter().map(Out::Rows)),
            Err(error) => out.push(Out::Piece(Piece::Failed(error.to_string()))),
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

/// The contexts of one stream.
struct Contexts {
    stream: StreamName,
    horizon_us: i64,
    limits: Limits,
    pauses: Pauses,
    open: OpenContexts,
    looked_at: Micros,
    batched: Batched,
}

impl Contexts {
    fn tell_quiet(&mut self, minute: Micros, out: &mut Vec<Out>) {
        for (_, id) in self.pauses.over(minute) {
            self.batched.tell(self.open.wake(id), (self.stream.as_str(), self.limits), false, out);
        }
    }

    #[allow(clippy::vec_box)] // they come boxed: 1.4 KB each, on their way through several operators
    fn epoch(&mut self, mut parts: Vec<Box<ContextPart>>, mark: StreamMark, out: &mut Vec<Out>) {
        if self.pauses.quiet_us.is_some() {
            parts.sort_by_key(|part| part.last.floor(MINUTE_US));
        }
        for part in parts {
            self.tell_quiet(part.last.floor(MINUTE_US), out);
            let only_late = part.late == part.events && part.background.is_none();
            // A late event does not bring back a context that has closed: its row was the last word.
            if only_late && !self.open.has(part.context) {
                continue;
            }
            let context = self.open.wake(part.context);
            self.pauses.forget(context);
            context.part.merge(*part);
            context.fresh = true;
            self.pauses.note(context);
        }
        // Looking at every open context costs; once a minute of event time is enough, as rows do not depend on when it is done.
        let now = mark.watermark.floor(MINUTE_US);
        self.tell_quiet(now, out);
        if now > self.looked_at {
            self.looked_at = now;
            for mut context in self.open.close(now, self.horizon_us) {
                self.pauses.forget(&context);
                self.batched.tell(&mut context, (self.stream.as_str(), self.limits), true, out);
            }
            self.open.rest(now);
        }
        if mark.flush || mark.commit.is_some() {
            for id in self.open.in_order() {
                if mark.flush {
                    let context = self.open.wake(id);
                    self.pauses.forget(context);
                    self.batched.tell(context, (self.stream.as_str(), self.limits), false, out);
                    self.open.lay_down(id); // as saved state has it
                }
                if mark.commit.is_some() {
                    out.extend(self.open.save(id).map(Out::Piece));
                }
            }
        }
        self.batched.leave(out);
        out.extend(self.open.failure().map(Out::Piece));
    }
}

/// The operator. A context closes when the watermark is more than `horizon_us` behind its last event; it is told when it has
/// been quiet for `quiet_us`, if that is given, or else when it closes.
pub fn close_contexts<'s>(
    parts: Flow<'s, (StreamName, Box<ContextPart>)>,
    marks: Flow<'s, Mark>,
    (horizon_us, quiet_us, limits): (i64, Option<i64>, Limits),
    (state, index, peers): (&State, usize, usize),
) -> Result<Flow<'s, (StreamName, Out)>, StateError> {
    let saved: BTreeMap<StreamName, Vec<Open>> = state.by_stream(Section::Context, index, peers)?;
    let begin = move |stream: &StreamName, saved: Vec<Open>| {
        let mut pauses = Pauses { quiet_us, ..Pauses::default() };
        saved.iter().for_each(|open| pauses.note(open));
        let (stream, open) = (stream.clone(), OpenContexts::new(saved));
        let mut contexts =
            Contexts { stream, horizon_us, limits, pauses, open, looked_at: Micros::MIN, batched: Batched::default() };
        move |parts, mark, out: &mut Vec<Out>| contexts.epoch(parts, mark, out)
    };
    Ok(by_stream(parts, marks, |part| part.context.0, "Contexts", saved, begin))
}
