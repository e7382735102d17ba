//! `causeway evaluate parser`: keys and templates against ground truth.

use crate::cli::exit::UsageError;
use crate::text::csv::records;
use crate::text::evaluate::loghub::{SYSTEMS, System};
use crate::text::evaluate::{Judged, Scores, score};
use crate::text::format::LogFormat;
use crate::text::line::LineReader;
use crate::text::miner::Miner;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Measure keys and templates against the ground truth of loghub.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway parse --log-format '<Date> <Time> <Pid> <Level> <Component>: <Content>' HDFS_2k.log > keys.jsonl
  causeway evaluate parser --truth HDFS_2k.log_structured.csv keys.jsonl
  causeway evaluate parser --loghub loghub_2k                        eight systems with their published settings

Grouping accuracy (GA) is the share of lines whose group holds exactly the lines of their true group; parsing accuracy (PA) the
share whose template is exactly the true one.")]
pub struct EvaluateParser {
    /// Ground truth: a CSV file with the columns EventId and EventTemplate, a row a line of the log.
    #[arg(long, value_name = "FILE", required_unless_present = "loghub", conflicts_with = "loghub")]
    truth: Option<PathBuf>,
    /// Parse and judge the systems of loghub in this folder, which has NAME/NAME_2k.log.
    #[arg(long, value_name = "DIR")]
    loghub: Option<PathBuf>,
    /// Take the true templates of --loghub from this folder, which has NAME/NAME_2k.log_structured_corrected.csv.
    #[arg(long, value_name = "DIR", requires = "loghub")]
    corrected: Option<PathBuf>,
    /// JSON.
    #[arg(long)]
    json: bool,
    /// Output of `causeway parse` for the log.
    #[arg(value_name = "KEYS", required_unless_present = "loghub")]
    keys: Option<PathBuf>,
}

/// A row of `causeway parse`.
#[derive(Deserialize)]
struct Row {
    key: Option<u32>,
    template: Option<String>,
}

impl EvaluateParser {
    /// Prints the scores.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        if let Some(folder) = &self.loghub {
            return self.run_loghub(folder, out);
        }
        let (Some(truth), Some(keys)) = (&self.truth, &self.keys) else {
            return Err(UsageError("give --truth FILE and the output of `causeway parse`".to_owned()).into());
        };
        let found: Vec<(Option<u32>, String)> = read(keys)?
            .lines()
            .enumerate()
            .map(|(at, line)| {
                let row: Row = serde_json::from_str(line)
                    .with_context(|| format!("{}, line {}: no row of `causeway parse`", keys.display(), at + 1))?;
                Ok((row.key, row.template.unwrap_or_default()))
            })
            .collect::<Result<_>>()?;
        let scores = score(&judged(found, truth)?);
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string_pretty(&scores)?)?,
            false => write!(out, "{}", markdown(&[("log", None, scores)]))?,
        }
        Ok(())
    }

    fn run_loghub(&self, folder: &Path, out: &mut impl Write) -> Result<()> {
        let mut rows = Vec::new();
        for system in &SYSTEMS {
            let file = |ending: &str| folder.join(system.name).join(format!("{}_2k.log{ending}", system.name));
            let truth = match &self.corrected {
                Some(folder) => {
                    folder.join(system.name).join(format!("{}_2k.log_structured_corrected.csv", system.name))
                }
                None => file("_structured.csv"),
            };
            let scores = score(&judged(parse(system, &file(""))?, &truth)?);
            rows.push((system.name, Some(system.published), scores));
        }
        if self.json {
            let rows: Vec<_> = rows
                .iter()
                .map(|(name, published, scores)| json!({"system": name, "published": published, "scores": scores}))
                .collect();
            writeln!(out, "{:#}", json!(rows))?;
        } else {
            write!(out, "{}", markdown(&rows))?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Keys and templates of a system's lines, with its published settings.
fn parse(system: &System, log: &Path) -> Result<Vec<(Option<u32>, String)>> {
    let mut miner = Miner::new(system.settings(), &system.masks(), "<", ">")?;
    let mut lines = LineReader::new(LogFormat::new(system.format)?, usize::MAX);
    let bytes = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let mut found = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        found.push(match lines.read(line) {
            Ok(text) => {
                let id = miner.learn(lines.content(text)).id;
                (Some(id.0), miner.template(id).to_owned())
            }
            Err(_) => (None, String::new()),
        });
    }
    Ok(found)
}

/// What was found, line by line, beside the truth.
fn judged(found: Vec<(Option<u32>, String)>, truth: &Path) -> Result<Vec<Judged>> {
    let mut rows = records(&read(truth)?).into_iter();
    let head = rows.next().unwrap_or_default();
    let column = |name: &str| {
        let place = head.iter().position(|cell| cell == name);
        place.with_context(|| format!("{}: no column {name}; give loghub's structured CSV", truth.display()))
    };
    let (id, template) = (column("EventId")?, column("EventTemplate")?);
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.len() != found.len() {
        bail!(
            "{} has {} rows, but {} lines were parsed: give the truth of this very log",
            truth.display(),
            rows.len(),
            found.len()
        );
    }
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    let line = |((key, found), row): ((Option<u32>, String), Vec<String>)| Judged {
        key,
        template: found,
        true_id: cell(&row, id),
        true_template: cell(&row, template),
    };
    Ok(found.into_iter().zip(rows).map(line).collect())
}

fn markdown(rows: &[(&str, Option<f64>, Scores)]) -> String {
    let mut text =
        "| log | lines | GA | published GA | PA | precision | recall | F1 | templates | true templates |\n".to_owned();
    text.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
    for (name, published, scores) in rows {
        let published = published.map_or("–".to_owned(), |published| format!("{published:.4}"));
        let Scores { lines, grouping_accuracy, parsing_accuracy, precision, recall, f1, templates, true_templates } =
            scores;
        text.push_str(&format!(
            "| {name} | {lines} | {grouping_accuracy:.4} | {published} | {parsing_accuracy:.4} | {precision:.4} | {recall:.4} | {f1:.4} | {templates} | {true_templates} |\n"
        ));
    }
    text
}
