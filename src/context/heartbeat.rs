//! Periodicity of one actor's request for one object: the last four gaps agree within a factor of 1.6.

use super::memory::ByHash;
use super::undo::{Change, Journal};
use crate::audit::time::Micros;

/// Shortest gap of a period, microseconds: a busy controller is faster.
const SHORTEST_US: i64 = 500_000;
/// Longest gap of a period, microseconds.
const LONGEST_US: i64 = 400_000_000;
/// The largest gap may be this many tenths of the smallest.
const SPREAD_TENTHS: i64 = 16;
/// Fewest new requests between two rounds of forgetting.
const FORGET_AFTER: usize = 1024;
/// Times that are kept: four gaps.
const TIMES: usize = 5;

/// The last times of each request that may be periodic.
#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    seen: ByHash<[i64; TIMES]>,
    /// How many the last round of forgetting left.
    kept: usize,
}

/// One entry in saved state.
pub(super) type SavedBeat = (u64, [i64; TIMES]);

/// An entry as it was; `None` when there was none.
pub(super) type BeatBefore = (u64, Option<[i64; TIMES]>);

impl Heartbeats {
    /// Notes a request and says whether it keeps a period.
    pub fn beat(&mut self, key: u64, at: Micros, journal: &mut Journal) -> bool {
        journal.touch(key);
        journal.note(|| Change::Beat((key, self.seen.get(&key).copied())));
        let times = self.seen.entry(key).or_insert([i64::MIN; TIMES]);
        times.rotate_left(1);
        times[TIMES - 1] = at.0;
        if times[0] == i64::MIN {
            return false;
        }
        let gaps = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let (least, most) = gaps.fold((i64::MAX, 0), |(least, most), gap| (least.min(gap), most.max(gap)));
        least > SHORTEST_US && most < LONGEST_US && most.saturating_mul(10) <= least.saturating_mul(SPREAD_TENTHS)
    }

    /// Takes a change back.
    pub fn undo(&mut self, (key, before): BeatBefore) {
        match before {
            Some(times) => self.seen.insert(key, times),
            None => self.seen.remove(&key),
        };
    }

    /// Drops what was last seen so long ago that it must start anew anyway, once enough are new to pay for looking at all.
    pub fn forget(&mut self, watermark: Micros) {
        if self.seen.len() >= self.kept + FORGET_AFTER.max(self.kept / 2) {
            self.seen.retain(|_, times| watermark.0.saturating_sub(times[TIMES - 1]) < LONGEST_US);
            self.kept = self.seen.len();
        }
    }

    pub fn save(&self) -> Vec<SavedBeat> {
        let mut all: Vec<SavedBeat> = self.seen.iter().map(|(&key, &times)| (key, times)).collect();
        all.sort_unstable();
        all
    }

    pub fn load(saved: Vec<SavedBeat>) -> Heartbeats {
        Heartbeats { seen: saved.into_iter().collect(), kept: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_equal_gaps_make_a_period() {
        let mut beats = Heartbeats::default();
        let said: Vec<bool> = (0..6).map(|n| beats.beat(1, Micros(n * 2_000_000), &mut Journal::default())).collect();
        assert_eq!(said, [false, false, false, false, true, true]);
        assert!(!beats.beat(1, Micros(15_000_000), &mut Journal::default()), "a gap of 5 s among gaps of 2 s");
    }

    #[test]
    fn bursts_are_no_period() {
        let mut beats = Heartbeats::default();
        assert!((0..10).all(|n| !beats.beat(1, Micros(n * 1000), &mut Journal::default())));
    }
}
