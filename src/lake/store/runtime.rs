//! The asynchronous client of an object store, called from threads that are not.
//!
//! ```text
//! worker, commit ── run(future), waits ──▶ one thread with a small runtime ──▶ requests
//! ```
//! One thread is enough: it only moves bytes, and a worker that waits for storage has nothing else to do.

use crate::observe::metric;
use object_store::ObjectStore;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A store and the runtime that drives it.
#[derive(Clone)]
pub struct Client {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.store)
    }
}

impl Client {
    /// Starts the runtime.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(store: Arc<dyn ObjectStore>) -> io::Result<Client> {
        Ok(Client { store, runtime: Arc::new(Runtime::start()?) })
    }

    /// Waits for one operation. `name` is its label in the metrics.
    pub fn run<T>(
        &self,
        name: &'static str,
        operation: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        let started = Instant::now();
        let result = self.runtime.handle.block_on(operation);
        // What is not there, or there already, is an answer like any other.
        let outcome = match &result {
            Ok(_) => "ok",
            Err(object_store::Error::NotFound { .. }) => "absent",
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => "exists",
            Err(_) => "failed",
        };
        metric::STORAGE_REQUESTS.counter(&[("operation", name), ("outcome", outcome)]).increment(1);
        metric::STORAGE_DURATION.histogram(&[("operation", name)]).record(started.elapsed().as_secs_f64());
        result
    }

    /// The runtime, for what spawns tasks.
    pub fn handle(&self) -> &Handle {
        &self.runtime.handle
    }
}

/// The thread.
struct Runtime {
    handle: Handle,
    /// Dropped to stop it.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    fn start() -> io::Result<Runtime> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("storage".to_owned()).spawn(move || {
            // An error says that the sender is gone, which is the sign to stop.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Runtime { handle, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
