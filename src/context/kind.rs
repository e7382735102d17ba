//! The words of the causal rules as small numbers: kinds of evidence and aspects of state.
//!
//! Their codes travel in facts and stand in saved state and in the column `cause_reason`, so rows are only ever added at the end.

use serde::{Deserialize, Deserializer};

/// Declares an enum of codes 0, 1, 2, … with a stable short name each.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$row:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$row])* $variant,)+ }

        impl $name {
            /// All, in the order of their codes.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The number that stands for it in facts and in saved state.
            #[inline]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The one with this code.
            pub fn from_code(code: u8) -> Option<$name> {
                Self::ALL.get(usize::from(code)).copied()
            }

            /// Stable short name, as in tables and in the rules file.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let name = String::deserialize(input)?;
                Self::from_name(&name).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|one| one.name()).collect();
                    serde::de::Error::custom(format!("unknown name \"{name}\", expected one of {}", known.join(", ")))
                })
            }
        }
    };
}

coded! {
    /// What of an object, an actor or a place a write changed: the first part of every key (`spec/contexts.md` 2.1).
    Aspect {
        /// Wanted state of an object: its main resource, scale, binding, eviction, …; creation and deletion too.
        Spec = "spec",
        /// Status of an object.
        Status = "status",
        /// An object that this one owns was written.
        Child = "child",
        /// An object that this one owned was deleted or evicted.
        Gone = "gone",
        /// Objects of one kind, or all, of a namespace were deleted at once.
        Emptied = "emptied",
        /// A pod was bound to the node.
        Node = "node",
        /// A pod of the namespace was bound.
        Bind = "bind",
        /// A kubelet was busy with a pod.
        Sync = "sync",
        /// A kubelet read the claim of this volume.
        VolumeRead = "volume-read",
        /// A pod with this label was written.
        Label = "label",
        /// A pod whose name starts so was written.
        NamePrefix = "name-prefix",
        /// Any pod of the namespace was written.
        Pods = "pods",
        /// A request that the API server checks with requests of its own.
        Flight = "flight",
        /// Any object of a kind in the namespace was written.
        NamespaceKind = "namespace-kind",
        /// Any object of a kind was written.
        Kind = "kind",
        /// Anything in the namespace was written.
        NamespaceAny = "namespace-any",
        /// A custom resource definition of this API group was written.
        Group = "group",
        /// An autoscaler of the object was written.
        Scaler = "scaler",
        /// The actor read the object.
        Read = "read",
        /// The actor did anything.
        Actor = "actor",
        /// A long-running request started.
        Request = "request",
        /// An operator or bot was at work, anywhere or in a namespace.
        Run = "run",
        /// A person wrote an object that the operator looks after.
        Wake = "wake",
        /// Who owns the object: followed by the owner's child key, or resolved to it.
        Owner = "owner",
        /// Which operator looks after the object: followed by the operator's wake key, or resolved to it.
        Keeper = "keeper",
        /// The wanted state of the object's owner: followed by its key, or resolved to it.
        Origin = "origin",
        /// A kubelet asked for a pod for the first time.
        Arrival = "arrival",
    }
}

coded! {
    /// Why an event is held to follow from another: evidence from facts, then steps of a command.
    Kind {
        /// The same object's wanted state was written.
        ObjectWritten = "object-written",
        /// The same object's status was written.
        StatusWritten = "status-written",
        /// An object that it owns changed.
        OwnedChanged = "owned-changed",
        /// An object that it owned went away.
        OwnedGone = "owned-gone",
        /// Created or deleted for its owner, which was written.
        MadeForOwner = "made-for-owner",
        /// Its owner was written.
        OwnerWritten = "owner-written",
        /// Another object of its owner changed.
        SiblingChanged = "sibling-changed",
        /// All objects of its kind in the namespace were deleted.
        CollectionDeleted = "collection-deleted",
        /// The namespace is being emptied.
        NamespaceEmptied = "namespace-emptied",
        /// Refused because the namespace is being terminated.
        NamespaceTerminating = "namespace-terminating",
        /// The namespace was written.
        NamespaceWritten = "namespace-written",
        /// Something in the namespace was written.
        NamespaceChanged = "namespace-changed",
        /// The main kind of the controller was written in the namespace.
        MainKindWritten = "main-kind-written",
        /// A kind that the controller watches was written in the namespace.
        WatchedKindWritten = "watched-kind-written",
        /// A kind in another scope that wakes the controller was written.
        OtherKindWritten = "other-kind-written",
        /// The kind that drives the controller was written.
        DriverWritten = "driver-written",
        /// A node was written, and the controller acts on nodes.
        NodeWritten = "node-written",
        /// The autoscaler of the object was written.
        AutoscalerWritten = "autoscaler-written",
        /// The same actor has just read the object.
        JustRead = "just-read",
        /// The object that the token is bound to was written.
        BoundObject = "bound-object",
        /// A pod that the endpoints name changed.
        EndpointPodChanged = "endpoint-pod-changed",
        /// A pod with a label of it changed.
        LabelledPodChanged = "labelled-pod-changed",
        /// A pod named after the service changed.
        NamedPodChanged = "named-pod-changed",
        /// A pod of the namespace changed.
        AnyPodChanged = "any-pod-changed",
        /// A check inside another request.
        InsideRequest = "inside-request",
        /// The API group comes from a definition that was written.
        CustomGroup = "custom-group",
        /// An event about a node that was written.
        NodeReported = "node-reported",
        /// A pod of the namespace was bound to this kubelet's node.
        PodBoundHere = "pod-bound-here",
        /// A pod of the namespace was bound.
        PodBound = "pod-bound",
        /// A pod was bound to the node that the event is about.
        PodBoundToNode = "pod-bound-to-node",
        /// The kubelet was busy with a pod of the namespace.
        KubeletSyncingHere = "kubelet-syncing-here",
        /// The kubelet was busy with a pod.
        KubeletSyncing = "kubelet-syncing",
        /// The object that a kubelet reads was written.
        ReadObjectWritten = "read-object-written",
        /// The same controller's previous request (discovery).
        SameController = "same-controller",
        /// The same controller's previous request, a moment ago.
        SameControllerWeak = "same-controller-weak",
        /// The start of the same long-running request.
        SameRequest = "same-request",
        /// A drain evicts a pod.
        DrainEvicts = "drain-evicts",
        /// A drain waits for a pod to go.
        DrainWaits = "drain-waits",
        /// A drain looks at a pod or its controller.
        DrainLooks = "drain-looks",
        /// One of several refused requests.
        RefusedBurst = "refused-burst",
        /// One of several anonymous requests.
        AnonymousBurst = "anonymous-burst",
        /// Validation before an object is created anew.
        Validation = "validation",
        /// The next OpenAPI document.
        NextDocument = "next-document",
        /// Discovery of the API groups.
        Discovery = "discovery",
        /// The resources of one API group.
        GroupDiscovery = "group-discovery",
        /// The first request after discovery.
        AfterDiscovery = "after-discovery",
        /// Waits until the object that it deleted is gone.
        WaitsUntilGone = "waits-until-gone",
        /// The same object again.
        SameObject = "same-object",
        /// The object is missing: asks for its namespace.
        AsksNamespace = "asks-namespace",
        /// Creates the missing object.
        CreatesMissing = "creates-missing",
        /// Events of the object.
        ObjectEvents = "object-events",
        /// The lease of the node.
        NodeLease = "node-lease",
        /// The pods of the node.
        NodePods = "node-pods",
        /// The next object of the same file.
        NextOfFile = "next-of-file",
        /// Deletes what it listed.
        DeletesListed = "deletes-listed",
        /// The next deletion.
        NextDeletion = "next-deletion",
        /// The next resource of the same listing.
        NextListing = "next-listing",
        /// Objects related to the one described.
        RelatedObjects = "related-objects",
        /// Made from the object that it read.
        MadeFromRead = "made-from-read",
        /// Watches what it listed.
        WatchesListed = "watches-listed",
        /// Keeps watching the same object.
        KeepsWatching = "keeps-watching",
        /// Asks for the same object again and again.
        Polls = "polls",
        /// The next request of the same run of an operator that began of itself.
        SameRun = "same-run",
        /// The same, in the same namespace.
        SameRunHere = "same-run-here",
        /// The next request of an operator while it reacts.
        SameReaction = "same-reaction",
        /// The next request of a client, whatever it is at.
        SameClient = "same-client",
        /// An object that the operator looks after was written a moment ago.
        KeptWritten = "kept-written",
        /// Its owner, or another object of its owner, changed a moment ago.
        FamilyChanged = "family-changed",
        /// Its owner, as noted when it was written, was written itself.
        NotedOwnerWritten = "noted-owner-written",
        /// A kubelet makes the pod that came next ready.
        PodStarting = "pod-starting",
        /// A pod of the namespace has just come to the kubelet.
        PodArrived = "pod-arrived",
        /// The same operator wrote the object a moment ago.
        WrittenAgain = "written-again",
        /// Writes what it listed.
        WritesListed = "writes-listed",
        /// Reads of what it listed.
        ReadsListed = "reads-listed",
        /// The next object that the command names.
        NextNamed = "next-named",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_read_back() {
        for &kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), Some(kind));
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        for &aspect in Aspect::ALL {
            assert_eq!(Aspect::from_code(aspect.code()), Some(aspect));
        }
        assert_eq!(Kind::from_code(255), None);
    }
}
