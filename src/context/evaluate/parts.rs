//! Scores of parts of the user events: by kind of action, by size of the true context, of delayed events.

use super::clustering::{f1, ratio};
use super::met::Met;
use super::rows::{Context, Scored};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// B-cubed of some of the user events, measured against all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Part {
    /// Events.
    pub events: usize,
    /// True contexts that they belong to.
    pub contexts: usize,
    /// Share of these that were met exactly.
    pub exact_share: f64,
    /// B-cubed precision.
    pub b3_p: f64,
    /// B-cubed recall.
    pub b3_r: f64,
    /// Harmonic mean of both.
    pub b3_f1: f64,
}

/// Numbers that are told apart, of events or of contexts: (least, most, name).
pub(super) const SIZES: &[(usize, usize, &str)] =
    &[(1, 1, "1"), (2, 4, "2-4"), (5, 9, "5-9"), (10, 19, "10-19"), (20, 49, "20-49"), (50, usize::MAX, "50-")];

pub(super) fn part(
    users: &[&Scored<'_>],
    sizes: &BTreeMap<Context<'_>, usize>,
    met: &BTreeMap<&str, Met>,
    wanted: &dyn Fn(&Scored<'_>) -> bool,
) -> Option<Part> {
    let mut cells: BTreeMap<(&str, Context<'_>), usize> = BTreeMap::new();
    users.iter().for_each(|one| *cells.entry((one.action, one.context)).or_default() += 1);
    let chosen: Vec<&&Scored<'_>> = users.iter().filter(|one| wanted(one)).collect();
    let (mut precision, mut recall) = (0.0, 0.0);
    for one in &chosen {
        let common = cells.get(&(one.action, one.context)).copied().unwrap_or(0) as f64;
        precision += ratio(common, sizes.get(&one.context).copied().unwrap_or(0) as f64, 0.0);
        recall += ratio(common, met.get(one.action).map_or(0, |one| one.events) as f64, 0.0);
    }
    if chosen.is_empty() {
        return None;
    }
    let (b3_p, b3_r) = (precision / chosen.len() as f64, recall / chosen.len() as f64);
    let actions: BTreeSet<&str> = chosen.iter().map(|one| one.action).collect();
    let exact = actions.iter().filter(|action| met.get(**action).is_some_and(Met::exact)).count();
    Some(Part {
        events: chosen.len(),
        contexts: actions.len(),
        exact_share: ratio(exact as f64, actions.len() as f64, 1.0),
        b3_p,
        b3_r,
        b3_f1: f1(b3_p, b3_r),
    })
}
