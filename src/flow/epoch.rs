//! Epochs, marks, and the one shape of every stateful operator: gather an epoch, act once it is complete.

use crate::audit::time::Micros;
use crate::source::PartitionId;
use crate::source::stream::StreamName;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::operator::Operator;

/// Timely's timestamp: numbers a slice of source positions, from 0 in each run.
pub type Epoch = u64;

/// A stream of `D` in the dataflow.
pub type Flow<'s, D> = Stream<'s, Epoch, Vec<D>>;

/// How an epoch ends at the source: given to every worker by the feed.
#[derive(Clone, Debug)]
pub struct Tick {
    /// No source that is still to be opened has an event before this time.
    pub floor: Micros,
    /// Partitions that have ended for good with this epoch: they no longer hold the watermark.
    pub ended: Vec<PartitionId>,
    /// The epoch ends with a commit of this number.
    pub commit: Option<u64>,
    /// No epoch follows.
    pub last: bool,
    /// The input has ended (not just this run): what waits for the watermark is released as it stands.
    pub flush: bool,
    /// The feed's clock, in milliseconds since the run began; 0 where nothing is followed.
    pub now_ms: u64,
    /// What the manifest is to tell beside the data.
    pub notes: Vec<String>,
}

impl Tick {
    /// The end of an epoch in the middle of a run, with a commit of this number if there is one.
    pub fn committing(commit: Option<u64>) -> Tick {
        Tick { floor: Micros::MAX, ended: Vec::new(), commit, last: false, flush: false, now_ms: 0, notes: Vec::new() }
    }
}

/// What an epoch says once its events are in order: sent to every worker by the owner of the streams.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Of each stream: every event before this time is settled.
    pub watermarks: BTreeMap<StreamName, Micros>,
    /// The epoch ends with a commit of this number.
    pub commit: Option<u64>,
    /// The input has ended: what is open is written as it stands.
    pub flush: bool,
}

/// What a mark says of one stream.
#[derive(Copy, Clone, Debug)]
pub struct StreamMark {
    /// Every event before this time is settled.
    pub watermark: Micros,
    /// The epoch ends with a commit of this number.
    pub commit: Option<u64>,
    /// The input has ended: what is open is written as it stands.
    pub flush: bool,
}

impl Mark {
    /// What is said of a stream.
    pub fn of(&self, stream: &StreamName) -> StreamMark {
        let watermark = self.watermarks.get(stream).copied().unwrap_or(Micros::MIN);
        StreamMark { watermark, commit: self.commit, flush: self.flush }
    }

    /// Of all streams: every event before this time is settled.
    pub fn least(&self) -> Micros {
        self.watermarks.values().min().copied().unwrap_or(Micros::MIN)
    }
}

/// Runs `logic(epoch, data, mark, output)` for each epoch in order, when all of its data and its mark have arrived.
///
/// An epoch without a mark can only follow the last one; it is dropped.
pub fn by_epoch<'s, D, M, O, P, L>(
    data: Flow<'s, D>,
    marks: Flow<'s, M>,
    pact: P,
    name: &str,
    mut logic: L,
) -> Flow<'s, O>
where
    D: Clone + 'static,
    M: Clone + 'static,
    O: Clone + 'static,
    P: ParallelizationContract<Epoch, Vec<D>>,
    L: FnMut(Epoch, Vec<D>, M, &mut Vec<O>) + 'static,
{
    data.binary_frontier::<_, CapacityContainerBuilder<Vec<O>>, _, _, _, _>(marks, pact, Pipeline, name, move |_, _| {
        let mut waiting: BTreeMap<Epoch, Gathered<D, M>> = BTreeMap::new();
        let mut out = Vec::new();
        move |(input, front), (marks, marks_front), output| {
            input.for_each(|time, batch| {
                let slot = &mut waiting.entry(*time.time()).or_default().data;
                if slot.is_empty() { std::mem::swap(slot, batch) } else { slot.append(batch) }
            });
            marks.for_each(|time, batch| {
                for mark in batch.drain(..) {
                    waiting.entry(*time.time()).or_default().mark = Some((time.retain(0), mark));
                }
            });
            while let Some(first) = waiting.first_entry() {
                let epoch = *first.key();
                if front.less_equal(&epoch) || marks_front.less_equal(&epoch) {
                    break;
                }
                let Gathered { mark, data } = first.remove();
                let Some((capability, mark)) = mark else { continue };
                logic(epoch, data, mark, &mut out);
                if !out.is_empty() {
                    output.session(&capability).give_container(&mut out);
                    out.clear();
                }
            }
        }
    })
}

/// An epoch that is not complete yet.
struct Gathered<D, M> {
    mark: Option<(Capability<Epoch>, M)>,
    data: Vec<D>,
}

impl<D, M> Default for Gathered<D, M> {
    fn default() -> Self {
        Gathered { mark: None, data: Vec::new() }
    }
}

/// Splits a stream in two.
pub fn split<'s, D, A, B>(
    stream: Flow<'s, D>,
    logic: impl FnMut(D) -> Result<A, B> + 'static,
) -> (Flow<'s, A>, Flow<'s, B>)
where
    D: 'static,
    A: 'static,
    B: 'static,
{
    stream.ok_err::<Vec<A>, A, Vec<B>, B, _>(logic)
}

/// Keys and ids are hashes already.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

/// A map by id. Never iterated where order could show.
pub type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;
