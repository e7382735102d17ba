//! From an aggregate to the row that tells it: pure logic.

use super::parts::{ContextPart, Told};
use crate::audit::time::Micros;
use crate::lake::tables::ContextRow;

/// The row of a context, or of an hour of a background stream.
pub fn row(cluster: &str, part: &ContextPart, revision: u32, closed: bool) -> ContextRow {
    let nobody = Told::default();
    let told = part.told.as_ref().map_or(&nobody, |(_, told)| told);
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
        summary: summary(part),
        parent_context_id: part.parent_context,
        closed,
        late: part.late > 0,
        truncated: false,
        background,
        period_us: (folded && part.events > 1).then(|| part.end.since(part.start) / (part.events as i64 - 1)),
        gaps: folded.then(|| part.silent_minutes()),
    }
}

/// How the command ended. Reads do not count where it wrote: `kubectl apply` asks for what is not there yet.
fn outcome(part: &ContextPart) -> &'static str {
    let (all, failed) = if part.writes > 0 { (part.writes, part.writes_failed) } else { (part.requests, part.requests_failed) };
    match failed {
        0 => "succeeded",
        _ if failed < all => "partly",
        _ if part.denied > 0 => "denied",
        _ => "failed",
    }
}

/// What happened, in one line.
fn summary(part: &ContextPart) -> String {
    String::new()
}
