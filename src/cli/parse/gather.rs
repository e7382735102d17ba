//! Sessions of the parsed lines, for `data.json` and `session_grouper_conf.json`.

use super::Parse;
use super::parser::Found;
use super::replace;
use crate::cli::exit::UsageError;
use crate::source::{Offset, PartitionId};
use crate::text::adapter::{DataJson, GrouperConf, Line, SessionSettings, Sessions};
use crate::text::ini::ParserSettings;
use crate::text::line::LineReader;
use crate::text::session::{LinePosition, Session};
use crate::text::time::TimeReader;
use anyhow::{Context, Result};

/// The window size that DeepLog's trainer writes when it is not told another.
const WINDOW: usize = 10;

/// Gathers sessions, all of which are held until the end.
pub struct Gather {
    sessions: Sessions,
    settings: SessionSettings,
    log_format: String,
    time: Option<TimeReader>,
    ended: Vec<Session>,
    lines: u64,
    without: u64,
}

impl Gather {
    /// As the ini file's adapter says; none where no export was asked for.
    pub fn new(parse: &Parse, ini: &ParserSettings, lines: &LineReader) -> Result<Option<Gather>> {
        if parse.data_json.is_none() && parse.grouper_json.is_none() {
            return Ok(None);
        }
        let usage = |error: String| UsageError(error);
        let adapter = ini.adapter.as_ref();
        let wanted =
            "--data-json and --grouper-json want sessions: give --ini FILE with an adapter_type in [ADAPTER_PARAMS]";
        let sessions =
            adapter.map(|adapter| adapter.settings()).transpose().map_err(|error| usage(error.to_string()))?;
        let Some(mut settings) = sessions.flatten() else { return Err(usage(wanted.to_owned()).into()) };
        (settings.max_lines, settings.max_open) = (usize::MAX, usize::MAX);
        let time = parse.time(ini, lines)?;
        let log_format = adapter.and_then(|adapter| adapter.logformat.clone());
        let log_format = parse.log_format.clone().or(log_format).unwrap_or_else(|| "<Content>".to_owned());
        let sessions = Sessions::new(settings.clone()).map_err(|error| usage(error.to_string()))?;
        Ok(Some(Gather { sessions, settings, log_format, time, ended: Vec::new(), lines: 0, without: 0 }))
    }

    /// Adds a parsed line, the last one that `lines` has read.
    pub fn add(&mut self, text: &str, lines: &LineReader, found: &Found) {
        self.lines += 1;
        let time = self.time.as_mut().and_then(|time| {
            let fields: Vec<&str> = time.fields().iter().map(|field| lines.field(text, *field)).collect();
            time.read(fields.into_iter())
        });
        let position = LinePosition { partition: PartitionId(0), offset: Offset(self.lines) };
        let params = found.parameters.iter().map(|value| value.as_ref().into()).collect();
        let line = Line { raw: text, key: found.key, position, time, params };
        if self.sessions.line(line, &mut self.ended).is_none() {
            self.without += 1;
        }
    }

    /// Writes the files.
    pub fn save(mut self, parse: &Parse) -> Result<()> {
        self.sessions.finish(&mut self.ended);
        if self.without > 0 {
            tracing::warn!("lines without an identifier, in no session: {}", self.without);
        }
        if let Some(path) = &parse.data_json {
            let text = serde_json::to_string(&DataJson::new(&self.ended))? + "\n";
            replace(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if let Some(path) = &parse.grouper_json {
            let conf = GrouperConf::new(&self.settings, &self.log_format, WINDOW);
            let text = serde_json::to_string_pretty(&conf)? + "\n";
            replace(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}
