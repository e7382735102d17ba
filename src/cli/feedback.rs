//! `causeway feedback`: what people say of findings, and learning from it.

mod values;

use super::exit::UsageError;
use super::key_sessions::{By, read};
use super::printable::Printable;
use crate::text::detect::card::KeyModel;
use crate::text::detect::feedback::{Options, Report, Said, Sets, Verdict, keep, learn, say, undo, verdicts};
use crate::text::detect::sequence::KeySequence;
use anyhow::Result;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Say what findings were, and learn from it.
///
/// Verdicts are only ever appended. Learning takes a few steps from the model's present weights, on false alarms mixed with old
/// windows; the file before is kept as MODEL.1, MODEL.2 …
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  causeway detect keys --model keys.onnx tables                                          findings, each with session and position
  causeway feedback say --verdicts verdicts.jsonl false-alarm 0000000000000011           all findings of a session
  causeway feedback say --verdicts verdicts.jsonl confirmed 0000000000000012 --position 3
  causeway feedback learn --model keys.onnx --verdicts verdicts.jsonl --normal normal tables
  causeway feedback undo --model keys.onnx
  causeway detect values --model values.json tables                                      findings, each with source, line and column
  causeway feedback say --verdicts verdicts.jsonl false-alarm app.log:2041               all values of a line
  causeway feedback learn-values --model values.json --verdicts verdicts.jsonl tables")]
pub enum Feedback {
    /// Append a verdict on a finding, or on all findings of a session.
    Say {
        /// File of verdicts; made when it is not there.
        #[arg(long, value_name = "FILE")]
        verdicts: PathBuf,
        /// What it was.
        #[arg(value_enum)]
        verdict: Word,
        /// The session; of parameter values the line, SOURCE:LINE or SOURCE@OFFSET.
        session: String,
        /// Index of the finding's key in the session, from 0, or the column of the value; all findings of the session without it.
        #[arg(long, value_name = "N")]
        position: Option<usize>,
    },
    /// Show the verdicts that hold, one JSON line each.
    List {
        /// File of verdicts.
        #[arg(long, value_name = "FILE")]
        verdicts: PathBuf,
    },
    /// Learn the false alarms, and report which other sessions are judged otherwise since.
    Learn(Box<Learn>),
    /// Learn false alarms in parameter values, and report which other lines are judged otherwise since.
    LearnValues(values::LearnValues),
    /// Go back to the version of a model before the last learning.
    Undo {
        /// Model file.
        #[arg(short, long, value_name = "FILE")]
        model: PathBuf,
    },
}

/// A verdict, on the command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Word {
    /// It was normal.
    FalseAlarm,
    /// It was an anomaly; its session is never trained on.
    Confirmed,
}

/// `causeway feedback learn`.
#[derive(Debug, clap::Args)]
pub struct Learn {
    /// Model file, from `causeway train keys`; replaced.
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// File of verdicts.
    #[arg(long, value_name = "FILE")]
    verdicts: PathBuf,
    /// Normal sessions, such as the model was trained on: old windows come from them.
    #[arg(long, required = true, value_name = "INPUT")]
    normal: Vec<PathBuf>,
    /// Sessions that show what else changed; without it every fifth of the normal ones.
    #[arg(long, value_name = "INPUT")]
    held_out: Vec<PathBuf>,
    /// Old windows for each new one.
    #[arg(long, value_name = "N", default_value_t = Options::default().replay)]
    replay: usize,
    /// Most steps; each takes a few passes over the false alarms and another sample of old windows.
    #[arg(long, value_name = "N", default_value_t = Options::default().most_steps)]
    most_steps: usize,
    /// Learning rate of the network.
    #[arg(long, value_name = "RATE", default_value_t = Options::default().rate)]
    rate: f32,
    /// Seed of the sample of old windows.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed)]
    seed: u64,
    /// Report what would change and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// JSON.
    #[arg(long)]
    json: bool,
    /// What makes a session of audit events.
    #[arg(long, value_enum, default_value_t = By::Session)]
    by: By,
    /// The sessions that verdicts speak of: files of sessions, or folders of tables.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

impl Feedback {
    /// Does what is asked for.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        match self {
            Feedback::Say { verdicts, verdict, session, position } => {
                let verdict = match verdict {
                    Word::FalseAlarm => Verdict::FalseAlarm,
                    Word::Confirmed => Verdict::Confirmed,
                };
                Ok(say(verdicts, &Said { session: session.clone(), position: *position, verdict })?)
            }
            Feedback::List { verdicts: path } => {
                for said in verdicts(path)? {
                    writeln!(out, "{}", serde_json::to_string(&said)?)?;
                }
                Ok(())
            }
            Feedback::Learn(command) => command.run(out),
            Feedback::LearnValues(command) => command.run(out),
            Feedback::Undo { model } => {
                let kept = undo(model)?;
                Ok(writeln!(out, "{} is {} again", model.display(), kept.display())?)
            }
        }
    }
}

impl Learn {
    fn run(&self, out: &mut impl Write) -> Result<()> {
        let said = some_verdicts(&self.verdicts)?;
        let model = KeyModel::read(&self.model)?;
        let mut normal = read(&self.normal, self.by)?;
        let mut held_out = read(&self.held_out, self.by)?;
        if self.held_out.is_empty() {
            let fifth: Vec<(usize, KeySequence)> = normal.into_iter().enumerate().collect();
            let (apart, kept): (Vec<_>, Vec<_>) = fifth.into_iter().partition(|(index, _)| index % 5 == 4);
            held_out = apart.into_iter().map(|(_, session)| session).collect();
            normal = kept.into_iter().map(|(_, session)| session).collect();
        }
        let said_of = read(&self.inputs, self.by)?;
        let options = Options { replay: self.replay, most_steps: self.most_steps, rate: self.rate, seed: self.seed };
        let sets = Sets { said_of: &said_of, normal: &normal, held_out: &held_out };
        let (next, report) = learn(&model, &said, sets, options)?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        } else {
            tell(&report, out)?;
        }
        if !report.changed() || self.dry_run {
            return Ok(());
        }
        replace(&self.model, self.json, out, || Ok(next.write(&self.model)?))
    }
}

/// Puts a new model in the place of the one before, which is kept beside it, and says so unless the output is `json`.
fn replace(model: &Path, json: bool, out: &mut impl Write, write: impl FnOnce() -> Result<()>) -> Result<()> {
    let kept = keep(model)?;
    write()?;
    if !json {
        writeln!(out, "{} is new; the one before is {}", model.display(), kept.display())?;
    }
    Ok(())
}

/// The verdicts of a file that must hold some.
fn some_verdicts(path: &Path) -> Result<Vec<Said>> {
    let said = verdicts(path)?;
    if said.is_empty() {
        let text = format!("{} holds no verdict; add one with `causeway feedback say`", path.display());
        return Err(UsageError(text).into());
    }
    Ok(said)
}

fn tell(report: &Report, out: &mut impl Write) -> Result<()> {
    let Report { new_keys, by_rule, without_session, held_out, models } = report;
    if *without_session > 0 {
        writeln!(out, "{without_session} verdicts are on sessions that the input does not hold")?;
    }
    if *by_rule > 0 {
        writeln!(out, "{by_rule} false alarms are short sessions: that is a rule; train with another --short")?;
    }
    for key in new_keys {
        writeln!(out, "new key: {}", Printable::new(key))?;
    }
    for model in models {
        writeln!(
            out,
            "{}: {} false alarms, {} learnt in {} steps; of {held_out} held-out sessions {} became findings, {} normal",
            model.model,
            model.false_alarms,
            model.false_alarms - model.left,
            model.steps,
            model.now_abnormal.len(),
            model.now_normal.len()
        )?;
        name_some("now a finding", &model.now_abnormal, out)?;
        name_some("now normal", &model.now_normal, out)?;
    }
    if !report.changed() {
        writeln!(out, "nothing to learn; the model is as it was")?;
    }
    Ok(())
}

/// Names of a kind that a report lists.
const NAMED: usize = 20;

fn name_some(what: &str, names: &[String], out: &mut impl Write) -> Result<()> {
    for name in names.iter().take(NAMED) {
        writeln!(out, "  {what}: {}", Printable::new(name))?;
    }
    if names.len() > NAMED {
        writeln!(out, "  and {} more; --json names all", names.len() - NAMED)?;
    }
    Ok(())
}
