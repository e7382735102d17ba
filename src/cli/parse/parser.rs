//! The parsers behind one face.

use crate::text::drain::{Drain, MatchStrategy, Snapshot};
use crate::text::ini::ParserSettings;
use crate::text::lenma::LenMa;
use crate::text::mask::{MaskSpec, Masked, Masks};
use crate::text::miner::Miner;
use anyhow::Result;
use std::borrow::Cow;

/// What a line came to.
pub struct Found<'a> {
    /// Its key.
    pub key: u32,
    /// The template, as it is now.
    pub template: String,
    /// What stands in the places of wildcards and masks.
    pub parameters: Vec<Cow<'a, str>>,
}

/// A parser at work.
pub enum Parser {
    /// Drain; learning, or matching only.
    Drain(Box<Miner>, bool),
    /// LenMa, with its masks.
    LenMa(Box<(LenMa, Masks, Masked)>),
}

impl Parser {
    /// Drain, going on with a state where there is one.
    pub fn drain(settings: &ParserSettings, saved: Option<Snapshot>, only_match: bool) -> Result<Parser> {
        let masks = Masks::new(&settings.masks, &settings.mask_prefix, &settings.mask_suffix)?;
        let drain = match saved {
            Some(snapshot) => snapshot.restore(&settings.drain)?,
            None => Drain::new(settings.drain.clone())?,
        };
        Ok(Parser::Drain(Box::new(Miner::of(drain, masks)), only_match))
    }

    /// LenMa; without masks of its own it has those of DeepLog's log analyser: dotted quads and times.
    pub fn lenma(settings: &ParserSettings, threshold: f64) -> Result<Parser> {
        let usual = [r"(\d+\.){3}\d+", r"\d{2}:\d{2}:\d{2}"];
        let usual = usual.map(|pattern| MaskSpec { regex_pattern: pattern.into(), mask_with: "*".into() });
        let masks = if settings.masks.is_empty() { usual.as_slice() } else { settings.masks.as_slice() };
        let masks = Masks::new(masks, &settings.mask_prefix, &settings.mask_suffix)?;
        Ok(Parser::LenMa(Box::new((LenMa::new(threshold), masks, Masked::default()))))
    }

    /// Drain with its masks, where that is the parser.
    pub fn miner(&self) -> Option<&Miner> {
        match self {
            Parser::Drain(miner, _) => Some(miner),
            Parser::LenMa(..) => None,
        }
    }

    /// Key, template and number of lines of each template.
    pub fn templates(&self) -> Vec<(u32, String, u64)> {
        match self {
            Parser::Drain(miner, _) => {
                let clusters = miner.drain().clusters();
                clusters.map(|cluster| (cluster.id.0, cluster.template.text().to_owned(), cluster.size)).collect()
            }
            Parser::LenMa(state) => {
                let keys = (1..).zip(state.0.sizes());
                keys.map(|(key, lines)| (key, state.0.template(key), lines)).collect()
            }
        }
    }

    /// Parses the content of a line; none where nothing may be learned and it fits no template.
    pub fn parse<'a>(&'a mut self, content: &'a str) -> Option<Found<'a>> {
        match self {
            Parser::Drain(miner, only_match) => {
                let id = match only_match {
                    true => miner.matches(content, MatchStrategy::Fallback)?,
                    false => miner.learn(content).id,
                };
                let template = miner.template(id).to_owned();
                let parameters = miner.parameters(content, id).into_iter().map(|found| found.value).collect();
                Some(Found { key: id.0, template, parameters })
            }
            Parser::LenMa(state) => {
                let (lenma, masks, masked) = &mut **state;
                masks.mask(content, masked);
                let key = lenma.learn(masked.text());
                let parameters = lenma.parameters(content, key).into_iter().map(Cow::Borrowed).collect();
                Some(Found { key, template: lenma.template(key), parameters })
            }
        }
    }
}
