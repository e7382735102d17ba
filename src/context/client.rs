//! What command grouping needs of a person's request, reduced to hashes and bits ([`ClientRequest`]).

use super::identity::View;
use super::keys;
use super::model::{ClientRequest, Path, Verb, asks};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The features of a request for the grammar of commands (`spec/contexts.md` 2.5).
pub(super) fn client_request(view: &View<'_, '_>) -> ClientRequest {
    let uri: &str = &view.event.request_uri;
    let (path, raw_query) = uri.split_once('?').unwrap_or((uri, ""));
    let query = percent_decode_str(raw_query).decode_utf8_lossy();
    let (kind, version) = classify(path, view);
    let mut request = ClientRequest {
        path: kind,
        verb: verb(view.verb),
        code: view.event.status_code,
        version,
        uri: keys::text(uri),
        resource: view.resource_hash,
        namespace: view.namespace_hash,
        own_name: view.name_hash,
        bits: bits(view, uri, path, version),
        ..ClientRequest::default()
    };
    let mut name: Cow<'_, str> = Cow::Borrowed(view.name);
    if kind == Path::Object {
        request.manager = keys::text(after(&query, "fieldManager=", word));
        if name.is_empty() {
            name = Cow::Borrowed(after(&query, "fieldSelector=metadata.name=", not_separator));
        }
        request.about = keys::text(after(&query, "involvedObject.name=", not_separator));
        let node = after(&query, "spec.nodeName=", not_separator);
        if !node.is_empty() {
            request.bits |= if query.contains("status.phase") { 0 } else { asks::DRAINS };
            if view.resource == "pods" {
                request.node = keys::object(keys::text("nodes"), 0, keys::text(node));
            }
        }
    }
    request.name = keys::text(&name);
    if request.name != 0 {
        request.object = keys::object(request.resource, request.namespace, request.name);
    }
    let tables = view.tables;
    let sets = [
        (tables.without_discovery.contains(&request.resource), asks::WITHOUT_DISCOVERY),
        (tables.described.contains(&request.resource), asks::DESCRIBED),
        (tables.drained.contains(&request.resource), asks::DRAINED),
        (tables.one_shot_managers.contains(&request.manager), asks::ONE_SHOT),
        (tables.file_managers.contains(&request.manager), asks::FILES),
    ];
    for (holds, bit) in sets {
        request.bits |= if holds { bit } else { 0 };
    }
    request
}

/// What a path asks for, and the API version (`v1`, `apps/v1`) that it names, hashed.
fn classify(path: &str, view: &View<'_, '_>) -> (Path, u64) {
    if path.starts_with("/openapi/v") {
        let version = path.strip_prefix("/openapi/v3/apis/").or_else(|| path.strip_prefix("/openapi/v3/api/"));
        return (Path::OpenApi, version.map_or(0, keys::text));
    }
    match path {
        "/api" => return (Path::Api, 0),
        "/apis" => return (Path::Apis, 0),
        _ => {}
    }
    match api_version(path) {
        Some((version, "")) if path.len() > "/api/".len() => (Path::Group, keys::text(version)),
        version if !view.resource.is_empty() => (Path::Object, version.map_or(0, |(one, _)| keys::text(one))),
        _ => (Path::Other, 0),
    }
}

/// Splits `/api/v1/…` and `/apis/GROUP/VERSION/…` into API version and what follows.
fn api_version(path: &str) -> Option<(&str, &str)> {
    let (rest, parts) = match path.strip_prefix("/apis/") {
        Some(rest) => (rest, 2),
        None => (path.strip_prefix("/api/")?, 1),
    };
    let end = rest.match_indices('/').nth(parts - 1).map_or(rest.len(), |(at, _)| at);
    let (version, tail) = rest.split_at_checked(end)?;
    version.rsplit('/').next().is_some_and(|last| last.len() > 1 && last.starts_with('v')).then_some((version, tail))
}

fn bits(view: &View<'_, '_>, uri: &str, path: &str, version: u64) -> u32 {
    let follows = matches!(view.subresource, "exec" | "portforward" | "attach" | "log");
    let big = version == keys::text("v1") || version == keys::text("apps/v1");
    [
        (matches!(path, "/openapi/v3" | "/openapi/v2"), asks::DOCUMENT_ROOT),
        (big, asks::BIG_DOCUMENT),
        (view.write, asks::WRITES),
        (view.ok, asks::OK),
        (&*view.event.user == "system:anonymous", asks::ANONYMOUS),
        (uri.starts_with("/api"), asks::API_PATH),
        (!view.subresource.is_empty(), asks::SUBRESOURCE),
        (view.subresource == "eviction", asks::EVICTS),
        (view.verb == "watch" || follows, asks::FOLLOWS),
        (view.actor.follows_grammar, asks::GRAMMAR),
        (uri.contains("limit=500") && !uri.contains("fieldSelector"), asks::PLAIN_LIST),
    ]
    .into_iter()
    .fold(0, |all, (holds, bit)| if holds { all | bit } else { all })
}

fn verb(name: &str) -> Verb {
    match name {
        "get" => Verb::Get,
        "list" => Verb::List,
        "watch" => Verb::Watch,
        "create" => Verb::Create,
        "update" => Verb::Update,
        "patch" => Verb::Patch,
        "delete" => Verb::Delete,
        "deletecollection" => Verb::DeleteCollection,
        _ => Verb::Other,
    }
}

/// What follows `mark` in `query`, as long as its characters are `wanted`.
fn after<'q>(query: &'q str, mark: &str, wanted: fn(char) -> bool) -> &'q str {
    let Some((_, rest)) = query.split_once(mark) else { return "" };
    rest.split_once(|c| !wanted(c)).map_or(rest, |(value, _)| value)
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

fn not_separator(c: char) -> bool {
    !matches!(c, '&' | ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_paths() {
        assert_eq!(api_version("/api/v1/namespaces/a/pods"), Some(("v1", "/namespaces/a/pods")));
        assert_eq!(api_version("/apis/apps/v1"), Some(("apps/v1", "")));
        assert_eq!(api_version("/apis/apps"), None);
        assert_eq!(api_version("/healthz"), None);
    }

    #[test]
    fn values_in_queries() {
        assert_eq!(after("a=1&fieldManager=kubectl-set&b=2", "fieldManager=", word), "kubectl-set");
        assert_eq!(after("fieldSelector=metadata.name=web,x", "fieldSelector=metadata.name=", not_separator), "web");
        assert_eq!(after("", "fieldManager=", word), "");
    }
}
