//! True labels: the proposed label of the root of an event's action, and how they are written into a line.
//!
//! What a label stands for is the action that set an event off, so the truth of an event is what its action's first mutating
//! request would be labelled. The control plane's routine has no action: its labels are those of K8NTEXT's 22 rules, or the
//! event's own.

use crate::audit::decode::{Reading, Want, decode};
use crate::audit::event::{Event, Stage};
use crate::audit::label::{Label, control_plane, propose};
use crate::context::evaluate::TruthRow;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What is written of an event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its label; `None` takes a label away: nobody knows.
    pub label: Option<Label>,
    /// It belongs to the control plane's routine.
    pub routine: bool,
}

/// Ground truth of a log.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    action_of: BTreeMap<(String, String), Option<String>>,
    root_of: BTreeMap<String, String>,
    label_of: BTreeMap<String, Label>,
}

/// Prefix of the actions that stand for periodic activity.
const BACKGROUND: &str = "background:";

impl Truth {
    /// Truth of these rows; roots have no label until their events were seen.
    pub fn new(rows: &[TruthRow]) -> Truth {
        let mut truth = Truth::default();
        for row in rows {
            truth.action_of.insert((row.audit_id.clone(), row.stage.clone()), row.action.clone());
            if let Some(action) = row.action.as_ref().filter(|_| row.root) {
                truth.root_of.insert(row.audit_id.clone(), action.clone());
            }
        }
        truth
    }

    /// Takes the label of an event that is a root. The last stage says most: names are not known before.
    pub fn see(&mut self, event: &Event<'_>) {
        if event.stage != Stage::RequestReceived
            && let Some(action) = self.root_of.get(&*event.audit_id)
        {
            self.label_of.insert(action.clone(), propose(event));
        }
    }

    /// The mark of an event. An event that the truth says nothing of has none.
    pub fn mark(&self, event: &Event<'_>) -> Mark {
        let unknown = Mark { label: None, routine: false };
        let key = (event.audit_id.clone().into_owned(), stage_name(event.stage).to_owned());
        let Some(Some(action)) = self.action_of.get(&key) else { return unknown };
        if action.starts_with(BACKGROUND) {
            let label = Some(control_plane(event)).filter(|label| *label != Label::UNKNOWN);
            return Mark { label: Some(label.unwrap_or_else(|| propose(event))), routine: true };
        }
        self.label_of.get(action).map_or(unknown, |label| Mark { label: Some(*label), routine: false })
    }
}

/// The mark of the control-plane labeller: the label of a routine, or the unknown one, which is left for a person to say.
pub fn routine_mark(event: &Event<'_>) -> Mark {
    let label = control_plane(event);
    Mark { label: Some(label), routine: label != Label::UNKNOWN }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::RequestReceived => "RequestReceived",
        Stage::ResponseStarted => "ResponseStarted",
        Stage::ResponseComplete => "ResponseComplete",
        Stage::Panic => "Panic",
    }
}

/// Runs `look` over the one event of a line; `None` when the line holds none or several.
pub fn single_event<T>(line: &[u8], mut look: impl FnMut(&Event<'_>) -> T) -> Option<T> {
    let mut seen = None;
    let mut count = 0;
    decode(line, Want { evidence: Reading::Whole, raw_bodies: false }, &mut |_, event| {
        count += 1;
        seen = event.ok().map(&mut look);
    });
    seen.filter(|_| count == 1)
}

/// The label that a line carries already.
pub fn label_of_line(line: &[u8]) -> Option<Label> {
    #[derive(serde::Deserialize)]
    struct Line {
        label: Option<i32>,
    }
    serde_json::from_slice::<Line>(line).ok()?.label.map(Label)
}

/// The line with its mark in the members `label` and `cplabel`; everything else stays as it is. `None` when it is no object.
pub fn marked(line: &[u8], mark: Mark) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let text = std::str::from_utf8(line).ok()?;
    // Keys with escapes cannot be borrowed; no audit event has any.
    let members: BTreeMap<&str, &RawValue> = serde_json::from_str(text).ok()?;
    let mut out = if members.contains_key("label") || members.contains_key("cplabel") {
        let kept = members.iter().filter(|(key, _)| !matches!(**key, "label" | "cplabel"));
        let kept: BTreeMap<&str, &RawValue> = kept.map(|(key, value)| (*key, *value)).collect();
        serde_json::to_vec(&kept).ok()?
    } else {
        line.to_vec()
    };
    let Some(label) = mark.label else { return Some(out) };
    out.pop();
    let comma = if members.is_empty() { "" } else { "," };
    out.extend_from_slice(format!("{comma}\"label\":{},\"cplabel\":{}}}", label.0, mark.routine).as_bytes());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::evaluate::read_truth;

    fn line(audit_id: &str, verb: &str, resource: &str) -> String {
        format!(
            r#"{{"auditID":"{audit_id}","stage":"ResponseComplete","verb":"{verb}","requestURI":"/api/v1/namespaces/shop/{resource}",
            "stageTimestamp":"2026-11-21T07:10:15.863533Z","user":{{"username":"alice"}},
            "objectRef":{{"resource":"{resource}","apiVersion":"v1","namespace":"shop","name":"web"}}}}"#
        )
        .replace('\n', " ")
    }

    #[test]
    fn an_event_has_the_label_of_its_actions_root() {
        let rows = r#"{"auditID":"1","stage":"ResponseComplete","action":"A","root":true}
{"auditID":"2","stage":"ResponseComplete","action":"A"}
{"auditID":"3","stage":"ResponseComplete","action":"background:lease"}
{"auditID":"4","stage":"ResponseComplete","action":null}"#;
        let mut truth = Truth::new(&read_truth(rows.as_bytes()).unwrap());
        let (root, effect) = (line("1", "create", "pods"), line("2", "get", "nodes"));
        assert_eq!(single_event(effect.as_bytes(), |event| truth.mark(event).label), Some(None));
        single_event(root.as_bytes(), |event| truth.see(event));
        let mark = |line: String| single_event(line.as_bytes(), |event| truth.mark(event)).unwrap();
        assert_eq!(mark(effect), Mark { label: Some(Label(4496)), routine: false });
        assert!(mark(line("3", "get", "nodes")).routine);
        assert_eq!(mark(line("4", "get", "nodes")).label, None);
        assert_eq!(mark(line("9", "get", "nodes")).label, None);
    }

    #[test]
    fn a_mark_replaces_an_older_one_and_changes_nothing_else() {
        let mark = |label| Mark { label: Some(Label(label)), routine: false };
        let once = marked(br#"{"b":1.50,"a":[1 ,2]}"#, mark(7)).unwrap();
        assert_eq!(String::from_utf8_lossy(&once), r#"{"b":1.50,"a":[1 ,2],"label":7,"cplabel":false}"#);
        let twice = marked(&once, mark(8)).unwrap();
        assert_eq!(String::from_utf8_lossy(&twice), r#"{"a":[1 ,2],"b":1.50,"label":8,"cplabel":false}"#);
        assert_eq!(label_of_line(&twice), Some(Label(8)));
        assert_eq!(marked(b"[1]", mark(8)), None);
    }
}
