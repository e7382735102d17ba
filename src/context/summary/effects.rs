//! What a context set off, as far as a person would mention it.

use super::Happening;
use super::words::{counted, plain};
use std::collections::BTreeSet;

/// Most kinds of effect that are told.
const MOST_EFFECTS: usize = 3;
/// Most nodes that are named.
const MOST_NODES: usize = 4;

/// Resources that are worth a word, in the order of telling.
const TOLD: &[&str] = &[
    "pods",
    "jobs",
    "replicasets",
    "deployments",
    "statefulsets",
    "daemonsets",
    "services",
    "persistentvolumeclaims",
    "persistentvolumes",
];

/// The effects; `None` when there is nothing to tell.
pub(super) fn effects(what: &Happening<'_>) -> Option<String> {
    if (what.verb, what.resource) == ("delete", "namespaces") {
        let emptied = what.effects.keys().any(|(verb, _)| *verb == "deletecollection");
        return emptied.then(|| "all that was in it is deleted".to_owned());
    }
    let mut told = Vec::new();
    // A deletecollection does not say how many objects it met.
    let verbs = [("create", "created"), ("delete", "deleted")];
    for resource in TOLD {
        for (verb, past) in verbs {
            let count = what.effects.get(&(verb, *resource)).copied().unwrap_or(0);
            if count > 0 {
                let nodes = if (verb, *resource) == ("create", "pods") { on_nodes(what) } else { String::new() };
                told.push(format!("{} {past}{nodes}", counted(count, resource)));
            }
        }
    }
    let rest: BTreeSet<&str> = what.effects.keys().map(|(_, resource)| *resource).collect();
    told.truncate(MOST_EFFECTS);
    if told.is_empty() && rest.contains("pods/binding") {
        told.push(format!("scheduled{}", on_nodes(what)));
    }
    (!told.is_empty()).then(|| told.join(", "))
}

fn on_nodes(what: &Happening<'_>) -> String {
    let nodes: BTreeSet<&str> = what.nodes.iter().copied().collect();
    if nodes.is_empty() {
        return String::new();
    }
    let mut names: Vec<String> = nodes.iter().take(MOST_NODES).map(|node| plain(node)).collect();
    if nodes.len() > names.len() {
        names.push(format!("{} more", nodes.len() - names.len()));
    }
    format!(" on {}", names.join(", "))
}
