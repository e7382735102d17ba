//! Points in time as whole microseconds, the resolution of audit events (`MicroTime`).

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch, UTC.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Micros(pub i64);

impl Micros {
    /// Before everything: the watermark of a stream of which nothing is known.
    pub const MIN: Micros = Micros(i64::MIN);
    /// After everything: the watermark of a stream that has ended.
    pub const MAX: Micros = Micros(i64::MAX);

    /// This point moved by `delta_us`, without overflow.
    pub fn plus(self, delta_us: i64) -> Micros {
        Micros(self.0.saturating_add(delta_us))
    }

    /// Microseconds from `earlier` to this point; negative when it lies before.
    pub fn since(self, earlier: Micros) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The start of the unit of `unit_us` microseconds that holds this point.
    pub fn floor(self, unit_us: i64) -> Micros {
        Micros(self.0.saturating_sub(self.0.rem_euclid(unit_us)))
    }
}
