//! The columns of `events` that follow from the kind of request: verb, resource, action and label.
//!
//! Their values are looked up once for each kind that comes, not once a row: ten look-ups become one.

use super::intern::{DictColumn, Known};
use crate::audit::event::{Event, ObjectRef};
use crate::audit::kind::{Kind, Kinds};
use crate::audit::label::{Label, propose, propose_known};
use arrow_array::builder::Int32Builder;
use hashbrown::HashMap;

/// Builds the columns, a row for each event.
#[derive(Debug)]
pub(super) struct KindColumns {
    pub(super) verb: DictColumn,
    pub(super) api_group: DictColumn,
    pub(super) api_version: DictColumn,
    pub(super) resource: DictColumn,
    pub(super) subresource: DictColumn,
    pub(super) action: DictColumn,
    pub(super) label: Int32Builder,
    pub(super) label_text: DictColumn,
    kinds: Kinds,
    /// Where the values of each kind stand in the columns.
    known: Vec<KnownKind>,
    labels: HashMap<Label, (String, Known)>,
}

#[derive(Copy, Clone, Debug, Default)]
struct KnownKind {
    verb: Known,
    api_group: Known,
    api_version: Known,
    resource: Known,
    subresource: Known,
    action: Known,
}

impl KindColumns {
    pub(super) fn new() -> KindColumns {
        KindColumns {
            verb: DictColumn::new(),
            api_group: DictColumn::new(),
            api_version: DictColumn::new(),
            resource: DictColumn::new(),
            subresource: DictColumn::new(),
            action: DictColumn::new(),
            label: Int32Builder::new(),
            label_text: DictColumn::new(),
            kinds: Kinds::default(),
            known: Vec::new(),
            labels: HashMap::new(),
        }
    }

    /// Adds a row. Returns the bytes of text that `action` and `label_text` have in it.
    pub(super) fn push(&mut self, event: &Event<'_>) -> usize {
        let KindColumns { verb, api_group, api_version, resource, subresource, action, kinds, known, .. } = self;
        let (label, action_len) = match kinds.of(event) {
            Some((number, kind)) => {
                if known.len() <= number {
                    known.resize(number + 1, KnownKind::default());
                }
                if let Some(known) = known.get_mut(number) {
                    verb.push_known(&mut known.verb, &kind.verb);
                    api_group.push_known(&mut known.api_group, &kind.group);
                    api_version.push_some_known(&mut known.api_version, &kind.version);
                    resource.push_some_known(&mut known.resource, &kind.resource);
                    subresource.push_some_known(&mut known.subresource, &kind.subresource);
                    action.push_known(&mut known.action, &kind.action);
                }
                let Kind { target, action, .. } = kind;
                (propose_known(event, *target), action.len())
            }
            None => (propose(event), self.push_other(event)),
        };
        self.label.append_value(label.0);
        let (text, known) = self.labels.entry(label).or_insert_with(|| (label.to_string(), Known::default()));
        self.label_text.push_known(known, text);
        action_len + text.len()
    }

    /// The row of an event whose kind is not kept, but for its label. Returns the bytes of its action.
    fn push_other(&mut self, event: &Event<'_>) -> usize {
        self.verb.push(&event.verb);
        match &event.object {
            Some(ObjectRef { api_group, api_version, resource, subresource, .. }) => {
                self.api_group.push(api_group);
                self.api_version.push_some(api_version);
                self.resource.push_some(resource);
                self.subresource.push_some(subresource);
            }
            None => {
                self.api_group.push_null();
                self.api_version.push_null();
                self.resource.push_null();
                self.subresource.push_null();
            }
        }
        let text = event.action().to_string();
        self.action.push(&text);
        text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::samples::{START_US, event};
    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;

    fn texts(column: &mut DictColumn) -> Vec<Option<String>> {
        let column = column.finish().unwrap();
        let dict = column.as_dictionary::<Int32Type>();
        dict.downcast_dict::<StringArray>().unwrap().into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    /// A kind that is looked up, one that comes again, one of the core group and a request without a resource: all as if each
    /// cell had been looked up.
    #[test]
    fn known_kinds_say_what_others_say() {
        let known = event("a", START_US);
        let mut core = event("b", START_US);
        if let Some(object) = &mut core.object {
            (object.api_group, object.resource) = ("".into(), "pods".into());
        }
        let mut bare = event("c", START_US);
        bare.object = None;
        let mut fast = KindColumns::new();
        let mut slow = KindColumns::new();
        for _batch in 0..2 {
            for event in [&known, &core, &known, &bare] {
                let bytes = fast.push(event);
                let label = propose(event);
                assert_eq!(bytes, slow.push_other(event) + label.to_string().len());
                slow.label_text.push(&label.to_string());
                slow.label.append_value(label.0);
            }
            assert_eq!(fast.label.finish(), slow.label.finish());
            for column in [
                |c: &mut KindColumns| &mut c.verb,
                |c| &mut c.api_group,
                |c| &mut c.api_version,
                |c| &mut c.resource,
                |c| &mut c.subresource,
                |c| &mut c.action,
                |c| &mut c.label_text,
            ] as [fn(&mut KindColumns) -> &mut DictColumn; 7]
            {
                assert_eq!(texts(column(&mut fast)), texts(column(&mut slow)));
            }
        }
    }
}
