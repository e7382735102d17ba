//! What an adapter is told.

use crate::text::ini::AdapterIni;
use serde::{Deserialize, Serialize};

/// Which lines belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "adapter", rename_all = "snake_case")]
pub enum Adapter {
    /// A line that contains the delimiter begins the next session, to which all lines belong.
    OnlyDelimiter {
        /// Text that begins a session.
        delimiter: String,
    },
    /// Lines with the same identifier; a line that contains the delimiter begins the next session of its identifier.
    DelimiterAndIdentifier {
        /// Text that begins a session.
        delimiter: String,
        /// Pattern of the identifier; its first match as a whole.
        identifier: String,
    },
    /// Lines with the same identifier.
    OnlyIdentifier {
        /// Pattern of the identifier; its first match as a whole.
        identifier: String,
    },
    /// Lines of one interval, which begins with its first line.
    Interval {
        /// Length of the interval.
        length_us: i64,
    },
}

/// Adapter, labels and bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSettings {
    /// Which lines belong together.
    pub adapter: Adapter,
    /// A session is abnormal once one of its lines contains one of these.
    pub anomaly_labels: Vec<String>,
    /// A session without a line for so long is over; `None`: never for that reason. Lines without a time do not count.
    pub idle_us: Option<i64>,
    /// A session of so many lines is over.
    pub max_lines: usize,
    /// With so many sessions open the one longest idle is over.
    pub max_open: usize,
    /// Interval: how far a time may step back and still be taken for the last one. A longer step begins a session.
    pub step_back_us: i64,
    /// Whether parameters are kept with a session.
    pub keep_params: bool,
}

impl SessionSettings {
    /// Settings of an adapter with the usual bounds.
    pub fn of(adapter: Adapter) -> SessionSettings {
        SessionSettings {
            adapter,
            anomaly_labels: Vec::new(),
            idle_us: None,
            max_lines: 10_000,
            max_open: 100_000,
            step_back_us: 60_000_000,
            keep_params: true,
        }
    }
}

/// What is wrong with an adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// A name that is none of the four.
    #[error(
        "unknown adapter {0:?}: give only_delimiter, delimiter+regex, only_identifier (or only_regex), or interval_time"
    )]
    Unknown(String),
    /// A key that the adapter needs.
    #[error("the adapter {adapter} needs {key}: add it")]
    Missing {
        /// The adapter.
        adapter: String,
        /// The key.
        key: &'static str,
    },
    /// No pattern.
    #[error("the identifier {pattern:?} is no pattern: {reason}")]
    Pattern {
        /// The text.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing could be in a session.
    #[error("{0} is 0: give 1 or more")]
    Zero(&'static str),
}

impl AdapterIni {
    /// The settings that the keys of `[ADAPTER_PARAMS]` say; none without an `adapter_type`.
    ///
    /// # Errors
    /// [`AdapterError`] for an unknown type and for a key that the type needs.
    pub fn settings(&self) -> Result<Option<SessionSettings>, AdapterError> {
        let Some(adapter_type) = self.adapter_type.as_deref() else { return Ok(None) };
        let need = |value: &Option<String>, key| {
            value.clone().ok_or(AdapterError::Missing { adapter: adapter_type.to_owned(), key })
        };
        let delimiter = || need(&self.delimiter, "delimiter");
        let identifier = || need(&self.regex, "regex");
        let adapter = match adapter_type {
            "only_delimiter" => Adapter::OnlyDelimiter { delimiter: delimiter()? },
            "delimiter+regex" => Adapter::DelimiterAndIdentifier { delimiter: delimiter()?, identifier: identifier()? },
            "only_identifier" | "only_regex" => Adapter::OnlyIdentifier { identifier: identifier()? },
            "interval_time" => {
                need(&self.time_format, "time_format")?;
                let missing = AdapterError::Missing { adapter: adapter_type.to_owned(), key: "delta" };
                Adapter::Interval { length_us: self.delta_us.ok_or(missing)? }
            }
            _ => return Err(AdapterError::Unknown(adapter_type.to_owned())),
        };
        Ok(Some(SessionSettings { anomaly_labels: self.anomaly_labels.clone(), ..SessionSettings::of(adapter) }))
    }
}
