//! Live contexts: how each context stands now, maintained from the live rows with differential operators.
//!
//! ```text
//! live rows ─▶ fold ─┬─ open row ─────────────▶ +(context, part of one event), −  when corrected or settled
//! (by context)       └─ settled rows, summed up ─▶ +(context, settled part), − the one before
//!                                                        │
//!                              reduce by context: parts add up ─▶ arrangement ─▶ show ─▶ LiveView
//! ```
//! What differential costs and buys: the engine above it is a plain fold, since what an event produces depends on its own
//! attribution; joins by key could not be that fold. From the live rows on, corrections are differences, so the view of each
//! context is a reduce that never sees an event twice, its arrangement can be joined and shared, and a restart is a
//! collection that is loaded. The price is one update for each change of a row, and the arrangement; without live contexts
//! none of it is built.
//!
//! Invariants: the view holds the contexts of the events so far whose last event is within the horizon of the watermark;
//! background has none. A group of the reduce has one part for what is settled and one for each open event time, so its
//! size is bounded by the lateness, not by the context's age.

use super::epoch::{Epoch, Flow, IdMap, Mark, by_epoch, split};
use super::state::{Piece, Section, State, StateError};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::live::LiveRow;
use crate::context::model::Role;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map;

/// How a context stands; or a part of it, since parts add up.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LiveContext {
    /// Time of its first event, the root.
    pub first: Micros,
    /// Time of its last event.
    pub last: Micros,
    /// Events.
    pub events: u64,
    /// Of these, open: they may still be corrected.
    pub open: u64,
}

impl LiveContext {
    /// A context of no event: adding it changes nothing.
    pub const EMPTY: LiveContext = LiveContext { first: Micros::MAX, last: Micros::MIN, events: 0, open: 0 };

    /// What one event adds.
    pub fn of(at: Micros, settled: bool) -> LiveContext {
        LiveContext { first: at, last: at, events: 1, open: u64::from(!settled) }
    }

    /// Both parts together, the other one `times` times.
    pub fn plus(self, other: LiveContext, times: u64) -> LiveContext {
        LiveContext {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            events: self.events + other.events * times,
            open: self.open + other.open * times,
        }
    }
}

/// Contexts by the id of their root, arranged: the trace can be read, joined and shared.
pub type ArrangedContexts<'s> = Arranged<'s, TraceAgent<ValSpine<Id, LiveContext, Epoch, isize>>>;

/// How a context stands, or no longer stands.
type Stand = ((Id, LiveContext), isize);

/// A part of a context and how often it is added.
type PartChange = ((Id, LiveContext), Epoch, isize);

/// Maintains the live contexts of `rows`. A context leaves when the watermark is more than `horizon_us` behind its last event.
/// Also gives the state of the view at each commit.
///
/// # Errors
/// [`StateError`] when the saved state does not read back.
pub fn live_contexts<'s>(
    rows: VecCollection<'s, Epoch, LiveRow, isize>,
    marks: Flow<'s, Mark>,
    horizon_us: i64,
    (state, index, peers): (&State, usize, usize),
) -> Result<(ArrangedContexts<'s>, Flow<'s, Piece>), StateError> {
    let mut fold = Fold::new(state.read(Section::LiveContext, index, peers)?);
    // Every record of the rows has the time of its message, so epochs can be gathered by message.
    let events = rows.inner.flat_map(|(row, _, diff)| {
        let in_context = row.attribution.role != Role::Background;
        in_context.then_some((row.attribution.context, row.at, row.settled, diff))
    });
    let by_context = Exchange::new(|event: &Event| event.0.0);
    let out = by_epoch(events, marks, by_context, "LiveParts", move |epoch, events, mark, out| {
        fold.epoch(epoch, events, mark.least(), horizon_us, out);
        if mark.commit.is_some() {
            fold.save(out);
        }
    });
    let (parts, pieces) = split(out, |out| out);
    let contexts = parts.as_collection().reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<_, _, _, _>>(
        "LiveContexts",
        |_, parts: &[(&LiveContext, isize)], whole| {
            let add =
                |sum: LiveContext, (part, times): &(&LiveContext, isize)| sum.plus(**part, times.unsigned_abs() as u64);
            whole.push((parts.iter().fold(LiveContext::EMPTY, add), 1));
        },
    );
    Ok((contexts, pieces))
}

/// An event of a context: context, event time, settled, ±1.
type Event = (Id, Micros, bool, isize);

/// Sums up what is settled.
struct Fold {
    settled: IdMap<Id, Settled>,
    /// Restored from a commit, not told yet.
    restored: Vec<Id>,
    looked_at: Micros,
}

/// The settled part of a context.
struct Settled {
    now: LiveContext,
    /// What was told downstream.
    told: Option<LiveContext>,
}

/// Event time between two looks at all contexts for those that may leave.
const LEAVE_EVERY_US: i64 = 60_000_000;

impl Fold {
    fn new(saved: Vec<(Id, LiveContext)>) -> Fold {
        let restored = saved.iter().map(|(context, _)| *context).collect();
        let settled = saved.into_iter().map(|(context, now)| (context, Settled { now, told: None })).collect();
        Fold { settled, restored, looked_at: Micros::MIN }
    }

    fn epoch(&mut self, epoch: Epoch, events: Vec<Event>, watermark: Micros, horizon_us: i64, out: &mut Vec<Out>) {
        let mut touched = std::mem::take(&mut self.restored);
        for (context, at, settled, diff) in events {
            if settled {
                let part = self.settled.entry(context).or_insert(Settled { now: LiveContext::EMPTY, told: None });
                part.now = part.now.plus(LiveContext::of(at, true), 1);
                touched.push(context);
            } else {
                out.push(Ok(((context, LiveContext::of(at, false)), epoch, diff)));
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for context in touched {
            if let Some(part) = self.settled.get_mut(&context) {
                part.tell(context, Some(part.now), epoch, out);
            }
        }
        if watermark.since(self.looked_at) >= LEAVE_EVERY_US {
            self.looked_at = watermark;
            let gone = self.settled.extract_if(|_, part| watermark.since(part.now.last) > horizon_us);
            gone.for_each(|(context, mut part)| part.tell(context, None, epoch, out));
        }
    }

    fn save(&self, out: &mut Vec<Out>) {
        let mut parts: Vec<(Id, LiveContext)> = self.settled.iter().map(|(id, part)| (*id, part.now)).collect();
        parts.sort_unstable();
        out.extend(parts.iter().map(|part| Err(Piece::encode(Section::LiveContext, part.0.0, part))));
    }
}

type Out = Result<PartChange, Piece>;

impl Settled {
    fn tell(&mut self, context: Id, now: Option<LiveContext>, epoch: Epoch, out: &mut Vec<Out>) {
        if self.told != now {
            out.extend(self.told.map(|before| Ok(((context, before), epoch, -1))));
            out.extend(now.map(|now| Ok(((context, now), epoch, 1))));
            self.told = now;
        }
    }
}

/// The live contexts of all workers, for whoever shows them.
#[derive(Debug, Default)]
pub struct LiveView {
    contexts: Mutex<BTreeMap<Id, LiveContext>>,
}

impl LiveView {
    /// How the context stands that `root` began.
    pub fn context(&self, root: Id) -> Option<LiveContext> {
        self.lock().get(&root).copied()
    }

    /// All contexts, by the id of their root.
    pub fn contexts(&self) -> BTreeMap<Id, LiveContext> {
        self.lock().clone()
    }

    /// Number of contexts.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Id, LiveContext>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The changes of one worker's contexts in one complete epoch.
    fn change(&self, mut changes: Vec<Stand>) {
        changes.sort_unstable_by_key(|(_, diff)| *diff); // retractions first
        let mut contexts = self.lock();
        for ((context, stand), diff) in changes {
            if diff > 0 {
                contexts.insert(context, stand);
            } else {
                contexts.remove(&context);
            }
        }
    }
}

/// Keeps `view` up to date, an epoch at a time. Nothing comes out but progress.
pub fn show<'s>(contexts: ArrangedContexts<'s>, view: Arc<LiveView>) -> Flow<'s, Piece> {
    let changes = contexts.as_collection(|context, stand| (*context, *stand)).inner;
    changes.unary_frontier::<CapacityContainerBuilder<Vec<Piece>>, _, _, _>(Pipeline, "LiveView", |_, _| {
        let mut waiting: BTreeMap<Epoch, Vec<Stand>> = BTreeMap::new();
        move |(input, frontier), _| {
            input.for_each(|_, changes| {
                for (change, epoch, diff) in changes.drain(..) {
                    waiting.entry(epoch).or_default().push((change, diff));
                }
            });
            while let Some(first) = waiting.first_entry().filter(|first| !frontier.less_equal(first.key())) {
                view.change(first.remove());
            }
        }
    })
}
