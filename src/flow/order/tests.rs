//! Watermarks, lateness, silences.

use super::*;
use crate::audit::hash::Id;
use crate::context::model::Actor;
use proptest::prelude::*;

const LATENESS_US: i64 = 10;

fn head(at: i64, stage_at: i64, offset: u64) -> Head {
    Head {
        id: Id(offset),
        audit_id: AuditId(u128::from(offset)),
        stage: Stage::ResponseComplete,
        at: Micros(at.max(stage_at - LATENESS_US)),
        received_at: Micros(at),
        stage_at: Micros(stage_at),
        offset,
        item: 0,
        row: 0,
        user: 0,
        session: 0,
        heartbeat: 0,
        version: 0,
        facts_from: 0,
        facts_len: 0,
        client: u32::MAX,
        actor: Actor::Human,
        background: None,
        flags: 0,
    }
}

type Events = Vec<(PartitionId, Head)>;

/// Arrival of two partitions: stage times grow by steps, some fall back, requests last a while.
fn arrivals() -> impl Strategy<Value = Events> {
    proptest::collection::vec((0u32..2, 0i64..8, 0i64..15, 0i64..40), 1..120).prop_map(|steps| {
        let mut clocks = [0i64; 2];
        let mut events = Vec::new();
        for (index, (partition, step, lasted, back)) in steps.into_iter().enumerate() {
            let clock = &mut clocks[partition as usize];
            *clock += step;
            let stage_at = if back > 36 { *clock - back } else { *clock };
            events.push((PartitionId(partition), head(stage_at - lasted, stage_at, index as u64)));
        }
        events
    })
}

/// Feeds `events` in epochs cut at `cuts`; returns what was settled in order, what was late, and where it stands.
fn run(
    order: &mut Order,
    events: &[(PartitionId, Head)],
    stop: usize,
    cuts: &[bool],
    settled_before: Micros,
) -> (Vec<u64>, Vec<u64>) {
    let (mut settled, mut late) = (Vec::new(), Vec::new());
    for (index, (partition, head)) in events.iter().take(stop).enumerate() {
        let counted = head.offset < order.counted(*partition);
        let was_settled = counted && head.at < settled_before;
        let place = Place { block: head.offset, head: 0 };
        match order.arrive(*partition, head, place, was_settled) {
            Arrival::Late if !counted => late.push(head.offset),
            _ => {}
        }
        order.read(*partition, head.offset + 1);
        if cuts.get(index).copied().unwrap_or(false) {
            let watermark = order.advance(floor(events, index));
            settled.extend(order.release(watermark).into_iter().map(|w| w.place.block));
        }
    }
    (settled, late)
}

/// The first stage time of a partition of which nothing has come up to `index`, as the source knows it.
fn floor(events: &[(PartitionId, Head)], index: usize) -> Micros {
    let seen = |partition: PartitionId| events[..=index].iter().any(|(p, _)| *p == partition);
    let firsts = [PartitionId(0), PartitionId(1)].into_iter().filter(|p| !seen(*p));
    let first = |p: PartitionId| events.iter().find(|(q, _)| *q == p).map(|(_, head)| head.stage_at);
    firsts.filter_map(first).min().unwrap_or(Micros::MAX)
}

fn new(resumed: &BTreeMap<PartitionId, ResumePoint>, watermark: Micros) -> Order {
    Order::new(LATENESS_US, resumed, watermark)
}

proptest! {
    #[test]
    fn order_and_lateness_do_not_depend_on_cuts(events in arrivals(), cuts in proptest::collection::vec(any::<bool>(), 120)) {
        let mut one = new(&BTreeMap::new(), Micros::MIN);
        let (mut settled, late) = run(&mut one, &events, usize::MAX, &cuts, Micros::MIN);
        settled.extend(one.release(Micros::MAX).into_iter().map(|w| w.place.block));
        let mut other = new(&BTreeMap::new(), Micros::MIN);
        let (_, late_at_once) = run(&mut other, &events, usize::MAX, &[], Micros::MIN);
        let at_once: Vec<u64> = other.release(Micros::MAX).into_iter().map(|w| w.place.block).collect();
        prop_assert_eq!(&settled, &at_once);
        prop_assert_eq!(&late, &late_at_once);
        prop_assert_eq!(settled.len() + late.len(), events.len());
    }

    #[test]
    fn a_restart_changes_nothing(events in arrivals(), cuts in proptest::collection::vec(any::<bool>(), 120), stop in 0usize..120) {
        let stop = stop.min(events.len());
        let mut whole = new(&BTreeMap::new(), Micros::MIN);
        let (mut expected, mut expected_late) = run(&mut whole, &events, usize::MAX, &cuts, Micros::MIN);
        expected.extend(whole.release(Micros::MAX).into_iter().map(|w| w.place.block));

        let mut first = new(&BTreeMap::new(), Micros::MIN);
        let (mut settled, mut late) = run(&mut first, &events, stop, &cuts, Micros::MIN);
        let watermark = if stop == 0 { Micros::MIN } else { first.advance(floor(&events, stop - 1)) };
        settled.extend(first.release(watermark).into_iter().map(|w| w.place.block));
        let points = first.resume_points();

        let again: Events = events
            .iter()
            .filter(|(p, h)| points.get(p).is_none_or(|point| h.offset >= point.resume))
            .copied()
            .collect();
        let mut second = new(&points, watermark);
        let (more, more_late) = run(&mut second, &again, usize::MAX, &[], watermark);
        settled.extend(more);
        settled.extend(second.release(Micros::MAX).into_iter().map(|w| w.place.block));
        late.extend(more_late);
        late.sort_unstable();
        expected_late.sort_unstable();
        prop_assert_eq!(settled, expected);
        prop_assert_eq!(late, expected_late);
    }
}

/// The same log twice among the sources, or archives that overlap: which worker read its copy first must not show.
#[test]
fn copies_of_an_event_come_in_the_order_of_their_partitions() {
    let copy = |partition, offset| (PartitionId(partition), Head { audit_id: AuditId(7), ..head(5, 5, offset) });
    let expected = [(0, 9), (1, 2), (1, 3)];
    for arrival in [[(0, 9), (1, 2), (1, 3)], [(1, 2), (0, 9), (1, 3)], [(1, 2), (1, 3), (0, 9)]] {
        let mut order = new(&BTreeMap::new(), Micros::MIN);
        for (partition, head) in arrival.map(|(partition, offset)| copy(partition, offset)) {
            order.arrive(partition, &head, PLACE, false);
        }
        let released = order.release(Micros::MAX);
        assert_eq!(released.iter().map(|w| (w.partition.0, w.offset)).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn an_unopened_source_holds_the_watermark() {
    let mut order = new(&BTreeMap::new(), Micros::MIN);
    order.arrive(PartitionId(0), &head(100, 100, 0), Place { block: 0, head: 0 }, false);
    assert_eq!(order.advance(Micros(50)), Micros(40));
    assert_eq!(order.advance(Micros::MAX), Micros(90));
    order.end(PartitionId(0));
    assert_eq!(order.advance(Micros(300)), Micros(290));
}

fn followed(resumed: &BTreeMap<PartitionId, ResumePoint>, watermark: Micros) -> Order {
    Order::new(LATENESS_US, resumed, watermark).following(Some(Following { idle_after_ms: 1_000 }))
}

const PLACE: Place = Place { block: 0, head: 0 };

#[test]
fn a_partition_that_has_begun_holds_the_watermark_until_it_is_silent_at_its_end() {
    let (talks, silent) = (PartitionId(0), PartitionId(1));
    let mut order = followed(&BTreeMap::new(), Micros::MIN);
    order.begin(talks, 0);
    order.begin(silent, 0);
    assert_eq!(order.arrive(talks, &head(100, 100, 0), PLACE, false), Arrival::Queued);
    assert_eq!(order.advance(Micros::MAX), Micros::MIN);
    // Silent for long, but nobody knows whether it has more.
    order.clock(5_000);
    order.arrive(talks, &head(200, 200, 1), PLACE, false);
    assert_eq!(order.advance(Micros::MAX), Micros::MIN);
    order.at_end(silent);
    assert_eq!(order.advance(Micros::MAX), Micros(200 - LATENESS_US));
    assert_eq!(order.let_go(), [silent]);
    // All silent: everything there is comes out.
    order.clock(9_000);
    order.at_end(talks);
    order.at_end(silent);
    let watermark = order.advance(Micros::MAX);
    assert_eq!(watermark, Micros(201));
    assert_eq!(order.release(watermark).len(), 2);
}

#[test]
fn what_comes_after_a_silence_is_late_and_late_again_when_it_is_read_again() {
    let (talks, returns) = (PartitionId(0), PartitionId(1));
    let mut order = followed(&BTreeMap::new(), Micros::MIN);
    order.begin(talks, 0);
    order.begin(returns, 0);
    order.clock(5_000);
    order.at_end(returns);
    order.arrive(talks, &head(200, 200, 0), PLACE, false);
    let watermark = order.advance(Micros::MAX);
    // One below what was settled, one above, one of them again below.
    let events = [head(50, 50, 0), head(195, 195, 1), head(60, 60, 2)];
    let judge =
        |order: &mut Order| events.iter().map(|head| order.arrive(returns, head, PLACE, false)).collect::<Vec<_>>();
    let first = judge(&mut order);
    assert_eq!(first, [Arrival::Late, Arrival::Queued, Arrival::Late]);
    order.read(returns, 3);
    let points = order.resume_points();
    assert_eq!(points[&returns].resume, 1, "the one that waits");
    let mut again = followed(&points, watermark);
    let later: Vec<Arrival> = events[1..].iter().map(|head| again.arrive(returns, head, PLACE, false)).collect();
    assert_eq!(later, first[1..]);
}

#[test]
fn a_stop_before_all_is_read_again_keeps_its_place() {
    let place = Place { block: 0, head: 0 };
    let id = PartitionId(0);
    let saved = ResumePoint { resume: 3, read_to: 9, progress: Micros(100), decided: Decided::default() };
    let again = |order: &mut Order| order.resume_points().remove(&id).unwrap();
    let mut order = Order::new(LATENESS_US, &BTreeMap::from([(id, saved.clone())]), Micros(90));
    assert_eq!(again(&mut order), saved, "nothing was read again yet");

    order.arrive(id, &head(95, 101, 3), place, false);
    order.read(id, 5);
    order.release(Micros::MAX);
    assert_eq!(again(&mut order), ResumePoint { resume: 5, progress: Micros(101), ..saved });
}

proptest! {
    /// A stream that begins late in shared partitions has the order of one that has listened from the start.
    #[test]
    fn a_stream_that_begins_late_has_heard_everything(
        events in arrivals(),
        owners in proptest::collection::vec(0u8..3, 120),
        cuts in proptest::collection::vec(any::<bool>(), 120),
    ) {
        let partitions = [PartitionId(0), PartitionId(1)];
        let begun = || {
            let mut order = new(&BTreeMap::new(), Micros::MIN);
            partitions.iter().for_each(|id| order.begin(*id, 0));
            order
        };
        let mut home = begun();
        let mut from_the_start: Vec<Order> = (0..3).map(|_| begun()).collect();
        let mut streams: [Option<Order>; 3] = [None, None, None];
        for (index, ((partition, head), owner)) in events.iter().zip(&owners).enumerate() {
            let owner = usize::from(*owner);
            // Before its first event: that moves the partition as others' events do.
            streams[owner].get_or_insert_with(|| home.fork(|_| true, home.watermark()));
            home.pass(*partition, head.offset, head.stage_at);
            for (stream, order) in from_the_start.iter_mut().enumerate() {
                let late = streams[stream].as_mut();
                if stream == owner {
                    let arrived = order.arrive(*partition, head, PLACE, false);
                    prop_assert_eq!(late.map(|late| late.arrive(*partition, head, PLACE, false)), Some(arrived));
                } else {
                    order.pass(*partition, head.offset, head.stage_at);
                    late.map(|late| late.pass(*partition, head.offset, head.stage_at));
                }
            }
            if cuts[index] {
                let floor = floor(&events, index);
                home.advance(floor);
                for (order, late) in from_the_start.iter_mut().zip(&mut streams) {
                    let watermark = order.advance(floor);
                    let released = order.release(watermark).len();
                    if let Some(late) = late {
                        prop_assert_eq!(late.advance(floor), watermark);
                        prop_assert_eq!(late.release(watermark).len(), released);
                        prop_assert_eq!(late.resume_points(), order.resume_points());
                    }
                }
            }
        }
    }
}

proptest! {
    /// The plain way: all that waits is sorted at each release.
    #[test]
    fn events_come_out_as_one_stable_sort_has_them(
        epochs in proptest::collection::vec((proptest::collection::vec((0i64..30, 0u128..3), 0..40), 0i64..30), 1..8),
    ) {
        let mut order = Order::new(1_000, &BTreeMap::new(), Micros::MIN);
        let (mut plain, mut number) = (Vec::new(), 0);
        for (epoch, (events, limit)) in epochs.into_iter().enumerate() {
            let epoch_us = 10 * epoch as i64;
            for (at, audit_id) in events {
                let event = Head { audit_id: AuditId(audit_id), ..head(epoch_us + at, epoch_us + at, number) };
                order.arrive(PartitionId(0), &event, Place { block: number, head: 0 }, false);
                plain.push((event.at, audit_id, number));
                number += 1;
            }
            let limit = Micros(epoch_us + limit);
            plain.sort_by_key(|(at, audit_id, _)| (*at, *audit_id));
            let rest = plain.split_off(plain.partition_point(|(at, ..)| *at < limit));
            let numbers = |waiting: &[Waiting]| waiting.iter().map(|w| w.place.block).collect::<Vec<_>>();
            let expected = |plain: &[(Micros, u128, u64)]| plain.iter().map(|(.., number)| *number).collect::<Vec<_>>();
            prop_assert_eq!(numbers(&order.release(limit)), expected(&plain));
            prop_assert_eq!(numbers(order.coming()), expected(&rest));
            plain = rest;
        }
    }
}
