//! The program's own log: lines on standard error, as text or JSON, filtered by level and module.
//!
//! Lines and progress bar share the terminal: a line lifts the bar, is written, and the bar is drawn again below it.

use super::progress::lift;
use std::io::{self, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Shape of the lines.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not understood.
    #[error("`{filter}` is not a log filter; write a level such as `info`, or `info,causeway::lake=debug`")]
    Filter {
        /// As given.
        filter: String,
    },
}

/// Starts logging for the whole process. A second call changes nothing.
///
/// # Errors
/// When `filter` is not a list of levels and `module=level`.
pub fn start(filter: &str, format: Format) -> Result<(), LogError> {
    let levels = EnvFilter::try_new(filter).map_err(|_| LogError::Filter { filter: filter.to_owned() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(levels).with_writer(Lines);
    // An error here means that logging has been started already, by a test or an embedding program.
    let _ = match format {
        Format::Text => lines.with_ansi(console::colors_enabled_stderr()).try_init(),
        Format::Json => lines.json().try_init(),
    };
    Ok(())
}

/// Writes each line to standard error above the progress bar.
#[derive(Copy, Clone, Debug)]
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lift(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        Lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_checked_before_it_is_used() {
        let error = start("info,=nonsense=", Format::Text).unwrap_err().to_string();
        assert!(error.contains("`info,=nonsense=` is not a log filter"), "{error}");
    }
}
