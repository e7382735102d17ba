//! The tables as others see them: DuckDB and Polars open them by a glob and agree with each other and with the account; what is
//! in the files is what `schemas/` says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use arrow_schema::DataType;
use common::event::{event, lines};
use common::{accounted, cell, files, rows, sample_lines};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLES: [&str; 5] = ["events", "contexts", "sessions", "filtered", "rejects"];

/// A log with something for every table: the sample, bad lines, and events of another day.
fn log(folder: &Path) -> PathBuf {
    let at = |id: &str, time: &str| {
        let mut event = event(0, "delete", "secrets", "db");
        (event["auditID"], event["requestReceivedTimestamp"], event["stageTimestamp"]) =
            (id.into(), time.into(), time.into());
        event
    };
    let days = [at("first", "2026-11-01T23:59:59.999999Z"), at("second", "2026-11-02T02:00:00+02:00")];
    let log = [lines(&days), b"not an event\n{\"cut off\n".to_vec(), sample_lines().concat()].concat();
    let path = folder.join("audit.log");
    std::fs::write(&path, log).unwrap();
    path
}

/// A Python with DuckDB and Polars, made once in `target/`; `None`, with a word, where it cannot be had.
fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("venv");
    let python = venv.join("bin/python");
    let works = |python: &Path| {
        Command::new(python).args(["-c", "import duckdb, polars"]).output().is_ok_and(|output| output.status.success())
    };
    if works(&python) {
        return Some(python);
    }
    let steps: [(&str, Vec<&str>); 2] = [
        ("python3", vec!["-m", "venv", venv.to_str()?]),
        (python.to_str()?, vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb", "polars"]),
    ];
    for (program, arguments) in steps {
        let output = Command::new(program).args(&arguments).output();
        let said = match &output {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("skipped: DuckDB and Polars cannot be installed here: {program} {}: {said}", arguments.join(" "));
        return None;
    }
    works(&python).then_some(python)
}

#[test]
fn duckdb_and_polars_agree_with_the_account() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    // A name that needs to be encoded in a folder, and one that needs not; every mode gives other rows.
    let ways: &[(&str, &[&str])] = &[("prod-eu", &[]), ("prod/eu=1", &["--filter", "off"])];
    for (at, (cluster, way)) in ways.iter().enumerate() {
        let output = folder.path().join(format!("tables-{at}"));
        let mut more = vec!["--set", "files.block_bytes=64KiB", "--set", "commit.bytes=2MiB", "--workers", "2"];
        let name = format!("stream.cluster={cluster}");
        more.extend(["--set", &name]);
        more.extend(*way);
        let account = accounted(&output, &[&log], &more);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/query_tables.py");
        let answer = Command::new(&python).arg(script).arg(&output).output().unwrap();
        assert!(answer.status.success(), "{way:?}: {}", String::from_utf8_lossy(&answer.stderr));
        let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
        let own = rows(&output, &[]);
        for table in TABLES {
            assert_eq!(answer[table]["rows"], own[table].len(), "{table}");
            if table != "filtered" {
                assert_eq!(answer[table]["rows"], account[table], "{table}");
            }
        }
        assert_eq!(answer["rejects"]["rows"], 2);
        // Counts by rule are those of the account.
        let mut by_rule: BTreeMap<&str, u64> = BTreeMap::new();
        for row in answer["filtered"]["groups"]["rule,class"].as_array().unwrap() {
            *by_rule.entry(row[0].as_str().unwrap()).or_default() += row[2].as_str().unwrap().parse::<u64>().unwrap();
        }
        assert_eq!(serde_json::to_value(by_rule).unwrap(), account["filtered_by_rule"]);
        // Groups as we read them ourselves.
        let mut by_role: BTreeMap<String, u64> = BTreeMap::new();
        for row in &own["events"] {
            *by_role.entry(cell(row, "context_role").to_owned()).or_default() += 1;
        }
        let groups = answer["events"]["groups"]["context_role"].as_array().unwrap();
        let found =
            |row: &Value| (row[0].as_str().unwrap_or("∅").to_owned(), row[1].as_str().unwrap().parse().unwrap());
        assert_eq!(groups.iter().map(found).collect::<BTreeMap<String, u64>>(), by_role);
        // Days are those of UTC.
        let days: Vec<&str> = answer["events"]["groups"]["cluster,date"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[1].as_str().unwrap())
            .collect();
        assert!(days.contains(&"2026-11-01") && days.contains(&"2026-11-02"), "{days:?}");
        for row in answer["events"]["groups"]["cluster,date"].as_array().unwrap() {
            assert_eq!(row[0], *cluster);
        }
    }
}

/// A type as `schemas/` writes it.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Dictionary(key, value) => format!("Dictionary({key}, {value})"),
        DataType::Timestamp(unit, Some(zone)) => format!("Timestamp({unit:?}, {zone})"),
        DataType::List(item) => format!("List({})", item.data_type()),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => format!("Map({}, {})", fields[0].data_type(), fields[1].data_type()),
            other => format!("Map({other})"),
        },
        other => other.to_string(),
    }
}

#[test]
fn files_are_as_the_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tables");
    accounted(&output, &[&log(folder.path())], &["--bodies", "redacted"]);
    for table in TABLES {
        let path = format!("{}/schemas/{table}.json", env!("CARGO_MANIFEST_DIR"));
        let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let said: Vec<(String, String, bool)> = schema["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c["name"].as_str().unwrap().into(), c["type"].as_str().unwrap().into(), c["nullable"] == true))
            .collect();
        let partitions: Vec<&str> = schema["partitions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let files = files(&output.join(table));
        assert!(!files.is_empty(), "{table} has no file");
        for file in files {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&file).unwrap()).unwrap();
            let found: Vec<(String, String, bool)> = reader
                .schema()
                .fields()
                .iter()
                .map(|field| (field.name().clone(), type_name(field.data_type()), field.is_nullable()))
                .collect();
            assert_eq!(said, found, "{}", file.display());
            let folders: Vec<String> = file
                .strip_prefix(output.join(table))
                .unwrap()
                .parent()
                .unwrap()
                .components()
                .map(|part| part.as_os_str().to_str().unwrap().split_once('=').unwrap().0.to_owned())
                .collect();
            assert_eq!(partitions, folders, "{}", file.display());
            // What the file says of itself.
            let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
            let value = |key: &str| metadata.iter().find(|line| line.key == key).and_then(|line| line.value.as_deref());
            assert_eq!(value("causeway.table"), Some(table));
            assert_eq!(value("causeway.schema_version"), Some(&*schema["schema_version"].to_string()));
            let bloomed: Vec<&str> = reader
                .metadata()
                .row_group(0)
                .columns()
                .iter()
                .filter(|column| column.bloom_filter_offset().is_some())
                .map(|column| column.column_path().parts()[0].as_str())
                .collect();
            let asked: Vec<&str> =
                schema["bloom_filters"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(bloomed, asked, "{}", file.display());
        }
    }
}
