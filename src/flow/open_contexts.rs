//! Contexts that may still be joined, in little memory: most of them are quiet until they close.
//!
//! ```text
//!   an event joins ──▶ awake (maps, sets, text: about 5 KB) ── quiet for a while ──▶ at rest (as in saved state: under 1 KB)
//!                        ▲                                                              │
//!                        └───────────────────── an event joins, or it is told ──────────┘
//! ```
//! Invariants: a context is in one of both; whether it rests can not show, since waking it gives what was laid down. A context at
//! rest that does not read back fails the run rather than being lost ([`OpenContexts::failure`]).

use super::epoch::IdMap;
use super::parts::ContextPart;
use super::state::{Piece, Section};
use super::sums::HOUR_US;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A context that has been quiet for so long is laid to rest, microseconds.
const REST_US: i64 = 180_000_000;

/// A context that may still be joined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// All that was seen of it.
    pub part: ContextPart,
    /// Rows written so far.
    pub revision: u32,
    /// Something came since the last row.
    pub fresh: bool,
}

/// One at rest: what its closing is judged by, and the rest as saved state.
#[derive(Debug)]
struct Resting {
    start: Micros,
    last: Micros,
    background: bool,
    bytes: Bytes,
}

/// The open contexts of one worker.
#[derive(Debug, Default)]
pub struct OpenContexts {
    /// Boxed, since the map moves what it holds when it grows, and is half empty then.
    awake: IdMap<Id, Box<Open>>,
    resting: IdMap<Id, Resting>,
    failure: Option<String>,
}

/// Nothing can join any more: for a context no evidence reaches back to it, for a background stream its hour is over.
fn over(last: Micros, background: bool, watermark: Micros, horizon_us: i64) -> bool {
    match background {
        true => watermark >= last.floor(HOUR_US).plus(HOUR_US),
        false => watermark.since(last) > horizon_us,
    }
}

impl OpenContexts {
    /// Those of the last commit.
    pub fn new(saved: Vec<Open>) -> OpenContexts {
        let awake = saved.into_iter().map(|open| (open.part.context, Box::new(open))).collect();
        OpenContexts { awake, ..OpenContexts::default() }
    }

    /// Whether it is open.
    pub fn has(&self, context: Id) -> bool {
        self.awake.contains_key(&context) || self.resting.contains_key(&context)
    }

    /// The context; an empty one when it is not open yet.
    pub fn wake(&mut self, context: Id) -> &mut Open {
        if let Some(resting) = self.resting.remove(&context) {
            let open = self.read(&resting);
            self.awake.insert(context, Box::new(open));
        }
        self.awake.entry(context).or_default()
    }

    /// Lays down those that have been quiet for a while.
    pub fn rest(&mut self, now: Micros) {
        let quiet: Vec<(Id, Box<Open>)> =
            self.awake.extract_if(|_, open| now.since(open.part.last) >= REST_US).collect();
        quiet.into_iter().for_each(|(context, open)| self.lay(context, &open));
    }

    /// Lays one down.
    pub fn lay_down(&mut self, context: Id) {
        if let Some(open) = self.awake.remove(&context) {
            self.lay(context, &open);
        }
    }

    fn lay(&mut self, context: Id, open: &Open) {
        match postcard::to_stdvec(open) {
            Ok(bytes) => {
                let (start, last, background) = (open.part.start, open.part.last, open.part.background.is_some());
                self.resting
                    .insert(context, Resting { start, last, background, bytes: bytes.into_boxed_slice().into() });
            }
            Err(error) => self.failure = Some(format!("cannot lay a context down: {error}")),
        }
    }

    /// Takes out those that nothing can join any more, by their start.
    pub fn close(&mut self, watermark: Micros, horizon_us: i64) -> Vec<Open> {
        let ends = |open: &Open| over(open.part.last, open.part.background.is_some(), watermark, horizon_us);
        let mut closed: Vec<Open> = self.awake.extract_if(|_, open| ends(open)).map(|(_, open)| *open).collect();
        let rests = |one: &Resting| over(one.last, one.background, watermark, horizon_us);
        let resting: Vec<Resting> = self.resting.extract_if(|_, one| rests(one)).map(|(_, one)| one).collect();
        closed.extend(resting.iter().map(|one| self.read(one)));
        closed.sort_unstable_by_key(|open| (open.part.start, open.part.context));
        closed
    }

    /// All, by their start.
    pub fn in_order(&self) -> Vec<Id> {
        let awake = self.awake.iter().map(|(context, open)| (open.part.start, *context));
        let resting = self.resting.iter().map(|(context, one)| (one.start, *context));
        let mut all: Vec<(Micros, Id)> = awake.chain(resting).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, context)| context).collect()
    }

    /// The state of one, for a commit.
    pub fn save(&self, context: Id) -> Option<Piece> {
        let awake = self.awake.get(&context).map(|open| Piece::encode(Section::Context, context.0, &**open));
        let resting = || self.resting.get(&context).map(|one| one.bytes.clone());
        awake.or_else(|| Some(Piece::state(Section::Context, context.0, resting()?)))
    }

    /// What went wrong, if anything did.
    pub fn failure(&mut self) -> Option<Piece> {
        self.failure.take().map(Piece::Failed)
    }

    fn read(&mut self, resting: &Resting) -> Open {
        postcard::from_bytes(&resting.bytes).unwrap_or_else(|error| {
            self.failure = Some(format!("a context that was laid down does not read back: {error}"));
            Open::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_US: i64 = 60_000_000;
    const HORIZON_US: i64 = 60 * MINUTE_US;

    fn seen(context: u64, last_us: i64) -> ContextPart {
        ContextPart {
            context: Id(context),
            start: Micros(last_us),
            last: Micros(last_us),
            events: 1,
            verbs: [("get".to_owned(), 1)].into(),
            ..ContextPart::default()
        }
    }

    fn add(open: &mut OpenContexts, part: ContextPart) {
        open.wake(part.context).part.merge(part);
    }

    #[test]
    fn resting_changes_nothing() {
        let mut calm = OpenContexts::default();
        let mut restless = OpenContexts::default();
        for minute in 0..90 {
            let now = Micros(minute * MINUTE_US);
            for open in [&mut calm, &mut restless] {
                add(open, seen(minute as u64 % 7, now.0));
                add(open, seen(100 + minute as u64, now.0));
            }
            calm.rest(now);
            let saved = |open: &OpenContexts| open.in_order().iter().map(|id| open.save(*id)).collect::<Vec<_>>();
            assert_eq!(format!("{:?}", saved(&calm)), format!("{:?}", saved(&restless)));
            assert_eq!(calm.close(now, HORIZON_US), restless.close(now, HORIZON_US));
        }
        assert!(calm.resting.len() > 50 && calm.awake.len() < 12, "{} rest", calm.resting.len());
        assert!(calm.has(Id(6)) && calm.has(Id(189)) && !calm.has(Id(100)), "one closed an hour after its event");
        assert!(calm.failure().is_none());
    }

    #[test]
    fn what_does_not_read_back_fails_the_run() {
        let mut open = OpenContexts::default();
        add(&mut open, seen(1, 0));
        open.rest(Micros(10 * MINUTE_US));
        open.resting.values_mut().for_each(|one| one.bytes = Bytes::new());
        open.wake(Id(1));
        assert!(matches!(open.failure(), Some(Piece::Failed(_))));
    }
}
