//! From the result of a command to the exit code of the process.
//!
//! 0 done, 1 failed, 2 usage, 3 fenced (another writer owns the output folder), 78 configuration.

use super::printable::Printable;
use crate::config::ConfigError;
use crate::context::rules::RulesError;
use crate::flow::FlowError;
use crate::lake::LakeError;
use crate::observe::log::LogError;
use std::io::{self, Write};
use std::process::ExitCode;

/// The command did what was asked.
pub const DONE: u8 = 0;
/// The command failed.
pub const FAILED: u8 = 1;
/// The command line makes no sense.
pub const USAGE: u8 = 2;
/// Another process writes to the same output folder.
pub const FENCED: u8 = 3;
/// The configuration makes no sense (`EX_CONFIG` of sysexits).
pub const CONFIG: u8 = 78;

/// A mistake in how the command was called that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Tells the error on standard error, if there is one, and gives the exit code.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::from(DONE) };
    let code = code_of(&error);
    if code != DONE {
        // When standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "causeway: {}", Printable::lines(&told(&error)));
    }
    ExitCode::from(code)
}

/// The error and its causes, each once: many tell their cause themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told {
        told if told.is_empty() => cause,
        told if told.contains(&cause) => told,
        told => format!("{told}: {cause}"),
    })
}

fn code_of(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(LakeError::Fenced { .. }) = lake_error(cause) {
            return FENCED;
        }
        if cause.is::<ConfigError>() || cause.is::<LogError>() || cause.is::<RulesError>() {
            return CONFIG;
        }
        if cause.is::<UsageError>() {
            return USAGE;
        }
        if cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            // The reader (`head`) has seen enough: not a failure.
            return DONE;
        }
    }
    FAILED
}

/// The error of the tables within `cause`; a transparent [`FlowError`] does not show it as its source.
fn lake_error<'e>(cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e LakeError> {
    match cause.downcast_ref::<FlowError>() {
        Some(FlowError::Lake(error)) => Some(error),
        _ => cause.downcast_ref::<LakeError>(),
    }
}
