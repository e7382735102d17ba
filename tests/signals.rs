//! Ctrl-C is a drain: what was read is committed, and the same command goes on from there. Twice is an abort.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{assert_same, replay, rows, sample_lines, succeed, verify};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MANY_COMMITS: &[&str] = &["--set", "files.block_bytes=64KiB", "--set", "commit.bytes=256KiB"];

fn signal(child: &Child, name: &str) {
    // It may have ended already.
    let _ = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).stderr(Stdio::null()).status();
}

fn commits(output: &Path) -> usize {
    std::fs::read_dir(output.join("_causeway/manifest")).map_or(0, Iterator::count)
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_stopped_run_commits_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines().concat()).unwrap();
    let undisturbed = folder.path().join("undisturbed");
    succeed(replay(&undisturbed, &[&log], MANY_COMMITS));
    let expected = rows(&undisturbed, &[]);
    for name in ["INT", "TERM"] {
        let output = folder.path().join(name);
        let mut stops = 0;
        // Later and later: a run that is stopped before it is beyond what it reads again comes no further.
        for commits_before_stop in [1, 8, 12] {
            let before = commits(&output);
            let mut command = replay(&output, &[&log], MANY_COMMITS);
            command.args(["--workers", "2"]).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            wait_until("a commit or the end", || {
                commits(&output) >= before + commits_before_stop || child.try_wait().unwrap().is_some()
            });
            signal(&child, name);
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            verify(&output);
            if ended.status.success() {
                break;
            }
            assert_eq!(ended.status.code(), Some(1), "{name}: {said}");
            assert!(said.contains("stopped before the end"), "{name}: {said}");
            // What was read is told.
            let told = String::from_utf8_lossy(&ended.stdout);
            assert!(told.contains("= events"), "{name}: {told}");
            stops += 1;
        }
        succeed(replay(&output, &[&log], MANY_COMMITS));
        verify(&output);
        assert!(stops > 0, "{name}: no run was stopped");
        assert_same(&expected, &rows(&output, &[]), &format!("{name}, {stops} stops"));
    }
}

#[test]
fn silent_input_does_not_hold_a_run_up() {
    for lines in [0, 100] {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("tables");
        let account = folder.path().join("account.json");
        // Without order every row is written as it comes.
        let plain = ["--filter", "off", "--stages", "all", "--contexts", "off", "--set", "sessions.engine=off"];
        let mut command = replay(&output, &[Path::new("-")], &plain);
        command.arg("--account").arg(&account);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let log = [sample_lines()[..lines].concat(), b"{\"half of a line".to_vec()].concat();
        input.write_all(if lines == 0 { b"" } else { &log }).unwrap();
        wait_until("the lock", || output.join("_causeway/lock").exists());
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, "INT");
        wait_until("the end", || child.try_wait().unwrap().is_some());
        let ended = child.wait_with_output().unwrap();
        drop(input);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("stopped before the end"), "{said}");
        // Whole lines are committed, what is half is no reject.
        if lines > 0 {
            verify(&output);
        }
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&account).unwrap()).unwrap();
        assert_eq!((&told["events"], &told["rejects"]), (&lines.into(), &0.into()), "{told}");
    }
}

#[test]
fn a_second_signal_aborts() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tables");
    // Standard input that never ends keeps the program waiting.
    let mut command = replay(&output, &[Path::new("-")], &[]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let input = child.stdin.take().unwrap();
    wait_until("the lock", || output.join("_causeway/lock").exists());
    std::thread::sleep(Duration::from_millis(200));
    // Two kinds, for two of one kind may reach a program as one; and in one breath, before the first has ended it.
    let twice = format!("kill -INT {0}; kill -TERM {0}", child.id());
    assert!(Command::new("sh").args(["-c", &twice]).status().unwrap().success());
    wait_until("the end", || child.try_wait().unwrap().is_some());
    // Which of the two is handled first is the system's to say.
    assert!(matches!(child.wait().unwrap().code(), Some(130 | 143)));
    drop(input);
    // Nothing stands in the way of the next run.
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines()[..100].concat()).unwrap();
    succeed(replay(&output, &[&log], &[]));
    verify(&output);
}
