//! One row a request: which of the stages of a request is its row.

use crate::audit::event::{Event, Stage};

/// Whether a request may stay open as long as its client likes: watch, exec, attach, portforward, proxy, a followed log.
pub fn is_long_running(event: &Event<'_>) -> bool {
    if matches!(&*event.verb, "watch" | "proxy") {
        return true;
    }
    match event.object.as_ref().map_or("", |object| &*object.subresource) {
        "exec" | "attach" | "portforward" | "proxy" => true,
        "log" => query(&event.request_uri).any(|(name, value)| name == "follow" && is_true(value)),
        _ => false,
    }
}

/// Whether the event is a row when each request has one: its end, and of a long-running request its start too, since the end
/// may be hours away. `RequestReceived` never is (rule `stage`); it holds nothing that the later stages lack.
pub fn is_row(event: &Event<'_>) -> bool {
    match event.stage {
        Stage::RequestReceived => false,
        Stage::ResponseStarted => is_long_running(event),
        Stage::ResponseComplete | Stage::Panic => true,
    }
}

/// The parameters of a URI, as they are written.
fn query(uri: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

/// What the API server takes for true: a parameter without a value is.
fn is_true(value: &str) -> bool {
    !matches!(value, "0" | "false" | "f" | "F" | "False" | "FALSE")
}
