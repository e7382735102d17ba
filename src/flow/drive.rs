//! The threads of a run: one that feeds, and workers that pass what they are given into their part of the dataflow.
//!
//! ```text
//! feed (thread) ─ Work, Tick ─▶ channel ─▶ worker 0: its part of the dataflow
//!               ─ Work, Tick ─▶ channel ─▶ worker 1: its part of the dataflow
//! ```
//! Timely has no flow control of its own: the channels are short, and [`wait_for_room`] lets the feed run only a few epochs
//! ahead of what has passed through, which bounds memory whatever the input.

use super::epoch::{Epoch, Flow, Tick};
use super::shared::{FlowError, Shared};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

/// Messages that may wait for a worker.
const MESSAGES_AHEAD: usize = 4;

/// Epochs that may be under way.
const EPOCHS_AHEAD: u64 = 3;

/// How long a worker waits for the feed before it looks at its dataflow again.
const BUSY_WAIT: Duration = Duration::from_micros(300);

/// The same when nothing is under way.
const IDLE_WAIT: Duration = Duration::from_millis(5);

/// What a worker gets.
#[derive(Debug)]
pub enum Message<W> {
    /// Something to do.
    Work(W),
    /// The epoch is complete.
    Tick(Tick),
}

/// The ways to all workers of this process, in their order.
pub type Workers<W> = [Sender<Message<W>>];

/// How a worker waits for its feed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The feed always has more until it ends: never long.
    Briefly,
    /// The feed follows something that may be silent: longer while nothing is under way.
    Idly,
}

/// Runs `work` on all workers, with `feed` in a thread of its own, until the feed has ended and everything it gave has passed
/// through. What fails is noted in `shared`. Returns what the feed returned, `false` where it failed.
///
/// # Errors
/// When threads cannot be started.
pub fn drive<W: Send + 'static>(
    threads: usize,
    shared: &Arc<Shared>,
    feed: impl FnOnce(&Workers<W>) -> Result<bool, FlowError> + Send + 'static,
    work: impl Fn(&mut Worker, &Receiver<Message<W>>) + Send + Sync + 'static,
) -> Result<bool, FlowError> {
    let threads = threads.max(1);
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..threads).map(|_| crossbeam_channel::bounded(MESSAGES_AHEAD)).unzip();
    let receivers: Mutex<Vec<Option<Receiver<Message<W>>>>> = Mutex::new(receivers.into_iter().map(Some).collect());
    let feed_shared = Arc::clone(shared);
    let feeder = std::thread::Builder::new()
        .name("feed".to_owned())
        .spawn(move || {
            feed(&senders).unwrap_or_else(|error| {
                feed_shared.fail(error);
                false
            })
        })
        .map_err(|e| FlowError::Start(e.to_string()))?;
    let workers = timely::execute(timely::Config::process(threads), move |worker| {
        let taken =
            receivers.lock().unwrap_or_else(PoisonError::into_inner).get_mut(worker.index()).and_then(Option::take);
        let _guard = AbortOnPanic;
        if let Some(messages) = taken {
            work(worker, &messages);
        }
    })
    .map_err(FlowError::Start)?;
    for result in workers.join() {
        if let Err(error) = result {
            shared.fail(FlowError::Start(error));
        }
    }
    Ok(feeder.join().unwrap_or(false))
}

/// The life of one worker: builds its part of the dataflow, then passes on what the feed sends until the feed ends.
pub fn pump<W: Clone + 'static>(
    worker: &mut Worker,
    messages: &Receiver<Message<W>>,
    waiting: Waiting,
    shared: &Shared,
    build: impl for<'s> FnOnce(Flow<'s, W>, Flow<'s, Tick>) -> Result<Flow<'s, ()>, FlowError>,
) {
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
        return;
    }
    let mut epoch: Epoch = 0;
    loop {
        // While epochs are under way, other workers may send us something at any time; otherwise only the feed can.
        let busy = waiting == Waiting::Briefly || probe.less_than(&epoch);
        match messages.recv_timeout(if busy { BUSY_WAIT } else { IDLE_WAIT }) {
            Ok(Message::Work(item)) => {
                work.send(item);
                work.flush();
            }
            Ok(Message::Tick(tick)) => {
                ticks.send(tick);
                epoch += 1;
                work.advance_to(epoch);
                ticks.advance_to(epoch);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        worker.step();
    }
    drop((work, ticks));
    while !probe.done() {
        worker.step_or_park(Some(Duration::from_millis(1)));
    }
}

/// Tells all workers that an epoch is complete; false when the run has failed.
pub fn tell_all<W>(workers: &Workers<W>, tick: &Tick) -> bool {
    workers.iter().all(|worker| worker.send(Message::Tick(tick.clone())).is_ok())
}

/// Waits until few enough epochs are under way; false when the run has failed.
pub fn wait_for_room(epoch: Epoch, shared: &Shared) -> bool {
    while epoch >= shared.epochs_done.load(Ordering::Acquire) + EPOCHS_AHEAD {
        if shared.failed() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    !shared.failed()
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
