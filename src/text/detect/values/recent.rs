//! Rows out of a stream of lines, block by block.
//!
//! ```text
//! lines of a block ─▶ elapsed time since the line before ─▶ rows of each key, behind the last ones of the blocks before ─▶ judged anywhere
//! ```
//! Invariants: rows and findings depend on the lines and their order alone, not on where blocks end; what is kept is bounded by the
//! keys that have a model, and is all that a checkpoint must hold.

use super::judge::ValueFinding;
use super::keyed::ValueModels;
use super::rows::{Row, Since};
use crate::audit::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the rows of the next lines need of those before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Time of the last line.
    last_at: Option<Micros>,
    /// Time of the last line of each key; empty where the elapsed time does not count from it.
    last_of_key: BTreeMap<Arc<str>, Micros>,
    /// The last rows of each key, one less than a window.
    rows: BTreeMap<Arc<str>, Vec<Row>>,
    /// Rows of the block at hand.
    #[serde(skip)]
    block: BTreeMap<Arc<str>, KeyRows>,
}

/// Rows of one key in a block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyRows {
    /// The key.
    pub template: Arc<str>,
    /// Rows of the blocks before, which windows begin with.
    pub before: Vec<Row>,
    /// Rows of this block.
    pub rows: Vec<Row>,
    /// The line of each row of this block, in the numbers of whoever gave them.
    pub lines: Vec<usize>,
}

impl Recent {
    /// Adds the line with number `line` to the block at hand.
    pub fn line(&mut self, models: &ValueModels, line: usize, (template, at): (&Arc<str>, Micros), params: &[String]) {
        let last_at = self.last_at;
        self.last_at = last_at.max(Some(at));
        let known = models.models.contains_key(&**template);
        let before = match models.since {
            Since::AnyLine => last_at,
            Since::SameKey if known => {
                let last = self.last_of_key.get(template).copied();
                self.last_of_key.insert(Arc::clone(template), last.max(Some(at)).unwrap_or(at));
                last
            }
            Since::SameKey => None,
        };
        if models.model_of(template, params.len()).is_none() {
            return;
        }
        let elapsed_us = before.map(|before| at.since(before).max(0));
        let of_key = self.block.entry(Arc::clone(template)).or_insert_with(|| {
            let mut before = self.rows.remove(template).unwrap_or_default();
            before.retain(|row| row.params.len() == params.len());
            KeyRows { template: Arc::clone(template), before, ..KeyRows::default() }
        });
        let elapsed_secs = elapsed_us.map(|elapsed_us| elapsed_us as f64 / 1e6);
        of_key.rows.push(Row { elapsed_secs, params: params.to_vec() });
        of_key.lines.push(line);
    }

    /// Ends the block: its rows, by key.
    pub fn end_block(&mut self, models: &ValueModels) -> Vec<KeyRows> {
        let block = std::mem::take(&mut self.block);
        for (template, of_key) in &block {
            let keep = models.models.get(&**template).map_or(0, |model| model.window.saturating_sub(1));
            let all = of_key.before.iter().chain(&of_key.rows);
            let skip = (of_key.before.len() + of_key.rows.len()).saturating_sub(keep);
            self.rows.insert(Arc::clone(template), all.skip(skip).cloned().collect());
        }
        block.into_values().collect()
    }
}

impl ValueModels {
    /// The findings in the rows of a block, each with the number of its line.
    pub fn judge(&self, of_key: &KeyRows) -> Vec<(usize, ValueFinding)> {
        let params = of_key.rows.first().map_or(0, |row| row.params.len());
        let Some(model) = self.model_of(&of_key.template, params) else { return Vec::new() };
        let rows: Vec<Row> = of_key.before.iter().chain(&of_key.rows).cloned().collect();
        let first = of_key.before.len();
        let line = |found: ValueFinding| Some((*of_key.lines.get(found.row.checked_sub(first)?)?, found));
        model.judge(&rows).into_iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Options;
    use super::*;
    use crate::model::lstm::Training;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    type Lines = Vec<(Arc<str>, Micros, Vec<String>)>;

    /// Lines of two keys that have models and one that has none; now and then an odd value.
    fn lines(odd: &[usize]) -> Lines {
        let line = |n: usize| {
            let size = if odd.contains(&n) { 9_000 } else { 100 + n * n % 17 };
            let (template, params): (&str, Vec<String>) = match n % 3 {
                0 => ("got <*> of <*>", vec![size.to_string(), ["a", "b"][n % 2].to_owned()]),
                1 => ("took <*>", vec![(n % 7).to_string()]),
                _ => ("nothing", vec![]),
            };
            (Arc::from(template), Micros((n * 1_000_000 + n % 5 * 1_000) as i64), params)
        };
        (0..300).map(line).collect()
    }

    fn found(models: &ValueModels, lines: &Lines, cuts: &[usize]) -> Vec<(usize, ValueFinding)> {
        let (mut recent, mut found) = (Recent::default(), Vec::new());
        for (number, (template, at, params)) in lines.iter().enumerate() {
            recent.line(models, number, (template, *at), params);
            if cuts.contains(&number) || number + 1 == lines.len() {
                found.extend(recent.end_block(models).iter().flat_map(|of_key| models.judge(of_key)));
                let bytes = postcard::to_stdvec(&recent).unwrap();
                recent = postcard::from_bytes(&bytes).unwrap();
            }
        }
        found.iter_mut().for_each(|(_, found)| found.row = 0);
        found.sort_by(|a, b| (a.0, a.1.kind.name(), a.1.column).cmp(&(b.0, b.1.kind.name(), b.1.column)));
        found
    }

    fn models(since: Since) -> ValueModels {
        let mut recent = Recent::default();
        let training = Training { epochs: 3, ..Options::default().training };
        let options = Options { units: vec![8, 7], training, ..Options::default() };
        let empty = ValueModels::fit([], since, &options, &mut |_| {});
        let mut rows: BTreeMap<Arc<str>, Vec<Row>> = BTreeMap::new();
        for (template, at, params) in lines(&[]) {
            // Without models a stream keeps no rows, but it says what has elapsed.
            let before = recent.last_at.filter(|_| since == Since::AnyLine);
            recent.line(&empty, 0, (&template, at), &params);
            let elapsed_secs = before.map(|before| at.since(before) as f64 / 1e6);
            rows.entry(template).or_default().push(Row { elapsed_secs, params });
        }
        ValueModels::fit(rows.iter().map(|(key, rows)| (&**key, rows.as_slice())), since, &options, &mut |_| {})
    }

    static ANY_LINE: LazyLock<ValueModels> = LazyLock::new(|| models(Since::AnyLine));
    static SAME_KEY: LazyLock<ValueModels> = LazyLock::new(|| models(Since::SameKey));

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Wherever blocks end and a checkpoint is taken, the findings are the same to the last bit.
        #[test]
        fn cuts_change_nothing(cuts in prop::collection::vec(0usize..300, 0..40), odd in prop::collection::vec(0usize..300, 0..5)) {
            let lines = lines(&odd);
            for models in [&*ANY_LINE, &*SAME_KEY] {
                let whole = found(models, &lines, &[]);
                prop_assert!(odd.iter().filter(|n| **n % 3 == 0).all(|n| whole.iter().any(|(line, _)| line == n)), "{whole:?}");
                prop_assert_eq!(found(models, &lines, &cuts), whole);
            }
        }
    }
}
