//! What may have caused an event: the keys whose latest earlier writer it can follow from, each with the kind of evidence
//! (`spec/contexts.md` 2.2). People's requests have none: their cause is the command (`super::commands`).

use super::identity::{View, first, is_absent, is_blank};
use super::keys;
use super::kind::{Aspect, Kind};
use super::model::{Actor, Fact};
use super::produce::{arrival_parts, request_parts};
use crate::audit::event::Reference;
use smallvec::SmallVec;

/// Pods of one endpoints object that are looked at.
const MOST_ENDPOINTS: usize = 100;
/// Labels of one object that are looked at.
const MOST_LABELS: usize = 64;

/// Appends the React facts of an event of a component to `out`.
pub(super) fn react(view: &View<'_, '_>, out: &mut Vec<Fact>) {
    let mut facts = Reactions { view, out };
    if view.resource == "events" && !view.name.is_empty() {
        facts.reported();
        facts.run();
        return;
    }
    facts.object();
    facts.namespace();
    facts.drivers();
    facts.watches();
    facts.references();
    facts.kubelet();
    facts.run();
    facts.actor();
}

/// Appends that a long-running request's end follows its start.
pub(super) fn react_request(view: &View<'_, '_>, audit_id: u128, out: &mut Vec<Fact>) {
    Reactions { view, out }.push(Aspect::Request, request_parts(audit_id), Kind::SameRequest);
}

struct Reactions<'p, 'v, 'a> {
    view: &'p View<'v, 'a>,
    out: &'p mut Vec<Fact>,
}

impl Reactions<'_, '_, '_> {
    fn push(&mut self, aspect: Aspect, parts: [u64; 3], kind: Kind) {
        let view = self.view;
        if view.tables.uses(kind) {
            let own = matches!(aspect, Aspect::Spec | Aspect::Status) && view.ids.contains(&parts[0]);
            self.out.push(Fact { key: view.keys.key(aspect, parts), code: kind.code(), produce: false, own });
        }
    }

    fn one(&mut self, aspect: Aspect, identity: u64, kind: Kind) {
        self.push(aspect, [identity, 0, 0], kind);
    }

    /// An Event object: what it reports about.
    fn reported(&mut self) {
        let view = self.view;
        let (request, response) = (&view.event.request, &view.event.response);
        let reference = response.involved_object.as_ref().or(request.involved_object.as_ref());
        let nodes = keys::text("nodes");
        let ids: SmallVec<[u64; 32]> = match reference {
            Some(about) => {
                let resource = view.tables.resource_or_guess(&about.kind);
                if resource == nodes {
                    return self.node_reported(about);
                }
                self.selected(resource, &about.name);
                self.family(resource, &about.name);
                view.referred(about, resource, &about.namespace).into_iter().collect()
            }
            None => {
                // Without a body only the name tells: the object's name, a dot, a number; its kind is unknown.
                let base = keys::text(view.name.rsplit_once('.').map_or(view.name, |(base, _)| base));
                let place = |resource: u64| if resource == nodes { 0 } else { view.namespace_hash };
                view.tables.known_resources.iter().map(|&one| keys::object(one, place(one), base)).collect()
            }
        };
        self.drivers();
        for id in ids {
            self.one(Aspect::Spec, id, Kind::ObjectWritten);
            self.one(Aspect::Gone, id, Kind::OwnedGone);
            self.one(Aspect::Child, id, Kind::OwnedChanged);
            self.one(Aspect::Status, id, Kind::StatusWritten);
        }
        self.terminating();
    }

    /// What a budget or a service selects, whose change is told as an event about it.
    fn selected(&mut self, resource: u64, name: &str) {
        let namespace = self.view.namespace_hash;
        let endpoints = resource == keys::text("endpoints");
        if endpoints || resource == keys::text("poddisruptionbudgets") {
            self.one(Aspect::Pods, namespace, Kind::AnyPodChanged);
        }
        if endpoints {
            let service = keys::object(keys::text("services"), namespace, keys::text(name));
            self.one(Aspect::Spec, service, Kind::MadeForOwner);
        }
    }

    fn node_reported(&mut self, about: &Reference<'_>) {
        let name = keys::text(&about.name);
        self.one(Aspect::Spec, keys::object(keys::text("nodes"), 0, name), Kind::NodeReported);
        self.one(Aspect::Node, name, Kind::PodBoundToNode);
        self.one(Aspect::Sync, self.view.actor.user, Kind::KubeletSyncing);
    }

    fn terminating(&mut self) {
        let event = self.view.event;
        let message = if event.status_message.is_empty() && event.response.kind == "Status" {
            &event.response.message
        } else {
            &event.status_message
        };
        if event.status_code == 403 && message.contains("being terminated") {
            self.one(Aspect::Spec, self.own_namespace(), Kind::NamespaceTerminating);
        }
    }

    fn own_namespace(&self) -> u64 {
        keys::object(keys::text("namespaces"), 0, self.view.namespace_hash)
    }

    /// The object itself and its owners.
    fn object(&mut self) {
        let view = self.view;
        if view.write {
            for &id in &view.ids {
                self.push(Aspect::Read, [view.actor.user, id, 0], Kind::JustRead);
            }
        }
        let reads = self.reads_for_pod();
        let looks_below = view.subresource == "status" || matches!(view.verb, "update" | "patch" | "get");
        for &id in &view.ids {
            if reads {
                self.one(Aspect::Spec, id, Kind::ReadObjectWritten);
                continue;
            }
            self.one(Aspect::Spec, id, Kind::ObjectWritten);
            if looks_below {
                self.one(Aspect::Child, id, Kind::OwnedChanged);
                self.one(Aspect::Gone, id, Kind::OwnedGone);
            }
            self.one(Aspect::Status, id, Kind::StatusWritten);
        }
        self.family(view.resource_hash, view.name);
        self.noted_owner();
        let (creates, deletes) = (view.verb == "create", view.verb == "delete");
        for &owner in &view.owners {
            let kind = if creates || deletes { Kind::MadeForOwner } else { Kind::OwnerWritten };
            self.one(Aspect::Spec, owner, kind);
            if deletes {
                self.one(Aspect::Child, owner, Kind::SiblingChanged);
            }
            if creates {
                self.one(Aspect::Gone, owner, Kind::OwnedGone);
                self.one(Aspect::Child, owner, Kind::SiblingChanged);
            }
        }
    }

    /// The owner of what is deleted, where only an earlier write told it.
    fn noted_owner(&mut self) {
        let view = self.view;
        let unknown = view.verb == "delete" && view.is(Actor::System) && view.owners.is_empty();
        if let Some(&id) = view.ids.last().filter(|_| unknown && !view.name.is_empty()) {
            self.one(Aspect::Origin, id, Kind::NotedOwnerWritten);
        }
    }

    /// Owner and siblings, by name: they bridge a link whose own cause is missing.
    fn family(&mut self, resource: u64, name: &str) {
        if resource != 0 && !name.is_empty() {
            for owner in self.view.family_by_name(resource, name) {
                self.one(Aspect::Spec, owner, Kind::FamilyChanged);
                self.one(Aspect::Child, owner, Kind::FamilyChanged);
            }
        }
    }

    /// A kubelet's read of what a pod needs.
    fn reads_for_pod(&self) -> bool {
        let view = self.view;
        view.actor.node.is_some()
            && view.subresource != "status"
            && view.tables.kubelet_reads.contains(&view.resource_hash)
    }

    fn namespace(&mut self) {
        let view = self.view;
        if view.namespace.is_empty() || view.resource.is_empty() {
            return;
        }
        let namespace = view.namespace_hash;
        self.push(Aspect::Emptied, [namespace, view.resource_hash, 0], Kind::CollectionDeleted);
        self.push(Aspect::Emptied, [namespace, 0, 0], Kind::NamespaceEmptied);
        self.one(Aspect::Spec, self.own_namespace(), Kind::NamespaceWritten);
        self.terminating();
    }

    fn drivers(&mut self) {
        for place in &self.view.actor.drivers {
            let kind = if place.cluster_scoped { Kind::NodeWritten } else { Kind::DriverWritten };
            let namespace = if place.cluster_scoped { 0 } else { self.view.namespace_hash };
            self.push(Aspect::NamespaceKind, [namespace, place.resource, 0], kind);
        }
    }

    fn watches(&mut self) {
        let view = self.view;
        let blind_create = view.verb == "create" && is_absent(&view.event.response);
        for (index, place) in view.actor.watches.iter().enumerate() {
            let kind = if index == 0 && blind_create { Kind::MainKindWritten } else { Kind::WatchedKindWritten };
            let namespace = if place.cluster_scoped { 0 } else { view.namespace_hash };
            self.push(Aspect::NamespaceKind, [namespace, place.resource, 0], kind);
        }
        for &(written, [group, resource]) in &view.actor.cross {
            if written == view.resource_hash {
                self.push(Aspect::Kind, [group, resource, 0], Kind::OtherKindWritten);
            }
        }
    }

    /// Objects that the bodies name.
    fn references(&mut self) {
        let view = self.view;
        let (request, response) = (&view.event.request, &view.event.response);
        if let Some(bound) = request.spec.bound_object.as_ref().filter(|_| view.subresource == "token") {
            for id in view.referred(bound, view.resource_of(&bound.kind), view.namespace) {
                self.one(Aspect::Spec, id, Kind::BoundObject);
            }
        }
        match view.resource {
            "endpoints" | "endpointslices" => self.endpoints(),
            "poddisruptionbudgets" => {
                for (key, value) in response.spec.match_labels.iter().take(MOST_LABELS) {
                    let parts = [view.namespace_hash, keys::text(key), keys::text(value)];
                    self.push(Aspect::Label, parts, Kind::LabelledPodChanged);
                }
                self.one(Aspect::Pods, view.namespace_hash, Kind::AnyPodChanged);
            }
            "resourcequotas" => {
                self.one(Aspect::Flight, view.namespace_hash, Kind::InsideRequest);
                self.one(Aspect::NamespaceAny, view.namespace_hash, Kind::NamespaceChanged);
            }
            "persistentvolumeclaims" | "persistentvolumes" => self.volumes(),
            _ => {}
        }
        if view.actor.is_autoscaler && !view.name.is_empty() {
            let parts = [view.resource_hash, view.namespace_hash, view.name_hash];
            self.push(Aspect::Scaler, parts, Kind::AutoscalerWritten);
        }
        let whole_cluster = !view.resource.is_empty() && view.namespace.is_empty() && view.name.is_empty();
        if whole_cluster && matches!(view.verb, "list" | "watch") {
            self.one(Aspect::Group, keys::text(view.group), Kind::CustomGroup);
        }
        if let Some((_, group)) = view.name.split_once('.').filter(|_| view.resource == "apiservices") {
            self.one(Aspect::Group, keys::text(group), Kind::CustomGroup);
        }
    }

    fn endpoints(&mut self) {
        let view = self.view;
        let (request, response) = (&view.event.request, &view.event.response);
        let body = if is_absent(request) { response } else { request };
        let mut seen: SmallVec<[u64; 16]> = SmallVec::new();
        for pod in body.endpoints.iter().take(MOST_ENDPOINTS).filter(|pod| !pod.uid.is_empty()) {
            let id = keys::uid(&pod.uid);
            if !seen.contains(&id) {
                seen.push(id);
                self.one(Aspect::Status, id, Kind::EndpointPodChanged);
                self.one(Aspect::Spec, id, Kind::EndpointPodChanged);
            }
        }
        let metadata = if is_blank(&body.metadata) { &response.metadata } else { &body.metadata };
        let mut service = "";
        for (key, value) in metadata.labels.iter().take(MOST_LABELS) {
            if key == "kubernetes.io/service-name" {
                service = value;
            }
            if !key.contains("kubernetes.io/") {
                let parts = [view.namespace_hash, keys::text(key), keys::text(value)];
                self.push(Aspect::Label, parts, Kind::LabelledPodChanged);
            }
        }
        if !view.name.is_empty() || !is_absent(body) {
            self.one(Aspect::Pods, view.namespace_hash, Kind::AnyPodChanged);
        }
        let named = view.resource == "endpoints";
        let by_name = if named { view.name } else { view.name.rsplit_once('-').map_or(view.name, |(base, _)| base) };
        let prefix = first(service, by_name);
        if !prefix.is_empty() {
            self.push(Aspect::NamePrefix, [view.namespace_hash, keys::text(prefix), 0], Kind::NamedPodChanged);
        }
        let service = first(service, if named { view.name } else { "" });
        if !service.is_empty() {
            let id = keys::object(keys::text("services"), view.namespace_hash, keys::text(service));
            self.one(Aspect::Spec, id, Kind::MadeForOwner);
        }
    }

    fn volumes(&mut self) {
        let view = self.view;
        if view.resource == "persistentvolumeclaims" && view.verb == "create" && view.actor.is_stateful_set_controller {
            // A claim is named template-set-number; either part may hold dashes.
            let stem = view.name.rsplit_once('-').map_or("", |(stem, _)| stem);
            for (dash, _) in stem.match_indices('-') {
                let set = stem.get(dash + 1..).unwrap_or("");
                let id = keys::object(keys::text("statefulsets"), view.namespace_hash, keys::text(set));
                self.one(Aspect::Spec, id, Kind::MadeForOwner);
            }
        }
        let spec = &view.event.response.spec;
        if let Some(claim) = &spec.claim_ref {
            for id in view.referred(claim, keys::text("persistentvolumeclaims"), &claim.namespace) {
                self.one(Aspect::Spec, id, Kind::ObjectWritten);
            }
        }
        if !spec.volume_name.is_empty() {
            let id = keys::object(keys::text("persistentvolumes"), 0, keys::text(&spec.volume_name));
            self.one(Aspect::Spec, id, Kind::ObjectWritten);
        }
    }

    /// Reads by which a kubelet brings up a pod.
    fn kubelet(&mut self) {
        let view = self.view;
        if view.actor.node.is_some() && view.subresource == "token" {
            self.push(Aspect::Arrival, arrival_parts(view), Kind::PodStarting);
        }
        let Some(node) = view.actor.node.filter(|_| self.reads_for_pod()) else { return };
        if view.resource == "persistentvolumes" {
            self.one(Aspect::VolumeRead, view.name_hash, Kind::BoundObject);
        }
        self.push(Aspect::Node, [node, view.namespace_hash, 0], Kind::PodBoundHere);
        self.push(Aspect::Arrival, arrival_parts(view), Kind::PodArrived);
        if !view.namespace.is_empty() {
            self.one(Aspect::Bind, view.namespace_hash, Kind::PodBound);
        }
        self.push(Aspect::Sync, [view.actor.user, view.namespace_hash, 0], Kind::KubeletSyncingHere);
    }

    /// An operator's requests come in runs: reactions to a change, or actions of its own.
    fn run(&mut self) {
        let view = self.view;
        if !view.is(Actor::Operator) {
            return;
        }
        self.push(Aspect::Run, [view.actor.process, 0, 0], Kind::SameRun);
        self.push(Aspect::Run, [view.actor.process, 1, view.namespace_hash], Kind::SameRunHere);
        self.push(Aspect::Run, [view.actor.process, 1, view.namespace_hash], Kind::SameReaction);
        self.push(Aspect::Wake, [view.actor.process, 0, 0], Kind::KeptWritten);
        if matches!(view.verb, "update" | "patch") && view.tables.uses(Kind::WrittenAgain) {
            for &id in &view.ids {
                let key = view.keys.key(Aspect::Spec, [id, 0, 0]);
                self.out.push(Fact { key, code: Kind::WrittenAgain.code(), produce: false, own: false });
            }
        }
    }

    /// The actor's own course: checks inside requests, the previous request.
    fn actor(&mut self) {
        let view = self.view;
        if view.actor.is_api_server {
            if view.resource != "ipaddresses" {
                self.one(Aspect::Flight, view.namespace_hash, Kind::InsideRequest);
            } else {
                if let Some(parent) = &view.event.request.spec.parent_ref {
                    self.one(Aspect::Flight, keys::text(&parent.namespace), Kind::InsideRequest);
                    let (resource, place) = (keys::text(&parent.kind), keys::text(&parent.namespace));
                    self.one(
                        Aspect::Spec,
                        keys::object(resource, place, keys::text(&parent.name)),
                        Kind::ObjectWritten,
                    );
                }
                self.push(Aspect::Kind, [0, keys::text("services"), 0], Kind::InsideRequest);
            }
        }
        if view.resource.is_empty() {
            self.one(Aspect::Actor, view.actor.process, Kind::SameController);
        } else if view.is(Actor::Operator) || !view.name.is_empty() || view.write {
            self.one(Aspect::Actor, view.actor.process, Kind::SameControllerWeak);
        }
    }
}
