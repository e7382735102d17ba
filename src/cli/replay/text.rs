//! `causeway replay --pipeline`: log lines into tables.

use super::super::exit::UsageError;
use super::{Replay, stop_on_signals, workers};
use crate::config::TextPipeline;
use crate::flow::text::{TextPlan, replay_text};
use crate::lake;
use crate::observe::Progress;
use crate::observe::progress::{Display, Style};
use anyhow::Result;
use indicatif::HumanCount;
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Replays log lines as the file at `pipeline` says, and prints the account unless `quiet`.
pub fn run(replay: &Replay, pipeline: &Path, style: Style, quiet: bool, out: &mut impl Write) -> Result<()> {
    let progress = Arc::new(Progress::default());
    let plan = plan(replay, pipeline, Arc::clone(&progress))?;
    let started = Instant::now();
    let display = Display::start(Arc::clone(&progress), style);
    let outcome = replay_text(&plan);
    drop(display);
    let outcome = outcome?;
    let account = TextAccount { counts: &outcome.account, secs: started.elapsed().as_secs_f64() };
    replay.closing(quiet).close(&outcome, &account, out)
}

/// The account of log lines.
#[derive(Serialize)]
#[serde(transparent)]
pub struct TextAccount<'a> {
    /// Counts since the tables were begun.
    pub counts: &'a lake::Account,
    /// How long this run took.
    #[serde(skip)]
    pub secs: f64,
}

impl fmt::Display for TextAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            ("read", self.counts.read, "lines"),
            ("parsed", self.counts.events, "rows of lines"),
            ("rejects", self.counts.rejects, "lines without a key; the table rejects says why"),
            ("sessions", self.counts.sessions, "rows of log_sessions"),
            ("blank", self.counts.empty_lines, "blank lines, not counted above"),
        ];
        for (name, count, note) in lines {
            writeln!(f, "{name:<9} {:>15}  {note}", HumanCount(count).to_string())?;
        }
        write!(f, "in {:.1} s", self.secs)
    }
}

fn plan(replay: &Replay, path: &Path, progress: Arc<Progress>) -> Result<TextPlan> {
    let Some(output) = &replay.output else {
        return Err(UsageError("no folder for the tables; give --output DIR".to_owned()).into());
    };
    let workers = workers(replay.workers.unwrap_or(0));
    let plan = text_plan(path, (output.into(), workers), progress, stop_on_signals()?)?;
    Ok(TextPlan {
        inputs: replay.inputs.clone(),
        stream: replay.cluster.clone().unwrap_or(plan.stream.clone()),
        ..plan
    })
}

/// What a pipeline file says, for a folder of tables and so many workers. It reads no files yet.
///
/// # Errors
/// When the file cannot be read or makes no sense.
pub fn text_plan(
    path: &Path,
    (output, workers): (PathBuf, usize),
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
) -> Result<TextPlan> {
    let pipeline = TextPipeline::read(path)?;
    let parser = pipeline.parser_settings(path)?;
    let sessions = pipeline.session_settings(&parser, path)?;
    let detection = pipeline.detection(sessions.as_ref(), path)?;
    let adapter = parser.adapter.as_ref();
    let time_format = pipeline.lines.time_format.clone().or_else(|| adapter?.time_format.clone());
    let time_fields = match pipeline.lines.time.as_slice() {
        [] => vec!["Time".to_owned()],
        fields => fields.to_vec(),
    };
    Ok(TextPlan {
        inputs: Vec::new(),
        output,
        stream: pipeline.stream.name,
        workers,
        format: pipeline.lines.format.clone().or_else(|| adapter?.logformat.clone()),
        time: time_format.map(|format| (time_fields, format)),
        max_line_bytes: pipeline.lines.max_bytes.as_usize(),
        drain: parser.drain,
        masks: parser.masks,
        brackets: (parser.mask_prefix, parser.mask_suffix),
        per_partition: false,
        sessions,
        detection,
        commit_every: pipeline.commit.every.as_duration(),
        commit_bytes: pipeline.commit.bytes.as_bytes(),
        block_bytes: pipeline.lines.block_bytes.as_usize(),
        progress,
        stop,
    })
}
