//! What happened in a context, in the one line that a person would say.
//!
//! `alice scaled deployment shop/web to 5: 2 pods created on worker-1, worker-2`. Pure: from a few facts of the context's
//! trigger and counts of what it set off. Nothing is said that the facts do not hold; control characters are taken out, and
//! every part is bounded.

mod deed;
mod effects;
mod words;

use std::collections::BTreeMap;

/// What is known of a context. Absent texts are empty.
#[derive(Clone, Debug, Default)]
pub struct Happening<'a> {
    /// `user.username` of the trigger: the command's first write, else its first request for a resource.
    pub user: &'a str,
    /// `impersonatedUser.username`.
    pub impersonated_user: &'a str,
    /// Verb.
    pub verb: &'a str,
    /// Plural resource.
    pub resource: &'a str,
    /// Subresource.
    pub subresource: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// URI with the query: holds the field manager and the command of an exec.
    pub request_uri: &'a str,
    /// `responseStatus.code`; 0 when unknown.
    pub status_code: u16,
    /// `spec.replicas` that was asked for.
    pub replicas: Option<i64>,
    /// `spec.replicas` that the command had read before.
    pub replicas_before: Option<i64>,
    /// The first image that was asked for.
    pub image: &'a str,
    /// `spec.unschedulable` that was asked for.
    pub unschedulable: Option<bool>,
    /// Successful writes of the command itself, by (verb, resource or `resource/subresource`).
    pub writes: BTreeMap<(&'a str, &'a str), u64>,
    /// Names of the Secrets that the command wrote: Helm keeps its releases in them.
    pub secrets: Vec<&'a str>,
    /// Successful writes by components, by (verb, resource or `resource/subresource`).
    pub effects: BTreeMap<(&'a str, &'a str), u64>,
    /// Nodes to which pods were bound.
    pub nodes: Vec<&'a str>,
}

/// The line.
///
/// ```
/// use causeway::context::summary::{Happening, summary};
///
/// let denied = Happening {
///     user: "bob", verb: "get", resource: "secrets", namespace: "shop", name: "db", status_code: 403, ..Default::default()
/// };
/// assert_eq!(summary(&denied), "bob was denied: get secret shop/db (403)");
/// ```
pub fn summary(what: &Happening<'_>) -> String {
    let who = words::actor(what.user, what.impersonated_user);
    let deed = deed::deed(what);
    match effects::effects(what) {
        Some(effects) => format!("{who} {deed}: {effects}"),
        None => format!("{who} {deed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn on<'a>(verb: &'a str, resource: &'a str, name: &'a str) -> Happening<'a> {
        Happening {
            user: "alice",
            verb,
            resource,
            namespace: "shop",
            name,
            status_code: 200,
            writes: BTreeMap::from([((verb, resource), 1)]),
            ..Happening::default()
        }
    }

    #[test]
    fn scaling() {
        let what = Happening {
            subresource: "scale",
            replicas: Some(5),
            effects: BTreeMap::from([
                (("create", "pods"), 2),
                (("create", "pods/binding"), 2),
                (("create", "events"), 9),
            ]),
            nodes: vec!["worker-2", "worker-1", "worker-1"],
            ..on("patch", "deployments", "web")
        };
        assert_eq!(summary(&what), "alice scaled deployment shop/web to 5: 2 pods created on worker-1, worker-2");
        let known = Happening { replicas_before: Some(3), ..what };
        let told = "alice scaled deployment shop/web from 3 to 5: 2 pods created on worker-1, worker-2";
        assert_eq!(summary(&known), told);
    }

    #[test]
    fn looking_into_pods() {
        let exec = Happening {
            subresource: "exec",
            request_uri: "/api/v1/namespaces/shop/pods/web-1/exec?command=ls&command=-l&stdin=true",
            ..on("create", "pods", "web-1")
        };
        assert_eq!(summary(&exec), "alice ran `ls -l` in pod shop/web-1");
        let logs = Happening { subresource: "log", ..on("get", "pods", "web-1") };
        assert_eq!(summary(&logs), "alice read the log of pod shop/web-1");
        let forward = Happening { subresource: "portforward", ..on("create", "pods", "web-1") };
        assert_eq!(summary(&forward), "alice forwarded ports of pod shop/web-1");
    }

    #[test]
    fn nodes() {
        let cordon = Happening { namespace: "", unschedulable: Some(true), ..on("patch", "nodes", "worker-1") };
        assert_eq!(summary(&cordon), "alice cordoned node worker-1");
        let writes = BTreeMap::from([(("patch", "nodes"), 1), (("create", "pods/eviction"), 3)]);
        let drain = Happening { writes, ..cordon };
        assert_eq!(summary(&drain), "alice drained node worker-1, evicting 3 pods");
    }

    #[test]
    fn releases_files_and_rollouts() {
        let helm = |verb, name| Happening { secrets: vec![name], ..on(verb, "secrets", name) };
        assert_eq!(summary(&helm("create", "sh.helm.release.v1.db.v1")), "alice installed Helm release shop/db");
        let second = helm("create", "sh.helm.release.v1.my.app.v12");
        assert_eq!(summary(&second), "alice upgraded Helm release shop/my.app to revision 12");
        assert_eq!(summary(&helm("delete", "sh.helm.release.v1.db.v3")), "alice uninstalled Helm release shop/db");
        let apply = Happening {
            request_uri: "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=kubectl-client-side-apply",
            writes: BTreeMap::from([(("patch", "deployments"), 2), (("create", "services"), 1)]),
            ..on("patch", "deployments", "web")
        };
        assert_eq!(summary(&apply), "alice applied 3 objects to shop: 2 deployments, 1 service");
        let rollout = Happening { request_uri: "/x?fieldManager=kubectl-rollout", ..on("patch", "deployments", "web") };
        assert_eq!(summary(&rollout), "alice paused or resumed the rollout of deployment shop/web");
        let restart = Happening { effects: BTreeMap::from([(("create", "replicasets"), 1)]), ..rollout.clone() };
        assert_eq!(summary(&restart), "alice restarted deployment shop/web: 1 replicaset created");
        let undo = Happening { effects: BTreeMap::from([(("create", "pods"), 2)]), ..rollout };
        assert_eq!(summary(&undo), "alice rolled back deployment shop/web: 2 pods created");
        let writes = BTreeMap::from([(("update", "secrets"), 1), (("delete", "secrets"), 2)]);
        let gone = Happening { writes, ..helm("update", "sh.helm.release.v1.db.v2") };
        assert_eq!(summary(&gone), "alice uninstalled Helm release shop/db");
        let effects = BTreeMap::from([(("deletecollection", "pods"), 1), (("delete", "replicasets"), 3)]);
        let emptied = Happening { effects, namespace: "", ..on("delete", "namespaces", "shop") };
        assert_eq!(summary(&emptied), "alice deleted namespace shop: all that was in it is deleted");
    }

    #[test]
    fn failures_and_reads() {
        let missing = Happening { status_code: 404, ..on("delete", "pods", "x") };
        assert_eq!(summary(&missing), "alice tried to delete pod shop/x: not found (404)");
        let list = Happening { writes: BTreeMap::new(), ..on("list", "pods", "") };
        assert_eq!(summary(&list), "alice listed pods in shop");
        let probe = Happening { request_uri: "/version?timeout=32s", user: "alice", verb: "get", ..Default::default() };
        assert_eq!(summary(&probe), "alice read /version");
        let robot = Happening {
            user: "system:serviceaccount:ci:bot",
            impersonated_user: "system:admin",
            ..on("delete", "policies", "a")
        };
        assert_eq!(summary(&robot), "service account ci/bot as system:admin deleted policy shop/a");
    }

    proptest! {
        #[test]
        fn any_facts_give_one_bounded_printable_line(
            texts in prop::collection::vec(".{0,400}", 9), code: u16, replicas: Option<i64>, hold: Option<bool>, count: u64,
        ) {
            let what = Happening {
                user: &texts[0], impersonated_user: &texts[1], verb: &texts[2], resource: &texts[3], subresource: &texts[4],
                namespace: &texts[5], name: &texts[6], request_uri: &texts[7], status_code: code, replicas, replicas_before: replicas, image: &texts[8],
                unschedulable: hold, writes: BTreeMap::from([((&*texts[2], &*texts[3]), count)]), secrets: vec![&texts[6]],
                effects: BTreeMap::from([(("create", &*texts[3]), count)]), nodes: vec![&texts[8]],
            };
            let line = summary(&what);
            prop_assert!(!line.chars().any(char::is_control) && line.chars().count() < 1500, "{line}");
        }
    }
}
