//! A request as the audit events that the API server writes for it.

use crate::rng::Rng;
use crate::time::micro_time;

/// Who asks.
pub struct Actor {
    /// The `user` object.
    pub user: String,
    pub agent: String,
    pub address: String,
    /// Why the request is allowed.
    pub reason: &'static str,
}

impl Actor {
    pub fn new(name: &str, groups: &[&str], agent: &str, address: &str, reason: &'static str) -> Actor {
        let groups: Vec<String> = groups.iter().map(|group| format!("\"{group}\"")).collect();
        let user = format!("{{\"username\":\"{name}\",\"groups\":[{}]}}", groups.join(","));
        Actor { user, agent: agent.into(), address: address.into(), reason }
    }

    /// A service account; a pod's own when `pod` is given.
    pub fn service_account(rng: &Rng, namespace: &str, name: &str, agent: &str, address: &str) -> Actor {
        let user = format!(
            "{{\"username\":\"system:serviceaccount:{namespace}:{name}\",\"uid\":\"{}\",\"groups\":[\"system:serviceaccounts\",\"system:serviceaccounts:{namespace}\",\"system:authenticated\"],\"extra\":{{\"authentication.kubernetes.io/credential-id\":[\"JTI={}\"],\"authentication.kubernetes.io/pod-name\":[\"{name}-{}\"],\"authentication.kubernetes.io/pod-uid\":[\"{}\"]}}}}",
            rng.uuid(),
            rng.uuid(),
            rng.suffix(5),
            rng.uuid()
        );
        Actor {
            user,
            agent: agent.into(),
            address: address.into(),
            reason: "RBAC: allowed by ClusterRoleBinding to a ClusterRole of the workload",
        }
    }
}

/// Where a resource lives.
#[derive(Copy, Clone)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub resource: &'static str,
    pub kind: &'static str,
}

impl Kind {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.into() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// What is asked.
pub struct Request<'a> {
    pub actor: &'a Actor,
    pub verb: &'static str,
    pub kind: Kind,
    pub subresource: &'static str,
    pub namespace: &'a str,
    pub name: &'a str,
    /// The query of the URI, with its `?`.
    pub query: &'a str,
    pub code: u16,
    /// Bodies, for the level RequestResponse.
    pub bodies: Option<(&'a str, &'a str)>,
}

impl<'a> Request<'a> {
    pub fn new(actor: &'a Actor, verb: &'static str, kind: Kind, namespace: &'a str, name: &'a str) -> Request<'a> {
        Request { actor, verb, kind, subresource: "", namespace, name, query: "", code: 200, bodies: None }
    }

    pub fn sub(self, subresource: &'static str) -> Self {
        Request { subresource, ..self }
    }

    pub fn query(self, query: &'a str) -> Self {
        Request { query, ..self }
    }

    pub fn code(self, code: u16) -> Self {
        Request { code, ..self }
    }

    /// At the level RequestResponse; an empty body is left out.
    pub fn bodies(self, request: &'a str, response: &'a str) -> Self {
        Request { bodies: Some((request, response)), ..self }
    }

    fn uri(&self) -> String {
        let mut uri = match self.kind.group {
            "" => format!("/api/{}", self.kind.version),
            group => format!("/apis/{group}/{}", self.kind.version),
        };
        if !self.namespace.is_empty() {
            uri += &format!("/namespaces/{}", self.namespace);
        }
        uri += &format!("/{}", self.kind.resource);
        // The name of an object that is being created stands in the body.
        let has_name = !self.name.is_empty() && (self.verb != "create" || !self.subresource.is_empty());
        for part in [self.name, self.subresource] {
            if has_name && !part.is_empty() {
                uri += &format!("/{part}");
            }
        }
        uri + self.query
    }

    /// The line of one stage.
    pub fn line(&self, audit_id: &str, stage: &str, received_us: u64, stage_us: u64) -> String {
        let ended = stage != "RequestReceived";
        let level = if self.bodies.is_some() { "RequestResponse" } else { "Metadata" };
        let mut object = format!("\"resource\":\"{}\"", self.kind.resource);
        for (key, value) in [("namespace", self.namespace), ("name", self.name), ("apiGroup", self.kind.group)] {
            if !value.is_empty() {
                object += &format!(",\"{key}\":\"{value}\"");
            }
        }
        object += &format!(",\"apiVersion\":\"{}\"", self.kind.version);
        if !self.subresource.is_empty() {
            object += &format!(",\"subresource\":\"{}\"", self.subresource);
        }
        let mut line = format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"{level}\",\"auditID\":\"{audit_id}\",\"stage\":\"{stage}\",\"requestURI\":\"{}\",\"verb\":\"{}\",\"user\":{},\"sourceIPs\":[\"{}\"],\"userAgent\":\"{}\",\"objectRef\":{{{object}}}",
            self.uri(),
            self.verb,
            self.actor.user,
            self.actor.address,
            self.actor.agent
        );
        if ended {
            let status = match self.code {
                403 => ",\"status\":\"Failure\",\"reason\":\"Forbidden\"",
                404 => ",\"status\":\"Failure\",\"reason\":\"NotFound\"",
                409 => ",\"status\":\"Failure\",\"reason\":\"Conflict\"",
                _ => "",
            };
            line += &format!(",\"responseStatus\":{{\"metadata\":{{}}{status},\"code\":{}}}", self.code);
            let (request, response) = self.bodies.unwrap_or_default();
            for (key, body) in [("requestObject", request), ("responseObject", response)] {
                if !body.is_empty() {
                    line += &format!(",\"{key}\":{body}");
                }
            }
        }
        line += &format!(
            ",\"requestReceivedTimestamp\":\"{}\",\"stageTimestamp\":\"{}\"",
            micro_time(received_us),
            micro_time(stage_us)
        );
        if ended {
            let (decision, reason) = if self.code == 403 { ("forbid", "") } else { ("allow", self.actor.reason) };
            line += &format!(
                ",\"annotations\":{{\"authorization.k8s.io/decision\":\"{decision}\",\"authorization.k8s.io/reason\":\"{reason}\"}}"
            );
        }
        line + "}\n"
    }
}
