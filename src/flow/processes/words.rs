//! What the feeds of the processes tell each other, over a small dataflow of its own beside the one of the events.
//!
//! ```text
//! feed ─ Standing, notes, end ─▶ Peers ─ Word ─▶ first worker ─▶ broadcast ─▶ first worker of each process ─▶ Peers ─▶ feed
//! ```
//! A word says all there is to say, so a later one replaces it; only notes are said once. Words carry no position: what counts for a
//! commit travels with the events, in their epochs.

use super::ProcessesError;
use crate::audit::time::Micros;
use crate::flow::epoch::Epoch;
use crate::flow::shared::{FlowError, Shared};
use crate::source::kafka::KafkaError;
use crate::source::kafka::status::least;
use crate::source::stream::StreamName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use timely::dataflow::InputHandleVec;
use timely::dataflow::operators::{Input, Inspect, vec::Broadcast};
use timely::worker::Worker;

/// Time between two words.
const EVERY: Duration = Duration::from_millis(50);

/// Where the feed of a process stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Messages read in this run.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Event time of its partition that is furthest behind, of those that are read in step.
    pub newest: BTreeMap<StreamName, Micros>,
    /// It was told to stop.
    pub stopping: bool,
    /// Everything of a bounded run that is its own was dealt before this epoch.
    pub drained: Option<Epoch>,
    /// Newest commit, where it is the one that commits.
    pub commit: u64,
}

/// Why a process failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Failure {
    /// A topic was made anew: all begin again.
    Recreated(String),
    /// Anything else, in words.
    Said(String),
}

/// All that a process tells.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Word {
    process: usize,
    standing: Standing,
    notes: Vec<String>,
    failure: Option<Failure>,
    /// No epoch follows; whether the input was read to its end.
    end: Option<bool>,
}

/// The processes of a run, as one of them knows them.
#[derive(Debug)]
pub struct Peers {
    process: usize,
    addresses: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    own: Word,
    said: Option<Instant>,
    /// The newest word of each process but this one.
    heard: Vec<Option<Word>>,
    notes: Vec<String>,
}

impl Peers {
    /// Nobody has said anything.
    pub fn new(process: usize, addresses: Vec<String>) -> Peers {
        let heard = addresses.iter().map(|_| None).collect();
        let own = Word { process, ..Word::default() };
        Peers { process, addresses, state: Mutex::new(State { own, heard, ..State::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the process that commits and decides.
    pub fn leads(&self) -> bool {
        self.process == 0
    }

    /// Number of processes.
    pub fn count(&self) -> usize {
        self.addresses.len()
    }

    /// Where this process stands.
    pub fn stand(&self, standing: Standing) {
        let mut state = self.state();
        let urgent = (state.own.standing.stopping, state.own.standing.drained) != (standing.stopping, standing.drained);
        state.own.standing = standing;
        if urgent {
            state.said = None;
        }
    }

    /// Something that the manifest is to tell, for the process that commits.
    pub fn note(&self, note: String) {
        self.state().own.notes.push(note);
    }

    /// What others want the manifest to tell.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notes)
    }

    /// No epoch follows the last one.
    pub fn end(&self, drained: bool) {
        let mut state = self.state();
        state.own.end = Some(drained);
        state.said = None;
    }

    /// Whether process 0 has ended the run, and whether the input was read to its end.
    pub fn ended(&self) -> Option<bool> {
        self.state().heard.first()?.as_ref()?.end
    }

    /// This process has failed: the others are to know why.
    fn fail(&self, error: &FlowError) {
        let mut state = self.state();
        if state.own.failure.is_none() {
            state.own.failure = Some(match error {
                FlowError::Kafka(KafkaError::Recreated { topic }) => Failure::Recreated(topic.clone()),
                other => Failure::Said(other.to_string()),
            });
            state.said = None;
        }
    }

    /// The failure of another process.
    fn failure(&self) -> Option<FlowError> {
        let state = self.state();
        let word = state.heard.iter().flatten().find(|word| word.failure.is_some())?;
        Some(match word.failure.clone()? {
            Failure::Recreated(topic) => KafkaError::Recreated { topic }.into(),
            Failure::Said(said) => {
                let address = self.addresses.get(word.process).cloned().unwrap_or_default();
                ProcessesError::Failed { process: word.process, address, said }.into()
            }
        })
    }

    /// What the others have read in this run: messages and bytes.
    pub fn others_read(&self) -> (u64, u64) {
        let state = self.state();
        let standings = state.heard.iter().flatten().map(|word| &word.standing);
        standings.fold((0, 0), |(rows, bytes), standing| (rows + standing.rows, bytes + standing.bytes))
    }

    /// Event time of the partition of the others that is furthest behind, of those that are read in step.
    pub fn others_newest(&self) -> BTreeMap<StreamName, Micros> {
        let state = self.state();
        let all = state.heard.iter().flatten().flat_map(|word| &word.standing.newest);
        least(all.map(|(stream, newest)| (stream.clone(), *newest)))
    }

    /// Whether any other process was told to stop.
    pub fn others_stop(&self) -> bool {
        self.state().heard.iter().flatten().any(|word| word.standing.stopping)
    }

    /// Whether everything of the others was dealt before `epoch`.
    pub fn others_drained(&self, epoch: Epoch) -> bool {
        let state = self.state();
        let drained = state.heard.iter().flatten().filter(|word| word.standing.drained.is_some_and(|at| at <= epoch));
        drained.count() + 1 == self.addresses.len()
    }

    /// Newest commit that process 0 has told of.
    pub fn commit(&self) -> u64 {
        self.state().heard.first().and_then(Option::as_ref).map_or(0, |word| word.standing.commit)
    }

    /// What is to be said now, if anything.
    fn due(&self) -> Option<Word> {
        let mut state = self.state();
        if state.said.is_some_and(|said| said.elapsed() < EVERY) {
            return None;
        }
        state.said = Some(Instant::now());
        let word = state.own.clone();
        state.own.notes.clear();
        Some(word)
    }

    fn hear(&self, mut word: Word) {
        if word.process == self.process {
            return;
        }
        let mut state = self.state();
        state.notes.append(&mut word.notes);
        if let Some(slot) = state.heard.get_mut(word.process) {
            *slot = Some(word);
        }
    }
}

/// The part of one worker in the conversation. The first worker of each process speaks and listens.
pub struct Talk {
    peers: Arc<Peers>,
    words: Option<InputHandleVec<u64, Word>>,
}

impl Talk {
    /// Joins the conversation. `first`: this is the first worker of its process.
    pub fn join(worker: &mut Worker, peers: &Arc<Peers>, first: bool) -> Talk {
        let mut words = InputHandleVec::new();
        let listener = first.then(|| Arc::clone(peers));
        worker.dataflow::<u64, _, _>(|scope| {
            scope.input_from(&mut words).broadcast().inspect(move |word: &Word| {
                if let Some(peers) = &listener {
                    peers.hear(word.clone());
                }
            });
        });
        Talk { peers: Arc::clone(peers), words: first.then_some(words) }
    }

    /// Says what is to be said, a failure of this process included, and notes the failure of another one.
    pub fn go_on(&mut self, shared: &Shared) {
        let Some(words) = &mut self.words else { return };
        shared.look_at_failure(|error| self.peers.fail(error));
        if let Some(word) = self.peers.due() {
            words.send(word);
            words.flush();
        }
        if let Some(failure) = self.peers.failure() {
            shared.fail(failure);
        }
    }
}
