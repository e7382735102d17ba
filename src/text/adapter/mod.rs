//! Session adapters: which lines belong together.
//!
//! ```text
//!  line ─ identifier, delimiter, time ─▶ number of its session ─▶ open sessions ─ closed ─▶ Session
//!                                                                  │ next delimiter, idle, full, or too many open
//! ```
//! The four adapters of DeepLog's trainer, mended: a counter that is raised for every new session, a session 0 for what
//! stands before the first delimiter, dates read, and lines without an identifier in no session. A stream never grows: a
//! session also ends when it has been idle, when it is full, and when too many are open (the one longest idle goes).

mod assign;
mod export;
mod sessions;
mod settings;

pub use export::{DataJson, GrouperConf};
pub use sessions::{Line, Sessions, SessionsState};
pub use settings::{Adapter, AdapterError, SessionSettings};

#[cfg(test)]
mod tests;
