//! One open command of a client: what it has asked for so far, as far as the grammar looks back.

use super::model::{ClientRequest, Head, Path, Verb, asks};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Objects, names and URIs of one command that are remembered: a directory of manifests, with room.
const MOST_REMEMBERED: usize = 2048;

/// A set of hashes small enough to be searched.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Few(SmallVec<[u64; 4]>);

impl Few {
    pub fn add(&mut self, hash: u64) {
        if hash != 0 && !self.has(hash) && self.0.len() < MOST_REMEMBERED {
            self.0.push(hash);
        }
    }

    pub fn has(&self, hash: u64) -> bool {
        self.0.contains(&hash)
    }

    pub fn drop(&mut self, hash: u64) {
        self.0.retain(|one| *one != hash);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An open command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Command {
    /// Context that it makes: the id of its first event.
    pub context: Id,
    /// Its last request.
    pub last: ClientRequest,
    /// Head of its last request.
    pub last_head: Head,
    /// When its last request ended, as far as the next one must wait for it.
    pub end: Micros,
    /// When its last request really ended.
    pub real_end: Micros,
    /// Objects asked for.
    pub objects: Few,
    /// Names asked for.
    pub names: Few,
    /// Namespaces of them.
    pub namespaces: Few,
    /// API versions whose OpenAPI documents were read.
    pub versions: Few,
    /// URIs asked for.
    pub uris: Few,
    /// Objects deleted, not yet seen to be gone.
    pub deleted: Few,
    /// Objects read by name, not yet written.
    pub pending: Few,
    /// Resource that it listed last.
    pub listed: u64,
    /// Field manager of its writes.
    pub manager: u64,
    /// Its field manager writes files of objects.
    pub files: bool,
    /// Read an OpenAPI document.
    pub documents: bool,
    /// Can not go on.
    pub done: bool,
    /// Is a drain.
    pub drains: bool,
    /// Waits for something.
    pub waits: bool,
    /// Wrote something.
    pub wrote: bool,
    /// Requests for objects.
    pub count: u32,
    /// (resource, namespace) of the object that it found missing.
    pub missing: Option<(u64, u64)>,
}

impl Command {
    /// The command that `request` opens.
    pub fn open(request: &ClientRequest, head: &Head) -> Command {
        let mut command = Command {
            context: head.id,
            last: *request,
            last_head: *head,
            end: head.stage_at,
            real_end: head.stage_at,
            objects: Few::default(),
            names: Few::default(),
            namespaces: Few::default(),
            versions: Few::default(),
            uris: Few::default(),
            deleted: Few::default(),
            pending: Few::default(),
            listed: 0,
            manager: 0,
            files: false,
            documents: false,
            done: false,
            drains: false,
            waits: false,
            wrote: false,
            count: 0,
            missing: None,
        };
        command.add(request, head);
        command
    }

    /// Takes in its next request.
    pub fn add(&mut self, request: &ClientRequest, head: &Head) {
        self.last = *request;
        self.last_head = *head;
        self.end = if request.is(asks::FOLLOWS) { head.received_at } else { head.stage_at };
        self.real_end = head.stage_at;
        self.uris.add(request.uri);
        match request.path {
            Path::OpenApi => {
                self.documents = true;
                self.versions.add(request.version);
            }
            Path::Object => self.add_object(request),
            _ => {}
        }
    }

    fn add_object(&mut self, request: &ClientRequest) {
        self.count += 1;
        if request.code == 404 && request.verb == Verb::Get {
            self.missing = Some((request.resource, request.namespace));
        } else if !(request.is_namespace() && request.verb == Verb::Get) {
            self.missing = None;
        }
        if request.name != 0 {
            self.objects.add(request.object);
            self.names.add(request.name);
            if request.verb == Verb::Delete {
                self.deleted.add(request.object);
            } else if request.verb == Verb::Watch || request.code == 404 {
                self.deleted.drop(request.object);
            }
        }
        self.namespaces.add(request.namespace);
        if request.manager != 0 {
            self.manager = request.manager;
            self.files = request.is(asks::FILES);
        }
        if request.is(asks::WRITES) {
            self.wrote = true;
            self.pending.drop(request.object);
            let more = request.verb != Verb::Create && (!self.pending.is_empty() || self.listed == request.resource);
            if request.is(asks::ONE_SHOT) && !self.documents && !more {
                self.done = true;
            }
        } else if request.verb == Verb::Get && request.is(asks::OK) {
            self.pending.add(request.object);
        } else if request.verb == Verb::List {
            self.listed = request.resource;
        }
        if request.is(asks::DRAINS) {
            self.drains = true;
        }
        self.waits = matches!(request.verb, Verb::Watch | Verb::Delete)
            || request.is(asks::EVICTS)
            || self.drains
            || (self.waits && matches!(request.verb, Verb::Get | Verb::List));
    }
}

impl ClientRequest {
    /// Whether one of `bits` is set.
    pub(super) fn is(&self, bits: u32) -> bool {
        self.bits & bits != 0
    }

    /// Whether it is about namespaces themselves.
    pub(super) fn is_namespace(&self) -> bool {
        self.resource == super::keys::text("namespaces")
    }
}
