//! Operator: windows to the model and answers back, while the dataflow goes on.
//!
//! ```text
//! chunks (any worker) ─▶ queue ─ batches ─▶ inference thread: one session ─▶ answers ─▶ output
//!                          │  ▲                                                │
//!                          │  └──────────── wakes the operator ◀───────────────┘
//!                          └─ holds the capability of each window until its answer is out
//! ```
//! A batch goes out as soon as the thread has room for it, with whatever windows there are, of any epochs, up to the batch size:
//! small batches when there is little to do, full ones when there is much, and no window ever waits for company. At most
//! two batches are with the thread; the queue is bounded by the epochs that the feed lets run ahead.

use super::epoch::{Epoch, Flow};
use super::windows::Chunk;
use crate::model::labeler::{Answers, Labeler};
use crate::model::vote::Word;
use crate::model::windows::Window;
use crate::source::stream::StreamName;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::scheduling::activate::SyncActivator;

/// Batches that may be with the thread.
const BATCHES_AHEAD: usize = 2;

/// What the model says of a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The stream of the window.
    pub stream: StreamName,
    /// Number of the window's first event.
    pub start: u64,
    /// One word for each of its events.
    pub words: Vec<Word>,
}

/// The thread, as the operator sees it.
struct Thread {
    batches: Sender<Vec<Window>>,
    answers: Receiver<Answers>,
}

impl Thread {
    /// Starts a thread with a session of its own. It ends when the operator is dropped.
    fn start(labeler: &Arc<Labeler>, wake: SyncActivator) -> std::io::Result<Thread> {
        let (batches, work) = crossbeam_channel::bounded::<Vec<Window>>(BATCHES_AHEAD);
        let (done, answers) = crossbeam_channel::unbounded();
        let labeler = Arc::clone(labeler);
        std::thread::Builder::new().name("infer".to_owned()).spawn(move || {
            let mut session = labeler.session();
            for windows in work {
                let found = match &mut session {
                    Ok(session) => session.answer(&windows),
                    Err(error) => Answers { words: windows.iter().map(|_| None).collect(), error: Some(error.clone()) },
                };
                let failed = found.words.iter().filter(|words| words.is_none()).count() as u64;
                if failed > 0 {
                    labeler.count_failed(failed);
                    let why = found.error.as_ref().map(ToString::to_string).unwrap_or_default();
                    tracing::warn!("{failed} windows stay without labels: {why}");
                }
                // Nobody is there to be told when the dataflow has ended.
                if done.send(found).is_err() || wake.activate().is_err() {
                    return;
                }
            }
        })?;
        Ok(Thread { batches, answers })
    }
}

/// Windows that wait, each with the right to answer in its epoch.
type Queue = VecDeque<(Ticket, Window)>;

/// The right to answer a window of a stream in its epoch.
type Ticket = (Capability<Epoch>, StreamName);

/// The operator. Without a model there are no chunks.
///
/// # Errors
/// When no thread can be started.
pub fn infer_windows<'s>(chunks: Flow<'s, Chunk>, labeler: &Arc<Labeler>) -> std::io::Result<Flow<'s, Answer>> {
    let scope = chunks.scope();
    let mut failure = None;
    let batch = labeler.batch().max(1);
    let route = Exchange::new(|chunk: &Chunk| chunk.number);
    let answers = chunks.unary::<CapacityContainerBuilder<Vec<Answer>>, _, _, _>(route, "Infer", |_, info| {
        let wake = scope.worker().sync_activator_for(info.address.to_vec());
        let thread = Thread::start(labeler, wake).map_err(|error| failure = Some(error)).ok();
        let mut queue: Queue = VecDeque::new();
        let mut sent: VecDeque<Vec<(Ticket, u64)>> = VecDeque::new();
        move |input, output| {
            input.for_each(|time, chunks| {
                let capability = time.retain(0);
                for Chunk { stream, windows, .. } in chunks.drain(..) {
                    let ticket = || (capability.clone(), stream.clone());
                    queue.extend(windows.into_iter().map(|window| (ticket(), window)));
                }
            });
            let Some(thread) = &thread else {
                queue.clear();
                return;
            };
            for found in thread.answers.try_iter() {
                for (((capability, stream), start), words) in sent.pop_front().into_iter().flatten().zip(found.words) {
                    if let Some(words) = words {
                        output.session(&capability).give(Answer { stream, start, words });
                    }
                }
            }
            while sent.len() < BATCHES_AHEAD && !queue.is_empty() {
                let part: Queue = queue.drain(..batch.min(queue.len())).collect();
                let (tickets, windows): (Vec<_>, Vec<_>) =
                    part.into_iter().map(|(ticket, window)| ((ticket, window.start), window)).unzip();
                match thread.batches.try_send(windows) {
                    Ok(()) => sent.push_back(tickets),
                    // There is always room for as many as are ahead; a thread that is gone leaves its windows unlabelled.
                    Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => drop(tickets),
                }
            }
        }
    });
    failure.map_or(Ok(answers), Err)
}
