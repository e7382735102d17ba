//! Who says where an event belongs: the causal engine, or clusters that were found before.

use super::clusters::Clusters;
use super::live::LiveCauses;
use super::state::{Piece, Section};
use crate::audit::time::Micros;
use crate::context::engine::{Ahead, Engine};
use crate::context::live::Input;
use crate::context::model::Attribution;
use std::sync::Arc;

/// A method of finding contexts.
pub enum Attributor {
    /// Evidence of causes, event by event.
    Causal(Box<Engine>),
    /// The same, as events arrive, corrected until they settle.
    Live(Box<LiveCauses>),
    /// K8NTEXT's clusters of the whole log: nothing is left to do but to look up. The engine is there for a label model's sake, which
    /// goes on from what is saved of it.
    Clusters(Arc<Clusters>, Option<Box<Engine>>),
}

impl Attributor {
    /// Where the next event belongs, given what comes after it.
    pub fn apply(&mut self, event: Input<'_>, ahead: &dyn Ahead) -> Attribution {
        match self {
            Attributor::Causal(engine) => engine.apply_before(event.head, event.facts, event.client, ahead),
            Attributor::Live(live) => live.settled(event.head),
            Attributor::Clusters(clusters, engine) => {
                if let Some(engine) = engine {
                    engine.apply_before(event.head, event.facts, event.client, ahead);
                }
                clusters.attribution(event.head)
            }
        }
    }

    /// Where an event belongs that comes below the watermark: nothing may follow from it.
    pub fn apply_late(&mut self, event: Input<'_>) -> Attribution {
        match self {
            Attributor::Causal(engine) => engine.apply_late(event.head, event.facts, event.client),
            Attributor::Live(live) => live.apply_late(event),
            Attributor::Clusters(clusters, _) => clusters.attribution(event.head),
        }
    }

    /// Frees what no event at or after `watermark` can need.
    pub fn retire(&mut self, watermark: Micros) {
        match self {
            Attributor::Causal(engine) => engine.retire(watermark),
            Attributor::Live(live) => live.retire(watermark),
            Attributor::Clusters(_, engine) => engine.iter_mut().for_each(|engine| engine.retire(watermark)),
        }
    }

    /// What a commit saves. Of clusters that is only which method it was: they are found anew from the input.
    pub fn save(&mut self) -> Vec<Piece> {
        let saved = |engine| Piece::state(Section::Engine, 0, engine);
        match self {
            Attributor::Causal(engine) => vec![saved(engine.save())],
            Attributor::Live(live) => vec![saved(live.save())],
            Attributor::Clusters(clusters, engine) => {
                let method = Piece::encode(Section::Method, 0, &clusters.method());
                std::iter::once(method).chain(engine.as_ref().map(|engine| saved(engine.save()))).collect()
            }
        }
    }
}
