//! Learning from verdicts on parameter values, and what it changed.

use super::super::values::{Row, ValueFinding, ValueModels};
use super::verdicts::verdict_at;
use super::{Said, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Lines of one key, in their order.
#[derive(Clone, Debug)]
pub struct KeyLines<'a> {
    /// The key.
    pub template: &'a str,
    /// Its rows.
    pub rows: &'a [Row],
    /// What each line may be called in a verdict, the name that reports use first.
    pub names: Vec<[String; 2]>,
}

/// What learning changed in the model of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LearntKey {
    /// The key.
    pub key: String,
    /// Findings that were said to be false alarms.
    pub false_alarms: usize,
    /// Those of them that are still findings.
    pub left: usize,
    /// Lines that were judged beside them.
    pub others: usize,
    /// Those that were normal and are now findings.
    pub now_abnormal: Vec<String>,
    /// Those that were findings and are now normal.
    pub now_normal: Vec<String>,
    /// Confirmed anomalies that are findings no longer: what was said contradicts itself.
    pub lost: Vec<String>,
}

/// What learning from verdicts changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ValuesReport {
    /// What verdicts name and the input does not hold.
    pub unknown: Vec<String>,
    /// The keys whose models are others now.
    pub keys: Vec<LearntKey>,
}

/// Learns the false alarms among the findings in these lines. A verdict is on all findings of a line, or on that of one column, its position.
pub fn learn_values(models: &mut ValueModels, said: &[Said], keys: &[KeyLines<'_>]) -> ValuesReport {
    let mut verdicts: BTreeMap<&str, Vec<&Said>> = BTreeMap::new();
    for said in said {
        verdicts.entry(&said.session).or_default().push(said);
    }
    let mut report = ValuesReport::default();
    let mut unknown: BTreeSet<&str> = verdicts.keys().copied().collect();
    for KeyLines { template, rows, names } in keys {
        let said_of: BTreeMap<usize, Vec<&Said>> = names
            .iter()
            .enumerate()
            .filter_map(|(row, names)| {
                names.iter().for_each(|name| _ = unknown.remove(name.as_str()));
                let said = names.iter().filter_map(|name| verdicts.get(name.as_str())).flatten().copied();
                Some((row, said.collect())).filter(|(_, said): &(_, Vec<&Said>)| !said.is_empty())
            })
            .collect();
        let params = rows.first().map_or(0, |row| row.params.len());
        if said_of.is_empty() || models.model_of(template, params).is_none() {
            continue;
        }
        let Some(model) = models.models.get_mut(*template) else { continue };
        let is = |found: &ValueFinding, wanted: Verdict| {
            said_of.get(&found.row).is_some_and(|said| verdict_at(said, found.column) == Some(wanted))
        };
        let before = model.judge(rows);
        let of = |wanted: Verdict| before.iter().filter(|f| is(f, wanted)).cloned().collect::<Vec<ValueFinding>>();
        let (false_alarms, confirmed) = (of(Verdict::FalseAlarm), of(Verdict::Confirmed));
        if false_alarms.is_empty() {
            continue;
        }
        model.learn(rows, &false_alarms);
        let after = model.judge(rows);
        let still = |found: &ValueFinding| {
            after.iter().any(|f| (f.row, f.kind, f.column) == (found.row, found.kind, found.column))
        };
        let rows_of = |found: &[ValueFinding]| found.iter().map(|found| found.row).collect::<BTreeSet<usize>>();
        let name = |row: &usize| names.get(*row).map(|[name, _]| name.clone()).unwrap_or_default();
        let (was, now) = (rows_of(&before), rows_of(&after));
        let changed = |from: &BTreeSet<usize>, to: &BTreeSet<usize>| {
            to.difference(from).filter(|row| !said_of.contains_key(row)).map(name).collect::<Vec<String>>()
        };
        let mut lost: Vec<String> = confirmed.iter().filter(|found| !still(found)).map(|f| name(&f.row)).collect();
        lost.dedup();
        report.keys.push(LearntKey {
            key: (*template).to_owned(),
            false_alarms: false_alarms.len(),
            left: false_alarms.iter().filter(|found| still(found)).count(),
            others: rows.len() - said_of.len(),
            now_abnormal: changed(&was, &now),
            now_normal: changed(&now, &was),
            lost,
        });
    }
    report.unknown = unknown.into_iter().map(str::to_owned).collect();
    report
}
