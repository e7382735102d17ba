//! Checks a whole output folder: every commit, every file, every count. Changes nothing.
//!
//! ```text
//! manifests ─▶ numbered without a gap, each naming the one before
//!     └─ files ─▶ there, with their bytes, checksum and rows ─▶ rows by table ─▶ equal to the account
//! folder ─▶ nothing that no manifest lists
//! ```

use super::LakeError;
use super::commit::{newest_number, read_manifest};
use super::layout::{self, STAGING, STATES};
use super::manifest::{Account, Checksum, Manifest};
use super::store::{self, Store, TableFile};
use super::tables::{Table, read::Cells};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The output folder.
    pub root: PathBuf,
    /// Commits.
    pub commits: u64,
    /// Table files.
    pub files: u64,
    /// Bytes of the table files.
    pub bytes: u64,
    /// Rows by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// The account of the newest commit.
    pub account: Account,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl Report {
    /// Nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, path: impl Into<PathBuf>, what: impl ToString) {
        self.problems.push(Problem { path: path.into(), what: what.to_string() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { read, events, filtered, rejects, .. } = &self.account;
        writeln!(f, "{}: {} commits, {} files, {} bytes", self.root.display(), self.commits, self.files, self.bytes)?;
        for (table, rows) in &self.rows {
            writeln!(f, "  {table:<10} {rows:>14} rows")?;
        }
        writeln!(f, "  {read} read = {events} events + {filtered} filtered + {rejects} rejects")?;
        for Problem { path, what } in &self.problems {
            writeln!(f, "  problem: {}: {what}", path.display())?;
        }
        match self.problems.len() {
            0 => write!(f, "everything is in order"),
            1 => write!(f, "1 problem"),
            n => write!(f, "{n} problems"),
        }
    }
}

/// Checks the tables at `root`, a folder or a URL. A writer that is at work meanwhile shows as problems that are none.
///
/// # Errors
/// [`LakeError::NoLake`] where there is none, and when a folder cannot be read at all; everything else is in the report.
pub fn verify(root: &Path) -> Result<Report, LakeError> {
    verify_store(&*store::open(root, store::Options::default())?)
}

/// The same for any store.
///
/// # Errors
/// As [`verify`].
pub fn verify_store(store: &dyn Store) -> Result<Report, LakeError> {
    let root = store.root();
    let mut report = Report { root: root.to_owned(), ..Report::default() };
    let newest = match newest_number(store) {
        Ok(None) => return Err(LakeError::NoLake { path: root.to_owned() }),
        Ok(Some(number)) => number,
        Err(LakeError::Missing { path }) => {
            report.problem(path, "is missing, so the history has a gap");
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let mut listed = BTreeSet::new();
    let mut counted = 0_u64;
    let mut before: Option<Checksum> = None;
    let mut last: Option<Manifest> = None;
    for number in 1..=newest {
        let path = root.join(layout::manifest_path(number));
        let (manifest, checksum) = match read_manifest(store, number) {
            Ok(found) => found,
            Err(error) => {
                report.problem(path, error);
                continue;
            }
        };
        report.commits += 1;
        if manifest.previous != before {
            report.problem(&path, "does not follow the manifest before it");
        }
        counted = check_files(store, &manifest, &mut report, &mut listed)?.saturating_add(counted);
        before = Some(checksum);
        last = Some(manifest);
    }
    if let Some(last) = last {
        check_state(store, &last, &mut report)?;
        report.account = last.account;
        check_account(counted, &mut report);
    }
    check_strays(store, &listed, &mut report)?;
    Ok(report)
}

/// Checks the files of one commit; returns the sum of `count` over its rows of `filtered`.
fn check_files(
    store: &dyn Store,
    manifest: &Manifest,
    report: &mut Report,
    listed: &mut BTreeSet<String>,
) -> Result<u64, LakeError> {
    let mut counted = 0_u64;
    for entry in &manifest.files {
        let full = store.root().join(&entry.path);
        if !listed.insert(entry.path.clone()) {
            report.problem(&full, "is listed twice");
            continue;
        }
        report.files += 1;
        report.bytes = report.bytes.saturating_add(entry.bytes);
        let rows_of_table = report.rows.entry(entry.table.name()).or_default();
        *rows_of_table = rows_of_table.saturating_add(entry.rows);
        let Some(file) = store.open(&entry.path)? else {
            report.problem(full, "is missing although a commit lists it");
            continue;
        };
        match sum(&file) {
            Err(error) => report.problem(full, error),
            Ok((bytes, _)) if bytes != entry.bytes => {
                report.problem(full, format!("has {bytes} bytes where {} were committed", entry.bytes));
            }
            Ok((_, checksum)) if checksum != entry.checksum => {
                report.problem(full, "has other bytes than were committed");
            }
            Ok(_) => match rows(file, entry.table) {
                Err(error) => report.problem(full, error),
                Ok((rows, _)) if rows != entry.rows => {
                    report.problem(full, format!("has {rows} rows where {} were committed", entry.rows));
                }
                Ok((_, events)) => counted = events.saturating_add(counted),
            },
        }
    }
    Ok(counted)
}

fn check_state(store: &dyn Store, last: &Manifest, report: &mut Report) -> Result<(), LakeError> {
    let full = store.root().join(&last.state.path);
    match store.read(&last.state.path)? {
        None => report.problem(full, "is missing although a commit lists it"),
        Some(bytes) if Checksum::of(&bytes) != last.state.checksum => {
            report.problem(full, "has other bytes than were committed");
        }
        Some(_) => {}
    }
    for name in store.list(STATES)? {
        let path = format!("{STATES}/{name}");
        if path != last.state.path {
            report.problem(store.root().join(&path), "is left over; the next start removes it");
        }
    }
    Ok(())
}

/// The account balances, and the tables hold what it says. `counted` is the sum over `filtered`.
fn check_account(counted: u64, report: &mut Report) {
    let account = report.account.clone();
    let root = report.root.clone();
    if let Some(what) = account.imbalance() {
        report.problem(&root, format!("the account does not balance: {what}"));
    }
    let rows = |table: Table| report.rows.get(table.name()).copied().unwrap_or_default();
    let claims = [
        (Table::Events, rows(Table::Events) + rows(Table::Lines), account.events),
        (Table::Rejects, rows(Table::Rejects), account.rejects),
        (Table::Contexts, rows(Table::Contexts), account.contexts),
        (Table::Sessions, rows(Table::Sessions) + rows(Table::LogSessions), account.sessions),
        (Table::Filtered, counted, account.filtered.saturating_sub(account.pending_filtered)),
    ];
    for (table, found, claimed) in claims {
        if found != claimed {
            let what = format!("the files account for {found}, the manifest for {claimed}");
            report.problem(root.join(table.name()), what);
        }
    }
}

/// Files that no manifest lists, and leftovers of a crash.
fn check_strays(store: &dyn Store, listed: &BTreeSet<String>, report: &mut Report) -> Result<(), LakeError> {
    for table in Table::ALL {
        for (path, _) in store.files(table.name())? {
            if !listed.contains(&path) && path.ends_with(".parquet") {
                report.problem(store.root().join(&path), "is listed by no commit");
            }
        }
    }
    for name in store.list(STAGING)? {
        report.problem(
            store.root().join(format!("{STAGING}/{name}")),
            "is left over from a crash; the next start clears it",
        );
    }
    Ok(())
}

/// Bytes and checksum of a file.
fn sum(file: &TableFile) -> Result<(u64, Checksum), parquet::errors::ParquetError> {
    let mut file = file.get_read(0)?;
    let (mut hash, mut bytes) = (Xxh3::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    Ok((bytes, Checksum(hash.digest())))
}

/// Rows of a file, and for `filtered` the events that they count.
fn rows(file: TableFile, table: Table) -> Result<(u64, u64), parquet::errors::ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let rows = builder.metadata().file_metadata().num_rows();
    let mut events = 0_u64;
    if table == Table::Filtered {
        let mask = ProjectionMask::columns(builder.parquet_schema(), ["count"]);
        for batch in builder.with_projection(mask).build()? {
            let batch = batch?;
            let cells = Cells::new(&batch);
            for row in 0..batch.num_rows() {
                events = cells.count("count", row).saturating_add(events);
            }
        }
    }
    Ok((u64::try_from(rows).unwrap_or_default(), events))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::time::Micros;
    use crate::lake::samples::{START_US, commit_events};
    use crate::lake::tables::{FilteredRow, to_batches};
    use crate::lake::{CommitRequest, Lake, TableWriter};

    /// Commits one row of `filtered` that counts `count` events, with an account that claims `filtered` of them.
    fn commit_filtered(root: &Path, count: u64, filtered: u64, pending_filtered: u64) -> Report {
        let mut lake = Lake::open(root).unwrap();
        let mut writer = TableWriter::new(lake.store(), 0);
        let row = FilteredRow { minute: Micros(START_US), count, ..FilteredRow::default() };
        writer.write(Table::Filtered, "prod", &to_batches(&[row]).unwrap()[0]).unwrap();
        let files = writer.finish(lake.next_number()).unwrap();
        let filtered_by_rule = BTreeMap::from([("stage".to_owned(), filtered)]);
        let account = Account { read: filtered, filtered, filtered_by_rule, pending_filtered, ..Account::default() };
        lake.commit(CommitRequest { files, account, ..CommitRequest::default() }).unwrap();
        drop(lake);
        verify(root).unwrap()
    }

    #[test]
    fn filtered_counts_equal_the_account() {
        let whole = commit_filtered(tempfile::tempdir().unwrap().path(), 5, 7, 2);
        assert!(whole.is_sound(), "{whole}");
        let lost = commit_filtered(tempfile::tempdir().unwrap().path(), 5, 7, 0);
        assert_eq!(lost.problems.len(), 1, "{lost}");
        assert!(lost.problems[0].path.ends_with("filtered"), "{lost}");
    }

    #[test]
    fn a_report_reads_as_text_and_as_json() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(verify(folder.path()), Err(LakeError::NoLake { .. })));
        commit_events(&mut Lake::open(folder.path()).unwrap(), 3).unwrap();
        let stray = folder.path().join("contexts/cluster=x");
        std::fs::create_dir_all(&stray).unwrap();
        std::fs::write(stray.join("mine.parquet"), "").unwrap();
        let report = verify(folder.path()).unwrap();
        let text = report.to_string();
        assert!(text.contains("3 read = 3 events + 0 filtered + 0 rejects"), "{text}");
        assert!(text.contains("mine.parquet: is listed by no commit") && text.ends_with("1 problem"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["rows"]["events"], &json["commits"]), (&3.into(), &1.into()));
    }
}
