//! Lines without a key: the first few are named, all are counted.

use crate::cli::printable::Printable;
use std::collections::BTreeMap;

/// How many lines of each kind are named.
const NAMED: u64 = 3;

/// Counts of odd lines.
#[derive(Default)]
pub struct OddLines(BTreeMap<String, u64>);

impl OddLines {
    /// Counts a line and, if it is one of the first of its kind, names it.
    pub fn add(&mut self, file: &str, line: u64, why: &'static str) {
        let count = self.0.entry(why.to_owned()).or_default();
        *count += 1;
        if *count <= NAMED {
            tracing::warn!("{}, line {line}: {why}", Printable::new(file));
        }
    }

    /// Counts the reasons of a line without naming it.
    pub fn count<'a>(&mut self, reasons: impl IntoIterator<Item = &'a str>) {
        for why in reasons {
            *self.0.entry(why.to_owned()).or_default() += 1;
        }
    }

    /// Tells the counts, if there is something to tell.
    pub fn report(&self) {
        self.report_as("lines without a key");
    }

    /// The same under another name.
    pub fn report_as(&self, what: &str) {
        if !self.0.is_empty() {
            let counts: Vec<String> = self.0.iter().map(|(why, count)| format!("{count} {why}")).collect();
            tracing::warn!("{what}: {}", counts.join(", "));
        }
    }
}
