//! The context stage alone: facts in, attributions out; nothing is decoded and nothing is written. `cargo bench --bench contexts`.
//!
//! The sample log (a real control plane, full rules) is laid over itself until it has 1,000 events a second of event time: each copy
//! begins a little later and has keys, ids and clients of its own. Lateness is 10 s, so about 10,000 events are open.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/common/sample_facts.rs"]
mod sample_facts;

use causeway::audit::time::Micros;
use causeway::context::engine::{Engine, LOOK_AHEAD_US};
use causeway::context::live::{Input, Live};
use causeway::context::model::{FactBatch, Head};
use causeway::context::tables::Tables;
use causeway::flow::attribute::Attribute;
use causeway::flow::attributor::Attributor;
use causeway::flow::block::{DecodedBlock, Share};
use causeway::flow::epoch::{Epoch, Tick, split};
use causeway::flow::live::{LiveCauses, live_rows};
use causeway::flow::live_contexts::{LiveView, live_contexts, show};
use causeway::flow::order::Order;
use causeway::flow::owner::{Out, Owner, own_streams};
use causeway::flow::shelf::BatchId;
use causeway::flow::state::{Piece, State};
use causeway::flow::vote::Turn;
use causeway::source::PartitionId;
use sample_facts::Sample;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use timely::dataflow::InputHandle;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Input as _, Inspect, Probe};

/// The program's own allocator: memory is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LATENESS_US: i64 = 10_000_000;
const HORIZON_US: i64 = 3_600_000_000;
const RATE: i64 = 1_000;

fn main() {
    let events = setting("EVENTS", 500_000) as usize;
    let tables = Arc::new(Tables::built_in().unwrap());
    let sample = Sample::read(&tables, LATENESS_US);
    held(&sample, &tables);
    let log = log(&sample, events);
    let facts = log.facts.len() as f64 / log.heads.len() as f64;
    println!("{} events, {facts:.1} facts an event, {RATE} events a second of event time\n", log.heads.len());

    let sorted = by_event_order(&log, 0..log.heads.len());
    let best = (0..3).map(|_| sequential(&log, &sorted, &tables)).fold(0.0, f64::max);
    println!("| what | arrival | epoch | thousand events/s | rollback |\n|---|---|---|---|---|");
    println!("| sequential engine | event order | | {:.0} | |", best / 1e3);
    for (arrival, order) in arrivals(&log) {
        for epoch in [100, 1_000, 10_000] {
            let (rate, deep) =
                (0..3).map(|_| live(&log, &order, epoch, &tables)).fold((0.0, 0.0), |a, b| (b.0.max(a.0), b.1));
            println!("| live engine | {arrival} | {epoch} | {:.0} | {deep:.1} applied again an event |", rate / 1e3);
        }
    }
    println!("\n| operator | workers | epoch | thousand events/s | p50 ms | p99 ms |\n|---|---|---|---|---|---|");
    let order: Vec<usize> = (0..log.heads.len()).collect();
    for how in [How::Settled, How::Rows, How::Contexts] {
        for workers in [1, 2] {
            for epoch in [100, 1_000, 10_000] {
                let rate = dataflow(blocks(&log, &order, epoch), how, workers, &tables, true).rate;
                let paced = dataflow(blocks(&log, &order, epoch), how, workers, &tables, false);
                let (p50, p99) = (paced.latency(0.5), paced.latency(0.99));
                println!("| {how:?} | {workers} | {epoch} | {:.0} | {p50:.2} | {p99:.2} |", rate / 1e3);
            }
        }
    }
}

/// A number from the environment, for shorter runs.
fn setting(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How much later each copy of the sample begins.
fn step_us(sample: &Sample) -> i64 {
    sample.batch.heads.len() as i64 * 1_000_000 / RATE
}

/// At least `events` events in the order of their stage times, as an API server writes them.
fn log(sample: &Sample, events: usize) -> FactBatch {
    let mut log = FactBatch::default();
    (0..)
        .take_while(|copy| *copy as usize * sample.batch.heads.len() < events)
        .for_each(|copy| sample.copy(copy, step_us(sample) * copy as i64, true, &mut log));
    sort(&mut log);
    log
}

fn sort(log: &mut FactBatch) {
    log.heads.sort_by_key(|head| (head.stage_at, head.audit_id));
    log.heads.iter_mut().enumerate().for_each(|(index, head)| head.offset = index as u64);
}

fn by_event_order(log: &FactBatch, range: std::ops::Range<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = range.collect();
    order.sort_by_key(|&index| (log.heads[index].at, log.heads[index].audit_id, log.heads[index].stage));
    order
}

/// Orders of arrival within the lateness.
fn arrivals(log: &FactBatch) -> Vec<(&'static str, Vec<usize>)> {
    let noise = |index: usize| (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let delayed = |delay: &dyn Fn(usize) -> i64| {
        let mut order: Vec<usize> = (0..log.heads.len()).collect();
        order.sort_by_key(|&index| (log.heads[index].stage_at.0 + delay(index), index));
        order
    };
    vec![
        ("as written", delayed(&|_| 0)),
        ("up to 0.1 s late", delayed(&|index| noise(index) as i64 % 100_000)),
        ("up to 1 s late", delayed(&|index| noise(index) as i64 % 1_000_000)),
        ("half of it 5 s late", delayed(&|index| if noise(index) % 2 == 0 { 0 } else { 5_000_000 })),
    ]
}

fn rate(events: usize, since: Instant) -> f64 {
    events as f64 / since.elapsed().as_secs_f64()
}

/// Events/s of the plain engine.
fn sequential(log: &FactBatch, order: &[usize], tables: &Arc<Tables>) -> f64 {
    let mut engine = Engine::new(Arc::clone(tables));
    let began = Instant::now();
    for &index in order {
        let event = Input::of(log, index).unwrap();
        engine.retire(event.head.at.plus(-LATENESS_US));
        std::hint::black_box(engine.apply(event.head, event.facts, event.client));
    }
    rate(order.len(), began)
}

/// Events/s of the live engine, and how many applications an event cost beyond the first.
fn live(log: &FactBatch, order: &[usize], epoch: usize, tables: &Arc<Tables>) -> (f64, f64) {
    let mut live: Live<usize> = Live::new(Engine::new(Arc::clone(tables)));
    let (mut changes, mut newest) = (Vec::new(), Micros::MIN);
    let began = Instant::now();
    for arrived in order.chunks(epoch) {
        newest = arrived.iter().fold(newest, |newest, &index| newest.max(log.heads[index].stage_at));
        let watermark = newest.plus(-LATENESS_US - LOOK_AHEAD_US);
        live.epoch(arrived, watermark, |index| Input::of(log, index), &mut changes);
        live.retire(watermark);
        std::hint::black_box(&changes);
        changes.clear();
    }
    (rate(order.len(), began), live.applied() as f64 / order.len() as f64 - 1.0)
}

#[derive(Copy, Clone, Debug, PartialEq)]
enum How {
    /// At the watermark.
    Settled,
    /// Live rows as a collection.
    Rows,
    /// Live rows and live contexts.
    Contexts,
}

/// Epochs of blocks.
fn blocks(log: &FactBatch, order: &[usize], epoch: usize) -> Vec<DecodedBlock> {
    let block = |(number, part): (usize, &[usize])| {
        let mut facts = FactBatch::default();
        for &index in part {
            let event = Input::of(log, index).unwrap();
            let facts_from = facts.facts.len() as u32;
            facts.facts.extend_from_slice(event.facts);
            let client = event.client.map_or(u32::MAX, |request| {
                facts.clients.push(*request);
                facts.clients.len() as u32 - 1
            });
            facts.heads.push(Head { facts_from, client, ..*event.head });
        }
        DecodedBlock {
            partition: PartitionId(0),
            offset: (number * epoch) as u64,
            end: (number * epoch + part.len()) as u64,
            records: part.len() as u64,
            shares: vec![Share { batch: BatchId(number as u64), facts, ..Share::default() }],
            ..DecodedBlock::default()
        }
    };
    order.chunks(epoch).enumerate().map(block).collect()
}

struct Ran {
    rate: f64,
    latencies: Vec<Duration>,
}

impl Ran {
    fn latency(&self, part: f64) -> f64 {
        let mut all = self.latencies.clone();
        all.sort_unstable();
        all.get((all.len() as f64 * part) as usize).map_or(0.0, |one| one.as_secs_f64() * 1e3)
    }
}

/// The operator in a dataflow, a block an epoch: up to four epochs under way (`full`), or one after the other.
fn dataflow(blocks: Vec<DecodedBlock>, how: How, workers: usize, tables: &Arc<Tables>, full: bool) -> Ran {
    let events: usize = blocks.iter().map(|block| block.records as usize).sum();
    let (count, blocks) = (blocks.len() as Epoch, Mutex::new(Some(blocks)));
    let (tables, shown) = (Arc::clone(tables), Arc::new(LiveView::default()));
    let began = Instant::now();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let mut mine = if index == 0 { blocks.lock().unwrap().take().unwrap() } else { Vec::new() }.into_iter();
        let (mut input, mut ticks) = (InputHandle::new(), InputHandle::new());
        let engine = || Engine::new(Arc::clone(&tables));
        let causes = match how {
            How::Settled => Attributor::Causal(Box::new(engine())),
            _ => Attributor::Live(Box::new(LiveCauses::new(engine()))),
        };
        let order = Order::new(LATENESS_US, &BTreeMap::new(), Micros::MIN).holding(LOOK_AHEAD_US);
        let owner = (index == 0).then(|| Owner::alone(Attribute::new(order, Some(causes), None)));
        let probe = worker.dataflow::<Epoch, _, _>(|scope| {
            let out = own_streams(scope.input_from(&mut input), scope.input_from(&mut ticks), owner);
            let (changes, rest) = split(out, |out| if let Out::Live(rows) = out { Ok(rows) } else { Err(out) });
            let (marks, _) = split(rest, |out| if let Out::Mark(mark) = out { Ok(mark) } else { Err(()) });
            match how {
                How::Settled => marks.probe().0,
                How::Rows => live_rows(changes).inner.probe().0,
                How::Contexts => {
                    let mine = (&State::default(), index, peers);
                    let (contexts, _) = live_contexts(live_rows(changes), marks.broadcast(), HORIZON_US, mine).unwrap();
                    show(contexts, Arc::clone(&shown)).probe().0
                }
            }
        });
        let mut latencies = Vec::new();
        for epoch in 0..count {
            let sent = Instant::now();
            mine.next().into_iter().for_each(|block| input.send(block));
            ticks.send(Turn::without_model(Tick {
                floor: Micros::MAX,
                ended: Vec::new(),
                commit: None,
                last: false,
                flush: false,
                now_ms: 0,
                notes: Vec::new(),
            }));
            input.advance_to(epoch + 1);
            ticks.advance_to(epoch + 1);
            let done = if full { epoch.saturating_sub(3) } else { epoch + 1 };
            while probe.less_than(&done) {
                worker.step();
            }
            latencies.push(sent.elapsed());
        }
        drop((input, ticks));
        while !probe.done() {
            worker.step();
        }
        latencies
    });
    let mut latencies = guards.unwrap().join().into_iter().map(|ended| ended.unwrap());
    let latencies = latencies.next().unwrap();
    Ran { rate: rate(events, began), latencies }
}

/// Memory with more than 100,000 contexts open, engine and open events included.
fn held(sample: &Sample, tables: &Arc<Tables>) {
    let before = resident_bytes();
    let secs = setting("SECS", 3_600);
    let copies = (secs * 1_000_000 / step_us(sample)).max(1) as u64;
    let view = Arc::new(LiveView::default());
    let saved = Rc::new(Cell::new(0));
    let (mut input, mut ticks) = (InputHandle::new(), InputHandle::new());
    let mut worker = timely::worker::Worker::new(
        timely::WorkerConfig::default(),
        timely::communication::Allocator::Thread(timely::communication::allocator::Thread::default()),
        Some(Instant::now()),
    );
    let causes = Attributor::Live(Box::new(LiveCauses::new(Engine::new(Arc::clone(tables)))));
    let order = Order::new(LATENESS_US, &BTreeMap::new(), Micros::MIN).holding(LOOK_AHEAD_US);
    let owner = Owner::alone(Attribute::new(order, Some(causes), None));
    let probe = worker.dataflow::<Epoch, _, _>(|scope| {
        let out = own_streams(scope.input_from(&mut input), scope.input_from(&mut ticks), Some(owner));
        let (changes, rest) = split(out, |out| if let Out::Live(rows) = out { Ok(rows) } else { Err(out) });
        let (marks, pieces) = split(rest, |out| match out {
            Out::Mark(mark) => Ok(mark),
            Out::Piece(piece) => Err(Some(piece)),
            _ => Err(None),
        });
        let (one, two) = (Rc::clone(&saved), Rc::clone(&saved));
        pieces.inspect(move |piece| one.set(one.get() + piece.as_ref().map_or(0, saved_bytes)));
        let mine = (&State::default(), 0, 1);
        let (contexts, pieces) = live_contexts(live_rows(changes), marks, HORIZON_US, mine).unwrap();
        pieces.inspect(move |piece| two.set(two.get() + saved_bytes(piece)));
        show(contexts, Arc::clone(&view)).probe().0
    });
    // A round is one step of event time: a slice of each copy that is under way.
    let slices = sample.span_us / step_us(sample) + 1;
    let mut waiting = FactBatch::default();
    let began = Instant::now();
    let (mut events, mut bytes) = (0, 0);
    let rounds = copies + slices as u64;
    for copy in 0..=rounds {
        // The last round has no events, but a commit.
        if copy == rounds {
            bytes = resident_bytes().saturating_sub(before);
        }
        if copy < copies {
            sample.copy(copy, step_us(sample) * copy as i64, true, &mut waiting);
        }
        sort(&mut waiting);
        let until = sample.batch.heads[0].stage_at.plus(step_us(sample) * (copy as i64 + 1));
        let now = waiting.heads.partition_point(|head| head.stage_at < until);
        let mut parts = blocks(&waiting, &(0..now).collect::<Vec<usize>>(), now.max(1));
        let rest: Vec<usize> = (now..waiting.heads.len()).collect();
        waiting = blocks(&waiting, &rest, rest.len().max(1))
            .pop()
            .and_then(|mut block| block.shares.pop())
            .map(|share| share.facts)
            .unwrap_or_default();
        for block in &mut parts {
            block.shares.iter_mut().for_each(|share| share.batch = BatchId(copy));
            (block.offset, block.end) = (events as u64, (events + now) as u64);
        }
        events += now;
        parts.into_iter().for_each(|block| input.send(block));
        ticks.send(Turn::without_model(Tick {
            floor: Micros::MAX,
            ended: Vec::new(),
            commit: (copy == rounds).then_some(1),
            last: false,
            flush: false,
            now_ms: 0,
            notes: Vec::new(),
        }));
        input.advance_to(copy + 1);
        ticks.advance_to(copy + 1);
        while probe.less_than(&(copy + 1)) {
            worker.step();
        }
    }
    let (contexts, mib) = (view.count(), bytes as f64 / 1_048_576.0);
    println!(
        "{contexts} open contexts after {secs} s of event time ({events} events, {:.0} s): {mib:.0} MiB, {} bytes a context; checkpoint {:.0} MiB\n",
        began.elapsed().as_secs_f64(),
        bytes / contexts.max(1) as u64,
        saved.get() as f64 / 1_048_576.0
    );
}

fn saved_bytes(piece: &Piece) -> usize {
    if let Piece::State(saved) = piece { saved.bytes.len() } else { 0 }
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}
