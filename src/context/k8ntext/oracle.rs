//! Labels as a perfect model would give them: each event has the label of its true action's root.

use super::record::Record;
use crate::audit::label::Label;
use crate::context::evaluate::TruthRow;
use std::collections::BTreeMap;

/// What is true of a log, by audit id.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    action_of: BTreeMap<String, String>,
    root_of: BTreeMap<String, String>,
}

impl Oracle {
    /// An oracle that knows these rows of truth.
    pub fn new(truth: &[TruthRow]) -> Oracle {
        let mut oracle = Oracle::default();
        for row in truth {
            let Some(action) = &row.action else { continue };
            oracle.action_of.insert(row.audit_id.clone(), action.clone());
            if row.root {
                oracle.root_of.insert(action.clone(), row.audit_id.clone());
            }
        }
        oracle
    }

    /// The root of the action that the request `audit_id` belongs to.
    pub fn root(&self, audit_id: &str) -> Option<&str> {
        self.root_of.get(self.action_of.get(audit_id)?).map(String::as_str)
    }

    /// Labels records; `audit_ids` are those of `records`. An event whose action has no known root keeps its own label.
    pub fn label(&self, records: &mut [Record], audit_ids: &[String]) {
        let own: BTreeMap<&str, Label> =
            audit_ids.iter().map(String::as_str).zip(records.iter().map(|record| record.own_label)).collect();
        for (record, audit_id) in records.iter_mut().zip(audit_ids) {
            if let Some(label) = self.root(audit_id).and_then(|root| own.get(root)) {
                record.label = *label;
            }
        }
    }
}
