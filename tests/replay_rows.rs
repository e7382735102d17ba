//! The tables hold the same rows whatever the number of workers, the size of blocks, the cut of the log into files, and the
//! moments of commits; read = events + filtered + rejects; the same input twice adds nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{assert_same, replay, rows, sample, sample_lines, succeed};
use std::path::{Path, PathBuf};

/// Positions differ when the same log is cut otherwise.
const POSITIONS: &[&str] = &["source", "offset"];

fn write(path: &Path, lines: &[Vec<u8>]) -> PathBuf {
    std::fs::write(path, lines.concat()).unwrap();
    path.to_owned()
}

#[test]
fn workers_blocks_and_commits_change_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let log = write(&folder.path().join("audit.log"), &sample_lines());
    let settings: &[&[&str]] = &[
        &["--workers", "1"],
        &["--workers", "2"],
        &["--workers", "4", "--set", "files.block_bytes=64KiB"],
        &["--workers", "2", "--set", "files.block_bytes=128KiB", "--set", "commit.bytes=512KiB"],
    ];
    let mut expected = None;
    for (at, more) in settings.iter().enumerate() {
        let output = folder.path().join(format!("tables-{at}"));
        succeed(replay(&output, &[&log], more));
        let found = rows(&output, &[]);
        assert!(found["events"].len() > 1_000 && found["contexts"].len() > 50 && found["sessions"].len() > 5);
        match &expected {
            None => expected = Some(found),
            Some(expected) => assert_same(expected, &found, &more.join(" ")),
        }
    }
}

#[test]
fn any_cut_of_the_log_into_files_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let lines = sample_lines();
    let whole = folder.path().join("whole");
    succeed(replay(&whole, &[&sample()], &[]));
    let expected = rows(&whole, POSITIONS);
    for (at, cuts) in [vec![100], vec![1, 2_000, 2_001], vec![700, 1_400, 2_100, 2_800, 5_000]].iter().enumerate() {
        let logs = folder.path().join(format!("logs-{at}"));
        std::fs::create_dir(&logs).unwrap();
        let mut from = 0;
        for (part, to) in cuts.iter().copied().chain([lines.len()]).enumerate() {
            // Named against the order of time, as rotation does.
            write(&logs.join(format!("audit.{}.log", 9 - part)), &lines[from..to]);
            from = to;
        }
        let output = folder.path().join(format!("tables-{at}"));
        succeed(replay(&output, &[&logs], &["--workers", "2"]));
        assert_same(&expected, &rows(&output, POSITIONS), &format!("cuts at lines {cuts:?}"));
    }
}

#[test]
fn two_api_servers_logs_side_by_side_give_the_rows_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let lines = sample_lines();
    let whole = folder.path().join("whole");
    succeed(replay(&whole, &[&sample()], &[]));
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    // A request's events stay in one log: by the last digit of the audit id.
    let id = |line: &[u8]| memchr::memmem::find(line, b"\"auditID\":\"").map_or(0, |at| line[at + 11 + 35]);
    for server in 0..2 {
        let part: Vec<Vec<u8>> = lines.iter().filter(|line| id(line) % 2 == server).cloned().collect();
        write(&logs.join(format!("server-{server}.log")), &part);
    }
    let output = folder.path().join("tables");
    succeed(replay(&output, &[&logs], &["--workers", "2", "--set", "files.block_bytes=64KiB"]));
    assert_same(&rows(&whole, POSITIONS), &rows(&output, POSITIONS), "two logs");
}

#[test]
fn the_same_input_twice_adds_nothing_and_a_grown_file_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let lines = sample_lines();
    let log = write(&folder.path().join("audit.log"), &lines[..3_000]);
    let output = folder.path().join("tables");
    succeed(replay(&output, &[&log], &[]));
    let first = rows(&output, &[]);
    succeed(replay(&output, &[&log], &["--workers", "2"]));
    assert_same(&first, &rows(&output, &[]), "second time");

    write(&log, &lines);
    let account = folder.path().join("account.json");
    succeed(replay(&output, &[&log], &["--account", account.to_str().unwrap()]));
    let account: serde_json::Value = serde_json::from_slice(&std::fs::read(account).unwrap()).unwrap();
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!(count("read"), lines.len() as u64);
    assert_eq!(count("read"), count("events") + count("filtered") + count("rejects"));
    assert_eq!(count("events"), rows(&output, &[])["events"].len() as u64);
    let grown_by: usize = lines[3_000..].iter().map(Vec::len).sum();
    assert_eq!(count("bytes_in"), grown_by as u64, "what was committed is passed over, and not counted as read");
    succeed({
        let mut verify = std::process::Command::new(env!("CARGO_BIN_EXE_causeway"));
        verify.arg("verify").arg(&output);
        verify
    });
}
