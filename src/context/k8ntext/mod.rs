//! K8NTEXT's clustering: both algorithms of the original, written anew from their description, so that its contexts and ours
//! can be compared on one log.
//!
//! ```text
//! whole log, in order of time ─▶ Record each (label given from outside) ─┬─ windows: label groups, windows, scores   (new)
//!                                                                        └─ actions: named actions, then matching   (old)
//!                                                                                      └─▶ Place each
//! ```
//! Invariants: pure; the same records give the same places. Both algorithms are defined on a *whole* log: how many triggers a
//! label has in all of it decides how its events are grouped. A cluster's id is the id of its first event, where the original
//! draws a random UUID. What the original does by mistake is mended where that does not change the method; what is
//! merely weak (a user name alone is enough, windows cut contexts) is the method.

mod actions;
mod control_plane;
mod oracle;
mod record;
mod score;
mod windows;

#[cfg(test)]
mod tests;

pub use control_plane::is_control_plane;
pub use oracle::Oracle;
pub use record::{ObjectKey, Owner, Pool, Record};

use crate::audit::hash::Id;

/// Which of the two algorithms.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The newer one: windows of events of one label, clusters by score.
    Windows,
    /// The older one: named actions of one label, events matched to them by names and owners.
    Actions,
}

/// What the original takes from its command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which algorithm.
    pub algorithm: Algorithm,
    /// `-C`: events of the control plane's own routine go to one cluster of their own.
    pub control_plane: bool,
    /// `--cluster-max-lines`: an event that finds its action with so many events is put alone; 0 is no limit. Old algorithm.
    pub max_lines: u64,
    /// `--cluster-timeout`: so is one that comes later than this after its action's first event; 0 is no limit. Old algorithm.
    pub timeout_us: i64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { algorithm: Algorithm::Windows, control_plane: false, max_lines: 1_000, timeout_us: 300_000_000 }
    }
}

/// Where an event belongs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the cluster that has this id.
    Cluster {
        /// Id of the cluster's first event.
        id: Id,
        /// The event stands for the cluster: its trigger, or its first event where it has none.
        root: bool,
    },
    /// In the control plane's cluster (the original's sentinel `2020`).
    ControlPlane,
    /// Nowhere (the original's sentinel `1010`).
    Unassigned,
}

/// Clusters a whole log. `records` are in order of time; the places come in the same order.
pub fn cluster(records: &[Record], settings: &Settings) -> Vec<Place> {
    let mut places = vec![Place::Unassigned; records.len()];
    let mut left = Vec::with_capacity(records.len());
    for (at, record) in records.iter().enumerate() {
        match places.get_mut(at) {
            Some(place) if settings.control_plane && record.control_plane => *place = Place::ControlPlane,
            _ => left.push(at),
        }
    }
    let clusters = match settings.algorithm {
        Algorithm::Windows => windows::cluster(records, &left),
        Algorithm::Actions => actions::cluster(records, &left, settings),
    };
    for Members { events, root } in clusters {
        let Some(id) = events.iter().min().and_then(|first| records.get(*first)).map(|first| first.id) else {
            continue;
        };
        let root = root.or_else(|| events.iter().min().copied());
        for event in events {
            if let Some(place) = places.get_mut(event) {
                *place = Place::Cluster { id, root: root == Some(event) };
            }
        }
    }
    places
}

/// A cluster: indices of its events, and of the one that stands for it where that is not its first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Members {
    events: Vec<usize>,
    root: Option<usize>,
}

impl Members {
    fn alone(event: usize) -> Members {
        Members { events: vec![event], root: None }
    }
}
