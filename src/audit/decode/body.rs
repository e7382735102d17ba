//! The evidence in request and response bodies. Everything is read leniently: a body may be a string, a patch, a custom
//! resource of any shape, and what is not of the expected type is as good as absent.
//!
//! Causes are found, and summaries told, by a part of it: the rest (who manages which field, what is in a list that was read) is
//! passed over by its brackets unless the `WHOLE` evidence is wanted.

use super::list::{At, Each, Many};
use super::take::{Key, Take, lenient, skip};
use crate::audit::event::{Body, Metadata, Reference, Spec, Text};
use serde::de::{MapAccess, SeqAccess};

/// Items of a list of which the metadata is kept.
const MAX_ITEMS: usize = 200;
/// Endpoints of which the target is kept.
const MAX_ENDPOINTS: usize = 100;
/// Images that are kept.
const MAX_IMAGES: usize = 8;
/// Annotation that marks an object as a leader election's lock.
const LEADER_ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// A body, to be read as far as it is wanted.
pub(super) struct Wanted<'p, 'de, const WHOLE: bool> {
    body: &'p mut Body<'de>,
    about: About,
}

/// What a body is about, as far as it stands before the body; what is not known yet counts as what most is wanted of.
#[derive(Copy, Clone, Debug)]
pub(super) struct About {
    /// It is that of a request: summaries tell what was asked for.
    asked: bool,
    /// Each item of a list says something of its own: it was deleted.
    items: bool,
    /// The `spec` names other objects, or the number that a request is going to change.
    spec: bool,
    /// Others select the object by its labels.
    labels: bool,
}

/// Kinds of object whose `spec` names other objects.
const NAMING: [&str; 6] = [
    "persistentvolumes",
    "persistentvolumeclaims",
    "services",
    "horizontalpodautoscalers",
    "customresourcedefinitions",
    "poddisruptionbudgets",
];

impl About {
    /// The body of an `asked` request for `resource` or of its answer.
    pub(super) fn of(asked: bool, verb: &str, resource: Option<&str>) -> About {
        let names = resource.is_none_or(|resource| NAMING.contains(&resource));
        About {
            asked,
            items: matches!(verb, "" | "deletecollection"),
            spec: asked || matches!(verb, "" | "get") || names,
            labels: resource.is_none_or(|resource| matches!(resource, "pods" | "endpoints" | "endpointslices")),
        }
    }
}

impl<'p, 'de, const WHOLE: bool> Wanted<'p, 'de, WHOLE> {
    pub(super) fn new(body: &'p mut Body<'de>, about: About) -> Self {
        Wanted { body, about }
    }
}

impl<'de, const WHOLE: bool> Take<'de> for Wanted<'_, 'de, WHOLE> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        let body = &mut *self.body;
        match &*key {
            b"kind" => map.next_value_seed(lenient(&mut body.kind)),
            b"apiVersion" if WHOLE => map.next_value_seed(lenient(&mut body.api_version)),
            b"metadata" => {
                let labels = WHOLE || self.about.labels;
                map.next_value_seed(lenient(&mut MetadataOf::<WHOLE> { metadata: &mut body.metadata, labels }))
            }
            b"spec" if WHOLE || self.about.spec => {
                let images = WHOLE || self.about.asked;
                map.next_value_seed(lenient(&mut SpecOf::<WHOLE> { spec: &mut body.spec, images }))
            }
            b"involvedObject" | b"regarding" => map.next_value_seed(lenient(&mut body.involved_object)),
            b"reason" if WHOLE => map.next_value_seed(lenient(&mut body.reason)),
            b"message" => map.next_value_seed(lenient(&mut body.message)),
            b"type" if WHOLE => map.next_value_seed(lenient(&mut body.event_type)),
            // events.k8s.io/v1 has the second name for the same field
            b"reportingComponent" | b"reportingController" if WHOLE => {
                map.next_value_seed(lenient(&mut body.reporting_component))
            }
            b"source" if WHOLE => at(map, "component", &mut body.source_component),
            b"details" => at(map, "uid", &mut body.details_uid),
            b"preconditions" => at(map, "uid", &mut body.preconditions_uid),
            b"count" if WHOLE => map.next_value_seed(lenient(&mut body.count)),
            b"volumeBindingMode" if WHOLE => map.next_value_seed(lenient(&mut body.volume_binding_mode)),
            b"target" => at(map, "name", &mut body.target_name),
            b"items" if WHOLE || self.about.items => {
                map.next_value_seed(lenient(&mut Each { member: "metadata", list: &mut body.items, limit: MAX_ITEMS }))
            }
            b"endpoints" => map.next_value_seed(lenient(&mut targets(&mut body.endpoints))),
            b"subsets" => map.next_value_seed(lenient(&mut Subsets(&mut body.endpoints))),
            _ => skip(map),
        }
    }
}

/// Reads `member` of the object that is the value of the key just read.
fn at<'de, A: MapAccess<'de>, T: Take<'de>>(map: &mut A, member: &'static str, place: &mut T) -> Result<(), A::Error> {
    map.next_value_seed(lenient(&mut At::<_> { member, place }))
}

/// The `targetRef`s of a list of endpoints or of addresses.
fn targets<'p, 'de>(list: &'p mut Vec<Reference<'de>>) -> Each<'p, Vec<Reference<'de>>> {
    Each { member: "targetRef", list, limit: MAX_ENDPOINTS }
}

/// `subsets` of an Endpoints object.
struct Subsets<'p, 'de>(&'p mut Vec<Reference<'de>>);

impl<'de> Take<'de> for Subsets<'_, 'de> {
    const EXPECTED: &'static str = "a list";
    const LIST: bool = true;

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        Ok(list.next_element_seed(lenient(&mut Subset(&mut *self.0)))?.is_some())
    }
}

/// One of the `subsets`.
struct Subset<'p, 'de>(&'p mut Vec<Reference<'de>>);

impl<'de> Take<'de> for Subset<'_, 'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            b"addresses" | b"notReadyAddresses" => map.next_value_seed(lenient(&mut targets(&mut *self.0))),
            _ => skip(map),
        }
    }
}

impl<'de> Take<'de> for Metadata<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        MetadataOf::<true> { metadata: self, labels: true }.member(key, map)
    }
}

/// `metadata`, to be read as far as it is wanted.
struct MetadataOf<'p, 'de, const WHOLE: bool> {
    metadata: &'p mut Metadata<'de>,
    /// Labels are kept.
    labels: bool,
}

impl<'de, const WHOLE: bool> Take<'de> for MetadataOf<'_, 'de, WHOLE> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        let metadata = &mut *self.metadata;
        match &*key {
            b"name" => map.next_value_seed(lenient(&mut metadata.name)),
            b"namespace" => map.next_value_seed(lenient(&mut metadata.namespace)),
            b"uid" => map.next_value_seed(lenient(&mut metadata.uid)),
            b"resourceVersion" => map.next_value_seed(lenient(&mut metadata.resource_version)),
            b"generation" if WHOLE => map.next_value_seed(lenient(&mut metadata.generation)),
            b"deletionTimestamp" if WHOLE => {
                let mut time = Text::default();
                map.next_value_seed(lenient(&mut time))?;
                metadata.deleting = !time.is_empty();
                Ok(())
            }
            b"ownerReferences" => {
                map.next_value_seed(lenient(&mut Many::<_, false> { list: &mut metadata.owners, limit: usize::MAX }))
            }
            b"labels" if self.labels => map.next_value_seed(lenient(&mut metadata.labels)),
            b"labels" => map.next_value_seed(lenient(&mut AnyLabel(&mut metadata.labelled))),
            b"annotations" => map.next_value_seed(lenient(&mut LeaderElection(&mut metadata.leader_election))),
            b"managedFields" if WHOLE => {
                let mut newest = Newest::default();
                map.next_value_seed(lenient(&mut newest))?;
                metadata.manager = newest.entry.manager;
                Ok(())
            }
            _ => skip(map),
        }
    }
}

/// Labels, or another object of strings; members of other types are left out.
impl<'de> Take<'de> for Vec<(Text<'de>, Text<'de>)> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        let mut value: Option<Text<'de>> = None;
        map.next_value_seed(lenient(&mut value))?;
        self.extend(value.map(|value| (key.text(), value)));
        Ok(())
    }
}

/// Labels of which only that counts that there are any.
struct AnyLabel<'p>(&'p mut bool);

impl<'de> Take<'de> for AnyLabel<'_> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, _: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        let mut value: Option<Text<'de>> = None;
        map.next_value_seed(lenient(&mut value))?;
        *self.0 |= value.is_some();
        Ok(())
    }
}

/// Annotations, of which only one matters, and of it only that it is there.
struct LeaderElection<'p>(&'p mut bool);

impl<'de> Take<'de> for LeaderElection<'_> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        *self.0 |= *key == *LEADER_ANNOTATION.as_bytes();
        skip(map)
    }
}

/// `managedFields`, reduced to the newest entry; of several with the same time, the last.
#[derive(Default)]
struct Newest<'de> {
    entry: ManagedFields<'de>,
}

impl<'de> Take<'de> for Newest<'de> {
    const EXPECTED: &'static str = "a list";
    const LIST: bool = true;

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut entry = ManagedFields::default();
        let more = list.next_element_seed(lenient(&mut entry))?.is_some();
        // RFC 3339 in UTC without fractions: text order is time order
        if more && entry.time >= self.entry.time {
            self.entry = entry;
        }
        Ok(more)
    }
}

/// One of the `managedFields`.
#[derive(Default)]
struct ManagedFields<'de> {
    manager: Text<'de>,
    time: Text<'de>,
}

impl<'de> Take<'de> for ManagedFields<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            b"manager" => map.next_value_seed(lenient(&mut self.manager)),
            b"time" => map.next_value_seed(lenient(&mut self.time)),
            _ => skip(map),
        }
    }
}

/// `spec`, to be read as far as it is wanted.
struct SpecOf<'p, 'de, const WHOLE: bool> {
    spec: &'p mut Spec<'de>,
    /// Images are wanted.
    images: bool,
}

impl<'de, const WHOLE: bool> Take<'de> for SpecOf<'_, 'de, WHOLE> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        let spec = &mut *self.spec;
        match &*key {
            b"claimRef" => map.next_value_seed(lenient(&mut spec.claim_ref)),
            b"volumeName" => map.next_value_seed(lenient(&mut spec.volume_name)),
            b"volumeMode" if WHOLE => map.next_value_seed(lenient(&mut spec.volume_mode)),
            b"clusterIP" => map.next_value_seed(lenient(&mut spec.cluster_ip)),
            b"scaleTargetRef" => map.next_value_seed(lenient(&mut spec.scale_target)),
            b"boundObjectRef" => map.next_value_seed(lenient(&mut spec.bound_object)),
            b"parentRef" => map.next_value_seed(lenient(&mut spec.parent_ref)),
            b"group" => map.next_value_seed(lenient(&mut spec.group)),
            b"selector" => at(map, "matchLabels", &mut spec.match_labels),
            b"replicas" => map.next_value_seed(lenient(&mut spec.replicas)),
            b"nodeName" if WHOLE => map.next_value_seed(lenient(&mut spec.node_name)),
            b"unschedulable" => map.next_value_seed(lenient(&mut spec.unschedulable)),
            b"containers" if self.images => {
                map.next_value_seed(lenient(&mut Each { member: "image", list: &mut spec.images, limit: MAX_IMAGES }))
            }
            b"template" if self.images => {
                let mut containers = Each { member: "image", list: &mut spec.images, limit: MAX_IMAGES };
                at(map, "spec", &mut At::<_> { member: "containers", place: &mut containers })
            }
            _ => skip(map),
        }
    }
}

impl<'de> Take<'de> for Reference<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            // IPAddress.spec.parentRef says `resource` and `group` instead of `kind` and `apiVersion`
            b"kind" | b"resource" => map.next_value_seed(lenient(&mut self.kind)),
            b"apiVersion" | b"group" => map.next_value_seed(lenient(&mut self.api_version)),
            b"namespace" => map.next_value_seed(lenient(&mut self.namespace)),
            b"name" => map.next_value_seed(lenient(&mut self.name)),
            b"uid" => map.next_value_seed(lenient(&mut self.uid)),
            b"controller" => map.next_value_seed(lenient(&mut self.controller)),
            _ => skip(map),
        }
    }
}
