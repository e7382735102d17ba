//! A run beside Kafka: from the newest manifest on, until told to stop.
//!
//! A topic that is deleted and made again while it is read ends the dataflow without a commit; what was read since the last one
//! is dropped, and everything starts anew from there, with that topic stalled or, where losses are accepted, forgotten.

use super::attribute::{ResumePoints, Totals};
use super::commit::Coordinator;
use super::drive::drive;
use super::follow::follow;
use super::order::Following;
use super::plan::ReplayPlan;
use super::publish::{Publisher, Publishing};
use super::replay::{Outcome, Run, check_method, point_of, work};
use super::shared::{FlowError, Shared};
use super::state::State;
use crate::audit::time::Micros;
use crate::lake::commit::Lake;
use crate::lake::manifest::SourceState;
use crate::lake::store;
use crate::source::PartitionId;
use crate::source::buffers::Buffers;
use crate::source::catalog::{Catalog, SourceName};
use crate::source::kafka::{self, Health, KafkaError, KafkaSource, OnLoss, Saved};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// Settings of a run beside Kafka.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// What the dataflow does. Its inputs are not used.
    pub dataflow: ReplayPlan,
    /// What is read.
    pub source: kafka::Settings,
    /// Messages between commits.
    pub commit_rows: u64,
    /// Rows go to a topic as well.
    pub publishing: Option<Publishing>,
    /// How the partitions are, for whoever asks.
    pub health: Arc<Health>,
}

/// Follows the topics of `plan` until told to stop, or reads them to their end.
///
/// # Errors
/// [`FlowError`]; what was committed before stands, and the same call goes on from there.
pub fn run(plan: &RunPlan) -> Result<Outcome, FlowError> {
    again(plan, |forgotten| once(plan, forgotten))
}

/// Runs `once`, which is told the topics to forget, and again when a topic turns out to be another one.
pub(super) fn again(
    plan: &RunPlan,
    once: impl Fn(&BTreeSet<String>) -> Result<Outcome, FlowError>,
) -> Result<Outcome, FlowError> {
    let mut forgotten: BTreeSet<String> = BTreeSet::new();
    loop {
        match once(&forgotten) {
            Err(FlowError::Kafka(KafkaError::Recreated { topic })) => {
                let error = KafkaError::Recreated { topic: topic.clone() };
                tracing::error!("{error}");
                if plan.source.on_loss == OnLoss::Skip {
                    forgotten.insert(topic);
                }
                plan.health.clear();
            }
            outcome => return outcome,
        }
    }
}

fn once(plan: &RunPlan, forgotten: &BTreeSet<String>) -> Result<Outcome, FlowError> {
    let flow = &plan.dataflow;
    let lake = Lake::open_store(store::open(&flow.output, flow.storage)?)?;
    let keeper = lake.keeper();
    let state: State = lake.state()?.map(|bytes| State::decode(&bytes)).transpose()?.unwrap_or_default();
    let last = lake.last().cloned();
    if last.is_some() {
        check_method(flow, &state)?;
    }
    let account = last.as_ref().map(|m| m.account.clone()).unwrap_or_default();
    let watermark =
        last.as_ref().and_then(|m| m.watermarks_us.get(&flow.cluster)).map_or(Micros::MIN, |us| Micros(*us));
    let mut known = last.map(|m| m.sources).unwrap_or_default();
    let wanted = plan.source.wanted()?;
    let is_ours = |key: &str, topic: &str| kafka::is_key(&flow.cluster, key) && wanted.has(topic);
    known.retain(|key, state| is_ours(key, &state.name) && !forgotten.contains(&state.name));
    let saved = saved_partitions(&known);

    let catalog = Arc::new(Catalog::new(saved.iter().map(|s| (s.id, s.name.clone())).collect()));
    let resumed: ResumePoints = saved.iter().filter_map(|s| Some((s.id, point_of(known.get(&s.name.key)?)))).collect();
    let shared = Arc::new(Shared::new(Arc::clone(&flow.progress)));
    shared.committed(&account);
    let next_commit = lake.next_number();
    let run = Run {
        plan: Arc::new(flow.clone()),
        store: lake.store(),
        buffers: Buffers::default(),
        sources: Arc::clone(&catalog),
        resumed: Arc::new(resumed),
        watermark,
        totals: Totals { seen: account.read, late: account.late, empty_lines: account.empty_lines },
        state,
        clusters: None,
        following: Some(Following { idle_after_ms: plan.source.idle_after.as_millis() as u64 }),
        shared: Arc::clone(&shared),
        coordinator: Mutex::new(Some(Coordinator::new(
            lake,
            flow.cluster.clone(),
            Arc::clone(&catalog),
            Arc::clone(&shared),
        ))),
    };
    let readers = flow.workers.max(1);
    let source = KafkaSource::open(
        &plan.source,
        &flow.cluster,
        &saved,
        Arc::clone(&catalog),
        Arc::clone(&plan.health),
        (readers, (0, 1)),
    )?;
    shared.newest_commit.store(next_commit - 1, Ordering::Release);
    let publisher = plan
        .publishing
        .clone()
        .map(|publishing| Publisher::start(publishing, Arc::clone(&run.store), Arc::clone(&shared)))
        .transpose()?;
    let (feed_plan, feed_shared) = (plan.clone(), Arc::clone(&shared));
    let finished = drive(
        flow.workers,
        &shared,
        move |workers| follow(&source, workers, next_commit, &feed_plan, &catalog, &feed_shared),
        move |worker, messages| work(worker, messages, &run),
    )?;
    drop(publisher);
    keeper.clear_up();
    match shared.take_failure() {
        Some(error) => Err(error),
        // Told to stop, a run that follows has done what it was to do.
        None => Ok(Outcome {
            account: shared.account(),
            finished: finished || (!plan.source.until_end && flow.stop.load(Ordering::Relaxed)),
        }),
    }
}

/// The partitions of the manifest, numbered.
pub(super) fn saved_partitions(known: &BTreeMap<String, SourceState>) -> Vec<Saved> {
    let numbered = (0..).map(PartitionId).zip(known);
    numbered
        .filter_map(|(id, (key, state))| {
            let number = key.rsplit_once('/')?.1.parse().ok()?;
            let name = SourceName {
                key: key.clone(),
                name: state.name.clone(),
                number,
                fingerprint: state.fingerprint.clone(),
            };
            Some(Saved { id, name, resume: state.resume_offset, newest: Micros(state.progress_us) })
        })
        .collect()
}
