//! How well an event fits a cluster: the new algorithm's table of points.
//!
//! One row of the original's table is left out: 70 points where `involvedObject.resource` is among the cluster's objects.
//! Kubernetes has no such field, so the row never gave a point.

use super::record::{ObjectKey, Record};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Least score with which an event joins a cluster.
pub const THRESHOLD: u32 = 50;

/// Somebody who is already in the cluster made the request. As much as [`THRESHOLD`]: this alone is enough.
const SAME_USER: u32 = 50;
/// The very object (resource, namespace, name) is in the cluster.
const SAME_OBJECT: u32 = 100;
/// The event's object owns an object of the cluster.
const OWNS: u32 = 80;
/// An object of the cluster owns the event's object.
const OWNED: u32 = 80;
/// Both speak of the same involved object.
const SAME_INVOLVED: u32 = 60;
/// Both volumes are for the same claim.
const SAME_CLAIM: u32 = 60;
/// The claim, whatever its kind, has namespace and name of an object of the cluster.
const CLAIM_IS_OBJECT: u32 = 60;
/// The API server looks up the limits of a namespace in which a person of the cluster works.
const LIMITS: u32 = 90;
/// Something of a namespace that the cluster deletes is read or deleted.
const NAMESPACE_GOES: u32 = 95;

/// Resource, namespace and name.
type Signature = (Arc<str>, Arc<str>, Arc<str>);

/// What a cluster remembers of its events.
#[derive(Clone, Debug, Default)]
pub struct Traits {
    users: BTreeSet<Arc<str>>,
    person: bool,
    objects: BTreeSet<Signature>,
    namespaces: BTreeSet<Arc<str>>,
    named: BTreeSet<(Arc<str>, Arc<str>)>,
    uids: BTreeSet<Arc<str>>,
    owner_uids: BTreeSet<Arc<str>>,
    involved: BTreeSet<ObjectKey>,
    claims: BTreeSet<ObjectKey>,
}

impl Traits {
    /// Adds what an event tells.
    pub fn join(&mut self, event: &Record) {
        self.users.insert(Arc::clone(&event.user));
        self.person |= !event.user.starts_with("system:");
        self.object(&event.resource, &event.namespace, &event.name);
        if !event.uid.is_empty() {
            self.uids.insert(Arc::clone(&event.uid));
        }
        self.owner_uids.extend(event.owners.iter().map(|owner| Arc::clone(&owner.uid)).filter(|uid| !uid.is_empty()));
        self.involved.extend(event.involved.clone());
        self.claims.extend(event.claim.clone());
        let nameless: Arc<str> = Arc::from("");
        match (&*event.resource, &*event.verb) {
            ("namespaces", "create") => self.object(&Arc::from("limitranges"), &event.name, &nameless),
            ("namespaces", "delete") => self.object(&event.resource, &event.name, &nameless),
            _ => {}
        }
    }

    fn object(&mut self, resource: &Arc<str>, namespace: &Arc<str>, name: &Arc<str>) {
        self.namespaces.insert(Arc::clone(namespace));
        self.named.insert((Arc::clone(namespace), Arc::clone(name)));
        self.objects.insert((Arc::clone(resource), Arc::clone(namespace), Arc::clone(name)));
    }

    /// Points of `event` with this cluster.
    pub fn score(&self, event: &Record) -> u32 {
        let has = |resource: &Arc<str>, name: &Arc<str>| {
            self.objects.contains(&(Arc::clone(resource), Arc::clone(&event.namespace), Arc::clone(name)))
        };
        let claim = event.claim.as_ref();
        let is_named =
            |claim: &ObjectKey| self.named.contains(&(Arc::clone(&claim.namespace), Arc::clone(&claim.name)));
        let in_namespace = !event.namespace.is_empty();
        let reads_limits =
            &*event.user == "system:apiserver" && &*event.verb == "list" && &*event.resource == "limitranges";
        let clears = matches!(&*event.verb, "get" | "deletecollection") && &*event.resource != "namespaces";
        [
            (self.users.contains(&event.user), SAME_USER),
            (has(&event.resource, &event.name), SAME_OBJECT),
            (self.owner_uids.contains(&event.uid), OWNS),
            (event.owners.iter().any(|owner| self.uids.contains(&owner.uid)), OWNED),
            (event.involved.as_ref().is_some_and(|object| self.involved.contains(object)), SAME_INVOLVED),
            (claim.is_some_and(|claim| self.claims.contains(claim)), SAME_CLAIM),
            (claim.is_some_and(is_named), CLAIM_IS_OBJECT),
            (reads_limits && in_namespace && self.person && self.namespaces.contains(&event.namespace), LIMITS),
            (clears && in_namespace && has(&Arc::from("namespaces"), &Arc::from("")), NAMESPACE_GOES),
        ]
        .into_iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, points)| points)
        .sum()
    }
}
