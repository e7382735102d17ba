//! Lays file, environment and flags over the defaults, one value at a time, so that an error knows where the value came from.

use super::section::{Key, Kind};
use super::{Config, ConfigError};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// What the names of the environment variables begin with.
pub(super) const PREFIX: &str = "CAUSEWAY__";

/// A configuration in the making. Call [`Loader::file`], [`Loader::environment`] and [`Loader::set`] in that order.
#[derive(Debug)]
pub struct Loader {
    config: Config,
    keys: Vec<Key>,
}

impl Default for Loader {
    fn default() -> Loader {
        Loader { config: Config::default(), keys: Config::keys() }
    }
}

impl Loader {
    /// Lays the TOML file at `path` over what is there.
    ///
    /// # Errors
    /// When the file is unreadable, is not TOML, or holds an unknown key or a wrong value: with file and line.
    pub fn file(self, path: &Path) -> Result<Loader, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), detail: error.to_string() })?;
        self.text(&text, &path.display().to_string())
    }

    /// Lays TOML `text` over the defaults; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Loader::file`].
    pub fn text(mut self, text: &str, name: &str) -> Result<Loader, ConfigError> {
        let place = |at: usize| format!("{name}:{}", line_at(text, at));
        let wrong = |error: toml::de::Error| ConfigError::Value {
            place: place(error.span().map_or(0, |span| span.start)),
            detail: error.message().to_owned(),
        };
        let table = DeTable::parse(text).map_err(wrong)?;
        if let Some((key, at)) = self.unknown(table.get_ref(), "") {
            return Err(self.unknown_key(place(at), key));
        }
        self.config = toml::from_str(text).map_err(wrong)?;
        Ok(self)
    }

    /// Lays the variables `CAUSEWAY__SECTION__KEY` over what is there. Other variables are none of ours.
    ///
    /// # Errors
    /// When a variable names no key, or its value does not fit: with the variable's name, and never with its value.
    pub fn environment(mut self, vars: impl Iterator<Item = (String, String)>) -> Result<Loader, ConfigError> {
        // Sorted, so that of several errors always the same one is told.
        let vars: std::collections::BTreeMap<String, String> = vars.collect();
        for (name, value) in &vars {
            let Some(path) = name.strip_prefix(PREFIX) else { continue };
            self = self.set(&path.to_lowercase().replace("__", "."), value, name)?;
        }
        Ok(self)
    }

    /// Sets the key at the dotted `path` from text; `place` is what an error calls the origin, such as `--workers`.
    ///
    /// # Errors
    /// When there is no such key, or the value does not fit.
    pub fn set(mut self, path: &str, value: &str, place: &str) -> Result<Loader, ConfigError> {
        let kind = self.keys.iter().find(|key| key.path == path && key.kind != Kind::Section).map(|key| key.kind);
        let value = match kind {
            Some(Kind::Text) => toml::Value::String(value.to_owned()),
            Some(_) => match literal(value) {
                Some(literal) => literal,
                None => toml::Value::String(value.to_owned()),
            },
            None => return Err(self.unknown_key(place.to_owned(), path.to_owned())),
        };
        let wrong = |detail: String| ConfigError::Value { place: place.to_owned(), detail };
        let mut root = toml::Table::try_from(&self.config).map_err(|error| wrong(error.to_string()))?;
        insert(&mut root, path, value);
        self.config = root.try_into().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
        Ok(self)
    }

    /// The finished configuration, its values checked against each other.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn finish(self) -> Result<Config, ConfigError> {
        let config = self.config;
        let wrong = |key: &str, detail: &str| {
            Err(ConfigError::Value { place: "configuration".to_owned(), detail: format!("`{key}` {detail}") })
        };
        if config.stream.cluster.is_empty() {
            return wrong("stream.cluster", "is empty; give the cluster a name");
        }
        if config.run.workers > 1_024 {
            return wrong("run.workers", "is above 1024; 0 is one worker for each core");
        }
        if config.files.block_bytes.as_bytes() < 4_096 {
            return wrong("files.block_bytes", "is below 4KiB; 1MiB to 4MiB is best");
        }
        if config.files.max_record_bytes.as_bytes() < 1_024 {
            return wrong("files.max_record_bytes", "is below 1KiB; audit events reach 1MiB and more");
        }
        if config.sessions.gap.as_micros() == 0 {
            return wrong("sessions.gap", "is zero; 15m is usual");
        }
        if config.commit.rows == 0 || config.commit.bytes.as_bytes() == 0 || config.commit.every.as_micros() == 0 {
            return wrong("commit", "has a bound of zero; every commit needs room for one row");
        }
        if let Err(detail) = config.observe.address(None) {
            return wrong("observe.listen", &detail);
        }
        if config.limits.context_events == 0 {
            return wrong("limits.context_events", "is zero; a context holds at least its root");
        }
        Ok(config)
    }

    /// First unknown key of `table` in the order of the file, with its byte offset.
    fn unknown(&self, table: &DeTable<'_>, section: &str) -> Option<(String, usize)> {
        let unknown = table.iter().filter_map(|(name, value)| {
            let path = super::section::join(section, name.get_ref());
            let key = self.keys.iter().find(|key| key.path == path);
            match (key, value.get_ref()) {
                (None, _) => Some((path, name.span().start)),
                (Some(key), DeValue::Table(inner)) if key.kind == Kind::Section => self.unknown(inner, &path),
                _ => None,
            }
        });
        unknown.min_by_key(|(_, at)| *at)
    }

    fn unknown_key(&self, place: String, key: String) -> ConfigError {
        let nearest = self.nearest(&key);
        ConfigError::Unknown { place, key, nearest }
    }

    /// The key that looks most like `path`: by the whole path, or by the last name where only the section is wrong.
    fn nearest(&self, path: &str) -> Option<String> {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let likeness = |key: &Key| {
            let whole = strsim::jaro_winkler(&key.path, path);
            let name = if last(&key.path) == last(path) { 0.95 } else { 0.0 };
            whole.max(name)
        };
        self.keys
            .iter()
            .filter(|key| !key.path.is_empty())
            .map(|key| (likeness(key), key))
            .filter(|(likeness, _)| *likeness > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, key)| key.path.clone())
    }
}

/// A TOML value that stands alone: a number, `true`, a list.
fn literal(text: &str) -> Option<toml::Value> {
    toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?.remove("value")
}

/// Puts `value` at the dotted `path`, making tables on the way.
fn insert(table: &mut toml::Table, path: &str, value: toml::Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Line, from 1, of the byte at `offset`.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::super::{Age, FilterMode};
    use super::*;
    use proptest::prelude::*;

    fn load(text: &str) -> Result<Config, String> {
        Loader::default().text(text, "a.toml").and_then(Loader::finish).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_nearest() {
        assert_eq!(
            load("[filter]\nmod = \"off\"\n").unwrap_err(),
            "a.toml:2: unknown key `filter.mod`, did you mean `filter.mode`?"
        );
        assert_eq!(
            load("\n\n[sesions]\ngap = \"1m\"\n").unwrap_err(),
            "a.toml:3: unknown key `sesions`, did you mean `sessions`?"
        );
        assert_eq!(
            load("cluster = \"a\"").unwrap_err(),
            "a.toml:1: unknown key `cluster`, did you mean `stream.cluster`?"
        );
        assert_eq!(
            load("[filter.switches]\ncoredns_watching = false").unwrap_err(),
            "a.toml:2: unknown key `filter.switches.coredns_watching`, did you mean `filter.switches.coredns_watching_namespaces`?"
        );
    }

    #[test]
    fn a_wrong_value_is_told_with_its_line() {
        let error = load("[sessions]\n\ngap = \"soon\"\n").unwrap_err();
        assert!(error.starts_with("a.toml:3: `soon` is not a length of time"), "{error}");
        let error = load("[filter]\nmode = \"ligt\"").unwrap_err();
        assert!(error.starts_with("a.toml:2: unknown variant `ligt`"), "{error}");
        let error = load("[filter]\nmode = \n").unwrap_err();
        assert!(error.starts_with("a.toml:2: "), "{error}");
        assert!(load("[commit]\nrows = 0").unwrap_err().contains("commit"));
    }

    #[test]
    fn environment_wins_over_file_and_flags_over_both() {
        let vars = [("CAUSEWAY__SESSIONS__GAP", "20m"), ("CAUSEWAY__RUN__WORKERS", "3"), ("PATH", "/bin")];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Loader::default()
            .text("[sessions]\ngap = \"10m\"\n[stream]\ncluster = \"lab\"", "a.toml")
            .and_then(|loader| loader.environment(vars.into_iter()))
            .and_then(|loader| loader.set("filter.mode", "off", "--filter"))
            .and_then(|loader| loader.set("run.workers", "2", "--workers"))
            .and_then(Loader::finish)
            .expect("all values are good");
        assert_eq!(config.sessions.gap, Age::from_secs(1_200));
        assert_eq!((config.stream.cluster.as_str(), config.run.workers), ("lab", 2));
        assert_eq!(config.filter.mode, FilterMode::Off);
    }

    #[test]
    fn text_keys_take_numbers_as_text() {
        let config = Loader::default().set("stream.cluster", "10", "--cluster").and_then(Loader::finish);
        assert_eq!(config.expect("a number is a fine name").stream.cluster, "10");
    }

    #[test]
    fn a_bad_variable_is_named() {
        let vars = || [("CAUSEWAY__FILTER__MOD".to_owned(), "off".to_owned())].into_iter();
        let error = Loader::default().environment(vars()).unwrap_err().to_string();
        assert_eq!(error, "CAUSEWAY__FILTER__MOD: unknown key `filter.mod`, did you mean `filter.mode`?");
    }

    #[test]
    fn printed_values_read_back() {
        let text = "[contexts]\nrules = \"r.toml\"\nengine = \"off\"\n[files]\nblock_bytes = \"2MiB\"";
        let config = load(text).expect("good");
        assert_eq!(load(&config.to_toml().expect("printable")).as_ref(), Ok(&config));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, path in "[a-z_.]{0,20}", value: String) {
            let _ = load(&text);
            let _ = Loader::default().set(&path, &value, "--set").and_then(Loader::finish);
        }
    }
}
