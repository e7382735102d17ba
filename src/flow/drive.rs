//! The threads of a run: one that feeds, and workers that pass what they are given into their part of the dataflow.
//!
//! ```text
//! feed (thread) ─ Work, Tick ─▶ channel ─▶ worker 0: its part of the dataflow
//!               ─ Work, Tick ─▶ channel ─▶ worker 1: its part of the dataflow
//! ```
//! Timely has no flow control of its own: the channels are short, and [`wait_for_room`] lets the feed run only a few epochs
//! ahead of what has passed through, which bounds memory whatever the input.
//!
//! Of a run of several processes ([`super::processes`]) each has its own feed and its own channels; the dataflow spans all workers.

use super::epoch::{Epoch, Flow, Tick};
use super::mailbox::{Letters, Mailbox, Message, mailbox};
use super::processes::link::Links;
use super::processes::words::{Peers, Talk};
use super::shared::{FlowError, Shared};
use crossbeam_channel::TryRecvError;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

/// Messages that may wait for a worker.
const MESSAGES_AHEAD: usize = 4;

/// Epochs that may be under way.
const EPOCHS_AHEAD: u64 = 3;

/// How long a worker of several processes rests while epochs are under way: it passes on what its feed tells the others, which wakes nobody.
const BRIEF_REST: Duration = Duration::from_micros(300);

/// How long a worker rests otherwise, unless something wakes it.
const REST: Duration = Duration::from_millis(5);

/// How long other processes are told of a failure.
const TELLING: Duration = Duration::from_millis(300);

/// The ways to all workers of this process, in their order.
pub type Workers<W> = [Mailbox<W>];

/// The workers of this process, and its connections where it is one of several.
pub struct Team {
    threads: usize,
    links: Option<Links>,
}

impl Team {
    /// So many threads, at least one, with these connections.
    pub fn new(threads: usize, links: Option<Links>) -> Team {
        Team { threads: threads.max(1), links }
    }
}

impl From<usize> for Team {
    /// So many threads of one process alone.
    fn from(threads: usize) -> Team {
        Team::new(threads, None)
    }
}

/// Runs `work` on all workers of this process, with `feed` in a thread of its own, until the feed has ended and everything it gave
/// has passed through. What fails is noted in `shared`. Returns what the feed returned, `false` where it failed.
///
/// # Errors
/// When threads cannot be started.
pub fn drive<W: Send + 'static>(
    team: impl Into<Team>,
    shared: &Arc<Shared>,
    feed: impl FnOnce(&Workers<W>) -> Result<bool, FlowError> + Send + 'static,
    work: impl Fn(&mut Worker, &Letters<W>) + Send + Sync + 'static,
) -> Result<bool, FlowError> {
    let Team { threads, links } = team.into();
    let first = links.as_ref().map_or(0, |links| links.process * threads);
    let (builders, network) = match links {
        None => {
            let builders = timely::CommunicationConfig::Process(threads).try_build().map_err(FlowError::Start)?.0;
            (builders, None)
        }
        Some(links) => {
            let (builders, network) =
                links.builders(threads, shared).map_err(|error| FlowError::Start(error.to_string()))?;
            (builders, Some(network))
        }
    };
    let (mailboxes, letters): (Vec<_>, Vec<_>) = (0..threads).map(|_| mailbox(MESSAGES_AHEAD)).unzip();
    let letters: Mutex<Vec<Option<Letters<W>>>> = Mutex::new(letters.into_iter().map(Some).collect());
    let feed_shared = Arc::clone(shared);
    let feeder = std::thread::Builder::new()
        .name("feed".to_owned())
        .spawn(move || {
            feed(&mailboxes).unwrap_or_else(|error| {
                feed_shared.fail(error);
                false
            })
        })
        .map_err(|e| FlowError::Start(e.to_string()))?;
    let workers =
        timely::execute::execute_from(builders, Box::new(()), timely::WorkerConfig::default(), move |worker| {
            let local = worker.index().checked_sub(first);
            let mut all = letters.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = local.and_then(|local| all.get_mut(local)).and_then(Option::take);
            drop(all);
            let _guard = AbortOnPanic;
            if let Some(letters) = taken {
                letters.take();
                work(worker, &letters);
            }
        })
        .map_err(FlowError::Start)?;
    for result in workers.join() {
        if let Err(error) = result {
            shared.fail(FlowError::Start(error));
        }
    }
    let fed = feeder.join().unwrap_or(false);
    if shared.failed() {
        // Its threads rest, or wait for others that may never say farewell.
        std::mem::forget(network);
    }
    Ok(fed)
}

/// The life of one worker: builds its part of the dataflow, then passes on what the feed sends until the feed ends.
pub fn pump<W: Clone + 'static>(
    worker: &mut Worker,
    letters: &Letters<W>,
    shared: &Shared,
    build: impl for<'s> FnOnce(Flow<'s, W>, Flow<'s, Tick>) -> Result<Flow<'s, ()>, FlowError>,
) {
    let mut company = shared.peers.as_ref().map(|peers| Company::join(worker, peers));
    let mut work = InputHandle::new();
    let mut ticks = InputHandle::new();
    let probe = ProbeHandle::new();
    let built = worker.dataflow::<Epoch, _, _>(|scope| {
        let work = scope.input_from(&mut work);
        let ticks = scope.input_from(&mut ticks);
        build(work, ticks).map(|done| {
            done.probe_with(&probe);
        })
    });
    if let Err(error) = built {
        shared.fail(error);
        leave(worker, company, shared);
        return;
    }
    let mut epoch: Epoch = 0;
    loop {
        let rest = match letters.next() {
            Ok(Message::Work(item)) => {
                work.send(item);
                work.flush();
                Duration::ZERO
            }
            Ok(Message::Tick(tick)) => {
                ticks.send(tick);
                epoch += 1;
                work.advance_to(epoch);
                ticks.advance_to(epoch);
                Duration::ZERO
            }
            Err(TryRecvError::Empty) if company.is_some() && probe.less_than(&epoch) => BRIEF_REST,
            Err(TryRecvError::Empty) => REST,
            Err(TryRecvError::Disconnected) => break,
        };
        // It rests only where the dataflow has nothing to do either.
        worker.step_or_park(Some(rest));
        if let Some(company) = &mut company {
            company.go_on(&probe, shared);
            if shared.failed() {
                break;
            }
        }
    }
    drop((work, ticks));
    while !probe.done() {
        if company.is_some() && shared.failed() {
            break;
        }
        worker.step_or_park(Some(Duration::from_millis(1)));
        if let Some(company) = &mut company {
            company.go_on(&probe, shared);
        }
    }
    leave(worker, company, shared);
}

/// What a worker has to do with other processes.
struct Company {
    talk: Talk,
    /// Where no commit of this process tells how far everything is, the worker's own probe does.
    follows: bool,
}

impl Company {
    fn join(worker: &mut Worker, peers: &Arc<Peers>) -> Company {
        let threads = worker.peers() / peers.count().max(1);
        let first = worker.index().is_multiple_of(threads.max(1));
        Company { talk: Talk::join(worker, peers, first), follows: first && !peers.leads() }
    }

    fn go_on(&mut self, probe: &ProbeHandle<Epoch>, shared: &Shared) {
        self.talk.go_on(shared);
        let passed = probe.with_frontier(|frontier| frontier.first().and_then(|epoch| epoch.checked_sub(1)));
        if let Some(passed) = passed.filter(|_| self.follows) {
            shared.passed(passed);
        }
    }
}

/// The end of a worker that has company: all have to end. After a failure nobody is waited for, once the others are told why.
fn leave(worker: &mut Worker, company: Option<Company>, shared: &Shared) {
    let Some(mut company) = company else { return };
    if !shared.failed() {
        drop(company);
        while worker.has_dataflows() && !shared.failed() {
            worker.step_or_park(Some(Duration::from_millis(1)));
        }
    } else {
        let told = Instant::now();
        while told.elapsed() < TELLING {
            company.talk.go_on(shared);
            worker.step_or_park(Some(Duration::from_millis(1)));
        }
    }
    for dataflow in worker.installed_dataflows() {
        worker.drop_dataflow(dataflow);
    }
}

/// Tells all workers that an epoch is complete; false when the run has failed.
pub fn tell_all<W>(workers: &Workers<W>, tick: &Tick) -> bool {
    workers.iter().all(|worker| worker.send(Message::Tick(tick.clone())).is_ok())
}

/// Whether few enough epochs are under way.
pub fn has_room(epoch: Epoch, shared: &Shared) -> bool {
    epoch < shared.epochs_done.load(Ordering::Acquire) + EPOCHS_AHEAD
}

/// Waits until few enough epochs are under way; false when the run has failed.
pub fn wait_for_room(epoch: Epoch, shared: &Shared) -> bool {
    let mut pauses = Pauses::default();
    while !has_room(epoch, shared) {
        if shared.failed() {
            return false;
        }
        pauses.wait();
    }
    !shared.failed()
}

/// Pauses of a feed that waits for room. They grow: where epochs are quick none is kept waiting, and where they take long (a label model at
/// every event) looking costs nothing. The longest is short beside the epochs that are still under way meanwhile.
pub struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Pauses(Duration::from_micros(200))
    }
}

impl Pauses {
    /// Waits for the next pause to pass.
    pub fn wait(&mut self) {
        const LONGEST: Duration = Duration::from_millis(3);
        std::thread::sleep(self.0);
        self.0 = LONGEST.min(self.0 * 2);
    }
}

/// Ends the process when its thread panics: the other workers would wait for ever for what this one owed them.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
