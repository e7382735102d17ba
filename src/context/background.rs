//! Which background stream an event belongs to by itself: the rows of the rules' background table.

use super::identity::{View, is_blank};
use super::model::Background;
use super::rules::BackgroundRow;

/// The stream of the first row that fits, if any.
pub(super) fn stream(view: &View<'_, '_>) -> Option<Background> {
    let rows = &view.tables.background;
    view.actor
        .background
        .iter()
        .filter_map(|&index| rows.get(index))
        .find(|one| fits(&one.row, view))
        .map(|one| one.stream)
}

fn fits(row: &BackgroundRow, view: &View<'_, '_>) -> bool {
    let holds =
        |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|all| all.iter().any(|one| one == text));
    holds(&row.resources, view.resource)
        && holds(&row.verbs, view.verb)
        && holds(&row.namespaces, view.namespace)
        && holds(&row.names, view.name)
        && (!row.whole_cluster || (!view.resource.is_empty() && view.namespace.is_empty() && view.name.is_empty()))
        && row.groups.as_ref().is_none_or(|all| all.iter().any(|one| group_fits(one, view.group)))
        && row.paths.as_ref().is_none_or(|all| all.iter().any(|one| view.event.request_uri.starts_with(one.as_str())))
        && (!row.leader_election || is_leader_election(view))
}

fn group_fits(pattern: &str, group: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => group.len() > end.len() && group.ends_with(end),
        None => pattern == group,
    }
}

fn is_leader_election(view: &View<'_, '_>) -> bool {
    let (request, response) = (&view.event.request.metadata, &view.event.response.metadata);
    if is_blank(request) && !request.leader_election { response.leader_election } else { request.leader_election }
}
