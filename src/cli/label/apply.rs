//! `causeway label apply`: labels for audit lines, from ground truth or from the rules for the control plane's routine.

use super::truth::{Truth, label_of_line, marked, routine_mark, single_event};
use crate::cli::evaluate::truth_of;
use crate::source::files::{FileSource, Item, Settings, discover};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Write labels into audit lines, for training.
///
/// Without --truth, the control plane's routine is labelled and everything else gets the unknown label, -1, for
/// `causeway label annotate`. Lines that have a label keep it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway label apply --truth truth.jsonl audit.jsonl > labelled.jsonl     the label of each action's root, where the truth is known
  causeway label apply audit.jsonl > labelled.jsonl                         the control plane's routine alone

Labels are written as the members `label` and `cplabel` (part of the routine) of each line.")]
pub struct Apply {
    /// Ground truth, JSON lines with auditID, stage, action, root.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Replace labels that are there.
    #[arg(long)]
    relabel: bool,
    /// Files, folders or globs; one event a line.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
}

impl Apply {
    /// Labels all inputs.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let truth = self.truth.as_ref().map(|path| Ok::<_, anyhow::Error>(Truth::new(&truth_of(path)?))).transpose()?;
        let truth = match truth {
            None => None,
            Some(mut truth) => {
                self.lines(&mut |line| {
                    single_event(line, |event| truth.see(event));
                    Ok(())
                })?;
                Some(truth)
            }
        };
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let (mut labelled, mut left) = (0u64, 0u64);
        self.lines(&mut |line| {
            let keeps = !self.relabel && label_of_line(line).is_some_and(|label| label.0 != -1);
            let mark = single_event(line, |event| match &truth {
                Some(truth) => truth.mark(event),
                None => routine_mark(event),
            });
            match mark.filter(|_| !keeps).and_then(|mark| marked(line, mark)) {
                Some(line) => {
                    labelled += 1;
                    out.write_all(&line)?;
                }
                None => {
                    left += u64::from(!keeps);
                    out.write_all(line)?;
                }
            }
            out.write_all(b"\n")
        })?;
        out.flush()?;
        if left > 0 {
            tracing::warn!("{left} lines do not hold exactly one audit event; they were left as they are");
        }
        if labelled == 0 {
            bail!("no line was labelled; give JSON lines with one audit event each");
        }
        Ok(())
    }

    fn lines(&self, each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<()> {
        let mut source = FileSource::new(discover(&self.inputs)?, &BTreeMap::new(), Settings::default())?;
        while let Some(item) = source.next_item()? {
            if let Item::Block(block) = item {
                for line in block.bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
                    each(line)?;
                }
            }
        }
        Ok(())
    }
}
