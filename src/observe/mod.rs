//! What the program says of itself while it works and when it is done: progress, log, metrics, health, account.
//!
//! ```text
//! workers, sources, commits ──▶ Progress, Health, metric::… (atomics, a short lock) ◀── Server: /metrics /healthz /readyz
//! ```
//! Whoever works never waits for whoever watches.

pub mod account;
pub mod health;
pub mod kafka;
pub mod lag;
pub mod log;
pub mod metric;
pub mod process;
pub mod progress;
pub mod server;

pub use account::Account;
pub use health::Health;
pub use progress::Progress;
pub use server::Server;
