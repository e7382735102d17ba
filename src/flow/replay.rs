//! A replay from start to end: open the tables, find the sources, build the dataflow on every worker, feed it, close.

use super::actors::Sessions;
use super::annotate::{Annotated, Annotating, ModelNames, annotate_rows};
use super::attribute::{Attribute, Out as Attributed, ResumePoints, Totals, attribute_blocks};
use super::attributor::Attributor;
use super::block::DecodedBlock;
use super::clusters::Clusters;
use super::commit::{Coordinator, commit_epochs};
use super::contexts::{self, close_contexts};
use super::decode::{self, Decoder, decode_blocks};
use super::drive::{Message, Waiting, drive, pump};
use super::epoch::{Flow, Tick, split};
use super::feed::feed;
use super::files::{names, open};
use super::filtered::{self, count_drops};
use super::infer::infer_windows;
use super::live::{LiveCauses, live_rows};
use super::live_contexts::{live_contexts, show};
use super::order::{Decided, Following, Order, ResumePoint};
use super::plan::{Keep, Method, ReplayPlan};
use super::sessions::{self, close_sessions};
use super::shared::{FlowError, Shared};
use super::shelf::Shelf;
use super::state::{Piece, Section, State};
use super::vote::{Turn, Votes, vote_labels};
use super::windows::{self, SavedWindows, Windows, cut_windows};
use super::work::Work;
use super::write::{Rows, write_rows};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::engine::{Engine, LOOK_AHEAD_US};
use crate::lake::commit::Lake;
use crate::lake::manifest::{Account, SourceState};
use crate::lake::store::{self, Store};
use crate::lake::writer::TableWriter;
use crate::source::buffers::Buffers;
use crate::source::catalog::Catalog;
use crate::source::files::{Settings, discover};
use crossbeam_channel::Receiver;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use timely::dataflow::operators::vec::{Broadcast, Map};
use timely::dataflow::operators::{Concat, Concatenate};
use timely::worker::Worker;

/// What a replay came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Counts since the tables were begun.
    pub account: Account,
    /// The input was read to its end; otherwise the run was told to stop, and goes on when started again.
    pub finished: bool,
}

/// Horizon of a context: nothing that comes later than this after its last event can join it (DESIGN 3.4).
const CONTEXT_HORIZON_US: i64 = 3_600_000_000;

/// Replays the inputs of `plan` into its output folder.
///
/// # Errors
/// [`FlowError`]; what was committed before stands, and the same call goes on from there.
pub fn replay(plan: &ReplayPlan) -> Result<Outcome, FlowError> {
    // Inputs first: a mistake in their names must leave no folder behind.
    let files = discover(&plan.inputs)?;
    let lake = Lake::open_store(store::open(&plan.output, plan.storage)?)?;
    let keeper = lake.keeper();
    let state: State = lake.state()?.map(|bytes| State::decode(&bytes)).transpose()?.unwrap_or_default();
    let last = lake.last().cloned();
    let account = last.as_ref().map(|m| m.account.clone()).unwrap_or_default();
    if last.is_some() {
        check_method(plan, &state)?;
    }
    let clusters = Clusters::find(plan)?;
    if plan.stop.load(Ordering::Relaxed) {
        return Ok(Outcome { account, finished: false });
    }
    let watermark =
        last.as_ref().and_then(|m| m.watermarks_us.get(&plan.cluster)).map_or(Micros::MIN, |us| Micros(*us));
    let known = last.map(|m| m.sources).unwrap_or_default();

    let settings = Settings {
        block_bytes: plan.block_bytes,
        max_record_bytes: plan.max_record_bytes,
        stop: Arc::clone(&plan.stop),
        ..Settings::default()
    };
    let Some(source) = open(files, &known, settings)? else { return Ok(Outcome { account, finished: false }) };
    let buffers = source.buffers();
    let names = names(&source, &plan.cluster);
    let resumed: ResumePoints =
        names.iter().filter_map(|(id, name)| Some((*id, point_of(known.get(&name.key)?)))).collect();

    let shared = Arc::new(Shared::new(Arc::clone(&plan.progress)));
    shared.committed(&account);
    let next_commit = lake.next_number();
    let catalog = Arc::new(Catalog::new(names));
    let run = Run {
        plan: Arc::new(plan.clone()),
        store: lake.store(),
        buffers,
        sources: Arc::clone(&catalog),
        resumed: Arc::new(resumed),
        watermark,
        totals: Totals { seen: account.read, late: account.late, empty_lines: account.empty_lines },
        state,
        clusters: clusters.map(Arc::new),
        following: None,
        shared: Arc::clone(&shared),
        coordinator: Mutex::new(Some(Coordinator::new(lake, plan.cluster.clone(), catalog, Arc::clone(&shared)))),
    };
    let (pace, feed_shared) = (plan.pace(next_commit), Arc::clone(&shared));
    let finished = drive(
        plan.workers,
        &shared,
        move |workers| feed(source, workers, &pace, &feed_shared, Work::of),
        move |worker, messages| work(worker, messages, &run),
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
    pub plan: Arc<ReplayPlan>,
    pub store: Arc<dyn Store>,
    /// Where the memory of decoded blocks goes.
    pub buffers: Buffers,
    pub sources: Arc<Catalog>,
    pub resumed: Arc<ResumePoints>,
    pub watermark: Micros,
    pub totals: Totals,
    pub state: State,
    pub clusters: Option<Arc<Clusters>>,
    /// Set where topics are followed.
    pub following: Option<Following>,
    pub shared: Arc<Shared>,
    pub coordinator: Mutex<Option<Coordinator>>,
}

/// The life of one worker of `run`.
pub(super) fn work(worker: &mut Worker, messages: &Receiver<Message<Work>>, run: &Run) {
    let (index, peers) = (worker.index(), worker.peers());
    let waiting = if run.following.is_some() { Waiting::Idly } else { Waiting::Briefly };
    pump(worker, messages, waiting, &run.shared, |blocks, ticks| build(blocks, ticks, run, index, peers));
}

/// Builds the dataflow of the picture at the head of [`super`].
fn build<'s>(
    blocks: Flow<'s, Work>,
    ticks: Flow<'s, Tick>,
    run: &Run,
    index: usize,
    peers: usize,
) -> Result<Flow<'s, ()>, FlowError> {
    let plan = &run.plan;
    let mine = (&run.state, index, peers);
    let shelf = Shelf::default();
    let decoder = Decoder::new(
        index as u32,
        Arc::clone(plan),
        Arc::clone(&run.sources),
        (Arc::clone(&run.resumed), run.watermark),
        shelf.clone(),
        run.buffers.clone(),
    );
    let (decoded, local) = split(decode_blocks(blocks, decoder), |out| match out {
        decode::Out::Block(block) => Ok(*block),
        other => Err(other),
    });
    let (named, local) = split(local, |out| match out {
        decode::Out::Named(id, name) => Ok(Piece::Named(id, name)),
        other => Err(other),
    });
    let (plain_rows, early_drops) = split(local, |out| match out {
        decode::Out::Rows(rows) => Ok(Some(rows)),
        decode::Out::Dropped(drop, count) => Err(Some((drop, count))),
        decode::Out::Block(_) | decode::Out::Named(..) => Ok(None),
    });

    let owner = (index == 0).then(|| attribute(run)).transpose()?;
    let (decoded, turns, label_pieces) = label(decoded, ticks, run, index)?;
    let (notes, rest) = split(attribute_blocks(decoded, turns, owner), |out| match out {
        Attributed::Notes(notes) => Ok(notes),
        other => Err(other),
    });
    let (marks, rest) = split(rest, |out| match out {
        Attributed::Mark(mark) => Ok(mark),
        other => Err(other),
    });
    let (order_pieces, live_changes) = split(rest, |out| match out {
        Attributed::Piece(piece) => Ok(piece),
        Attributed::Live(changes) => Err(changes),
        Attributed::Notes(_) | Attributed::Mark(_) => Err(Vec::new()),
    });
    let marks = marks.broadcast();
    let mut live_pieces = Vec::new();
    if let Some(view) = &plan.live {
        let (contexts, pieces) = live_contexts(live_rows(live_changes), marks.clone(), CONTEXT_HORIZON_US, mine)?;
        live_pieces.extend([pieces, show(contexts, Arc::clone(view))]);
    }

    let how = Annotating {
        fold: plan.effective_keep() == Keep::Fold,
        contexts: plan.contexts,
        by_minute: plan.context_quiet_us.is_some(),
        stream: plan.cluster.as_str().into(),
        labeler: plan.labeler.as_ref().map(|labeler| ModelNames::of(labeler.spec())),
    };
    let (event_rows, sums) = split(annotate_rows(notes, shelf, how), |out| match out {
        Annotated::Rows(batch) => Ok(Rows::Events(batch)),
        Annotated::Failed(error) => Ok(Rows::Failed(error)),
        other => Err(other),
    });
    let (context_parts, sums) = split(sums, |sum| match sum {
        Annotated::Context(part) => Ok(*part),
        other => Err(other),
    });
    let (session_parts, sums) = split(sums, |sum| match sum {
        Annotated::Session(part) => Ok(*part),
        other => Err(other),
    });
    let late_drops =
        sums.flat_map(|sum| if let Annotated::Dropped(drop, count) = sum { Some((drop, count)) } else { None });

    let cluster = || plan.cluster.clone();
    let horizon_us = run.clusters.as_ref().map_or(CONTEXT_HORIZON_US, |clusters| clusters.longest_pause_us());
    let contexts = close_contexts(
        context_parts,
        marks.clone(),
        cluster(),
        (horizon_us, plan.context_quiet_us, plan.limits),
        mine,
    )?;
    let (context_rows, context_pieces) = split(contexts, |out| match out {
        contexts::Out::Row(row) => Ok(Rows::Context(row)),
        contexts::Out::Piece(piece) => Err(piece),
    });
    let sessions = close_sessions(session_parts, marks.clone(), cluster(), plan.session_gap_us, mine)?;
    let (session_rows, session_pieces) = split(sessions, |out| match out {
        sessions::Out::Row(row) => Ok(Rows::Session(Box::new(row))),
        sessions::Out::Piece(piece) => Err(piece),
    });
    let drops = early_drops.flat_map(|drop| drop).concat(late_drops);
    let (filtered_rows, filtered_pieces) =
        split(count_drops(drops, marks.clone(), cluster(), mine)?, |out| match out {
            filtered::Out::Row(row) => Ok(Rows::Filtered(row)),
            filtered::Out::Piece(piece) => Err(piece),
        });

    let scope = marks.scope();
    let plain_rows = plain_rows.flat_map(|rows| rows);
    let rows = scope.concatenate([plain_rows, event_rows, context_rows, session_rows, filtered_rows]);
    let writer = TableWriter::new(Arc::clone(&run.store), index);
    let written = write_rows(rows, marks, cluster(), writer);
    let pieces = [named, written, order_pieces, context_pieces, session_pieces, filtered_pieces];
    let pieces = scope.concatenate(pieces.into_iter().chain(live_pieces).chain(label_pieces));
    let coordinator =
        if index == 0 { run.coordinator.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
    Ok(commit_epochs(pieces, coordinator))
}

/// Blocks on their way past the label model, how epochs end once votes are in, and its pieces of a commit. Without a model, epochs
/// end as they are told to.
#[allow(clippy::type_complexity)] // three streams, named by the function
fn label<'s>(
    blocks: Flow<'s, DecodedBlock>,
    ticks: Flow<'s, Tick>,
    run: &Run,
    index: usize,
) -> Result<(Flow<'s, DecodedBlock>, Flow<'s, Turn>, Option<Flow<'s, Piece>>), FlowError> {
    let Some(labeler) = &run.plan.labeler else {
        return Ok((blocks, ticks.map(Turn::without_model), None));
    };
    let owner = match index {
        0 => {
            let saved: Option<SavedWindows> = run.state.read(Section::Windows, 0, 1)?.pop();
            let engine = run.plan.answers_needed().then(|| engine(run)).transpose()?;
            Some(Windows::new(Arc::clone(labeler), order(run), engine, saved))
        }
        _ => None,
    };
    let votes = owner.as_ref().map(|windows| Votes::new(labeler.spec().window, windows.settled()));
    let (blocks, rest) = split(cut_windows(blocks, ticks, owner), |out| match out {
        windows::Out::Block(block) => Ok(*block),
        other => Err(other),
    });
    let (chunks, rest) = split(rest, |out| match out {
        windows::Out::Chunk(chunk) => Ok(chunk),
        other => Err(other),
    });
    let (cuts, pieces) = split(rest, |out| match out {
        windows::Out::Cut(cut) => Ok(*cut),
        windows::Out::Piece(piece) => Err(Some(piece)),
        windows::Out::Block(_) | windows::Out::Chunk(_) => Err(None),
    });
    let answers = infer_windows(chunks, labeler).map_err(|error| FlowError::Start(error.to_string()))?;
    Ok((blocks, vote_labels(answers, cuts, votes), Some(pieces.flat_map(|piece| piece))))
}

/// The order of the stream, as the last commit left it.
fn order(run: &Run) -> Order {
    Order::new(run.plan.lateness_us, &run.resumed, run.watermark).holding(LOOK_AHEAD_US).following(run.following)
}

/// The causal engine with what is settled, as the last commit left it.
fn engine(run: &Run) -> Result<Engine, FlowError> {
    let tables = Arc::clone(&run.plan.tables);
    Ok(match run.state.pieces(Section::Engine, 0, 1).next() {
        Some(bytes) => Engine::load(bytes, tables)?,
        None => Engine::new(tables),
    })
}

/// The owner of the stream, as the last commit left it.
fn attribute(run: &Run) -> Result<Attribute, FlowError> {
    let plan = &run.plan;
    let order = order(run);
    let attributor = match &run.clusters {
        _ if !plan.causal() => None,
        Some(clusters) if plan.contexts => {
            let engine = plan.answers_needed().then(|| engine(run)).transpose()?;
            Some(Attributor::Clusters(Arc::clone(clusters), engine.map(Box::new)))
        }
        _ => Some(match &plan.live {
            None => Attributor::Causal(Box::new(engine(run)?)),
            Some(_) => Attributor::Live(Box::new(LiveCauses::new(engine(run)?))),
        }),
    };
    let sessions = match plan.sessions {
        true => {
            let saved: Vec<Vec<(u64, Id, Micros)>> = run.state.read(Section::OpenSessions, 0, 1)?;
            Some(Sessions::new(plan.session_gap_us, saved.concat()))
        }
        false => None,
    };
    let released = Arc::clone(&run.shared.released);
    let mut attribute = Attribute::new(order, attributor, sessions, run.totals).counting(released);
    for odd_ids in run.state.read(Section::OddIds, 0, 1)? {
        attribute.restore_odd_ids(odd_ids);
    }
    Ok(attribute)
}

/// Contexts of two methods in one set of tables would mean nothing.
pub(super) fn check_method(plan: &ReplayPlan, state: &State) -> Result<(), FlowError> {
    let begun = state.read::<String>(Section::Method, 0, 1)?.pop();
    let begun = begun.unwrap_or_else(|| Method::Causal.name().to_owned());
    let wanted = plan.method.name();
    if plan.contexts && begun != wanted { Err(FlowError::Method { begun, wanted }) } else { Ok(()) }
}

/// What the manifest says of a partition.
pub(super) fn point_of(state: &SourceState) -> ResumePoint {
    ResumePoint {
        resume: state.resume_offset,
        read_to: state.read_offset,
        progress: Micros(state.progress_us),
        decided: Decided {
            raised: state.raised.iter().map(|(at, to)| (*at, Micros(*to))).collect(),
            ahead: state.ahead.clone(),
        },
    }
}
