//! How the run is: one place that sources, commits and the dataflow tell, and `/readyz` asks.
//!
//! ```text
//! Running ◀──▶ Stalled(reason, since)      one a source; each change is a log line, a metric and a word in /readyz
//! read ──▶ waiting since … ──▶ committed   what was read must be committed within a bound
//! ```
//! Ready means: the run is under way, no source is stalled, and nothing that was read waits too long for its commit.

use super::metric;
use crate::audit::time::Micros;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the run is between start and end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Opens tables, restores state, finds sources.
    #[default]
    Starting,
    /// Reads and commits.
    Running,
    /// Told to stop: reads no more, commits what was read.
    Draining,
    /// Ended by an error.
    Failed,
}

/// How one source is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum SourceStatus {
    /// Reads, or waits for more.
    Running,
    /// Cannot read; holds its place.
    Stalled {
        /// Why, and what a person can do.
        reason: String,
        /// Since when.
        #[serde(serialize_with = "text")]
        since: Micros,
    },
    /// Read to its end; nothing more will come.
    Done,
}

/// What is known of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Source {
    #[serde(flatten)]
    status: SourceStatus,
    /// Records not read yet.
    lag_records: Option<u64>,
    /// Time of the newest event read.
    #[serde(serialize_with = "text_or_null")]
    last_event_at: Option<Micros>,
}

/// The state of a run, shared by all its threads.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
    began: Instant,
    /// What was read and is not committed after this long makes the run not ready.
    overdue: Duration,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    failure: Option<String>,
    sources: BTreeMap<String, Source>,
    last_commit: Option<(u64, Instant)>,
    waiting_since: Option<Instant>,
}

/// What `/readyz` answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// `ready`, or `not ready`.
    pub status: &'static str,
    /// Where the run is.
    pub phase: Phase,
    /// Why it is not ready, in words.
    pub reasons: Vec<String>,
    /// Version of the program.
    pub version: &'static str,
    /// Since the process began.
    pub uptime_secs: u64,
    /// Number of the last commit of this process.
    pub last_commit: Option<u64>,
    /// How long ago that was.
    pub last_commit_age_secs: Option<f64>,
    /// How long the oldest record that was read has waited for its commit; none when everything is committed.
    pub uncommitted_age_secs: Option<f64>,
    sources: BTreeMap<String, Source>,
}

impl Report {
    /// Nothing speaks against it.
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }
}

impl Default for Health {
    fn default() -> Health {
        Health::new(Duration::from_secs(60))
    }
}

impl Health {
    /// A run that starts now and commits each `commit_every`; three times that and a minute is overdue.
    pub fn new(commit_every: Duration) -> Health {
        let overdue = commit_every.saturating_mul(3).saturating_add(Duration::from_secs(60));
        Health { state: Mutex::default(), began: Instant::now(), overdue }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run goes over to another phase.
    pub fn phase(&self, phase: Phase) {
        self.state().phase = phase;
    }

    /// The run ended by an error.
    pub fn failed(&self, error: &dyn std::fmt::Display) {
        let mut state = self.state();
        state.phase = Phase::Failed;
        state.failure.get_or_insert_with(|| error.to_string());
    }

    /// The source reads, for the first time or again. `source` is its name for people: `audit/3`, `files`.
    pub fn running(&self, source: &str) {
        if let Some(SourceStatus::Stalled { since, .. }) = self.put(source, SourceStatus::Running) {
            let stalled_secs = now().since(since) / 1_000_000;
            tracing::info!(source, stalled_secs, "the source goes on");
        }
        metric::SOURCE_STALLED.gauge(&[("component_id", source)]).set(0.0);
    }

    /// The source cannot read. It keeps its place; say [`Health::running`] when it goes on. Telling the same again is free.
    pub fn stalled(&self, source: &str, reason: &str) {
        let before = self.put(source, SourceStatus::Stalled { reason: reason.to_owned(), since: now() });
        if !matches!(before, Some(SourceStatus::Stalled { reason: known, .. }) if known == reason) {
            tracing::warn!(source, reason, "the source is stalled; it holds its place and goes on by itself");
        }
        metric::SOURCE_STALLED.gauge(&[("component_id", source)]).set(1.0);
    }

    /// The source was read to its end.
    pub fn done(&self, source: &str) {
        self.put(source, SourceStatus::Done);
        metric::SOURCE_STALLED.gauge(&[("component_id", source)]).set(0.0);
    }

    /// The source is no longer ours, such as a partition of a topic that was deleted.
    pub fn forget(&self, source: &str) {
        self.state().sources.remove(source);
        metric::SOURCE_STALLED.gauge(&[("component_id", source)]).set(0.0);
    }

    /// Something was read: from now on a commit is due.
    pub fn read(&self, source: &str, newest_event: Option<Micros>) {
        let mut state = self.state();
        state.waiting_since.get_or_insert_with(Instant::now);
        let source = entry(&mut state, source);
        source.last_event_at = source.last_event_at.max(newest_event);
    }

    /// So many records of the source are not read yet.
    pub fn lag(&self, source: &str, records: u64) {
        entry(&mut self.state(), source).lag_records = Some(records);
    }

    /// Everything that was read is committed.
    pub fn committed(&self, number: u64) {
        let mut state = self.state();
        state.last_commit = Some((number, Instant::now()));
        state.waiting_since = None;
        metric::LAST_COMMIT.gauge(&[]).set(now().0 as f64 / 1e6);
    }

    /// Since the run began.
    pub fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// What `/readyz` answers now.
    pub fn report(&self) -> Report {
        let state = self.state();
        let mut reasons = Vec::new();
        match state.phase {
            Phase::Starting => reasons.push("the run is starting".to_owned()),
            Phase::Draining => reasons.push("the run is ending: it commits what was read".to_owned()),
            Phase::Failed => reasons.push(format!("the run failed: {}", state.failure.as_deref().unwrap_or_default())),
            Phase::Running => {}
        }
        for (name, source) in &state.sources {
            if let SourceStatus::Stalled { reason, .. } = &source.status {
                reasons.push(format!("{name} is stalled: {reason}"));
            }
        }
        let waiting = state.waiting_since.map(|since| since.elapsed());
        if waiting.is_some_and(|waiting| waiting > self.overdue) {
            let secs = waiting.unwrap_or_default().as_secs();
            reasons.push(format!(
                "what was read {secs} s ago is not committed; look at the log for errors of the storage"
            ));
        }
        Report {
            status: if reasons.is_empty() { "ready" } else { "not ready" },
            phase: state.phase.clone(),
            reasons,
            version: env!("CARGO_PKG_VERSION"),
            uptime_secs: self.uptime().as_secs(),
            last_commit: state.last_commit.map(|(number, _)| number),
            last_commit_age_secs: state.last_commit.map(|(_, at)| at.elapsed().as_secs_f64()),
            uncommitted_age_secs: waiting.map(|waiting| waiting.as_secs_f64()),
            sources: state.sources.clone(),
        }
    }

    /// Puts a status and gives the one before. A stall that goes on keeps its begin.
    fn put(&self, source: &str, mut status: SourceStatus) -> Option<SourceStatus> {
        let mut state = self.state();
        let before = state.sources.get(source).map(|known| known.status.clone());
        if let (SourceStatus::Stalled { since, .. }, Some(SourceStatus::Stalled { since: begun, .. })) =
            (&mut status, &before)
        {
            *since = *begun;
        }
        entry(&mut state, source).status = status;
        before
    }
}

fn entry<'s>(state: &'s mut State, source: &str) -> &'s mut Source {
    // Looked up first: nearly always it is there, and needs no name of its own.
    if !state.sources.contains_key(source) {
        state.sources.insert(source.to_owned(), Source::default());
    }
    state.sources.entry(source.to_owned()).or_default()
}

impl Default for Source {
    fn default() -> Source {
        Source { status: SourceStatus::Running, lag_records: None, last_event_at: None }
    }
}

/// A time as people read it.
fn text<S: Serializer>(time: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn text_or_null<S: Serializer>(time: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(serializer)
}

fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stalled_source_makes_the_run_not_ready_until_it_goes_on() {
        let health = Health::default();
        assert_eq!(health.report().reasons, ["the run is starting"]);
        health.phase(Phase::Running);
        health.running("audit/0");
        assert!(health.report().is_ready());
        health.stalled("audit/0", "no broker answers");
        health.stalled("audit/0", "no broker answers");
        let report = health.report();
        assert_eq!(report.reasons, ["audit/0 is stalled: no broker answers"]);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["status"], "not ready");
        assert_eq!(json["sources"]["audit/0"]["status"], "stalled");
        assert_eq!(json["sources"]["audit/0"]["reason"], "no broker answers");
        health.running("audit/0");
        assert!(health.report().is_ready());
    }

    #[test]
    fn a_stall_keeps_its_begin_when_its_reason_changes() {
        let health = Health::default();
        health.stalled("a/0", "one");
        let begun = health.put("a/0", SourceStatus::Stalled { reason: "two".to_owned(), since: Micros(0) });
        let now = health.put("a/0", SourceStatus::Running);
        let since = |status| if let Some(SourceStatus::Stalled { since, .. }) = status { since } else { Micros::MIN };
        assert_eq!(since(begun), since(now));
    }

    #[test]
    fn what_was_read_must_be_committed_in_time() {
        let health = Health { overdue: Duration::ZERO, ..Health::default() };
        health.phase(Phase::Running);
        health.committed(1);
        assert!(health.report().is_ready(), "nothing was read since");
        health.read("files", Some(Micros(5)));
        std::thread::sleep(Duration::from_millis(2));
        assert!(health.report().reasons[0].contains("is not committed"), "{:?}", health.report());
        health.committed(2);
        assert_eq!((health.report().last_commit, health.report().is_ready()), (Some(2), true));
    }

    #[test]
    fn the_first_failure_is_told() {
        let health = Health::default();
        health.failed(&"disk full");
        health.failed(&"something after it");
        assert_eq!(health.report().reasons, ["the run failed: disk full"]);
    }
}
