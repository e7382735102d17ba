//! A replay from start to end: open the tables, find the sources, build the dataflow on every worker, feed it, close.

use super::actors::Sessions;
use super::annotate::{Annotated, Annotating, ModelNames, annotate_rows};
use super::attribute::{Attribute, ResumePoints, Totals};
use super::attributor::Attributor;
use super::block::DecodedBlock;
use super::clusters::Clusters;
use super::commit::{Coordinator, commit_epochs};
use super::contexts::{self, close_contexts};
use super::decode::decode_blocks;
use super::decoder::{Decoder, Out, Restored};
use super::drive::{drive, pump};
use super::epoch::{Flow, Tick, split};
use super::feed::feed;
use super::files::{names, open};
use super::filtered::{self, count_drops};
use super::infer::infer_windows;
use super::live::{LiveCauses, live_rows};
use super::live_contexts::{live_contexts, show};
use super::mailbox::Letters;
use super::order::{Decided, Following, Order, ResumePoint};
use super::owner::{Out as Owned, Owner, own_streams};
use super::plan::{Keep, Method, ReplayPlan};
use super::sessions::{self, close_sessions};
use super::shared::{FlowError, Shared};
use super::shelf::Shelf;
use super::state::{Piece, Saved, Section, State};
use super::streams::Streams;
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
use crate::source::stream::StreamName;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
    let home = StreamName::from(plan.cluster.as_str());
    let streams = BTreeMap::from([(home.clone(), (resumed, watermark))]);
    let (state, others) = parted(state, |stream| *stream == home);

    let shared = Arc::new(Shared::new(Arc::clone(&plan.progress)));
    shared.committed(&account);
    let (next_commit, store) = (lake.next_number(), lake.store());
    let catalog = Arc::new(Catalog::new(names));
    let coordinator = Coordinator::new(lake, Arc::clone(&catalog), Arc::clone(&shared)).keeping(others);
    let run = Run {
        plan: Arc::new(plan.clone()),
        store,
        buffers,
        sources: catalog,
        restored: Arc::new(Restored { home, streams, wanted: None }),
        totals: Totals { seen: account.read, late: account.late, empty_lines: account.empty_lines },
        state,
        clusters: clusters.map(Arc::new),
        following: None,
        shared: Arc::clone(&shared),
        coordinator: Mutex::new(Some(coordinator)),
    };
    let (pace, feed_shared) = (plan.pace(next_commit), Arc::clone(&shared));
    let finished = drive(
        plan.workers,
        &shared,
        move |workers| feed(source, workers, &pace, &feed_shared, Work::of),
        move |worker, letters| work(worker, letters, &run),
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
    pub restored: Arc<Restored>,
    pub totals: Totals,
    pub state: State,
    pub clusters: Option<Arc<Clusters>>,
    /// Set where topics are followed.
    pub following: Option<Following>,
    pub shared: Arc<Shared>,
    pub coordinator: Mutex<Option<Coordinator>>,
}

/// The life of one worker of `run`.
pub(super) fn work(worker: &mut Worker, letters: &Letters<Work>, run: &Run) {
    let (index, peers) = (worker.index(), worker.peers());
    pump(worker, letters, &run.shared, |blocks, ticks| build(blocks, ticks, run, index, peers));
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
        Arc::clone(&run.restored),
        shelf.clone(),
        run.buffers.clone(),
    );
    let (decoded, local) = split(decode_blocks(blocks, decoder), |out| match out {
        Out::Block(block) => Ok(*block),
        other => Err(other),
    });
    let (named, local) = split(local, |out| match out {
        Out::Named(id, name) => Ok(Piece::Named(id, name)),
        other => Err(other),
    });
    let (plain_rows, early_drops) = split(local, |out| match out {
        Out::Rows(stream, rows) => Ok(Some((stream, rows))),
        Out::Dropped(stream, drop, count) => Err(Some((stream, (drop, count)))),
        Out::Block(_) | Out::Named(..) => Ok(None),
    });

    let owner = (index == 0).then(|| owner(run)).transpose()?;
    let (decoded, turns, label_pieces) = label(decoded, ticks, run, index)?;
    let (notes, rest) = split(own_streams(decoded, turns, owner), |out| match out {
        Owned::Notes(notes) => Ok(notes),
        other => Err(other),
    });
    let (marks, rest) = split(rest, |out| match out {
        Owned::Mark(mark) => Ok(mark),
        other => Err(other),
    });
    let (order_pieces, live_changes) = split(rest, |out| match out {
        Owned::Piece(piece) => Ok(piece),
        Owned::Live(changes) => Err(changes),
        Owned::Notes(_) | Owned::Mark(_) => Err(Vec::new()),
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
        labeler: plan.labeler.as_ref().map(|labeler| ModelNames::of(labeler.spec())),
    };
    let (event_rows, sums) = split(annotate_rows(notes, shelf, how), |(stream, out)| match out {
        Annotated::Rows(batch) => Ok((stream, Rows::Events(batch))),
        Annotated::Failed(error) => Ok((stream, Rows::Failed(error))),
        other => Err((stream, other)),
    });
    let (context_parts, sums) = split(sums, |(stream, sum)| match sum {
        Annotated::Context(part) => Ok((stream, part)),
        other => Err((stream, other)),
    });
    let (session_parts, sums) = split(sums, |(stream, sum)| match sum {
        Annotated::Session(part) => Ok((stream, *part)),
        other => Err((stream, other)),
    });
    let late_drops = sums.flat_map(|(stream, sum)| match sum {
        Annotated::Dropped(drop, count) => Some((stream, (drop, count))),
        _ => None,
    });

    let horizon_us = run.clusters.as_ref().map_or(CONTEXT_HORIZON_US, |clusters| clusters.longest_pause_us());
    let limits = (horizon_us, plan.context_quiet_us, plan.limits);
    let (context_rows, context_pieces) =
        split(close_contexts(context_parts, marks.clone(), limits, mine)?, |(stream, out)| match out {
            contexts::Out::Rows(batch) => Ok((stream, Rows::Contexts(batch))),
            contexts::Out::Piece(piece) => Err(piece.of(&stream)),
        });
    let (session_rows, session_pieces) =
        split(close_sessions(session_parts, marks.clone(), plan.session_gap_us, mine)?, |(stream, out)| match out {
            sessions::Out::Row(row) => Ok((stream, Rows::Session(Box::new(row)))),
            sessions::Out::Piece(piece) => Err(piece.of(&stream)),
        });
    let drops = early_drops.flat_map(|drop| drop).concat(late_drops);
    let (filtered_rows, filtered_pieces) = split(count_drops(drops, marks.clone(), mine)?, |(stream, out)| match out {
        filtered::Out::Row(row) => Ok((stream, Rows::Filtered(row))),
        filtered::Out::Piece(piece) => Err(piece.of(&stream)),
    });

    let scope = marks.scope();
    let plain_rows = plain_rows.flat_map(|rows| rows);
    let rows = scope.concatenate([plain_rows, event_rows, context_rows, session_rows, filtered_rows]);
    let writer = TableWriter::new(Arc::clone(&run.store), index);
    let written = write_rows(rows, marks, writer);
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
    let (mut votes, mut windows) = (BTreeMap::new(), None);
    if index == 0 {
        let of_plan = Arc::clone(&run.plan);
        let made = Arc::clone(labeler);
        let make = move |order, engine, saved| {
            Windows::new(Arc::clone(&made), order, of_plan.answers_needed().then_some(engine), saved)
        };
        let mut each = BTreeMap::new();
        let mut saved: BTreeMap<StreamName, Vec<SavedWindows>> = run.state.by_stream(Section::Windows, 0, 1)?;
        for (stream, order) in orders(run) {
            let engine = engine(&run.plan, &run.state.of(&stream))?;
            let windows = make(order, engine, saved.remove(&stream).and_then(|mut saved| saved.pop()));
            votes.insert(stream.clone(), Votes::new(labeler.spec().window, windows.settled()));
            each.insert(stream, windows);
        }
        let home = run.restored.home.clone();
        let tables = Arc::clone(&run.plan.tables);
        let begin = move |order| make(order, Engine::new(Arc::clone(&tables)), None);
        windows = Some(Streams::new(home, each, fresh_order(run), begin));
    }
    let (blocks, rest) = split(cut_windows(blocks, ticks, windows), |out| match out {
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
    let turns = vote_labels(answers, cuts, labeler.spec().window, votes);
    Ok((blocks, turns, Some(pieces.flat_map(|piece| piece))))
}

/// The order of a stream that knows nothing yet.
fn fresh_order(run: &Run) -> Order {
    order(run, &ResumePoints::new(), Micros::MIN)
}

/// The order of each stream, as the last commit left it.
fn orders(run: &Run) -> BTreeMap<StreamName, Order> {
    let restored = run.restored.streams.iter();
    restored.map(|(stream, (points, watermark))| (stream.clone(), order(run, points, *watermark))).collect()
}

fn order(run: &Run, resumed: &ResumePoints, watermark: Micros) -> Order {
    Order::new(run.plan.lateness_us, resumed, watermark).holding(LOOK_AHEAD_US).following(run.following)
}

/// The owner of the streams, as the last commit left it.
fn owner(run: &Run) -> Result<Owner, FlowError> {
    let mut each = BTreeMap::new();
    for (stream, order) in orders(run) {
        let making = Making::of(run);
        let attribute = making.restore(order, &run.state.of(&stream))?;
        each.insert(stream, attribute);
    }
    let (making, home) = (Making::of(run), run.restored.home.clone());
    let begin = move |order| making.make(order, Engine::new(Arc::clone(&making.plan.tables)), Vec::new());
    Ok(Owner::new(Streams::new(home, each, fresh_order(run), begin), run.totals))
}

/// The causal engine of a stream with what is settled, as the last commit left it.
fn engine(plan: &ReplayPlan, state: &State) -> Result<Engine, FlowError> {
    let tables = Arc::clone(&plan.tables);
    Ok(match state.pieces(Section::Engine, 0, 1).next() {
        Some(bytes) if plan.causal() => Engine::load(bytes, tables)?,
        _ => Engine::new(tables),
    })
}

/// What streams are made with.
struct Making {
    plan: Arc<ReplayPlan>,
    clusters: Option<Arc<Clusters>>,
    released: Arc<AtomicU64>,
}

impl Making {
    fn of(run: &Run) -> Making {
        let (clusters, released) = (run.clusters.clone(), Arc::clone(&run.shared.released));
        Making { plan: Arc::clone(&run.plan), clusters, released }
    }

    fn make(&self, order: Order, engine: Engine, open_sessions: Vec<(u64, Id, Micros)>) -> Attribute {
        let plan = &self.plan;
        let attributor = plan.causal().then(|| match (&self.clusters, &plan.live) {
            (Some(clusters), _) if plan.contexts => {
                let engine = plan.answers_needed().then(|| Box::new(engine));
                Attributor::Clusters(Arc::clone(clusters), engine)
            }
            (_, None) => Attributor::Causal(Box::new(engine)),
            (_, Some(_)) => Attributor::Live(Box::new(LiveCauses::new(engine))),
        });
        let sessions = plan.sessions.then(|| Sessions::new(plan.session_gap_us, open_sessions));
        Attribute::new(order, attributor, sessions).counting(Arc::clone(&self.released))
    }

    fn restore(&self, order: Order, state: &State) -> Result<Attribute, FlowError> {
        let engine = engine(&self.plan, state)?;
        let open_sessions: Vec<Vec<(u64, Id, Micros)>> = state.read(Section::OpenSessions, 0, 1)?;
        let mut attribute = self.make(order, engine, open_sessions.concat());
        for odd_ids in state.read(Section::OddIds, 0, 1)? {
            attribute.restore_odd_ids(odd_ids);
        }
        Ok(attribute)
    }
}

/// The state of the streams of a run and of the run itself, and that of others in the same folder.
pub(super) fn parted(state: State, ours: impl Fn(&StreamName) -> bool) -> (State, Vec<Saved>) {
    let of_run = |saved: &Saved| saved.stream == StreamName::default() || ours(&saved.stream);
    let (ours, others) = state.0.into_iter().partition(of_run);
    (State(ours), others)
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
