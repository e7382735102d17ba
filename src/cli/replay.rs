//! `causeway replay`: archived audit logs into tables.

use super::Verbosity;
use super::args::Moment;
use super::exit::UsageError;
use crate::config::{Bodies, Config, FilterMode, FilterRules, Loader, LogFormat, Stages, Switch};
use crate::observe::log;
use clap::ValueEnum;
use std::path::PathBuf;

/// Read archived audit logs into tables.
///
/// Inputs are files (plain, .gz, .zst, .xz), folders, globs, or - for standard input. A run that was killed continues where its
/// last commit ended; the same input twice adds nothing; a file that has grown is read on from where it ended.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway replay --output tables /var/log/kubernetes/
  causeway replay --output tables --cluster prod --from 2026-03-01 --to 2026-03-02 'archive/audit-*.log.gz'
  kubectl logs -n kube-system kube-apiserver-0 | causeway replay --output tables -
  causeway replay --config pipelines/replay.toml --account account.json logs/

Every event read ends in one place: read = events + filtered + rejects, printed at the end.")]
pub struct Replay {
    /// Files, folders, globs, or - for standard input.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Folder of the tables [output.dir].
    #[arg(short, long, value_name = "DIR")]
    output: Option<String>,
    /// Configuration file; `causeway config reference` lists its keys.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Worker threads; 0 is one for each core [run.workers].
    #[arg(short, long, value_name = "N")]
    workers: Option<usize>,
    /// Name of the cluster that the logs are from [stream.cluster].
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Leave out events before this date or time (UTC, or with a zone).
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Leave out events at and after this date or time.
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// Which events become rows [filter.mode].
    #[arg(long, value_name = "MODE")]
    filter: Option<FilterMode>,
    /// How the filter's rules are read [filter.rules].
    #[arg(long, value_name = "RULES")]
    rules: Option<FilterRules>,
    /// Which stages of a request become rows [filter.stages].
    #[arg(long, value_name = "STAGES")]
    stages: Option<Stages>,
    /// Whether contexts are looked for [contexts.engine].
    #[arg(long, value_name = "SWITCH")]
    contexts: Option<Switch>,
    /// Whether request and response bodies are written, redacted [output.bodies].
    #[arg(long, value_name = "BODIES")]
    bodies: Option<Bodies>,
    /// Set any key of the configuration, as often as you like.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Also write the closing account to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    account: Option<PathBuf>,
    /// Show no progress.
    #[arg(long)]
    no_progress: bool,
}

impl Replay {
    /// Reads the logs and prints the account.
    pub fn run(&self, verbosity: Verbosity) -> anyhow::Result<()> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from.0 >= to.0
        {
            return Err(UsageError("--from is not before --to: nothing would be read".to_owned()).into());
        }
        let config = self.effective()?;
        start_log(&config, verbosity)?;
        if config.output.dir.is_none() {
            return Err(UsageError("no folder for the tables; give --output DIR or set output.dir".to_owned()).into());
        }
        anyhow::bail!("the dataflow is not built yet")
    }

    /// The configuration with the flags laid over it.
    fn effective(&self) -> anyhow::Result<Config> {
        let flags = [
            ("output.dir", "--output", self.output.clone()),
            ("run.workers", "--workers", self.workers.map(|workers| workers.to_string())),
            ("stream.cluster", "--cluster", self.cluster.clone()),
            ("filter.mode", "--filter", word(self.filter)),
            ("filter.rules", "--rules", word(self.rules)),
            ("filter.stages", "--stages", word(self.stages)),
            ("contexts.engine", "--contexts", word(self.contexts)),
            ("output.bodies", "--bodies", word(self.bodies)),
        ];
        let mut loader: Loader = super::config::layered(self.config.as_ref())?;
        for (path, flag, value) in flags {
            if let Some(value) = value {
                loader = loader.set(path, &value, flag)?;
            }
        }
        for pair in &self.set {
            let Some((path, value)) = pair.split_once('=') else {
                return Err(UsageError(format!("--set {pair}: write KEY=VALUE, such as --set sessions.gap=20m")).into());
            };
            loader = loader.set(path.trim(), value.trim(), "--set")?;
        }
        Ok(loader.finish()?)
    }
}

/// The word that stands for a choice, on the command line as in the file.
fn word<T: ValueEnum>(choice: Option<T>) -> Option<String> {
    Some(choice?.to_possible_value()?.get_name().to_owned())
}

/// Starts the log as the configuration says; -q and -v win.
fn start_log(config: &Config, verbosity: Verbosity) -> anyhow::Result<()> {
    let format = match config.log.format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    Ok(log::start(verbosity.log_filter().unwrap_or(&config.log.filter), format)?)
}
