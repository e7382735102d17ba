//! The keys of the ini files.

use super::literal::Literal;
use super::sections::{Entry, IniError, Section, nearest, read};
use crate::text::drain::DrainSettings;
use crate::text::mask::MaskSpec;
use std::collections::BTreeMap;
use std::str::FromStr;

/// What an ini file says; what it leaves out has Drain3's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ParserSettings {
    /// `[DRAIN]`.
    pub drain: DrainSettings,
    /// `[MASKING] masking`.
    pub masks: Vec<MaskSpec>,
    /// `[MASKING] mask_prefix`.
    pub mask_prefix: String,
    /// `[MASKING] mask_suffix`.
    pub mask_suffix: String,
    /// `[ADAPTER_PARAMS]`, where the file has it.
    pub adapter: Option<AdapterIni>,
    /// Keys that are read and change nothing here, with the reason.
    pub without_effect: Vec<(String, &'static str)>,
}

impl Default for ParserSettings {
    fn default() -> ParserSettings {
        ParserSettings {
            drain: DrainSettings::default(),
            masks: Vec::new(),
            mask_prefix: "<".into(),
            mask_suffix: ">".into(),
            adapter: None,
            without_effect: Vec::new(),
        }
    }
}

/// `[ADAPTER_PARAMS]`: how DeepLog's trainer makes sessions. The adapters say what goes together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdapterIni {
    /// `adapter_type`.
    pub adapter_type: Option<String>,
    /// `delimiter`.
    pub delimiter: Option<String>,
    /// `regex`.
    pub regex: Option<String>,
    /// `anomaly_labels`.
    pub anomaly_labels: Vec<String>,
    /// `time_format`.
    pub time_format: Option<String>,
    /// `delta`, in microseconds.
    pub delta_us: Option<i64>,
    /// `logformat`.
    pub logformat: Option<String>,
}

/// Sections with their keys.
const KNOWN: [(&str, &[&str]); 5] = [
    (
        "DRAIN",
        &[
            "sim_th",
            "depth",
            "max_children",
            "max_clusters",
            "extra_delimiters",
            "parametrize_numeric_tokens",
            "engine",
        ],
    ),
    ("MASKING", &["masking", "mask_prefix", "mask_suffix", "parameter_extraction_cache_capacity"]),
    ("SNAPSHOT", &["snapshot_interval_minutes", "compress_state"]),
    ("PROFILING", &["enabled", "report_sec"]),
    ("ADAPTER_PARAMS", &["adapter_type", "delimiter", "regex", "anomaly_labels", "time_format", "delta", "logformat"]),
];

impl ParserSettings {
    /// Reads the text of an ini file.
    ///
    /// # Errors
    /// [`IniError`] with the line of whatever is not known or not of its kind.
    pub fn from_ini(text: &str) -> Result<ParserSettings, IniError> {
        let sections = read(text)?;
        check_names(&sections)?;
        let none = Section::default();
        let section = |name: &str| sections.get(name).unwrap_or(&none);
        let mut settings = ParserSettings::default();
        settings.read_drain(section("DRAIN"))?;
        settings.read_masking(section("MASKING"))?;
        for (name, why) in [
            ("SNAPSHOT", "state is saved with each commit"),
            ("PROFILING", "rates are shown with -v and in the account of a run"),
        ] {
            for (key, entry) in &section(name).entries {
                match key.as_str() {
                    "compress_state" | "enabled" => drop(boolean(key, entry)?),
                    _ => drop(number::<f64>(key, entry, "give a number")?),
                }
                settings.without_effect.push((key.clone(), why));
            }
        }
        settings.adapter = sections.get("ADAPTER_PARAMS").map(AdapterIni::read).transpose()?;
        Ok(settings)
    }

    fn read_drain(&mut self, section: &Section) -> Result<(), IniError> {
        let drain = &mut self.drain;
        for (key, entry) in &section.entries {
            match key.as_str() {
                "sim_th" => drain.similarity = number(key, entry, "give a share from 0 to 1")?,
                "depth" => drain.depth = number(key, entry, "give a whole number from 3")?,
                "max_children" => drain.max_children = number(key, entry, "give a whole number from 1")?,
                "max_clusters" => drain.max_clusters = Some(number(key, entry, "give a whole number from 1")?),
                "parametrize_numeric_tokens" => drain.parametrize_numeric_tokens = boolean(key, entry)?,
                "extra_delimiters" => drain.extra_delimiters = texts(key, entry)?,
                "engine" if entry.value == "Drain" => {}
                _ => {
                    return Err(wrong(
                        key,
                        entry,
                        "the engine is Drain: no other is built in, and Drain3 has none in its releases up to 0.9.11",
                    ));
                }
            }
        }
        drain.check().map_err(|error| {
            let key = error.key();
            let line = section.entries.get(key).map_or(section.line, |entry| entry.line);
            let value = section.entries.get(key).map(|entry| entry.value.clone()).unwrap_or_default();
            IniError::Value { line, key: key.into(), value, expected: error.to_string() }
        })
    }

    fn read_masking(&mut self, section: &Section) -> Result<(), IniError> {
        for (key, entry) in &section.entries {
            match key.as_str() {
                "mask_prefix" => self.mask_prefix.clone_from(&entry.value),
                "mask_suffix" => self.mask_suffix.clone_from(&entry.value),
                "masking" => {
                    self.masks = serde_json::from_str(&entry.value).map_err(|error| {
                        wrong(key, entry, &format!("give a JSON list of {{regex_pattern, mask_with}} ({error})"))
                    })?;
                }
                _ => {
                    number::<f64>(key, entry, "give a number")?;
                    self.without_effect.push((key.clone(), "parameters are found without a cache"));
                }
            }
        }
        self.drain.wildcard = format!("{}*{}", self.mask_prefix, self.mask_suffix);
        Ok(())
    }
}

impl AdapterIni {
    fn read(section: &Section) -> Result<AdapterIni, IniError> {
        let mut adapter = AdapterIni::default();
        for (key, entry) in &section.entries {
            match key.as_str() {
                "adapter_type" => adapter.adapter_type = Some(text(entry)),
                "delimiter" => adapter.delimiter = Some(text(entry)),
                "regex" => adapter.regex = Some(text(entry)),
                "anomaly_labels" => adapter.anomaly_labels = texts(key, entry)?,
                "time_format" => adapter.time_format = Some(text(entry).replace("%%", "%")),
                "delta" => adapter.delta_us = Some(delta_us(key, entry)?),
                _ => adapter.logformat = Some(text(entry)),
            }
        }
        Ok(adapter)
    }
}

fn check_names(sections: &BTreeMap<String, Section>) -> Result<(), IniError> {
    for (name, section) in sections {
        let Some((_, keys)) = KNOWN.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = KNOWN.iter().map(|(known, _)| *known).collect();
            let (name, nearest) = (format!("[{name}]"), format!("[{}]", nearest(name, &known)));
            return Err(IniError::Unknown { line: section.line, what: "section", name, nearest });
        };
        if let Some((key, entry)) = section.entries.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            let nearest = nearest(key, keys);
            return Err(IniError::Unknown { line: entry.line, what: "key", name: key.clone(), nearest });
        }
    }
    Ok(())
}

fn wrong(key: &str, entry: &Entry, expected: &str) -> IniError {
    IniError::Value { line: entry.line, key: key.into(), value: entry.value.clone(), expected: expected.into() }
}

fn number<T: FromStr>(key: &str, entry: &Entry, expected: &str) -> Result<T, IniError> {
    entry.value.parse().map_err(|_| wrong(key, entry, expected))
}

fn boolean(key: &str, entry: &Entry) -> Result<bool, IniError> {
    match entry.value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err(wrong(key, entry, "give true or false")),
    }
}

/// A text, with or without quotes.
fn text(entry: &Entry) -> String {
    match Literal::read(&entry.value) {
        Some(Literal::Text(text)) => text,
        _ => entry.value.clone(),
    }
}

fn texts(key: &str, entry: &Entry) -> Result<Vec<String>, IniError> {
    let texts = Literal::read(&entry.value).and_then(Literal::into_texts);
    texts.ok_or_else(|| wrong(key, entry, "give a list of texts, [\"_\", \"=\"]"))
}

/// A map of time units as Python's `timedelta` takes it, in microseconds.
fn delta_us(key: &str, entry: &Entry) -> Result<i64, IniError> {
    const UNITS: [(&str, f64); 7] = [
        ("weeks", 604_800e6),
        ("days", 86_400e6),
        ("hours", 3_600e6),
        ("minutes", 60e6),
        ("seconds", 1e6),
        ("milliseconds", 1e3),
        ("microseconds", 1.0),
    ];
    let wrong = || {
        wrong(
            key,
            entry,
            "give a map of weeks, days, hours, minutes, seconds, milliseconds, microseconds: {'minutes': 5}",
        )
    };
    let Some(Literal::Map(entries)) = Literal::read(&entry.value) else { return Err(wrong()) };
    let mut sum = 0.0;
    for (unit, amount) in entries {
        let (Some((_, unit)), Literal::Number(amount)) = (UNITS.iter().find(|(name, _)| *name == unit), amount) else {
            return Err(wrong());
        };
        sum += unit * amount;
    }
    if !(0.0..=9e18).contains(&sum) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
    Ok(sum.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HDFS: &str = r#"
[SNAPSHOT]
snapshot_interval_minutes = 10
compress_state = True

[MASKING]
masking = [
          {"regex_pattern":"((?<=[^A-Za-z0-9])|^)(\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3})((?=[^A-Za-z0-9])|$)", "mask_with": "IP"},
          {"regex_pattern":"(?<=executed cmd )(\".+?\")", "mask_with": "CMD"}
          ]

[DRAIN]
sim_th = 0.5
depth = 4
max_children = 100
extra_delimiters = ["_"]

[PROFILING]
enabled = True
report_sec = 30

[ADAPTER_PARAMS]
adapter_type = only_regex
regex = r'blk_-?(\d+)'
anomaly_labels = ["TCP source SSL error", "TCP source socket error"]
time_format = %%H:%%M:%S
delta = {'minutes': 1, 'milliseconds': 500}
logformat = <Date> <Time> <PID> <Component>: <Content>
"#;

    #[test]
    fn a_trainer_file() {
        let settings = ParserSettings::from_ini(HDFS).unwrap();
        assert_eq!((settings.drain.similarity, settings.drain.depth), (0.5, 4));
        assert_eq!(settings.drain.extra_delimiters, ["_"]);
        assert_eq!(settings.masks[1].regex_pattern, "(?<=executed cmd )(\".+?\")");
        assert_eq!(settings.masks[0].mask_with, "IP");
        let adapter = settings.adapter.unwrap();
        assert_eq!(adapter.regex.as_deref(), Some(r"blk_-?(\d+)"));
        assert_eq!(adapter.anomaly_labels.len(), 2);
        assert_eq!(adapter.time_format.as_deref(), Some("%H:%M:%S"));
        assert_eq!(adapter.delta_us, Some(60_500_000));
        assert_eq!(adapter.logformat.as_deref(), Some("<Date> <Time> <PID> <Component>: <Content>"));
        assert_eq!(settings.without_effect.len(), 4);
        assert_eq!(ParserSettings::from_ini("").unwrap(), ParserSettings::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |text: &str| ParserSettings::from_ini(text).unwrap_err().to_string();
        assert_eq!(error("[DRAIN]\nsim_thr = 1"), "line 2: unknown key sim_thr; did you mean sim_th?");
        assert_eq!(error("[DRANI]"), "line 1: unknown section [DRANI]; did you mean [DRAIN]?");
        assert!(error("[DRAIN]\n\ndepth = 2").starts_with("line 3: depth = \"2\": depth is 2"));
        assert!(error("[DRAIN]\nsim_th = high").contains("share from 0 to 1"));
        assert!(error("[MASKING]\nmasking = [1]").contains("JSON list"));
        assert!(error("[ADAPTER_PARAMS]\ndelta = {'years': 1}").contains("microseconds"));
        assert!(error("[DRAIN]\nengine = JaccardDrain").contains("no other"));
    }
}
