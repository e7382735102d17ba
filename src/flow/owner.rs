//! Operator: the owner of the streams. Decoded blocks of all workers go through the order and the causal engine of their streams.
//!
//! ```text
//!                      ┌─ stream a: order ─▶ engine ─▶ sessions ─┐
//! decoded blocks ──────┼─ stream b: order ─▶ engine ─▶ sessions ─┼─▶ Notes{worker, batch} ─▶ annotate
//!          ticks ──▶   └─ …                                      ┘   Mark ─▶ everyone, Piece ─▶ commit
//! ```
//! The owner of all streams is worker 0: see [`super::attribute`] for what that costs. A block of a partition that streams share tells
//! each of them how far that partition is.

use super::attribute::{Attribute, Totals};
use super::block::DecodedBlock;
use super::epoch::{Flow, Mark, by_epoch};
use super::note::Notes;
use super::state::{Piece, Section, Snapshot};
use super::streams::{Ordered, Streams};
use super::vote::Turn;
use crate::audit::time::Micros;
use crate::context::live::LiveChange;
use crate::source::stream::StreamName;
use std::collections::BTreeMap;
use timely::dataflow::channels::pact::Exchange;

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// To the worker that has the rows.
    Notes(Notes),
    /// To everyone.
    Mark(Mark),
    /// To the commit.
    Piece(Piece),
    /// To the live view: what an epoch changed.
    Live(Vec<LiveChange>),
}

/// The streams, and what is counted of all of them.
pub struct Owner {
    streams: Streams<Attribute>,
    totals: Totals,
    notes: Vec<String>,
}

impl Owner {
    /// Goes on from `totals`.
    pub fn new(streams: Streams<Attribute>, totals: Totals) -> Owner {
        Owner { streams, totals, notes: Vec::new() }
    }

    /// Of one stream, which needs no name.
    pub fn alone(stream: Attribute) -> Owner {
        let fresh = stream.order().fork(|_| false, Micros::MIN);
        let each = BTreeMap::from([(StreamName::default(), stream)]);
        let streams = Streams::new(StreamName::default(), each, fresh, |order| Attribute::new(order, None, None));
        Owner::new(streams, Totals::default())
    }

    /// One epoch.
    fn epoch(&mut self, mut blocks: Vec<DecodedBlock>, mut turn: Turn, out: &mut Vec<Out>) {
        let tick = turn.tick;
        self.notes.extend(tick.notes.iter().cloned());
        self.streams.each().for_each(|(_, stream)| stream.clock(tick.now_ms));
        blocks.sort_unstable_by_key(|b| (b.partition, b.offset));
        for mut block in blocks {
            self.totals.seen += block.records;
            self.totals.empty_lines += block.empty_lines;
            self.streams.meet(&block);
            let mut shares = std::mem::take(&mut block.shares);
            for (name, stream) in self.streams.concerned(&block) {
                let own = shares.iter().position(|share| share.stream == *name);
                stream.arrive(&block, own.map(|own| shares.swap_remove(own)), &mut self.totals);
            }
        }
        let mut watermarks = BTreeMap::new();
        for (name, stream) in self.streams.each() {
            let ballots = turn.ballots.remove(name).unwrap_or_default();
            watermarks.insert(name.clone(), stream.epoch(&tick, ballots, out));
        }
        if tick.commit.is_some() {
            let mut snapshot = Snapshot {
                late: self.totals.late,
                empty_lines: self.totals.empty_lines,
                notes: std::mem::take(&mut self.notes),
                ..Snapshot::default()
            };
            let mut waiting = 0;
            for ((name, stream), watermark) in self.streams.each().zip(watermarks.values()) {
                waiting += stream.rows_waiting();
                snapshot.streams.push(stream.save(name, *watermark, out));
            }
            snapshot.read = self.totals.seen - waiting;
            out.push(Out::Piece(Piece::Snapshot(snapshot)));
            if tick.flush {
                out.push(Out::Piece(Piece::state(Section::Told, 0, Vec::new())));
            }
        }
        out.push(Out::Mark(Mark { watermarks, commit: tick.commit, flush: tick.flush }));
    }
}

/// The operator; only worker 0 has an owner.
pub fn own_streams<'s>(
    blocks: Flow<'s, DecodedBlock>,
    turns: Flow<'s, Turn>,
    mut owner: Option<Owner>,
) -> Flow<'s, Out> {
    by_epoch(blocks, turns, Exchange::new(|_: &DecodedBlock| 0), "Attribute", move |_, blocks, turn, out| {
        if let Some(owner) = &mut owner {
            owner.epoch(blocks, turn, out);
        }
    })
}
