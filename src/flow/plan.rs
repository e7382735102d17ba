//! What a replay is to do: every setting that the dataflow needs, resolved.

use super::feed::Pace;
use super::live_contexts::LiveView;
use super::tell::Limits;
use crate::audit::event::Event;
use crate::audit::filter::{self, Decision, Rules, Switches};
use crate::audit::time::Micros;
use crate::context::k8ntext::{self, Oracle};
use crate::context::tables::Tables;
use crate::lake::store;
use crate::model::labeler::Labeler;
use crate::observe::progress::Progress;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Which decoded events become rows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All but what the causal engine calls background.
    Fold,
    /// All.
    All,
    /// All but what K8NTEXT's rules remove.
    Light,
    /// Only what its rules neither remove nor black-list.
    Full,
}

/// How contexts are found.
#[derive(Clone, Debug)]
pub enum Method {
    /// By the causal engine.
    Causal,
    /// By K8NTEXT's clustering.
    K8ntext {
        /// Which of its algorithms, and its limits.
        settings: k8ntext::Settings,
        /// Where labels come from; `None`: each event's own.
        oracle: Option<Arc<Oracle>>,
    },
}

impl Method {
    /// Name as in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Causal => "causal",
            Method::K8ntext { settings, .. } if settings.algorithm == k8ntext::Algorithm::Windows => "k8ntext",
            Method::K8ntext { .. } => "k8ntext-old",
        }
    }
}

/// Settings of a replay.
#[derive(Clone, Debug)]
pub struct ReplayPlan {
    /// Files, folders, globs, `-`.
    pub inputs: Vec<String>,
    /// Folder of the tables, or the URL of a prefix in an object store.
    pub output: PathBuf,
    /// How an object store is asked, if that is where the tables are.
    pub storage: store::Options,
    /// Name of the stream.
    pub cluster: String,
    /// Worker threads, at least 1.
    pub workers: usize,
    /// Which events become rows. `Fold` without the engine means `Light`.
    pub keep: Keep,
    /// How K8NTEXT's rules are read.
    pub rules: Rules,
    /// Which of them apply.
    pub switches: Switches,
    /// Every stage of a request has a row.
    pub all_stages: bool,
    /// Contexts are looked for.
    pub contexts: bool,
    /// How.
    pub method: Method,
    /// The label model; `None` leaves its columns empty.
    pub labeler: Option<Arc<Labeler>>,
    /// Where contexts are shown before the watermark; `None` keeps no live contexts.
    pub live: Option<Arc<LiveView>>,
    /// Sessions are on.
    pub sessions: bool,
    /// Redacted bodies are columns.
    pub bodies: bool,
    /// Events before this are left out.
    pub from: Option<Micros>,
    /// Events at and after this are left out.
    pub to: Option<Micros>,
    /// How much older than the newest event of its partition an event may be.
    pub lateness_us: i64,
    /// How far ahead of this machine's clock an event may be.
    pub max_future_skew_us: i64,
    /// The pause that ends a session.
    pub session_gap_us: i64,
    /// A context is told once nothing has joined it for so long; `None`: once nothing can join it any more.
    pub context_quiet_us: Option<i64>,
    /// Time between commits.
    pub commit_every: Duration,
    /// Input between commits.
    pub commit_bytes: u64,
    /// Size of the blocks dealt to workers.
    pub block_bytes: usize,
    /// Longest record.
    pub max_record_bytes: usize,
    /// Bounds on one context.
    pub limits: Limits,
    /// The causal rules.
    pub tables: Arc<Tables>,
    /// Counters for whoever shows them.
    pub progress: Arc<Progress>,
    /// Set to stop reading, commit what was read, and end.
    pub stop: Arc<AtomicBool>,
}

impl ReplayPlan {
    /// A plan with the defaults of the configuration; `ReplayPlan { workers: 4, ..ReplayPlan::new(…) }` is one with other wishes.
    ///
    /// ```no_run
    /// use causeway::context::tables::Tables;
    /// use causeway::flow::{ReplayPlan, replay};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let inputs = vec!["/var/log/kubernetes/audit.log".to_owned()];
    /// let plan = ReplayPlan::new(inputs, "tables".into(), Tables::built_in()?);
    /// println!("{} events", replay(&ReplayPlan { sessions: false, ..plan })?.account.events);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(inputs: Vec<String>, output: PathBuf, tables: Tables) -> ReplayPlan {
        ReplayPlan {
            inputs,
            output,
            storage: store::Options::default(),
            cluster: "default".to_owned(),
            workers: 1,
            keep: Keep::Fold,
            rules: Rules::Strict,
            switches: Switches::default(),
            all_stages: false,
            contexts: true,
            method: Method::Causal,
            labeler: None,
            live: None,
            sessions: true,
            bodies: false,
            from: None,
            to: None,
            lateness_us: 10_000_000,
            max_future_skew_us: 300_000_000,
            session_gap_us: 900_000_000,
            context_quiet_us: None,
            commit_every: Duration::from_secs(60),
            commit_bytes: 1 << 30,
            block_bytes: 2 << 20,
            max_record_bytes: 64 << 20,
            limits: Limits { events: 100_000, age_us: 86_400_000_000 },
            tables: Arc::new(tables),
            progress: Arc::default(),
            stop: Arc::default(),
        }
    }

    /// When its feed commits and ends; `next_commit` is the number of the first commit.
    pub fn pace(&self, next_commit: u64) -> Pace {
        let ReplayPlan { commit_every, commit_bytes, .. } = *self;
        let owner_busy = self.causal();
        Pace { next_commit, commit_every, commit_bytes, owner_busy, stop: Arc::clone(&self.stop) }
    }

    /// Whether the causal engine has work: contexts are looked for, or a label model sees what it says.
    pub fn causal(&self) -> bool {
        self.contexts || self.answers_needed()
    }

    /// Whether there is a label model that sees what the causal engine says.
    pub fn answers_needed(&self) -> bool {
        self.labeler.as_ref().is_some_and(|labeler| labeler.spec().features.causal())
    }

    /// Whether rows must wait for the watermark: if not, they are written as they are decoded.
    pub fn ordered(&self) -> bool {
        self.contexts || self.sessions || self.labeler.is_some()
    }

    /// What is kept, given that there may be no engine to fold.
    pub fn effective_keep(&self) -> Keep {
        if self.keep == Keep::Fold && !self.contexts { Keep::Light } else { self.keep }
    }

    /// The rule by which an event is dropped whatever it says of causes, if any.
    pub fn dropped_unseen(&self, event: &Event<'_>) -> Option<&'static str> {
        let outside =
            self.from.is_some_and(|from| event.received_at < from) || self.to.is_some_and(|to| event.received_at >= to);
        if outside {
            return Some("range");
        }
        (!filter::is_row(event) && !self.all_stages).then_some("stage")
    }

    /// The rule of the filter by which an event has no row, if any.
    pub fn dropped_by_filter(&self, event: &Event<'_>) -> Option<&'static str> {
        let keep = self.effective_keep();
        if matches!(keep, Keep::Fold | Keep::All) {
            return None;
        }
        match filter::decide(event, self.rules, &self.switches) {
            Decision::White => None,
            Decision::Black(_) if keep == Keep::Light => None,
            Decision::Black(rule) | Decision::Removed(rule) => Some(rule.as_str()),
        }
    }

    /// The event's time lies too far ahead of this machine's clock.
    pub fn from_the_future(&self, event: &Event<'_>, now: Micros) -> bool {
        event.stage_at > now.plus(self.max_future_skew_us)
    }

    /// Event time: when the request came, or half the allowed lateness before its stage if it took longer.
    ///
    /// Half, because lines of one log are out of order by milliseconds: with the whole lateness a slow request would stand
    /// exactly at the limit, and every second one would be late (232 of 2,636 requests in the sample log).
    pub fn event_time(&self, event: &Event<'_>) -> Micros {
        event.received_at.max(event.stage_at.plus(-self.lateness_us / 2))
    }
}
