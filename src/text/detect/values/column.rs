//! What each column of parameters is, judged by its training values.

use super::rows::{Row, ValuesError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Share of values that must read as numbers for a column to be one of numbers.
const NUMERIC_SHARE: f64 = 0.95;

/// Share of distinct values above which text is an identifier.
const IDENTIFIER_SHARE: f64 = 0.5;

/// Share of steps that must rise for a column of numbers to be a counter.
const RISING_SHARE: f64 = 0.95;

/// A column of parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Numbers, with the least and the greatest one in training.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// What stands in for a value that is no number.
        median: f64,
    },
    /// Text of few kinds.
    Category(BTreeSet<String>),
    /// Not looked at.
    Dropped(Dropped),
}

/// Why a column is not looked at.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// All values are equal.
    Constant,
    /// Nearly every value is another one.
    Identifier,
    /// Numbers that only rise: they number lines or jobs, and new ones always lie beyond those of training.
    Counter,
}

impl Column {
    /// A number scaled so that training lies between 0 and 1; none in other columns.
    pub fn scaled(&self, value: Option<f64>) -> Option<f32> {
        match self {
            Column::Number { min, max, median } => {
                Some(((value.unwrap_or(*median) - min) / (max - min).max(f64::MIN_POSITIVE)) as f32)
            }
            Column::Category(_) | Column::Dropped(_) => None,
        }
    }
}

/// The value of a column as a number; column 0 is the elapsed time.
pub(super) fn number(row: &Row, column: usize) -> Option<f64> {
    match column.checked_sub(1) {
        None => row.elapsed_secs,
        Some(param) => row.params.get(param)?.trim().parse().ok(),
    }
}

/// The same where it is finite.
pub(super) fn finite(row: &Row, column: usize) -> Option<f64> {
    number(row, column).filter(|value| value.is_finite())
}

/// Median of values; 0 without any.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The columns of training rows: the elapsed time, then the parameters.
///
/// # Errors
/// [`ValuesError::Ragged`] and [`ValuesError::NotFinite`], with the row.
pub fn columns(rows: &[Row]) -> Result<Vec<Column>, ValuesError> {
    let expected = rows.first().map_or(0, |row| row.params.len());
    for (index, row) in rows.iter().enumerate() {
        if row.params.len() != expected {
            return Err(ValuesError::Ragged { row: index + 1, found: row.params.len(), expected });
        }
        for column in 0..=expected {
            if let Some(value) = number(row, column).filter(|value| !value.is_finite()) {
                return Err(ValuesError::NotFinite { row: index + 1, column, value: value.to_string() });
            }
        }
    }
    Ok((0..=expected).map(|column| kind(rows, column)).collect())
}

fn kind(rows: &[Row], column: usize) -> Column {
    let numbers: Vec<f64> = rows.iter().filter_map(|row| number(row, column)).collect();
    if numbers.len() as f64 >= NUMERIC_SHARE * rows.len() as f64 && !numbers.is_empty() {
        let min = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let max = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let rising = numbers.windows(2).filter(|pair| pair.first() < pair.last()).count();
        if rising as f64 >= RISING_SHARE * (numbers.len() - 1).max(1) as f64 {
            return Column::Dropped(Dropped::Counter);
        }
        return if min < max {
            Column::Number { min, max, median: median(&numbers) }
        } else {
            Column::Dropped(Dropped::Constant)
        };
    }
    let texts = rows.iter().filter_map(|row| row.params.get(column.checked_sub(1)?));
    let distinct: BTreeSet<String> = texts.cloned().collect();
    match distinct.len() {
        0 | 1 => Column::Dropped(Dropped::Constant),
        many if many as f64 > IDENTIFIER_SHARE * rows.len() as f64 => Column::Dropped(Dropped::Identifier),
        _ => Column::Category(distinct),
    }
}
