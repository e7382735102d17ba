//! What the actor did, from the trigger.

use super::Happening;
use super::words::{counted, object, plain, singular};
use percent_encoding::percent_decode_str;

/// Most characters of a command line that is quoted.
const MOST_COMMAND: usize = 60;

/// The deed, as what follows the actor's name.
pub(super) fn deed(what: &Happening<'_>) -> String {
    let target = object(what.resource, what.namespace, what.name);
    if what.resource.is_empty() {
        let path = what.request_uri.split('?').next().unwrap_or("");
        return format!("read {}", plain(path));
    }
    match what.status_code {
        code @ (401 | 403) => {
            let part =
                if what.subresource.is_empty() { String::new() } else { format!(" ({})", plain(what.subresource)) };
            return format!("was denied: {} {target}{part} ({code})", plain(what.verb));
        }
        code @ 400.. => return format!("tried to {} {target}: {} ({code})", plain(what.verb), failure(code)),
        _ => {}
    }
    special(what, &target).unwrap_or_else(|| format!("{} {target}", past(what.verb)))
}

/// What clients do under a name of its own.
fn special(what: &Happening<'_>, target: &str) -> Option<String> {
    release(what)
        .or_else(|| subresource(what, target))
        .or_else(|| node(what, target))
        .or_else(|| managed(what, target))
        .or_else(|| review(what))
        .or_else(|| (what.verb == "create" && what.name.is_empty()).then(|| created_unnamed(what)))
}

/// Helm: each revision of a release is a Secret `sh.helm.release.v1.NAME.vREVISION`.
fn release(what: &Happening<'_>) -> Option<String> {
    let own = std::iter::once(what.name).filter(|_| what.resource == "secrets");
    let (name, revision) =
        own.chain(what.secrets.iter().copied()).filter_map(release_of).max_by_key(|(_, revision)| *revision)?;
    let place = if what.namespace.is_empty() { String::new() } else { format!("{}/", plain(what.namespace)) };
    let wrote = |verb| what.writes.contains_key(&(verb, "secrets"));
    let deletes = what.verb == "delete" || wrote("delete") && !wrote("create");
    let reads = matches!(what.verb, "get" | "list" | "watch");
    let deed = match (deletes, reads, revision) {
        (true, ..) => "uninstalled Helm release",
        (_, true, _) => return None,
        (.., 1) => "installed Helm release",
        _ => "upgraded Helm release",
    };
    let to = if deletes || revision == 1 { String::new() } else { format!(" to revision {revision}") };
    Some(format!("{deed} {place}{}{to}", plain(name)))
}

/// Name and revision of a Helm release from the name of its Secret.
fn release_of(secret: &str) -> Option<(&str, u64)> {
    let (name, revision) = secret.strip_prefix("sh.helm.release.v1.")?.rsplit_once(".v")?;
    Some((name, revision.parse().ok()?))
}

fn subresource(what: &Happening<'_>, target: &str) -> Option<String> {
    Some(match what.subresource {
        "exec" => format!("ran {} in {target}", command(what.request_uri)),
        "attach" => format!("attached to {target}"),
        "portforward" => format!("forwarded ports of {target}"),
        "log" => format!("read the log of {target}"),
        "proxy" => format!("reached {target} through the proxy"),
        "eviction" => format!("evicted {target}"),
        "binding" => format!("bound {target}"),
        "token" => format!("made a token of {target}"),
        "approval" => format!("approved {target}"),
        "ephemeralcontainers" => format!("added a debugging container to {target}"),
        "scale" if what.verb != "get" => scaled(what, target),
        "status" if what.verb != "get" => format!("wrote the status of {target}"),
        _ => return None,
    })
}

fn scaled(what: &Happening<'_>, target: &str) -> String {
    match (what.replicas_before.filter(|before| what.replicas != Some(*before)), what.replicas) {
        (Some(before), Some(count)) => format!("scaled {target} from {before} to {count}"),
        (None, Some(count)) => format!("scaled {target} to {count}"),
        _ => format!("scaled {target}"),
    }
}

fn node(what: &Happening<'_>, target: &str) -> Option<String> {
    if what.resource != "nodes" || !matches!(what.verb, "patch" | "update") {
        return None;
    }
    let evicted = what.writes.get(&("create", "pods/eviction")).copied().unwrap_or(0);
    if evicted > 0 {
        return Some(format!("drained {target}, evicting {}", counted(evicted, "pods")));
    }
    Some(match what.unschedulable? {
        true => format!("cordoned {target}"),
        false => format!("uncordoned {target}"),
    })
}

/// By field manager.
fn managed(what: &Happening<'_>, target: &str) -> Option<String> {
    let query = what.request_uri.split_once('?').map_or("", |(_, query)| query);
    let manager = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager="))?;
    let objects: u64 = what.writes.values().fold(0, |sum, count| sum.saturating_add(*count));
    Some(match manager {
        "kubectl-client-side-apply" if objects > 1 => {
            let place =
                if what.namespace.is_empty() { String::new() } else { format!(" to {}", plain(what.namespace)) };
            format!("applied {objects} objects{place}: {}", writes(what))
        }
        "kubectl-client-side-apply" => format!("applied {target}"),
        "kubectl-scale" => scaled(what, target),
        "kubectl-rollout" => rolled(what, target),
        "kubectl-set" if !what.image.is_empty() => format!("set the image of {target} to {}", plain(what.image)),
        "kubectl-label" => format!("labelled {target}"),
        "kubectl-annotate" => format!("annotated {target}"),
        "kubectl-taint" => format!("tainted {target}"),
        "kubectl-edit" => format!("edited {target}"),
        "kubectl-expose" => format!("exposed {target}"),
        "kubectl-autoscale" => format!("made an autoscaler: {target}"),
        _ => return None,
    })
}

/// What a rollout command did, by what it set off: a restart makes a new revision, an undo takes an old one.
fn rolled(what: &Happening<'_>, target: &str) -> String {
    let set_off = |verb, resource| what.effects.contains_key(&(verb, resource));
    if set_off("create", "replicasets") || set_off("create", "controllerrevisions") {
        format!("restarted {target}")
    } else if set_off("create", "pods") || set_off("delete", "pods") {
        format!("rolled back {target}")
    } else {
        format!("paused or resumed the rollout of {target}")
    }
}

/// `2 deployments, 1 service`, by kind, the largest first.
fn writes(what: &Happening<'_>) -> String {
    let mut kinds: Vec<(u64, &str)> = Vec::new();
    for (&(_, resource), &count) in &what.writes {
        match kinds.iter_mut().find(|(_, known)| *known == resource) {
            Some((sum, _)) => *sum = sum.saturating_add(count),
            None => kinds.push((count, resource)),
        }
    }
    kinds.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let mut parts: Vec<String> = kinds.iter().take(4).map(|&(count, resource)| counted(count, resource)).collect();
    if kinds.len() > parts.len() {
        parts.push("…".to_owned());
    }
    parts.join(", ")
}

fn review(what: &Happening<'_>) -> Option<String> {
    match what.resource {
        "selfsubjectaccessreviews" | "selfsubjectrulesreviews" => Some("asked what they may do".to_owned()),
        "selfsubjectreviews" => Some("asked who they are".to_owned()),
        "subjectaccessreviews" | "localsubjectaccessreviews" => Some("asked what somebody may do".to_owned()),
        _ => None,
    }
}

fn created_unnamed(what: &Happening<'_>) -> String {
    let place = if what.namespace.is_empty() { String::new() } else { format!(" in {}", plain(what.namespace)) };
    format!("created a {}{place}", singular(what.resource))
}

/// The command of an exec, from the query.
fn command(uri: &str) -> String {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let words: Vec<String> = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("command="))
        .map(|word| percent_decode_str(&word.replace('+', " ")).decode_utf8_lossy().into_owned())
        .collect();
    let line: String = words.join(" ");
    if line.is_empty() {
        return "a command".to_owned();
    }
    let cut: String = line.chars().take(MOST_COMMAND).collect();
    let more = if cut.len() < line.len() { "…" } else { "" };
    format!("`{}{more}`", plain(&cut))
}

fn past(verb: &str) -> String {
    match verb {
        "get" => "read",
        "list" => "listed",
        "watch" => "watched",
        "create" => "created",
        "update" => "replaced",
        "patch" => "changed",
        "delete" => "deleted",
        "deletecollection" => "deleted at once",
        other => return format!("did {} on", plain(other)),
    }
    .to_owned()
}

fn failure(code: u16) -> &'static str {
    match code {
        400 => "bad request",
        404 => "not found",
        409 => "conflict",
        410 => "gone",
        422 => "invalid",
        429 => "too many requests",
        500.. => "the server failed",
        _ => "refused",
    }
}
