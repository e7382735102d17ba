//! A prefix in a bucket: S3 and what speaks its language, Google Cloud Storage, Azure Blob Storage.
//!
//! ```text
//! writer ─▶ _causeway/staging/<session>-…      whole objects under names that no other process uses
//! create ─▶ _causeway/manifest/<n>.json        PUT if absent: of all writers one wins, the others are fenced
//! rename ─▶ <table>/cluster=…/…                copied within the store, then the staged one is deleted
//! ```
//! Why staged objects and not multipart uploads left open: an upload can be completed by another process only with its id and the
//! tags of its parts, one that nobody completes is invisible and charged for until somebody lists uploads (which not all of these
//! stores can), and its name must be final when it begins, before the commit has its number. A copy within the store costs no
//! bandwidth here, can be repeated, and leaves nothing that a listing does not show. The price: a table file may have 5 GiB, the
//! largest object that S3 copies at once.
//!
//! There is no lock. A second process may open the same prefix and stage files; the first to create the next manifest goes on,
//! the other is fenced at its next commit. So nobody deletes what another may still commit: see [`super::super::commit`].
//!
//! An answer that is lost leaves open whether the request was done. Reads, writes under names of our own, copies and deletes are
//! sent again. A creation is looked up: a manifest with our session in it is ours, whoever says that it exists.

use super::super::LakeError;
use super::blocks::Blocks;
use super::runtime::Client;
use super::upload::Upload;
use super::words::{remedy, words};
use super::{Lock, Options, Store, StoreWriter, TableFile, session};
use futures_util::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pause before a creation without an answer is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A prefix in a bucket.
#[derive(Debug)]
pub struct RemoteStore {
    /// The URL.
    root: PathBuf,
    /// What all keys begin with; empty, or without a slash at its end.
    prefix: String,
    client: Client,
    session: String,
    options: Options,
}

impl RemoteStore {
    /// The prefix `prefix` of `store`; `url` is its name for people.
    ///
    /// # Errors
    /// When the system gives no thread to drive it.
    pub fn new(
        url: &str,
        prefix: &str,
        store: Arc<dyn ObjectStore>,
        options: Options,
    ) -> Result<RemoteStore, LakeError> {
        let client = Client::start(store).map_err(LakeError::io("start a thread for", url))?;
        let session = session();
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(RemoteStore { root: PathBuf::from(url), prefix, client, session, options })
    }

    /// The key of a path.
    fn key(&self, path: &str) -> Result<Key, LakeError> {
        let text = match (self.prefix.as_str(), path) {
            ("", path) => path.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}/{path}"),
        };
        Key::parse(text).map_err(|error| LakeError::damaged(self.root.join(path), error))
    }

    fn failed(&self, action: &'static str, path: &str) -> impl FnOnce(Error) -> LakeError {
        let path = self.root.join(path);
        move |error| LakeError::Storage { action, path, said: format!("{}{}", words(&error), remedy(&error)) }
    }

    /// One attempt to create an object.
    fn try_create(&self, key: &Key, bytes: &[u8]) -> Result<(), Error> {
        let (store, key, payload) = (Arc::clone(&self.client.store), key.clone(), bytes.to_vec().into());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.client.run("create", async move { store.put_opts(&key, payload, options).await.map(drop) })
    }

    /// Makes sure that the store refuses to create what exists. One that ignores the condition would let two writers in.
    fn check_conditions(&self, path: &str) -> Result<(), LakeError> {
        let key = self.key(path)?;
        let marker = b"causeway writes here; this object shows that the store refuses to create what exists\n";
        for _ in 0..2 {
            match self.try_create(&key, marker) {
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => return Ok(()),
                Ok(()) => {}
                Err(error) => return Err(self.failed("write to", path)(error)),
            }
        }
        Err(LakeError::Unconditional { path: self.root.clone() })
    }
}

impl Store for RemoteStore {
    fn root(&self) -> &Path {
        &self.root
    }

    fn session(&self) -> &str {
        &self.session
    }

    fn writer(&self, path: &str) -> Result<Box<dyn StoreWriter>, LakeError> {
        Ok(Box::new(Upload::new(self.client.clone(), self.key(path)?)))
    }

    fn create_if_absent(&self, path: &str, bytes: &[u8]) -> Result<bool, LakeError> {
        let key = self.key(path)?;
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let error = match self.try_create(&key, bytes) {
                Ok(()) => return Ok(true),
                Err(error) => error,
            };
            // Ours too when an earlier attempt arrived whose answer did not: no other writer has the same bytes.
            let found = self.read(path);
            if let Ok(Some(found)) = &found {
                return Ok(found == bytes);
            }
            let hopeless = matches!(
                error,
                Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::NotImplemented { .. }
            );
            if hopeless || begun.elapsed() >= self.options.retry_for {
                return Err(self.failed("create", path)(error));
            }
            tracing::warn!(path, %error, "the object store did not say whether the object was created; asking again");
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), LakeError> {
        let (source, target) = (self.key(from)?, self.key(to)?);
        let store = Arc::clone(&self.client.store);
        self.client
            .run("copy", async move { store.copy(&source, &target).await })
            .map_err(self.failed("move a finished file to", to))?;
        self.remove(from)
    }

    /// What an object store has answered stands.
    fn settle(&self, _: &[&str]) -> Result<(), LakeError> {
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), LakeError> {
        let (store, key) = (Arc::clone(&self.client.store), self.key(path)?);
        match self.client.run("delete", async move { store.delete(&key).await }) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", path)(error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        let (store, key) = (Arc::clone(&self.client.store), self.key(folder)?);
        let found = self
            .client
            .run("list", async move { store.list_with_delimiter(Some(&key)).await })
            .map_err(self.failed("list", folder))?;
        let keys = found.objects.iter().map(|object| &object.location).chain(&found.common_prefixes);
        let mut names: Vec<String> = keys.filter_map(|key| key.filename().map(str::to_owned)).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn files(&self, folder: &str) -> Result<Vec<(String, u64)>, LakeError> {
        let (store, key) = (Arc::clone(&self.client.store), self.key(folder)?);
        let found: Vec<_> = self
            .client
            .run("list", async move { store.list(Some(&key)).try_collect().await })
            .map_err(self.failed("list", folder))?;
        let path = |key: &Key| Some(key.as_ref().strip_prefix(&self.prefix)?.trim_start_matches('/').to_owned());
        let mut files: Vec<_> =
            found.iter().filter_map(|object| Some((path(&object.location)?, object.size))).collect();
        files.sort_unstable();
        Ok(files)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError> {
        let (store, key) = (Arc::clone(&self.client.store), self.key(path)?);
        match self.client.run("read", async move { store.get(&key).await?.bytes().await }) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", path)(error)),
        }
    }

    fn open(&self, path: &str) -> Result<Option<TableFile>, LakeError> {
        let key = self.key(path)?;
        let blocks = |bytes| TableFile::Remote(Arc::new(Blocks::new(self.client.clone(), key, bytes)));
        Ok(self.size(path)?.map(blocks))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, LakeError> {
        let (store, key) = (Arc::clone(&self.client.store), self.key(path)?);
        match self.client.run("look", async move { store.head(&key).await }) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", path)(error)),
        }
    }

    fn lock(&self, path: &str) -> Result<Lock, LakeError> {
        self.check_conditions(path)?;
        Ok(Lock(None))
    }

    fn check_lock(&self, _: &str, _: &Lock) -> Result<(), LakeError> {
        Ok(())
    }
}
