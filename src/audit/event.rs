//! What an audit event is: `audit.k8s.io/v1` Event, borrowed from the bytes that it was read from.
//!
//! Only what filtering, keys, causes and tables need is kept. Bodies are reduced to [`Body`], the evidence in them; a body
//! of an unexpected shape yields no evidence and never rejects the event.

use super::time::Micros;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::ops::Deref;

/// Text that lies in the input block, or an unescaped copy of it.
pub type Text<'a> = Cow<'a, str>;

/// Stage of a request at which its event was written, in the order in which they occur.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// As soon as the request arrived, before it was handled.
    RequestReceived,
    /// Once the response headers were sent; only for long-running requests.
    ResponseStarted,
    /// When the response was complete.
    ResponseComplete,
    /// The handler panicked.
    Panic,
}

/// How much the audit policy recorded.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Nothing.
    None,
    /// Who and what, no bodies.
    Metadata,
    /// With the request body.
    Request,
    /// With both bodies.
    RequestResponse,
}

/// One audit event.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Id of the request, the same at all its stages; a UUID unless the client set `Audit-ID`.
    pub audit_id: Text<'a>,
    /// Stage of the request.
    pub stage: Stage,
    /// Level of the policy.
    pub level: Level,
    /// Verb as Kubernetes names it (`get`, `list`, `deletecollection`, …), or the lower-cased HTTP method.
    pub verb: Text<'a>,
    /// URI as the client sent it, with the query.
    pub request_uri: Text<'a>,
    /// `user.username`.
    pub user: Text<'a>,
    /// `user.groups`.
    pub groups: SmallVec<[Text<'a>; 4]>,
    /// `impersonatedUser.username`; empty when nobody was impersonated.
    pub impersonated_user: Text<'a>,
    /// First of `sourceIPs`.
    pub source_ip: Text<'a>,
    /// `userAgent`.
    pub user_agent: Text<'a>,
    /// `objectRef`; absent for requests without a resource.
    pub object: Option<ObjectRef<'a>>,
    /// `responseStatus.code`; 0 when there is no status.
    pub status_code: u16,
    /// `responseStatus.message`.
    pub status_message: Text<'a>,
    /// `responseStatus.reason`.
    pub status_reason: Text<'a>,
    /// `requestReceivedTimestamp`; the older `timestamp` or `metadata.creationTimestamp` where it is absent.
    pub received_at: Micros,
    /// `stageTimestamp`; `received_at` where it is absent.
    pub stage_at: Micros,
    /// Annotation `authorization.k8s.io/decision`.
    pub decision: Text<'a>,
    /// Annotation `authorization.k8s.io/reason`.
    pub decision_reason: Text<'a>,
    /// Evidence in `requestObject`.
    pub request: Evidence<'a>,
    /// Evidence in `responseObject`.
    pub response: Evidence<'a>,
    /// `requestObject` as it stands, only when bodies were asked for.
    pub request_raw: Option<&'a RawValue>,
    /// `responseObject` as it stands, only when bodies were asked for.
    pub response_raw: Option<&'a RawValue>,
}

/// The object that a request is about. Absent fields are empty.
#[derive(Clone, Debug, Default)]
pub struct ObjectRef<'a> {
    /// Plural resource name.
    pub resource: Text<'a>,
    /// Subresource, such as `status` or `exec`.
    pub subresource: Text<'a>,
    /// Namespace; for a namespace object its own name.
    pub namespace: Text<'a>,
    /// Name; absent at creates by `generateName`, lists and watches.
    pub name: Text<'a>,
    /// `uid`.
    pub uid: Text<'a>,
    /// API group; empty for the core group.
    pub api_group: Text<'a>,
    /// API version.
    pub api_version: Text<'a>,
    /// `resourceVersion`.
    pub resource_version: Text<'a>,
}

/// The [`Body`] of an event, which is empty where the event has none. Most events have none, and a body has dozens of
/// fields: it lies apart, so that an event without bodies is made, moved and dropped without touching them.
#[derive(Clone, Debug, Default)]
pub struct Evidence<'a>(Option<Box<Body<'a>>>);

impl<'a> Evidence<'a> {
    /// An empty body to be filled in.
    pub fn fresh(&mut self) -> &mut Body<'a> {
        self.0.insert(Box::default())
    }
}

impl<'a> Deref for Evidence<'a> {
    type Target = Body<'a>;

    fn deref(&self) -> &Body<'a> {
        static EMPTY: Body<'static> = Body::EMPTY;
        self.0.as_deref().unwrap_or(&EMPTY)
    }
}

/// What a request or response body tells about causes. Fields that are absent or of another type are empty.
#[derive(Clone, Debug, Default)]
pub struct Body<'a> {
    /// `kind`; empty when there is no body.
    pub kind: Text<'a>,
    /// `apiVersion`.
    pub api_version: Text<'a>,
    /// `metadata`.
    pub metadata: Metadata<'a>,
    /// `spec`, as far as it names other objects.
    pub spec: Spec<'a>,
    /// `involvedObject` of an Event, or `regarding`.
    pub involved_object: Option<Box<Reference<'a>>>,
    /// `reason` of an Event or a Status.
    pub reason: Text<'a>,
    /// `message` of a Status.
    pub message: Text<'a>,
    /// `type` of an Event.
    pub event_type: Text<'a>,
    /// `reportingComponent` of an Event.
    pub reporting_component: Text<'a>,
    /// `source.component` of an Event.
    pub source_component: Text<'a>,
    /// `details.uid` of a Status.
    pub details_uid: Text<'a>,
    /// `preconditions.uid` of DeleteOptions.
    pub preconditions_uid: Text<'a>,
    /// `count` of an Event.
    pub count: Option<i64>,
    /// `volumeBindingMode` of a StorageClass.
    pub volume_binding_mode: Text<'a>,
    /// `target.name` of a Binding.
    pub target_name: Text<'a>,
    /// `metadata` of the first 200 `items` of a list.
    pub items: Vec<Metadata<'a>>,
    /// `targetRef`s of EndpointSlice `endpoints` and of Endpoints `subsets` (ready, then not ready), the first 100.
    pub endpoints: Vec<Reference<'a>>,
}

impl Body<'static> {
    /// A body that says nothing.
    const EMPTY: Body<'static> = Body {
        kind: Cow::Borrowed(""),
        api_version: Cow::Borrowed(""),
        metadata: Metadata {
            name: Cow::Borrowed(""),
            namespace: Cow::Borrowed(""),
            uid: Cow::Borrowed(""),
            resource_version: Cow::Borrowed(""),
            generation: 0,
            deleting: false,
            owners: Vec::new(),
            labels: Vec::new(),
            labelled: false,
            leader_election: false,
            manager: Cow::Borrowed(""),
        },
        spec: Spec {
            claim_ref: None,
            volume_name: Cow::Borrowed(""),
            volume_mode: Cow::Borrowed(""),
            cluster_ip: Cow::Borrowed(""),
            scale_target: None,
            bound_object: None,
            parent_ref: None,
            group: Cow::Borrowed(""),
            match_labels: Vec::new(),
            replicas: None,
            node_name: Cow::Borrowed(""),
            unschedulable: None,
            images: Vec::new(),
        },
        involved_object: None,
        reason: Cow::Borrowed(""),
        message: Cow::Borrowed(""),
        event_type: Cow::Borrowed(""),
        reporting_component: Cow::Borrowed(""),
        source_component: Cow::Borrowed(""),
        details_uid: Cow::Borrowed(""),
        preconditions_uid: Cow::Borrowed(""),
        count: None,
        volume_binding_mode: Cow::Borrowed(""),
        target_name: Cow::Borrowed(""),
        items: Vec::new(),
        endpoints: Vec::new(),
    };
}

/// `metadata` of an object.
#[derive(Clone, Debug, Default)]
pub struct Metadata<'a> {
    /// `name`.
    pub name: Text<'a>,
    /// `namespace`.
    pub namespace: Text<'a>,
    /// `uid`.
    pub uid: Text<'a>,
    /// `resourceVersion`.
    pub resource_version: Text<'a>,
    /// `generation`; 0 when absent.
    pub generation: i64,
    /// `deletionTimestamp` is set.
    pub deleting: bool,
    /// `ownerReferences`.
    pub owners: Vec<Reference<'a>>,
    /// `labels`, in the order of the body.
    pub labels: Vec<(Text<'a>, Text<'a>)>,
    /// There are labels that nobody wants, so that they are not kept.
    pub labelled: bool,
    /// Annotation `control-plane.alpha.kubernetes.io/leader` is there.
    pub leader_election: bool,
    /// `managedFields[].manager`, the one with the newest `time`.
    pub manager: Text<'a>,
}

/// The parts of a `spec` that name other objects or that a summary tells.
#[derive(Clone, Debug, Default)]
pub struct Spec<'a> {
    /// `claimRef` of a PersistentVolume.
    pub claim_ref: Option<Box<Reference<'a>>>,
    /// `volumeName` of a PersistentVolumeClaim.
    pub volume_name: Text<'a>,
    /// `volumeMode` of a PersistentVolume or its claim.
    pub volume_mode: Text<'a>,
    /// `clusterIP` of a Service.
    pub cluster_ip: Text<'a>,
    /// `scaleTargetRef` of a HorizontalPodAutoscaler.
    pub scale_target: Option<Box<Reference<'a>>>,
    /// `boundObjectRef` of a TokenRequest.
    pub bound_object: Option<Box<Reference<'a>>>,
    /// `parentRef` of an IPAddress: resource in `kind`.
    pub parent_ref: Option<Box<Reference<'a>>>,
    /// `group` of a CustomResourceDefinition.
    pub group: Text<'a>,
    /// `selector.matchLabels`.
    pub match_labels: Vec<(Text<'a>, Text<'a>)>,
    /// `replicas`.
    pub replicas: Option<i64>,
    /// `nodeName` of a Pod.
    pub node_name: Text<'a>,
    /// `unschedulable` of a Node.
    pub unschedulable: Option<bool>,
    /// `template.spec.containers[].image` or `containers[].image`, the first 8.
    pub images: Vec<Text<'a>>,
}

/// A reference to an object.
#[derive(Clone, Debug, Default)]
pub struct Reference<'a> {
    /// `kind` (for an IPAddress's parent: `resource`).
    pub kind: Text<'a>,
    /// `apiVersion` (or `group`).
    pub api_version: Text<'a>,
    /// `namespace`.
    pub namespace: Text<'a>,
    /// `name`.
    pub name: Text<'a>,
    /// `uid`.
    pub uid: Text<'a>,
    /// `controller` of an owner reference.
    pub controller: bool,
}
