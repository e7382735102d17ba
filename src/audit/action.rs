//! The action of an event: its key in tables and sequences.

use super::event::Event;
use std::fmt;

/// First path segments of the endpoints that API servers have. Others come from scanners and would be without number.
const ENDPOINTS: [&str; 16] = [
    ".well-known",
    "api",
    "apis",
    "configz",
    "debug",
    "flagz",
    "healthz",
    "livez",
    "logs",
    "metrics",
    "openapi",
    "readyz",
    "statusz",
    "swagger",
    "ui",
    "version",
];

/// Longest verb that is taken at its word. The verb of a request without a resource is whatever the client sent as its method.
const MAX_VERB_LEN: usize = 20;

/// What an event does: shown as `verb group/resource[/subresource]`, without the group for the core group, such as
/// `create apps/deployments` or `get pods/log`; as `verb /endpoint` without a resource, such as `get /openapi`. There are few
/// different ones, whatever clients ask for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action<'e> {
    verb: &'e str,
    group: &'e str,
    /// Resource, or the endpoint where there is none.
    target: &'e str,
    subresource: &'e str,
    on_resource: bool,
}

impl Event<'_> {
    /// The event's action.
    pub fn action(&self) -> Action<'_> {
        let verb = &*self.verb;
        let usual = !verb.is_empty() && verb.len() <= MAX_VERB_LEN && verb.bytes().all(|b| b.is_ascii_lowercase());
        let verb = if usual { verb } else { "other" };
        match self.object.as_ref().filter(|object| !object.resource.is_empty()) {
            Some(object) => Action {
                verb,
                group: &object.api_group,
                target: &object.resource,
                subresource: &object.subresource,
                on_resource: true,
            },
            None => {
                Action { verb, group: "", target: endpoint(&self.request_uri), subresource: "", on_resource: false }
            }
        }
    }
}

/// The known endpoint of a URI, or `*`.
fn endpoint(uri: &str) -> &'static str {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    ENDPOINTS.iter().find(|name| **name == first).copied().unwrap_or("*")
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Action { verb, group, target, subresource, on_resource } = self;
        if !on_resource {
            return write!(f, "{verb} /{target}");
        }
        f.write_str(verb)?;
        f.write_str(" ")?;
        if !group.is_empty() {
            write!(f, "{group}/")?;
        }
        f.write_str(target)?;
        if subresource.is_empty() { Ok(()) } else { write!(f, "/{subresource}") }
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::decode::{Want, decode};

    fn action(json: &str) -> String {
        let line =
            format!(r#"{{"auditID":"a","stage":"ResponseComplete","stageTimestamp":"2026-01-01T00:00:00Z",{json}}}"#);
        let mut text = String::new();
        decode(line.as_bytes(), Want::default(), &mut |_, event| text = event.unwrap().action().to_string());
        text
    }

    #[test]
    fn actions() {
        for (json, text) in [
            (r#""verb":"create","objectRef":{"apiGroup":"apps","resource":"deployments"}"#, "create apps/deployments"),
            (r#""verb":"get","objectRef":{"resource":"pods","subresource":"log"}"#, "get pods/log"),
            (r#""verb":"get","requestURI":"/openapi/v3?timeout=32s""#, "get /openapi"),
            (r#""verb":"get","requestURI":"/apis/apps/v1""#, "get /apis"),
            (r#""verb":"get","requestURI":"/wp-admin/x""#, "get /*"),
            (r#""verb":"get","requestURI":"/""#, "get /*"),
            (r#""verb":"x-1234-scan","requestURI":"/version""#, "other /version"),
            (r#""objectRef":{"resource":"pods"}"#, "other pods"),
        ] {
            assert_eq!(action(json), text);
        }
    }
}
