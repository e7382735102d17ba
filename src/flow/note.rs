//! What the owner of a stream says of rows that lie on the shelf of a worker.

use super::shelf::BatchId;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::model::{Attribution, AuditId, Role};
use crate::model::vote::Vote;
use serde::{Deserialize, Serialize};

/// What is said of one row.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// Row in the batch.
    pub row: u32,
    /// Context, role, cause.
    pub attribution: Attribution,
    /// Session, unless sessions are off or the event is late for its own.
    pub session: Option<Id>,
    /// Arrived below the watermark of its partition.
    pub late: bool,
    /// What the label model says.
    pub vote: Option<Vote>,
    /// The event changes something.
    pub write: bool,
    /// Event time.
    pub at: Micros,
    /// The event.
    pub id: Id,
    /// The request.
    pub audit_id: AuditId,
}

/// Notes for one batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notes {
    /// Worker that has the batch.
    pub worker: u32,
    /// The batch.
    pub batch: BatchId,
    /// One a row, each row once over all notes of the batch.
    pub notes: Vec<Note>,
    /// Text of those audit ids among the causes that are no UUIDs.
    pub odd_ids: Vec<(AuditId, String)>,
}

/// What is said where no causes are looked for.
pub fn unattributed() -> Attribution {
    Attribution { context: Id(0), role: Role::Background, background: None, cause: None, parent_context: None }
}
