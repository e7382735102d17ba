//! What the body of a request tells a reader beyond who, what and where: a summary's "to 5 replicas", "image nginx:1.29".

use crate::audit::event::Event;
use serde::{Deserialize, Serialize};

/// A few words from the bodies of one event. Absent parts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Detail {
    /// Wanted number of replicas, where the request names one.
    pub replicas: Option<i64>,
    /// Number of replicas of an object that was read.
    pub read_replicas: Option<i64>,
    /// First container image, where the request names one.
    pub image: Option<String>,
    /// Node of a pod's binding.
    pub node: Option<String>,
    /// A node is made unschedulable (true) or schedulable again.
    pub unschedulable: Option<bool>,
}

impl Detail {
    /// What `event` tells; `None` when that is nothing.
    pub fn of(event: &Event<'_>) -> Option<Detail> {
        let spec = &event.request.spec;
        let text = |text: &str| Some(text).filter(|t| !t.is_empty()).map(str::to_owned);
        let binding = event.object.as_ref().is_some_and(|o| o.subresource == "binding");
        let detail = Detail {
            replicas: spec.replicas,
            read_replicas: event.response.spec.replicas.filter(|_| event.verb == "get"),
            image: spec.images.first().and_then(|image| text(image)),
            node: if binding { text(&event.request.target_name) } else { None },
            unschedulable: spec.unschedulable,
        };
        (detail != Detail::default()).then_some(detail)
    }
}
