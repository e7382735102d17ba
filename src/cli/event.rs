//! One event as the commands tell it.

use crate::audit::time::Micros;
use std::borrow::Cow;

/// A row of `events`, as much of it as is told. Absent values are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventView {
    /// Id of the request.
    pub audit_id: String,
    /// Stage of the request, by its Kubernetes name.
    pub stage: String,
    /// When the API server received the request.
    pub at: Micros,
    /// When the stage was reached.
    pub stage_at: Micros,
    /// Who made it.
    pub user: String,
    /// Whom that user acted as.
    pub impersonated_user: String,
    /// Verb.
    pub verb: String,
    /// API group.
    pub api_group: String,
    /// Plural resource name; empty for a request without a resource.
    pub resource: String,
    /// Subresource.
    pub subresource: String,
    /// Namespace.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// URI; told where there is no resource.
    pub request_uri: String,
    /// HTTP status; 0 when there is none.
    pub status_code: u16,
    /// What the event would start itself, in words.
    pub label_text: String,
    /// Root, request, effect or background.
    pub role: String,
    /// Context, 16 hexadecimal digits.
    pub context_id: String,
    /// Request that caused it.
    pub cause_audit_id: String,
    /// Short name of the evidence.
    pub cause_reason: String,
    /// Weight of the evidence, 0 to 99.
    pub cause_weight: Option<i64>,
    /// By how much it outweighs the best cause in another context.
    pub cause_margin: Option<i64>,
    /// Arrived after its time was settled.
    pub late: bool,
}

impl EventView {
    /// A request of the command itself.
    pub fn of_command(&self) -> bool {
        matches!(self.role.as_str(), "root" | "request")
    }

    /// Order in which a context's requests may stand for it; the least is its trigger: the first write of the command, else its
    /// first request for a resource, else its first.
    pub fn trigger_rank(&self) -> (u8, Micros, &str) {
        let write = matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection");
        let rank = match write && !self.resource.starts_with("self") {
            true => 0,
            false if !self.resource.is_empty() => 1,
            false => 2,
        };
        (rank, self.at, &self.audit_id)
    }

    /// Who acted, in short: `alice`, `deployment-controller`, `kubelet on worker-1`.
    pub fn actor(&self) -> String {
        let user = short_user(&self.user);
        match self.impersonated_user.as_str() {
            "" => user.into_owned(),
            other => format!("{user} as {}", short_user(other)),
        }
    }

    /// What was done to what: `patch deployments/scale shop/web`.
    pub fn action(&self) -> String {
        if self.resource.is_empty() {
            return format!("{} {}", self.verb, self.request_uri);
        }
        let mut text = format!("{} {}", self.verb, self.resource);
        if !self.subresource.is_empty() {
            text.push('/');
            text.push_str(&self.subresource);
        }
        match (self.namespace.as_str(), self.name.as_str()) {
            ("", "") => {}
            ("", name) => text.extend([" ", name]),
            (namespace, "") => text.extend([" in ", namespace]),
            // The API server names the namespace of a namespace object after itself.
            (_, name) if self.resource == "namespaces" => text.extend([" ", name]),
            (namespace, name) => text.extend([" ", namespace, "/", name]),
        }
        text
    }

    /// The object in words: `Deployment web`, `a Pod`, `Pods in shop`, `all Pods in shop`, `/version`.
    pub fn object(&self) -> String {
        if self.resource.is_empty() {
            return self.request_uri.split('?').next().unwrap_or_default().to_owned();
        }
        let kind = kind(&self.resource);
        if !self.name.is_empty() {
            return format!("{kind} {}", self.name);
        }
        let plural = if kind.ends_with('s') { kind.clone() } else { format!("{kind}s").into() };
        let place = if self.namespace.is_empty() { String::new() } else { format!(" in {}", self.namespace) };
        let article = if kind.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
        match self.verb.as_str() {
            "deletecollection" => format!("all {plural}{place}"),
            "list" | "watch" => format!("{plural}{place}"),
            _ => format!("{article} {kind}"),
        }
    }

    /// When it is told to have happened: a long-running request comes once when it starts and once when it ends.
    pub fn told_at(&self) -> Micros {
        if self.cause_reason == "same-request" { self.stage_at } else { self.at }
    }

    /// For a list of Event objects: the name of the object that they are about.
    pub fn asked_about(&self) -> Option<&str> {
        let (_, rest) = self.request_uri.split_once("involvedObject.name%3D")?;
        rest.split(['%', '&', ',']).next().filter(|name| !name.is_empty())
    }

    /// For an Event object: the name of what it reports about, which comes before the last dot of its own.
    pub fn about(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(about, _)| about)
    }

    /// What was done, in the past: `created`, `scaled`, `bound`.
    pub fn done(&self) -> &'static str {
        match (self.subresource.as_str(), self.verb.as_str()) {
            ("scale", "update" | "patch") => "scaled",
            ("binding", "create") => "bound",
            ("eviction", "create") => "evicted",
            ("status", "update" | "patch") => "reported on",
            (_, "create") => "created",
            (_, "update" | "patch") => "changed",
            (_, "delete" | "deletecollection") => "deleted",
            (_, "list") => "listed",
            (_, "watch") => "watched",
            _ => "read",
        }
    }

    /// The status, with a word for those that matter.
    pub fn outcome(&self) -> String {
        match self.status_code {
            0 => String::new(),
            401 | 403 => format!("{} denied", self.status_code),
            404 => "404 not found".to_owned(),
            409 => "409 conflict".to_owned(),
            code if code >= 400 => format!("{code} failed"),
            code => code.to_string(),
        }
    }
}

/// A user name without the prefixes that all of its kind share.
pub fn short_user(user: &str) -> Cow<'_, str> {
    if let Some(name) = user.strip_prefix("system:serviceaccount:kube-system:") {
        return name.into();
    }
    if let Some(account) = user.strip_prefix("system:serviceaccount:") {
        return format!("service account {}", account.replacen(':', "/", 1)).into();
    }
    if let Some(node) = user.strip_prefix("system:node:") {
        return format!("kubelet on {node}").into();
    }
    user.strip_prefix("system:").unwrap_or(user).into()
}

/// Kinds of the resources whose kind is not the singular with a capital.
const KINDS: &[(&str, &str)] = &[
    ("configmaps", "ConfigMap"),
    ("clusterrolebindings", "ClusterRoleBinding"),
    ("clusterroles", "ClusterRole"),
    ("controllerrevisions", "ControllerRevision"),
    ("cronjobs", "CronJob"),
    ("csinodes", "CSINode"),
    ("customresourcedefinitions", "CustomResourceDefinition"),
    ("daemonsets", "DaemonSet"),
    ("endpoints", "Endpoints"),
    ("endpointslices", "EndpointSlice"),
    ("horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ("ingresses", "Ingress"),
    ("ipaddresses", "IPAddress"),
    ("limitranges", "LimitRange"),
    ("networkpolicies", "NetworkPolicy"),
    ("persistentvolumeclaims", "PersistentVolumeClaim"),
    ("persistentvolumes", "PersistentVolume"),
    ("poddisruptionbudgets", "PodDisruptionBudget"),
    ("priorityclasses", "PriorityClass"),
    ("replicasets", "ReplicaSet"),
    ("replicationcontrollers", "ReplicationController"),
    ("resourcequotas", "ResourceQuota"),
    ("rolebindings", "RoleBinding"),
    ("serviceaccounts", "ServiceAccount"),
    ("statefulsets", "StatefulSet"),
    ("storageclasses", "StorageClass"),
];

/// The kind of a resource: from the table, else the singular with a capital, which is right for most.
pub fn kind(resource: &str) -> Cow<'_, str> {
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == resource) {
        return (*kind).into();
    }
    let singular = resource.strip_suffix('s').unwrap_or(resource);
    let mut chars = singular.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect::<String>().into(),
        None => "".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_and_kinds_are_short() {
        assert_eq!(short_user("system:serviceaccount:kube-system:deployment-controller"), "deployment-controller");
        assert_eq!(short_user("system:serviceaccount:ci:deployer"), "service account ci/deployer");
        assert_eq!(short_user("system:node:worker-1"), "kubelet on worker-1");
        assert_eq!(short_user("system:kube-scheduler"), "kube-scheduler");
        assert_eq!(short_user("alice"), "alice");
        assert_eq!((kind("pods"), kind("replicasets"), kind("")), ("Pod".into(), "ReplicaSet".into(), "".into()));
    }

    #[test]
    fn an_action_names_its_object() {
        let scale = EventView {
            verb: "patch".into(),
            resource: "deployments".into(),
            subresource: "scale".into(),
            namespace: "shop".into(),
            name: "web".into(),
            ..EventView::default()
        };
        assert_eq!((scale.action().as_str(), scale.done()), ("patch deployments/scale shop/web", "scaled"));
        assert_eq!(scale.object(), "Deployment web");
        let list = EventView { name: String::new(), subresource: String::new(), verb: "list".into(), ..scale };
        assert_eq!(
            (list.action().as_str(), list.object().as_str()),
            ("list deployments in shop", "Deployments in shop")
        );
        let probe =
            EventView { verb: "get".into(), request_uri: "/version?timeout=32s".into(), ..EventView::default() };
        assert_eq!((probe.action().as_str(), probe.object().as_str()), ("get /version?timeout=32s", "/version"));
    }
}
