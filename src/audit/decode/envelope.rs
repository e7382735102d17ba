//! The event itself: every field outside of the bodies, read strictly, so that a wrong type is found and named.

use super::body::About;
use super::body_mode::{BodyMode, read_body};
use super::list::{At, Many};
use super::take::{Key, Take, lenient, skip, strict};
use super::wrap::Wrapping;
use crate::audit::event::{Event, Level, ObjectRef, Stage, Text};
use crate::audit::reject::RejectReason;
use crate::audit::time::{Micros, TimeError};
use serde::de::MapAccess;
use smallvec::SmallVec;
use std::borrow::Cow;

/// A JSON object read as if it were an event, before anything is asked of it.
pub(super) struct Draft<'de> {
    mode: BodyMode,
    kind: Text<'de>,
    api_version: Text<'de>,
    stage: Option<Stage>,
    received: Time,
    staged: Time,
    /// `timestamp` of audit.k8s.io/v1alpha1 and v1beta1.
    timestamp: Time,
    /// `metadata.creationTimestamp` of the same.
    created: Time,
    /// What the object carries, should it be no event.
    pub wrapping: Wrapping<'de>,
    /// The event; to be used after [`finish`](Draft::finish) only.
    pub event: Event<'de>,
}

/// What keeps an event from being used.
pub(super) struct Defect {
    pub reason: RejectReason,
    pub path: &'static str,
    pub message: String,
}

impl<'de> Draft<'de> {
    /// An empty draft.
    pub fn new(mode: BodyMode) -> Draft<'de> {
        Draft {
            mode,
            kind: Text::default(),
            api_version: Text::default(),
            stage: None,
            received: Time::Absent,
            staged: Time::Absent,
            timestamp: Time::Absent,
            created: Time::Absent,
            wrapping: Wrapping::default(),
            event: Event {
                audit_id: Text::default(),
                stage: Stage::ResponseComplete,
                level: Level::Metadata,
                verb: Text::default(),
                request_uri: Text::default(),
                user: Text::default(),
                groups: SmallVec::new(),
                impersonated_user: Text::default(),
                source_ip: Text::default(),
                user_agent: Text::default(),
                object: None,
                status_code: 0,
                status_message: Text::default(),
                status_reason: Text::default(),
                received_at: Micros::MIN,
                stage_at: Micros::MIN,
                decision: Text::default(),
                decision_reason: Text::default(),
                request: Default::default(),
                response: Default::default(),
                request_raw: None,
                response_raw: None,
            },
        }
    }

    /// Whether the object says that it is an audit event, or looks like one: the items of a list and old exports lack
    /// `kind` and `apiVersion`. (An Event of the core group has neither an audit id nor this API group.)
    pub fn is_event(&self) -> bool {
        let named = self.kind == "Event" && self.api_version.starts_with(AUDIT_GROUP);
        let event = &self.event;
        let shaped = !event.verb.is_empty() || !event.request_uri.is_empty() || self.stage.is_some();
        named || (!event.audit_id.is_empty() && shaped)
    }

    /// Checks the event and fills in defaults.
    pub fn finish(&mut self) -> Result<(), Defect> {
        let event = &mut self.event;
        if event.audit_id.is_empty() {
            return Err(missing("auditID", "the event has no auditID"));
        }
        let received = self.received.get("requestReceivedTimestamp")?;
        let staged = self.staged.get("stageTimestamp")?;
        let received = match received {
            Some(received) => Some(received),
            None => self.timestamp.get("timestamp")?.or(self.created.get("metadata.creationTimestamp")?),
        };
        let Some(received_at) = received.or(staged) else {
            return Err(missing("requestReceivedTimestamp", "the event has no time"));
        };
        event.received_at = received_at;
        event.stage_at = staged.unwrap_or(received_at);
        event.stage = self.stage.unwrap_or(Stage::ResponseComplete);
        if let Some(object) = &mut event.object {
            split_group(object);
        }
        Ok(())
    }
}

/// Start of the API versions of audit events.
const AUDIT_GROUP: &str = "audit.k8s.io/";

fn missing(path: &'static str, message: &str) -> Defect {
    Defect { reason: RejectReason::MissingField, path, message: message.to_owned() }
}

/// In audit.k8s.io/v1alpha1 `objectRef.apiVersion` holds the group too, as `group/version`.
fn split_group<'de>(object: &mut ObjectRef<'de>) {
    if !object.api_group.is_empty() || !object.api_version.contains('/') {
        return;
    }
    let (group, version): (Text<'de>, Text<'de>) = match &object.api_version {
        Cow::Borrowed(both) => both.rsplit_once('/').map(|(g, v)| (g.into(), v.into())).unwrap_or_default(),
        Cow::Owned(both) => {
            both.rsplit_once('/').map(|(g, v)| (g.to_owned().into(), v.to_owned().into())).unwrap_or_default()
        }
    };
    (object.api_group, object.api_version) = (group, version);
}

/// A time field. A text that is no time is kept as such: only the fields that are needed must be right.
enum Time {
    Absent,
    Known(Micros),
    Bad(TimeError),
}

impl Time {
    fn get(&self, path: &'static str) -> Result<Option<Micros>, Defect> {
        match self {
            Time::Absent => Ok(None),
            Time::Known(micros) => Ok(Some(*micros)),
            Time::Bad(error) => Err(Defect { reason: RejectReason::BadTimestamp, path, message: error.to_string() }),
        }
    }
}

impl<'de> Take<'de> for Time {
    const EXPECTED: &'static str = "an RFC 3339 time";

    fn string(&mut self, text: Text<'de>) -> bool {
        *self = text.parse().map_or_else(Time::Bad, Time::Known);
        true
    }
}

impl<'de> Take<'de> for Draft<'de> {
    const EXPECTED: &'static str = "an audit event";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        let event = &mut self.event;
        match &*key {
            b"auditID" => map.next_value_seed(strict(&mut event.audit_id)),
            b"stage" => map.next_value_seed(strict(&mut self.stage)),
            b"level" => map.next_value_seed(strict(&mut event.level)),
            b"verb" => map.next_value_seed(strict(&mut event.verb)),
            b"requestURI" => map.next_value_seed(strict(&mut event.request_uri)),
            b"user" => map.next_value_seed(strict(&mut User { name: &mut event.user, groups: &mut event.groups })),
            b"impersonatedUser" => map.next_value_seed(strict(&mut At::<_, true> {
                member: "username",
                place: &mut event.impersonated_user,
            })),
            b"sourceIPs" => {
                let mut first: SmallVec<[Text<'de>; 1]> = SmallVec::new();
                map.next_value_seed(strict(&mut Many::<_, true> { list: &mut first, limit: 1 }))?;
                event.source_ip = first.pop().unwrap_or_default();
                Ok(())
            }
            b"userAgent" => map.next_value_seed(strict(&mut event.user_agent)),
            b"objectRef" => map.next_value_seed(strict(&mut event.object)),
            b"responseStatus" => map.next_value_seed(strict(&mut Status(event))),
            b"requestReceivedTimestamp" => map.next_value_seed(strict(&mut self.received)),
            b"stageTimestamp" => map.next_value_seed(strict(&mut self.staged)),
            b"annotations" => map.next_value_seed(strict(&mut Annotations(event))),
            b"requestObject" => {
                let about = about(event, true);
                read_body(map, self.mode, about, &mut event.request, &mut event.request_raw)
            }
            b"responseObject" => {
                let about = about(event, false);
                read_body(map, self.mode, about, &mut event.response, &mut event.response_raw)
            }
            // What follows is leniently read: log shippers put fields of their own under these names.
            b"kind" => map.next_value_seed(lenient(&mut self.kind)),
            b"apiVersion" => map.next_value_seed(lenient(&mut self.api_version)),
            b"timestamp" => map.next_value_seed(lenient(&mut self.timestamp)),
            b"metadata" => {
                map.next_value_seed(lenient(&mut At::<_> { member: "creationTimestamp", place: &mut self.created }))
            }
            _ => self.wrapping.member(key, map),
        }
    }
}

/// What is known of a body before it is read.
fn about(event: &Event<'_>, asked: bool) -> About {
    About::of(asked, &event.verb, event.object.as_ref().map(|object| &*object.resource))
}

/// `user`.
struct User<'p, 'de> {
    name: &'p mut Text<'de>,
    groups: &'p mut SmallVec<[Text<'de>; 4]>,
}

impl<'de> Take<'de> for User<'_, 'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            b"username" => map.next_value_seed(strict(&mut *self.name)),
            b"groups" => {
                self.groups.clear();
                map.next_value_seed(strict(&mut Many::<_, true> { list: &mut *self.groups, limit: usize::MAX }))
            }
            _ => skip(map),
        }
    }
}

/// `responseStatus`.
struct Status<'p, 'de>(&'p mut Event<'de>);

impl<'de> Take<'de> for Status<'_, 'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            b"code" => map.next_value_seed(strict(&mut self.0.status_code)),
            b"message" => map.next_value_seed(strict(&mut self.0.status_message)),
            b"reason" => map.next_value_seed(strict(&mut self.0.status_reason)),
            _ => skip(map),
        }
    }
}

/// `annotations`.
struct Annotations<'p, 'de>(&'p mut Event<'de>);

impl<'de> Take<'de> for Annotations<'_, 'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            b"authorization.k8s.io/decision" => map.next_value_seed(strict(&mut self.0.decision)),
            b"authorization.k8s.io/reason" => map.next_value_seed(strict(&mut self.0.decision_reason)),
            _ => skip(map),
        }
    }
}

impl<'de> Take<'de> for ObjectRef<'de> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        match &*key {
            b"resource" => map.next_value_seed(strict(&mut self.resource)),
            b"subresource" => map.next_value_seed(strict(&mut self.subresource)),
            b"namespace" => map.next_value_seed(strict(&mut self.namespace)),
            b"name" => map.next_value_seed(strict(&mut self.name)),
            b"uid" => map.next_value_seed(strict(&mut self.uid)),
            b"apiGroup" => map.next_value_seed(strict(&mut self.api_group)),
            b"apiVersion" => map.next_value_seed(strict(&mut self.api_version)),
            b"resourceVersion" => map.next_value_seed(strict(&mut self.resource_version)),
            _ => skip(map),
        }
    }
}

impl<'de> Take<'de> for Option<Stage> {
    const EXPECTED: &'static str = "a stage: RequestReceived, ResponseStarted, ResponseComplete or Panic";

    fn string(&mut self, text: Text<'de>) -> bool {
        let stage = match &*text {
            "" => None,
            "RequestReceived" => Some(Stage::RequestReceived),
            "ResponseStarted" => Some(Stage::ResponseStarted),
            "ResponseComplete" => Some(Stage::ResponseComplete),
            "Panic" => Some(Stage::Panic),
            _ => return false,
        };
        *self = stage;
        true
    }
}

impl<'de> Take<'de> for Level {
    const EXPECTED: &'static str = "a level: None, Metadata, Request or RequestResponse";

    fn string(&mut self, text: Text<'de>) -> bool {
        *self = match &*text {
            "None" => Level::None,
            "Metadata" | "" => Level::Metadata,
            "Request" => Level::Request,
            "RequestResponse" => Level::RequestResponse,
            _ => return false,
        };
        true
    }
}
