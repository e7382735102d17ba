//! What an event leaves behind: the keys of which it is the latest writer from now on (`spec/contexts.md` 2.1).

use super::identity::{View, first, idents, is_blank};
use super::keys;
use super::kind::Aspect;
use super::model::{Actor, Fact};
use crate::audit::event::{Metadata, Stage};

/// Labels of one pod that are looked at.
const MOST_LABELS: usize = 64;
/// Dash prefixes of a pod's name that name its service or workload.
const PREFIXES: usize = 3;

/// Appends the Produce facts of an event to `out`.
pub(super) fn produce(view: &View<'_, '_>, out: &mut Vec<Fact>) {
    let mut facts = Produced { view, out };
    if view.write && view.ok && !view.resource.is_empty() && view.resource != "events" {
        facts.object();
        facts.collection();
        facts.kind();
    }
    facts.kubelet();
    facts.flight();
    if !view.is(Actor::Human) && view.verb == "get" && view.ok {
        for &id in &view.ids {
            facts.push(Aspect::Read, [view.actor.user, id, 0]);
        }
    }
    facts.keeper();
    if view.is(Actor::Operator) {
        facts.push(Aspect::Run, [view.actor.process, 0, 0]);
        facts.push(Aspect::Run, [view.actor.process, 1, view.namespace_hash]);
    }
    if view.is(Actor::System) {
        facts.push(Aspect::Actor, [view.actor.process, 0, 0]);
    }
}

/// Appends that a long-running request started, so that its end finds it.
pub(super) fn produce_request(view: &View<'_, '_>, audit_id: u128, out: &mut Vec<Fact>) {
    if view.event.stage == Stage::ResponseStarted {
        Produced { view, out }.push(Aspect::Request, request_parts(audit_id));
    }
}

/// Parts of the key of a long-running request.
pub(super) fn request_parts(audit_id: u128) -> [u64; 3] {
    [(audit_id >> 64) as u64, audit_id as u64, 0]
}

/// Parts of the key of the pods that come to a kubelet in one namespace.
pub(super) fn arrival_parts(view: &View<'_, '_>) -> [u64; 3] {
    [view.actor.user, view.namespace_hash, 0]
}

struct Produced<'p, 'v, 'a> {
    view: &'p View<'v, 'a>,
    out: &'p mut Vec<Fact>,
}

impl Produced<'_, '_, '_> {
    fn push(&mut self, aspect: Aspect, parts: [u64; 3]) {
        let key = self.view.keys.key(aspect, parts);
        self.out.push(Fact { key, code: aspect.code(), produce: true, own: false });
    }

    fn owned(&mut self, owners: &[u64], deleted: bool) {
        for &owner in owners {
            self.push(Aspect::Child, [owner, 0, 0]);
            if deleted {
                self.push(Aspect::Gone, [owner, 0, 0]);
            }
        }
    }

    /// Who owns the object, for the time when it is deleted: the answer to a deletion does not always tell.
    fn ownership(&mut self, deleted: bool) {
        let view = self.view;
        let Some(&id) = view.ids.last().filter(|_| !view.name.is_empty()) else { return };
        match view.owners.last() {
            Some(&owner) if view.is(Actor::Operator) => {
                self.push(Aspect::Owner, [id, 0, 0]);
                self.push(Aspect::Child, [owner, 0, 0]);
            }
            None if deleted && !view.is(Actor::System) => self.resolve(Aspect::Owner, id),
            _ => {}
        }
        // The garbage collector's deletion tells no owner either. A generated name would.
        if let Some(&owner) = view.owners.last().filter(|owner| !deleted && !view.owners_by_name().contains(owner)) {
            self.push(Aspect::Origin, [id, 0, 0]);
            self.push(Aspect::Spec, [owner, 0, 0]);
        }
    }

    /// Asks the engine for the key that was noted for the object.
    fn resolve(&mut self, aspect: Aspect, id: u64) {
        let key = self.view.keys.key(aspect, [id, 0, 0]);
        self.out.push(Fact { key, code: aspect.code(), produce: true, own: true });
    }

    /// Which operator looks after the object, and that it is woken when a person writes it.
    fn keeper(&mut self) {
        let view = self.view;
        let named = !view.name.is_empty() && view.ok && view.resource != "events";
        let Some(&id) = view.ids.last().filter(|_| named) else { return };
        match view.actor.class {
            Actor::Operator if view.write => {
                self.push(Aspect::Keeper, [id, 0, 0]);
                self.push(Aspect::Wake, [view.actor.process, 0, 0]);
            }
            Actor::Human if view.write => self.resolve(Aspect::Keeper, id),
            _ => {}
        }
    }

    /// The object itself, its owners, its place.
    fn object(&mut self) {
        let view = self.view;
        let tables = view.tables;
        if view.subresource == "token" || tables.unwritten.contains(&view.resource_hash) {
            return;
        }
        let deleted = view.verb == "delete" || view.subresource == "eviction";
        let wanted = tables.spec_subresources.contains(&keys::text(view.subresource));
        for &id in &view.ids {
            self.push(if wanted { Aspect::Spec } else { Aspect::Status }, [id, 0, 0]);
        }
        self.ownership(deleted);
        self.owned(&view.owners, deleted);
        if view.resource == "pods" && matches!(view.subresource, "eviction" | "binding") && view.owners.is_empty() {
            self.owned(&view.owners_by_name(), deleted);
        }
        if !view.namespace.is_empty() {
            self.push(Aspect::NamespaceAny, [view.namespace_hash, 0, 0]);
        }
        self.push(Aspect::NamespaceKind, [view.namespace_hash, view.resource_hash, 0]);
        self.push(Aspect::Kind, [keys::text(view.group), view.resource_hash, 0]);
    }

    /// `deletecollection`: every item that went.
    fn collection(&mut self) {
        let view = self.view;
        if view.verb != "deletecollection" {
            return;
        }
        self.push(Aspect::Emptied, [view.namespace_hash, view.resource_hash, 0]);
        if view.actor.is_namespace_controller {
            self.push(Aspect::Emptied, [view.namespace_hash, 0, 0]);
        }
        for item in &view.event.response.items {
            for id in idents(view.resource_hash, view.namespace_hash, &item.name, &item.uid) {
                self.push(Aspect::Spec, [id, 0, 0]);
            }
            for owner in &item.owners {
                let resource = view.resource_of(&owner.kind);
                self.owned(&view.referred(owner, resource, view.namespace), true);
            }
        }
    }

    /// What only some kinds of object leave behind.
    fn kind(&mut self) {
        let view = self.view;
        let (request, response) = (&view.event.request, &view.event.response);
        if view.subresource == "binding" {
            let node = keys::text(&request.target_name);
            if node != 0 {
                self.push(Aspect::Node, [node, 0, 0]);
                self.push(Aspect::Node, [node, view.namespace_hash, 0]);
            }
            self.push(Aspect::Bind, [view.namespace_hash, 0, 0]);
        }
        match view.resource {
            "pods" => self.pod(if is_blank(&response.metadata) { &request.metadata } else { &response.metadata }),
            "horizontalpodautoscalers" => {
                if let Some(target) = response.spec.scale_target.as_ref().or(request.spec.scale_target.as_ref()) {
                    let resource = view.resource_of(&target.kind);
                    self.push(Aspect::Scaler, [resource, view.namespace_hash, keys::text(&target.name)]);
                }
            }
            "services" => {
                let address = first(&response.spec.cluster_ip, &request.spec.cluster_ip);
                if !address.is_empty() && address != "None" {
                    let id = keys::object(keys::text("ipaddresses"), 0, keys::text(address));
                    self.push(Aspect::Spec, [id, 0, 0]);
                }
            }
            "customresourcedefinitions" => {
                let by_name = view.name.split_once('.').map_or("", |(_, group)| group);
                let group = first(first(&request.spec.group, &response.spec.group), by_name);
                if !group.is_empty() {
                    self.push(Aspect::Group, [keys::text(group), 0, 0]);
                }
            }
            "persistentvolumeclaims" | "persistentvolumes" => {
                if let Some(claim) = &response.spec.claim_ref {
                    let resource = keys::text("persistentvolumeclaims");
                    for id in view.referred(claim, resource, &claim.namespace) {
                        self.push(Aspect::Child, [id, 0, 0]);
                    }
                }
                let volume = keys::text(&response.spec.volume_name);
                if volume != 0 {
                    let id = keys::object(keys::text("persistentvolumes"), 0, volume);
                    self.push(Aspect::Child, [id, 0, 0]);
                }
            }
            _ => {}
        }
    }

    fn pod(&mut self, metadata: &Metadata<'_>) {
        let view = self.view;
        for (key, value) in metadata.labels.iter().take(MOST_LABELS) {
            let key = keys::text(key);
            if !view.tables.hash_labels.contains(&key) {
                self.push(Aspect::Label, [view.namespace_hash, key, keys::text(value)]);
            }
        }
        self.push(Aspect::Pods, [view.namespace_hash, 0, 0]);
        let mut rest = view.name;
        for _ in 0..PREFIXES {
            match rest.rsplit_once('-') {
                Some((base, _)) => {
                    rest = base;
                    self.push(Aspect::NamePrefix, [view.namespace_hash, keys::text(base), 0]);
                }
                None => {
                    self.push(Aspect::NamePrefix, [view.namespace_hash, view.name_hash, 0]);
                    break;
                }
            }
        }
    }

    /// What a kubelet is busy with.
    fn kubelet(&mut self) {
        let view = self.view;
        if view.actor.node.is_none() {
            return;
        }
        if view.resource == "pods" && !view.name.is_empty() {
            self.push(Aspect::Sync, [view.actor.user, 0, 0]);
            self.push(Aspect::Sync, [view.actor.user, view.namespace_hash, 0]);
            if view.verb == "get" {
                self.push(Aspect::Arrival, [view.actor.user, view.namespace_hash, view.name_hash]);
                self.push(Aspect::Arrival, arrival_parts(view));
            }
        }
        if view.subresource == "token" && view.ok {
            let key = view.keys.key(Aspect::Arrival, arrival_parts(view));
            self.out.push(Fact { key, code: Aspect::Arrival.code(), produce: true, own: true });
        }
        if view.resource == "persistentvolumeclaims" && view.ok {
            self.push(Aspect::Sync, [view.actor.user, 0, 0]); // the volume is read next
            let volume = keys::text(&view.event.response.spec.volume_name);
            if volume != 0 {
                self.push(Aspect::VolumeRead, [volume, 0, 0]);
            }
        }
    }

    /// Requests within which the API server makes requests of its own: quota, limits, addresses.
    fn flight(&mut self) {
        let view = self.view;
        let by_user = view.write && !view.is(Actor::System) && !view.resource.is_empty() && view.resource != "events";
        let charged = matches!(view.resource, "pods" | "services" | "persistentvolumeclaims")
            && matches!(view.verb, "create" | "delete" | "deletecollection");
        if by_user || charged {
            self.push(Aspect::Flight, [view.namespace_hash, 0, 0]);
        }
    }
}
