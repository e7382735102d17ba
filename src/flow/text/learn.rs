//! Operator: prepared lines to keys, sessions and rows, in the order of the log, on worker 0.
//!
//! Everything that depends on the lines before is here: the parser, the time that a line without one inherits, the numbers of
//! lines and the open sessions. At a commit all of it is saved.

use super::plan::TextPlan;
use super::prepare::{Found, Prepared};
use super::rows::{BlockRows, session_id, session_row};
use super::saved::SavedText;
use crate::audit::time::Micros;
use crate::flow::FlowError;
use crate::flow::epoch::{Flow, Mark, Tick, by_epoch};
use crate::flow::order::ResumePoint;
use crate::flow::state::{Piece, Section, Snapshot};
use crate::lake::tables::{LineRow, RejectRow, TemplateRow};
use crate::source::{Offset, PartitionId};
use crate::text::adapter::{Line, Sessions};
use crate::text::drain::{self, Change, ClusterId, Drain};
use crate::text::line::OddLine;
use crate::text::mask::Masks;
use crate::text::miner::Miner;
use crate::text::session::{LinePosition, Session};
use crate::text::time::TimeReader;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::dataflow::channels::pact::Exchange;

/// Bytes of a line that a reject keeps.
const REJECT_BYTES: usize = 1 << 10;

/// What leaves the operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Out {
    /// Rows of a block.
    Rows(Box<BlockRows>),
    /// The epoch is done.
    Mark(Mark),
    /// State and counts, at a commit.
    Piece(Piece),
}

/// The one learner of a stream.
pub struct Learner {
    cluster: Arc<str>,
    miner: Miner,
    sessions: Option<Sessions>,
    time: Option<TimeReader>,
    /// All but the parser and what the two above hold.
    saved: SavedText,
    names: Vec<Arc<str>>,
    templates: BTreeMap<ClusterId, Arc<str>>,
    partitions: BTreeMap<PartitionId, ResumePoint>,
    read: u64,
    empty_lines: u64,
}

impl Learner {
    /// Goes on from `saved`, or begins. `sources` are keys and names of the files by partition.
    ///
    /// # Errors
    /// [`FlowError::Text`] for settings that cannot be, or are not those of the saved state.
    pub fn new(
        plan: &TextPlan,
        time: Option<TimeReader>,
        saved: Option<SavedText>,
        mut sources: Vec<(String, String)>,
        (read, empty_lines): (u64, u64),
    ) -> Result<Learner, FlowError> {
        let wrong = |error: &dyn std::fmt::Display| FlowError::Text(error.to_string());
        let masks = Masks::new(&plan.masks, &plan.brackets.0, &plan.brackets.1).map_err(|e| wrong(&e))?;
        let mut sessions = plan.sessions.clone().map(Sessions::new).transpose().map_err(|e| wrong(&e))?;
        let mut time = time;
        let fingerprint = plan.fingerprint();
        let (drain, saved) = match saved {
            Some(saved) if saved.fingerprint != fingerprint => {
                return Err(wrong(
                    &"the tables were begun with other settings; use those, or replay into a new folder",
                ));
            }
            Some(mut saved) => {
                saved.move_positions(&mut sources);
                if let Some(sessions) = &mut sessions {
                    sessions.restore(std::mem::take(&mut saved.sessions));
                }
                if let Some(time) = &mut time {
                    time.restore(saved.time);
                }
                let snapshot = drain::Snapshot::from_bytes(&saved.drain).map_err(|e| wrong(&e))?;
                (snapshot.restore(&plan.drain).map_err(|e| wrong(&e))?, saved)
            }
            None => {
                let saved = SavedText { fingerprint, ..SavedText::default() };
                (Drain::new(plan.drain.clone()).map_err(|e| wrong(&e))?, saved)
            }
        };
        let templates = drain.clusters().map(|cluster| (cluster.id, cluster.template.text().into())).collect();
        let names = sources.iter().map(|(_, name)| name.as_str().into()).collect();
        Ok(Learner {
            cluster: plan.stream.as_str().into(),
            miner: Miner::of(drain, masks),
            sessions,
            time,
            saved: SavedText { sources, ..saved },
            names,
            templates,
            partitions: BTreeMap::new(),
            read,
            empty_lines,
        })
    }

    fn block(&mut self, block: &Prepared) -> BlockRows {
        let mut rows = BlockRows { home: block.home, ..BlockRows::default() };
        let resume = block.end.0;
        self.partitions.insert(block.partition, ResumePoint { resume, read_to: resume, ..ResumePoint::default() });
        let place = block.partition.0 as usize;
        let source = self.names.get(place).cloned().unwrap_or_default();
        let key = self.saved.sources.get(place).map(|(key, _)| key.clone()).unwrap_or_default();
        let lines_before = self.saved.lines.get(&key).copied().unwrap_or(0);
        let mut ended = Vec::new();
        if let Some(reason) = &block.unread {
            self.read += 1;
            rows.rejects.push(self.reject(&source, block.offset, reason, "the line could not be read", &block.bytes));
            self.saved.lines.insert(key, lines_before + 1);
            return rows;
        }
        self.empty_lines += block.blank;
        for line in &block.lines {
            self.read += 1;
            let offset = Offset(block.offset.0 + line.range.start as u64);
            let bytes = block.bytes.get(line.range.clone()).unwrap_or_default();
            let text = |range: &std::ops::Range<usize>| {
                block.bytes.get(range.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok())
            };
            let read = match &line.found {
                Ok(found) => text(&line.range).zip(text(&found.content)).zip(Some(found)).ok_or(OddLine::Binary),
                Err(odd) => Err(*odd),
            };
            match read {
                Ok(((raw, content), found)) => {
                    let time = self.time_of(found, &text);
                    let position = LinePosition { partition: block.partition, offset };
                    let number = lines_before + line.number;
                    self.line((raw, content), (position, number, time), &source, &mut rows, &mut ended);
                }
                Err(odd) => rows.rejects.push(self.reject(&source, offset, odd.name(), odd.message(), bytes)),
            }
        }
        self.saved.lines.insert(key, lines_before + block.blank + block.lines.len() as u64);
        self.end_sessions(&mut ended, &mut rows);
        rows
    }

    fn time_of<'a>(
        &mut self,
        found: &Found,
        text: &impl Fn(&std::ops::Range<usize>) -> Option<&'a str>,
    ) -> Option<Micros> {
        let time = self.time.as_mut()?.read(found.time.iter().map(|range| text(range).unwrap_or_default()));
        self.saved.at = time.unwrap_or(self.saved.at);
        time
    }

    fn line(
        &mut self,
        (raw, content): (&str, &str),
        (position, number, time): (LinePosition, u64, Option<Micros>),
        source: &Arc<str>,
        rows: &mut BlockRows,
        ended: &mut Vec<Session>,
    ) {
        let learned = self.miner.learn(content);
        if learned.change != Change::None {
            let row = self.template_row(learned.id, position.offset, source);
            rows.templates.push(row);
        }
        let template = self.templates.get(&learned.id).cloned().unwrap_or_default();
        let parameters: Vec<String> =
            self.miner.parameters(content, learned.id).into_iter().map(|found| found.value.into_owned()).collect();
        let key = learned.id.0;
        let session = self
            .sessions
            .as_mut()
            .and_then(|sessions| sessions.line(Line { raw, key, position, time, params: Vec::new() }, ended));
        rows.lines.push(LineRow {
            cluster: Arc::clone(&self.cluster),
            source: Arc::clone(source),
            offset: position.offset.0,
            line: number,
            at: self.saved.at,
            key,
            template,
            parameters,
            session_id: session.map(session_id).unwrap_or_default(),
            content: content.to_owned(),
        });
    }

    fn template_row(&mut self, id: ClusterId, offset: Offset, source: &Arc<str>) -> TemplateRow {
        let template: Arc<str> = self.miner.template(id).into();
        self.templates.insert(id, Arc::clone(&template));
        let revision = self.saved.revisions.entry(id.0).or_default();
        *revision += 1;
        TemplateRow {
            cluster: Arc::clone(&self.cluster),
            key: id.0,
            revision: *revision,
            template,
            lines: self.miner.drain().cluster(id).map_or(0, |cluster| cluster.size),
            source: Arc::clone(source),
            offset: offset.0,
            at: self.saved.at,
        }
    }

    fn reject(&self, source: &Arc<str>, offset: Offset, reason: &str, message: &str, bytes: &[u8]) -> RejectRow {
        RejectRow {
            cluster: self.cluster.to_string(),
            source: source.to_string(),
            partition: 0,
            offset: offset.0,
            reason: reason.to_owned(),
            json_path: String::new(),
            message: message.to_owned(),
            bytes: String::from_utf8_lossy(bytes.get(..REJECT_BYTES).unwrap_or(bytes)).into_owned(),
        }
    }

    fn end_sessions(&self, ended: &mut Vec<Session>, rows: &mut BlockRows) {
        rows.sessions.extend(ended.drain(..).map(|session| session_row(&session, &self.cluster, &self.names)));
    }

    /// The input is over: all sessions are.
    fn finish(&mut self) -> BlockRows {
        let (mut rows, mut ended) = (BlockRows::default(), Vec::new());
        if let Some(sessions) = &mut self.sessions {
            sessions.finish(&mut ended);
        }
        self.end_sessions(&mut ended, &mut rows);
        rows
    }

    /// State, positions and counts.
    fn save(&mut self) -> [Piece; 3] {
        let failed = |error: &dyn std::fmt::Display| Piece::Failed(error.to_string());
        let state = match drain::Snapshot::of(self.miner.drain()).to_bytes() {
            Err(error) => failed(&error),
            Ok(drain) => {
                self.saved.drain = drain;
                self.saved.time = self.time.as_ref().map(TimeReader::state).unwrap_or_default();
                self.saved.sessions = self.sessions.as_ref().map(|s| s.state().clone()).unwrap_or_default();
                Piece::encode(Section::Text, 0, &self.saved)
            }
        };
        self.saved.sessions = Default::default();
        let method = Piece::encode(Section::Method, 0, &"text");
        let snapshot = Snapshot {
            watermark: self.saved.at,
            partitions: std::mem::take(&mut self.partitions),
            read: self.read,
            late: 0,
            empty_lines: self.empty_lines,
            notes: Vec::new(),
            let_go: Vec::new(),
        };
        [state, method, Piece::Snapshot(snapshot)]
    }
}

/// The operator; only worker 0 has the learner.
pub fn learn_lines<'s>(
    blocks: Flow<'s, Prepared>,
    ticks: Flow<'s, Tick>,
    mut learner: Option<Learner>,
) -> Flow<'s, Out> {
    let to_first = Exchange::new(|_: &Prepared| 0);
    by_epoch(blocks, ticks, to_first, "Learn", move |_, mut blocks, tick, out| {
        let Some(learner) = &mut learner else { return };
        blocks.sort_unstable_by_key(|block: &Prepared| block.number);
        out.extend(blocks.iter().map(|block| Out::Rows(Box::new(learner.block(block)))));
        if tick.flush {
            out.push(Out::Rows(Box::new(learner.finish())));
        }
        if tick.commit.is_some() {
            out.extend(learner.save().map(Out::Piece));
        }
        out.push(Out::Mark(Mark { watermark: learner.saved.at, commit: tick.commit, flush: tick.flush }));
    })
}
