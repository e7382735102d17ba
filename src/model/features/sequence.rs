//! The columns that are known only once events are in order and the causal engine has seen them.
//!
//! ```text
//! event ─▶ causal engine ─▶ Trace: context, role, evidence ─▶ Sequence ─ 30 events later ─▶ columns of the event
//!            gap            time since the previous event
//!            root.label     what the context's start is labelled: its first request that writes, or its first one; background: the routine
//!            root.role      root, request, effect, background
//!            cause.kind     kind of the evidence that leads to the context
//!            cause.weight   what it weighs, in tens
//! ```
//! K8NTEXT's columns hold no names, so two actions of one kind at the same time look alike to a network. `root.label` says which
//! of the actions around an event it belongs to, without a name going into the network: it is the causal engine's own answer, which
//! the network may believe or not. A command reads before it writes (`scale` gets, then patches): therefore an event's columns are
//! completed [`LOOK_BEHIND`] events later, when the write is known.
//!
//! Invariants: the columns depend on the events and their order alone, not on where the stream was cut. What [`Sequence::save`] gives
//! for event `n`, whose predecessors are complete, is enough to complete event `n` and what follows in the same way.

use super::{FeatureSet, Value, gap_bucket};
use crate::audit::hash::Id;
use crate::audit::label::Label;
use crate::audit::time::Micros;
use crate::context::kind::Kind;
use crate::context::model::{Attribution, Role};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::VecDeque;

/// An event's columns are completed so many events later.
pub const LOOK_BEHIND: usize = 30;
/// A context that had no event for so long is forgotten: nothing joins it any more (DESIGN 3.4).
const HORIZON_US: i64 = 3_600_000_000;
/// Event time between two rounds of forgetting.
const FORGET_EVERY_US: i64 = 10_000_000;

/// Names of these columns, in order; all but the first are there for linked features only.
pub const SEQUENCE_COLUMNS: [&str; 5] = ["gap", ROOT_LABEL, "root.role", "cause.kind", "cause.weight"];
/// The column with the causal engine's own answer.
pub const ROOT_LABEL: &str = "root.label";

/// What is known of an event when it is in order.
#[derive(Copy, Clone, Debug)]
pub struct Trace {
    /// What the causal engine says; `None` where there is none.
    pub said: Option<Attribution>,
    /// Proposed label of the event itself.
    pub own: Label,
    /// Label of the control plane's routine, if it is a part of it.
    pub routine: Label,
    /// The event changes something.
    pub write: bool,
}

/// The columns of one event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    gap: u16,
    /// What the context's start is labelled.
    pub origin: Option<Label>,
    role: Option<Role>,
    evidence: Option<(u8, u8)>,
}

impl Ordered {
    /// The values of a set's columns, in their order.
    pub fn values(&self, set: FeatureSet) -> impl Iterator<Item = Value<'static>> + use<> {
        let role = self.role.map(|role| match role {
            Role::Root => "root",
            Role::Request => "request",
            Role::Effect => "effect",
            Role::Background => "background",
        });
        let values = [
            Some(Cow::Owned(bucket_name(self.gap))),
            self.origin.map(|label| Cow::Owned(label.0.to_string())),
            role.map(Cow::Borrowed),
            self.evidence.and_then(|(kind, _)| Kind::from_code(kind)).map(|kind| Cow::Borrowed(kind.name())),
            self.evidence.map(|(_, weight)| Cow::Owned((weight / 10).to_string())),
        ];
        values.into_iter().take(set.sequence_columns().len())
    }
}

/// What a bucket of gaps is called.
pub(super) fn bucket_name(bucket: u16) -> String {
    format!("2^{bucket} us")
}

/// What is remembered of a context. Events are numbered along the stream.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// Number and own label of its first event.
    first: (u64, Label),
    /// The same of its first request that writes.
    write: Option<(u64, Label)>,
    last_at: Micros,
}

/// The memory as it was at some event, for a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSequence {
    number: u64,
    last_at: Option<Micros>,
    contexts: Vec<(Id, Known)>,
}

impl SavedSequence {
    /// Time of the last event before it was saved.
    pub fn last_at(&self) -> Option<Micros> {
        self.last_at
    }
}

/// An event whose columns are not complete.
#[derive(Copy, Clone, Debug)]
struct Waiting {
    at: Micros,
    /// Its context, unless it is background.
    context: Option<Id>,
    columns: Ordered,
}

/// Fills in the order-dependent columns, event by event.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// Number of the next event.
    number: u64,
    last_at: Option<Micros>,
    contexts: HashMap<Id, Known>,
    waiting: VecDeque<Waiting>,
    forgotten: Option<Micros>,
}

impl Sequence {
    /// Goes on where a memory was saved.
    pub fn resume(saved: SavedSequence) -> Sequence {
        let SavedSequence { number, last_at, contexts } = saved;
        Sequence { number, last_at, contexts: contexts.into_iter().collect(), ..Sequence::default() }
    }

    /// Takes the next event; gives the columns of the one [`LOOK_BEHIND`] before it.
    pub fn push(&mut self, at: Micros, trace: &Trace) -> Option<Ordered> {
        let gap = gap_bucket(self.last_at.map_or(0, |last| at.since(last)));
        self.last_at = Some(at);
        let said = trace.said.as_ref();
        let context = said.filter(|said| said.role != Role::Background).map(|said| said.context);
        if let Some(context) = context {
            self.remember(context, at, trace);
        }
        let background = if trace.routine == Label::UNKNOWN { trace.own } else { trace.routine };
        let columns = Ordered {
            gap,
            origin: said.map(|_| background),
            role: said.map(|said| said.role),
            evidence: said.and_then(|said| said.cause).map(|cause| (cause.kind, cause.weight)),
        };
        self.waiting.push_back(Waiting { at, context, columns });
        self.number += 1;
        if self.waiting.len() > LOOK_BEHIND { self.next() } else { None }
    }

    /// The columns of the events that wait: nothing follows.
    pub fn finish(&mut self) -> Vec<Ordered> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&mut self) -> Option<Ordered> {
        let Waiting { context, columns, .. } = self.waiting.pop_front()?;
        let label = |known: &Known| known.write.unwrap_or(known.first).1;
        let origin = context.map_or(columns.origin, |context| self.contexts.get(&context).map(label));
        Some(Ordered { origin, ..columns })
    }

    fn remember(&mut self, context: Id, at: Micros, trace: &Trace) {
        let now = (self.number, trace.own);
        let begun = Known { first: now, write: None, last_at: at };
        let known = self.contexts.entry(context).or_insert(begun);
        // Whether it was forgotten in the meantime must not matter.
        if at.since(known.last_at) >= HORIZON_US {
            *known = begun;
        }
        known.last_at = at;
        let asked = trace.said.is_some_and(|said| matches!(said.role, Role::Root | Role::Request));
        if trace.write && asked {
            known.write.get_or_insert(now);
        }
    }

    /// The memory before event `number`; all events before it must be complete, the last of them at `last_at`.
    pub fn save(&self, number: u64, last_at: Option<Micros>) -> SavedSequence {
        let before = |known: &Known| Known { write: known.write.filter(|(at, _)| *at < number), ..*known };
        let known = |known: &Known| {
            known.first.0 < number && last_at.is_some_and(|last| last.since(known.last_at) < HORIZON_US)
        };
        let kept = self.contexts.iter().filter(|(_, entry)| known(entry));
        let mut contexts: Vec<(Id, Known)> = kept.map(|(id, entry)| (*id, before(entry))).collect();
        contexts.sort_unstable_by_key(|(id, _)| *id);
        SavedSequence { number: number.min(self.number), last_at, contexts }
    }

    /// Forgets what is too old to matter. Cheap to call often.
    pub fn forget(&mut self) {
        let Some(now) = self.waiting.front().map(|waiting| waiting.at).or(self.last_at) else { return };
        if self.forgotten.is_none_or(|last| now.since(last) >= FORGET_EVERY_US) {
            self.contexts.retain(|_, known| now.since(known.last_at) < HORIZON_US);
            self.forgotten = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trace(context: u64, role: Role, own: i32, write: bool) -> Trace {
        let said = Attribution { context: Id(context), role, background: None, cause: None, parent_context: None };
        Trace { said: Some(said), own: Label(own), routine: Label::UNKNOWN, write }
    }

    /// Runs events at intervals of 0.7 s and gives all columns.
    fn run(sequence: &mut Sequence, events: &[Trace], from: usize, forget: bool) -> Vec<Ordered> {
        let mut out = Vec::new();
        for (index, event) in events.iter().enumerate().skip(from) {
            out.extend(sequence.push(Micros(index as i64 * 700_000), event));
            if forget {
                sequence.forget();
            }
        }
        out.extend(sequence.finish());
        out
    }

    #[test]
    fn a_context_is_labelled_by_its_first_write_also_what_came_before_it() {
        let events = [
            trace(1, Role::Root, 10, false),
            trace(1, Role::Request, 20, true),
            trace(1, Role::Effect, 30, true),
            trace(2, Role::Root, 40, false),
            trace(9, Role::Background, 50, true),
            Trace { routine: Label(60), ..trace(9, Role::Background, 50, true) },
        ];
        let origins: Vec<i32> =
            run(&mut Sequence::default(), &events, 0, false).iter().filter_map(|c| Some(c.origin?.0)).collect();
        assert_eq!(origins, [20, 20, 20, 40, 50, 60]);
        let values: Vec<Value<'_>> =
            run(&mut Sequence::default(), &events, 0, false)[2].values(FeatureSet::Linked).collect();
        assert_eq!(
            values.iter().map(|v| v.as_deref()).collect::<Vec<_>>(),
            [Some("2^20 us"), Some("20"), Some("effect"), None, None]
        );
    }

    #[test]
    fn a_write_that_comes_too_late_names_nothing_before() {
        let mut events = vec![trace(1, Role::Root, 10, false)];
        events.extend((0..LOOK_BEHIND).map(|n| trace(100 + n as u64, Role::Root, 70, true)));
        events.push(trace(1, Role::Request, 20, true));
        let all = run(&mut Sequence::default(), &events, 0, false);
        assert_eq!((all[0].origin, all[LOOK_BEHIND + 1].origin), (Some(Label(10)), Some(Label(20))));
        events.remove(1);
        assert_eq!(run(&mut Sequence::default(), &events, 0, false)[0].origin, Some(Label(20)));
    }

    #[test]
    fn a_context_without_events_for_an_hour_is_another_one() {
        let mut sequence = Sequence::default();
        sequence.push(Micros(0), &trace(1, Role::Root, 10, true));
        sequence.push(Micros(HORIZON_US), &trace(1, Role::Request, 20, false));
        assert_eq!(sequence.finish().iter().map(|c| c.origin).collect::<Vec<_>>(), [Some(Label(20)); 2]);
    }

    fn any_trace() -> impl Strategy<Value = Trace> {
        let role = prop_oneof![Just(Role::Root), Just(Role::Request), Just(Role::Effect), Just(Role::Background)];
        (0u64..6, role, 2i32..9, any::<bool>()).prop_map(|(context, role, own, write)| trace(context, role, own, write))
    }

    proptest! {
        #[test]
        fn what_is_saved_goes_on_the_same(
            events in proptest::collection::vec(any_trace(), 1..120), at in 0usize..120, ahead in 0usize..60
        ) {
            let wanted = run(&mut Sequence::default(), &events, 0, false);
            prop_assert_eq!(wanted.len(), events.len());
            // Settled are at most the events that are complete.
            let pushed = (at + LOOK_BEHIND + ahead).min(events.len());
            let at = at.min(pushed.saturating_sub(LOOK_BEHIND));
            let mut before = Sequence::default();
            let mut complete = Vec::new();
            for (index, event) in events.iter().enumerate().take(pushed) {
                complete.extend(before.push(Micros(index as i64 * 700_000), event));
                before.forget();
            }
            prop_assert_eq!(&complete[..], &wanted[..complete.len()]);
            let last_at = at.checked_sub(1).map(|index| Micros(index as i64 * 700_000));
            let mut after = Sequence::resume(before.save(at as u64, last_at));
            prop_assert_eq!(&run(&mut after, &events, at, true)[..], &wanted[at..]);
        }
    }
}
