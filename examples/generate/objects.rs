//! Bodies of Kubernetes objects, with the labels, owners and managed fields that real ones have.

use crate::event::Kind;
use crate::rng::Rng;
use crate::time::time;

pub const POD: Kind = Kind { group: "", version: "v1", resource: "pods", kind: "Pod" };
pub const NODE: Kind = Kind { group: "", version: "v1", resource: "nodes", kind: "Node" };
pub const SERVICE: Kind = Kind { group: "", version: "v1", resource: "services", kind: "Service" };
pub const SECRET: Kind = Kind { group: "", version: "v1", resource: "secrets", kind: "Secret" };
pub const CONFIG_MAP: Kind = Kind { group: "", version: "v1", resource: "configmaps", kind: "ConfigMap" };
pub const SERVICE_ACCOUNT: Kind =
    Kind { group: "", version: "v1", resource: "serviceaccounts", kind: "ServiceAccount" };
pub const EVENT: Kind = Kind { group: "events.k8s.io", version: "v1", resource: "events", kind: "Event" };
pub const DEPLOYMENT: Kind = Kind { group: "apps", version: "v1", resource: "deployments", kind: "Deployment" };
pub const REPLICA_SET: Kind = Kind { group: "apps", version: "v1", resource: "replicasets", kind: "ReplicaSet" };
pub const JOB: Kind = Kind { group: "batch", version: "v1", resource: "jobs", kind: "Job" };
pub const LEASE: Kind = Kind { group: "coordination.k8s.io", version: "v1", resource: "leases", kind: "Lease" };
pub const ENDPOINT_SLICE: Kind =
    Kind { group: "discovery.k8s.io", version: "v1", resource: "endpointslices", kind: "EndpointSlice" };
pub const CUSTOM: Kind = Kind { group: "db.example.com", version: "v1alpha1", resource: "databases", kind: "Database" };

/// An object and what owns it.
pub struct Object {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// The application, which its labels name.
    pub app: String,
    /// The owner reference, as JSON; empty for none.
    pub owner: String,
    pub created_us: u64,
}

impl Object {
    pub fn new(rng: &Rng, kind: Kind, namespace: &str, name: &str, app: &str, created_us: u64) -> Object {
        let (namespace, name, app) = (namespace.into(), name.into(), app.into());
        Object { kind, namespace, name, uid: rng.uuid(), app, owner: String::new(), created_us }
    }

    pub fn owned_by(mut self, owner: &Object) -> Object {
        self.owner = format!(
            "{{\"apiVersion\":\"{}\",\"kind\":\"{}\",\"name\":\"{}\",\"uid\":\"{}\",\"controller\":true,\"blockOwnerDeletion\":true}}",
            owner.kind.api_version(),
            owner.kind.kind,
            owner.name,
            owner.uid
        );
        self
    }

    /// As a client sends it: without what the server fills in.
    pub fn sent(&self, rest: &str) -> String {
        format!("{{{},\"metadata\":{{{}}}{rest}}}", self.type_meta(), self.given())
    }

    /// As the server answers, with `rest` behind the metadata.
    pub fn stored(&self, version: u64, manager: &str, rest: &str) -> String {
        let created = time(self.created_us);
        let namespaced =
            if self.namespace.is_empty() { String::new() } else { format!(",\"namespace\":\"{}\"", self.namespace) };
        format!(
            "{{{},\"metadata\":{{{}{namespaced},\"uid\":\"{}\",\"resourceVersion\":\"{version}\",\"generation\":1,\"creationTimestamp\":\"{created}\",\"managedFields\":[{{\"manager\":\"{manager}\",\"operation\":\"Update\",\"apiVersion\":\"{}\",\"time\":\"{created}\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{{{}}}}}]}}{rest}}}",
            self.type_meta(),
            self.given(),
            self.uid,
            self.kind.api_version(),
            managed_fields(self.kind)
        )
    }

    fn type_meta(&self) -> String {
        format!("\"kind\":\"{}\",\"apiVersion\":\"{}\"", self.kind.kind, self.kind.api_version())
    }

    fn given(&self) -> String {
        let owners =
            if self.owner.is_empty() { String::new() } else { format!(",\"ownerReferences\":[{}]", self.owner) };
        format!(
            "\"name\":\"{}\",\"labels\":{{\"app.kubernetes.io/name\":\"{}\",\"app.kubernetes.io/instance\":\"{}\",\"app.kubernetes.io/managed-by\":\"platform\"}}{owners}",
            self.name, self.app, self.name
        )
    }
}

fn managed_fields(kind: Kind) -> &'static str {
    match kind.kind {
        "Pod" => {
            "\"f:metadata\":{\"f:generateName\":{},\"f:labels\":{\".\":{},\"f:app.kubernetes.io/name\":{},\"f:pod-template-hash\":{}},\"f:ownerReferences\":{\".\":{},\"k:{\\\"uid\\\":\\\"self\\\"}\":{}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":{\".\":{},\"f:env\":{\".\":{},\"k:{\\\"name\\\":\\\"LOG_LEVEL\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}}},\"f:image\":{},\"f:imagePullPolicy\":{},\"f:livenessProbe\":{\".\":{},\"f:failureThreshold\":{},\"f:httpGet\":{\".\":{},\"f:path\":{},\"f:port\":{},\"f:scheme\":{}}},\"f:name\":{},\"f:ports\":{\".\":{},\"k:{\\\"containerPort\\\":8080,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{},\"f:protocol\":{}}},\"f:resources\":{\".\":{},\"f:limits\":{\".\":{},\"f:memory\":{}},\"f:requests\":{\".\":{},\"f:cpu\":{},\"f:memory\":{}}},\"f:terminationMessagePath\":{},\"f:terminationMessagePolicy\":{}}},\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},\"f:restartPolicy\":{},\"f:schedulerName\":{},\"f:securityContext\":{},\"f:terminationGracePeriodSeconds\":{}}"
        }
        "Node" => {
            "\"f:status\":{\"f:conditions\":{\"k:{\\\"type\\\":\\\"DiskPressure\\\"}\":{\"f:lastHeartbeatTime\":{}},\"k:{\\\"type\\\":\\\"MemoryPressure\\\"}\":{\"f:lastHeartbeatTime\":{}},\"k:{\\\"type\\\":\\\"PIDPressure\\\"}\":{\"f:lastHeartbeatTime\":{}},\"k:{\\\"type\\\":\\\"Ready\\\"}\":{\"f:lastHeartbeatTime\":{}}},\"f:images\":{}}"
        }
        _ => {
            "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app.kubernetes.io/instance\":{},\"f:app.kubernetes.io/name\":{}}},\"f:spec\":{\"f:replicas\":{},\"f:selector\":{},\"f:template\":{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app.kubernetes.io/name\":{}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":{\".\":{},\"f:image\":{},\"f:name\":{},\"f:resources\":{}}}}}}"
        }
    }
}

/// `,"spec":{…}` of a pod; on `node` once it is scheduled.
pub fn pod_spec(app: &str, image: &str, node: &str) -> String {
    let node = if node.is_empty() { String::new() } else { format!("\"nodeName\":\"{node}\",") };
    format!(
        ",\"spec\":{{\"volumes\":[{{\"name\":\"kube-api-access-x7k2p\",\"projected\":{{\"sources\":[{{\"serviceAccountToken\":{{\"expirationSeconds\":3607,\"path\":\"token\"}}}},{{\"configMap\":{{\"name\":\"kube-root-ca.crt\",\"items\":[{{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}}]}}}}],\"defaultMode\":420}}}}],\"containers\":[{{\"name\":\"main\",\"image\":\"registry.example.com/{app}:{image}\",\"ports\":[{{\"containerPort\":8080,\"protocol\":\"TCP\"}}],\"env\":[{{\"name\":\"LOG_LEVEL\",\"value\":\"info\"}},{{\"name\":\"DB_HOST\",\"value\":\"{app}-db.svc\"}},{{\"name\":\"POD_IP\",\"valueFrom\":{{\"fieldRef\":{{\"apiVersion\":\"v1\",\"fieldPath\":\"status.podIP\"}}}}}}],\"resources\":{{\"limits\":{{\"memory\":\"512Mi\"}},\"requests\":{{\"cpu\":\"100m\",\"memory\":\"256Mi\"}}}},\"volumeMounts\":[{{\"name\":\"kube-api-access-x7k2p\",\"readOnly\":true,\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceaccount\"}}],\"livenessProbe\":{{\"httpGet\":{{\"path\":\"/healthz\",\"port\":8080,\"scheme\":\"HTTP\"}},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3}},\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\",\"serviceAccountName\":\"{app}\",{node}\"securityContext\":{{}},\"schedulerName\":\"default-scheduler\",\"tolerations\":[{{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}}],\"priority\":0,\"enableServiceLinks\":true,\"preemptionPolicy\":\"PreemptLowerPriority\"}}"
    )
}

/// `,"spec":{…}` of what makes pods of a template.
pub fn template_spec(app: &str, image: &str, replicas: u64) -> String {
    let pod = pod_spec(app, image, "");
    format!(
        ",\"spec\":{{\"replicas\":{replicas},\"selector\":{{\"matchLabels\":{{\"app.kubernetes.io/name\":\"{app}\"}}}},\"template\":{{\"metadata\":{{\"labels\":{{\"app.kubernetes.io/name\":\"{app}\"}}}}{pod}}},\"strategy\":{{\"type\":\"RollingUpdate\",\"rollingUpdate\":{{\"maxUnavailable\":\"25%\",\"maxSurge\":\"25%\"}}}},\"revisionHistoryLimit\":10,\"progressDeadlineSeconds\":600}}"
    )
}

/// `,"status":{…}` of a pod.
pub fn pod_status(phase: &str, ip: &str, at_us: u64) -> String {
    let at = time(at_us);
    let ready = if phase == "Running" { "True" } else { "False" };
    format!(
        ",\"status\":{{\"phase\":\"{phase}\",\"conditions\":[{{\"type\":\"PodReadyToStartContainers\",\"status\":\"{ready}\",\"lastProbeTime\":null,\"lastTransitionTime\":\"{at}\"}},{{\"type\":\"Initialized\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":\"{at}\"}},{{\"type\":\"Ready\",\"status\":\"{ready}\",\"lastProbeTime\":null,\"lastTransitionTime\":\"{at}\"}},{{\"type\":\"PodScheduled\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":\"{at}\"}}],\"hostIP\":\"10.0.3.7\",\"podIP\":\"{ip}\",\"podIPs\":[{{\"ip\":\"{ip}\"}}],\"startTime\":\"{at}\",\"containerStatuses\":[{{\"name\":\"main\",\"state\":{{\"running\":{{\"startedAt\":\"{at}\"}}}},\"lastState\":{{}},\"ready\":true,\"restartCount\":0,\"image\":\"registry.example.com/main\",\"imageID\":\"registry.example.com/main@sha256:3b1f0c6ad1c5e2a7\",\"containerID\":\"containerd://9a7d6e5c4b3a2910\",\"started\":true}}],\"qosClass\":\"Burstable\"}}"
    )
}

/// `,"status":{…}` of a node.
pub fn node_status(at_us: u64, images: u64) -> String {
    let at = time(at_us);
    let conditions: Vec<String> = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
        .iter()
        .map(|kind| format!("{{\"type\":\"{kind}\",\"status\":\"{}\",\"lastHeartbeatTime\":\"{at}\",\"lastTransitionTime\":\"2026-01-02T06:11:50Z\",\"reason\":\"Kubelet{kind}\",\"message\":\"kubelet reports {kind}\"}}", if *kind == "Ready" { "True" } else { "False" }))
        .collect();
    let images: Vec<String> = (0..images)
        .map(|n| format!("{{\"names\":[\"registry.example.com/app-{n}@sha256:{:064x}\",\"registry.example.com/app-{n}:1.{n}.0\"],\"sizeBytes\":{}}}", n * 7919, 31_457_280 + n * 104_729))
        .collect();
    format!(
        ",\"status\":{{\"capacity\":{{\"cpu\":\"16\",\"ephemeral-storage\":\"203056560Ki\",\"memory\":\"65843004Ki\",\"pods\":\"110\"}},\"allocatable\":{{\"cpu\":\"15800m\",\"memory\":\"64819004Ki\",\"pods\":\"110\"}},\"conditions\":[{}],\"nodeInfo\":{{\"kernelVersion\":\"6.8.0\",\"osImage\":\"Ubuntu 24.04\",\"containerRuntimeVersion\":\"containerd://2.1.4\",\"kubeletVersion\":\"v1.34.4\",\"architecture\":\"amd64\"}},\"images\":[{}]}}",
        conditions.join(","),
        images.join(",")
    )
}
