//! The new algorithm: events of one label, cut into windows, clustered by score around their triggers.
//!
//! ```text
//! events of a label ─┬─ one event, or triggers only: each alone
//!                    ├─ one trigger: all of them one cluster, whatever the time between them
//!                    └─ windows of 300 s and 1,000 events ─▶ triggers seed clusters ─▶ the others join the best, or seed too
//! ```

use super::Members;
use super::record::Record;
use super::score::{THRESHOLD, Traits};
use crate::audit::label::Label;
use std::collections::BTreeMap;

/// Longest time from the first to the last event of a window, microseconds.
const WINDOW_US: i64 = 300_000_000;
/// Most events of a window.
const WINDOW_EVENTS: usize = 1_000;

/// Clusters those of `records` whose indices are in `chosen`.
pub fn cluster(records: &[Record], chosen: &[usize]) -> Vec<Members> {
    let mut groups: BTreeMap<Label, Vec<(usize, &Record)>> = BTreeMap::new();
    for &at in chosen {
        if let Some(record) = records.get(at) {
            groups.entry(record.label).or_default().push((at, record));
        }
    }
    groups.into_values().flat_map(|group| of_label(&group)).collect()
}

fn of_label(group: &[(usize, &Record)]) -> Vec<Members> {
    let mut triggers = group.iter().filter(|(_, record)| record.is_trigger()).map(|(at, _)| *at);
    match (triggers.next(), triggers.count()) {
        (Some(_), others) if others + 1 == group.len() => group.iter().map(|(at, _)| Members::alone(*at)).collect(),
        (Some(only), 0) => vec![Members { events: group.iter().map(|(at, _)| *at).collect(), root: Some(only) }],
        _ => windows(group).into_iter().flat_map(of_window).collect(),
    }
}

/// Tumbling windows: each starts with the first event that the one before could not take.
fn windows<'g, 'r>(group: &'g [(usize, &'r Record)]) -> Vec<&'g [(usize, &'r Record)]> {
    let mut windows = Vec::new();
    let mut rest = group;
    while let Some((_, first)) = rest.first() {
        let fits = |(_, record): &(usize, &Record)| record.received_at.since(first.received_at) <= WINDOW_US;
        let len = rest.iter().take(WINDOW_EVENTS).take_while(|event| fits(event)).count().max(1);
        let (window, behind) = rest.split_at(len.min(rest.len()));
        windows.push(window);
        rest = behind;
    }
    windows
}

fn of_window(window: &[(usize, &Record)]) -> Vec<Members> {
    let mut clusters: Vec<(Traits, Members)> = Vec::new();
    let seed = |at: usize, event: &Record, clusters: &mut Vec<(Traits, Members)>| {
        let mut traits = Traits::default();
        traits.join(event);
        clusters.push((traits, Members { events: vec![at], root: event.is_trigger().then_some(at) }));
    };
    let (triggers, others): (Vec<_>, Vec<_>) = window.iter().partition(|(_, event)| event.is_trigger());
    triggers.iter().for_each(|(at, event)| seed(*at, event, &mut clusters));
    for (at, event) in others {
        match best(&mut clusters, event) {
            Some((traits, members)) => {
                traits.join(event);
                members.events.push(at);
            }
            None => seed(at, event, &mut clusters),
        }
    }
    clusters.into_iter().map(|(_, members)| members).collect()
}

/// The cluster with the highest score that reaches the threshold; of equals the earliest.
fn best<'c>(clusters: &'c mut [(Traits, Members)], event: &Record) -> Option<&'c mut (Traits, Members)> {
    let mut best: Option<(u32, &mut (Traits, Members))> = None;
    for cluster in clusters {
        let score = cluster.0.score(event);
        if score >= THRESHOLD && best.as_ref().is_none_or(|(highest, _)| score > *highest) {
            best = Some((score, cluster));
        }
    }
    best.map(|(_, cluster)| cluster)
}
