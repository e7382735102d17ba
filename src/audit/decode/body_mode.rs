//! How a body is read: not at all, for the evidence of causes, for all its evidence, or as it stands.

use super::body::{About, Wanted};
use super::take::{lenient, skip};
use crate::audit::event::Evidence;
use serde::de::{DeserializeSeed, MapAccess};
use serde_json::value::RawValue;

/// What is read of the bodies.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyMode {
    /// Nothing; they are skipped.
    Skip,
    /// The evidence that causes are found by, in the same pass as the rest.
    Causes,
    /// All the evidence, in the same pass.
    Evidence,
    /// The text, and the evidence from it if asked for: a second pass, in which a defect costs the evidence only.
    Raw {
        /// Whether the evidence is read too.
        evidence: bool,
    },
}

/// Reads the body that is the value of the key just read.
pub(super) fn read_body<'de, A: MapAccess<'de>>(
    map: &mut A,
    mode: BodyMode,
    about: About,
    body: &mut Evidence<'de>,
    raw: &mut Option<&'de RawValue>,
) -> Result<(), A::Error> {
    *body = Evidence::default();
    match mode {
        BodyMode::Skip => skip(map),
        BodyMode::Causes => map.next_value_seed(lenient(&mut Wanted::<false>::new(body.fresh(), about))),
        BodyMode::Evidence => map.next_value_seed(lenient(&mut Wanted::<true>::new(body.fresh(), about))),
        BodyMode::Raw { evidence } => {
            *raw = map.next_value()?;
            if let Some(text) = raw.filter(|_| evidence) {
                let mut deserializer = serde_json::Deserializer::from_str(text.get());
                let mut wanted = Wanted::<true>::new(body.fresh(), about);
                if lenient(&mut wanted).deserialize(&mut deserializer).is_err() {
                    *body = Evidence::default();
                }
            }
            Ok(())
        }
    }
}
