//! What the tests of whole replays share: running the binary, and reading tables back as comparable rows.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod event;
pub mod kills;

use arrow_array::ArrayRef;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The sample log that comes with the project: 85 s of a real control plane, 5,254 events.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop-cluster.jsonl.xz")
}

/// The lines of the sample log.
pub fn sample_lines() -> Vec<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    liblzma::read::XzDecoder::new(File::open(sample()).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

/// The program: the one that was built with the tests, or the one that `CAUSEWAY_BIN` names, such as a release.
pub fn binary() -> std::ffi::OsString {
    std::env::var_os("CAUSEWAY_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_causeway").into())
}

/// A replay into `output`.
pub fn replay(output: &Path, inputs: &[&Path], more: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["replay", "--cluster", "test", "--no-progress", "--output"]).arg(output).args(more).args(inputs);
    command
}

/// Runs a command that must succeed.
pub fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Rows of every table, sorted, each as `column=value` text. Columns in `without` are left out.
pub type Rows = BTreeMap<String, Vec<String>>;

/// Reads all tables under `root`.
pub fn rows(root: &Path, without: &[&str]) -> Rows {
    rows_of(root, &["events", "contexts", "sessions", "filtered", "rejects"], without)
}

/// Reads these tables under `root`.
pub fn rows_of(root: &Path, tables: &[&str], without: &[&str]) -> Rows {
    let mut rows = Rows::new();
    for table in tables {
        let mut found = Vec::new();
        for file in files(&root.join(table)) {
            read(&file, without, &mut found);
        }
        found.sort_unstable();
        rows.insert((*table).to_owned(), found);
    }
    rows
}

/// All Parquet files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .collect();
    found.sort();
    found
}

fn read(file: &Path, without: &[&str], rows: &mut Vec<String>) {
    let options = FormatOptions::default().with_null("∅");
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let schema = batch.schema();
        // Formatting a time zone needs a database of them: times are compared as numbers.
        let plain: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                DataType::Timestamp(..) => arrow_cast::cast(column, &DataType::Int64).unwrap(),
                _ => column.clone(),
            })
            .collect();
        let columns: Vec<(&str, ArrayFormatter)> = schema
            .fields()
            .iter()
            .zip(&plain)
            .filter(|(field, _)| !without.contains(&field.name().as_str()))
            .map(|(field, column)| (field.name().as_str(), ArrayFormatter::try_new(column, &options).unwrap()))
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|(name, values)| format!("{name}={}\t", values.value(row))).collect());
        }
    }
}

/// Asserts that two sets of tables hold the same rows, and says which differ.
pub fn assert_same(expected: &Rows, found: &Rows, what: &str) {
    // `events` first: what differs there explains the rest
    let order = |table: &String| table != "events";
    let mut tables: Vec<_> = expected.iter().collect();
    tables.sort_by_key(|(table, _)| order(table));
    for (table, rows) in tables {
        let other = &found[table];
        if rows != other {
            let missing: Vec<_> = rows.iter().filter(|row| other.binary_search(row).is_err()).take(3).collect();
            let added: Vec<_> = other.iter().filter(|row| rows.binary_search(row).is_err()).take(3).collect();
            panic!(
                "{what}: table {table} has {} rows instead of {}\nmissing: {missing:#?}\nadded: {added:#?}",
                other.len(),
                rows.len()
            );
        }
    }
}

/// The program with other arguments than a replay's.
pub fn causeway(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args);
    command
}

/// Asserts that the tables hold what their manifest says.
pub fn verify(output: &Path) {
    let mut command = causeway(&["verify"]);
    command.arg(output);
    succeed(command);
}

/// Replays and gives the closing account, after a look at whether it adds up and agrees with the tables.
pub fn accounted(output: &Path, inputs: &[&Path], more: &[&str]) -> serde_json::Value {
    let file = output.with_extension("account.json");
    let mut command = replay(output, inputs, more);
    command.arg("--account").arg(&file);
    succeed(command);
    let account: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!(count("read"), count("events") + count("filtered") + count("rejects"), "{account:#}");
    let rows = rows(output, &[]);
    for table in ["events", "rejects", "contexts", "sessions"] {
        assert_eq!(count(table), rows[table].len() as u64, "the table {table}: {account:#}");
    }
    let filtered: u64 = rows["filtered"].iter().map(|row| cell(row, "count").parse::<u64>().unwrap()).sum();
    assert_eq!(count("filtered"), filtered, "the table filtered: {account:#}");
    account
}

/// The value of a column in a row of [`rows`].
pub fn cell<'r>(row: &'r str, column: &str) -> &'r str {
    let is_it = |cell: &&str| cell.strip_prefix(column).is_some_and(|rest| rest.starts_with('='));
    row.split('\t').find(is_it).map_or_else(|| panic!("no column {column} in {row}"), |cell| &cell[column.len() + 1..])
}

/// All manifests, the oldest first.
pub fn manifests(output: &Path) -> Vec<serde_json::Value> {
    let folder = output.join("_causeway/manifest");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|name| name.extension().is_some_and(|e| e == "json"));
    let number = |name: &PathBuf| name.file_stem().unwrap().to_string_lossy().parse::<u64>().unwrap();
    names.sort_by_key(number);
    names.iter().map(|name| serde_json::from_slice(&std::fs::read(name).unwrap()).unwrap()).collect()
}
