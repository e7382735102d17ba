//! How well a parser groups lines and finds their templates, against ground truth.
//!
//! - **Grouping accuracy**: the share of lines whose group holds exactly the lines of their true group.
//! - **Parsing accuracy**: the share of lines whose template is exactly the true one.
//! - **Pairwise precision, recall, F1**: over pairs of lines, grouped together or truly together.

pub mod loghub;

use serde::Serialize;
use std::collections::BTreeMap;

/// A line with what was found and what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The key found; none for a line without one.
    pub key: Option<u32>,
    /// The template found.
    pub template: String,
    /// Id of the true template.
    pub true_id: String,
    /// The true template.
    pub true_template: String,
}

/// Figures of one log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Lines judged.
    pub lines: usize,
    /// Share of lines that are grouped exactly.
    pub grouping_accuracy: f64,
    /// Share of lines with the very template.
    pub parsing_accuracy: f64,
    /// Pairs of lines that belong together, of those grouped together.
    pub precision: f64,
    /// Pairs of lines grouped together, of those that belong together.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Templates found.
    pub templates: usize,
    /// True templates.
    pub true_templates: usize,
}

/// Judges lines; the template of a key is that of its last line, since templates only lose words.
pub fn score(lines: &[Judged]) -> Scores {
    let mut last: BTreeMap<Option<u32>, &str> = BTreeMap::new();
    let mut found: BTreeMap<Option<u32>, u64> = BTreeMap::new();
    let mut truth: BTreeMap<&str, u64> = BTreeMap::new();
    let mut both: BTreeMap<(Option<u32>, &str), u64> = BTreeMap::new();
    for line in lines {
        last.insert(line.key, &line.template);
        *found.entry(line.key).or_default() += 1;
        *truth.entry(&line.true_id).or_default() += 1;
        *both.entry((line.key, &line.true_id)).or_default() += 1;
    }
    let is_exact = |((key, true_id), count): (&(Option<u32>, &str), &u64)| {
        let exact = key.is_some() && found.get(key) == Some(count) && truth.get(true_id) == Some(count);
        if exact { *count } else { 0 }
    };
    let grouped: u64 = both.iter().map(is_exact).sum();
    let parsed = lines.iter().filter(|line| {
        line.key.is_some() && plain(last.get(&line.key).copied().unwrap_or_default()) == plain(&line.true_template)
    });
    let pairs = |counts: &mut dyn Iterator<Item = &u64>| counts.map(|count| count * (count - 1) / 2).sum::<u64>();
    let (together, truly) = (pairs(&mut found.values()), pairs(&mut truth.values()));
    let rightly = pairs(&mut both.iter().filter(|((key, _), _)| key.is_some()).map(|(_, count)| count));
    let (precision, recall) = (share(rightly, together), share(rightly, truly));
    let all = lines.len() as u64;
    Scores {
        lines: lines.len(),
        grouping_accuracy: share(grouped, all),
        parsing_accuracy: share(parsed.count() as u64, all),
        precision,
        recall,
        f1: if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 },
        templates: found.keys().flatten().count(),
        true_templates: truth.len(),
    }
}

/// A template with every name of a mask as `<*>` and one space between words.
fn plain(template: &str) -> String {
    let mut out = String::new();
    for word in template.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let mut rest = word;
        while let Some((before, inside)) = rest.split_once('<') {
            out.push_str(before);
            let name = inside.split_once('>').filter(|(name, _)| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'*')
            });
            out.push_str(if name.is_some() { "<*>" } else { "<" });
            rest = name.map_or(inside, |(_, behind)| behind);
        }
        out.push_str(rest);
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "counts of lines and pairs are far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: u32, template: &str, true_id: &str, true_template: &str) -> Judged {
        let key = Some(key).filter(|key| *key > 0);
        Judged { key, template: template.into(), true_id: true_id.into(), true_template: true_template.into() }
    }

    #[test]
    fn groups_count_only_when_they_are_exact() {
        let lines = [
            line(1, "a b", "E1", "a <*>"),
            line(1, "a <NUM>", "E1", "a  <*>"),
            line(2, "c", "E2", "c"),
            line(3, "d <x>", "E2", "c"),
            line(0, "", "E3", "e"),
        ];
        let scores = score(&lines);
        assert_eq!((scores.grouping_accuracy, scores.parsing_accuracy), (0.4, 0.6));
        assert_eq!((scores.precision, scores.recall), (1.0, 0.5));
        assert_eq!((scores.templates, scores.true_templates), (3, 3));
    }

    #[test]
    fn templates_are_compared_without_names_of_masks() {
        assert_eq!(plain("a  <IP>:<NUM> <init> x<"), "a <*>:<*> <init> x<");
    }
}
