//! The evidence in request and response bodies. Everything is read leniently: a body may be a string, a patch, a custom
//! resource of any shape, and what is not of the expected type is as good as absent.

use super::list::{At, Each, Many};
use super::take::{Take, lenient, skip};
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

impl<'de> Take<'de> for Body<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "kind" => map.next_value_seed(lenient(&mut self.kind)),
            "apiVersion" => map.next_value_seed(lenient(&mut self.api_version)),
            "metadata" => map.next_value_seed(lenient(&mut self.metadata)),
            "spec" => map.next_value_seed(lenient(&mut self.spec)),
            "involvedObject" | "regarding" => map.next_value_seed(lenient(&mut self.involved_object)),
            "reason" => map.next_value_seed(lenient(&mut self.reason)),
            "message" => map.next_value_seed(lenient(&mut self.message)),
            "type" => map.next_value_seed(lenient(&mut self.event_type)),
            // events.k8s.io/v1 has the second name for the same field
            "reportingComponent" | "reportingController" => map.next_value_seed(lenient(&mut self.reporting_component)),
            "source" => at(map, "component", &mut self.source_component),
            "details" => at(map, "uid", &mut self.details_uid),
            "preconditions" => at(map, "uid", &mut self.preconditions_uid),
            "count" => map.next_value_seed(lenient(&mut self.count)),
            "volumeBindingMode" => map.next_value_seed(lenient(&mut self.volume_binding_mode)),
            "target" => at(map, "name", &mut self.target_name),
            "items" => {
                map.next_value_seed(lenient(&mut Each { member: "metadata", list: &mut self.items, limit: MAX_ITEMS }))
            }
            "endpoints" => map.next_value_seed(lenient(&mut targets(&mut self.endpoints))),
            "subsets" => map.next_value_seed(lenient(&mut Subsets(&mut self.endpoints))),
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

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "addresses" | "notReadyAddresses" => map.next_value_seed(lenient(&mut targets(&mut *self.0))),
            _ => skip(map),
        }
    }
}

impl<'de> Take<'de> for Metadata<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "name" => map.next_value_seed(lenient(&mut self.name)),
            "namespace" => map.next_value_seed(lenient(&mut self.namespace)),
            "uid" => map.next_value_seed(lenient(&mut self.uid)),
            "resourceVersion" => map.next_value_seed(lenient(&mut self.resource_version)),
            "generation" => map.next_value_seed(lenient(&mut self.generation)),
            "deletionTimestamp" => {
                let mut time = Text::default();
                map.next_value_seed(lenient(&mut time))?;
                self.deleting = !time.is_empty();
                Ok(())
            }
            "ownerReferences" => {
                map.next_value_seed(lenient(&mut Many::<_, false> { list: &mut self.owners, limit: usize::MAX }))
            }
            "labels" => map.next_value_seed(lenient(&mut self.labels)),
            "annotations" => map.next_value_seed(lenient(&mut LeaderElection(&mut self.leader_election))),
            "managedFields" => {
                let mut newest = Newest::default();
                map.next_value_seed(lenient(&mut newest))?;
                self.manager = newest.entry.manager;
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

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        let mut value: Option<Text<'de>> = None;
        map.next_value_seed(lenient(&mut value))?;
        self.extend(value.map(|value| (key, value)));
        Ok(())
    }
}

/// Annotations, of which only one matters, and of it only that it is there.
struct LeaderElection<'p>(&'p mut bool);

impl<'de> Take<'de> for LeaderElection<'_> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        *self.0 |= key == LEADER_ANNOTATION;
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

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "manager" => map.next_value_seed(lenient(&mut self.manager)),
            "time" => map.next_value_seed(lenient(&mut self.time)),
            _ => skip(map),
        }
    }
}

impl<'de> Take<'de> for Spec<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            "claimRef" => map.next_value_seed(lenient(&mut self.claim_ref)),
            "volumeName" => map.next_value_seed(lenient(&mut self.volume_name)),
            "volumeMode" => map.next_value_seed(lenient(&mut self.volume_mode)),
            "clusterIP" => map.next_value_seed(lenient(&mut self.cluster_ip)),
            "scaleTargetRef" => map.next_value_seed(lenient(&mut self.scale_target)),
            "boundObjectRef" => map.next_value_seed(lenient(&mut self.bound_object)),
            "parentRef" => map.next_value_seed(lenient(&mut self.parent_ref)),
            "group" => map.next_value_seed(lenient(&mut self.group)),
            "selector" => at(map, "matchLabels", &mut self.match_labels),
            "replicas" => map.next_value_seed(lenient(&mut self.replicas)),
            "nodeName" => map.next_value_seed(lenient(&mut self.node_name)),
            "unschedulable" => map.next_value_seed(lenient(&mut self.unschedulable)),
            "containers" => {
                map.next_value_seed(lenient(&mut Each { member: "image", list: &mut self.images, limit: MAX_IMAGES }))
            }
            "template" => {
                let mut containers = Each { member: "image", list: &mut self.images, limit: MAX_IMAGES };
                let mut spec = At::<_> { member: "containers", place: &mut containers };
                at(map, "spec", &mut spec)
            }
            _ => skip(map),
        }
    }
}

impl<'de> Take<'de> for Reference<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            // IPAddress.spec.parentRef says `resource` and `group` instead of `kind` and `apiVersion`
            "kind" | "resource" => map.next_value_seed(lenient(&mut self.kind)),
            "apiVersion" | "group" => map.next_value_seed(lenient(&mut self.api_version)),
            "namespace" => map.next_value_seed(lenient(&mut self.namespace)),
            "name" => map.next_value_seed(lenient(&mut self.name)),
            "uid" => map.next_value_seed(lenient(&mut self.uid)),
            "controller" => map.next_value_seed(lenient(&mut self.controller)),
            _ => skip(map),
        }
    }
}
