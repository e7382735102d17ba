//! `data.json` and `session_grouper_conf.json`, as DeepLog's trainer writes them.

use super::settings::{Adapter, SessionSettings};
use crate::text::session::Session;
use serde::Serialize;

/// A session as `data.json` has it.
#[derive(Serialize)]
pub struct DataRow<'a> {
    template_seq: &'a [u32],
    template_params: &'a [Vec<Box<str>>],
    #[serde(skip_serializing_if = "Option::is_none")]
    is_abnormal: Option<bool>,
    session_id: u64,
}

/// `data.json`: sessions in the order in which they began.
#[derive(Serialize)]
pub struct DataJson<'a> {
    data: Vec<DataRow<'a>>,
}

impl<'a> DataJson<'a> {
    /// The view of these sessions.
    pub fn new(sessions: &'a [Session]) -> DataJson<'a> {
        let mut data: Vec<DataRow> = sessions
            .iter()
            .map(|session| DataRow {
                template_seq: &session.keys,
                template_params: &session.params,
                is_abnormal: session.label,
                session_id: session.id.0,
            })
            .collect();
        data.sort_by_key(|row| row.session_id);
        DataJson { data }
    }
}

/// `session_grouper_conf.json`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct GrouperConf {
    session_grouper_type: &'static str,
    text_regex: String,
    session_id_regex: Option<String>,
    session_delimiters: Vec<String>,
    window_size: usize,
}

impl GrouperConf {
    /// The settings of an adapter. `log_format` becomes a pattern with named groups as Java writes them.
    pub fn new(settings: &SessionSettings, log_format: &str, window_size: usize) -> GrouperConf {
        let (identifier, delimiter) = match &settings.adapter {
            Adapter::OnlyDelimiter { delimiter } => (None, Some(delimiter)),
            Adapter::DelimiterAndIdentifier { delimiter, identifier } => (Some(identifier), Some(delimiter)),
            Adapter::OnlyIdentifier { identifier } => (Some(identifier), None),
            Adapter::Interval { .. } => (None, None),
        };
        GrouperConf {
            session_grouper_type: "RegexSessionGrouper",
            text_regex: crate::text::format::java_pattern(log_format),
            session_id_regex: identifier.cloned(),
            session_delimiters: delimiter.into_iter().cloned().collect(),
            window_size,
        }
    }
}
