//! Which background stream an event belongs to by itself: the rows of the rules' background table.

use super::identity::is_blank;
use super::model::Background;
use super::request::Request;
use super::rules::BackgroundRow;

/// The stream of the first row that fits, if any.
pub(super) fn stream(request: &Request<'_, '_>) -> Option<Background> {
    let rows = &request.tables.background;
    request
        .actor
        .background
        .iter()
        .filter_map(|&index| rows.get(index))
        .find(|one| fits(&one.row, request))
        .map(|one| one.stream)
}

fn fits(row: &BackgroundRow, request: &Request<'_, '_>) -> bool {
    let holds =
        |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|all| all.iter().any(|one| one == text));
    holds(&row.resources, request.resource)
        && holds(&row.verbs, request.verb)
        && holds(&row.namespaces, request.namespace)
        && holds(&row.names, request.name)
        && (!row.whole_cluster
            || (!request.resource.is_empty() && request.namespace.is_empty() && request.name.is_empty()))
        && row.groups.as_ref().is_none_or(|all| all.iter().any(|one| group_fits(one, request.group)))
        && row
            .paths
            .as_ref()
            .is_none_or(|all| all.iter().any(|one| request.event.request_uri.starts_with(one.as_str())))
        && (!row.leader_election || is_leader_election(request))
}

fn group_fits(pattern: &str, group: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => group.len() > end.len() && group.ends_with(end),
        None => pattern == group,
    }
}

fn is_leader_election(request: &Request<'_, '_>) -> bool {
    let (asked, answered) = (&request.event.request.metadata, &request.event.response.metadata);
    if is_blank(asked) && !asked.leader_election { answered.leader_election } else { asked.leader_election }
}
