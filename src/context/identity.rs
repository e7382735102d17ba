//! Who an event is about: its object, the object's owners, as hashes.
//!
//! An object has up to two identities, its uid and (resource, namespace, name); the second works without bodies. What the
//! audit event leaves out is filled in from the bodies: the name of a `generateName` create, the uid of a deletion.

use super::keys::{self, KeySpace};
use super::request::Request;
use crate::audit::event::{Body, Metadata, Reference};
use smallvec::SmallVec;
use std::ops::Deref;

/// Identities of one object, uid first.
pub(super) type Idents = SmallVec<[u64; 2]>;

/// One event as the rules look at it, its texts hashed.
pub(super) struct View<'v, 'a> {
    pub request: Request<'v, 'a>,
    pub keys: KeySpace,
    pub resource_hash: u64,
    pub namespace_hash: u64,
    pub name_hash: u64,
    /// Identities of the object itself.
    pub ids: Idents,
    /// Identities of its owners.
    pub owners: SmallVec<[u64; 4]>,
}

impl<'v, 'a> Deref for View<'v, 'a> {
    type Target = Request<'v, 'a>;

    fn deref(&self) -> &Request<'v, 'a> {
        &self.request
    }
}

impl<'v, 'a> View<'v, 'a> {
    pub fn new(request: Request<'v, 'a>, keys: KeySpace) -> View<'v, 'a> {
        let hash = keys::text;
        let mut view = View {
            keys,
            resource_hash: hash(request.resource),
            namespace_hash: hash(request.namespace),
            name_hash: hash(request.name),
            ids: Idents::new(),
            owners: SmallVec::new(),
            request,
        };
        view.ids = view.own_idents();
        view.owners = view.find_owners();
        view
    }

    fn own_idents(&self) -> Idents {
        let mut found = Idents::new();
        let uid = self.uid();
        if !uid.is_empty() {
            found.push(keys::uid(uid));
        }
        if !self.name.is_empty() {
            found.push(keys::object(self.resource_hash, self.namespace_hash, self.name_hash));
        }
        found
    }

    fn uid(&self) -> &'v str {
        let event = self.request.event;
        let mut uid: &str = event.object.as_ref().map_or("", |one| &one.uid);
        if uid.is_empty() && self.returned && self.subresource != "token" {
            uid = &event.response.metadata.uid;
        }
        if uid.is_empty() {
            uid = first(&event.response.details_uid, &event.request.preconditions_uid);
        }
        uid
    }

    /// Owner references of the object, or owners guessed by name where no body tells.
    fn find_owners(&self) -> SmallVec<[u64; 4]> {
        let (request, response) = (&self.event.request.metadata, &self.event.response.metadata);
        let references = if response.owners.is_empty() { &request.owners } else { &response.owners };
        if references.is_empty() && is_blank(response) {
            return self.owners_by_name();
        }
        let mut found = SmallVec::new();
        for one in references {
            if !one.uid.is_empty() {
                found.push(keys::uid(&one.uid));
            }
            let resource = self.tables.resource_or_guess(&one.kind);
            found.push(keys::object(resource, self.namespace_hash, keys::text(&one.name)));
        }
        found
    }

    /// Owners that the generated name allows: `web-66d4-x7k2p` may belong to the replica set `web-66d4`.
    pub fn owners_by_name(&self) -> SmallVec<[u64; 4]> {
        self.named_owners(self.resource_hash, self.name).map(|(owner, base)| self.named(owner, base)).collect()
    }

    /// Resources and names of the owners that the generated `name` of a `resource` allows.
    fn named_owners<'n>(&self, resource: u64, name: &'n str) -> impl Iterator<Item = (u64, &'n str)> {
        let families = self.tables.generated_names.get(&resource).map_or(&[][..], Vec::as_slice);
        let split = if families.is_empty() { None } else { name.rsplit_once('-') };
        families.iter().filter_map(move |&(owner, suffix)| {
            split.filter(|(_, end)| suffix.fits(end)).map(|(base, _)| (owner, base))
        })
    }

    /// Owners, and their owners, that the generated name of an object of this namespace allows.
    pub fn family_by_name(&self, resource: u64, name: &str) -> SmallVec<[u64; 8]> {
        let mut found = SmallVec::new();
        for (owner, base) in self.named_owners(resource, name) {
            found.push(self.named(owner, base));
            for (above, base) in self.named_owners(owner, base) {
                found.push(self.named(above, base));
            }
        }
        found
    }

    fn named(&self, resource: u64, name: &str) -> u64 {
        keys::object(resource, self.namespace_hash, keys::text(name))
    }

    /// Identities of the object that a reference names; a kind that the table lacks has no name identity of use.
    pub fn referred(&self, to: &Reference<'_>, resource: u64, namespace: &str) -> Idents {
        idents(resource, keys::text(namespace), &to.name, &to.uid)
    }

    /// Hash of the resource of `kind`, 0 when the table lacks it.
    pub fn resource_of(&self, kind: &str) -> u64 {
        self.tables.resource_of(kind).unwrap_or(0)
    }
}

/// Identities from uid and name, whichever are there.
pub(super) fn idents(resource: u64, namespace: u64, name: &str, uid: &str) -> Idents {
    let mut found = Idents::new();
    if !uid.is_empty() {
        found.push(keys::uid(uid));
    }
    if !name.is_empty() {
        found.push(keys::object(resource, namespace, keys::text(name)));
    }
    found
}

/// The first text that is not empty.
pub(super) fn first<'t>(one: &'t str, other: &'t str) -> &'t str {
    if one.is_empty() { other } else { one }
}

/// Whether a body says nothing of its object.
pub(super) fn is_blank(metadata: &Metadata<'_>) -> bool {
    metadata.name.is_empty()
        && metadata.uid.is_empty()
        && metadata.namespace.is_empty()
        && metadata.resource_version.is_empty()
        && metadata.labels.is_empty()
        && !metadata.labelled
        && metadata.owners.is_empty()
}

/// Whether there is a body at all.
pub(super) fn is_absent(body: &Body<'_>) -> bool {
    body.kind.is_empty() && is_blank(&body.metadata)
}
