//! The columns of `events` that follow from the kind of request: verb, resource, action and label.

use super::combined::Combined;
use crate::audit::event::Event;
use crate::audit::label::{Scope, label, target};
use arrow_array::{ArrayRef, Int32Array};
use arrow_schema::ArrowError;
use std::sync::Arc;

/// Verb, API group and version, resource, subresource, action and label in words.
const COLUMNS: usize = 7;

/// Bit beside the scope's code: there is no object at all.
const NO_OBJECT: u8 = 1 << 7;

/// Builds the columns, a row for each event.
#[derive(Debug, Default)]
pub(super) struct KindColumns(Combined<COLUMNS, Kind>);

/// What is known of a kind beside its texts.
#[derive(Copy, Clone, Debug)]
struct Kind {
    label: i32,
    /// Bytes of all its texts.
    bytes: usize,
}

impl KindColumns {
    /// The number of the event's kind, and how many bytes of text a row of it has.
    #[inline]
    pub(super) fn number(&mut self, event: &Event<'_>) -> (u32, usize) {
        let scope = Scope::of(event);
        let number = match &event.object {
            Some(object) if !object.resource.is_empty() => self.0.number(
                scope.code(),
                [&*event.verb, &object.api_group, &object.api_version, &object.resource, &object.subresource],
                || learn(event, scope),
            ),
            // Without a resource the action names the endpoint.
            object => {
                let action = event.action().to_string();
                let [group, version, subresource] = match object {
                    Some(object) => [&*object.api_group, &object.api_version, &object.subresource],
                    None => [""; 3],
                };
                let texts = [&*event.verb, group, version, &action, subresource, "no resource"];
                self.0.number(scope.code() | (NO_OBJECT * u8::from(object.is_none())), texts, || learn(event, scope))
            }
        };
        (number, self.0.other(number).map_or(0, |kind| kind.bytes))
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        self.0.push(number);
    }

    /// Verb, API group and version, resource, subresource, action, label and label in words.
    pub(super) fn finish(&mut self) -> Result<[ArrayRef; 8], ArrowError> {
        let label = Arc::new(self.0.rows().map(|kind| kind.label).collect::<Int32Array>());
        let [verb, group, version, resource, subresource, action, label_text] = self.0.finish();
        Ok([verb?, group?, version?, resource?, subresource?, action?, label, label_text?])
    }
}

/// What the columns have of an event, and what else is known of its kind.
fn learn(event: &Event<'_>, scope: Scope) -> ([Option<String>; COLUMNS], Kind) {
    let object = event.object.as_ref();
    let label = label(scope, object.and_then(|object| target(&event.verb, object)));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let cells = [
        Some(event.verb.to_string()),
        object.map(|object| object.api_group.to_string()),
        object.and_then(|object| some(&object.api_version)),
        object.and_then(|object| some(&object.resource)),
        object.and_then(|object| some(&object.subresource)),
        Some(event.action().to_string()),
        Some(label.to_string()),
    ];
    let bytes = cells.iter().flatten().map(String::len).sum();
    (cells, Kind { label: label.0, bytes })
}
