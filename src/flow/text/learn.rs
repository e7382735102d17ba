//! The learner of a stream: prepared lines to keys, sessions and rows, in the order of the log.
//!
//! Everything that depends on the lines before is here: the parser, the time that a line without one inherits, the numbers of
//! lines and the open sessions. At a commit all of it is saved.

use super::plan::TextPlan;
use super::prepare::{Found, Prepared};
use super::rows::{BlockRows, EndedSession, session_id, session_row};
use super::saved::SavedText;
use super::watch::Watch;
use crate::audit::time::Micros;
use crate::flow::FlowError;
use crate::flow::order::ResumePoint;
use crate::flow::state::{Piece, Section};
use crate::lake::tables::{LineRow, RejectRow, TemplateRow};
use crate::source::stream::StreamName;
use crate::source::{Offset, PartitionId};
use crate::text::adapter::{Line, Sessions};
use crate::text::drain::{self, Change, ClusterId, Drain};
use crate::text::line::OddLine;
use crate::text::mask::Masks;
use crate::text::miner::Miner;
use crate::text::session::{LinePosition, Session, SessionEnd};
use crate::text::time::TimeReader;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a line that a reject keeps.
const REJECT_BYTES: usize = 1 << 10;

/// What a learner's rows say that they are of.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name of the stream: the column `cluster`.
    pub cluster: Arc<str>,
    /// Tells its session ids from those of other streams in the folder.
    pub salt: u64,
    /// Partition of the topic; 0 of files.
    pub partition: i32,
}

/// The learner of a stream.
pub struct Learner {
    cluster: Arc<str>,
    salt: u64,
    partition: i32,
    miner: Miner,
    sessions: Option<Sessions>,
    time: Option<TimeReader>,
    /// All but the parser and what the two above hold.
    saved: SavedText,
    names: Vec<Arc<str>>,
    /// Whether detectors want the sessions.
    detect: bool,
    watch: Watch,
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
        identity: Identity,
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
        let (drain, mut saved) = match saved {
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
        let watch = Watch::new(&plan.detection, std::mem::take(&mut saved.watch));
        Ok(Learner {
            cluster: identity.cluster,
            salt: identity.salt,
            partition: identity.partition,
            miner: Miner::of(drain, masks),
            sessions,
            time,
            saved: SavedText { sources, ..saved },
            names,
            detect: plan.detection.keys.is_some(),
            watch,
            templates,
            partitions: BTreeMap::new(),
            read,
            empty_lines,
        })
    }

    /// Learns the lines of a block.
    pub fn block(&mut self, block: &Prepared) -> BlockRows {
        let mut rows = BlockRows::new(block.home, &self.cluster, self.partition);
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
            let offset = line.offset;
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
        self.watch.end_block(&mut rows);
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
        let row = LineRow {
            cluster: Arc::clone(&self.cluster),
            source: Arc::clone(source),
            offset: position.offset.0,
            line: number,
            at: self.saved.at,
            key,
            template,
            parameters,
            session_id: session.map(|id| session_id(self.salt, id)).unwrap_or_default(),
            content: content.to_owned(),
        };
        self.watch.line(rows.lines.len(), &row);
        rows.lines.push(row);
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
            partition: u32::try_from(self.partition).unwrap_or_default(),
            offset: offset.0,
            reason: reason.to_owned(),
            json_path: String::new(),
            message: message.to_owned(),
            bytes: String::from_utf8_lossy(bytes.get(..REJECT_BYTES).unwrap_or(bytes)).into_owned(),
        }
    }

    fn end_sessions(&self, ended: &mut Vec<Session>, rows: &mut BlockRows) {
        if self.detect {
            rows.ended.extend(ended.iter().map(|session| self.ended(session)));
        }
        rows.sessions
            .extend(ended.drain(..).map(|session| session_row(&session, self.salt, &self.cluster, &self.names)));
    }

    /// A session as the detectors want it; a line without a time has that of the line before.
    fn ended(&self, session: &Session) -> EndedSession {
        let mut at = session.times.iter().flatten().next().copied().unwrap_or(self.saved.at);
        let line = |(position, time): (&LinePosition, &Option<Micros>)| {
            at = time.unwrap_or(at);
            (self.names.get(position.partition.0 as usize).cloned().unwrap_or_default(), position.offset.0, at)
        };
        let template = |key: &u32| self.templates.get(&ClusterId(*key)).cloned().unwrap_or_default();
        EndedSession {
            session_id: session_id(self.salt, session.id),
            keys: session.keys.iter().map(template).collect(),
            lines: session.positions.iter().zip(&session.times).map(line).collect(),
            closed: matches!(session.end, SessionEnd::Closed | SessionEnd::Idle),
            told: session.told,
        }
    }

    /// The input is over: open sessions are told as they stand, and go on when there is more.
    pub fn tell_open(&mut self) -> BlockRows {
        let (mut rows, mut told) = (BlockRows::new(0, &self.cluster, self.partition), Vec::new());
        if let Some(sessions) = &mut self.sessions {
            sessions.tell_open(&mut told);
        }
        self.end_sessions(&mut told, &mut rows);
        rows
    }

    /// Its state.
    pub fn save(&mut self) -> Piece {
        let drain = match drain::Snapshot::of(self.miner.drain()).to_bytes() {
            Err(error) => return Piece::Failed(error.to_string()),
            Ok(drain) => drain,
        };
        self.saved.drain = drain;
        self.saved.time = self.time.as_ref().map(TimeReader::state).unwrap_or_default();
        self.saved.sessions = self.sessions.as_ref().map(|s| s.state().clone()).unwrap_or_default();
        self.saved.watch = self.watch.state().clone();
        let piece = Piece::encode(Section::Text, 0, &self.saved);
        (self.saved.sessions, self.saved.watch) = Default::default();
        piece
    }

    /// Where the partitions that were read since the last call go on.
    pub fn take_partitions(&mut self) -> BTreeMap<PartitionId, ResumePoint> {
        std::mem::take(&mut self.partitions)
    }

    /// Lines so far, and blank lines beside them.
    pub fn counts(&self) -> (u64, u64) {
        (self.read, self.empty_lines)
    }

    /// The stream of the lines.
    pub fn stream(&self) -> StreamName {
        self.cluster.as_ref().into()
    }

    /// Time of the last line.
    pub fn at(&self) -> Micros {
        self.saved.at
    }
}
