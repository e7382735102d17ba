//! Operator: windows for the label model, over the events of a stream in their settled order.
//!
//! ```text
//! decoded blocks ─▶ order (the same as in `attribute`) ─▶ causal engine ─▶ columns that depend on order ─▶ cutter ─▶ chunks of windows ─▶ infer
//!        │                                                                                                     └─▶ Cut: up to where ─▶ vote
//!        └─▶ the blocks themselves, without their features ─▶ attribute
//! ```
//! How labels meet the commit: an event can be written when every window that holds it has its answer, up to a window's length of
//! events later. So the model moves the watermark: with a model, *settled* means below the watermark of the order **and** in no window
//! that is still to be cut. This operator computes how far that is, and `attribute` settles no further. Whatever is beyond
//! is above the resume points, is read again after a restart, and is put into the same order again; what the
//! windows that begin before it need (the rows of a window less one, and the memory of the sequence columns) is this operator's
//! state. Answers are in no state: those windows are answered again, by the same model with the same result.
//!
//! Order and causes are computed twice, here and in `attribute`: windows need what the engine says of events that cannot be written yet,
//! and what a commit saves of the engine must end where its rows end. Both are pure functions of what arrives, and cheap beside
//! decoding and the model. At a commit only the engine of `attribute` is saved; after a restart both go on from there, and this
//! one runs ahead again over the events that are read again.

use super::block::{BESIDE, DecodedBlock, Features, Pulse, SETTLED, Seen as InBlock, Share};
use super::coming::Coming;
use super::epoch::{Flow, Tick, by_epoch};
use super::open_blocks::OpenBlocks;
use super::order::{Arrival, Order, Place, Waiting};
use super::state::{Piece, Section};
use super::streams::{self, Streams};
use crate::audit::hash::Id;
use crate::audit::label::Label;
use crate::audit::time::Micros;
use crate::context::engine::Engine;
use crate::context::model::{FactBatch, Input, flags};
use crate::model::features::{Ordered, SavedSequence, Sequence, Trace};
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
    /// Ahead of the one whose state is saved.
    engine: Option<Engine>,
    sequence: Sequence,
    /// Blocks with events that wait for the watermark.
    blocks: OpenBlocks<Held>,
    /// Rows whose columns are not complete, in order.
    incomplete: VecDeque<Vec<u16>>,
    next_chunk: u64,
    /// Times of the events in windows that are not settled; the first has number `settled`.
    open: VecDeque<Micros>,
    settled: u64,
    /// Time of the last settled event.
    settled_at: Option<Micros>,
}

/// A block with events that wait.
struct Held {
    facts: FactBatch,
    /// What the model sees of its events, by head.
    seen: BTreeMap<u32, Seen>,
}

/// What the model sees of an event.
struct Seen {
    row: Vec<u16>,
    own: Label,
    routine: Label,
}

impl Windows {
    /// Windows for this model, going on from what was saved for the same one. `order` and `engine` are made like those of `attribute`; a
    /// model that does not see causes needs no engine.
    pub fn new(labeler: Arc<Labeler>, order: Order, engine: Option<Engine>, saved: Option<SavedWindows>) -> Windows {
        let spec = labeler.spec();
        let saved = saved.filter(|saved| saved.version == spec.version).unwrap_or_default();
        let cutter = Cutter::new(spec.window, labeler.stride(), spec.width()).resume(saved.settled, saved.tail);
        let settled_at = saved.sequence.last_at();
        let sequence = Sequence::resume(saved.sequence);
        Windows {
            order,
            cutter,
            engine,
            sequence,
            blocks: OpenBlocks::default(),
            incomplete: VecDeque::new(),
            next_chunk: 0,
            open: VecDeque::new(),
            settled: saved.settled,
            settled_at,
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
        let released = self.order.release(if tick.flush { Micros::MAX } else { watermark });
        for (number, event) in released.iter().enumerate() {
            self.release(event, released.get(number + 1..).unwrap_or_default(), &mut ids);
        }
        if let Some(engine) = &mut self.engine {
            engine.retire(watermark);
        }
        let mut windows = Vec::new();
        if tick.flush {
            for ordered in self.sequence.finish() {
                self.complete(ordered);
            }
            self.cutter.finish(&mut windows)
        } else {
            self.cutter.cut(&mut windows)
        }
        let settled_to = if tick.flush { Micros::MAX } else { self.settled_to(watermark) };
        while let Some(at) = self.open.pop_front_if(|at| *at < settled_to) {
            self.settled_at = Some(at);
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
                sequence: self.sequence.save(self.settled, self.settled_at),
            };
            out.push(Out::Piece(Piece::encode(Section::Windows, 0, &saved).of(stream)));
        }
        self.cutter.forget(self.settled);
        self.sequence.forget();
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
        let number = self.blocks.next_number();
        let features = share.as_mut().map(|share| std::mem::take(&mut share.features));
        let Features { heads, rows, labels } = features.unwrap_or_default();
        let seen = |(row, (own, routine))| Seen { row, own, routine };
        let seen = heads.into_iter().zip(rows.into_iter().zip(labels).map(seen)).collect();
        let mut open = 0;
        for event in block.seen(share.as_deref()) {
            let (index, head) = match event {
                InBlock::Own(index, head) => (index, head),
                InBlock::Other(Pulse { offset, stage_at, .. }) => {
                    self.order.pass(block.partition, offset, stage_at);
                    continue;
                }
            };
            let place = Place { block: number, head: index };
            let settled = head.flags & SETTLED != 0;
            let arrival = self.order.arrive(block.partition, head, place, settled);
            open += usize::from(arrival == Arrival::Queued && !settled);
        }
        if let Some(share) = share.filter(|_| open > 0) {
            self.blocks.put(Held { facts: share.facts.clone(), seen }, open);
        }
    }

    /// The next event in order, with those behind it.
    fn release(&mut self, event: &Waiting, behind: &[Waiting], ids: &mut Vec<Id>) {
        let place = event.place;
        let find = |block: u64| self.blocks.get(block).map(|held| &held.facts);
        let Some(input) = find(place.block).and_then(|facts| Input::of(facts, place.head as usize)) else { return };
        let (id, bits) = (input.head.id, input.head.flags);
        if bits & BESIDE == 0 {
            let coming = Coming { facts: &find, released: behind, waiting: self.order.coming() };
            let engine = self.engine.as_mut();
            let said = engine.map(|engine| engine.apply_before(input.head, input.facts, input.client, &coming));
            let held = self.blocks.get_mut(place.block);
            if let Some(Seen { row, own, routine }) = held.and_then(|held| held.seen.remove(&place.head)) {
                self.incomplete.push_back(row);
                self.open.push_back(event.at());
                ids.push(id);
                let trace = Trace { said, own, routine, write: bits & flags::WRITE != 0 };
                if let Some(ordered) = self.sequence.push(event.at(), &trace) {
                    self.complete(ordered);
                }
            }
        }
        self.blocks.settle_one(place.block);
    }

    /// The oldest row that is not complete.
    fn complete(&mut self, ordered: Ordered) {
        if let Some(mut row) = self.incomplete.pop_front() {
            self.labeler.encoder().complete(&mut row, &ordered);
            self.cutter.push(row);
        }
    }
}

impl streams::Ordered for Windows {
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
