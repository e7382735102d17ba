//! Names as people say them.

use std::fmt::Write;

/// Most characters of one name.
const MOST_CHARS: usize = 120;

/// `text` without control characters, cut to a bearable length.
pub(super) fn plain(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).take(MOST_CHARS).collect();
    if text.chars().nth(MOST_CHARS).is_some() {
        out.push('…');
    }
    out
}

/// Who acts.
pub(super) fn actor(user: &str, impersonated: &str) -> String {
    let mut who = match user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some(("kube-system", name)) => format!("the {}", plain(name)),
        Some((namespace, name)) => format!("service account {}/{}", plain(namespace), plain(name)),
        None if user == "system:anonymous" => "an anonymous client".to_owned(),
        None => match user.strip_prefix("system:node:") {
            Some(node) => format!("node {}", plain(node)),
            None if user.is_empty() => "somebody".to_owned(),
            None => plain(user),
        },
    };
    if !impersonated.is_empty() {
        let _ = write!(who, " as {}", plain(impersonated));
    }
    who
}

/// `deployments` → `deployment`, `policies` → `policy`, `ingresses` → `ingress`.
pub(super) fn singular(resource: &str) -> String {
    let resource = plain(resource);
    if resource == "endpoints" {
        return resource;
    }
    for (end, instead) in [("ies", "y"), ("sses", "ss"), ("s", "")] {
        if let Some(stem) = resource.strip_suffix(end).filter(|stem| !stem.is_empty() && !stem.ends_with('s')) {
            return format!("{stem}{instead}");
        }
    }
    resource
}

/// `1 pod`, `3 pods`.
pub(super) fn counted(count: u64, resource: &str) -> String {
    if count == 1 { format!("1 {}", singular(resource)) } else { format!("{count} {}", plain(resource)) }
}

/// `deployment shop/web`, `pods in shop`, `all pods`.
pub(super) fn object(resource: &str, namespace: &str, name: &str) -> String {
    let scoped = !namespace.is_empty() && resource != "namespaces";
    match (name.is_empty(), scoped) {
        (false, true) => format!("{} {}/{}", singular(resource), plain(namespace), plain(name)),
        (false, false) => format!("{} {}", singular(resource), plain(name)),
        (true, true) => format!("{} in {}", plain(resource), plain(namespace)),
        (true, false) => format!("all {}", plain(resource)),
    }
}
