//! The live engine against the plain sequential one: on every prefix, for random cuts and arrival orders within the lateness,
//! through saving and loading, and with state that does not grow.

#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "common/sample_facts.rs"]
mod sample_facts;
#[path = "common/synthetic.rs"]
mod synthetic;

use causeway::audit::hash::Id;
use causeway::audit::time::Micros;
use causeway::context::engine::{Engine, LOOK_AHEAD_US};
use causeway::context::live::{Input, Live, LiveChange, LiveRow};
use causeway::context::model::{Attribution, FactBatch};
use causeway::context::tables::Tables;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use synthetic::{LATENESS_US, Rest, Step, events, step};

static TABLES: LazyLock<Arc<Tables>> = LazyLock::new(|| Arc::new(Tables::built_in().unwrap()));

fn engine() -> Engine {
    Engine::new(Arc::clone(&TABLES))
}

fn in_order(batch: &FactBatch, mut indexes: Vec<usize>) -> Vec<usize> {
    indexes.sort_by_key(|&index| {
        let head = &batch.heads[index];
        (head.at, head.audit_id, head.stage)
    });
    indexes
}

/// What the sequential engine says of the first `count` events to arrive. It forgets nothing.
fn reference(batch: &FactBatch, count: usize) -> BTreeMap<Id, Attribution> {
    refer(batch, count, &mut engine())
}

fn refer(batch: &FactBatch, count: usize, engine: &mut Engine) -> BTreeMap<Id, Attribution> {
    let order = in_order(batch, (0..count).collect());
    let said = (0..count).map(|place| {
        let Input { head, facts, client } = Input::of(batch, order[place]).unwrap();
        (head.id, engine.apply_before(head, facts, client, &Rest { batch, order: &order[place + 1..] }))
    });
    said.collect()
}

/// The rows of the live engine, as its changes make them.
#[derive(Default)]
struct Shown {
    rows: BTreeMap<LiveRow, isize>,
}

impl Shown {
    fn take(&mut self, changes: Vec<LiveChange>) {
        for (row, diff) in changes {
            assert!(!(row.settled && diff < 0), "a settled row was retracted: {row:?}");
            let count = self.rows.entry(row).or_default();
            *count += diff;
            if *count == 0 {
                self.rows.remove(&row);
            }
        }
    }

    fn by_event(&self) -> BTreeMap<Id, Attribution> {
        assert!(self.rows.values().all(|count| *count == 1), "an event has one row");
        self.rows.keys().map(|row| (row.id, row.attribution)).collect()
    }

    fn settled(&self) -> usize {
        self.rows.keys().filter(|row| row.settled).count()
    }
}

/// A live engine fed from a batch in its order.
struct Feed<'a> {
    batch: &'a FactBatch,
    live: Live<usize>,
    next: usize,
    newest: Micros,
    forgets: bool,
}

impl<'a> Feed<'a> {
    fn new(batch: &'a FactBatch) -> Feed<'a> {
        Feed { batch, live: Live::new(engine()), next: 0, newest: Micros::MIN, forgets: true }
    }

    fn watermark(&self) -> Micros {
        if self.newest == Micros::MIN { Micros::MIN } else { self.newest.plus(-LATENESS_US - LOOK_AHEAD_US) }
    }

    /// One epoch, of the events up to `to`.
    fn epoch(&mut self, to: usize) -> Vec<LiveChange> {
        let arrived: Vec<usize> = (self.next..to).collect();
        self.next = to;
        let stage_at = arrived.iter().map(|&index| self.batch.heads[index].stage_at);
        self.newest = stage_at.fold(self.newest, Micros::max);
        self.step(&arrived, self.watermark())
    }

    fn step(&mut self, arrived: &[usize], limit: Micros) -> Vec<LiveChange> {
        let mut changes = Vec::new();
        self.live.epoch(arrived, limit, |index| Input::of(self.batch, index), &mut changes);
        if self.forgets {
            self.live.retire(limit.min(self.watermark()));
        }
        changes
    }
}

/// Ends of epochs: one every so many events, drawn at random.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![3 => proptest::collection::vec(1usize..40, 1..12), 1 => Just(vec![1])]
}

fn ends(cuts: &[usize], count: usize) -> Vec<usize> {
    let ends = cuts.iter().cycle().scan(0, |end, cut| {
        *end += cut;
        Some(*end)
    });
    ends.take_while(|end| *end < count).chain([count]).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let paused = prop_oneof![30 => step(), 1 => step().prop_map(Step::after_a_long_pause)];
    proptest::collection::vec(paused, 1..160)
}

/// Events of a busy stream, so that most have many open ones behind them when they come late.
fn busy() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step().prop_map(Step::sooner), 1..240)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_state_are_the_reference_in_a_busy_stream(steps in busy(), cuts in cuts()) {
        let batch = events(&steps);
        let mut feed = Feed { forgets: false, ..Feed::new(&batch) };
        let mut shown = Shown::default();
        for end in ends(&cuts, batch.heads.len()) {
            shown.take(feed.epoch(end));
            prop_assert_eq!(shown.by_event(), reference(&batch, end), "after {} events", end);
        }
        shown.take(feed.step(&[], Micros::MAX));
        let mut engine = engine();
        prop_assert_eq!(shown.by_event(), refer(&batch, batch.heads.len(), &mut engine));
        prop_assert!(feed.live.save() == engine.save(), "what is known of clocks, commands and keys");
    }

    #[test]
    fn live_rows_are_the_reference_on_every_prefix(steps in steps(), cuts in cuts()) {
        let batch = events(&steps);
        let mut feed = Feed::new(&batch);
        let mut shown = Shown::default();
        for end in ends(&cuts, batch.heads.len()) {
            shown.take(feed.epoch(end));
            prop_assert_eq!(shown.by_event(), reference(&batch, end), "after {} events", end);
            let open = batch.heads[..end].iter().filter(|head| head.at >= feed.watermark()).count();
            prop_assert_eq!(shown.rows.len() - shown.settled(), open);
        }
        shown.take(feed.step(&[], Micros::MAX));
        prop_assert_eq!(shown.settled(), batch.heads.len());
        prop_assert_eq!(shown.by_event(), reference(&batch, batch.heads.len()));
    }

    #[test]
    fn saving_loading_and_late_events_change_nothing(steps in steps(), cuts in cuts(), stop in 0usize..12) {
        let batch = events(&steps);
        let ends = ends(&cuts, batch.heads.len());
        let mut feed = Feed::new(&batch);
        let mut shown = Shown::default();
        for (number, &end) in ends.iter().enumerate() {
            shown.take(feed.epoch(end));
            if number == stop {
                // Open events are not saved: they are read again.
                let saved = feed.live.save();
                feed.live = Live::new(Engine::load(&saved, Arc::clone(&TABLES)).unwrap());
                shown.rows.retain(|row, _| row.settled);
                let open: Vec<usize> = (0..end).filter(|&i| batch.heads[i].at >= feed.watermark()).collect();
                shown.take(feed.step(&open, feed.watermark()));
                prop_assert_eq!(shown.by_event(), reference(&batch, end));
            }
            feed.live.apply_late(Input::of(&batch, end / 2).unwrap());
        }
        prop_assert_eq!(shown.by_event(), reference(&batch, batch.heads.len()));
    }

    #[test]
    fn forgetting_at_any_watermark_changes_nothing(steps in steps(), cuts in cuts()) {
        let batch = events(&steps);
        let mut engine = engine();
        let mut said = BTreeMap::new();
        let ends = ends(&cuts, batch.heads.len());
        let order = in_order(&batch, (0..batch.heads.len()).collect());
        for (number, &index) in order.iter().enumerate() {
            let event = Input::of(&batch, index).unwrap();
            let rest = Rest { batch: &batch, order: &order[number + 1..] };
            if ends.contains(&number) {
                engine.retire(event.head.at);
                engine = Engine::load(&engine.save(), Arc::clone(&TABLES)).unwrap();
            }
            said.insert(event.head.id, engine.apply_before(event.head, event.facts, event.client, &rest));
        }
        prop_assert_eq!(said, reference(&batch, batch.heads.len()));
    }
}

/// A stream without end: every event writes an object of its own and follows the one before; 4 events a second.
fn endless(from: usize, count: usize) -> FactBatch {
    use causeway::context::kind::{Aspect, Kind};
    use causeway::context::model::Fact;
    let mut batch = synthetic::endless(from, count, 250_000);
    for (place, head) in batch.heads.iter_mut().enumerate() {
        let n = (from + place) as u64;
        head.facts_from = batch.facts.len() as u32;
        head.facts_len = 4;
        batch.facts.push(Fact {
            key: synthetic::mix(70, n.saturating_sub(1)),
            code: Kind::ObjectWritten.code(),
            produce: false,
            own: false,
        });
        // A key that is written again and again, by all.
        let shared = synthetic::mix(72, n % 5);
        batch.facts.push(Fact { key: shared, code: Aspect::Status.code(), produce: true, own: false });
        for aspect in [Aspect::Spec, Aspect::Sync] {
            let key = synthetic::mix(70 + u64::from(aspect == Aspect::Sync), n);
            batch.facts.push(Fact { key, code: aspect.code(), produce: true, own: false });
        }
    }
    batch
}

#[test]
fn state_stays_flat_on_an_endless_stream() {
    let mut live: Live<usize> = Live::new(engine());
    let mut sizes = Vec::new();
    let mut held = endless(0, 0);
    let mut kept_from = 0;
    let mut changes = Vec::new();
    for epoch in 0..240 {
        // Each epoch has 500 events, of which the earlier half comes last.
        let more = endless(epoch * 500, 500);
        let drop = held.heads.len().saturating_sub(100);
        kept_from += drop;
        held = synthetic::joined(&held, drop, &more);
        let arrived: Vec<usize> = (0..500).map(|place| epoch * 500 + (place + 250) % 500).collect();
        let watermark = more.heads[499].at.plus(-LATENESS_US - LOOK_AHEAD_US);
        live.epoch(&arrived, watermark, |index| Input::of(&held, index.checked_sub(kept_from)?), &mut changes);
        live.retire(watermark);
        changes.clear();
        sizes.push(live.size());
    }
    let most = |range: std::ops::Range<usize>| {
        let part = &sizes[range];
        (
            part.iter().map(|size| size.open).max().unwrap(),
            part.iter().map(|size| size.changes).max().unwrap(),
            part.iter().map(|size| size.keys).max().unwrap(),
            part.iter().map(|size| size.producers).max().unwrap(),
        )
    };
    let (early, later) = (most(60..150), most(150..240));
    assert!(later.0 <= early.0 && later.1 <= early.1, "open events: {early:?} then {later:?}");
    assert!(later.2 <= early.2 + early.2 / 20 && later.3 <= early.3 + early.3 / 20, "engine: {early:?} then {later:?}");
    assert!(later.2 < 60_000, "{later:?} keys after 240,000 were written");
}

/// Two days of a real control plane: every twenty minutes the sample log again, by turns with the objects and clients that it had
/// before and with new ones. Long-running requests are known for a day, everything else for an hour: what is kept after the
/// first day is what is kept after the second.
#[test]
fn state_stays_flat_for_days() {
    const STEP_US: i64 = 1_200_000_000;
    const COPIES: u64 = 2 * 24 * 3;
    let sample = sample_facts::Sample::read(&TABLES, LATENESS_US);
    assert!(sample.span_us < STEP_US);
    let mut engine = engine();
    // Keys, producing events, and bytes of a checkpoint, after each copy.
    let mut sizes = Vec::new();
    for copy in 0..COPIES {
        let mut events = FactBatch::default();
        sample.copy(copy, copy as i64 * STEP_US, copy % 2 == 0, &mut events);
        for index in in_order(&events, (0..events.heads.len()).collect()) {
            let event = Input::of(&events, index).unwrap();
            engine.retire(event.head.at.plus(-LATENESS_US));
            engine.apply(event.head, event.facts, event.client);
        }
        let (keys, producers) = engine.size();
        sizes.push([keys, producers, engine.save().len()]);
    }
    let most = |part: &[[usize; 3]]| [0, 1, 2].map(|what| part.iter().map(|size| size[what]).max().unwrap());
    let (first, second) = sizes.split_at(sizes.len() / 2);
    let (first, second) = (most(first), most(second));
    eprintln!("most keys, producers, bytes: {first:?} in the first day, {second:?} in the second");
    assert!(first[0] > 1_000, "the sample was not applied");
    for (before, after) in first.iter().zip(second) {
        assert!(after <= before + before / 50, "{first:?} in the first day, {second:?} in the second");
    }
}
