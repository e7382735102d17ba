//! The command line: one file a command. Parses, dispatches, and turns results into exit codes.
//!
//! Commands write to standard output through a handle whose errors they return, so that a closed pipe ends them quietly;
//! text that comes from logs goes through [`printable::Printable`].

mod args;
mod close;
mod completions;
mod config;
mod contexts;
mod csv_to_text;
mod detect;
mod evaluate;
mod event;
pub mod exit;
mod explain;
mod feedback;
mod filter;
mod key_sessions;
mod label;
mod log_tables;
mod man;
mod parse;
pub mod printable;
mod raw_lines;
mod replay;
mod run;
mod table;
mod tables;
mod train;
mod verify;

use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Makes Kubernetes audit logs readable: who did what, and what it set off.
///
/// Audit events go in, from archived files or from topics of Kafka; tables of events, contexts and sessions come out as Parquet. A context is one action
/// of somebody with every event that it caused.
#[derive(Debug, Parser)]
#[command(
    name = "causeway",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(max_term_width = 120, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    verbosity: Verbosity,
}

const EXAMPLES: &str = "\
Examples:
  causeway replay --output tables /var/log/kubernetes/audit*.log   read archived logs into tables
  causeway run --config pipelines/kafka.toml                       follow topics of Kafka
  causeway contexts tables --user alice                            list what alice did
  causeway explain tables 4be1c63d                                 show one of it as a tree, with the reason of each link
  causeway config reference                                        every setting with its default and meaning

Exit codes: 0 done, 1 failed, 2 usage, 3 another writer owns the output folder, 78 configuration.";

/// How much the program says of itself.
#[derive(Copy, Clone, Debug, Args)]
struct Verbosity {
    /// Say nothing but errors: no progress, no account.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more: -v for information, -vv for debugging.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl Verbosity {
    /// The log filter that the flags ask for; none when there are none.
    fn log_filter(self) -> Option<&'static str> {
        match (self.quiet, self.verbose) {
            (true, _) => Some("error"),
            (false, 0) => None,
            (false, 1) => Some("info"),
            (false, _) => Some("debug"),
        }
    }

    /// Starts the log as the flags ask, for commands without a configuration.
    fn start_log(self) -> anyhow::Result<()> {
        use crate::observe::log;
        Ok(log::start(self.log_filter().unwrap_or("warn"), log::Format::Text)?)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(Box<replay::Replay>),
    Run(Box<run::Run>),
    Filter(filter::Filter),
    #[command(subcommand)]
    Label(label::LabelCommand),
    Contexts(contexts::Contexts),
    Explain(explain::Explain),
    Parse(parse::Parse),
    CsvToText(csv_to_text::CsvToText),
    Verify(verify::Verify),
    #[command(subcommand)]
    Evaluate(evaluate::Evaluate),
    #[command(subcommand)]
    Train(train::Train),
    #[command(subcommand)]
    Detect(detect::Detect),
    #[command(subcommand)]
    Feedback(feedback::Feedback),
    #[command(subcommand)]
    Config(config::Config),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the program with its arguments (the first is its name) and gives its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(args) {
        Ok(cli) => exit::exit_code(dispatch(cli)),
        Err(error) => {
            // Help and version go to standard output and are no errors. A closed pipe is nobody's concern here.
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE })
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if !matches!(cli.command, Command::Replay(_) | Command::Run(_)) {
        cli.verbosity.start_log()?;
    }
    match cli.command {
        Command::Replay(command) => command.run(cli.verbosity, &mut out)?,
        Command::Run(command) => command.run(cli.verbosity, &mut out)?,
        Command::Filter(command) => command.run(&mut out)?,
        Command::Label(command) => command.run(&mut out)?,
        Command::Contexts(command) => command.run(&mut out)?,
        Command::Explain(command) => command.run(&mut out)?,
        Command::Parse(command) => command.run(&mut out)?,
        Command::CsvToText(command) => command.run(&mut out)?,
        Command::Verify(command) => command.run(&mut out)?,
        Command::Evaluate(command) => command.run(&mut out)?,
        Command::Train(command) => command.run(&mut out)?,
        Command::Detect(command) => command.run(&mut out)?,
        Command::Feedback(command) => command.run(&mut out)?,
        Command::Config(command) => command.run(&mut out)?,
        Command::Completions(command) => command.run(&mut out)?,
        Command::Man(command) => command.run(&mut out)?,
    }
    Ok(out.flush()?)
}

/// The command line as clap sees it, for completions and manual pages.
fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_holds_together() {
        super::command().debug_assert();
    }
}
