//! Kinds of request: what verb and resource determine, worked out once for each that comes.
//!
//! ```text
//! verb, group, version, resource, subresource ─▶ number of the kind ─▶ action in words, target of the label
//! ```
//! A cluster has some hundreds of kinds, and an event needs one look-up instead of a dozen. Clients may ask for resources that do
//! not exist, so only the first 4,096 are kept; what is said of the others is the same, and is worked out each time.

use super::event::{Event, ObjectRef};
use super::label::{Target, target};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Most kinds that are kept, at about 200 bytes each.
const MAX_KINDS: usize = 4096;

/// The kinds that have come so far.
#[derive(Debug, Default)]
pub struct Kinds {
    kinds: Vec<Kind>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// One kind.
#[derive(Debug)]
pub struct Kind {
    /// Verb.
    pub verb: Box<str>,
    /// API group; empty for the core group.
    pub group: Box<str>,
    /// API version.
    pub version: Box<str>,
    /// Resource.
    pub resource: Box<str>,
    /// Subresource, or empty.
    pub subresource: Box<str>,
    /// [`Event::action`] in words.
    pub action: String,
    /// What labels of such requests name.
    pub target: Option<Target>,
}

impl Kinds {
    /// The kind of an event with its number, counted from zero; `None` for requests without a resource and for kinds that are not kept.
    pub fn of(&mut self, event: &Event<'_>) -> Option<(usize, &Kind)> {
        let object = event.object.as_ref().filter(|object| !object.resource.is_empty())?;
        let ObjectRef { api_group, api_version, resource, subresource, .. } = object;
        let hash = hash(&self.hasher, [&event.verb, api_group, api_version, resource, subresource]);
        let same = |at: &u32| self.kinds.get(*at as usize).is_some_and(|kind| kind.is(&event.verb, object));
        let at = match self.index.find(hash, same) {
            Some(at) => *at as usize,
            None if self.kinds.len() < MAX_KINDS => {
                let at = self.kinds.len();
                self.kinds.push(Kind::of(event, object));
                let (kinds, hasher) = (&self.kinds, &self.hasher);
                self.index
                    .insert_unique(hash, at as u32, |at| kinds.get(*at as usize).map_or(0, |kind| kind.hash(hasher)));
                at
            }
            None => return None,
        };
        self.kinds.get(at).map(|kind| (at, kind))
    }
}

impl Kind {
    fn of(event: &Event<'_>, object: &ObjectRef<'_>) -> Kind {
        Kind {
            verb: (&*event.verb).into(),
            group: (&*object.api_group).into(),
            version: (&*object.api_version).into(),
            resource: (&*object.resource).into(),
            subresource: (&*object.subresource).into(),
            action: event.action().to_string(),
            target: target(&event.verb, object),
        }
    }

    fn is(&self, verb: &str, object: &ObjectRef<'_>) -> bool {
        *self.resource == *object.resource
            && *self.verb == *verb
            && *self.subresource == *object.subresource
            && *self.group == *object.api_group
            && *self.version == *object.api_version
    }

    fn hash(&self, hasher: &DefaultHashBuilder) -> u64 {
        hash(hasher, [&self.verb, &self.group, &self.version, &self.resource, &self.subresource])
    }
}

/// Of verb, group, version, resource and subresource.
fn hash(hasher: &DefaultHashBuilder, parts: [&str; 5]) -> u64 {
    hasher.hash_one(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::decode::{Want, decode};
    use crate::audit::label::{propose, propose_known};
    use proptest::prelude::*;
    use serde_json::json;

    /// Gives the events of these verbs and resources, in turn, to `see`.
    fn events(parts: &[(&str, &str, &str, &str, &str)], mut see: impl FnMut(&Event<'_>)) {
        for (verb, group, version, resource, subresource) in parts {
            let object =
                json!({"apiGroup": group, "apiVersion": version, "resource": resource, "subresource": subresource});
            let line = json!({"auditID": "a", "stage": "ResponseComplete", "verb": verb, "requestURI": "/api/v1/namespaces/x",
                "stageTimestamp": "2026-01-01T00:00:00Z", "objectRef": object});
            decode(line.to_string().as_bytes(), Want::default(), &mut |_, event| see(event.unwrap()));
        }
    }

    proptest! {
        #[test]
        fn a_kind_says_what_its_events_say(
            parts in prop::collection::vec(("get|create|xx", "|apps", "v1|v2", "pods|deployments||x", "|status|log"), 1..40),
        ) {
            let mut kinds = Kinds::default();
            let parts: Vec<_> = parts.iter().map(|(a, b, c, d, e)| (&**a, &**b, &**c, &**d, &**e)).collect();
            events(&parts, |event| match kinds.of(event) {
                Some((_, kind)) => {
                    assert_eq!(kind.action, event.action().to_string());
                    assert_eq!(propose_known(event, kind.target), propose(event));
                    assert!(kind.is(&event.verb, event.object.as_ref().unwrap()));
                }
                None => assert!(event.object.as_ref().is_none_or(|object| object.resource.is_empty())),
            });
        }
    }

    #[test]
    fn the_same_kind_has_the_same_number() {
        let (pods, nodes) = (("get", "", "v1", "pods", ""), ("get", "", "v1", "nodes", ""));
        let (mut kinds, mut numbers) = (Kinds::default(), Vec::new());
        events(&[pods, nodes, pods], |event| numbers.push(kinds.of(event).unwrap().0));
        assert_eq!(numbers, [0, 1, 0]);
    }

    #[test]
    fn their_number_is_bounded() {
        let names: Vec<String> = (0..=MAX_KINDS).map(|n| n.to_string()).collect();
        let parts: Vec<_> = names.iter().map(|name| ("get", "", "v1", &**name, "")).collect();
        let (mut kinds, mut kept) = (Kinds::default(), 0);
        events(&parts, |event| kept += usize::from(kinds.of(event).is_some()));
        assert_eq!(kept, MAX_KINDS);
    }
}
