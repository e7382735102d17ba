//! Which worker gets the next block. Where one of them owns the streams it has other work too, and gets fewer.
//!
//! ```text
//!   two workers:   1 · 1 0 1 0 1 · 1 0 1 0      · the owner passes
//!   four:          1 2 3 · 1 2 3 · 1 2 3 0
//! ```
//! Invariant: who gets a block depends on nothing but the blocks before it, so the same input gives the same files.

/// What the owner of the streams spends on them, as a part of all the time that a replay takes: one of so many. Measured on two
/// workers: 16 %.
const OWNERS_PART: usize = 6;

/// Deals blocks to workers in turn.
#[derive(Clone, Debug)]
pub struct Dealer {
    workers: usize,
    next: usize,
    /// Whether worker 0 has the streams to see to.
    owner_busy: bool,
    /// Sixths of a block that the owner has coming.
    credit: usize,
}

impl Dealer {
    /// For so many workers. An owner that is busy comes last: its work begins when blocks are decoded.
    pub fn new(workers: usize, owner_busy: bool) -> Dealer {
        let owner_busy = owner_busy && workers > 1;
        Dealer { workers: workers.max(1), next: usize::from(owner_busy), owner_busy, credit: 0 }
    }

    /// The worker that gets the next block.
    pub fn turn(&mut self) -> usize {
        if self.next == 0 && self.owner_busy {
            // All have the same to do when the owner gets 1 − n/6 of a block for each one of another worker.
            self.credit += OWNERS_PART.saturating_sub(self.workers);
            if self.credit < OWNERS_PART {
                self.next = 1;
            } else {
                self.credit -= OWNERS_PART;
            }
        }
        let turn = self.next;
        self.next = (turn + 1) % self.workers;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(workers: usize, owner_busy: bool) -> Vec<usize> {
        let mut dealer = Dealer::new(workers, owner_busy);
        let mut shares = vec![0; workers];
        (0..6000).for_each(|_| shares[dealer.turn()] += 1);
        shares
    }

    #[test]
    fn the_owner_gets_what_its_streams_leave_it_time_for() {
        assert_eq!(shares(2, true), [2400, 3600]);
        assert_eq!(shares(3, true), [1200, 2400, 2400]);
        assert_eq!(shares(6, true), [0, 1200, 1200, 1200, 1200, 1200]);
        assert_eq!(shares(1, true), [6000], "a worker alone does all");
        assert_eq!(shares(3, false), [2000, 2000, 2000]);
    }

    #[test]
    fn nobody_waits_long() {
        let mut dealer = Dealer::new(2, true);
        let turns: Vec<usize> = (0..10).map(|_| dealer.turn()).collect();
        assert_eq!(turns, [1, 1, 0, 1, 0, 1, 1, 0, 1, 0]);
    }
}
