//! The live engine as an operator of a real dataflow: rows and contexts against the sequential reference after each epoch, on
//! 1, 2 and 4 workers, with three partitions, and over a restart from a commit.

#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "common/synthetic.rs"]
mod synthetic;

use causeway::audit::hash::Id;
use causeway::audit::time::Micros;
use causeway::context::engine::{Engine, LOOK_AHEAD_US};
use causeway::context::live::{Input, LiveRow};
use causeway::context::model::{Attribution, FactBatch, Head, Role};
use causeway::context::tables::Tables;
use causeway::flow::attribute::{Attribute, ResumePoints};
use causeway::flow::attributor::Attributor;
use causeway::flow::block::{DecodedBlock, SETTLED, Share};
use causeway::flow::epoch::{Epoch, Tick, split};
use causeway::flow::live::{LiveCauses, live_rows};
use causeway::flow::live_contexts::{LiveContext, LiveView, live_contexts, show};
use causeway::flow::order::Order;
use causeway::flow::owner::{Out, Owner, own_streams};
use causeway::flow::shelf::BatchId;
use causeway::flow::state::{Piece, Section, Snapshot, Standing, State};
use causeway::flow::vote::Turn;
use causeway::source::PartitionId;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use synthetic::{LATENESS_US, Rest, events, step};
use timely::dataflow::InputHandle;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Input as _, Inspect, Probe};

const HORIZON_US: i64 = 3_600_000_000;
const PARTITIONS: usize = 3;

static TABLES: LazyLock<Arc<Tables>> = LazyLock::new(|| Arc::new(Tables::built_in().unwrap()));

type ContextChange = ((Id, LiveContext), Epoch, isize);

/// What came out of a run.
#[derive(Default)]
struct Seen {
    rows: Mutex<Vec<(LiveRow, Epoch, isize)>>,
    contexts: Mutex<Vec<ContextChange>>,
    pieces: Mutex<Vec<Piece>>,
    view: Arc<LiveView>,
}

impl Seen {
    fn rows_after(&self, epoch: Epoch) -> BTreeMap<LiveRow, isize> {
        let rows = self.rows.lock().unwrap();
        let mut sums = BTreeMap::new();
        rows.iter().filter(|(_, at, _)| *at <= epoch).for_each(|(row, _, diff)| *sums.entry(*row).or_default() += diff);
        sums.retain(|_, count| *count != 0);
        sums
    }

    fn contexts_after(&self, epoch: Epoch) -> BTreeMap<Id, LiveContext> {
        let contexts = self.contexts.lock().unwrap();
        let mut sums: BTreeMap<(Id, LiveContext), isize> = BTreeMap::new();
        let until = contexts.iter().filter(|(_, at, _)| *at <= epoch);
        until.for_each(|(context, _, diff)| *sums.entry(*context).or_default() += diff);
        sums.retain(|_, count| *count != 0);
        assert!(sums.values().all(|count| *count == 1), "a context stands once");
        let count = sums.len();
        let contexts: BTreeMap<Id, LiveContext> = sums.into_keys().collect();
        assert_eq!(contexts.len(), count, "a context stands in one way");
        contexts
    }
}

/// Where a run begins.
#[derive(Clone, Default)]
struct Start {
    state: State,
    resumed: ResumePoints,
    watermark: Option<Micros>,
}

/// Runs epochs of blocks; the epoch `commit` ends with a commit.
fn run(epochs: Vec<Vec<DecodedBlock>>, workers: usize, start: Start, commit: Option<usize>) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let (shared, epochs) = (Arc::clone(&seen), Arc::new(epochs));
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let (mut blocks, mut ticks) = (InputHandle::new(), InputHandle::new());
        let owner = (index == 0).then(|| {
            let engine = match start.state.pieces(Section::Engine, 0, 1).next() {
                Some(bytes) => Engine::load(bytes, Arc::clone(&TABLES)).unwrap(),
                None => Engine::new(Arc::clone(&TABLES)),
            };
            let order =
                Order::new(LATENESS_US, &start.resumed, start.watermark.unwrap_or(Micros::MIN)).holding(LOOK_AHEAD_US);
            let causes = Attributor::Live(Box::new(LiveCauses::new(engine)));
            Owner::alone(Attribute::new(order, Some(causes), None))
        });
        let seen = Arc::clone(&shared);
        let probe = worker.dataflow::<Epoch, _, _>(|scope| {
            let out = own_streams(scope.input_from(&mut blocks), scope.input_from(&mut ticks), owner);
            let (changes, rest) = split(out, |out| if let Out::Live(rows) = out { Ok(rows) } else { Err(out) });
            let (marks, pieces) = split(rest, |out| if let Out::Mark(mark) = out { Ok(mark) } else { Err(out) });
            let rows = live_rows(changes);
            let (one, two, three, four) = (Arc::clone(&seen), Arc::clone(&seen), Arc::clone(&seen), Arc::clone(&seen));
            pieces.inspect(move |out| {
                if let Out::Piece(piece) = out {
                    three.pieces.lock().unwrap().push(piece.clone());
                }
            });
            rows.clone().inner.inspect(move |row| one.rows.lock().unwrap().push(*row));
            let mine = (&start.state, index, peers);
            let (contexts, pieces) = live_contexts(rows, marks.broadcast(), HORIZON_US, mine).unwrap();
            pieces.inspect(move |piece| four.pieces.lock().unwrap().push(piece.clone()));
            let changes = contexts.clone().as_collection(|context, stand| (*context, *stand)).inner;
            changes.inspect(move |change| two.contexts.lock().unwrap().push(*change));
            show(contexts, Arc::clone(&seen.view)).probe().0
        });
        for (number, epoch) in epochs.iter().enumerate() {
            for block in epoch.iter().skip(index).step_by(peers) {
                blocks.send(block.clone());
            }
            let commit = (commit == Some(number)).then_some(1);
            ticks.send(Turn::without_model(Tick::committing(commit)));
            blocks.advance_to(number as Epoch + 1);
            ticks.advance_to(number as Epoch + 1);
            // Now and then two epochs are under way at once.
            while number % 3 != 0 && probe.less_than(&(number as Epoch)) {
                worker.step();
            }
        }
        drop((blocks, ticks));
        while !probe.done() {
            worker.step();
        }
    });
    guards.unwrap().join().into_iter().for_each(|ended| ended.unwrap());
    seen
}

/// Which partition an event comes from.
fn partition(index: usize) -> PartitionId {
    PartitionId((synthetic::mix(90, index as u64) % PARTITIONS as u64) as u32)
}

/// The events from `from` to `to` as one block a partition, those that `keep` changes or leaves.
fn blocks(
    batch: &FactBatch,
    range: std::ops::Range<usize>,
    keep: impl Fn(PartitionId, Head) -> Option<Head>,
) -> Vec<DecodedBlock> {
    let block = |number: usize| {
        let id = PartitionId(number as u32);
        let mut facts =
            FactBatch { facts: batch.facts.clone(), clients: batch.clients.clone(), ..FactBatch::default() };
        let mine = range.clone().filter(|&index| partition(index) == id);
        facts.heads.extend(mine.filter_map(|index| keep(id, batch.heads[index])));
        DecodedBlock {
            partition: id,
            offset: range.start as u64,
            end: range.end as u64,
            records: facts.heads.len() as u64,
            shares: vec![Share { batch: BatchId(range.start as u64), facts, ..Share::default() }],
            ..DecodedBlock::default()
        }
    };
    // A partition without an event in the range says nothing yet.
    (0..PARTITIONS).map(block).filter(|block| block.records > 0).collect()
}

fn reference(batch: &FactBatch, count: usize) -> BTreeMap<Id, (Micros, Attribution)> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&index| (batch.heads[index].at, batch.heads[index].audit_id));
    let mut engine = Engine::new(Arc::clone(&TABLES));
    let said = (0..count).map(|place| {
        let Input { head, facts, client } = Input::of(batch, order[place]).unwrap();
        let rest = Rest { batch, order: &order[place + 1..] };
        (head.id, (head.at, engine.apply_before(head, facts, client, &rest)))
    });
    said.collect()
}

/// The contexts of the reference; `rows` say which events are settled.
fn contexts_of(
    said: &BTreeMap<Id, (Micros, Attribution)>,
    rows: &BTreeMap<LiveRow, isize>,
) -> BTreeMap<Id, LiveContext> {
    let settled: BTreeMap<Id, bool> = rows.keys().map(|row| (row.id, row.settled)).collect();
    let mut contexts = BTreeMap::new();
    for (id, (at, attribution)) in said.iter().filter(|(_, (_, one))| one.role != Role::Background) {
        let context = contexts.entry(attribution.context).or_insert(LiveContext::EMPTY);
        *context = context.plus(LiveContext::of(*at, settled[id]), 1);
    }
    contexts
}

fn check(batch: &FactBatch, ends: &[usize], seen: &Seen, workers: usize) -> Result<(), TestCaseError> {
    for (row, epoch, diff) in seen.rows.lock().unwrap().iter() {
        prop_assert!(!row.settled || *diff > 0, "a settled row was retracted in epoch {}: {:?}", epoch, row);
    }
    for (epoch, &end) in ends.iter().enumerate() {
        let (said, rows) = (reference(batch, end), seen.rows_after(epoch as Epoch));
        let shown: BTreeMap<Id, (Micros, Attribution)> =
            rows.keys().map(|row| (row.id, (row.at, row.attribution))).collect();
        prop_assert_eq!(rows.len(), shown.len(), "an event has one row");
        prop_assert_eq!(&shown, &said, "{} workers, epoch {}", workers, epoch);
        prop_assert_eq!(seen.contexts_after(epoch as Epoch), contexts_of(&said, &rows));
    }
    prop_assert_eq!(seen.view.contexts(), seen.contexts_after(ends.len() as Epoch));
    Ok(())
}

fn ends(cuts: &[usize], count: usize) -> Vec<usize> {
    let ends = cuts.iter().cycle().scan(0, |end, cut| {
        *end += cut;
        Some(*end)
    });
    ends.take_while(|end| *end < count).chain([count]).collect()
}

fn epochs(batch: &FactBatch, ends: &[usize]) -> Vec<Vec<DecodedBlock>> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(from, &to)| blocks(batch, from..to, |_, head| Some(head))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_contexts_are_the_reference_after_each_epoch(
        steps in proptest::collection::vec(step(), 1..140),
        cuts in proptest::collection::vec(1usize..40, 1..8),
    ) {
        let batch = events(&steps);
        let ends = ends(&cuts, batch.heads.len());
        let mut settled = Vec::new();
        for workers in [1, 2, 4] {
            let seen = run(epochs(&batch, &ends), workers, Start::default(), None);
            check(&batch, &ends, &seen, workers)?;
            settled.push(seen.rows_after(Epoch::MAX));
        }
        prop_assert!(settled.iter().all(|rows| *rows == settled[0]), "the worker count shows");
    }

    #[test]
    fn a_restart_from_a_commit_changes_nothing(
        steps in proptest::collection::vec(step(), 1..140),
        cuts in proptest::collection::vec(1usize..40, 1..8),
        stop in 0usize..10,
        workers in 1usize..4,
    ) {
        let batch = events(&steps);
        let ends = ends(&cuts, batch.heads.len());
        let stop = stop.min(ends.len() - 1);
        let first = run(epochs(&batch, &ends[..=stop]), workers, Start::default(), Some(stop));
        let (start, standing) = committed(&first);

        let mut again = Vec::new();
        let keep = |id: PartitionId, head: Head| {
            let point = standing.partitions.get(&id);
            let settled = point.is_some_and(|p| head.offset < p.read_to) && head.at < standing.watermark;
            let flags = if settled { head.flags | SETTLED } else { head.flags };
            point.is_none_or(|p| head.offset >= p.resume).then_some(Head { flags, ..head })
        };
        let starts = [0].into_iter().chain(ends[stop..].iter().copied());
        for (from, &to) in starts.zip(&ends[stop..]) {
            again.push(blocks(&batch, from..to, keep));
        }
        let second = run(again, 4 - workers, start, None);

        let mut rows = first.rows_after(Epoch::MAX);
        rows.retain(|row, _| row.settled);
        let more = second.rows_after(Epoch::MAX);
        prop_assert!(more.keys().all(|row| !rows.contains_key(row)), "a settled row came twice");
        rows.extend(more);
        let said = reference(&batch, batch.heads.len());
        let shown: BTreeMap<Id, (Micros, Attribution)> =
            rows.keys().map(|row| (row.id, (row.at, row.attribution))).collect();
        prop_assert_eq!(&shown, &said);
        prop_assert_eq!(second.view.contexts(), contexts_of(&said, &rows));
    }
}

/// What the commit of a run saved.
fn committed(seen: &Seen) -> (Start, Standing) {
    let (mut start, mut snapshot) = (Start::default(), None);
    for piece in seen.pieces.lock().unwrap().iter().cloned() {
        match piece {
            Piece::State(saved) => start.state.0.push(saved),
            Piece::Snapshot(found) => snapshot = Some(found),
            _ => {}
        }
    }
    let snapshot: Snapshot = snapshot.unwrap();
    let standing = snapshot.streams.into_iter().next().unwrap();
    start.resumed = standing.partitions.clone();
    start.watermark = Some(standing.watermark);
    (start, standing)
}

#[test]
fn a_context_leaves_the_view_a_horizon_after_its_last_event() {
    let early = synthetic::endless(0, 3, 1_000_000);
    let late = synthetic::endless(20_000, 3, 1_000_000); // five hours later
    let batch = synthetic::joined(&early, 0, &late);
    let seen = run(epochs(&batch, &[3, 6]), 2, Start::default(), None);
    let contexts = |epoch| seen.contexts_after(epoch).into_keys().collect::<Vec<Id>>();
    let sorted = |batch: &FactBatch| {
        let mut ids: Vec<Id> = batch.heads.iter().map(|head| head.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(contexts(0), sorted(&early));
    assert_eq!(contexts(1), sorted(&late));
    assert_eq!(seen.view.count(), 3);
}
