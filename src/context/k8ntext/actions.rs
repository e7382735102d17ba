//! The old algorithm: actions are named by their first event; every event then looks for its action among those of its label.
//!
//! ```text
//! pass 1: events that their label describes ─▶ actions, by (label, who or where and what)
//! pass 2: each event ─▶ the first action of its label that matches: a row of rules by name, owner, namespace, claim
//! ```
//! The limits on an action's size and age come from the original's later form, in which an event that exceeds one is put
//! alone; without them (0) two creations of one name hours apart are one action.

use super::record::Record;
use super::{Members, Settings};
use crate::audit::label::Label;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An action: its first event, and the events that found it.
struct Action<'r> {
    first: &'r Record,
    first_at: usize,
    events: Vec<usize>,
    /// A read of its namespace has been given to it.
    read: bool,
}

/// Clusters those of `records` whose indices are in `chosen`; events that find no action are in no cluster.
pub fn cluster(records: &[Record], chosen: &[usize], settings: &Settings) -> Vec<Members> {
    let events: Vec<(usize, &Record)> = chosen.iter().filter_map(|at| Some((*at, records.get(*at)?))).collect();
    let mut actions = actions(&events);
    let mut alone = Vec::new();
    for (at, event) in events {
        let Some(candidates) = actions.get_mut(&event.label) else { continue };
        let Some(action) = find(candidates, event).and_then(|found| candidates.get_mut(found)) else { continue };
        let first = action.events.first().and_then(|first| records.get(*first));
        let age_us = first.map_or(0, |first| event.stage_at.since(first.stage_at));
        let full = settings.max_lines > 0 && action.events.len() as u64 >= settings.max_lines;
        if full || settings.timeout_us > 0 && age_us > settings.timeout_us {
            alone.push(Members::alone(at));
        } else {
            action.events.push(at);
        }
    }
    let members = |action: Action<'_>| {
        let root = action.events.contains(&action.first_at).then_some(action.first_at);
        Members { events: action.events, root }
    };
    actions.into_values().flatten().map(members).chain(alone).collect()
}

/// The actions of each label, in the order in which they begin.
fn actions<'r>(events: &[(usize, &'r Record)]) -> BTreeMap<Label, Vec<Action<'r>>> {
    let mut known: BTreeSet<(Label, Arc<str>, Arc<str>)> = BTreeSet::new();
    let mut actions: BTreeMap<Label, Vec<Action<'_>>> = BTreeMap::new();
    for &(at, event) in events.iter().filter(|(_, event)| is_instance(event)) {
        let nowhere = event.namespace.is_empty() && event.name.is_empty();
        let what = event.owners.first().map_or(&event.name, |owner| &owner.uid);
        let name = if nowhere { (&event.user, &event.name) } else { (&event.namespace, what) };
        if known.insert((event.label, Arc::clone(name.0), Arc::clone(name.1))) {
            let action = Action { first: event, first_at: at, events: Vec::new(), read: false };
            actions.entry(event.label).or_default().push(action);
        }
    }
    actions
}

/// Resource, subresource and verb are those of the label.
fn is_instance(event: &Record) -> bool {
    let said = |label: Label| label.parts().map(|parts| (parts.id, parts.sub, parts.verb as i32));
    event.has_label() && said(event.label).is_some_and(|said_so| said(event.own_label) == Some(said_so))
}

/// The action that an event belongs to: the rules are tried in order, each on all candidates.
fn find(candidates: &mut [Action<'_>], event: &Record) -> Option<usize> {
    if candidates.len() == 1 {
        return Some(0);
    }
    if let Some(found) = candidates.iter().position(|action| is_named_or_owned(action.first, event)) {
        return Some(found);
    }
    if is(event, "get", "namespaces") {
        let unread = |action: &Action<'_>| {
            !action.read && action.first.user == event.user && action.first.namespace == event.namespace
        };
        if let Some(found) = candidates.iter().position(unread) {
            if let Some(action) = candidates.get_mut(found) {
                action.read = true;
            }
            return Some(found);
        }
    }
    let rules: [fn(&Record, &Record) -> bool; 5] =
        [is_involved, is_alike_or_in_namespace, is_claim_of_set, is_volume_of, is_involved_by_piece];
    rules.iter().find_map(|rule| candidates.iter().position(|action| rule(action.first, event)))
}

fn is(event: &Record, verb: &str, resource: &str) -> bool {
    &*event.verb == verb && &*event.resource == resource
}

/// The same non-empty text.
fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && one == other
}

/// Begins with a non-empty text.
fn begins(text: &str, with: &str) -> bool {
    !with.is_empty() && text.starts_with(with)
}

/// The second piece of a name with dashes: `data-web-0` is a volume of the set `web`.
fn piece(name: &str) -> &str {
    name.split('-').nth(1).unwrap_or_default()
}

fn is_named_or_owned(action: &Record, event: &Record) -> bool {
    let (by, of) = (action.owners.first(), event.owners.first());
    let owner_name = of.map_or("", |owner| &*owner.name);
    let owner_uid = of.map_or("", |owner| &*owner.uid);
    same(&action.name, &event.name)
        || by.is_some_and(|owner| begins(&event.name, &owner.name) || begins(owner_name, &owner.name))
        || by.is_some_and(|owner| same(&owner.uid, owner_uid))
        || begins(owner_name, &action.name)
        || same(owner_uid, &action.uid)
}

fn is_involved(action: &Record, event: &Record) -> bool {
    let owner = action.owners.first().map_or("", |owner| &*owner.name);
    event.involved.as_ref().is_some_and(|object| same(&object.name, &action.name) || same(&object.name, owner))
}

fn is_alike_or_in_namespace(action: &Record, event: &Record) -> bool {
    let lifecycle = &*action.resource == "namespaces" && matches!(&*action.verb, "create" | "delete");
    begins(&action.name, &event.name)
        || begins(&event.name, &action.name)
        || lifecycle && same(&event.namespace, &action.name)
}

fn is_claim_of_set(action: &Record, event: &Record) -> bool {
    &*event.resource == "persistentvolumeclaims"
        && &*event.verb != "list"
        && &*action.resource == "statefulsets"
        && same(piece(&event.name), &action.name)
}

fn is_volume_of(action: &Record, event: &Record) -> bool {
    let claim = event.claim.as_ref().map_or("", |claim| &*claim.name);
    &*event.resource == "persistentvolumes"
        && &*event.verb != "list"
        && (same(claim, &action.name) || &*action.resource == "statefulsets" && same(piece(claim), &action.name))
}

fn is_involved_by_piece(action: &Record, event: &Record) -> bool {
    event.involved.as_ref().is_some_and(|object| same(piece(&object.name), &action.name))
}
