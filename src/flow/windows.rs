//! Operator: windows for the label model, over the events of a stream in their settled order.
//!
//! ```text
//! decoded blocks ─▶ order (the same as in `attribute`) ─▶ columns that depend on order ─▶ cutter ─▶ chunks of windows ─▶ infer
//!        │                                                                                 └─▶ Cut: up to where ─▶ vote
//!        └─▶ the blocks themselves, without their features ─▶ attribute
//! ```
//! How labels meet the commit: an event can be written when every window that holds it has its answer, up to a window's length of
//! events later. So the model moves the watermark: with a model, *settled* means below the watermark of the order **and** in no window
//! that is still to be cut. This operator computes how far that is, and `attribute` settles no further. Whatever is beyond
//! is above the resume points, is read again after a restart, and is put into the same order again; what the
//! windows that begin before it need (the rows of a window less one, and the memory of the sequence columns) is this operator's
//! state. Answers are in no state: those windows are answered again, by the same model with the same result.
//!
//! The order is computed twice, here and in `attribute`. It is a pure function of what arrives, and cheap beside decoding.

use super::block::{BESIDE, DecodedBlock, Features, Pulse, SETTLED, Seen, Share};
use super::epoch::{Flow, Tick, by_epoch};
use super::order::{Arrival, Order, Place};
use super::state::{Piece, Section};
use super::streams::{Ordered, Streams};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::model::features::{SavedSequence, Sequence, Touch, Weights};
use crate::model::labeler::Labeler;
use crate::model::windows::{Cutter, Window};
use crate::source::stream::StreamName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use timely::dataflow::channels::pact::Exchange;

/// Some windows, for any worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// Their stream.
    pub stream: StreamName,
    /// Number of the chunk: says which worker answers.
    pub number: u64,
    /// The windows.
    pub windows: Vec<Window>,
}

/// How far an epoch came.
#[derive(Clone, Debug)]
pub struct Cut {
    /// How the epoch ends.
    pub tick: Tick,
    /// How far each stream came.
    pub streams: BTreeMap<StreamName, StreamCut>,
}

/// How far an epoch came with a stream.
#[derive(Clone, Debug)]
pub struct StreamCut {
    /// Events before this time are in no window to come.
    pub settled_to: Micros,
    /// The events in windows before this number have all their windows.
    pub settled: u64,
    /// Ids of the events in windows that became known in this epoch, by number: the first has the number behind the last of the epoch
    /// before.
    pub ids: Vec<Id>,
}

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// To the owner of the streams.
    Block(Box<DecodedBlock>),
    /// To any worker.
    Chunk(Chunk),
    /// To the vote.
    Cut(Box<Cut>),
    /// To the commit.
    Piece(Piece),
}

/// What a commit saves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedWindows {
    /// Version of the model: the rows mean nothing to another one.
    pub version: String,
    /// Number of the first event that is not settled.
    pub settled: u64,
    /// Rows of the events before it.
    pub tail: Vec<Vec<u16>>,
    /// Memory before it.
    pub sequence: SavedSequence,
}

/// The windows of a stream.
pub struct Windows {
    labeler: Arc<Labeler>,
    order: Order,
    cutter: Cutter,
    sequence: Sequence,
    /// Features of the events that wait, by block and head.
    waiting: BTreeMap<(u64, u32), (Vec<u16>, Touch, Id)>,
    next_block: u64,
    next_chunk: u64,
    /// Times of the events in windows that are not settled; the first has number `settled`.
    open: VecDeque<Micros>,
    settled: u64,
}

impl Windows {
    /// Windows for this model, going on from what was saved for the same one. `order` is made like that of `attribute`.
    pub fn new(labeler: Arc<Labeler>, order: Order, weights: Weights, saved: Option<SavedWindows>) -> Windows {
        let spec = labeler.spec();
        let saved = saved.filter(|saved| saved.version == spec.version).unwrap_or_default();
        let cutter = Cutter::new(spec.window, labeler.stride(), spec.width()).resume(saved.settled, saved.tail);
        let sequence = Sequence::resume(spec.features, weights, saved.sequence);
        Windows {
            order,
            cutter,
            sequence,
            waiting: BTreeMap::new(),
            next_block: 0,
            next_chunk: 0,
            open: VecDeque::new(),
            settled: saved.settled,
            labeler,
        }
    }

    /// Number of the first event that is not settled.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// The end of an epoch of which all blocks have arrived.
    fn epoch(&mut self, stream: &StreamName, tick: &Tick, out: &mut Vec<Out>) -> StreamCut {
        for partition in &tick.ended {
            self.order.end(*partition);
        }
        let watermark = if tick.flush { self.order.finish() } else { self.order.advance(tick.floor) };
        // `attribute` tells of the partitions that were let go
        _ = self.order.let_go();
        let mut ids = Vec::new();
        for released in self.order.release(if tick.flush { Micros::MAX } else { watermark }) {
            let Some((mut row, touch, id)) = self.waiting.remove(&(released.place.block, released.place.head)) else {
                continue;
            };
            self.sequence.fill(&mut row, released.at(), &touch);
            self.cutter.push(row);
            self.open.push_back(released.at());
            ids.push(id);
        }
        let mut windows = Vec::new();
        if tick.flush {
            self.cutter.finish(&mut windows)
        } else {
            self.cutter.cut(&mut windows)
        }
        let settled_to = if tick.flush { Micros::MAX } else { self.settled_to(watermark) };
        while self.open.front().is_some_and(|at| *at < settled_to) {
            self.open.pop_front();
            self.settled += 1;
        }
        let mut windows = windows.into_iter().peekable();
        while windows.peek().is_some() {
            let chunk = windows.by_ref().take(self.labeler.batch()).collect();
            let (stream, number) = (stream.clone(), self.next_chunk);
            out.push(Out::Chunk(Chunk { stream, number, windows: chunk }));
            self.next_chunk += 1;
        }
        if tick.commit.is_some() {
            let saved = SavedWindows {
                version: self.labeler.spec().version.clone(),
                settled: self.settled,
                tail: self.cutter.tail(self.settled),
                sequence: self.sequence.save(self.settled),
            };
            out.push(Out::Piece(Piece::encode(Section::Windows, 0, &saved).of(stream)));
        }
        self.cutter.forget(self.settled);
        self.sequence.forget(self.settled);
        StreamCut { settled_to, settled: self.settled, ids }
    }

    /// Events before this time are below the watermark and in no window to come.
    fn settled_to(&self, watermark: Micros) -> Micros {
        let first_open = self.cutter.complete().saturating_sub(self.settled);
        let at = usize::try_from(first_open).ok().and_then(|index| self.open.get(index));
        at.map_or(watermark, |at| watermark.min(*at))
    }

    fn arrive(&mut self, block: &DecodedBlock, mut share: Option<&mut Share>) {
        block.tell(&mut self.order);
        let number = self.next_block;
        self.next_block += 1;
        let features = share.as_mut().map(|share| std::mem::take(&mut share.features));
        let Features { heads, rows, touches } = features.unwrap_or_default();
        let mut features = heads.into_iter().zip(rows.into_iter().zip(touches)).peekable();
        for seen in block.seen(share.as_deref()) {
            let (index, head) = match seen {
                Seen::Own(index, head) => (index, head),
                Seen::Other(Pulse { offset, stage_at, .. }) => {
                    self.order.pass(block.partition, offset, stage_at);
                    continue;
                }
            };
            let place = Place { block: number, head: index };
            let settled = head.flags & SETTLED != 0;
            let arrival = self.order.arrive(block.partition, head, place, settled);
            let Some((_, (row, touch))) = features.next_if(|(head, _)| *head == index) else { continue };
            if arrival == Arrival::Queued && !settled && head.flags & BESIDE == 0 {
                self.waiting.insert((number, index), (row, touch, head.id));
            }
        }
    }
}

impl Ordered for Windows {
    fn order(&self) -> &Order {
        &self.order
    }
}

/// The operator. Blocks go to the owner of the streams, worker 0.
pub fn cut_windows<'s>(
    blocks: Flow<'s, DecodedBlock>,
    ticks: Flow<'s, Tick>,
    mut streams: Option<Streams<Windows>>,
) -> Flow<'s, Out> {
    by_epoch(blocks, ticks, Exchange::new(|_: &DecodedBlock| 0), "Windows", move |_, mut blocks, tick: Tick, out| {
        let Some(streams) = &mut streams else { return };
        streams.each().for_each(|(_, windows)| windows.order.clock(tick.now_ms));
        blocks.sort_unstable_by_key(|block| (block.partition, block.offset));
        for mut block in blocks {
            streams.meet(&block);
            let mut shares = std::mem::take(&mut block.shares);
            for (stream, windows) in streams.concerned(&block) {
                windows.arrive(&block, shares.iter_mut().find(|share| share.stream == *stream));
            }
            block.shares = shares;
            out.push(Out::Block(Box::new(block)));
        }
        let cuts = streams.each().map(|(stream, windows)| (stream.clone(), windows.epoch(stream, &tick, out)));
        let streams = cuts.collect();
        out.push(Out::Cut(Box::new(Cut { tick, streams })));
    })
}
