//! Storage that fails: full, limited, in the way, gone. The program ends with 1 and the path, the last commit stays as it is, and
//! the same command with room ends with the rows of a run that nothing disturbed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Rows, assert_same, replay, rows, sample_lines, succeed, verify};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Many commits in a short log: 64 KiB blocks, one commit each 256 KiB.
const MANY_COMMITS: &[&str] = &["--set", "files.block_bytes=64KiB", "--set", "commit.bytes=256KiB", "--workers", "2"];

fn write(path: &Path, lines: &[Vec<u8>]) -> PathBuf {
    std::fs::write(path, lines.concat()).unwrap();
    path.to_owned()
}

/// `command`, run by a shell after `before`, in namespaces of its own where `alone`.
fn shell(before: &str, command: &Command, alone: bool) -> Command {
    let mut shell = Command::new(if alone { "unshare" } else { "sh" });
    if alone {
        shell.args(["--map-root-user", "--mount", "sh"]);
    }
    shell.arg("-c").arg(before).arg("sh").arg(command.get_program()).args(command.get_args());
    shell
}

/// Asserts that the run failed as it should, and named `path`.
fn assert_failed(output: &Output, path: &Path, word: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_named(output, path, word);
}

fn assert_named(output: &Output, path: &Path, word: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(path.to_str().unwrap()), "no path in: {said}");
    assert!(said.contains(word), "`{word}` is not in: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_full_disk_keeps_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let log = write(&folder.path().join("audit.log"), &sample_lines());
    let undisturbed = folder.path().join("undisturbed");
    succeed(replay(&undisturbed, &[&log], MANY_COMMITS));
    let expected = rows(&undisturbed, &[]);
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // The file system lives as long as this shell: everything that is asked of it happens there.
    let script = r#"
        mount -t tmpfs -o size=$SIZE tmpfs "$DISK" || exit 77
        "$@" 2>"$SAID"; echo "first $?"
        ls "$DISK/tables/_causeway/manifest" | wc -l
        "$1" verify "$DISK/tables" || exit 78
        cp -r "$DISK/tables" "$KEPT"
        mount -o remount,size=64m "$DISK" || exit 77
        "$@" || exit 79
        "$1" verify "$DISK/tables" || exit 80
        cp -r "$DISK/tables" "$DONE""#;
    for size in ["300k", "700k"] {
        let (kept, done, said) = (
            folder.path().join(format!("kept-{size}")),
            folder.path().join(format!("done-{size}")),
            folder.path().join("said"),
        );
        let mut command = shell(script, &replay(&disk.join("tables"), &[&log], MANY_COMMITS), true);
        command.env("SIZE", size).env("DISK", &disk).env("SAID", &said).env("KEPT", &kept).env("DONE", &done);
        let output = match command.output() {
            Ok(output) if output.status.code() != Some(77) && !output.stdout.is_empty() => output,
            other => {
                eprintln!("skipped: no file system can be mounted here: {other:?}");
                return;
            }
        };
        let (told, said) = (String::from_utf8_lossy(&output.stdout), std::fs::read_to_string(&said).unwrap());
        assert!(
            output.status.success(),
            "{size}: {}\n{told}\n{said}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(told.starts_with("first 1\n"), "{size}: {told}");
        assert!(said.contains(disk.to_str().unwrap()) && said.contains("No space left"), "{size}: {said}");
        let commits: usize = told.lines().nth(1).unwrap().trim().parse().unwrap();
        assert!(commits >= 1, "{size}: nothing was committed before");
        let before = rows(&kept, &[]);
        assert!(!before["events"].is_empty() && before["events"].len() < expected["events"].len());
        assert!(before["events"].iter().all(|row| expected["events"].binary_search(row).is_ok()), "{size}");
        assert_same(&expected, &rows(&done, &[]), size);
    }
}

/// The rows of an undisturbed run on a log that had `first` lines at a first replay and all at a second.
fn grown(folder: &Path, lines: &[Vec<u8>], first: usize) -> Rows {
    let (log, output) = (folder.join("audit.log"), folder.join("undisturbed"));
    for lines in [&lines[..first], lines] {
        write(&log, lines);
        succeed(replay(&output, &[&log], &[]));
    }
    rows(&output, &[])
}

#[test]
fn a_limit_on_file_sizes_keeps_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let lines = sample_lines();
    let log = write(&folder.path().join("audit.log"), &lines[..2_000]);
    let output = folder.path().join("tables");
    succeed(replay(&output, &[&log], MANY_COMMITS));
    let before = rows(&output, &[]);
    write(&log, &lines);
    // Some of these limits stop the first table file, some the state.
    for blocks in [1, 8, 40] {
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let failed = shell(&limited, &replay(&output, &[&log], MANY_COMMITS), false).output().unwrap();
        assert_failed(&failed, &output, "File too large");
        verify(&output);
        let now = rows(&output, &[]);
        assert!(before["events"].iter().all(|row| now["events"].binary_search(row).is_ok()));
    }
    succeed(replay(&output, &[&log], MANY_COMMITS));
    verify(&output);
    assert_same(&grown(folder.path(), &lines, 2_000), &rows(&output, &[]), "after limits");
}

#[test]
fn what_is_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = write(&folder.path().join("audit.log"), &sample_lines()[..500]);
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    for output in [file.clone(), file.join("below"), PathBuf::from("/proc/causeway")] {
        let failed = replay(&output, &[&log], &[]).output().unwrap();
        assert_failed(&failed, &output, "cannot");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    // The account goes to a place that cannot be written: the tables are there all the same.
    let output = folder.path().join("tables");
    let account = file.join("account.json");
    let failed = replay(&output, &[&log], &["--account", account.to_str().unwrap()]).output().unwrap();
    assert_failed(&failed, &account, "cannot write the account");
    verify(&output);
}

#[test]
fn a_file_in_the_place_of_a_table_stops_the_publication_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = sample_lines();
    let log = write(&folder.path().join("audit.log"), &lines[..1_000]);
    let output = folder.path().join("tables");
    succeed(replay(&output, &[&log], &[]));
    std::fs::write(output.join("rejects"), "in the way").unwrap();
    lines.insert(1_500, b"not an event\n".to_vec());
    write(&log, &lines);
    for _ in 0..2 {
        let failed = replay(&output, &[&log], &[]).output().unwrap();
        assert_failed(&failed, &output.join("rejects"), "cannot");
    }
    std::fs::remove_file(output.join("rejects")).unwrap();
    succeed(replay(&output, &[&log], &[]));
    verify(&output);
    assert_same(&grown(folder.path(), &lines, 1_000), &rows(&output, &[]), "after the file was removed");
}

/// Waits until `path` is there.
fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(30), "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_folder_that_vanishes_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let lines = sample_lines();
    let log = write(&folder.path().join("audit.log"), &lines);
    let undisturbed = folder.path().join("undisturbed");
    succeed(replay(&undisturbed, &[&log], MANY_COMMITS));
    let expected = rows(&undisturbed, &["source"]);
    for (what, back) in [("removed", false), ("moved away and made again", true)] {
        let output = folder.path().join(format!("tables-{back}"));
        let mut command = replay(&output, &[Path::new("-")], MANY_COMMITS);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&lines[..3_000].concat()).unwrap();
        wait_for(&output.join("_causeway/manifest/0000000001.json"));
        let moved = folder.path().join(format!("moved-{back}"));
        std::fs::rename(&output, &moved).unwrap();
        if back {
            // Somebody else begins there.
            succeed(replay(&output, &[&write(&folder.path().join("other.log"), &lines[..100])], &[]));
        }
        let others = back.then(|| rows(&output, &[]));
        // The program may have ended already.
        let _ = input.write_all(&lines[3_000..].concat());
        drop(input);
        let ended = child.wait_with_output().unwrap();
        // Where there is another, it has the folder: fenced, unless a file of ours was missed before.
        assert!(matches!(ended.status.code(), Some(1)) || (back && ended.status.code() == Some(3)), "{ended:?}");
        assert_named(&ended, &output, "");
        match others {
            Some(others) => {
                assert_same(&others, &rows(&output, &[]), what);
                // What was staged there by mistake, the next start clears.
                succeed(replay(&output, &[&folder.path().join("other.log")], &[]));
                assert_same(&others, &rows(&output, &[]), what);
                verify(&output);
            }
            None => assert!(!output.join("_causeway/manifest").exists(), "{what}: it was made again"),
        }
        // What had been committed is whole wherever it is now, and the same log goes on from there.
        succeed(replay(&moved, &[&log], MANY_COMMITS));
        verify(&moved);
        assert_same(&expected, &rows(&moved, &["source"]), what);
    }
}
