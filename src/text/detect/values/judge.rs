//! From values to findings.

use super::column::{Column, finite};
use super::model::ValueModel;
use super::rows::Row;
use serde::{Deserialize, Serialize};

/// The most that a finding scores.
const MOST_SCORE: f64 = 1e6;

/// What is wrong with a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueKind {
    /// The network expected something else.
    Unpredicted,
    /// A number far from the median.
    FarFromMedian,
    /// A category that training never saw.
    UnseenCategory,
    /// Text where numbers were.
    NotANumber,
}

impl ValueKind {
    /// Its name in tables and findings.
    pub fn name(self) -> &'static str {
        match self {
            ValueKind::Unpredicted => "unpredicted",
            ValueKind::FarFromMedian => "far-from-median",
            ValueKind::UnseenCategory => "unseen-category",
            ValueKind::NotANumber => "not-a-number",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueFinding {
    /// Index of the row.
    pub row: usize,
    /// What it is.
    pub kind: ValueKind,
    /// The column; 0 is the elapsed time. For the network, the one with the greatest error.
    pub column: usize,
    /// Error or distance in thresholds, above 1 and at most a million; 1 where there is none to measure.
    pub score: f64,
    /// What would have been usual.
    pub expected: String,
    /// What stands there.
    pub seen: String,
}

impl ValueModel {
    /// The findings of rows of this key, in their order.
    pub fn judge(&self, rows: &[Row]) -> Vec<ValueFinding> {
        let mut found = Vec::new();
        for (row, error, (column, predicted)) in
            self.squared_errors(rows).into_iter().filter(|(_, e, _)| *e > self.threshold)
        {
            let expected = match self.columns.get(column) {
                Some(Column::Number { min, max, .. }) => format!("{:.6}", f64::from(predicted) * (max - min) + min),
                _ => String::new(),
            };
            let score = (error / self.threshold.max(f64::MIN_POSITIVE)).min(MOST_SCORE);
            let seen = rows.get(row).map(|row| seen(row, column)).unwrap_or_default();
            found.push(ValueFinding { row, kind: ValueKind::Unpredicted, column, score, expected, seen });
        }
        for (row, values) in rows.iter().enumerate() {
            found.extend(self.robust.iter().filter_map(|robust| {
                let value = finite(values, robust.column)?;
                let score = (robust.distance(value) / robust.limit).min(MOST_SCORE);
                (score > 1.0 && !self.said.excuses(robust, value)).then(|| ValueFinding {
                    row,
                    kind: ValueKind::FarFromMedian,
                    column: robust.column,
                    score,
                    expected: robust.median.to_string(),
                    seen: seen(values, robust.column),
                })
            }));
            found.extend(self.columns.iter().enumerate().filter_map(|(column, kind)| {
                let (kind, expected) = match kind {
                    // Of the first line it is not known what has elapsed.
                    Column::Number { .. } if column == 0 && values.elapsed_secs.is_none() => return None,
                    Column::Number { median, .. } if finite(values, column).is_none() => {
                        (ValueKind::NotANumber, median.to_string())
                    }
                    Column::Category(known) if !known.contains(&seen(values, column)) => {
                        (ValueKind::UnseenCategory, known.iter().take(5).cloned().collect::<Vec<_>>().join(", "))
                    }
                    _ => return None,
                };
                let seen = seen(values, column);
                (!self.said.knows(column, &seen)).then_some(ValueFinding {
                    row,
                    kind,
                    column,
                    score: 1.0,
                    expected,
                    seen,
                })
            }));
        }
        found.sort_by(|a, b| a.row.cmp(&b.row).then(b.score.total_cmp(&a.score)));
        found
    }
}

/// What stands in a column.
pub(super) fn seen(row: &Row, column: usize) -> String {
    match column.checked_sub(1) {
        None => row.elapsed_secs.map(|secs| secs.to_string()).unwrap_or_default(),
        Some(param) => row.params.get(param).cloned().unwrap_or_default(),
    }
}
