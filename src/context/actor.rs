//! What the rules say of one actor, resolved once for each pair of user name and user agent.

use super::keys;
use super::model::Actor;
use super::pattern::Pattern;
use super::tables::{Place, Tables};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// Most actors that are kept resolved; beyond it the cache starts anew. A cluster has hundreds.
const MOST_ACTORS: usize = 8192;

/// The rows that apply to one actor.
#[derive(Clone, Debug)]
pub struct ActorRow {
    /// Class for the causal rules.
    pub class: Actor,
    /// Hash of the user name.
    pub(super) user: u64,
    /// Hash of user name and user agent.
    pub(super) process: u64,
    pub(super) watches: SmallVec<[Place; 4]>,
    pub(super) drivers: SmallVec<[Place; 2]>,
    /// (resource written, [group, resource] that wakes).
    pub(super) cross: SmallVec<[(u64, [u64; 2]); 1]>,
    /// (verb, resource) of requests that start a context.
    pub(super) own_roots: SmallVec<[(String, String); 1]>,
    /// Rows of the background table that can match.
    pub(super) background: SmallVec<[usize; 8]>,
    /// The name after `system:node:`.
    pub(super) node: Option<u64>,
    pub(super) follows_grammar: bool,
    pub(super) is_api_server: bool,
    /// What it does is never background.
    pub(super) exempt: bool,
    pub(super) is_namespace_controller: bool,
    pub(super) is_stateful_set_controller: bool,
    pub(super) is_autoscaler: bool,
}

impl ActorRow {
    pub(super) fn resolve(tables: &Tables, user: &str, agent: &str) -> ActorRow {
        let fits = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|one| one.is_match(text));
        let class = tables
            .actors
            .iter()
            .find(|(by_user, by_agent, _)| fits(by_user, user) && fits(by_agent, agent))
            .map_or(Actor::Human, |&(_, _, class)| class);
        let exempt = class == Actor::System && tables.user_exempt.is_match(user);
        let background = tables.background.iter().enumerate().filter(|(_, row)| {
            !exempt
                && row.class == class
                && fits(&row.user, user)
                && !row.agent_not.as_ref().is_some_and(|one| one.is_match(agent))
        });
        let matching = |rows: &[(Pattern, Vec<Place>)], most| {
            rows.iter()
                .filter(|(by, _)| by.is_match(user))
                .take(most)
                .flat_map(|(_, all)| all.iter().copied())
                .collect()
        };
        let watches: Vec<Place> = matching(&tables.watches, 1);
        let drivers: Vec<Place> = matching(&tables.drivers, usize::MAX);
        ActorRow {
            class,
            user: keys::text(user),
            process: keys::combine(0, [keys::text(user), keys::text(agent), 0, 0]),
            watches: watches.into(),
            drivers: drivers.into(),
            cross: tables.cross.iter().filter(|row| row.0.is_match(user)).map(|row| (row.1, row.2)).collect(),
            own_roots: tables
                .own_roots
                .iter()
                .filter(|row| row.0.is_match(user))
                .map(|row| (row.1.clone(), row.2.clone()))
                .collect(),
            background: background.map(|(index, _)| index).collect(),
            node: user.strip_prefix("system:node:").map(keys::text),
            follows_grammar: tables.grammar_agents.is_match(agent),
            is_api_server: user == "system:apiserver",
            exempt,
            is_namespace_controller: user.ends_with(":namespace-controller"),
            is_stateful_set_controller: user.ends_with(":statefulset-controller"),
            is_autoscaler: user.ends_with(":horizontal-pod-autoscaler"),
        }
    }
}

/// Actors seen so far by one worker.
#[derive(Debug)]
pub(super) struct ActorCache {
    tables: Arc<Tables>,
    rows: HashMap<(u64, u64), Box<ActorRow>>,
}

impl ActorCache {
    pub fn new(tables: Arc<Tables>) -> ActorCache {
        ActorCache { tables, rows: HashMap::new() }
    }

    pub fn row(&mut self, user: &str, agent: &str) -> &ActorRow {
        if self.rows.len() >= MOST_ACTORS {
            self.rows.clear();
        }
        self.rows
            .entry((keys::text(user), keys::text(agent)))
            .or_insert_with(|| Box::new(ActorRow::resolve(&self.tables, user, agent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let tables = Tables::built_in().unwrap();
        let class = |user, agent| tables.resolve(user, agent).class;
        assert_eq!(class("alice", "kubectl/v1.34"), Actor::Human);
        assert_eq!(class("system:serviceaccount:kube-system:x", "kubectl/v1.34"), Actor::Human);
        assert_eq!(class("system:node:worker-1", "kubelet/v1.34"), Actor::System);
        assert_eq!(class("system:serviceaccount:argocd:controller", "argocd/3"), Actor::Operator);
        assert_eq!(class("system:anonymous", ""), Actor::Human);
        assert_eq!(class("bob", "Terraform/1.9"), Actor::Human);
        assert_eq!(class("admin", "kube-scheduler/v1.34"), Actor::System);
    }

    #[test]
    fn rows_of_a_controller() {
        let tables = Tables::built_in().unwrap();
        let row = tables.resolve("system:serviceaccount:kube-system:node-controller", "kube-controller-manager/v1.34");
        assert_eq!((row.watches.len(), row.drivers.len()), (2, 1));
        assert!(!row.is_namespace_controller && row.node.is_none());
    }
}
