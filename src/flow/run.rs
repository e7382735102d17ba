//! A run beside Kafka: from the newest manifest on, until told to stop.
//!
//! A topic that is deleted and made again while it is read ends the dataflow without a commit; what was read since the last one
//! is dropped, and everything starts anew from there, with that topic stalled or, where losses are accepted, forgotten.
//!
//! Of several processes the first one holds the tables; the others read the same manifest and stage files into the same folder.

use super::attribute::{ResumePoints, Totals};
use super::commit::{Coordinator, Verify};
use super::decoder::Restored;
use super::drive::{Team, drive};
use super::follow::Feed;
use super::order::Following;
use super::plan::ReplayPlan;
use super::processes::link::Links;
use super::processes::meet::{Hello, meet};
use super::processes::words::Peers;
use super::processes::{Membership, ProcessesError};
use super::publish::{Publisher, Publishing};
use super::replay::{Outcome, Run, check_method, parted, point_of, work};
use super::shared::{FlowError, Shared};
use super::state::{Section, State};
use crate::audit::hash::hash;
use crate::audit::time::Micros;
use crate::lake::commit::{Lake, read_commit_state};
use crate::lake::manifest::{Account, Manifest, SourceState};
use crate::lake::store::{self, Store};
use crate::source::PartitionId;
use crate::source::buffers::Buffers;
use crate::source::catalog::Catalog;
use crate::source::kafka::{self, Health, KafkaError, KafkaSource, OnLoss, Saved, Share, Verified, Wanted};
use crate::source::stream::StreamName;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long the commit of several processes waits until brokers tell that the topics are the same.
const VERIFY_PATIENCE: Duration = Duration::from_secs(60);

/// Time between two questions.
const VERIFY_AGAIN: Duration = Duration::from_millis(500);

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
    /// Which process of which ones this is; `None` for one alone.
    pub membership: Option<Membership>,
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

/// The tables as one process of a run begins with them.
struct Begun {
    /// Where this process is the one that commits.
    lake: Option<Lake>,
    store: Arc<dyn Store>,
    last: Option<Manifest>,
    state: State,
    links: Option<Links>,
}

/// Opens the tables and meets the other processes; `None` when told to stop before they were there.
fn begin(plan: &RunPlan) -> Result<Option<Begun>, FlowError> {
    let flow = &plan.dataflow;
    let store = store::open(&flow.output, flow.storage)?;
    let decode = |bytes: Option<Vec<u8>>| bytes.map(|bytes| State::decode(&bytes)).transpose();
    let open = |store| -> Result<_, FlowError> {
        let lake = Lake::open_store(store)?;
        let state = decode(lake.state()?)?.unwrap_or_default();
        Ok((lake.last().cloned(), state, lake))
    };
    let Some(membership) = &plan.membership else {
        let (last, state, lake) = open(Arc::clone(&store))?;
        return Ok(Some(Begun { lake: Some(lake), store, last, state, links: None }));
    };
    let leads = membership.process == 0;
    let opened = leads.then(|| open(Arc::clone(&store))).transpose()?;
    let commit = opened.as_ref().and_then(|(last, ..)| last.as_ref()).map_or(0, |last| last.number);
    let own = Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        processes: membership.addresses.len(),
        process: membership.process,
        workers: flow.workers.max(1),
        settings: common_settings(plan),
        commit,
    };
    let Some(met) = meet(membership, &own, &flow.stop)? else { return Ok(None) };
    tracing::info!(process = membership.process, processes = own.processes, "all processes of the run are there");
    // What process 0 says is the newest commit is so until all have begun: nobody else commits.
    let (last, state, lake) = match opened {
        Some((last, state, lake)) => (last, state, Some(lake)),
        None => {
            let begun = read_commit_state(&*store, met.first.commit)?;
            let other = |path: &Path| {
                let detail = format!("it has no commit {}", met.first.commit);
                ProcessesError::OtherFolder { path: path.to_owned(), detail }
            };
            match begun {
                Some((last, bytes)) => (Some(last), decode(Some(bytes))?.unwrap_or_default(), None),
                None if met.first.commit == 0 => (None, State::default(), None),
                None => return Err(other(store.root()).into()),
            }
        }
    };
    let links = Links { process: membership.process, addresses: membership.addresses.clone(), sockets: met.sockets };
    Ok(Some(Begun { lake, store, last, state, links: Some(links) }))
}

/// Stands for the settings that must be the same in all processes, or the tables would hold other rows.
fn common_settings(plan: &RunPlan) -> u64 {
    let (flow, source) = (&plan.dataflow, &plan.source);
    let what = format!(
        "{:?}",
        (
            (&flow.cluster, flow.keep, flow.rules, flow.switches, flow.all_stages, flow.contexts, flow.method.name()),
            (flow.labeler.as_ref().map(|labeler| labeler.spec().version.clone()), flow.sessions, flow.bodies),
            (flow.lateness_us, flow.session_gap_us, flow.context_quiet_us, flow.max_record_bytes),
            (
                &source.topics,
                &source.cluster_header,
                &source.clusters,
                source.start,
                source.on_loss,
                source.until_end,
                source.idle_after
            ),
        )
    );
    hash(&[&what])
}

fn once(plan: &RunPlan, forgotten: &BTreeSet<String>) -> Result<Outcome, FlowError> {
    let flow = &plan.dataflow;
    let Some(begun) = begin(plan)? else {
        return Ok(Outcome { account: Account::default(), finished: !plan.source.until_end });
    };
    let Begun { lake, store, last, state, links } = begun;
    let keeper = lake.as_ref().map(Lake::keeper);
    if last.is_some() {
        check_method(flow, &state)?;
    }
    let account = last.as_ref().map(|m| m.account.clone()).unwrap_or_default();
    let watermarks_us = last.as_ref().map(|m| m.watermarks_us.clone()).unwrap_or_default();
    let open = last.is_some() && !state.holds(Section::Told);
    let next_commit = last.as_ref().map_or(1, |last| last.number + 1);
    let mut known = last.map(|m| m.sources).unwrap_or_default();
    let wanted = plan.source.wanted()?;
    let is_ours = |key: &str, topic: &str| match (kafka::parse_key(key, topic), wanted.whose(topic)) {
        (Some((stream, _)), Some(whose)) => stream == whose.stream || (whose.shared && wanted.takes(&stream)),
        _ => false,
    };
    known.retain(|key, state| is_ours(key, &state.name) && !forgotten.contains(&state.name));
    let saved = saved_partitions(&known, &wanted);
    let (state, others) = parted(state, |stream| wanted.takes(stream));

    let workers = flow.workers.max(1);
    let (process, processes) = links.as_ref().map_or((0, 1), |links| (links.process, links.addresses.len()));
    let names = saved.iter().map(|s| (s.id, s.name.clone())).collect();
    let catalog = Arc::new(Catalog::new(names).of_process(process, processes));
    let restored = Restored {
        home: flow.cluster.as_str().into(),
        streams: restored_streams(&known, &saved, &watermarks_us),
        wanted: Some(wanted),
    };
    let peers = links.as_ref().map(|links| Arc::new(Peers::new(process, links.addresses.clone())));
    let shared = Arc::new(Shared::new(Arc::clone(&flow.progress)).among(peers));
    shared.committed(&account);
    let source = Arc::new(KafkaSource::open(
        &plan.source,
        &saved,
        Arc::clone(&catalog),
        Arc::clone(&plan.health),
        Share { process, processes, workers },
    )?);
    // Alone, the feed has asked after everything was read.
    let verify = links.as_ref().map(|_| verify(Arc::clone(&source), &plan.source.brokers, Arc::clone(&shared)));
    let coordinator = lake.map(|lake| {
        Coordinator::new(lake, Arc::clone(&catalog), Arc::clone(&shared)).keeping(others).verifying(verify)
    });
    let run = Run {
        plan: Arc::new(flow.clone()),
        store,
        buffers: Buffers::default(),
        sources: Arc::clone(&catalog),
        restored: Arc::new(restored),
        totals: Totals { seen: account.read, late: account.late, empty_lines: account.empty_lines },
        state,
        clusters: None,
        following: Some(Following { idle_after_ms: plan.source.idle_after.as_millis() as u64 }),
        shared: Arc::clone(&shared),
        coordinator: Mutex::new(coordinator),
    };
    shared.newest_commit.store(next_commit - 1, Ordering::Release);
    let publishing = plan.publishing.clone().filter(|_| process == 0);
    let publisher = publishing
        .map(|publishing| Publisher::start(publishing, Arc::clone(&run.store), Arc::clone(&shared)))
        .transpose()?;
    let (feed_plan, feed_shared) = (plan.clone(), Arc::clone(&shared));
    let finished = drive(
        Team::new(workers, links),
        &shared,
        move |workers| {
            let (source, plan, catalog, shared) = (&source, &feed_plan, &catalog, &feed_shared);
            Feed { source, workers, plan, catalog, shared }.run(next_commit, open)
        },
        move |worker, letters| work(worker, letters, &run),
    )?;
    drop(publisher);
    if let Some(keeper) = keeper {
        keeper.clear_up();
    }
    match shared.take_failure() {
        Some(error) => Err(error),
        // Told to stop, a run that follows has done what it was to do.
        None => Ok(Outcome { account: shared.account(), finished: finished || !plan.source.until_end }),
    }
}

/// Asks before a commit whether the topics are the same, and waits for an answer as long as a broker may take.
fn verify(source: Arc<KafkaSource>, brokers: &str, shared: Arc<Shared>) -> Verify {
    let brokers = brokers.to_owned();
    Box::new(move || {
        let begun = Instant::now();
        while source.verify()? == Verified::CannotTell {
            // After a failure nobody waits for the commit any more.
            if begun.elapsed() > VERIFY_PATIENCE || shared.failed() {
                let words = "a commit waited for it in vain".to_owned();
                return Err(KafkaError::Unreachable { brokers: brokers.clone(), words }.into());
            }
            std::thread::sleep(VERIFY_AGAIN);
        }
        Ok(())
    })
}

/// The partitions of the manifest, numbered. One that streams share goes on where the first of them does.
pub(super) fn saved_partitions(known: &BTreeMap<String, SourceState>, wanted: &Wanted) -> Vec<Saved> {
    let mut saved: BTreeMap<(&str, i32), Saved> = BTreeMap::new();
    for (key, state) in known {
        let Some((_, number)) = kafka::parse_key(key, &state.name) else { continue };
        let (id, newest) = (PartitionId(saved.len() as u32), Micros(state.progress_us));
        let name = wanted.name_of(&state.name, number, state.fingerprint.clone());
        let fresh = Saved { id, name, resume: state.resume_offset, newest };
        let partition = saved.entry((&state.name, number)).or_insert(fresh);
        partition.resume = partition.resume.min(state.resume_offset);
        partition.newest = partition.newest.min(newest);
    }
    saved.into_values().collect()
}

/// Where each stream of the manifest goes on, and before which time it is settled.
fn restored_streams(
    known: &BTreeMap<String, SourceState>,
    saved: &[Saved],
    watermarks_us: &BTreeMap<String, i64>,
) -> BTreeMap<StreamName, (ResumePoints, Micros)> {
    let ids: BTreeMap<(&str, i32), PartitionId> =
        saved.iter().map(|saved| ((saved.name.name.as_str(), saved.name.number), saved.id)).collect();
    let mut streams: BTreeMap<StreamName, (ResumePoints, Micros)> = BTreeMap::new();
    for (key, state) in known {
        let Some((stream, number)) = kafka::parse_key(key, &state.name) else { continue };
        let Some(id) = ids.get(&(state.name.as_str(), number)) else { continue };
        let watermark = watermarks_us.get(stream.as_str()).map_or(Micros::MIN, |us| Micros(*us));
        let (points, _) = streams.entry(stream).or_insert_with(|| (ResumePoints::new(), watermark));
        points.insert(*id, point_of(state));
    }
    streams
}
