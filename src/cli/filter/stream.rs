//! Lines through the rules: which are written, and what is counted.

use super::Mode;
use super::stats::Stats;
use crate::audit::decode::{Want, decode};
use crate::audit::filter::{Decision, Rules, Switches, decide, is_row};
use crate::source::files::Item;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::{self, Write};

/// The filter at work.
pub struct Stream {
    rules: Rules,
    switches: Switches,
    mode: Mode,
    all_stages: bool,
    stats: Stats,
    /// For each event of the record at hand whether it is kept.
    kept: Vec<bool>,
}

impl Stream {
    /// A filter that has read nothing yet.
    pub fn new(rules: Rules, mode: Mode, all_stages: bool) -> Stream {
        Stream { rules, switches: Switches::default(), mode, all_stages, stats: Stats::default(), kept: Vec::new() }
    }

    /// The counts of all that was read.
    pub fn into_stats(self) -> Stats {
        self.stats
    }

    /// Filters what a source gives.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn item(&mut self, item: &Item, out: &mut impl Write) -> io::Result<()> {
        match item {
            Item::Block(block) => {
                block.bytes.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| self.line(line, out))
            }
            Item::Oversize { offset, .. } => {
                self.reject(&format!("the record at byte {} is too long", offset.0));
                Ok(())
            }
            Item::Corrupt { offset, message, .. } => {
                self.reject(&format!("{message} at byte {}", offset.0));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn reject(&mut self, message: &str) {
        self.stats.read += 1;
        self.stats.rejects += 1;
        tracing::info!("reject: {message}");
    }

    fn line(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        decode(line, Want::default(), &mut |_, event| match event {
            Ok(event) => {
                let decision = (self.all_stages || is_row(event)).then(|| decide(event, self.rules, &self.switches));
                kept.push(self.count(decision));
            }
            Err(reject) => {
                self.reject(&reject.message);
                kept.push(false);
            }
        });
        let written = write_kept(line, &kept, out);
        self.kept = kept;
        written
    }

    /// Counts an event and tells whether it is kept. `None`: dropped for its stage.
    fn count(&mut self, decision: Option<Decision>) -> bool {
        self.stats.read += 1;
        let (rule, kept) = match decision {
            None => {
                self.stats.removed += 1;
                ("stage", false)
            }
            Some(Decision::White) => {
                self.stats.white_listed += 1;
                return true;
            }
            Some(Decision::Black(rule)) => {
                self.stats.black_listed += 1;
                (rule.as_str(), self.mode != Mode::Full)
            }
            Some(Decision::Removed(rule)) => {
                self.stats.removed += 1;
                (rule.as_str(), self.mode == Mode::Off)
            }
        };
        match self.stats.by_rule.get_mut(rule) {
            Some(count) => *count += 1,
            None => _ = self.stats.by_rule.insert(rule.to_owned(), 1),
        }
        kept
    }
}

/// Writes a record of one event as it is, and the kept items of an EventList one a line. A wrapping that carries several events
/// cannot be taken apart without changing it: it is written whole when one of them is kept.
fn write_kept(record: &[u8], kept: &[bool], out: &mut impl Write) -> io::Result<()> {
    if !kept.contains(&true) {
        return Ok(());
    }
    if kept.len() > 1
        && let Ok(list) = serde_json::from_slice::<EventList<'_>>(record)
        && list.items.len() == kept.len()
    {
        for (item, _) in list.items.iter().zip(kept).filter(|(_, kept)| **kept) {
            writeln!(out, "{}", item.get())?;
        }
        return Ok(());
    }
    out.write_all(record)?;
    out.write_all(b"\n")
}

/// An `audit.k8s.io/v1` EventList.
#[derive(Deserialize)]
struct EventList<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_taken_apart_and_a_wrapping_is_not() {
        let mut out = Vec::new();
        write_kept(br#"{"items":[{"a":1},{"b":2}]}"#, &[false, true], &mut out).expect("memory takes all");
        write_kept(br#"{"log":"[]"}"#, &[false, true], &mut out).expect("memory takes all");
        write_kept(br#"{"c":3}"#, &[false], &mut out).expect("memory takes all");
        assert_eq!(String::from_utf8_lossy(&out), "{\"b\":2}\n{\"log\":\"[]\"}\n");
    }
}
