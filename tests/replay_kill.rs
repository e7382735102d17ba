//! A replay that dies at any moment and is started again ends with the rows of one that was left alone.
//!
//! `CAUSEWAY_KILLS=200` sets how often the process is killed at random moments (30 by default).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::kills::{COMMIT_STEPS, Random, until_it_ends, wanted};
use common::{Rows, assert_same, replay, rows, sample_lines, succeed, verify};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Many commits in a short log: 64 KiB blocks, one commit each 256 KiB.
const MANY_COMMITS: &[&str] = &["--set", "files.block_bytes=64KiB", "--set", "commit.bytes=256KiB"];

fn log(folder: &Path) -> PathBuf {
    let path = folder.join("audit.log");
    std::fs::write(&path, sample_lines().concat()).unwrap();
    path
}

fn undisturbed(folder: &Path, log: &Path) -> Rows {
    let output = folder.join("undisturbed");
    succeed(replay(&output, &[log], MANY_COMMITS));
    rows(&output, &[])
}

#[test]
fn dying_at_any_step_of_a_commit_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let expected = undisturbed(folder.path(), &log);
    for point in COMMIT_STEPS {
        let output = folder.path().join(point);
        for hit in [1, 2, 5] {
            let mut command = replay(&output, &[&log], MANY_COMMITS);
            command.args(["--workers", "2"]).env("CAUSEWAY_FAIL_POINT", format!("{point}:{hit}"));
            let died = !command.output().unwrap().status.success();
            assert!(died || hit > 1, "{point}: the process did not die");
        }
        succeed(replay(&output, &[&log], MANY_COMMITS));
        assert_same(&expected, &rows(&output, &[]), point);
        verify(&output);
    }
}

#[test]
fn killing_at_random_moments_loses_and_doubles_nothing() {
    let kills = wanted(30);
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let began = Instant::now();
    let expected = undisturbed(folder.path(), &log);
    // On a busy machine a run takes longer, and one that is always killed early would never get ahead.
    let most_ms = (began.elapsed().as_millis() as u64).max(600);
    let mut random = Random(7);
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        let output = folder.path().join(format!("round-{round}"));
        round += 1;
        killed += until_it_ends(&mut random, most_ms, |random| {
            let mut command = replay(&output, &[&log], MANY_COMMITS);
            command.args(["--workers", &(1 + random.below(4)).to_string()]);
            command
        });
        assert_same(&expected, &rows(&output, &[]), &format!("round {round}"));
        verify(&output);
        std::fs::remove_dir_all(&output).unwrap();
    }
    eprintln!("{killed} kills in {round} replays");
}

#[test]
fn a_second_writer_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let output = folder.path().join("tables");
    // Standard input that never ends keeps the first writer alive.
    let mut first = replay(&output, &[Path::new("-")], &[]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    while !output.join("_causeway/lock").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let second = replay(&output, &[&log], &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(3), "{}", String::from_utf8_lossy(&second.stderr));
    first.kill().unwrap();
    first.wait().unwrap();
    succeed(replay(&output, &[&log], &[]));
}
