//! The clusters by number, and which of them goes when there may be no more.

use super::cluster::{Cluster, ClusterId};
use std::collections::BTreeMap;

/// All clusters, or the most recently used ones. A look-up is no use; joining a cluster is.
pub(super) struct Clusters {
    /// At place n the cluster n + 1, unless it was dropped.
    slots: Vec<Option<Cluster>>,
    recency: Option<Recency>,
    len: usize,
}

/// Order of use, for at most so many clusters.
struct Recency {
    most: usize,
    tick: u64,
    last_use: BTreeMap<ClusterId, u64>,
    by_use: BTreeMap<u64, ClusterId>,
}

impl Clusters {
    pub(super) fn new(most: Option<usize>) -> Clusters {
        let recency = |most| Recency { most, tick: 0, last_use: BTreeMap::new(), by_use: BTreeMap::new() };
        Clusters { slots: Vec::new(), recency: most.map(recency), len: 0 }
    }

    /// Clusters kept.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Number of the last cluster created.
    pub(super) fn last_id(&self) -> ClusterId {
        ClusterId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX))
    }

    pub(super) fn get(&self, id: ClusterId) -> Option<&Cluster> {
        self.slots.get(place(id)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: ClusterId) -> Option<&mut Cluster> {
        self.slots.get_mut(place(id)?)?.as_mut()
    }

    /// In the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Cluster> {
        self.slots.iter().flatten()
    }

    /// Numbers from the longest unused to the last used; none where all are kept.
    pub(super) fn order_of_use(&self) -> Vec<ClusterId> {
        self.recency.iter().flat_map(|recency| recency.by_use.values().copied()).collect()
    }

    /// Puts a cluster at the number behind the last one.
    pub(super) fn push(&mut self, make: impl FnOnce(ClusterId) -> Cluster) -> ClusterId {
        self.skip(1);
        let id = self.last_id();
        self.put(make(id));
        id
    }

    /// Leaves out the next `ids` numbers.
    pub(super) fn skip(&mut self, ids: usize) {
        self.slots.resize_with(self.slots.len().saturating_add(ids), || None);
    }

    /// Puts a cluster at its own number, which was left out or pushed before, as the last used one.
    pub(super) fn put(&mut self, cluster: Cluster) {
        if let Some(dropped) = self.recency.as_ref().and_then(|recency| recency.to_drop(self.len))
            && let Some(slot) = place(dropped).and_then(|at| self.slots.get_mut(at))
        {
            *slot = None;
            self.len -= 1;
            if let Some(recency) = &mut self.recency {
                recency.forget(dropped);
            }
        }
        let id = cluster.id;
        if let Some(slot) = place(id).and_then(|at| self.slots.get_mut(at)) {
            *slot = Some(cluster);
            self.len += 1;
            self.used(id);
        }
    }

    /// Notes that a line joined this cluster.
    pub(super) fn used(&mut self, id: ClusterId) {
        let Some(recency) = &mut self.recency else { return };
        recency.forget(id);
        recency.tick += 1;
        recency.last_use.insert(id, recency.tick);
        recency.by_use.insert(recency.tick, id);
    }
}

impl Recency {
    fn to_drop(&self, len: usize) -> Option<ClusterId> {
        if len < self.most { None } else { self.by_use.values().next().copied() }
    }

    fn forget(&mut self, id: ClusterId) {
        if let Some(tick) = self.last_use.remove(&id) {
            self.by_use.remove(&tick);
        }
    }
}

fn place(id: ClusterId) -> Option<usize> {
    (id.0 as usize).checked_sub(1)
}
