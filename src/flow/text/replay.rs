//! A replay of log lines from start to end: open the tables, find the files, build the dataflow on every worker, feed it, close.

use super::feed::{Message, feed};
use super::learn::{Learner, Out, learn_lines};
use super::plan::TextPlan;
use super::prepare::{Piece as Part, Work, prepare_blocks};
use super::saved::SavedText;
use super::write::write_rows;
use crate::flow::commit::{Coordinator, commit_epochs};
use crate::flow::epoch::{Epoch, Flow, Tick, split};
use crate::flow::replay::AbortOnPanic;
use crate::flow::shared::Shared;
use crate::flow::state::{Section, State};
use crate::flow::{FlowError, Outcome};
use crate::lake::commit::Lake;
use crate::lake::store::{self, Store};
use crate::lake::writer::TableWriter;
use crate::source::catalog::{Catalog, SourceName};
use crate::source::files::{FileKey, FileSource, Records, Settings, discover};
use crate::source::{Offset, PartitionId};
use crate::text::format::{FormatError, LogFormat};
use crate::text::line::LineReader;
use crate::text::time::{TimeFormatError, TimeReader};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Concat, Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};

/// Messages that may wait for a worker.
const MESSAGES_AHEAD: usize = 4;

/// Replays the inputs of `plan` into its output folder.
///
/// # Errors
/// [`FlowError`]; what was committed before stands, and the same call goes on from there.
pub fn replay_text(plan: &TextPlan) -> Result<Outcome, FlowError> {
    // Settings first: a mistake in them must leave no folder behind.
    let time = time_reader(plan)?;
    format_of(plan)?;
    let lake = Lake::open_store(store::open(&plan.output, store::Options::default())?)?;
    let keeper = lake.keeper();
    let state: State = lake.state()?.map(|bytes| State::decode(&bytes)).transpose()?.unwrap_or_default();
    let saved = state.read::<SavedText>(Section::Text, 0, 1)?.pop();
    let last = lake.last().cloned();
    if last.is_some() && saved.is_none() {
        return Err(FlowError::Text(
            "the tables in the output folder are of audit events; replay into a new folder".to_owned(),
        ));
    }
    let account = last.as_ref().map(|m| m.account.clone()).unwrap_or_default();
    let known = last.map(|m| m.sources).unwrap_or_default();
    let offsets = known.iter().filter_map(|(key, state)| {
        Some((FileKey(u64::from_str_radix(key.rsplit_once('/')?.1, 16).ok()?), Offset(state.resume_offset)))
    });
    let settings =
        Settings { records: Records::Lines, block_bytes: plan.block_bytes, max_record_bytes: plan.max_line_bytes };
    let source = FileSource::new(discover(&plan.inputs)?, &offsets.collect(), settings)?;
    let names: BTreeMap<PartitionId, SourceName> = (0..)
        .map(PartitionId)
        .zip(source.partitions())
        .map(|(id, p)| {
            let key = format!("{}/file/{}", plan.stream, p.key);
            (id, SourceName { key, name: p.file.path.display().to_string(), ..SourceName::default() })
        })
        .collect();
    let sources = names.values().map(|name| (name.key.clone(), name.name.clone())).collect();
    let learner = Learner::new(plan, time, saved, sources, (account.read, account.empty_lines))?;

    let shared = Arc::new(Shared::new(Arc::clone(&plan.progress)));
    shared.committed(&account);
    let next_commit = lake.next_number();
    let catalog = Arc::new(Catalog::new(names));
    let run = Arc::new(Run {
        plan: plan.clone(),
        store: lake.store(),
        shared: Arc::clone(&shared),
        learner: Mutex::new(Some(learner)),
        coordinator: Mutex::new(Some(Coordinator::new(lake, plan.stream.clone(), catalog, Arc::clone(&shared)))),
    });
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..plan.workers.max(1)).map(|_| crossbeam_channel::bounded(MESSAGES_AHEAD)).unzip();
    let receivers: Mutex<Vec<Option<Receiver<Message>>>> = Mutex::new(receivers.into_iter().map(Some).collect());
    let (feed_run, feed_shared) = (Arc::clone(&run), Arc::clone(&shared));
    let feeder = std::thread::Builder::new()
        .name("feed".to_owned())
        .spawn(move || {
            feed(source, &senders, next_commit, &feed_run.plan, &feed_shared).unwrap_or_else(|error| {
                feed_shared.fail(error);
                false
            })
        })
        .map_err(|e| FlowError::Start(e.to_string()))?;
    let workers = timely::execute(timely::Config::process(plan.workers.max(1)), move |worker| {
        let taken =
            receivers.lock().unwrap_or_else(PoisonError::into_inner).get_mut(worker.index()).and_then(Option::take);
        let _guard = AbortOnPanic;
        if let Some(messages) = taken {
            work(worker, &messages, &run);
        }
    })
    .map_err(FlowError::Start)?;
    for result in workers.join() {
        if let Err(error) = result {
            shared.fail(FlowError::Start(error));
        }
    }
    let finished = feeder.join().unwrap_or(false);
    match shared.take_failure() {
        Some(error) => {
            keeper.clear_up();
            Err(error)
        }
        None => Ok(Outcome { account: shared.account(), finished }),
    }
}

/// What all workers of a run share.
struct Run {
    plan: TextPlan,
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    /// Taken by worker 0.
    learner: Mutex<Option<Learner>>,
    /// Taken by worker 0.
    coordinator: Mutex<Option<Coordinator>>,
}

/// The life of one worker: builds its part of the dataflow, then passes on what the feed sends until the feed ends.
fn work(worker: &mut timely::worker::Worker, messages: &Receiver<Message>, run: &Run) {
    let mut blocks = InputHandle::new();
    let mut ticks = InputHandle::new();
    let probe = ProbeHandle::new();
    let index = worker.index();
    let built = worker.dataflow::<Epoch, _, _>(|scope| {
        let blocks = scope.input_from(&mut blocks);
        let ticks = scope.input_from(&mut ticks);
        build(blocks, ticks, run, index).map(|done| {
            done.probe_with(&probe);
        })
    });
    if let Err(error) = built {
        run.shared.fail(error);
        return;
    }
    let mut epoch: Epoch = 0;
    loop {
        match messages.recv_timeout(Duration::from_micros(300)) {
            Ok(Message::Work(number, item)) => {
                blocks.send((number, Part::of(item)));
                blocks.flush();
            }
            Ok(Message::Tick(tick)) => {
                ticks.send(tick);
                epoch += 1;
                blocks.advance_to(epoch);
                ticks.advance_to(epoch);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        worker.step();
    }
    drop((blocks, ticks));
    while !probe.done() {
        worker.step_or_park(Some(Duration::from_millis(1)));
    }
}

/// Builds the dataflow of the picture at the head of [`super`].
fn build<'s>(
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
        |index| if index == 0 { run.learner.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
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
    let written = write_rows(rows, marks.broadcast(), plan.stream.clone(), writer);
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

fn time_reader(plan: &TextPlan) -> Result<Option<TimeReader>, FlowError> {
    let Some((names, format)) = &plan.time else { return Ok(None) };
    let log_format = format_of(plan)?;
    let field = |name: &String| log_format.field(name).ok_or_else(|| TimeFormatError::NoField(name.clone()));
    let fields: Result<Vec<usize>, TimeFormatError> = names.iter().map(field).collect();
    let reader = fields.and_then(|fields| TimeReader::new(format, fields));
    reader.map(Some).map_err(|error| FlowError::Text(error.to_string()))
}
