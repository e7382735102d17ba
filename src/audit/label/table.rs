//! The table of resources that have a label, `labels.csv`: one row for each (group, version, resource[/subresource]).

use super::{Label, Parts, Verb};
use hashbrown::HashMap;
use std::sync::LazyLock;

const CSV: &str = include_str!("../labels.csv");

/// Type id that stands for all custom resources. (667, its namespaced twin, is never proposed.)
pub(super) const CUSTOM: u16 = 666;

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// API group; `core` for the core group.
    pub group: &'static str,
    /// Version, matched exactly.
    pub version: &'static str,
    /// `resource` or `resource/subresource`.
    pub resource: &'static str,
    /// Type id.
    pub id: u16,
    /// Sub id.
    pub sub: u8,
    /// Verbs that have a label, as bits by verb id: get or list allows both, and so on.
    verbs: u8,
}

impl Row {
    pub(super) fn allows(&self, verb: Verb) -> bool {
        self.verbs >> (verb as u8) & 1 == 1
    }
}

/// Group, version, resource, subresource.
type Key<'k> = (&'k str, &'k str, &'k str, &'k str);

struct Table {
    rows: Vec<Row>,
    by_name: HashMap<Key<'static>, usize>,
    by_id: HashMap<(u16, u8), usize>,
    groups: HashMap<&'static str, ()>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let rows: Vec<Row> = CSV.lines().skip(1).filter_map(row).collect();
    let name = |row: &Row| {
        let (resource, subresource) = row.resource.split_once('/').unwrap_or((row.resource, ""));
        (row.group, row.version, resource, subresource)
    };
    Table {
        by_name: rows.iter().map(name).zip(0..).collect(),
        by_id: rows.iter().map(|row| (row.id, row.sub)).zip(0..).collect(),
        groups: rows.iter().map(|row| (row.group, ())).collect(),
        rows,
    }
});

/// `api_group,version,resource,id,sub_id,namespaced,verbs`.
fn row(line: &'static str) -> Option<Row> {
    let mut fields = line.split(',');
    let (group, version, resource) = (fields.next()?, fields.next()?, fields.next()?);
    let (id, sub) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let verbs = fields.nth(1)?.split(' ').filter_map(Verb::of).fold(0, |bits, verb| bits | 1 << verb as u8);
    Some(Row { group, version, resource, id, sub, verbs })
}

/// The row of a resource.
pub(super) fn by_name(group: &str, version: &str, resource: &str, subresource: &str) -> Option<&'static Row> {
    let table: &'static Table = &TABLE;
    table.rows.get(*table.by_name.get(&(group, version, resource, subresource))?)
}

/// The row of an id and sub id.
pub(super) fn by_id(id: u16, sub: u8) -> Option<&'static Row> {
    let table: &'static Table = &TABLE;
    table.rows.get(*table.by_id.get(&(id, sub))?)
}

/// Whether any resource of the group is in the table.
pub(super) fn has_group(group: &str) -> bool {
    TABLE.groups.contains_key(group)
}

/// Every label that can occur, in order, the unknown one last: 1,357 of them.
pub fn all() -> Vec<Label> {
    let mut labels = Vec::new();
    for row in &TABLE.rows {
        for verb in Verb::ALL.into_iter().filter(|verb| row.allows(*verb)) {
            for (namespaced, single) in [(false, false), (false, true), (true, false), (true, true)] {
                labels.push(Label::encode(Parts { id: row.id, sub: row.sub, namespaced, single, verb }));
            }
        }
    }
    labels.sort_unstable();
    labels.push(Label::UNKNOWN);
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_row_and_nothing_is_there_twice() {
        assert_eq!((CSV.lines().count() - 1, TABLE.rows.len()), (98, 98));
        assert_eq!((TABLE.by_name.len(), TABLE.by_id.len()), (98, 98));
        let mut ids: Vec<u16> = TABLE.rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 58);
    }

    #[test]
    fn there_are_as_many_labels_as_the_original_finds() {
        let labels = all();
        assert_eq!(labels.len(), 1_357);
        assert!(labels.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(labels.iter().all(|label| label.to_string() != "cannot be decoded"));
    }
}
