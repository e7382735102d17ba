//! Masks: parts of a line that are replaced by a name before the parser sees it.
//!
//! ```text
//!  Received block blk_-1608999687919862906 of size 91178 from /10.250.10.6
//!  Received block blk_<SEQ>of size <NUM> from /<IP>         each mask over the whole line, one after the other
//! ```
//! Patterns are Python's. The seven that the HDFS settings of DeepLog's trainer and Drain3's example use are read by hand
//! ([`scan`]), since they are on every line; all others by a library. What was replaced stays known ([`Masked`]).

mod masked;
mod pattern;
mod python;
pub(crate) use python::to_rust as python_to_rust;
pub mod scan;

pub use masked::{Edit, Masked};
pub(crate) use pattern::Pattern;

use super::drain::MaskJson;
use serde::{Deserialize, Serialize};

/// A mask as settings give it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskSpec {
    /// What to look for, in the syntax of Python's `re`.
    pub regex_pattern: String,
    /// The name to put in its place, without brackets.
    pub mask_with: String,
}

/// A pattern that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mask {number} ({pattern}): {reason}; correct the pattern or leave the mask out")]
pub struct MaskError {
    /// Its place in the list, from 1.
    pub number: usize,
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// One mask, ready.
struct Mask {
    spec: MaskSpec,
    placeholder: String,
    pattern: Pattern,
}

/// Masks in their order.
pub struct Masks {
    masks: Vec<Mask>,
    prefix: String,
    suffix: String,
}

impl Default for Masks {
    fn default() -> Masks {
        Masks { masks: Vec::new(), prefix: "<".into(), suffix: ">".into() }
    }
}

impl Masks {
    /// Compiles masks whose names will stand between `prefix` and `suffix`.
    ///
    /// # Errors
    /// [`MaskError`] for the first pattern that cannot be compiled.
    pub fn new(specs: &[MaskSpec], prefix: &str, suffix: &str) -> Result<Masks, MaskError> {
        let mut masks = Vec::new();
        for (at, spec) in specs.iter().enumerate() {
            let pattern = Pattern::new(&spec.regex_pattern).map_err(|reason| MaskError {
                number: at + 1,
                pattern: spec.regex_pattern.clone(),
                reason,
            })?;
            let placeholder = format!("{prefix}{}{suffix}", spec.mask_with);
            masks.push(Mask { spec: spec.clone(), placeholder, pattern });
        }
        Ok(Masks { masks, prefix: prefix.into(), suffix: suffix.into() })
    }

    /// How many masks there are.
    pub fn len(&self) -> usize {
        self.masks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.masks.is_empty()
    }

    /// What stands before and behind each name.
    pub fn brackets(&self) -> (&str, &str) {
        (&self.prefix, &self.suffix)
    }

    /// Name of the mask at this place of the list.
    pub fn name(&self, at: usize) -> Option<&str> {
        self.masks.get(at).map(|mask| mask.spec.mask_with.as_str())
    }

    /// The masks as settings give them.
    pub fn specs(&self) -> impl Iterator<Item = &MaskSpec> {
        self.masks.iter().map(|mask| &mask.spec)
    }

    /// The masks as `drain.json` has them.
    pub fn to_json(&self) -> Vec<MaskJson> {
        let json = |mask: &Mask| MaskJson {
            regex_pattern: mask.spec.regex_pattern.clone(),
            mask_with: mask.placeholder.clone(),
        };
        self.masks.iter().map(json).collect()
    }

    /// Puts `line`, masked, into `masked`. A pattern that needs too much work on a line leaves the rest of it unmasked.
    pub fn mask(&self, line: &str, masked: &mut Masked) {
        masked.start(line);
        for (at, mask) in self.masks.iter().enumerate() {
            let is_ascii = masked.text().is_ascii();
            masked.replace(at, &mask.placeholder, |text, from| mask.pattern.find(text, from, is_ascii));
        }
    }
}

/// The seven masks of the HDFS settings, which Drain3's example has too.
pub fn hdfs_masks() -> Vec<MaskSpec> {
    scan::KNOWN
        .iter()
        .map(|(pattern, name, _)| MaskSpec { regex_pattern: (*pattern).into(), mask_with: (*name).into() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(specs: &[(&str, &str)], line: &str) -> String {
        let specs: Vec<MaskSpec> = specs
            .iter()
            .map(|(pattern, name)| MaskSpec { regex_pattern: (*pattern).into(), mask_with: (*name).into() })
            .collect();
        let mut masked = Masked::default();
        Masks::new(&specs, "<", ">").unwrap().mask(line, &mut masked);
        masked.text().to_owned()
    }

    #[test]
    fn one_after_the_other() {
        let mut masked = Masked::default();
        let masks = Masks::new(&hdfs_masks(), "<", ">").unwrap();
        for (line, expected) in [
            (
                "Received block blk_-1608999687919862906 of size 91178 from /10.250.10.6",
                "Received block blk_-<SEQ> of size <NUM> from /<IP>",
            ),
            (
                "PacketResponder 1 for block blk_38865049064139660 terminating",
                "PacketResponder <NUM> for block blk_<NUM> terminating",
            ),
            ("executed cmd \"rm -rf 7\" at 0xFF, aa:bb:cc:dd", "executed cmd <CMD> at <HEX>, <ID>"),
        ] {
            masks.mask(line, &mut masked);
            assert_eq!(masked.text(), expected);
        }
    }

    #[test]
    fn python_syntax() {
        assert_eq!(masked(&[(r"(?P<a>x)(?P=a)", "T")], "xx x"), "<T> x");
        assert_eq!(masked(&[(r"[[a]+", "T")], "[a[ b"), "<T> b");
        assert_eq!(masked(&[(r"\<.*\Z", "T")], "a <b>"), "a <T>");
        assert_eq!(masked(&[(r"x*", "-")], "abxd"), "<->a<->b<-><->d<->");
    }

    #[test]
    fn a_bad_pattern_is_named_with_its_place() {
        let specs = [
            MaskSpec { regex_pattern: r"\d+".into(), mask_with: "N".into() },
            MaskSpec { regex_pattern: "(a".into(), mask_with: "X".into() },
        ];
        let error = Masks::new(&specs, "<", ">").err().unwrap();
        assert_eq!(error.number, 2);
        assert!(error.to_string().starts_with("mask 2 ((a): "), "{error}");
    }
}
