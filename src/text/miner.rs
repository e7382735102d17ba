//! Masks and Drain together: from the content of a line to its log key and parameters.
//!
//! ```text
//!  content ─ masks ─▶ masked content ─ Drain ─▶ cluster ─┐
//!                          │ what was replaced           ├─▶ parameters, in the order of the template
//!                          └─────────────────────────────┘
//! ```
//! A parameter is what stands in the line where its template has a wildcard or the name of a mask. Since the masks say what
//! they replaced, template and line are laid side by side, token by token; no pattern is run.

use super::drain::{ClusterId, Drain, DrainSettings, Learned, MatchStrategy, SettingsError, Span};
use super::extract::Extractor;
use super::mask::{MaskError, MaskSpec, Masked, Masks};
use std::borrow::Cow;

/// Name of the parameters of wildcards.
pub const ANY: &str = "*";

/// A value in the place of a wildcard or of a mask's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The text in the line.
    pub value: Cow<'a, str>,
    /// Name of the mask; [`ANY`] for a wildcard.
    pub mask: Cow<'a, str>,
}

/// A miner that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum MinerError {
    /// A mask that is no pattern.
    #[error(transparent)]
    Mask(#[from] MaskError),
    /// Settings of the tree.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// A parser with its masks.
pub struct Miner {
    masks: Masks,
    drain: Drain,
    masked: Masked,
    spans: Vec<Span>,
    extractor: Extractor,
}

impl Miner {
    /// A miner that has seen nothing.
    ///
    /// # Errors
    /// [`MinerError`] for a mask or a setting that cannot be.
    pub fn new(settings: DrainSettings, masks: &[MaskSpec], prefix: &str, suffix: &str) -> Result<Miner, MinerError> {
        Ok(Miner::of(Drain::new(settings)?, Masks::new(masks, prefix, suffix)?))
    }

    /// A miner that goes on with a tree.
    pub fn of(drain: Drain, masks: Masks) -> Miner {
        Miner { masks, drain, masked: Masked::default(), spans: Vec::new(), extractor: Extractor::default() }
    }

    /// The tree.
    pub fn drain(&self) -> &Drain {
        &self.drain
    }

    /// The masks.
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// Learns the content of a line.
    pub fn learn(&mut self, content: &str) -> Learned {
        self.masks.mask(content, &mut self.masked);
        self.drain.learn(self.masked.text())
    }

    /// The cluster that the content of a line fits, without learning it.
    pub fn matches(&mut self, content: &str, strategy: MatchStrategy) -> Option<ClusterId> {
        self.masks.mask(content, &mut self.masked);
        self.drain.matches(self.masked.text(), strategy)
    }

    /// The template of a cluster; empty where it is no longer kept.
    pub fn template(&self, id: ClusterId) -> &str {
        self.drain.cluster(id).map_or("", |cluster| cluster.template.text())
    }

    /// The content as the masks left it when it was learned last.
    pub fn masked(&self) -> &str {
        self.masked.text()
    }

    /// The parameters of the content that was learned or matched last, which went to the cluster `id`.
    pub fn parameters<'a>(&'a mut self, content: &'a str, id: ClusterId) -> Vec<Parameter<'a>> {
        let Some(cluster) = self.drain.cluster(id) else { return Vec::new() };
        if !self.drain.spans(self.masked.text(), &mut self.spans) {
            let content = without(content, &self.drain.settings().extra_delimiters);
            let found =
                self.extractor.extract(cluster.template.text(), &content, &self.masks, true).unwrap_or_default();
            return found
                .into_iter()
                .map(|(value, mask)| Parameter { value: Cow::Owned(value), mask: Cow::Owned(mask) })
                .collect();
        }
        let mut parameters = Vec::new();
        let edits = self.masked.edits();
        let (mut passed, mut edit) = (0, 0);
        let mut add = |range: std::ops::Range<usize>, mask: &'a str| {
            let value = Cow::Borrowed(content.get(range).unwrap_or_default());
            parameters.push(Parameter { value, mask: Cow::Borrowed(mask) });
        };
        for (span, is_wildcard) in self.spans.iter().zip(cluster.template.wildcards()) {
            let token = span.range();
            if is_wildcard {
                add(self.masked.line_range(token.clone(), &mut passed), ANY);
            }
            while let Some(in_token) = edits.get(edit).filter(|edit| edit.start < token.end) {
                if !is_wildcard && in_token.start >= token.start {
                    add(in_token.from..in_token.to, self.masks.name(in_token.mask).unwrap_or(ANY));
                }
                edit += 1;
            }
        }
        parameters
    }
}

/// A line with each delimiter replaced by a space.
fn without(line: &str, delimiters: &[String]) -> String {
    delimiters.iter().fold(line.to_owned(), |line, delimiter| line.replace(delimiter.as_str(), " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::mask::hdfs_masks;

    fn values(miner: &mut Miner, content: &str) -> Vec<(String, String)> {
        let id = miner.learn(content).id;
        let parameters = miner.parameters(content, id);
        parameters.into_iter().map(|found| (found.value.into_owned(), found.mask.into_owned())).collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(value, mask)| ((*value).to_owned(), (*mask).to_owned())).collect()
    }

    #[test]
    fn wildcards_and_masks() {
        let mut miner = Miner::new(DrainSettings::default(), &hdfs_masks(), "<", ">").unwrap();
        let line = "user ann got 7 from /10.0.0.1:80";
        assert_eq!(values(&mut miner, line), owned(&[("7", "NUM"), ("10.0.0.1", "IP"), ("80", "NUM")]));
        let line = "user bob got many from /10.0.0.2:81";
        let expected = [("bob", "*"), ("many", "*"), ("10.0.0.2", "IP"), ("81", "NUM")];
        assert_eq!(values(&mut miner, line), owned(&expected));
        assert_eq!(miner.template(ClusterId(1)), "user <*> got <*> from /<IP>:<NUM>");
    }

    #[test]
    fn a_mask_over_spaces_is_one_value() {
        let mut miner = Miner::new(DrainSettings::default(), &hdfs_masks(), "<", ">").unwrap();
        assert_eq!(values(&mut miner, "id abcdef abcdef abcdef x"), owned(&[("abcdef abcdef abcdef", "SEQ")]));
        assert_eq!(values(&mut miner, "id  other x"), owned(&[("other", "*")]));
        assert_eq!(values(&mut miner, "id abcdef abcdef abcdef x"), owned(&[("abcdef abcdef abcdef", "*")]));
    }

    #[test]
    fn delimiters_of_any_length() {
        for delimiters in [vec!["_".to_owned()], vec!["_".to_owned(), "::".to_owned()]] {
            let settings = DrainSettings { extra_delimiters: delimiters, ..DrainSettings::default() };
            let mut miner = Miner::new(settings, &hdfs_masks(), "<", ">").unwrap();
            assert_eq!(values(&mut miner, "hello_world 5"), owned(&[("5", "NUM")]));
            assert_eq!(values(&mut miner, "hello_there 6"), owned(&[("there", "*"), ("6", "NUM")]));
        }
    }
}
