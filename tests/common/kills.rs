//! What tests that kill share: when to kill, and where a commit can be killed.

use std::process::{Command, Stdio};
use std::time::Duration;

/// A small generator of random numbers with a fixed seed: failures repeat.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// How many kills are wanted: `CAUSEWAY_KILLS`, or this.
pub fn wanted(default: u64) -> u64 {
    std::env::var("CAUSEWAY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Starts a command again and again and kills it with signal 9 at a moment by chance, at most `most_ms` after its start, until it ends by
/// itself before. Says how often it was killed.
pub fn until_it_ends(random: &mut Random, most_ms: u64, mut command: impl FnMut(&mut Random) -> Command) -> u64 {
    let mut killed = 0;
    loop {
        let mut child = command(random).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + random.below(most_ms)));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            return killed;
        }
        killed += 1;
    }
}

/// The fail points of a commit, in their order.
pub const COMMIT_STEPS: [&str; 11] = [
    "recovering",
    "recovered",
    "file-opened",
    "file-closed",
    "staged",
    "state-written",
    "before-manifest",
    "after-manifest",
    "half-published",
    "published",
    "swept",
];
