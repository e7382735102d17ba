//! `causeway replay`: archived audit logs into tables.

mod plan;
mod text;

use super::Verbosity;
use super::args::Moment;
use super::close::Closing;
use super::exit::UsageError;
use crate::config::{Bodies, Config, FilterMode, FilterRules, Loader, LogFormat, Method, Stages, Switch};
use crate::flow;
use crate::observe::progress::{Display, Style};
use crate::observe::{Account, Health, Progress, Server, log};
use anyhow::Result;
use clap::ValueEnum;
pub(super) use plan::dataflow;
use plan::{plan, workers};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
pub(super) use text::{TextAccount, text_plan};

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
  causeway replay --pipeline pipelines/hdfs.toml --output tables HDFS.log        ordinary log lines

Every event read ends in one place: read = events + filtered + rejects, printed at the end.")]
pub struct Replay {
    /// Files, folders, globs, or - for standard input.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Folder of the tables, or s3://bucket/prefix [output.dir].
    #[arg(short, long, value_name = "DIR")]
    output: Option<String>,
    /// Configuration file; `causeway config reference` lists its keys.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read log lines instead of audit events, as this pipeline file says (pipelines/hdfs.toml is one).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "from", "to", "filter", "rules", "stages", "contexts",
        "method", "labels", "bodies", "set"])]
    pipeline: Option<PathBuf>,
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
    /// How contexts are found [contexts.method].
    #[arg(long, value_name = "METHOD")]
    method: Option<Method>,
    /// Where K8NTEXT's methods have labels from: proposed, or oracle:FILE [contexts.labels].
    #[arg(long, value_name = "LABELS")]
    labels: Option<String>,
    /// Model file that labels events [model.path].
    #[arg(long, value_name = "FILE")]
    model: Option<String>,
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
    pub fn run(&self, verbosity: Verbosity, out: &mut impl Write) -> Result<()> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from.0 >= to.0
        {
            return Err(UsageError("--from is not before --to: nothing would be read".to_owned()).into());
        }
        if let Some(pipeline) = &self.pipeline {
            log::start(verbosity.log_filter().unwrap_or("warn"), log::Format::Text)?;
            return text::run(self, pipeline, self.style(verbosity), verbosity.quiet, out);
        }
        let config = self.effective()?;
        start_log(&config, verbosity)?;
        let health = Arc::new(Health::new(config.commit.every.as_duration()));
        // Checked when the configuration was read.
        let address = config.observe.address(None).unwrap_or_default();
        let server = address.map(|address| Server::start(address, Arc::clone(&health))).transpose()?;
        let progress = Arc::new(Progress::new("file", health));
        let plan = plan(self, &config, Arc::clone(&progress), stop_on_signals()?)?;
        let started = Instant::now();
        let display = Display::start(Arc::clone(&progress), self.style(verbosity));
        let outcome = flow::replay(&plan);
        drop((display, server));
        let outcome = outcome?;
        let (bytes_in, _) = progress.totals();
        let account = Account::of(&outcome.account, started.elapsed(), bytes_in, super::tables::bytes(&plan.output));
        self.closing(verbosity.quiet).close(&outcome, &account, out)
    }

    fn style(&self, verbosity: Verbosity) -> Style {
        match (self.no_progress || verbosity.quiet, console::user_attended_stderr()) {
            (true, _) => Style::Silent,
            (false, true) => Style::Bar,
            (false, false) => Style::Lines,
        }
    }

    fn closing(&self, quiet: bool) -> Closing<'_> {
        Closing { file: self.account.as_deref(), quiet, input: "the input" }
    }

    /// The configuration with the flags laid over it.
    fn effective(&self) -> Result<Config> {
        let flags = [
            ("output.dir", "--output", self.output.clone()),
            ("run.workers", "--workers", self.workers.map(|workers| workers.to_string())),
            ("stream.cluster", "--cluster", self.cluster.clone()),
            ("filter.mode", "--filter", word(self.filter)),
            ("filter.rules", "--rules", word(self.rules)),
            ("filter.stages", "--stages", word(self.stages)),
            ("contexts.engine", "--contexts", word(self.contexts)),
            ("contexts.method", "--method", word(self.method)),
            ("contexts.labels", "--labels", self.labels.clone()),
            ("model.path", "--model", self.model.clone()),
            ("output.bodies", "--bodies", word(self.bodies)),
        ];
        let mut loader: Loader = super::config::layered(self.config.as_ref())?;
        for (path, flag, value) in flags {
            if let Some(value) = value {
                loader = loader.set(path, &value, flag)?;
            }
        }
        Ok(super::config::set_all(loader, &self.set)?.finish()?)
    }
}

/// The word that stands for a choice, on the command line as in the file.
fn word<T: ValueEnum>(choice: Option<T>) -> Option<String> {
    Some(choice?.to_possible_value()?.get_name().to_owned())
}

/// Starts the log as the configuration says; -q and -v win.
pub(super) fn start_log(config: &Config, verbosity: Verbosity) -> Result<()> {
    let format = match config.log.format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    Ok(log::start(verbosity.log_filter().unwrap_or(&config.log.filter), format)?)
}

/// A flag that the first Ctrl-C or SIGTERM sets: read no more, commit what was read. The second one ends the process at once.
pub(super) fn stop_on_signals() -> Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // This order matters: the first signal finds the flag unset here and sets it in the next handler.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
