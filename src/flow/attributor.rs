//! Who says where an event belongs: the causal engine, or clusters that were found before.

use super::clusters::Clusters;
use super::state::{Piece, Section};
use crate::audit::time::Micros;
use crate::context::engine::Engine;
use crate::context::model::{Attribution, ClientRequest, Fact, Head};
use std::sync::Arc;

/// A method of finding contexts.
pub enum Attributor {
    /// Evidence of causes, event by event.
    Causal(Box<Engine>),
    /// K8NTEXT's clusters of the whole log: nothing is left to do but to look up.
    Clusters(Arc<Clusters>),
}

impl Attributor {
    /// Where the next event belongs. `late`: it comes below the watermark, and nothing may follow from it.
    pub fn apply(&mut self, head: &Head, facts: &[Fact], client: Option<&ClientRequest>, late: bool) -> Attribution {
        match self {
            Attributor::Causal(engine) if late => engine.apply_late(head, facts, client),
            Attributor::Causal(engine) => engine.apply(head, facts, client),
            Attributor::Clusters(clusters) => clusters.attribution(head),
        }
    }

    /// Frees what no event at or after `watermark` can need.
    pub fn retire(&mut self, watermark: Micros) {
        if let Attributor::Causal(engine) = self {
            engine.retire(watermark);
        }
    }

    /// What a commit saves. Of clusters that is only which method it was: they are found anew from the input.
    pub fn save(&self) -> Piece {
        match self {
            Attributor::Causal(engine) => Piece::state(Section::Engine, 0, engine.save()),
            Attributor::Clusters(clusters) => Piece::encode(Section::Method, 0, &clusters.method()),
        }
    }
}
