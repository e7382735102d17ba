//! `causeway filter`: K8NTEXT's log parser as a Unix filter.
//!
//! ```text
//! INPUT… ─ blocks of lines ─ decode ─ rules ─┬─ kept: the line as it was read ──▶ standard output
//!                                            └─ counts ─────────────────────────▶ --stats FILE
//! ```

mod stats;
mod stream;

use crate::audit::filter::Rules;
use crate::config::{FilterRules, Stages};
use crate::source::files::{FileSource, Settings, discover};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use stream::Stream;

/// Print the audit events that a filter keeps, unchanged, as JSON lines.
///
/// The rules are those of K8NTEXT: some events are removed (probes, discovery, openings of watches), some are black-listed
/// (periodic requests of components), the rest is white-listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway filter audit.log > kept.log                             without what the rules remove
  causeway filter --mode full --stats stats.json audit.log.gz      without what they black-list too, with counts
  zcat audit*.gz | causeway filter --stages all --mode full - | wc -l

A record that holds no audit event is counted as a reject and is not printed.")]
pub struct Filter {
    /// What is kept.
    #[arg(short, long, value_enum, default_value_t = Mode::Light)]
    mode: Mode,
    /// How the rules are read.
    #[arg(long, value_enum, default_value_t = FilterRules::Strict)]
    rules: FilterRules,
    /// Which stages of a request are kept.
    #[arg(long, value_enum, default_value_t = Stages::Final)]
    stages: Stages,
    /// Write counts to this file, as JSON: read, white_listed, black_listed, removed, rejects, by_rule.
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    /// Files, folders, globs, or - for standard input.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
}

/// What is kept.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Everything.
    Off,
    /// All but what the rules remove.
    Light,
    /// All but what the rules remove or black-list.
    Full,
}

impl Filter {
    /// Filters all inputs; writes the counts also when the reader of the output has gone.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let rules = match self.rules {
            FilterRules::Strict => Rules::Strict,
            FilterRules::K8ntext => Rules::K8ntext,
        };
        let mut stream = Stream::new(rules, self.mode, self.stages == Stages::All);
        let mut source = FileSource::new(discover(&self.inputs)?, &BTreeMap::new(), Settings::default())?;
        let mut kept = BufWriter::with_capacity(1 << 20, out);
        let mut written = Ok(());
        while let Some(item) = source.next_item()? {
            written = stream.item(&item, &mut kept);
            if written.is_err() {
                break;
            }
        }
        written = written.and_then(|()| kept.flush());
        let stats = stream.into_stats();
        if let Some(path) = &self.stats {
            let place = || format!("cannot write counts to {}", path.display());
            let text = serde_json::to_string_pretty(&stats)? + "\n";
            std::fs::write(path, text).with_context(place)?;
        }
        if stats.rejects > 0 {
            tracing::warn!("{} records hold no audit event; -v names them", stats.rejects);
        }
        Ok(written?)
    }
}
