//! The parsers behind one face.

use super::Row;
use crate::text::drain::{ClusterId, Drain, MatchStrategy, Snapshot};
use crate::text::ini::ParserSettings;
use crate::text::lenma::LenMa;
use crate::text::mask::{MaskSpec, Masked, Masks};
use crate::text::miner::Miner;
use anyhow::Result;
use std::borrow::Cow;

/// Name of a line that fits no template, where none may be learned.
const NO_TEMPLATE: &str = "no_template";

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

    /// Parses the content of a line.
    pub fn row<'a>(&'a mut self, content: &'a str, file: Option<&'a str>, line: u64) -> Row<'a> {
        let row = |key: u32, template, parameters| Row {
            file,
            line,
            key: Some(key),
            template: Some(template),
            parameters,
            odd: None,
        };
        match self {
            Parser::Drain(miner, only_match) => {
                let id = match only_match {
                    true => miner.matches(content, MatchStrategy::Fallback),
                    false => Some(miner.learn(content).id),
                };
                let Some(ClusterId(key)) = id else {
                    let odd = Some(NO_TEMPLATE);
                    return Row { file, line, key: None, template: None, parameters: Vec::new(), odd };
                };
                let template = miner.template(ClusterId(key)).to_owned();
                let parameters =
                    miner.parameters(content, ClusterId(key)).into_iter().map(|found| found.value).collect();
                row(key, Cow::Owned(template), parameters)
            }
            Parser::LenMa(state) => {
                let (lenma, masks, masked) = &mut **state;
                masks.mask(content, masked);
                let key = lenma.learn(masked.text());
                let parameters = lenma.parameters(content, key).into_iter().map(Cow::Borrowed).collect();
                row(key, Cow::Owned(lenma.template(key)), parameters)
            }
        }
    }
}
