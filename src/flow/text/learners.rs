//! Operator: prepared lines to keys, sessions and rows, in the order of the log, on worker 0.
//!
//! Files of a stream have one learner, since they are one log. Each partition of a topic has its own: between partitions there is no
//! order that a restart would find again, within one there is. So the rows of a partition depend on its messages alone, whatever
//! came from others meanwhile, and after any kill they are the same.

use super::learn::{Identity, Learner};
use super::plan::TextPlan;
use super::prepare::Prepared;
use super::replay::time_reader;
use super::rows::BlockRows;
use super::saved::SavedText;
use crate::audit::hash::hash;
use crate::audit::time::Micros;
use crate::flow::FlowError;
use crate::flow::epoch::{Flow, Mark, Tick, by_epoch};
use crate::flow::state::{Piece, Section, Snapshot, Standing};
use crate::source::PartitionId;
use crate::source::catalog::{Catalog, SourceName};
use crate::source::stream::StreamName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::dataflow::channels::pact::Exchange;

/// What leaves the operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Out {
    /// Rows of a block.
    Rows(Box<BlockRows>),
    /// The epoch is done.
    Mark(Mark),
    /// State and counts, at a commit.
    Piece(Piece),
}

/// Who learns.
pub enum Learners {
    /// One for all files.
    Files(Box<Learner>),
    /// One for each partition of a topic.
    Partitions(Box<Partitions>),
}

/// The learners of a topic's partitions.
pub struct Partitions {
    plan: TextPlan,
    catalog: Arc<Catalog>,
    /// State of partitions that nothing has come from yet, by their key.
    saved: BTreeMap<String, SavedText>,
    open: BTreeMap<PartitionId, Learner>,
    /// Lines before this run, and blank lines.
    before: (u64, u64),
    notes: Vec<String>,
}

impl Learners {
    /// The learner of files, whose keys and names are `sources`, by partition.
    ///
    /// # Errors
    /// As [`Learner::new`].
    pub fn files(
        plan: &TextPlan,
        saved: Option<SavedText>,
        sources: Vec<(String, String)>,
        counts: (u64, u64),
    ) -> Result<Learners, FlowError> {
        let identity = Identity { cluster: plan.stream.as_str().into(), salt: 0, partition: 0 };
        let learner = Learner::new(plan, identity, time_reader(plan)?, saved, sources, counts)?;
        Ok(Learners::Files(Box::new(learner)))
    }

    /// The learners of topics. `catalog` knows the partitions that were read before.
    ///
    /// # Errors
    /// As [`Learner::new`].
    pub fn partitions(
        plan: &TextPlan,
        saved: Vec<SavedText>,
        catalog: Arc<Catalog>,
        before: (u64, u64),
    ) -> Result<Learners, FlowError> {
        let key = |saved: &SavedText| saved.sources.first().map(|(key, _)| key.clone()).unwrap_or_default();
        let saved = saved.into_iter().map(|saved| (key(&saved), saved)).collect();
        let known = catalog.all();
        let (plan, open) = (plan.clone(), BTreeMap::new());
        let mut partitions = Partitions { plan, catalog, saved, open, before, notes: Vec::new() };
        for (id, name) in known {
            if partitions.saved.contains_key(&name.key) {
                partitions.begin(id, &name)?;
            }
        }
        Ok(Learners::Partitions(Box::new(partitions)))
    }

    fn stream(&self) -> StreamName {
        match self {
            Learners::Files(learner) => learner.stream(),
            Learners::Partitions(partitions) => partitions.plan.stream.as_str().into(),
        }
    }

    fn block(&mut self, block: Prepared) -> Result<BlockRows, FlowError> {
        match self {
            Learners::Files(learner) => Ok(learner.block(&block)),
            Learners::Partitions(partitions) => partitions.block(block),
        }
    }

    /// Rows of what is open, at the end of the input.
    fn tell_open(&mut self) -> Vec<BlockRows> {
        match self {
            Learners::Files(learner) => vec![learner.tell_open()],
            Learners::Partitions(partitions) => partitions.open.values_mut().map(Learner::tell_open).collect(),
        }
    }

    /// Time of the newest line.
    fn at(&self) -> Micros {
        match self {
            Learners::Files(learner) => learner.at(),
            Learners::Partitions(partitions) => partitions.open.values().map(Learner::at).max().unwrap_or(Micros::MIN),
        }
    }

    /// State, positions and counts; `told` says that all that is open was told.
    fn save(&mut self, told: bool) -> Vec<Piece> {
        let watermark = self.at();
        let mut pieces = vec![Piece::encode(Section::Method, 0, &"text")];
        pieces.extend(told.then(|| Piece::encode(Section::Told, 0, &())));
        let (partitions, (read, empty_lines), notes) = match self {
            Learners::Files(learner) => {
                pieces.push(learner.save());
                (learner.take_partitions(), learner.counts(), Vec::new())
            }
            Learners::Partitions(partitions) => {
                pieces.extend(partitions.saved.values().map(|saved| Piece::encode(Section::Text, 0, saved)));
                pieces.extend(partitions.open.values_mut().map(Learner::save));
                (partitions.take_partitions(), partitions.counts(), std::mem::take(&mut partitions.notes))
            }
        };
        let streams = vec![Standing { stream: self.stream(), watermark, partitions, let_go: Vec::new() }];
        pieces.push(Piece::Snapshot(Snapshot { streams, read, late: 0, empty_lines, notes }));
        pieces
    }
}

impl Partitions {
    /// Begins to learn a partition, or goes on with it.
    fn begin(&mut self, id: PartitionId, name: &SourceName) -> Result<(), FlowError> {
        let identity = Identity {
            cluster: format!("{}/{}/{}", self.plan.stream, name.name, name.number).into(),
            salt: hash(&[&name.key]),
            partition: name.number,
        };
        let sources = vec![(name.key.clone(), name.name.clone())];
        let saved = self.saved.remove(&name.key);
        let learner = Learner::new(&self.plan, identity, time_reader(&self.plan)?, saved, sources, (0, 0))?;
        self.open.insert(id, learner);
        Ok(())
    }

    fn block(&mut self, mut block: Prepared) -> Result<BlockRows, FlowError> {
        let id = block.partition;
        if !self.open.contains_key(&id) {
            let name = self.catalog.get(id).unwrap_or_default();
            self.begin(id, &name)?;
        }
        // To its learner it is the only one.
        block.partition = PartitionId(0);
        match self.open.get_mut(&id) {
            Some(learner) => Ok(learner.block(&block)),
            None => Err(FlowError::Operator("a partition has no learner".to_owned())),
        }
    }

    fn take_partitions(&mut self) -> BTreeMap<PartitionId, crate::flow::order::ResumePoint> {
        let points = |(id, learner): (&PartitionId, &mut Learner)| {
            let (id, points) = (*id, learner.take_partitions());
            points.into_values().map(move |point| (id, point))
        };
        self.open.iter_mut().flat_map(points).collect()
    }

    fn counts(&self) -> (u64, u64) {
        let sum = |(read, empty): (u64, u64), learner: &Learner| {
            let (more_read, more_empty) = learner.counts();
            (read + more_read, empty + more_empty)
        };
        self.open.values().fold(self.before, sum)
    }
}

/// The operator; only worker 0 has learners.
pub fn learn_lines<'s>(
    blocks: Flow<'s, Prepared>,
    ticks: Flow<'s, Tick>,
    mut learners: Option<Learners>,
) -> Flow<'s, Out> {
    let to_first = Exchange::new(|_: &Prepared| 0);
    by_epoch(blocks, ticks, to_first, "Learn", move |_, mut blocks, tick, out| {
        let Some(learners) = &mut learners else { return };
        blocks.sort_by_key(|block: &Prepared| block.number);
        for block in blocks {
            out.push(match learners.block(block) {
                Ok(rows) => Out::Rows(Box::new(rows)),
                Err(error) => Out::Piece(Piece::Failed(error.to_string())),
            });
        }
        if let Learners::Partitions(partitions) = learners {
            partitions.notes.extend(tick.notes);
        }
        if tick.flush {
            out.extend(learners.tell_open().into_iter().map(|rows| Out::Rows(Box::new(rows))));
        }
        if tick.commit.is_some() {
            out.extend(learners.save(tick.flush).into_iter().map(Out::Piece));
        }
        let watermarks = BTreeMap::from([(learners.stream(), learners.at())]);
        out.push(Out::Mark(Mark { watermarks, commit: tick.commit, flush: tick.flush }));
    })
}
