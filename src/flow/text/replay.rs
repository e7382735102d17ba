//! A replay of log lines from start to end: open the tables, find the files, build the dataflow on every worker, feed it, close.

use super::detect::Detectors;
use super::learners::{Learners, Out, learn_lines};
use super::plan::TextPlan;
use super::prepare::{Piece, Work, prepare_blocks};
use super::saved::SavedText;
use super::write::write_rows;
use crate::flow::commit::{Coordinator, commit_epochs};
use crate::flow::drive::{drive, pump};
use crate::flow::epoch::{Flow, Tick, split};
use crate::flow::feed::feed;
use crate::flow::files::{names, open};
use crate::flow::shared::Shared;
use crate::flow::state::{Section, State};
use crate::flow::{FlowError, Outcome};
use crate::lake::commit::Lake;
use crate::lake::manifest::Manifest;
use crate::lake::store::{self, Store};
use crate::lake::writer::TableWriter;
use crate::source::catalog::Catalog;
use crate::source::files::{Records, Settings, discover};
use crate::text::format::{FormatError, LogFormat};
use crate::text::line::LineReader;
use crate::text::time::{TimeFormatError, TimeReader};
use std::sync::{Arc, Mutex, PoisonError};
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::Broadcast;

/// Replays the inputs of `plan` into its output folder.
///
/// # Errors
/// [`FlowError`]; what was committed before stands, and the same call goes on from there.
pub fn replay_text(plan: &TextPlan) -> Result<Outcome, FlowError> {
    // Settings and inputs first: a mistake in them must leave no folder behind.
    check_settings(plan)?;
    let files = discover(&plan.inputs)?;
    let lake = Lake::open_store(store::open(&plan.output, store::Options::default())?)?;
    let keeper = lake.keeper();
    let state: State = lake.state()?.map(|bytes| State::decode(&bytes)).transpose()?.unwrap_or_default();
    let saved = state.read::<SavedText>(Section::Text, 0, 1)?.pop();
    let last = lake.last().cloned();
    only_text(last.as_ref(), &state)?;
    let account = last.as_ref().map(|m| m.account.clone()).unwrap_or_default();
    let known = last.map(|m| m.sources).unwrap_or_default();
    let settings = Settings {
        records: Records::Lines,
        block_bytes: plan.block_bytes,
        max_record_bytes: plan.max_line_bytes,
        stop: Arc::clone(&plan.stop),
    };
    let Some(source) = open(files, &known, settings)? else { return Ok(Outcome { account, finished: false }) };
    let names = names(&source, &plan.stream);
    let sources = names.values().map(|name| (name.key.clone(), name.name.clone())).collect();
    let learners = Learners::files(plan, saved, sources, (account.read, account.empty_lines))?;

    let shared = Arc::new(Shared::new(Arc::clone(&plan.progress)));
    shared.committed(&account);
    let next_commit = lake.next_number();
    let catalog = Arc::new(Catalog::new(names));
    let run = Run {
        plan: plan.clone(),
        store: lake.store(),
        shared: Arc::clone(&shared),
        learners: Mutex::new(Some(learners)),
        coordinator: Mutex::new(Some(Coordinator::new(lake, catalog, Arc::clone(&shared)))),
    };
    let (pace, feed_shared) = (plan.pace(next_commit), Arc::clone(&shared));
    let mut number = 0;
    let numbered = move |item| {
        let piece = Piece::of(item)?;
        number += 1;
        Some((number, piece))
    };
    let finished = drive(
        plan.workers,
        &shared,
        move |workers| feed(source, workers, &pace, &feed_shared, numbered),
        move |worker, letters| {
            let index = worker.index();
            pump(worker, letters, &run.shared, |blocks, ticks| build(blocks, ticks, &run, index));
        },
    )?;
    match shared.take_failure() {
        Some(error) => {
            keeper.clear_up();
            Err(error)
        }
        None => Ok(Outcome { account: shared.account(), finished }),
    }
}

/// What all workers of a run share.
pub(super) struct Run {
    pub plan: TextPlan,
    pub store: Arc<dyn Store>,
    pub shared: Arc<Shared>,
    /// Taken by worker 0.
    pub learners: Mutex<Option<Learners>>,
    /// Taken by worker 0.
    pub coordinator: Mutex<Option<Coordinator>>,
}

/// Finds mistakes in the settings before anything is opened.
pub(super) fn check_settings(plan: &TextPlan) -> Result<(), FlowError> {
    time_reader(plan)?;
    format_of(plan).map(|_| ())
}

/// Refuses tables of audit events.
pub(super) fn only_text(last: Option<&Manifest>, state: &State) -> Result<(), FlowError> {
    if last.is_some() && state.pieces(Section::Text, 0, 1).next().is_none() {
        let text = "the tables in the output folder are of audit events; take a new folder for log lines";
        return Err(FlowError::Text(text.to_owned()));
    }
    Ok(())
}

/// Builds the dataflow of the picture at the head of [`super`].
pub(super) fn build<'s>(
    blocks: Flow<'s, Work>,
    ticks: Flow<'s, Tick>,
    run: &Run,
    index: usize,
) -> Result<Flow<'s, ()>, FlowError> {
    let plan = &run.plan;
    let format = format_of(plan)?;
    let fields = time_reader(plan)?.map(|time| time.fields().to_vec()).unwrap_or_default();
    let prepared = prepare_blocks(blocks, index, LineReader::new(format, plan.max_line_bytes), fields);
    let take =
        |index| if index == 0 { run.learners.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
    let (rows, rest) = split(learn_lines(prepared, ticks, take(index)), |out| match out {
        Out::Rows(rows) => Ok(*rows),
        other => Err(other),
    });
    let (marks, pieces) = split(rest, |out| match out {
        Out::Mark(mark) => Ok(mark),
        Out::Piece(piece) => Err(piece),
        Out::Rows(_) => Err(crate::flow::state::Piece::Failed("rows came where none can".to_owned())),
    });
    let writer = TableWriter::new(Arc::clone(&run.store), index);
    let detectors = Detectors::open(&plan.detection);
    let written = write_rows(rows, marks.broadcast(), writer, detectors);
    let coordinator =
        if index == 0 { run.coordinator.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
    Ok(commit_epochs(written.concat(pieces), coordinator))
}

fn format_of(plan: &TextPlan) -> Result<LogFormat, FlowError> {
    match &plan.format {
        None => Ok(LogFormat::whole_line()),
        Some(format) => LogFormat::new(format).map_err(|error: FormatError| FlowError::Text(error.to_string())),
    }
}

pub(super) fn time_reader(plan: &TextPlan) -> Result<Option<TimeReader>, FlowError> {
    let Some((names, format)) = &plan.time else { return Ok(None) };
    let log_format = format_of(plan)?;
    let field = |name: &String| log_format.field(name).ok_or_else(|| TimeFormatError::NoField(name.clone()));
    let fields: Result<Vec<usize>, TimeFormatError> = names.iter().map(field).collect();
    let reader = fields.and_then(|fields| TimeReader::new(format, fields));
    reader.map(Some).map_err(|error| FlowError::Text(error.to_string()))
}
