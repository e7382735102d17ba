//! Windows over a stream of events in order.
//!
//! ```text
//! rows   0 1 2 3 4 5 6 7 8 9 …          window 4, stride 2
//!        └─────┘
//!            └─────┘
//!                └─────┘                 next = 6: rows below 6 are complete, no window to come holds them
//! ```
//! Windows start at multiples of the stride, counted from the stream's first event, so where they lie does not depend on when
//! the program was stopped. At the end of the input one more window covers the last events; it is filled up with unknown rows
//! when the stream is shorter than a window.
//!
//! Invariant: what is saved at `settled` (the rows of one window less one before it) is enough to cut every window that holds a
//! later row.

use super::features::UNKNOWN;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Number of its first row in the stream.
    pub start: u64,
    /// Its rows, one after the other.
    pub rows: Vec<u16>,
    /// How many of its rows are events; the rest fills it up.
    pub events: usize,
}

/// Cuts windows.
#[derive(Clone, Debug)]
pub struct Cutter {
    window: usize,
    stride: usize,
    width: usize,
    /// Number of the first row that is kept.
    first: u64,
    rows: VecDeque<Vec<u16>>,
    /// Start of the next window.
    next: u64,
}

impl Cutter {
    /// Windows of `window` rows of `width` numbers, one every `stride` rows; each of the three at least 1.
    pub fn new(window: usize, stride: usize, width: usize) -> Cutter {
        let (window, stride) = (window.max(1), stride.clamp(1, window.max(1)));
        Cutter { window, stride, width: width.max(1), first: 0, rows: VecDeque::new(), next: 0 }
    }

    /// Goes on at row `settled`, given the rows before it that [`Cutter::tail`] saved.
    pub fn resume(mut self, settled: u64, tail: Vec<Vec<u16>>) -> Cutter {
        self.first = settled.saturating_sub(tail.len() as u64);
        self.rows = tail.into();
        self.next = self.first_window_with(settled).max(self.first.next_multiple_of(self.stride as u64));
        self
    }

    /// Takes the next row.
    pub fn push(&mut self, row: Vec<u16>) {
        self.rows.push_back(row);
    }

    /// Number of rows so far.
    pub fn len(&self) -> u64 {
        self.first + self.rows.len() as u64
    }

    /// Whether there was no row yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The windows that are complete.
    pub fn cut(&mut self, windows: &mut Vec<Window>) {
        while self.next + self.window as u64 <= self.len() {
            windows.push(self.window_at(self.next));
            self.next += self.stride as u64;
        }
    }

    /// The windows that are complete, and one that covers the last rows if no other does: nothing follows.
    pub fn finish(&mut self, windows: &mut Vec<Window>) {
        self.cut(windows);
        // the end of the last window that was cut
        let covered = (self.next + self.window as u64).saturating_sub(self.stride as u64);
        let (len, any) = (self.len(), self.next > 0);
        if len > 0 && (!any || covered < len) {
            windows.push(self.window_at(len.saturating_sub(self.window as u64).max(self.first)));
        }
        self.next = self.first_window_with(len);
    }

    /// Rows below this one are in no window to come, at least if [`Cutter::finish`] was not called.
    pub fn complete(&self) -> u64 {
        self.next
    }

    /// The rows that windows with row `settled` or later ones may hold, before it.
    pub fn tail(&self, settled: u64) -> Vec<Vec<u16>> {
        let from = settled.saturating_sub(self.window as u64 - 1).max(self.first);
        let skipped = (from - self.first) as usize;
        self.rows.iter().skip(skipped).take(settled.saturating_sub(from) as usize).cloned().collect()
    }

    /// Forgets rows that neither windows to come nor [`Cutter::tail`] of `settled` or later need.
    pub fn forget(&mut self, settled: u64) {
        let keep = settled.saturating_sub(self.window as u64 - 1).min(self.next);
        while self.first < keep && self.rows.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Start of the first window that holds row `row`.
    fn first_window_with(&self, row: u64) -> u64 {
        (row + 1).saturating_sub(self.window as u64).next_multiple_of(self.stride as u64)
    }

    fn window_at(&self, start: u64) -> Window {
        let skipped = start.saturating_sub(self.first) as usize;
        let held = self.rows.iter().skip(skipped).take(self.window);
        let (mut rows, mut events) = (Vec::with_capacity(self.window * self.width), 0);
        for row in held {
            rows.extend_from_slice(row);
            events += 1;
        }
        rows.resize(self.window * self.width, UNKNOWN);
        Window { start, rows, events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All windows of rows 0, 1, 2 … `len`, cut in steps.
    fn windows(len: u64, window: usize, stride: usize, step: u64) -> Vec<Window> {
        let (mut cutter, mut cut) = (Cutter::new(window, stride, 1), Vec::new());
        for row in 0..len {
            cutter.push(vec![row as u16]);
            if row % step == 0 {
                cutter.cut(&mut cut);
                cutter.forget(cutter.complete());
            }
        }
        cutter.finish(&mut cut);
        cut
    }

    #[test]
    fn a_short_stream_is_one_window_filled_up() {
        assert_eq!(windows(2, 4, 2, 1), [Window { start: 0, rows: vec![0, 1, UNKNOWN, UNKNOWN], events: 2 }]);
        assert_eq!(windows(0, 4, 2, 1), []);
    }

    #[test]
    fn the_last_events_have_a_window_of_their_own() {
        let starts = |len| windows(len, 4, 2, 1).iter().map(|w| w.start).collect::<Vec<_>>();
        assert_eq!(starts(8), [0, 2, 4]);
        assert_eq!(starts(9), [0, 2, 4, 5]);
    }

    proptest! {
        #[test]
        fn every_row_is_in_a_window_however_it_is_cut(len in 0u64..60, window in 1usize..12, stride in 1usize..12, step in 1u64..9) {
            let cut = windows(len, window, stride, step);
            prop_assert_eq!(&cut, &windows(len, window, stride, 1));
            for row in 0..len {
                prop_assert!(cut.iter().any(|w| w.start <= row && row < w.start + window as u64), "row {} of {:?}", row, cut);
            }
            for w in &cut {
                let held: Vec<u16> = (w.start..(w.start + window as u64).min(len)).map(|row| row as u16).collect();
                prop_assert_eq!(&w.rows[..w.events], &held[..]);
            }
        }

        #[test]
        fn a_restart_cuts_every_window_of_what_was_not_settled(
            len in 0u64..60, at in 0u64..60, window in 1usize..12, stride in 1usize..12
        ) {
            let mut before = Cutter::new(window, stride, 1);
            let mut cut = Vec::new();
            for row in 0..at.min(len) {
                before.push(vec![row as u16]);
            }
            before.cut(&mut cut);
            let settled = before.complete().min(before.len());
            before.forget(settled);
            let mut after = Cutter::new(window, stride, 1).resume(settled, before.tail(settled));
            for row in settled..len {
                after.push(vec![row as u16]);
            }
            let mut again = Vec::new();
            after.finish(&mut again);
            let wanted: Vec<Window> =
                windows(len, window, stride, 1).into_iter().filter(|w| w.start + w.events as u64 > settled).collect();
            prop_assert_eq!(again, wanted);
        }
    }
}
