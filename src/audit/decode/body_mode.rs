//! How a body is read: not at all, for its evidence, or as it stands.

use super::take::{lenient, skip};
use crate::audit::event::Evidence;
use serde::de::{DeserializeSeed, MapAccess};
use serde_json::value::RawValue;

/// What is read of the bodies.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyMode {
    /// Nothing; they are skipped.
    Skip,
    /// The evidence, in the same pass as the rest.
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
    body: &mut Evidence<'de>,
    raw: &mut Option<&'de RawValue>,
) -> Result<(), A::Error> {
    *body = Evidence::default();
    match mode {
        BodyMode::Skip => skip(map),
        BodyMode::Evidence => map.next_value_seed(lenient(body.fresh())),
        BodyMode::Raw { evidence } => {
            *raw = map.next_value()?;
            if let Some(text) = raw.filter(|_| evidence) {
                let mut deserializer = serde_json::Deserializer::from_str(text.get());
                if lenient(body.fresh()).deserialize(&mut deserializer).is_err() {
                    *body = Evidence::default();
                }
            }
            Ok(())
        }
    }
}
