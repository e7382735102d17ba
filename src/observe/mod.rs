//! What the program says of itself while it works and when it is done: progress, log, account.

pub mod account;
pub mod log;
pub mod progress;

pub use account::Account;
pub use progress::Progress;
