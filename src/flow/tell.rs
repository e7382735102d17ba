//! From an aggregate to the row that tells it: pure logic.

use super::parts::{ContextPart, Counts, Told};
use crate::context::summary::{Happening, summary};
use crate::lake::tables::ContextRow;
use std::collections::BTreeMap;

/// Beyond these a context has run away, and its row is flagged.
#[derive(Copy, Clone, Debug)]
pub struct Limits {
    /// Events.
    pub events: u64,
    /// From the first event to the last.
    pub age_us: i64,
}

impl Limits {
    fn exceeded_by(self, part: &ContextPart) -> bool {
        part.events > self.events || part.last.since(part.start) > self.age_us
    }
}

/// The row of a context, or of an hour of a background stream.
pub fn row(cluster: &str, limits: Limits, part: &ContextPart, revision: u32, closed: bool) -> ContextRow {
    let nobody = Told::default();
    let told = told(part).unwrap_or(&nobody);
    let background = part.background.clone().unwrap_or_default();
    let folded = part.background.is_some();
    ContextRow {
        context_id: part.context,
        revision,
        cluster: cluster.to_owned(),
        root_audit_id: part.root_audit_id.clone().unwrap_or_default(),
        user: told.user.clone(),
        impersonated_user: told.impersonated_user.clone(),
        user_agent: told.user_agent.clone(),
        verb: told.verb.clone(),
        action: told.action.clone(),
        label: told.label,
        label_text: told.label_text.clone(),
        api_group: told.api_group.clone(),
        resource: told.resource.clone(),
        namespace: told.namespace.clone(),
        name: told.name.clone(),
        outcome: if folded { String::new() } else { outcome(part).to_owned() },
        status_code: told.status_code,
        start_at: part.start,
        end_at: part.end,
        duration_us: u64::try_from(part.end.since(part.start)).unwrap_or(0),
        events: part.events,
        requests: part.requests,
        effects: part.events.saturating_sub(part.requests),
        verbs: part.verbs.clone(),
        actors: part.actors.clone(),
        namespaces: part.namespaces.names.iter().cloned().collect(),
        objects: part.objects.names.iter().cloned().collect(),
        objects_cut: part.objects.cut,
        summary: line(part, told),
        parent_context_id: part.parent_context,
        closed,
        late: part.late > 0,
        truncated: !folded && limits.exceeded_by(part),
        background,
        period_us: (folded && part.events > 1).then(|| part.end.since(part.start) / (part.events as i64 - 1)),
        gaps: folded.then(|| part.silent_minutes()),
    }
}

/// The event to tell a context by: the command's own, or the first write that an operator made after it began with a read.
fn told(part: &ContextPart) -> Option<&Told> {
    let (rank, told) = part.told.as_ref()?;
    match &part.then {
        Some((_, then)) if rank.0 > 0 && then.user == told.user => Some(then),
        _ => Some(told),
    }
}

/// How the command ended. Reads do not count where it wrote: `kubectl apply` asks for what is not there yet.
fn outcome(part: &ContextPart) -> &'static str {
    let (all, failed) =
        if part.writes > 0 { (part.writes, part.writes_failed) } else { (part.requests, part.requests_failed) };
    match failed {
        0 => "succeeded",
        _ if failed < all => "partly",
        _ if part.denied > 0 => "denied",
        _ => "failed",
    }
}

/// What happened, in one line.
fn line(part: &ContextPart, told: &Told) -> String {
    if let Some(stream) = &part.background {
        let every = (part.events > 1).then(|| part.end.since(part.start) as f64 / 1e6 / (part.events - 1) as f64);
        let pace = every.map(|secs| format!(", one each {secs:.1} s")).unwrap_or_default();
        return format!("background {stream}: {} requests by {} actors{pace}", part.events, part.actors.len());
    }
    let detail = told.detail.clone().unwrap_or_default();
    summary(&Happening {
        user: &told.user,
        impersonated_user: &told.impersonated_user,
        verb: &told.verb,
        resource: &told.resource,
        subresource: &told.subresource,
        namespace: &told.namespace,
        name: &told.name,
        request_uri: &told.request_uri,
        status_code: told.status_code,
        replicas: detail.replicas,
        replicas_before: part
            .replicas
            .get(&format!("{}/{}/{}", told.resource, told.namespace, told.name))
            .filter(|(at, _)| *at <= told.at)
            .map(|(_, count)| *count),
        image: detail.image.as_deref().unwrap_or_default(),
        unschedulable: detail.unschedulable,
        writes: by_verb(&part.commands),
        secrets: part.secrets.names.iter().map(String::as_str).collect(),
        effects: by_verb(&part.changes),
        nodes: part.nodes.names.iter().map(String::as_str).collect(),
    })
}

/// `verb resource` as a pair.
fn by_verb(counts: &Counts) -> BTreeMap<(&str, &str), u64> {
    counts.iter().filter_map(|(what, count)| Some((what.split_once(' ')?, *count))).collect()
}
