//! `causeway train counts`.

use crate::cli::log_tables::log_lines;
use crate::config::Age;
use crate::text::detect::pca::{Components, Options};
use crate::text::detect::time_counts::TimeCounts;
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Learn which counts of log keys go together in windows of time.
///
/// Principal components of the counts of each window; what they leave over is unusual above the Q statistic.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway train counts --output counts.json --window 24h --step 3h tables
  causeway detect counts --model counts.json tables")]
pub struct Counts {
    /// Model file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Length of a window.
    #[arg(long, value_name = "AGE", default_value = "24h")]
    window: Age,
    /// From the beginning of a window to that of the next one.
    #[arg(long, value_name = "AGE", default_value = "3h")]
    step: Age,
    /// Components to keep: a share of the variance below 1, or their number.
    #[arg(long, value_name = "SHARE|N", default_value_t = 0.95)]
    components: f64,
    /// Rare keys weigh more (tf-idf).
    #[arg(long)]
    tf_idf: bool,
    /// Drop keys that training never saw instead of counting them.
    #[arg(long)]
    drop_unseen: bool,
    /// Quantile of the normal distribution that the threshold stands for; 3.2905 is 0.1 %.
    #[arg(long, value_name = "X", default_value_t = 3.2905)]
    c_alpha: f64,
    /// Folder of tables.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Counts {
    /// Fits, writes the file, and says to how many windows.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let lines: Vec<(i64, Arc<str>)> =
            log_lines(&self.dir)?.into_iter().map(|line| (line.at.0, line.template)).collect();
        let components = match self.components {
            share if share < 1.0 => Components::Share(share),
            count => Components::Count(count as usize),
        };
        let options = Options { tf_idf: self.tf_idf, unseen: !self.drop_unseen, components, c_alpha: self.c_alpha };
        let model = TimeCounts::fit(&lines, (self.window.as_micros(), self.step.as_micros()), options)?;
        model.write(&self.output)?;
        let alarms = model.judge(&lines).0.len();
        writeln!(
            out,
            "{}: {} windows of {} lines, {} keys; {alarms} of these windows are unusual to it",
            self.output.display(),
            model.windows,
            lines.len(),
            model.vocabulary.len()
        )?;
        Ok(())
    }
}
