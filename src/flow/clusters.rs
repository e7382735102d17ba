//! K8NTEXT's contexts: a pass over the whole input before the dataflow begins.
//!
//! ```text
//! files ─▶ decode, filter ─▶ Record each ─▶ labels (own, or oracle) ─▶ cluster ─▶ Clusters: event id ▸ place
//! ```
//! Why a pass of its own: the clustering looks at all events of a label at once (how many triggers there are in the whole log
//! decides how they are grouped), so no place is certain before the last line. As a pure function of the input it needs no
//! state: a run that was killed finds the same clusters again, whatever the workers, cuts and commits, and the dataflow with
//! its exactly-once commits stays as it is. The price is to decode twice and to hold a small record of every event.

use super::plan::{Method, ReplayPlan};
use super::shared::FlowError;
use crate::audit::decode::{Reading, Want, decode};
use crate::audit::event::Event;
use crate::audit::hash::{Id, hash};
use crate::audit::time::Micros;
use crate::context::facts::{audit_id, event_id};
use crate::context::k8ntext::{Place, Pool, Record, cluster};
use crate::context::keys::KeySpace;
use crate::context::model::{Attribution, Background, Head, Role};
use crate::source::files::{FileSource, InputKind, Item, Settings, discover};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Where every event of the input belongs.
#[derive(Debug)]
pub struct Clusters {
    method: &'static str,
    places: HashMap<Id, Place>,
    longest_pause_us: i64,
}

impl Clusters {
    /// Finds the clusters of the inputs of `plan`; `None` for another method, and when the run was told to stop meanwhile.
    ///
    /// # Errors
    /// [`FlowError`] when an input cannot be read, or only once.
    pub fn find(plan: &ReplayPlan) -> Result<Option<Clusters>, FlowError> {
        let Method::K8ntext { settings, oracle } = &plan.method else { return Ok(None) };
        let mut log = Log::new(plan);
        if !plan.contexts || !log.read()? {
            return Ok(None);
        }
        if let Some(oracle) = oracle {
            oracle.label(&mut log.records, &log.audit_ids);
        }
        let mut records = log.records;
        records.sort_by_key(|record| (record.received_at, record.id));
        // An event that was read twice is one event.
        records.dedup_by_key(|record| record.id);
        let places = cluster(&records, settings);
        Ok(Some(Clusters {
            method: plan.method.name(),
            longest_pause_us: longest_pause_us(&records, &places),
            places: records.iter().map(|record| record.id).zip(places).collect(),
        }))
    }

    /// Name of the method.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// Longest time between two events of one cluster that follow each other: after a longer one a cluster is complete.
    pub fn longest_pause_us(&self) -> i64 {
        self.longest_pause_us
    }

    /// Where an event belongs.
    pub fn attribution(&self, head: &Head) -> Attribution {
        let (context, role, background) = match self.places.get(&head.id) {
            Some(Place::Cluster { id, root: true }) => (*id, Role::Root, None),
            Some(Place::Cluster { id, root: false }) => (*id, Role::Effect, None),
            Some(Place::ControlPlane) => (head.id, Role::Background, Some(Background::ControlPlane)),
            Some(Place::Unassigned) | None => (head.id, Role::Background, Some(Background::Unassigned)),
        };
        Attribution { context, role, background, cause: None, parent_context: None }
    }
}

fn longest_pause_us(records: &[Record], places: &[Place]) -> i64 {
    let mut events: Vec<(Id, Micros)> = records
        .iter()
        .zip(places)
        .filter_map(|(record, place)| match place {
            Place::Cluster { id, .. } => Some((*id, record.at)),
            Place::ControlPlane | Place::Unassigned => None,
        })
        .collect();
    events.sort_unstable();
    let pauses = events.windows(2).filter_map(|pair| match pair {
        [(one, earlier), (other, later)] if one == other => Some(later.since(*earlier)),
        _ => None,
    });
    pauses.max().unwrap_or(0)
}

/// The events of the input, as the clustering needs them.
struct Log<'p> {
    plan: &'p ReplayPlan,
    stream: KeySpace,
    now: Micros,
    pool: Pool,
    records: Vec<Record>,
    /// One for each record, where an oracle asks for them.
    audit_ids: Vec<String>,
}

impl<'p> Log<'p> {
    fn new(plan: &'p ReplayPlan) -> Log<'p> {
        Log {
            plan,
            stream: KeySpace(hash(&[&plan.cluster])),
            now: Micros(jiff::Timestamp::now().as_microsecond()),
            pool: Pool::default(),
            records: Vec::new(),
            audit_ids: Vec::new(),
        }
    }

    /// Reads everything; false when the run was told to stop.
    fn read(&mut self) -> Result<bool, FlowError> {
        let files = discover(&self.plan.inputs)?;
        if let Some(once) = files.iter().find(|file| file.kind != InputKind::Regular) {
            let input = once.path.display().to_string();
            return Err(FlowError::ReadOnce { input, method: self.plan.method.name() });
        }
        let sizes = Settings {
            block_bytes: self.plan.block_bytes,
            max_record_bytes: self.plan.max_record_bytes,
            ..Settings::default()
        };
        let mut source = FileSource::new(files, &BTreeMap::new(), sizes)?;
        while let Some(item) = source.next_item()? {
            if self.plan.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if let Item::Block(block) = item {
                self.block(&block.bytes);
            }
        }
        Ok(true)
    }

    fn block(&mut self, bytes: &[u8]) {
        let want = Want { evidence: Reading::Whole, raw_bodies: false };
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            decode(line, want, &mut |_, event| {
                if let Ok(event) = event {
                    self.event(event);
                }
            });
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        let plan = self.plan;
        let dropped = plan.from_the_future(event, self.now)
            || plan.dropped_unseen(event).is_some()
            || plan.dropped_by_filter(event).is_some()
            || !crate::audit::filter::is_row(event);
        if dropped {
            return;
        }
        let id = event_id(self.stream, audit_id(&event.audit_id), event.stage);
        self.records.push(Record::of(event, id, plan.event_time(event), &mut self.pool));
        if matches!(&plan.method, Method::K8ntext { oracle: Some(_), .. }) {
            self.audit_ids.push(event.audit_id.clone().into_owned());
        }
    }
}
