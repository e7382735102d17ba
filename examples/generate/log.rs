//! The audit log being made: requests go in at any time, lines come out in the order of their stage time.

use crate::event::Request;
use crate::rng::Rng;
use crate::time::MS;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// Lines not written yet, by time.
pub struct Log<W> {
    pub rng: Rng,
    out: W,
    waiting: BinaryHeap<Reverse<(u64, u64, String)>>,
    /// Lines put in, ever.
    pub made: u64,
    /// Lines written.
    pub written: u64,
    /// Lines to write.
    limit: u64,
}

impl<W: Write> Log<W> {
    pub fn new(out: W, rng: Rng, limit: u64) -> Log<W> {
        Log { rng, out, waiting: BinaryHeap::new(), made: 0, written: 0, limit }
    }

    fn put(&mut self, at_us: u64, line: String) {
        self.waiting.push(Reverse((at_us, self.made, line)));
        self.made += 1;
    }

    /// A request that comes at `at_us`; the time of its answer. What writes, as most policies have it, is logged when
    /// it comes and when it is answered; what reads, when it is answered.
    pub fn request(&mut self, at_us: u64, request: &Request) -> u64 {
        let id = self.rng.uuid();
        let end_us = at_us + self.rng.range(800, 9 * MS);
        if request.bodies.is_some() && request.verb != "get" && request.verb != "list" && self.rng.chance(25) {
            self.put(at_us + 60, request.line(&id, "RequestReceived", at_us, at_us + 60));
        }
        self.put(end_us, request.line(&id, "ResponseComplete", at_us, end_us));
        end_us
    }

    /// A request that lasts for `lasts_us`: a watch, an exec.
    pub fn long_request(&mut self, at_us: u64, lasts_us: u64, request: &Request) {
        let id = self.rng.uuid();
        self.put(at_us + 400, request.line(&id, "ResponseStarted", at_us, at_us + 400));
        self.put(at_us + lasts_us, request.line(&id, "ResponseComplete", at_us, at_us + lasts_us));
    }

    /// Writes what stands before `until_us`; whether more is wanted.
    pub fn write_until(&mut self, until_us: u64) -> io::Result<bool> {
        while self.waiting.peek().is_some_and(|Reverse((at, ..))| *at < until_us) && self.written < self.limit {
            if let Some(Reverse((_, _, line))) = self.waiting.pop() {
                self.out.write_all(line.as_bytes())?;
                self.written += 1;
            }
        }
        Ok(self.written < self.limit)
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}
