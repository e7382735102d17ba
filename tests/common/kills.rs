//! What tests that kill share: when to kill, and where a commit can be killed.

/// A small generator of random numbers with a fixed seed: failures repeat.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
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
