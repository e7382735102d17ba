//! Crashes between any two steps: recovery leaves whole commits, no more and no less.
//!
//! Two ways: a store that stops working after any number of steps, in this process; and fail points that abort a child.

use super::samples::commit_events;
use super::scan::{EventFilter, read_events};
use super::store::{LocalStore, Lock, Store, StoreWriter, TableFile};
use super::verify::verify;
use super::{Lake, LakeError, fail_point};
use proptest::prelude::*;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A store that performs so many changes and then fails for ever.
#[derive(Debug)]
struct Failing {
    inner: LocalStore,
    steps_left: Arc<AtomicI64>,
    kind: ErrorKind,
}

impl Failing {
    fn new(root: &Path, steps: i64, kind: ErrorKind) -> Arc<Failing> {
        Arc::new(Failing { inner: LocalStore::new(root), steps_left: Arc::new(AtomicI64::new(steps)), kind })
    }

    fn step(&self, path: &str) -> Result<(), LakeError> {
        step(&self.steps_left, self.kind).map_err(LakeError::io("write", self.inner.full(path)))
    }
}

fn step(left: &AtomicI64, kind: ErrorKind) -> io::Result<()> {
    if left.fetch_sub(1, Ordering::Relaxed) > 0 { Ok(()) } else { Err(kind.into()) }
}

struct FailingWriter {
    inner: Box<dyn StoreWriter>,
    steps_left: Arc<AtomicI64>,
    kind: ErrorKind,
}

impl Write for FailingWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        // A failing disk takes a part of what it is given.
        match step(&self.steps_left, self.kind) {
            Ok(()) => self.inner.write(buffer),
            Err(error) => {
                let _ = self.inner.write(&buffer[..buffer.len() / 2]);
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl StoreWriter for FailingWriter {
    fn finish(self: Box<Self>) -> io::Result<()> {
        step(&self.steps_left, self.kind)?;
        self.inner.finish()
    }
}

impl Store for Failing {
    fn root(&self) -> &Path {
        self.inner.root()
    }
    fn session(&self) -> &str {
        self.inner.session()
    }
    fn writer(&self, path: &str) -> Result<Box<dyn StoreWriter>, LakeError> {
        self.step(path)?;
        let (inner, steps_left) = (self.inner.writer(path)?, Arc::clone(&self.steps_left));
        Ok(Box::new(FailingWriter { inner, steps_left, kind: self.kind }))
    }
    fn create_if_absent(&self, path: &str, bytes: &[u8]) -> Result<bool, LakeError> {
        self.step(path)?;
        self.inner.create_if_absent(path, bytes)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), LakeError> {
        self.step(to)?;
        self.inner.rename(from, to)
    }
    fn settle(&self, paths: &[&str]) -> Result<(), LakeError> {
        self.step(paths.first().unwrap_or(&""))?;
        self.inner.settle(paths)
    }
    fn remove(&self, path: &str) -> Result<(), LakeError> {
        self.step(path)?;
        self.inner.remove(path)
    }
    fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        self.inner.list(folder)
    }
    fn files(&self, folder: &str) -> Result<Vec<(String, u64)>, LakeError> {
        self.inner.files(folder)
    }
    fn open(&self, path: &str) -> Result<Option<TableFile>, LakeError> {
        self.inner.open(path)
    }
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError> {
        self.inner.read(path)
    }
    fn size(&self, path: &str) -> Result<Option<u64>, LakeError> {
        self.inner.size(path)
    }
    fn lock(&self, path: &str) -> Result<Lock, LakeError> {
        self.inner.lock(path)
    }
    fn check_lock(&self, path: &str, held: &Lock) -> Result<(), LakeError> {
        self.inner.check_lock(path, held)
    }
}

/// Rows that a reader finds.
fn visible(root: &Path) -> u64 {
    let batches = read_events(root, &EventFilter::default(), Some(&["audit_id"])).unwrap();
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

/// The lake is sound, and state, account and rows tell the same number of events.
fn check_whole(root: &Path) -> u64 {
    let lake = Lake::open(root).unwrap();
    let committed = lake.last().map_or(0, |last| last.account.events);
    let state = lake.state().unwrap().map_or(0, |state| String::from_utf8(state).unwrap().parse().unwrap());
    assert_eq!(state, committed);
    if lake.last().is_some() {
        let report = verify(root).unwrap();
        assert!(report.is_sound(), "{report}");
        assert_eq!(visible(root), committed);
    }
    committed
}

#[test]
fn a_crash_after_any_step_leaves_whole_commits() {
    let mut outcomes = Vec::new();
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        commit_events(&mut Lake::open(folder.path()).unwrap(), 30).unwrap();
        let crashed = Lake::open_store(Failing::new(folder.path(), steps, ErrorKind::Other))
            .and_then(|mut lake| commit_events(&mut lake, 30));
        let committed = check_whole(folder.path());
        assert!(committed == 30 || committed == 60, "{committed} events after {steps} steps");
        outcomes.push(committed);
        if crashed.is_ok() {
            break;
        }
    }
    assert!(outcomes.is_sorted(), "{outcomes:?}");
    assert_eq!((outcomes.first(), outcomes.last()), (Some(&30), Some(&60)));
    assert!(outcomes.len() > 10, "{} steps", outcomes.len());
}

/// A run that crashes may leave files in the staging folder under the names of the commit before it.
#[test]
fn a_second_crash_harms_no_commit_of_the_first() {
    for (first, second) in (6..10).flat_map(|first| (0..6).map(move |second| (first, second))) {
        let folder = tempfile::tempdir().unwrap();
        let run = |steps| {
            let _ = Lake::open_store(Failing::new(folder.path(), steps, ErrorKind::Other))
                .and_then(|mut lake| commit_events(&mut lake, 1));
            check_whole(folder.path())
        };
        let (after_first, after_second) = (run(first), run(second));
        assert!(after_second >= after_first, "{first} and {second} steps");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn crashes_in_a_row_lose_nothing(rounds in prop::collection::vec((1u64..50, 0i64..25), 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        let mut acknowledged = 0;
        for (rows, steps) in rounds {
            let run = Lake::open_store(Failing::new(folder.path(), steps, ErrorKind::Other)).and_then(|mut lake| {
                commit_events(&mut lake, rows)?;
                Ok(lake.last().map_or(0, |last| last.account.events))
            });
            acknowledged = run.unwrap_or(acknowledged);
        }
        prop_assert!(check_whole(folder.path()) >= acknowledged);
    }
}

#[test]
fn a_full_disk_is_an_error_with_the_path_and_costs_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    commit_events(&mut Lake::open(folder.path()).unwrap(), 10).unwrap();
    for steps in 0..6 {
        let error = Lake::open_store(Failing::new(folder.path(), steps, ErrorKind::StorageFull))
            .and_then(|mut lake| commit_events(&mut lake, 10))
            .unwrap_err()
            .to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
        assert!(error.contains("space"), "{error}");
        assert_eq!(check_whole(folder.path()), 10);
    }
}

#[test]
fn a_vanished_folder_is_an_error_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    let mut lake = Lake::open(&root).unwrap();
    commit_events(&mut lake, 1).unwrap();
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::write(&root, "in the way").unwrap();
    let error = commit_events(&mut lake, 1).unwrap_err().to_string();
    assert!(error.contains("out"), "{error}");
}

#[test]
fn a_folder_that_was_moved_away_gets_no_commit_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (root, moved) = (folder.path().join("tables"), folder.path().join("moved"));
    let mut lake = Lake::open(&root).unwrap();
    commit_events(&mut lake, 1).unwrap();
    std::fs::rename(&root, &moved).unwrap();
    let error = commit_events(&mut lake, 2).unwrap_err();
    assert!(matches!(error, LakeError::Io { .. }) && error.to_string().contains("tables"), "{error}");
    // Another begins in its place: neither its files nor its commits are touched.
    let keeper = lake.keeper();
    let mut other = Lake::open(&root).unwrap();
    commit_events(&mut other, 1).unwrap();
    std::fs::write(root.join("_causeway/staging/half"), "").unwrap();
    keeper.clear_up();
    assert!(root.join("_causeway/staging/half").exists());
    drop((lake, keeper));
    assert_eq!(check_whole(&moved), 1);
}

#[test]
fn a_second_writer_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Lake::open(folder.path()).unwrap();
    assert!(matches!(Lake::open(folder.path()), Err(LakeError::Fenced { .. })));
    // On a file system without locks the manifest decides.
    std::fs::remove_file(folder.path().join("_causeway/lock")).unwrap();
    let mut second = Lake::open(folder.path()).unwrap();
    commit_events(&mut second, 5).unwrap();
    assert!(matches!(commit_events(&mut first, 5), Err(LakeError::Fenced { .. })));
    assert!(matches!(commit_events(&mut first, 5), Err(LakeError::Poisoned { .. })));
    drop((first, second));
    assert_eq!(check_whole(folder.path()), 5);
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    drop(Lake::open(folder.path()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("events")).unwrap();
    assert!(matches!(Lake::open(folder.path()), Err(LakeError::Foreign { .. })));
    assert!(!folder.path().join("_causeway").exists());
}

#[test]
fn damage_is_told_with_its_path() {
    let break_and_open = |name: &str, bytes: Option<&[u8]>| {
        let folder = tempfile::tempdir().unwrap();
        let mut lake = Lake::open(folder.path()).unwrap();
        (0..3).for_each(|_| commit_events(&mut lake, 2).unwrap());
        drop(lake);
        let path = folder.path().join(name);
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let opened = Lake::open(folder.path()).and_then(|lake| lake.state());
        let sound = verify(folder.path()).is_ok_and(|report| report.is_sound());
        (opened, sound, path.display().to_string())
    };
    for (name, bytes) in [
        ("_causeway/manifest/0000000003.json", Some(&b""[..])),
        ("_causeway/manifest/0000000002.json", None),
        ("_causeway/state/0000000003.bin", None),
        ("_causeway/state/0000000003.bin", Some(b"x")),
        ("events/cluster=prod/date=2024-01-31/part-0000000003-0-0.parquet", None),
    ] {
        let (opened, sound, path) = break_and_open(name, bytes);
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(&path), "{error}");
        assert!(!sound, "{name}");
    }
    // Recovery does not read table files again, `verify` does.
    let name = "events/cluster=prod/date=2024-01-31/part-0000000001-0-0.parquet";
    assert!(!break_and_open(name, Some(b"PAR1")).1);
    assert!(!break_and_open("events/cluster=prod/stray.parquet", Some(b"")).1);
    assert!(!break_and_open("_causeway/manifest/0000000002.json", Some(b"{}")).1);
}

/// Not a test of its own: the child of the next one. Commits twice in the folder that the environment names.
#[test]
#[ignore = "run by fail_points_leave_whole_commits"]
fn child_commits_twice() {
    let Some(root) = std::env::var_os("CAUSEWAY_TEST_ROOT") else { return };
    let mut lake = Lake::open(Path::new(&root)).unwrap();
    commit_events(&mut lake, 30).unwrap();
    commit_events(&mut lake, 30).unwrap();
}

#[test]
fn fail_points_leave_whole_commits() {
    let expected = [
        ("file-opened", 0),
        ("file-closed", 0),
        ("staged", 0),
        ("state-written", 0),
        ("before-manifest", 0),
        ("after-manifest", 30),
        ("half-published", 30),
        ("published", 30),
        ("swept", 30),
        ("staged:2", 30),
        ("after-manifest:2", 60),
        ("recovering", 0),
        ("no-such-point", 60),
    ];
    for (point, committed) in expected {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lake::crash_tests::child_commits_twice", "--ignored"])
            .env("CAUSEWAY_TEST_ROOT", folder.path())
            .env(fail_point::VARIABLE, point)
            .output()
            .unwrap();
        assert_eq!(output.status.success(), point == "no-such-point", "{point}");
        assert_eq!(check_whole(folder.path()), committed, "{point}");
    }
}
