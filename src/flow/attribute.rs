//! Events of a stream into event order, then through the causal engine and the sessions. One note a row goes out.
//!
//! The stream's owner is one worker, and the fold is sequential: a person's request finds its command, and a component's
//! event that turns out to be periodic produces no evidence, so each step needs the outcome of the one before. Measured
//! against joins by key this costs nothing: the sequential fold does several million facts a second on one core, while
//! decoding, the larger part of the work, runs on all workers.
//!
//! ```text
//! decoded blocks ──▶ order (lateness, watermark) ──▶ engine ──▶ session ──▶ Notes{worker, batch} ──▶ annotate
//!          ticks ──▶                             └──▶ Mark ──▶ everyone      └──▶ Piece ──▶ commit
//! ```
//! With live contexts ([`Attributor::Live`]) events go through the engine as they arrive and what is said of them comes out as
//! differences; notes are still made at the watermark only, from the same attributions.

use super::actors::Sessions;
use super::attributor::Attributor;
use super::block::{BESIDE, DecodedBlock, Pulse, SETTLED, Seen, Share};
use super::coming::Coming;
use super::epoch::{IdMap, Tick};
use super::note::{Alone, Brief, Note, Notes, unattributed};
use super::open_blocks::OpenBlocks;
use super::order::{Arrival, Order, Place, ResumePoint, Waiting};
use super::owner::Out;
use super::shelf::BatchId;
use super::state::{Piece, Section, Standing};
use super::streams::Ordered;
use super::vote::Ballots;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::engine::{Glance, SomeOf};
use crate::context::model::{Attribution, AuditId, Fact, FactBatch, Head, Input, Role, flags};
use crate::model::vote::Vote;
use crate::source::PartitionId;
use crate::source::stream::StreamName;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the owner keeps of one stream.
pub struct Attribute {
    order: Order,
    attributor: Option<Attributor>,
    sessions: Option<Sessions>,
    blocks: OpenBlocks<Held>,
    odd_ids: IdMap<AuditId, (Micros, String)>,
    rows_waiting: u64,
    let_go: Vec<PartitionId>,
    released: Arc<AtomicU64>,
    /// Votes on the events that settle in this epoch.
    votes: IdMap<Id, Vote>,
    /// What was said in this epoch.
    notes: NotesByBatch,
    /// What was released in the epoch before: its memory is used again.
    released_before: Vec<Waiting>,
}

/// Counts since the tables were begun.
#[derive(Copy, Clone, Debug, Default)]
pub struct Totals {
    /// Records seen, those that wait included.
    pub seen: u64,
    /// Late events.
    pub late: u64,
    /// Empty lines.
    pub empty_lines: u64,
}

/// A share of a block, with events that wait.
struct Held {
    worker: u32,
    share: Share,
}

impl Held {
    fn place(&self) -> (u32, BatchId) {
        (self.worker, self.share.batch)
    }
}

/// How long an odd audit id is remembered after its event: as long as anything can be caused by it.
const ODD_ID_HORIZON_US: i64 = 3_600_000_000;

impl Attribute {
    /// With contexts, sessions, or neither (then rows go straight to the tables and only progress is kept here).
    pub fn new(order: Order, attributor: Option<Attributor>, sessions: Option<Sessions>) -> Attribute {
        Attribute {
            order,
            attributor,
            sessions,
            blocks: OpenBlocks::default(),
            odd_ids: IdMap::default(),
            rows_waiting: 0,
            let_go: Vec::new(),
            released: Arc::default(),
            votes: IdMap::default(),
            notes: NotesByBatch::default(),
            released_before: Vec::new(),
        }
    }

    /// Counts settled events there as well.
    pub fn counting(self, released: Arc<AtomicU64>) -> Attribute {
        Attribute { released, ..self }
    }

    /// Takes what a block holds of the stream, and what it tells of its partition. The clock was told before.
    pub fn arrive(&mut self, block: &DecodedBlock, mut share: Option<Share>, totals: &mut Totals) {
        block.tell(&mut self.order);
        self.order.ahead(block.partition, block.ahead.clone());
        if let Some(Share { facts, .. }) = &mut share {
            let at = facts.heads.first().map_or(Micros::MIN, |head| head.at);
            self.odd_ids.extend(facts.odd_ids.drain(..).map(|(id, text)| (id, (at, text))));
        }
        let number = self.blocks.next_number();
        let mut open = 0;
        for seen in block.seen(share.as_ref()) {
            let (index, head) = match seen {
                Seen::Own(index, head) => (index, head),
                Seen::Other(Pulse { offset, stage_at, .. }) => {
                    self.order.pass(block.partition, offset, stage_at);
                    continue;
                }
            };
            let place = Place { block: number, head: index };
            let settled = head.flags & SETTLED != 0;
            let facts = share.as_ref().map_or(&[][..], |share| share.facts.facts_of(head));
            match self.order.arrive_seen(block.partition, (head, glance(head, facts)), place, settled) {
                Arrival::Queued if settled => {}
                Arrival::Queued => {
                    open += 1;
                    self.rows_waiting += u64::from(has_row(head));
                    if let Some(Attributor::Live(live)) = &mut self.attributor
                        && head.flags & BESIDE == 0
                    {
                        live.arrive(block.partition, place);
                    }
                }
                // It had its row before the restart, and was counted then.
                Arrival::Late if head.offset < self.order.counted(block.partition) => {
                    totals.seen -= u64::from(has_row(head));
                }
                Arrival::Late => {
                    totals.late += 1;
                    if let Some(share) = &share {
                        let note = attribute(&mut self.attributor, &mut self.sessions, head, &share.facts, None);
                        self.notes.put((block.worker, share.batch), note);
                    }
                }
            }
        }
        if let Some(share) = share {
            self.blocks.put(Held { worker: block.worker, share }, open);
        }
    }

    /// The end of an epoch of which all blocks have arrived. Returns the watermark.
    pub fn epoch(&mut self, tick: &Tick, ballots: Ballots, out: &mut Vec<Out>) -> Micros {
        self.votes = ballots.votes.into_iter().collect();
        for partition in &tick.ended {
            self.order.end(*partition);
        }
        let watermark = if tick.flush { self.order.finish() } else { self.order.advance(tick.floor) };
        self.let_go.extend(self.order.let_go());
        // what has not got all its votes is not settled
        let watermark = watermark.min(ballots.settled_to);
        let limit = if tick.flush { Micros::MAX } else { watermark };
        if let Some(Attributor::Live(live)) = &mut self.attributor {
            let blocks = &self.blocks;
            let find = |place: Place| Input::of(&blocks.get(place.block)?.share.facts, place.head as usize);
            let changes = live.epoch(limit, find);
            if !changes.is_empty() {
                out.push(Out::Live(changes));
            }
        }
        self.settle(limit);
        if let Some(attributor) = &mut self.attributor {
            attributor.retire(watermark);
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.retire(watermark, tick.flush);
        }
        self.odd_ids.retain(|_, (at, _)| watermark.since(*at) < ODD_ID_HORIZON_US);
        for ((worker, batch), Said { notes, alone }) in self.notes.take() {
            let odd_ids = self.odd_ids_of(&notes);
            out.push(Out::Notes(Notes { worker, batch, notes, alone, odd_ids }));
        }
        watermark
    }

    fn settle(&mut self, limit: Micros) {
        let mut received: Option<Received> = None;
        let mut released = std::mem::take(&mut self.released_before);
        self.order.release_into(limit, &mut released);
        self.released.fetch_add(released.len() as u64, Ordering::Relaxed);
        for (number, waiting) in released.iter().enumerate() {
            let Some(held) = self.blocks.get(waiting.place.block) else { continue };
            let Some(head) = held.share.facts.heads.get(waiting.place.head as usize) else { continue };
            self.rows_waiting -= u64::from(has_row(head));
            if head.flags & BESIDE != 0 {
                let place = held.place();
                let session = self.sessions.as_mut().map(|s| s.of(head));
                let note = note(head, unattributed(), session, false);
                if let Some(earlier) = received.replace(Received { place, audit_id: head.audit_id, note }) {
                    self.notes.put(earlier.place, earlier.note);
                }
            } else {
                let behind = released.get(number + 1..).unwrap_or_default();
                let find = |block: u64| self.blocks.get(block).map(|held| &held.share.facts);
                let coming = Coming { facts: &find, released: behind, waiting: self.order.coming() };
                let facts = &held.share.facts;
                let mut own = attribute(&mut self.attributor, &mut self.sessions, head, facts, Some(&coming));
                own.vote = self.votes.get(&head.id).copied();
                if let Some(mut earlier) = received.take() {
                    if earlier.audit_id == head.audit_id && earlier.note.brief.at == head.at {
                        earlier.note.attribution = beside(own.attribution);
                    }
                    self.notes.put(earlier.place, earlier.note);
                }
                self.notes.put(held.place(), own);
            }
            self.blocks.settle_one(waiting.place.block);
        }
        if let Some(earlier) = received {
            self.notes.put(earlier.place, earlier.note);
        }
        self.released_before = released;
    }

    fn odd_ids_of(&self, notes: &[Note]) -> Vec<(AuditId, String)> {
        if self.odd_ids.is_empty() {
            return Vec::new();
        }
        let mut ids: Vec<AuditId> = notes.iter().filter_map(|n| n.attribution.cause.map(|c| c.audit_id)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| self.odd_ids.get(&id).map(|(_, text)| (id, text.clone()))).collect()
    }

    /// State at a commit, and where the stream stands.
    pub fn save(&mut self, stream: &StreamName, watermark: Micros, out: &mut Vec<Out>) -> Standing {
        let mut odd_ids: Vec<(AuditId, Micros, String)> =
            self.odd_ids.iter().map(|(id, (at, text))| (*id, *at, text.clone())).collect();
        odd_ids.sort_unstable();
        let attributor = self.attributor.as_mut().map(Attributor::save).unwrap_or_default();
        let sessions = self.sessions.as_ref().map(|open| Piece::encode(Section::OpenSessions, 0, &open.save()));
        let odd_ids = (!odd_ids.is_empty()).then(|| Piece::encode(Section::OddIds, 0, &odd_ids));
        let pieces = attributor.into_iter().chain(sessions).chain(odd_ids);
        out.extend(pieces.map(|piece| Out::Piece(piece.of(stream))));
        let (partitions, let_go) = (self.order.resume_points(), std::mem::take(&mut self.let_go));
        Standing { stream: stream.clone(), watermark, partitions, let_go }
    }

    /// Rows that wait for the watermark.
    pub fn rows_waiting(&self) -> u64 {
        self.rows_waiting
    }

    /// The clock of the feed, in milliseconds since the run began.
    pub fn clock(&mut self, now_ms: u64) {
        self.order.clock(now_ms);
    }

    /// Takes back what `Attribute::save` wrote of odd audit ids.
    pub fn restore_odd_ids(&mut self, saved: Vec<(AuditId, Micros, String)>) {
        self.odd_ids.extend(saved.into_iter().map(|(id, at, text)| (id, (at, text))));
    }
}

impl Ordered for Attribute {
    fn order(&self) -> &Order {
        &self.order
    }
}

/// An event with [`BESIDE`] that waits for the event of the same request behind it.
struct Received {
    place: (u32, BatchId),
    audit_id: AuditId,
    note: Note,
}

/// What a further stage of a request is told, given what the request itself is.
fn beside(own: Attribution) -> Attribution {
    let role = if own.role == Role::Root { Role::Request } else { own.role };
    Attribution { role, cause: None, parent_context: None, ..own }
}

/// What is told of an event to those before it. One that only stands beside another writes nothing.
fn glance(head: &Head, facts: &[Fact]) -> Glance {
    let counts = head.flags & BESIDE == 0;
    Glance { writes: SomeOf::written(if counts { facts } else { &[] }), ..Glance::of(head) }
}

fn has_row(head: &Head) -> bool {
    head.row != u32::MAX
}

/// Runs one event through the method of finding contexts and the sessions; `coming` is absent for a late one.
fn attribute(
    attributor: &mut Option<Attributor>,
    sessions: &mut Option<Sessions>,
    head: &Head,
    batch: &FactBatch,
    coming: Option<&Coming<'_>>,
) -> Note {
    let event = Input { head, facts: batch.facts_of(head), client: batch.client_of(head) };
    let late = coming.is_none();
    let attribution = match attributor {
        Some(_) if head.flags & BESIDE != 0 => unattributed(),
        Some(attributor) => match coming {
            Some(coming) => attributor.apply(event, coming),
            None => attributor.apply_late(event),
        },
        None => unattributed(),
    };
    let session = sessions.as_mut().and_then(|s| if late { s.of_late(head) } else { Some(s.of(head)) });
    note(head, attribution, session, late)
}

fn note(head: &Head, attribution: Attribution, session: Option<Id>, late: bool) -> Note {
    let write = head.flags & flags::WRITE != 0;
    let brief = Brief { row: head.row, late, write, at: head.at, session };
    Note { brief, attribution, vote: None, id: head.id }
}

/// Notes of one epoch, by worker and batch.
#[derive(Default)]
struct NotesByBatch {
    others: BTreeMap<(u32, BatchId), Said>,
    /// The batch that was noted last: events that follow each other mostly lie in one.
    place: Option<(u32, BatchId)>,
    said: Said,
    /// Most notes that a batch had in the epoch before: there is room for as many.
    most: (usize, usize),
}

/// Notes of one batch.
#[derive(Default)]
struct Said {
    notes: Vec<Note>,
    alone: Vec<Alone>,
}

impl NotesByBatch {
    fn put(&mut self, place: (u32, BatchId), note: Note) {
        if note.brief.row == u32::MAX {
            return;
        }
        if self.place != Some(place) {
            let next = self.others.remove(&place).unwrap_or_else(|| self.with_room());
            let last = std::mem::replace(&mut self.said, next);
            self.lay_down(last);
            self.place = Some(place);
        }
        match note.alone() {
            Some(alone) => self.said.alone.push(alone),
            None => self.said.notes.push(note),
        }
    }

    fn with_room(&self) -> Said {
        let (notes, alone) = self.most;
        Said {
            notes: Vec::with_capacity(notes.max(self.said.notes.len())),
            alone: Vec::with_capacity(alone.max(self.said.alone.len())),
        }
    }

    fn lay_down(&mut self, said: Said) {
        if let Some(place) = self.place {
            self.others.insert(place, said);
        }
    }

    /// All of them; none is left.
    fn take(&mut self) -> BTreeMap<(u32, BatchId), Said> {
        let last = std::mem::take(&mut self.said);
        self.lay_down(last);
        self.place = None;
        let most = |count: fn(&Said) -> usize| self.others.values().map(count).max().unwrap_or(0);
        self.most = (most(|said| said.notes.len()), most(|said| said.alone.len()));
        std::mem::take(&mut self.others)
    }
}

/// Resume points as the decoding workers need them.
pub type ResumePoints = BTreeMap<PartitionId, ResumePoint>;
