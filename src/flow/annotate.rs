//! Operator: joins notes with the rows that waited for them, and says what each batch adds to contexts, sessions and counts.
//!
//! ```text
//! shelf ──▶ rows ─┐
//! notes (by worker)─▶ for each batch and epoch: rows to write, context parts, session parts, drops
//! ```

use super::epoch::Flow;
use super::filtered::Drop;
use super::note::{Alone, Brief, Note, Notes};
use super::parts::{ContextPart, SessionPart};
use super::shelf::{Shelf, Shelved};
use super::sums::{EventColumns, Sums};
use crate::context::kind::Kind;
use crate::context::model::{AuditId, Role};
use crate::lake::LakeError;
use crate::lake::tables::{AuditIdText, ModelLabel, RowNote, annotate};
use crate::model::labels::LabelSpec;
use crate::model::vote::Vote;
use crate::source::stream::StreamName;
use arrow_array::RecordBatch;
use hashbrown::HashMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;

/// What becomes of the rows of one batch that were settled in one epoch.
#[derive(Clone, Debug)]
pub enum Annotated {
    /// Rows of `events`, complete.
    Rows(RecordBatch),
    /// What they add to a context.
    Context(Box<ContextPart>),
    /// What they add to a session.
    Session(Box<SessionPart>),
    /// Rows that were folded away.
    Dropped(Drop, u64),
    /// The batch could not be annotated.
    Failed(String),
}

/// What rows become.
#[derive(Clone, Debug)]
pub struct Annotating {
    /// Background becomes counts (`filter.mode = "fold"`).
    pub fold: bool,
    /// The causal engine is on.
    pub contexts: bool,
    /// Contexts are told when they pause, so their parts are kept by minute.
    pub by_minute: bool,
    /// Names of the label model's classes.
    pub labeler: Option<ModelNames>,
}

/// What a label model's votes are called.
#[derive(Clone, Debug)]
pub struct ModelNames {
    /// Version of the model.
    pub version: Rc<str>,
    /// Code and words of each class.
    pub labels: Rc<[(i32, String)]>,
}

impl ModelNames {
    /// The names of a model.
    pub fn of(spec: &LabelSpec) -> ModelNames {
        let labels = spec.labels.iter().map(|label| (label.0, label.to_string())).collect();
        ModelNames { version: spec.version.as_str().into(), labels }
    }

    fn of_vote(&self, vote: Vote) -> Option<ModelLabel<'_>> {
        let (label, text) = self.labels.get(usize::from(vote.class))?;
        let Vote { confidence, undecided, .. } = vote;
        Some(ModelLabel { label: *label, text, confidence, undecided, version: &self.version })
    }
}

/// The operator. Notes route to the worker that has the rows.
pub fn annotate_rows<'s>(notes: Flow<'s, Notes>, shelf: Shelf, how: Annotating) -> Flow<'s, (StreamName, Annotated)> {
    let route = Exchange::new(|n: &Notes| u64::from(n.worker));
    notes.unary::<CapacityContainerBuilder<Vec<(StreamName, Annotated)>>, _, _, _>(route, "Annotate", move |_, _| {
        move |input, output| {
            input.for_each(|time, batches| {
                let mut out = Vec::new();
                for notes in batches.drain(..) {
                    shelf.note(notes.batch, notes.notes.len() + notes.alone.len(), |shelved| {
                        let settled = settle(shelved, &notes, &how)
                            .unwrap_or_else(|error| vec![Annotated::Failed(error.to_string())]);
                        out.extend(settled.into_iter().map(|one| (shelved.stream.clone(), one)));
                    });
                }
                output.session(&time).give_container(&mut out);
            });
        }
    })
}

fn settle(shelved: &Shelved, notes: &Notes, how: &Annotating) -> Result<Vec<Annotated>, LakeError> {
    let odd: HashMap<AuditId, &str> = notes.odd_ids.iter().map(|(id, text)| (*id, text.as_str())).collect();
    let columns = EventColumns::of(&shelved.rows)?;
    let mut sums = Sums::new(shelved.stream.as_str(), &columns, &shelved.details).by_minute(how.by_minute);
    let mut said: Vec<(u32, RowNote<'_>)> = Vec::with_capacity(notes.notes.len());
    for note in &notes.notes {
        // A late event is always worth a row: it may be what an attacker held back.
        let background = note.attribution.background.filter(|_| how.contexts && !note.brief.late);
        match background {
            Some(stream) => sums.background(&note.brief, stream),
            None if how.contexts => sums.context(note),
            None => {}
        }
        sums.session(&note.brief, note.attribution.role == Role::Root);
        if background.is_none() || !how.fold {
            said.push((note.brief.row, row_note(note, &odd, how)));
        }
    }
    let fold = how.fold && how.contexts;
    let role = if how.contexts { Role::Background.name() } else { "" };
    for Alone { brief, stream } in &notes.alone {
        if how.contexts {
            sums.background(brief, *stream);
        }
        sums.session(brief, false);
        if !fold {
            said.push((brief.row, RowNote { session: brief.session, role, ..RowNote::PLAIN }));
        }
    }
    let mut out = Vec::new();
    let (contexts, sessions, folded) = sums.finish();
    out.extend(contexts.into_iter().map(Annotated::Context));
    out.extend(sessions.into_iter().map(Box::new).map(Annotated::Session));
    out.extend(folded.into_iter().filter(|_| how.fold).map(|((minute, stream, class), count)| {
        let (rule, class) = (format!("background:{}", stream.name()), class.to_owned());
        Annotated::Dropped(Drop { minute, rule, class }, count)
    }));
    if !said.is_empty() {
        let mut rows = vec![None; shelved.rows.num_rows()];
        for (row, note) in &said {
            if let Some(place) = rows.get_mut(*row as usize) {
                *place = Some(note);
            }
        }
        out.push(Annotated::Rows(annotate(shelved.rows.clone(), &rows)?));
    }
    Ok(out)
}

fn row_note<'a>(note: &Note, odd: &HashMap<AuditId, &'a str>, how: &'a Annotating) -> RowNote<'a> {
    let Note { attribution, brief: Brief { session, late, .. }, .. } = note;
    let cause = attribution.cause.filter(|_| how.contexts);
    let role = if how.contexts { attribution.role.name() } else { "" };
    RowNote {
        session: *session,
        context: Some(attribution.context).filter(|_| how.contexts && attribution.role != Role::Background),
        role,
        cause_audit_id: cause.map(|cause| match odd.get(&cause.audit_id) {
            Some(text) => AuditIdText::Text(text),
            None => AuditIdText::Uuid(cause.audit_id.0),
        }),
        cause_reason: cause.and_then(|cause| Kind::from_code(cause.kind)).map(Kind::name),
        cause_weight: cause.map(|cause| (cause.weight, cause.margin)),
        late: *late,
        model: how.labeler.as_ref().zip(note.vote).and_then(|(names, vote)| names.of_vote(vote)),
    }
}
