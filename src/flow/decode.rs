//! Operator: blocks of lines become rows on the shelf and facts for the engine; what has no row becomes a count or a reject.
//!
//! ```text
//! line ─▶ events ─┬─ outside --from/--to, RequestReceived ─▶ count
//!                 ├─ filter says no ─▶ count, but its facts still go to the engine
//!                 ├─ row on the shelf + facts ─▶ attribute
//!                 └─ (no engine, no sessions) row ─▶ write
//!        reject ──▶ row of `rejects`
//! ```
//! The rows that all blocks of an epoch have of a stream are one batch: blocks are small so that they stay in the processor's cache, and batches large,
//! since each costs half a millisecond whatever its size.

use super::decoder::{Decoder, Out};
use super::epoch::{Epoch, Flow};
use super::work::Work;
use super::write::Rows;
use crate::lake::LakeError;
use crate::source::stream::StreamName;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

/// The operator. It holds an epoch until the batch of the epoch is on the shelf.
pub fn decode_blocks<'s>(work: Flow<'s, Work>, mut decoder: Decoder) -> Flow<'s, Out> {
    work.unary_frontier::<CapacityContainerBuilder<Vec<Out>>, _, _, _>(Pipeline, "Decode", move |_, _| {
        let mut held: Option<Capability<Epoch>> = None;
        let mut out = Vec::new();
        move |(input, front), output| {
            let mut arrived: Vec<(Capability<Epoch>, Vec<Work>)> = Vec::new();
            input.for_each(|time, batch| arrived.push((time.retain(0), std::mem::take(batch))));
            for (epoch, works) in arrived {
                if let Some(before) = held.take_if(|held| held.time() != epoch.time()) {
                    attempt(&mut out, |out| decoder.close_batches(out));
                    output.session(&before).give_container(&mut out);
                }
                for work in works {
                    attempt(&mut out, |out| decoder.work(work, out));
                }
                output.session(&epoch).give_container(&mut out);
                held = Some(epoch);
            }
            if let Some(over) = held.take_if(|held| !front.less_equal(held.time())) {
                attempt(&mut out, |out| decoder.close_batches(out));
                output.session(&over).give_container(&mut out);
            }
        }
    })
}

/// What fails is handed on, to end the run.
fn attempt(out: &mut Vec<Out>, step: impl FnOnce(&mut Vec<Out>) -> Result<(), LakeError>) {
    if let Err(error) = step(out) {
        out.push(Out::Rows(StreamName::default(), Rows::Failed(error.to_string())));
    }
}
