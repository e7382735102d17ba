//! Who says where an event belongs: the causal engine, or clusters that were found before.

use super::clusters::Clusters;
use super::live::LiveCauses;
use super::state::{Piece, Section};
use crate::audit::time::Micros;
use crate::context::engine::Engine;
use crate::context::live::Input;
use crate::context::model::{Attribution, ClientRequest, Fact, Head};
use std::sync::Arc;

/// A method of finding contexts.
pub enum Attributor {
    /// Evidence of causes, event by event.
    Causal(Box<Engine>),
    /// The same, as events arrive, corrected until they settle.
    Live(Box<LiveCauses>),
    /// K8NTEXT's clusters of the whole log: nothing is left to do but to look up.
    Clusters(Arc<Clusters>),
}

impl Attributor {
    /// Where the next event belongs. `late`: it comes below the watermark, and nothing may follow from it.
    pub fn apply(&mut self, head: &Head, facts: &[Fact], client: Option<&ClientRequest>, late: bool) -> Attribution {
        match self {
            Attributor::Causal(engine) if late => engine.apply_late(head, facts, client),
            Attributor::Causal(engine) => engine.apply(head, facts, client),
            Attributor::Live(live) if late => live.apply_late(Input { head, facts, client }),
            Attributor::Live(live) => live.settled(head),
            Attributor::Clusters(clusters) => clusters.attribution(head),
        }
    }

    /// Frees what no event at or after `watermark` can need.
    pub fn retire(&mut self, watermark: Micros) {
        match self {
            Attributor::Causal(engine) => engine.retire(watermark),
            Attributor::Live(live) => live.retire(watermark),
            Attributor::Clusters(_) => {}
        }
    }

    /// What a commit saves. Of clusters that is only which method it was: they are found anew from the input.
    pub fn save(&mut self) -> Piece {
        match self {
            Attributor::Causal(engine) => Piece::state(Section::Engine, 0, engine.save()),
            Attributor::Live(live) => Piece::state(Section::Engine, 0, live.save()),
            Attributor::Clusters(clusters) => Piece::encode(Section::Method, 0, &clusters.method()),
        }
    }
}
