//! One state a stream: order, windows and contexts of one cluster know nothing of another's.
//!
//! ```text
//! (stream, data) ─┬─ of stream a ─▶ logic of a ─┐
//!                 └─ of stream b ─▶ logic of b ─┴─▶ (stream, out)
//! ```
//! Streams come to be with their first data: no setting lists them, and no process has to be told of them beforehand.

use super::block::DecodedBlock;
use super::epoch::{Flow, Mark, StreamMark, by_epoch};
use super::order::Order;
use crate::audit::time::Micros;
use crate::source::PartitionId;
use crate::source::stream::StreamName;
use std::collections::{BTreeMap, BTreeSet};
use timely::dataflow::channels::pact::Exchange;

/// Runs a logic for each stream, as [`by_epoch`] runs one: `begin` makes it, of what was `saved` of the stream, or of nothing.
pub fn by_stream<'s, D, S, O, L>(
    data: Flow<'s, (StreamName, D)>,
    marks: Flow<'s, Mark>,
    route: impl Fn(&D) -> u64 + 'static,
    name: &str,
    saved: BTreeMap<StreamName, Vec<S>>,
    mut begin: impl FnMut(&StreamName, Vec<S>) -> L + 'static,
) -> Flow<'s, (StreamName, O)>
where
    D: timely::ExchangeData + Clone,
    S: 'static,
    O: Clone + 'static,
    L: FnMut(Vec<D>, StreamMark, &mut Vec<O>) + 'static,
{
    let mut logics: BTreeMap<StreamName, L> = BTreeMap::new();
    for (stream, saved) in saved {
        let logic = begin(&stream, saved);
        logics.insert(stream, logic);
    }
    let route = Exchange::new(move |(_, datum): &(StreamName, D)| route(datum));
    by_epoch(data, marks, route, name, move |_, data, mark: Mark, out| {
        let mut arrived: BTreeMap<StreamName, Vec<D>> = BTreeMap::new();
        for (stream, datum) in data {
            arrived.entry(stream).or_default().push(datum);
        }
        for stream in arrived.keys().chain(mark.watermarks.keys()) {
            if !logics.contains_key(stream) {
                logics.insert(stream.clone(), begin(stream, Vec::new()));
            }
        }
        let mut said = Vec::new();
        for (stream, logic) in &mut logics {
            logic(arrived.remove(stream).unwrap_or_default(), mark.of(stream), &mut said);
            out.extend(said.drain(..).map(|one| (stream.clone(), one)));
        }
    })
}

/// What has an order.
pub trait Ordered {
    /// The order of its stream.
    fn order(&self) -> &Order;
}

/// What the owner of the streams keeps of each.
///
/// Messages of a shared topic may be of any stream, and each message says how far its partition is. So a stream whose first event comes
/// now begins with what the others know of shared partitions, as if it had listened to them from the start: its rows are those of a
/// run that takes this stream alone.
pub struct Streams<T> {
    home: StreamName,
    each: BTreeMap<StreamName, T>,
    shared: BTreeSet<PartitionId>,
    /// The order of a stream that knows no partition.
    fresh: Order,
    begin: Box<dyn Fn(Order) -> T>,
}

impl<T: Ordered> Streams<T> {
    /// These streams; `begin` makes further ones, given their order.
    pub fn new(
        home: StreamName,
        each: BTreeMap<StreamName, T>,
        fresh: Order,
        begin: impl Fn(Order) -> T + 'static,
    ) -> Streams<T> {
        Streams { home, each, shared: BTreeSet::new(), fresh, begin: Box::new(begin) }
    }

    /// Begins the streams that a block is the first of.
    pub fn meet(&mut self, block: &DecodedBlock) {
        if block.shared {
            self.shared.insert(block.partition);
            self.enter(&self.home.clone(), true);
        }
        for stream in block.shares.iter().map(|share| &share.stream).chain([&block.stream]) {
            self.enter(stream, block.shared);
        }
    }

    /// The streams that a block tells something of.
    pub fn concerned(&mut self, block: &DecodedBlock) -> impl Iterator<Item = (&StreamName, &mut T)> {
        self.each.iter_mut().filter(|(stream, _)| block.shared || **stream == block.stream)
    }

    /// Each stream.
    pub fn each(&mut self) -> impl Iterator<Item = (&StreamName, &mut T)> {
        self.each.iter_mut()
    }

    /// `shared`: it comes with a message of a topic that it shares, so it has been there all the time. One that comes with a topic of its
    /// own has its whole past before it.
    fn enter(&mut self, stream: &StreamName, shared: bool) {
        if self.each.contains_key(stream) {
            return;
        }
        let known = self.each.get(&self.home).map_or(&self.fresh, Ordered::order);
        let watermark = if shared { known.watermark() } else { Micros::MIN };
        let order = known.fork(|partition| self.shared.contains(&partition), watermark);
        self.each.insert(stream.clone(), (self.begin)(order));
    }
}
