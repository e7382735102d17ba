//! `causeway config reference`: every key, as a TOML file of defaults with the meaning of each key above it.

use super::Config;
use super::section::{Key, Kind};
use std::fmt::Write;

/// The reference: valid TOML that sets every key to its default; keys that are unset by default stand as comments.
pub fn reference() -> String {
    let mut text = String::new();
    for key in Config::keys() {
        // Writing to a String cannot fail.
        let _ = entry(&mut text, &key);
    }
    text
}

fn entry(text: &mut String, key: &Key) -> std::fmt::Result {
    match (key.kind, key.path.rsplit_once('.')) {
        (Kind::Section, _) => {
            if !key.path.is_empty() {
                writeln!(text, "\n[{}]", key.path)?;
            }
            comment(text, &key.doc)
        }
        (_, name) => {
            let name = name.map_or(key.path.as_str(), |(_, name)| name);
            writeln!(text)?;
            comment(text, &key.doc)?;
            writeln!(text, "# Type: {}. Environment: {}", key.type_name, variable(&key.path))?;
            if key.default.is_empty() {
                writeln!(text, "# {name} =    (unset)")
            } else {
                writeln!(text, "{name} = {}", key.default)
            }
        }
    }
}

fn comment(text: &mut String, doc: &str) -> std::fmt::Result {
    doc.lines().try_for_each(|line| writeln!(text, "# {line}"))
}

/// Name of the environment variable that sets the key at `path`.
fn variable(path: &str) -> String {
    format!("{}{}", super::load::PREFIX, path.to_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_is_a_file_of_defaults() {
        let read: Config = toml::from_str(&reference()).expect("the reference is TOML");
        assert_eq!(read, Config::default());
    }

    #[test]
    fn every_key_says_what_it_means() {
        for key in Config::keys() {
            assert!(!key.doc.is_empty(), "{} has no doc comment", key.path);
        }
        assert!(reference().contains("# Type: time. Environment: CAUSEWAY__SESSIONS__GAP\ngap = \"15m\""));
    }
}
