//! Reads rows back for the command line: committed files only, the columns that are asked for, whole files skipped where
//! the manifest or a Bloom filter says that they hold nothing.
//!
//! ```text
//! manifests ─▶ files by table, cluster, time ─▶ row groups by Bloom filter ─▶ rows by exact match ─▶ batches
//! ```
//! No lock is taken: a commit that is being published meanwhile is read from the staging folder.

use super::LakeError;
use super::commit::{newest_number, read_manifest};
use super::manifest::StagedFile;
use super::partition;
use super::store::{self, Store, TableFile};
use super::tables::{ContextRow, Table, read::Cells};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use std::collections::BTreeMap;
use std::path::Path;

/// Which contexts to read. Empty fields ask for nothing.
#[derive(Clone, Debug, Default)]
pub struct ContextFilter {
    /// Exactly this cluster.
    pub cluster: Option<String>,
    /// Exactly this context.
    pub context_id: Option<Id>,
    /// Contexts that began with this request.
    pub root_audit_id: Option<String>,
    /// Exactly this user.
    pub user: Option<String>,
    /// Contexts that touched this namespace.
    pub namespace: Option<String>,
    /// Contexts that began at or after this time.
    pub since: Option<Micros>,
    /// Contexts that began before this time.
    pub until: Option<Micros>,
    /// Background streams too.
    pub background: bool,
}

/// Which events to read. Empty fields ask for nothing.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Exactly this cluster.
    pub cluster: Option<String>,
    /// Events of this context.
    pub context_id: Option<Id>,
    /// Events of this request.
    pub audit_id: Option<String>,
    /// Events received at or after this time.
    pub since: Option<Micros>,
    /// Events received before this time.
    pub until: Option<Micros>,
}

/// The latest revision of each context that passes the filter, by time. `root` is a folder or a URL.
///
/// # Errors
/// [`LakeError::NoLake`], or the file that cannot be read.
pub fn read_contexts(root: &Path, filter: &ContextFilter) -> Result<Vec<ContextRow>, LakeError> {
    let store = &*store::open(root, store::Options::default())?;
    let wanted = Wanted {
        cluster: filter.cluster.as_deref(),
        since: filter.since,
        until: filter.until,
        equal: equal([
            ("context_id", filter.context_id.map(|id| id.to_string())),
            ("root_audit_id", filter.root_audit_id.clone()),
        ]),
    };
    let mut latest: BTreeMap<(String, Id), ContextRow> = BTreeMap::new();
    for file in committed(store, Table::Contexts, &wanted)? {
        for batch in read_file(store, &file, &wanted, None)? {
            for row in ContextRow::from_batch(&batch) {
                let newest = latest.entry((row.cluster.clone(), row.context_id)).or_default();
                if row.revision >= newest.revision {
                    *newest = row;
                }
            }
        }
    }
    let mut rows: Vec<_> = latest.into_values().filter(|row| filter.passes(row)).collect();
    rows.sort_by_key(|row| (row.start_at, row.context_id));
    Ok(rows)
}

impl ContextFilter {
    fn passes(&self, row: &ContextRow) -> bool {
        let touches = |namespace: &String| row.namespace == *namespace || row.namespaces.contains(namespace);
        (self.background || row.background.is_empty())
            && self.cluster.as_ref().is_none_or(|cluster| row.cluster == *cluster)
            && self.user.as_ref().is_none_or(|user| row.user == *user)
            && self.namespace.as_ref().is_none_or(touches)
            && self.since.is_none_or(|since| row.start_at >= since)
            && self.until.is_none_or(|until| row.start_at < until)
    }
}

/// The events that pass the filter, with the columns that are asked for (all for `None`), in the order of the files.
/// The columns that the filter needs come too. Cells are best read with [`Cells`].
///
/// # Errors
/// [`LakeError::NoLake`], or the file that cannot be read.
pub fn read_events(root: &Path, filter: &EventFilter, columns: Option<&[&str]>) -> Result<Vec<RecordBatch>, LakeError> {
    read_events_in(&*store::open(root, store::Options::default())?, filter, columns)
}

/// The same from a store.
///
/// # Errors
/// As [`read_events`].
pub fn read_events_in(
    store: &dyn Store,
    filter: &EventFilter,
    columns: Option<&[&str]>,
) -> Result<Vec<RecordBatch>, LakeError> {
    let wanted = Wanted {
        cluster: filter.cluster.as_deref(),
        since: filter.since,
        until: filter.until,
        equal: equal([
            ("context_id", filter.context_id.map(|id| id.to_string())),
            ("audit_id", filter.audit_id.clone()),
        ]),
    };
    let mut batches = Vec::new();
    for file in committed(store, Table::Events, &wanted)? {
        batches.extend(read_file(store, &file, &wanted, columns)?);
    }
    Ok(batches)
}

/// All committed rows of a table with the columns that are asked for, in the order of the files.
///
/// # Errors
/// [`LakeError::NoLake`], or the file that cannot be read.
pub fn read_table(root: &Path, table: Table, columns: &[&str]) -> Result<Vec<RecordBatch>, LakeError> {
    let store = store::open(root, store::Options::default())?;
    let all = Wanted { cluster: None, since: None, until: None, equal: Vec::new() };
    let mut batches = Vec::new();
    for file in committed(&*store, table, &all)? {
        batches.extend(read_file(&*store, &file, &all, Some(columns))?);
    }
    Ok(batches)
}

/// The rows that one commit added to a table.
///
/// # Errors
/// [`LakeError::Missing`] when there is no such commit, or the file that cannot be read.
pub fn read_commit(store: &dyn Store, number: u64, table: Table) -> Result<Vec<RecordBatch>, LakeError> {
    let all = Wanted { cluster: None, since: None, until: None, equal: Vec::new() };
    let (manifest, _) = read_manifest(store, number)?;
    let mut batches = Vec::new();
    for file in manifest.files.iter().filter(|file| file.table == table) {
        batches.extend(read_file(store, file, &all, None)?);
    }
    Ok(batches)
}

/// What a scan looks for, as files and row groups can be told by.
struct Wanted<'a> {
    cluster: Option<&'a str>,
    since: Option<Micros>,
    until: Option<Micros>,
    /// Text columns that must hold exactly this.
    equal: Vec<(&'static str, String)>,
}

fn equal<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    pairs.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// The committed files of a table that may hold what is wanted, in the order of their commits.
fn committed(store: &dyn Store, table: Table, wanted: &Wanted<'_>) -> Result<Vec<StagedFile>, LakeError> {
    let Some(newest) = newest_number(store)? else { return Err(LakeError::NoLake { path: store.root().to_owned() }) };
    let folder = wanted.cluster.map(|cluster| format!("{}/cluster={}/", table.name(), partition::encode(cluster)));
    let mut files = Vec::new();
    for number in 1..=newest {
        let (manifest, _) = read_manifest(store, number)?;
        files.extend(manifest.files.into_iter().filter(|file| {
            file.table == table
                && folder.as_ref().is_none_or(|folder| file.path.starts_with(folder.as_str()))
                && wanted.since.zip(file.max_us).is_none_or(|(since, max)| max >= since.0)
                && wanted.until.zip(file.min_us).is_none_or(|(until, min)| min < until.0)
        }));
    }
    Ok(files)
}

/// The rows of one file that are wanted.
fn read_file(
    store: &dyn Store,
    entry: &StagedFile,
    wanted: &Wanted<'_>,
    columns: Option<&[&str]>,
) -> Result<Vec<RecordBatch>, LakeError> {
    let full = store.root().join(&entry.path);
    // A file of the newest commit may be on its way from the staging folder, and arrive between two looks.
    let found = match store.open(&entry.path)? {
        Some(file) => Some(file),
        None => store.open(&entry.staged)?.map_or_else(|| store.open(&entry.path), |file| Ok(Some(file)))?,
    };
    let Some(file) = found else { return Err(LakeError::Missing { path: full }) };
    matching(file, entry.table, wanted, columns).map_err(LakeError::parquet(full))
}

fn matching(
    file: TableFile,
    table: Table,
    wanted: &Wanted<'_>,
    columns: Option<&[&str]>,
) -> Result<Vec<RecordBatch>, ParquetError> {
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mut groups = Vec::new();
    for group in 0..builder.metadata().num_row_groups() {
        if may_hold(&mut builder, group, &wanted.equal)? {
            groups.push(group);
        }
    }
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(columns) = columns {
        let needed =
            columns.iter().copied().chain(wanted.equal.iter().map(|(name, _)| *name)).chain(table.time_column());
        let mask = ProjectionMask::columns(builder.parquet_schema(), needed);
        builder = builder.with_projection(mask);
    }
    let mut batches = Vec::new();
    for batch in builder.with_row_groups(groups).build()? {
        let batch = batch?;
        let kept = kept_rows(&batch, table, wanted);
        if kept.true_count() > 0 {
            batches.push(filter_record_batch(&batch, &kept)?);
        }
    }
    Ok(batches)
}

/// Whether the Bloom filters of a row group leave the wanted values possible.
fn may_hold(
    builder: &mut ParquetRecordBatchReaderBuilder<TableFile>,
    group: usize,
    equal: &[(&'static str, String)],
) -> Result<bool, ParquetError> {
    for (name, text) in equal {
        let place = builder.parquet_schema().columns().iter().position(|column| column.path().string() == *name);
        let Some(place) = place else { continue };
        if let Some(filter) = builder.get_row_group_column_bloom_filter(group, place)?
            && !filter.check(text.as_str())
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn kept_rows(batch: &RecordBatch, table: Table, wanted: &Wanted<'_>) -> BooleanArray {
    let cells = Cells::new(batch);
    let keep = |row: usize| {
        let at = table.time_column().and_then(|name| cells.int(name, row));
        wanted.equal.iter().all(|(name, text)| cells.str(name, row) == text)
            && wanted.since.zip(at).is_none_or(|(since, at)| at >= since.0)
            && wanted.until.zip(at).is_none_or(|(until, at)| at < until.0)
    };
    (0..batch.num_rows()).map(|row| Some(keep(row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::samples::{START_US, commit_events};
    use crate::lake::tables::to_batches;
    use crate::lake::{Account, CommitRequest, Lake, TableWriter};
    use proptest::prelude::*;

    fn ids(root: &Path, filter: &EventFilter) -> Vec<String> {
        let batches = read_events(root, filter, Some(&["audit_id"])).unwrap();
        let ids = |batch: &RecordBatch| {
            let cells = Cells::new(batch);
            (0..batch.num_rows()).map(|row| cells.text("audit_id", row)).collect::<Vec<_>>()
        };
        batches.iter().flat_map(ids).collect()
    }

    #[test]
    fn events_are_found_by_context_request_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(matches!(read_events(root, &EventFilter::default(), None), Err(LakeError::NoLake { .. })));
        let mut lake = Lake::open(root).unwrap();
        (0..3).for_each(|_| commit_events(&mut lake, 30).unwrap());
        let all = EventFilter::default();
        assert_eq!(ids(root, &all).len(), 90);
        assert_eq!(ids(root, &EventFilter { context_id: Some(Id(42)), ..all.clone() }), ["a42"]);
        assert_eq!(ids(root, &EventFilter { audit_id: Some("a7".into()), ..all.clone() }), ["a7"]);
        assert!(ids(root, &EventFilter { audit_id: Some("no".into()), ..all.clone() }).is_empty());
        assert!(ids(root, &EventFilter { cluster: Some("other".into()), ..all.clone() }).is_empty());
        let hour = |n: i64| Some(Micros(START_US + n * 3_600_000_000));
        assert_eq!(ids(root, &EventFilter { since: hour(29), until: hour(32), ..all.clone() }), ["a29", "a30", "a31"]);
        // All columns, as they were written.
        let filter = EventFilter { audit_id: Some("a7".into()), ..all };
        let batches = read_events(root, &filter, None).unwrap();
        assert_eq!(batches[0].schema().fields(), Table::Events.schema().fields());
        assert_eq!(Cells::new(&batches[0]).str("user", 0), "system:serviceaccount:shop:deployer");
    }

    #[test]
    fn staged_and_stray_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut lake = Lake::open(folder.path()).unwrap();
        commit_events(&mut lake, 3).unwrap();
        let first = folder.path().join("events/cluster=prod/date=2024-01-31/part-0000000001-0-0.parquet");
        std::fs::copy(&first, first.with_file_name("stray.parquet")).unwrap();
        std::fs::copy(&first, folder.path().join("_causeway/staging/1-9.parquet")).unwrap();
        assert_eq!(ids(folder.path(), &EventFilter::default()).len(), 3);
        // A commit that is being published is read from where it waits.
        let waits = &lake.last().unwrap().files[0].staged;
        std::fs::rename(&first, folder.path().join(waits)).unwrap();
        assert_eq!(ids(folder.path(), &EventFilter::default()).len(), 3);
    }

    fn context(id: u64, revision: u32) -> ContextRow {
        ContextRow {
            context_id: Id(id),
            revision,
            cluster: "prod".into(),
            root_audit_id: format!("a{id}"),
            user: if id.is_multiple_of(2) { "ada" } else { "bob" }.into(),
            start_at: Micros(START_US + id as i64),
            end_at: Micros(START_US + 9),
            verbs: BTreeMap::from([("create".into(), 1), ("get".into(), u64::from(revision))]),
            namespaces: vec![format!("ns{id}"), "shared".into()],
            parent_context_id: (id > 1).then_some(Id(1)),
            status_code: 201,
            closed: revision > 1,
            ..ContextRow::default()
        }
    }

    #[test]
    fn the_latest_revision_of_each_context_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut lake = Lake::open(folder.path()).unwrap();
        let background = ContextRow { background: "leases".into(), gaps: Some(2), ..context(4, 1) };
        let commits =
            [vec![context(1, 1), context(2, 1)], vec![context(3, 1), context(1, 2)], vec![background.clone()]];
        let mut written = 0;
        for rows in &commits {
            let mut writer = TableWriter::new(lake.store(), 0);
            for batch in to_batches(rows).unwrap() {
                writer.write(Table::Contexts, "prod", &batch).unwrap();
            }
            written += rows.len() as u64;
            let account = Account { contexts: written, ..Account::default() };
            let files = writer.finish(lake.next_number()).unwrap();
            lake.commit(CommitRequest { files, account, ..CommitRequest::default() }).unwrap();
        }
        let read = |filter: ContextFilter| read_contexts(folder.path(), &filter).unwrap();
        assert_eq!(read(ContextFilter::default()), [context(1, 2), context(2, 1), context(3, 1)]);
        let all = ContextFilter { background: true, ..ContextFilter::default() };
        assert_eq!(read(all).last(), Some(&background));
        assert_eq!(read(ContextFilter { context_id: Some(Id(1)), ..ContextFilter::default() }), [context(1, 2)]);
        assert_eq!(read(ContextFilter { user: Some("ada".into()), ..ContextFilter::default() }), [context(2, 1)]);
        assert_eq!(read(ContextFilter { namespace: Some("ns3".into()), ..ContextFilter::default() }), [context(3, 1)]);
        let since = Some(Micros(START_US + 3));
        assert_eq!(read(ContextFilter { since, ..ContextFilter::default() }), [context(3, 1)]);
        let report = crate::lake::verify::verify(folder.path()).unwrap();
        assert!(report.is_sound(), "{report}");
    }

    proptest! {
        #[test]
        fn context_rows_read_back(
            texts in prop::collection::vec(".{0,20}", 4),
            numbers in prop::collection::vec(0..i64::MAX as u64, 3),
            counts in prop::collection::btree_map("[a-z]{1,5}", 0u64..1000, 0..5),
            label in any::<i32>(),
            period_us in any::<Option<i64>>(),
        ) {
            let row = ContextRow {
                user: texts[0].clone(),
                name: texts[1].clone(),
                summary: texts[2].clone(),
                objects: vec![texts[3].clone(), String::new()],
                events: numbers[0],
                duration_us: numbers[1],
                end_at: Micros(numbers[2] as i64),
                actors: counts,
                label,
                period_us,
                ..context(5, 3)
            };
            let batches = to_batches(std::slice::from_ref(&row)).unwrap();
            prop_assert_eq!(ContextRow::from_batch(&batches[0]), vec![row]);
        }
    }
}
