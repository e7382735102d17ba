//! Log lines from topics of Kafka: the same dataflow as a replay's, fed as audit events are, until told to stop.
//!
//! A message is a line. Each partition has its parser and its sessions ([`super::learners`]); they are saved in the same manifest as
//! offsets and files, so what was read after the last commit is read again from the parser's state at that commit, and gives the
//! rows that it would have given.

use super::learners::Learners;
use super::plan::TextPlan;
use super::prepare::{Piece, Work};
use super::replay::{Run, build, check_settings, only_text};
use super::saved::SavedText;
use crate::flow::commit::Coordinator;
use crate::flow::drive::{drive, pump};
use crate::flow::epoch::Flow;
use crate::flow::follow::Feed;
use crate::flow::run::{RunPlan, again, saved_partitions};
use crate::flow::shared::Shared;
use crate::flow::state::{Section, State};
use crate::flow::work;
use crate::flow::{FlowError, Outcome};
use crate::lake::commit::Lake;
use crate::lake::store;
use crate::source::Offset;
use crate::source::catalog::Catalog;
use crate::source::kafka::{self, KafkaSource, Record, Share};
use crate::source::stream::StreamName;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use timely::dataflow::operators::vec::Map;

/// Follows the topics of `plan` into tables as `text` says, until told to stop, or reads them to their end.
///
/// # Errors
/// [`FlowError`]; what was committed before stands, and the same call goes on from there.
pub fn run_text(plan: &RunPlan, text: &TextPlan) -> Result<Outcome, FlowError> {
    check_settings(text)?;
    again(plan, |forgotten| once(plan, text, forgotten))
}

fn once(plan: &RunPlan, text: &TextPlan, forgotten: &BTreeSet<String>) -> Result<Outcome, FlowError> {
    let flow = &plan.dataflow;
    let lake = Lake::open_store(store::open(&flow.output, flow.storage)?)?;
    let keeper = lake.keeper();
    let state: State = lake.state()?.map(|bytes| State::decode(&bytes)).transpose()?.unwrap_or_default();
    let last = lake.last().cloned();
    only_text(last.as_ref(), &state)?;
    let account = last.as_ref().map(|m| m.account.clone()).unwrap_or_default();
    let open = last.is_some() && !state.holds(Section::Told);
    let mut known = last.map(|m| m.sources).unwrap_or_default();
    let wanted = plan.source.wanted()?;
    let stream = StreamName::from(text.stream.as_str());
    let is_ours = |key: &str, topic: &str| kafka::parse_key(key, topic).is_some_and(|(of, _)| of == stream);
    known.retain(|key, state| is_ours(key, &state.name) && !forgotten.contains(&state.name));
    let saved = saved_partitions(&known, &wanted);
    let catalog = Arc::new(Catalog::new(saved.iter().map(|s| (s.id, s.name.clone())).collect()));
    let before = (account.read, account.empty_lines);
    let saved_text = state.read::<SavedText>(Section::Text, 0, 1)?;
    let learners = Learners::partitions(text, saved_text, Arc::clone(&catalog), before)?;

    let shared = Arc::new(Shared::new(Arc::clone(&flow.progress)));
    shared.committed(&account);
    let next_commit = lake.next_number();
    shared.newest_commit.store(next_commit - 1, Ordering::Release);
    let store = lake.store();
    let coordinator = Coordinator::new(lake, Arc::clone(&catalog), Arc::clone(&shared));
    let run = Run {
        plan: text.clone(),
        store,
        shared: Arc::clone(&shared),
        learners: Mutex::new(Some(learners)),
        coordinator: Mutex::new(Some(coordinator)),
    };
    let share = Share { process: 0, processes: 1, workers: flow.workers.max(1) };
    let (names, health) = (Arc::clone(&catalog), Arc::clone(&plan.health));
    let source = KafkaSource::open(&plan.source, &saved, names, health, share)?;
    let (feed_plan, feed_shared) = (plan.clone(), Arc::clone(&shared));
    let finished = drive(
        flow.workers,
        &shared,
        move |workers| {
            let (source, plan, catalog, shared) = (&source, &feed_plan, &catalog, &feed_shared);
            Feed { source, workers, plan, catalog, shared }.run(next_commit, open)
        },
        move |worker, letters| {
            let index = worker.index();
            pump(worker, letters, &run.shared, |work, ticks| build(lines(work), ticks, &run, index));
        },
    )?;
    keeper.clear_up();
    match shared.take_failure() {
        Some(error) => Err(error),
        // Told to stop, a run that follows has done what it was to do.
        None => Ok(Outcome { account: shared.account(), finished: finished || !plan.source.until_end }),
    }
}

/// What a worker is given, as lines. All of a partition comes to one worker, so its numbers rise as its offsets do.
fn lines<'s>(work: Flow<'s, work::Work>) -> Flow<'s, Work> {
    let mut number = 0;
    work.flat_map(move |work| {
        let work::Work::Messages(records) = work else { return None };
        number += 1;
        let mut end = 0;
        let place = |record: Record<'_>| {
            end += record.value.len();
            (record.offset, end)
        };
        let places = records.iter().map(place).collect();
        Some((number, Piece::Messages(records.partition, places, Offset(records.next), records.bytes().to_vec())))
    })
}
