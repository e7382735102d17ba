//! The columns of `events` that say how far a request was and what the authorizer made of it.

use super::combined::Combined;
use crate::audit::event::{Event, Level, Stage};
use crate::audit::redact::redact_message;
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use std::borrow::Cow;

/// Stage, level, decision and its reason.
const COLUMNS: usize = 4;

/// Builds the columns, a row for each event. What is known beside them is the bytes of their texts.
#[derive(Debug, Default)]
pub(super) struct OutcomeColumns(Combined<COLUMNS, usize>);

impl OutcomeColumns {
    /// The number of the event's outcome, and how many bytes of text a row of it has.
    #[inline]
    pub(super) fn number(&mut self, event: &Event<'_>) -> (u32, usize) {
        let reason = &*event.decision_reason;
        // RBAC gives nearly all reasons, and quotes nothing: it names roles and bindings only.
        let quotes = !reason.is_empty() && !reason.starts_with("RBAC: ");
        let resource = event.object.as_ref().filter(|_| quotes).map_or("", |object| &object.resource);
        let mark = event.stage as u8 | ((event.level as u8) << 4);
        let number = self.0.number(mark, [&*event.decision, reason, resource], || {
            let reason = if quotes { redact_message(reason, resource) } else { Cow::Borrowed(reason) };
            let (stage, level) = (stage_text(event.stage), level_text(event.level));
            let cells = [Cow::Borrowed(stage), Cow::Borrowed(level), Cow::Borrowed(&*event.decision), reason];
            let bytes = cells.iter().map(|cell| cell.len()).sum();
            (cells.map(|cell| (!cell.is_empty()).then_some(cell)), bytes)
        });
        (number, self.0.other(number).copied().unwrap_or(0))
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        self.0.push(number);
    }

    /// Stage, level, decision and its reason.
    pub(super) fn finish(&mut self) -> Result<[ArrayRef; COLUMNS], ArrowError> {
        let [stage, level, decision, reason] = self.0.finish();
        Ok([stage?, level?, decision?, reason?])
    }
}

/// The stage as Kubernetes writes it.
fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::RequestReceived => "RequestReceived",
        Stage::ResponseStarted => "ResponseStarted",
        Stage::ResponseComplete => "ResponseComplete",
        Stage::Panic => "Panic",
    }
}

/// The level as Kubernetes writes it.
fn level_text(level: Level) -> &'static str {
    match level {
        Level::None => "None",
        Level::Metadata => "Metadata",
        Level::Request => "Request",
        Level::RequestResponse => "RequestResponse",
    }
}
