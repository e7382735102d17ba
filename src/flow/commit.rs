//! Operator: gathers what the other operators hand over at a commit epoch and makes it one commit, on worker 0.
//!
//! An epoch that has passed here has passed everywhere, so this is also where the feed learns that it may go on. After a
//! failure nothing is committed any more; what was committed before stands.

use super::epoch::{Epoch, Flow};
use super::order::ResumePoint;
use super::shared::{FlowError, Shared};
use super::state::{Piece, Saved, Snapshot, Standing, State};
use super::told::Committed;
use crate::audit::time::Micros;
use crate::lake::commit::{CommitRequest, Lake};
use crate::lake::manifest::{Account, SourceState, StagedFile};
use crate::lake::tables::Table;
use crate::observe::lag::LagCounts;
use crate::source::catalog::{Catalog, SourceName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;

/// Makes the commits of a run.
pub struct Coordinator {
    lake: Lake,
    sources: Arc<Catalog>,
    account: Account,
    states: BTreeMap<String, SourceState>,
    watermarks_us: BTreeMap<String, i64>,
    shared: Arc<Shared>,
    /// State of other streams in the same folder.
    others: Vec<Saved>,
    /// Asked once everything of a commit is here, where other processes read on while the feed asked.
    verify: Option<Verify>,
}

/// Whether what was read is of the topics that it should be of.
pub type Verify = Box<dyn Fn() -> Result<(), FlowError> + Send>;

impl Coordinator {
    /// Goes on from the newest commit of `lake`.
    pub fn new(lake: Lake, sources: Arc<Catalog>, shared: Arc<Shared>) -> Coordinator {
        let last = lake.last().cloned();
        let (account, states, watermarks_us) =
            last.map(|m| (m.account, m.sources, m.watermarks_us)).unwrap_or_default();
        let (others, verify) = (Vec::new(), None);
        Coordinator { lake, sources, account, states, watermarks_us, shared, others, verify }
    }

    /// Keeps the state of streams that are none of this run's in each commit, for a run that is theirs.
    pub fn keeping(self, others: Vec<Saved>) -> Coordinator {
        Coordinator { others, ..self }
    }

    /// Asks before each commit.
    pub fn verifying(self, verify: Option<Verify>) -> Coordinator {
        Coordinator { verify, ..self }
    }

    /// Everything of `epoch` is here.
    fn epoch(&mut self, epoch: Epoch, pieces: Vec<Piece>) {
        if !pieces.is_empty()
            && !self.shared.failed()
            && let Err(error) = self.commit(pieces)
        {
            self.shared.fail(error);
        }
        self.shared.passed(epoch);
    }

    fn commit(&mut self, pieces: Vec<Piece>) -> Result<(), FlowError> {
        let mut state = State(self.others.clone());
        let mut files: Vec<StagedFile> = Vec::new();
        let mut snapshot: Option<Snapshot> = None;
        let mut pending_filtered = 0;
        let mut lags = LagCounts::default();
        let before = self.account.clone();
        for piece in pieces {
            match piece {
                Piece::State(saved) => state.0.push(saved),
                Piece::File(file) => files.push(file),
                Piece::Snapshot(now) => snapshot = Some(now),
                Piece::Lags(counts) => lags.merge(&counts),
                Piece::Filtered { by_rule, pending } => {
                    pending_filtered += pending;
                    for (rule, count) in by_rule {
                        self.account.filtered += count;
                        *self.account.filtered_by_rule.entry(rule).or_default() += count;
                    }
                }
                Piece::Named(id, name) => self.sources.put(id, name),
                Piece::Failed(error) => return Err(FlowError::Operator(error)),
            }
        }
        // An epoch that only reports a failure or a name is no commit.
        let Some(snapshot) = snapshot else { return Ok(()) };
        self.verify.as_ref().map_or(Ok(()), |verify| verify())?;
        state.0.sort_unstable();
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        self.add(&snapshot, &files, pending_filtered);
        let mut notes = snapshot.notes.clone();
        for Standing { stream, watermark, let_go, .. } in &snapshot.streams {
            let idle = let_go.iter().filter_map(|id| self.sources.get(*id));
            notes.extend(idle.map(|idle| {
                let (name, number) = (&idle.name, idle.number);
                format!("{name}/{number} was silent and let go before the watermark {} of {stream}", watermark.0)
            }));
        }
        let state = state.encode()?;
        let (started, state_bytes) = (Instant::now(), state.len());
        let manifest = self.lake.commit(CommitRequest {
            files,
            state,
            account: self.account.clone(),
            sources: self.states.clone(),
            watermarks_us: self.watermarks_us.clone(),
            notes,
        })?;
        let took = started.elapsed();
        self.shared.progress.health.committed(manifest.number);
        tracing::info!(number = manifest.number, files = manifest.files.len(), took_ms = took.as_millis(), "committed");
        let (files, watermarks_us) = (&manifest.files, &self.watermarks_us);
        let now = &self.account;
        Committed { before: &before, now, files, state_bytes, lags: &lags, watermarks_us, took }.tell();
        self.shared.newest_commit.store(manifest.number, Ordering::Release);
        self.shared.committed(&self.account);
        let mut resumes_at = BTreeMap::new();
        for (id, point) in snapshot.streams.iter().flat_map(|standing| &standing.partitions) {
            let known = resumes_at.entry(*id).or_insert(point.resume);
            *known = point.resume.min(*known);
        }
        self.shared.resumes_at(resumes_at);
        Ok(())
    }

    fn add(&mut self, snapshot: &Snapshot, files: &[StagedFile], pending_filtered: u64) {
        let rows = |table| files.iter().filter(|f| f.table == table).map(|f| f.rows).sum::<u64>();
        let account = &mut self.account;
        account.read = snapshot.read;
        account.late = snapshot.late;
        account.empty_lines = snapshot.empty_lines;
        account.events += rows(Table::Events) + rows(Table::Lines);
        account.rejects += rows(Table::Rejects);
        account.contexts += rows(Table::Contexts);
        account.sessions += rows(Table::Sessions) + rows(Table::LogSessions);
        account.pending_filtered = pending_filtered;
        for Standing { stream, watermark, partitions, .. } in &snapshot.streams {
            for (partition, point) in partitions {
                if let Some(source) = self.sources.get(*partition) {
                    self.states.insert(source.key_of(stream), state_of(&source, point));
                }
            }
            if *watermark > Micros::MIN {
                self.watermarks_us.insert(stream.to_string(), watermark.0);
            }
        }
    }
}

fn state_of(source: &SourceName, point: &ResumePoint) -> SourceState {
    SourceState {
        name: source.name.clone(),
        resume_offset: point.resume,
        read_offset: point.read_to,
        progress_us: point.progress.0,
        fingerprint: source.fingerprint.clone(),
        raised: point.decided.raised.iter().map(|(at, to)| (*at, to.0)).collect(),
        ahead: point.decided.ahead.clone(),
        ..SourceState::default()
    }
}

/// The operator. Its output is empty: it is there to be probed.
pub fn commit_epochs<'s>(pieces: Flow<'s, Piece>, mut coordinator: Option<Coordinator>) -> Flow<'s, ()> {
    let to_first = Exchange::new(|_: &Piece| 0);
    pieces.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(to_first, "Commit", move |_, _| {
        let mut waiting: BTreeMap<Epoch, Vec<Piece>> = BTreeMap::new();
        let mut next: Epoch = 0;
        move |(input, frontier), _| {
            input.for_each(|time, batch| waiting.entry(*time.time()).or_default().append(batch));
            let Some(coordinator) = &mut coordinator else { return };
            // Without a capability nothing is held up: the frontier says how far everyone else is.
            let limit = frontier.frontier().first().copied().unwrap_or(next + u64::from(!waiting.is_empty()));
            while next < limit {
                coordinator.epoch(next, waiting.remove(&next).unwrap_or_default());
                next += 1;
            }
            while frontier.is_empty()
                && let Some((epoch, pieces)) = waiting.pop_first()
            {
                coordinator.epoch(epoch, pieces);
            }
        }
    })
}
