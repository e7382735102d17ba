//! Commits into an object store that fails, loses answers, or has two writers: whole commits, no more and no less.

use super::super::samples::commit_events;
use super::super::scan::{EventFilter, read_events_in};
use super::super::verify::verify_store;
use super::super::{Lake, LakeError};
use super::{Options, RemoteStore, Store, StoreWriter};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// What is wrong with the store.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Fault {
    Nothing,
    /// From the n-th change on nothing works.
    Dead,
    /// The n-th change is made, but the answer is lost.
    LostAnswer,
    /// The n-th change is refused once.
    Refused,
    /// Conditions of writes are ignored.
    Unconditional,
}

/// A store in memory with a fault at its n-th change.
#[derive(Debug)]
struct Faulty {
    inner: Arc<InMemory>,
    fault: Fault,
    changes_left: Arc<AtomicI64>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty")
    }
}

fn no_answer() -> Error {
    Error::Generic { store: "faulty", source: "no answer".into() }
}

impl Faulty {
    /// Before a change: whether it is made, and whether its answer arrives.
    fn change(&self) -> (bool, bool) {
        let left = self.changes_left.fetch_sub(1, Ordering::Relaxed);
        match self.fault {
            Fault::Dead => (left > 0, left > 0),
            Fault::LostAnswer => (true, left != 0),
            Fault::Refused => (left != 0, left != 0),
            Fault::Nothing | Fault::Unconditional => (true, true),
        }
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, key: &Key, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if self.fault == Fault::Unconditional {
            options.mode = PutMode::Overwrite;
        }
        let (made, answered) = self.change();
        let done = if made { self.inner.put_opts(key, payload, options).await } else { Err(no_answer()) };
        if answered { done } else { Err(no_answer()) }
    }
    async fn put_multipart_opts(&self, key: &Key, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }
    async fn get_opts(&self, key: &Key, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(key, options).await
    }
    fn delete_stream(&self, keys: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        let (made, answered) = self.change();
        let keys = if made { self.inner.delete_stream(keys) } else { keys };
        if answered { keys } else { keys.map(|_| Err(no_answer())).boxed() }
    }
    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        let (made, answered) = self.change();
        let done = if made { self.inner.copy_opts(from, to, options).await } else { Err(no_answer()) };
        if answered { done } else { Err(no_answer()) }
    }
}

fn remote(inner: &Arc<InMemory>, fault: Fault, changes: i64) -> Arc<RemoteStore> {
    let changes_left = Arc::new(AtomicI64::new(changes));
    let faulty = Faulty { inner: Arc::clone(inner), fault, changes_left };
    let options = Options { retry_for: Duration::from_millis(1), ..Options::default() };
    Arc::new(RemoteStore::new("s3://bucket/lake", "lake", Arc::new(faulty), options).unwrap())
}

fn sound(inner: &Arc<InMemory>) -> Arc<RemoteStore> {
    remote(inner, Fault::Nothing, 0)
}

/// One more commit clears what crashes left; the lake is sound then, and a reader sees what was committed. Gives the events.
fn check_whole(inner: &Arc<InMemory>) -> u64 {
    let store = sound(inner);
    let mut lake = Lake::open_store(store.clone()).unwrap();
    let committed = lake.last().map_or(0, |last| last.account.events);
    let state = lake.state().unwrap().map_or(0, |state| String::from_utf8(state).unwrap().parse().unwrap());
    assert_eq!(state, committed);
    commit_events(&mut lake, 1).unwrap();
    let report = verify_store(&*store).unwrap();
    assert!(report.is_sound(), "{report}");
    let batches = read_events_in(&*store, &EventFilter::default(), Some(&["audit_id"])).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), committed + 1);
    committed
}

#[test]
fn a_crash_after_any_change_leaves_whole_commits() {
    let mut outcomes = Vec::new();
    for changes in 0.. {
        let inner = Arc::new(InMemory::new());
        commit_events(&mut Lake::open_store(sound(&inner)).unwrap(), 30).unwrap();
        let crashed =
            Lake::open_store(remote(&inner, Fault::Dead, changes)).and_then(|mut lake| commit_events(&mut lake, 30));
        let committed = check_whole(&inner);
        assert!(committed == 30 || committed == 60, "{committed} events after {changes} changes");
        outcomes.push(committed);
        if crashed.is_ok() {
            break;
        }
    }
    assert!(outcomes.is_sorted() && outcomes.len() > 8, "{outcomes:?}");
    assert_eq!((outcomes.first(), outcomes.last()), (Some(&30), Some(&60)));
}

#[test]
fn a_lost_answer_or_a_refusal_at_any_change_doubles_and_loses_nothing() {
    for fault in [Fault::LostAnswer, Fault::Refused] {
        for at in 0..14 {
            let inner = Arc::new(InMemory::new());
            commit_events(&mut Lake::open_store(sound(&inner)).unwrap(), 30).unwrap();
            let done =
                Lake::open_store(remote(&inner, fault, at)).and_then(|mut lake| commit_events(&mut lake, 30)).is_ok();
            let committed = check_whole(&inner);
            assert!(committed == 60 || (committed == 30 && !done), "{fault:?} at {at}: {committed}, done: {done}");
        }
    }
}

#[test]
fn the_answer_to_the_manifest_may_be_lost() {
    let inner = Arc::new(InMemory::new());
    let store = remote(&inner, Fault::LostAnswer, 0);
    assert!(store.create_if_absent("m", b"ours").unwrap(), "it arrived, and it is ours");
    assert!(!sound(&inner).create_if_absent("m", b"another's").unwrap());
    let store = remote(&inner, Fault::Refused, 0);
    assert!(store.create_if_absent("n", b"ours").is_err() || store.read("n").unwrap().is_some());
}

#[test]
fn of_two_writers_one_is_fenced_and_nobody_loses_what_he_committed() {
    let inner = Arc::new(InMemory::new());
    let (mut first, mut second) = (Lake::open_store(sound(&inner)).unwrap(), Lake::open_store(sound(&inner)).unwrap());
    commit_events(&mut second, 5).unwrap();
    assert!(matches!(commit_events(&mut first, 7), Err(LakeError::Fenced { .. })));
    // The first comes back, stages and dies; a third begins meanwhile, and the second goes on: it wins.
    let mut third = Lake::open_store(sound(&inner)).unwrap();
    let crashed = Lake::open_store(remote(&inner, Fault::Dead, 3)).and_then(|mut lake| commit_events(&mut lake, 9));
    assert!(crashed.is_err());
    commit_events(&mut second, 5).unwrap();
    assert!(matches!(commit_events(&mut third, 5), Err(LakeError::Fenced { .. })));
    drop((first, second, third));
    assert_eq!(check_whole(&inner), 10);
}

#[test]
fn what_another_has_staged_is_removed_only_when_it_cannot_be_committed_any_more() {
    let inner = Arc::new(InMemory::new());
    let slow = Lake::open_store(sound(&inner)).unwrap();
    let path = format!("_causeway/staging/{}0-0.parquet", slow.store().session());
    let mut writer = slow.store().writer(&path).unwrap();
    writer.write_all(b"rows").unwrap();
    writer.finish().unwrap();
    let store = sound(&inner);
    let mut quick = Lake::open_store(store.clone()).unwrap();
    assert!(store.size(&path).unwrap().is_some(), "the slow one may still commit it");
    commit_events(&mut quick, 1).unwrap();
    assert_eq!(store.size(&path).unwrap(), None, "the slow one is fenced");
}

#[test]
fn a_store_that_ignores_conditions_is_refused() {
    let inner = Arc::new(InMemory::new());
    let opened = Lake::open_store(remote(&inner, Fault::Unconditional, 0));
    assert!(matches!(opened, Err(LakeError::Unconditional { .. })), "{opened:?}");
}

#[test]
fn large_objects_are_written_in_parts_and_read_in_blocks() {
    let inner = Arc::new(InMemory::new());
    let store = sound(&inner);
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|n| (n / 251) as u8).collect();
    let mut writer: Box<dyn StoreWriter> = store.writer("a/large").unwrap();
    for piece in bytes.chunks(777_777) {
        writer.write_all(piece).unwrap();
    }
    assert_eq!(store.size("a/large").unwrap(), None, "nothing shows before it is whole");
    writer.finish().unwrap();
    assert_eq!(store.read("a/large").unwrap().unwrap(), bytes);
    let file = store.open("a/large").unwrap().unwrap();
    use parquet::file::reader::ChunkReader;
    for (start, length) in [(0, 5), (2 << 20, 1), ((2 << 20) - 3, 7), (19_999_990, 10), (3, 9_000_000)] {
        let expected = &bytes[start..start + length];
        assert_eq!(file.get_bytes(start as u64, length).unwrap(), expected);
        let mut read = vec![0; length];
        std::io::Read::read_exact(&mut file.get_read(start as u64).unwrap(), &mut read).unwrap();
        assert_eq!(read, expected);
    }
    assert!(file.get_bytes(19_999_999, 2).is_err());
    assert_eq!(store.files("").unwrap(), [("a/large".to_owned(), 20_000_000)]);
    assert_eq!((store.list("").unwrap(), store.list("a").unwrap()), (vec!["a".to_owned()], vec!["large".to_owned()]));
}

#[test]
fn names_are_kept_as_they_are() {
    let inner = Arc::new(InMemory::new());
    let store = sound(&inner);
    for path in ["events/cluster=%2E./date=2024-01-01/part.parquet", "events/cluster=a b+c/x", "events/cluster=ü/x"] {
        store.writer(path).unwrap().finish().unwrap();
        assert_eq!(store.read(path).unwrap(), Some(Vec::new()), "{path}");
    }
    assert!(store.read("a/../b").is_err());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let keys: Vec<ObjectMeta> = runtime.block_on(inner.list(None).try_collect()).unwrap();
    assert!(keys.iter().all(|object| object.location.as_ref().starts_with("lake/events/cluster=")), "{keys:?}");
    runtime.block_on(inner.delete(&keys[0].location)).unwrap();
}
