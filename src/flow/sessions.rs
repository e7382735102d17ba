//! Operator: aggregates of sessions; a row is written when the session has closed.

use super::epoch::{Flow, IdMap, Mark, StreamMark};
use super::filtered::MINUTE_US;
use super::parts::SessionPart;
use super::state::{Piece, Section, State, StateError};
use super::streams::by_stream;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::lake::tables::SessionRow;
use crate::source::stream::StreamName;
use std::collections::BTreeMap;

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// A row of `sessions`.
    Row(SessionRow),
    /// State, at a commit.
    Piece(Piece),
}

/// The operator. A session closes when the watermark is more than `gap_us` behind its last event, or at the end of the input.
pub fn close_sessions<'s>(
    parts: Flow<'s, (StreamName, SessionPart)>,
    marks: Flow<'s, Mark>,
    gap_us: i64,
    (state, index, peers): (&State, usize, usize),
) -> Result<Flow<'s, (StreamName, Out)>, StateError> {
    let saved: BTreeMap<StreamName, Vec<SessionPart>> = state.by_stream(Section::Session, index, peers)?;
    let begin = move |stream: &StreamName, saved: Vec<SessionPart>| {
        let stream = stream.clone();
        let mut open: IdMap<Id, SessionPart> = saved.into_iter().map(|part| (part.session, part)).collect();
        let mut looked_at = Micros::MIN;
        move |parts: Vec<SessionPart>, mark: StreamMark, out: &mut Vec<Out>| {
            for part in parts {
                open.entry(part.session).or_default().merge(part);
            }
            let mut closed: Vec<SessionPart> = if mark.flush {
                open.drain().map(|(_, part)| part).collect()
            } else if mark.watermark.floor(MINUTE_US) > looked_at {
                // Once a minute of event time is enough, as rows do not depend on when it is done.
                looked_at = mark.watermark.floor(MINUTE_US);
                open.extract_if(|_, part| looked_at.since(part.last) > gap_us).map(|(_, part)| part).collect()
            } else {
                Vec::new()
            };
            closed.sort_unstable_by_key(|p| (p.start, p.session));
            out.extend(closed.into_iter().map(|part| Out::Row(row(stream.as_str(), part))));
            if mark.commit.is_some() {
                let mut left: Vec<&SessionPart> = open.values().collect();
                left.sort_unstable_by_key(|p| p.session);
                let piece = |part: &SessionPart| Piece::encode(Section::Session, part.session.0, part);
                out.extend(left.into_iter().map(|part| Out::Piece(piece(part))));
            }
        }
    };
    Ok(by_stream(parts, marks, |part| part.session.0, "Sessions", saved, begin))
}

fn row(cluster: &str, part: SessionPart) -> SessionRow {
    SessionRow {
        cluster: cluster.to_owned(),
        session_id: part.session,
        user: part.user,
        impersonated_user: part.impersonated_user,
        user_agent: part.user_agent,
        source_ip: part.source_ip,
        start_at: part.start,
        end_at: part.end,
        events: part.events,
        writes: part.writes,
        errors: part.errors,
        contexts: part.contexts,
    }
}
