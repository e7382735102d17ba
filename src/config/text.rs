//! The pipeline file of log lines: `causeway replay --pipeline FILE`.
//!
//! ```toml
//! [stream]
//! name = "hdfs"
//! [lines]
//! format = "<Date> <Time> <Pid> <Level> <Component>: <Content>"
//! [sessions]
//! adapter = "only_identifier"
//! identifier = 'blk_-?\d+'
//! ```

use super::{Age, Commit, ConfigError, Size};
use crate::text::adapter::{Adapter, AdapterError, SessionSettings};
use crate::text::detect::card::KeyModel;
use crate::text::detect::detectors::{Chosen, Detection, KeyDetection};
use crate::text::detect::time_counts::TimeCounts;
use crate::text::detect::values::ValueModels;
use crate::text::drain::DrainSettings;
use crate::text::ini::ParserSettings;
use crate::text::mask::{MaskSpec, hdfs_masks};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A pipeline of log lines. Every section may be left out but `[stream]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextPipeline {
    /// The stream.
    pub stream: StreamOfLines,
    /// How a line is read.
    #[serde(default)]
    pub lines: Lines,
    /// How its key is found.
    #[serde(default)]
    pub parser: Parser,
    /// Which lines belong together; no sessions without it.
    pub sessions: Option<SessionsOfLines>,
    /// Detectors of anomalies; none without it.
    pub anomalies: Option<AnomaliesOfLines>,
    /// When tables are committed.
    #[serde(default)]
    pub commit: Commit,
}

/// `[stream]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamOfLines {
    /// Its name: the column `cluster` of its tables. One parser learns all of a stream.
    pub name: String,
}

/// `[lines]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lines {
    /// Log format with a `<Content>`; without one all of a line is content.
    pub format: Option<String>,
    /// Fields of the format that together, a space between, hold the time.
    pub time: Vec<String>,
    /// How the time is read (`strptime`).
    pub time_format: Option<String>,
    /// A longer line is a reject.
    pub max_bytes: Size,
    /// Size of the blocks dealt to workers.
    pub block_bytes: Size,
}

impl Default for Lines {
    fn default() -> Lines {
        let kib = |kib: u64| Size::from_bytes(kib << 10);
        Lines { format: None, time: Vec::new(), time_format: None, max_bytes: kib(64), block_bytes: kib(1024) }
    }
}

/// `[parser]`: Drain's settings, with Drain3's defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parser {
    /// An ini file of Drain3 or of DeepLog's trainer, relative to the pipeline file; the keys below win over it.
    pub ini: Option<PathBuf>,
    /// Least share of equal tokens with which a line joins a template.
    pub similarity: Option<f64>,
    /// Levels of the tree.
    pub depth: Option<usize>,
    /// Most children of an inner node.
    pub max_children: Option<usize>,
    /// Most templates kept.
    pub max_clusters: Option<usize>,
    /// Texts that separate tokens, beside spaces.
    pub extra_delimiters: Option<Vec<String>>,
    /// Whether tokens with a digit take the wildcard branch.
    pub parametrize_numeric_tokens: Option<bool>,
    /// A list of `{ regex_pattern = '…', mask_with = "NAME" }`, or "hdfs" for the seven masks of DeepLog's HDFS settings.
    pub masks: Option<MaskList>,
}

/// Masks, by name or one by one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum MaskList {
    /// A list that the program knows.
    Named(String),
    /// One by one.
    Listed(Vec<MaskSpec>),
}

/// `[sessions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsOfLines {
    /// `only_delimiter`, `delimiter+regex`, `only_identifier`, `interval_time`.
    pub adapter: String,
    /// Text that begins a session.
    pub delimiter: Option<String>,
    /// Pattern of the identifier; its first match as a whole.
    pub identifier: Option<String>,
    /// Length of an interval.
    pub interval: Option<Age>,
    /// A session is abnormal once one of its lines contains one of these.
    #[serde(default)]
    pub anomaly_labels: Vec<String>,
    /// A session without a line for so long is over.
    pub idle: Option<Age>,
    /// A session of so many lines is over.
    pub max_lines: Option<usize>,
    /// With so many open the one longest idle is over.
    pub max_open: Option<usize>,
    /// How far a time may step back within an interval.
    pub step_back: Option<Age>,
}

/// `[anomalies]`. Model files are relative to the pipeline file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnomaliesOfLines {
    /// Model of keys, from `causeway train keys`: judges sessions.
    pub model: Option<PathBuf>,
    /// Models of parameter values, from `causeway train values`: judge lines.
    pub values: Option<PathBuf>,
    /// Model of counts, from `causeway train counts`: judges windows of time.
    pub counts: Option<PathBuf>,
    /// Which detectors of `model` judge: "next-key" (the network, or counts without ONNX Runtime), "count", "workflow", "pca".
    #[serde(default = "next_key")]
    pub detectors: Vec<Chosen>,
}

fn next_key() -> Vec<Chosen> {
    vec![Chosen::NextKey]
}

impl TextPipeline {
    /// The detectors. `sessions` are those that there will be, `path` is the pipeline file.
    ///
    /// # Errors
    /// [`ConfigError`] for a model that cannot be read, and for what it would judge and is not there: sessions, or times.
    pub fn detection(&self, sessions: Option<&SessionSettings>, path: &Path) -> Result<Detection, ConfigError> {
        let Some(anomalies) = &self.anomalies else { return Ok(Detection::default()) };
        let AnomaliesOfLines { model, values, counts, detectors } = anomalies;
        let wrong = |detail: String| ConfigError::Value { place: format!("{}: [anomalies]", path.display()), detail };
        let beside = |file: &PathBuf| path.parent().unwrap_or(Path::new("")).join(file);
        if model.is_none() && values.is_none() && counts.is_none() {
            return Err(wrong("no model; give `model`, `values` or `counts`, or leave the section out".to_owned()));
        }
        if model.is_some() && sessions.is_none() {
            return Err(wrong("`model` judges sessions, and there are none; add [sessions]".to_owned()));
        }
        if counts.is_some() && self.lines.time_format.is_none() && self.parser.ini.is_none() {
            let detail = "`counts` judges windows of time, and lines have none; add time and time_format to [lines]";
            return Err(wrong(detail.to_owned()));
        }
        let keys = model.as_ref().map(|file| KeyModel::read(&beside(file))).transpose();
        let keys = keys.map_err(|error| wrong(error.to_string()))?;
        let values = values.as_ref().map(|file| ValueModels::read(&beside(file))).transpose();
        let counts = counts.as_ref().map(|file| TimeCounts::read(&beside(file))).transpose();
        Ok(Detection {
            keys: keys.map(|model| KeyDetection { model: Arc::new(model), chosen: detectors.clone() }),
            values: values.map_err(|error| wrong(error.to_string()))?.map(Arc::new),
            counts: counts.map_err(|error| wrong(error.to_string()))?.map(Arc::new),
        })
    }

    /// Reads a pipeline file.
    ///
    /// # Errors
    /// [`ConfigError`] with the line of an unknown key or a wrong value.
    pub fn read(path: &Path) -> Result<TextPipeline, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), detail: error.to_string() })?;
        toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            ConfigError::Value { place: format!("{}:{line}", path.display()), detail: error.message().to_owned() }
        })
    }

    /// The parser's settings. `path` is the pipeline file.
    ///
    /// # Errors
    /// [`ConfigError`] for an ini file that cannot be read and for settings that cannot be.
    pub fn parser_settings(&self, path: &Path) -> Result<ParserSettings, ConfigError> {
        let wrong = |detail: String| ConfigError::Value { place: format!("{}: [parser]", path.display()), detail };
        let mut settings = match &self.parser.ini {
            None => ParserSettings::default(),
            Some(ini) => {
                let ini = path.parent().unwrap_or(Path::new("")).join(ini);
                let text = std::fs::read_to_string(&ini)
                    .map_err(|error| ConfigError::Read { path: ini.clone(), detail: error.to_string() })?;
                let place = ini.display().to_string();
                ParserSettings::from_ini(&text)
                    .map_err(|error| ConfigError::Value { place, detail: error.to_string() })?
            }
        };
        let (parser, drain): (&Parser, &mut DrainSettings) = (&self.parser, &mut settings.drain);
        drain.similarity = parser.similarity.unwrap_or(drain.similarity);
        drain.depth = parser.depth.unwrap_or(drain.depth);
        drain.max_children = parser.max_children.unwrap_or(drain.max_children);
        drain.max_clusters = parser.max_clusters.or(drain.max_clusters);
        drain.parametrize_numeric_tokens =
            parser.parametrize_numeric_tokens.unwrap_or(drain.parametrize_numeric_tokens);
        if let Some(delimiters) = &parser.extra_delimiters {
            drain.extra_delimiters.clone_from(delimiters);
        }
        match &parser.masks {
            None => {}
            Some(MaskList::Listed(masks)) => settings.masks.clone_from(masks),
            Some(MaskList::Named(name)) if name == "hdfs" => settings.masks = hdfs_masks(),
            Some(MaskList::Named(name)) => {
                return Err(wrong(format!(
                    "masks = {name:?}: the one list with a name is \"hdfs\"; give a list of masks"
                )));
            }
        }
        settings.drain.check().map_err(|error| wrong(error.to_string()))?;
        Ok(settings)
    }

    /// How sessions are made: as `[sessions]` says, or else the ini file's adapter.
    ///
    /// # Errors
    /// [`ConfigError`] for an unknown adapter and for a key that it needs.
    pub fn session_settings(
        &self,
        parser: &ParserSettings,
        path: &Path,
    ) -> Result<Option<SessionSettings>, ConfigError> {
        let wrong = |error: AdapterError| ConfigError::Value {
            place: format!("{}: [sessions]", path.display()),
            detail: error.to_string(),
        };
        let Some(sessions) = &self.sessions else {
            return parser.adapter.as_ref().map_or(Ok(None), |adapter| adapter.settings().map_err(wrong));
        };
        let need = |value: &Option<String>, key| {
            value.clone().ok_or(AdapterError::Missing { adapter: sessions.adapter.clone(), key }).map_err(wrong)
        };
        let adapter = match sessions.adapter.as_str() {
            "only_delimiter" => Adapter::OnlyDelimiter { delimiter: need(&sessions.delimiter, "delimiter")? },
            "delimiter+regex" => Adapter::DelimiterAndIdentifier {
                delimiter: need(&sessions.delimiter, "delimiter")?,
                identifier: need(&sessions.identifier, "identifier")?,
            },
            "only_identifier" | "only_regex" => {
                Adapter::OnlyIdentifier { identifier: need(&sessions.identifier, "identifier")? }
            }
            "interval_time" => {
                let missing = || AdapterError::Missing { adapter: sessions.adapter.clone(), key: "interval" };
                Adapter::Interval { length_us: sessions.interval.ok_or_else(missing).map_err(wrong)?.as_micros() }
            }
            other => return Err(wrong(AdapterError::Unknown(other.to_owned()))),
        };
        let usual = SessionSettings::of(adapter);
        Ok(Some(SessionSettings {
            anomaly_labels: sessions.anomaly_labels.clone(),
            idle_us: sessions.idle.map(Age::as_micros),
            max_lines: sessions.max_lines.unwrap_or(usual.max_lines),
            max_open: sessions.max_open.unwrap_or(usual.max_open),
            step_back_us: sessions.step_back.map_or(usual.step_back_us, Age::as_micros),
            keep_params: false,
            ..usual
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_pipelines_are_good() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
        for name in ["hdfs.toml", "openstack.toml"] {
            let path = folder.join(name);
            let pipeline = TextPipeline::read(&path).unwrap();
            let parser = pipeline.parser_settings(&path).unwrap();
            assert!(pipeline.session_settings(&parser, &path).unwrap().is_some(), "{name}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let error = TextPipeline::read(&path).and_then(|pipeline| {
                let parser = pipeline.parser_settings(&path)?;
                pipeline.session_settings(&parser, &path)
            });
            error.unwrap_err().to_string()
        };
        assert!(error("[stream]\nname = 'a'\n[lines]\nformt = 'x'").contains("p.toml:4: unknown field `formt`"));
        assert!(error("[stream]\nname = 'a'\n[parser]\ndepth = 1").contains("3 to 1000"));
        assert!(error("[stream]\nname = 'a'\n[parser]\nmasks = 'all'").contains("\"hdfs\""));
        assert!(error("[stream]\nname = 'a'\n[sessions]\nadapter = 'only_delimiter'").contains("needs delimiter"));
        assert!(error("[stream]\nname = 'a'\n[sessions]\nadapter = 'x'").contains("unknown adapter"));
    }
}
