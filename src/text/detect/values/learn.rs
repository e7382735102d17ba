//! Learning that findings were false alarms.
//!
//! Each kind of finding is answered where it came from: a number's range grows to the value, a text is known from now on, the network's
//! threshold rises to the error. The network itself is left alone: training it until it predicts one odd value would spoil what it
//! knows of all others, and its errors on values that it never saw say nothing.

use super::judge::{ValueFinding, ValueKind};
use super::model::ValueModel;
use super::rows::Row;

impl ValueModel {
    /// Learns that these findings in rows of this key were false alarms; judging the rows again gives none of them.
    pub fn learn(&mut self, rows: &[Row], false_alarms: &[ValueFinding]) {
        for found in false_alarms {
            match found.kind {
                ValueKind::FarFromMedian => {
                    let robust = self.robust(found.column).copied();
                    if let Some((robust, value)) = robust.zip(found.seen.trim().parse().ok()) {
                        self.said.number(&robust, value);
                    }
                }
                ValueKind::UnseenCategory | ValueKind::NotANumber => self.said.text(found.column, &found.seen),
                ValueKind::Unpredicted => {}
            }
        }
        // Only now: of values that are normal since, the network says nothing, so they do not raise its threshold.
        let unpredicted = |row: usize| false_alarms.iter().any(|f| f.row == row && f.kind == ValueKind::Unpredicted);
        let errors = self.squared_errors(rows).into_iter().filter(|(row, ..)| unpredicted(*row));
        self.threshold = errors.map(|(_, error, _)| error).fold(self.threshold, f64::max);
    }
}
