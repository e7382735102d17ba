//! `causeway run`: follows topics of audit events into tables.

mod kafka;

use super::Verbosity;
use super::close::Closing;
use super::exit::UsageError;
use super::replay::{TextAccount, dataflow, start_log, stop_on_signals, text_plan};
use crate::config::{Config, Loader, RUN_LISTENS_AT, TextPipeline};
use crate::flow::text::{TextPlan, run_text};
use crate::flow::{self, ReplayPlan, RunPlan};
use crate::observe::{self, Account, Progress, Server};
use crate::source::kafka::Health;
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Follow topics of audit events into tables.
///
/// Runs until it is told to stop: SIGTERM or Ctrl-C reads no more, commits what was read, and ends; a second one ends at once. What
/// was read and where it goes on stand in the tables' own manifest: a run that was killed continues where its last commit ended,
/// with any number of workers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway run --config pipelines/kafka.toml
  causeway run --brokers kafka-0:9092,kafka-1:9092 --topic audit --output tables --cluster prod
  causeway run --config pipelines/kafka.toml --until-end          read what is there, then end
  causeway run --config pipelines/kafka.toml --start latest       leave out what is there already
  causeway run --config pipelines/kafka.toml --processes 3 --process 0 --hostfile hosts.txt
                                                                  the first of three processes that work as one
  causeway run --pipeline pipelines/hdfs.toml --brokers kafka-0:9092 --topic logs --output tables    ordinary log lines")]
pub struct Run {
    /// Configuration file; `causeway config reference` lists its keys.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read log lines instead of audit events, as this pipeline file says (pipelines/hdfs.toml is one); a message is a line.
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
    /// Folder of the tables [output.dir].
    #[arg(short, long, value_name = "DIR")]
    output: Option<String>,
    /// Where to find the brokers: host:port, separated by commas [kafka.brokers].
    #[arg(long, value_name = "LIST")]
    brokers: Option<String>,
    /// Topic, or ^ and a regular expression; as often as you like [kafka.topics].
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Where unknown partitions are begun: earliest, latest, or a time [kafka.start].
    #[arg(long, value_name = "WHERE")]
    start: Option<String>,
    /// Read to where the partitions end now, then end.
    #[arg(long)]
    until_end: bool,
    /// Worker threads; 0 is one for each core [run.workers].
    #[arg(short, long, value_name = "N")]
    workers: Option<usize>,
    /// Processes that work as one [run.processes].
    #[arg(long, value_name = "N")]
    processes: Option<usize>,
    /// Number of this process among them, from 0 [run.process].
    #[arg(long, value_name = "I")]
    process: Option<usize>,
    /// File with one host:port a line, where the processes reach each other [run.hostfile].
    #[arg(long, value_name = "FILE")]
    hostfile: Option<String>,
    /// Name of the cluster that the events are from [stream.cluster].
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Set any key of the configuration, as often as you like.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Also write the closing account to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    account: Option<PathBuf>,
}

impl Run {
    /// Follows the topics, and prints the account at the end.
    pub fn run(&self, verbosity: Verbosity, out: &mut impl Write) -> Result<()> {
        let mut config = self.effective()?;
        if let Some(path) = &self.pipeline {
            if config.publish.topic.is_some() {
                let text = "publish.topic is for contexts of audit events; leave it out with --pipeline".to_owned();
                return Err(UsageError(text).into());
            }
            if config.kafka.cluster_header.is_some() {
                let text = "kafka.cluster_header is for audit events; leave it out with --pipeline".to_owned();
                return Err(UsageError(text).into());
            }
            let name = TextPipeline::read(path)?.stream.name;
            config.stream.cluster = self.cluster.clone().unwrap_or(name);
            // One parser learns the lines of one stream.
            config.kafka.clusters = vec![config.stream.cluster.clone()];
        }
        start_log(&config, verbosity)?;
        let watched = Arc::new(observe::Health::new(config.commit.every.as_duration()));
        let default = (!self.until_end).then_some(RUN_LISTENS_AT);
        // Checked when the configuration was read.
        let address = config.observe.address(default).unwrap_or_default();
        let server = address.map(|address| Server::start(address, Arc::clone(&watched))).transpose()?;
        let progress = Arc::new(Progress::new("kafka", watched));
        let dataflow = dataflow(&config, Arc::clone(&progress), stop_on_signals()?)?;
        let plan = RunPlan {
            dataflow: ReplayPlan { context_quiet_us: Some(config.contexts.quiet.as_micros()), ..dataflow },
            publishing: kafka::publishing(&config)?,
            source: kafka::settings(&config, self.until_end)?,
            commit_rows: config.commit.rows,
            health: Arc::new(Health::default()),
            membership: kafka::membership(&config.run)?,
        };
        let started = Instant::now();
        let closing = Closing { file: self.account.as_deref(), quiet: verbosity.quiet, input: "the topics" };
        if let Some(path) = &self.pipeline {
            if plan.membership.is_some() {
                let text = "log lines are read by one process; leave --processes out with --pipeline".to_owned();
                return Err(UsageError(text).into());
            }
            let flow = &plan.dataflow;
            let (output, stop) = (PathBuf::from(&flow.output), Arc::clone(&flow.stop));
            let text = text_plan(path, (output, flow.workers), progress, stop)?;
            let text = TextPlan { stream: config.stream.cluster.clone(), per_partition: true, ..text };
            let outcome = run_text(&plan, &text);
            drop(server);
            let outcome = outcome?;
            let account = TextAccount { counts: &outcome.account, secs: started.elapsed().as_secs_f64() };
            return closing.close(&outcome, &account, out);
        }
        let outcome = flow::run(&plan);
        drop(server);
        let outcome = outcome?;
        if let Some(membership) = plan.membership.as_ref().filter(|membership| membership.process > 0) {
            // Only the process that commits knows the account.
            tracing::info!(process = membership.process, "the run has ended");
            return Ok(());
        }
        let (bytes_in, _) = progress.totals();
        let account =
            Account::of(&outcome.account, started.elapsed(), bytes_in, super::tables::bytes(&plan.dataflow.output));
        closing.close(&outcome, &account, out)
    }

    /// The configuration with the flags laid over it.
    fn effective(&self) -> Result<Config> {
        let topics = (!self.topics.is_empty()).then(|| toml::Value::from(self.topics.clone()).to_string());
        let flags = [
            ("output.dir", "--output", self.output.clone()),
            ("run.workers", "--workers", self.workers.map(|workers| workers.to_string())),
            ("run.processes", "--processes", self.processes.map(|processes| processes.to_string())),
            ("run.process", "--process", self.process.map(|process| process.to_string())),
            ("run.hostfile", "--hostfile", self.hostfile.clone()),
            ("stream.cluster", "--cluster", self.cluster.clone()),
            ("kafka.brokers", "--brokers", self.brokers.clone()),
            ("kafka.topics", "--topic", topics),
            ("kafka.start", "--start", self.start.clone()),
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
