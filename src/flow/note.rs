//! What the owner of a stream says of rows that lie on the shelf of a worker.

use super::shelf::BatchId;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::model::{Attribution, AuditId, Background, Role};
use crate::model::vote::Vote;
use serde::{Deserialize, Serialize};

/// What is said of any row.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub struct Brief {
    /// Row in the batch.
    pub row: u32,
    /// Arrived below the watermark of its partition.
    pub late: bool,
    /// The event changes something.
    pub write: bool,
    /// Event time.
    pub at: Micros,
    /// Session, unless sessions are off or the event is late for its own.
    pub session: Option<Id>,
}

/// What is said of one row.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// In brief.
    pub brief: Brief,
    /// Context, role, cause.
    pub attribution: Attribution,
    /// What the label model says.
    pub vote: Option<Vote>,
    /// The event.
    pub id: Id,
}

/// What is said of a row of background that follows from nothing: half of all rows, in less than half of the bytes.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub struct Alone {
    /// In brief; never late.
    pub brief: Brief,
    /// Its stream.
    pub stream: Background,
}

impl Note {
    /// The same in few bytes, where these say it all.
    pub fn alone(&self) -> Option<Alone> {
        let Attribution { role, background, cause, parent_context, .. } = self.attribution;
        let bare = role == Role::Background && cause.is_none() && parent_context.is_none();
        let stream = background.filter(|_| bare && !self.brief.late && self.vote.is_none())?;
        Some(Alone { brief: self.brief, stream })
    }
}

/// Notes for one batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notes {
    /// Worker that has the batch.
    pub worker: u32,
    /// The batch.
    pub batch: BatchId,
    /// One a row, each row once over all notes of the batch, these and the others.
    pub notes: Vec<Note>,
    /// Those that are said in few bytes.
    pub alone: Vec<Alone>,
    /// Text of those audit ids among the causes that are no UUIDs.
    pub odd_ids: Vec<(AuditId, String)>,
}

/// What is said where no causes are looked for.
pub fn unattributed() -> Attribution {
    Attribution { context: Id(0), role: Role::Background, background: None, cause: None, parent_context: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::model::Cause;

    #[test]
    fn few_bytes_say_it_all_or_are_not_used() {
        let brief = Brief { row: 3, late: false, write: true, at: Micros(5), session: Some(Id(7)) };
        let attribution = Attribution { background: Some(Background::Leases), ..unattributed() };
        let alone = Note { brief, attribution, vote: None, id: Id(1) };
        let told = alone.alone().unwrap();
        assert_eq!((told.brief.row, told.brief.session, told.stream), (3, Some(Id(7)), Background::Leases));
        assert!(2 * size_of::<Alone>() < size_of::<Note>());
        let cause = Cause { parent: Id(2), audit_id: AuditId(2), kind: 0, weight: 50, margin: 50 };
        let said = [
            Note { brief: Brief { late: true, ..brief }, ..alone },
            Note { attribution: unattributed(), ..alone },
            Note { attribution: Attribution { cause: Some(cause), ..attribution }, ..alone },
            Note { attribution: Attribution { role: Role::Effect, ..attribution }, ..alone },
            Note { attribution: Attribution { parent_context: Some(Id(2)), ..attribution }, ..alone },
            Note { vote: Some(Vote { class: 1, confidence: 0.5, undecided: false }), ..alone },
        ];
        assert!(said.iter().all(|note| note.alone().is_none()));
    }
}
