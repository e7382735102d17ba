//! Named places at which a test can end the process, to prove that recovery holds wherever it dies.
//!
//! `CAUSEWAY_FAIL_POINT=name` aborts at the first time the place is reached, `name:3` at the third. Without the variable
//! a fail point costs one load. The points of a commit, in order: `staged`, `state-written`, `before-manifest`,
//! `after-manifest`, `half-published`, `published`, `swept`; of a recovery: `recovering`, `recovered`; of a writer:
//! `file-opened`, `file-closed`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Name of the environment variable.
pub const VARIABLE: &str = "CAUSEWAY_FAIL_POINT";

struct Armed {
    name: String,
    hits_left: AtomicU64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Aborts the process when the environment asks for it here.
pub fn fail_point(name: &str) {
    let Some(armed) = ARMED.get_or_init(|| std::env::var(VARIABLE).ok().and_then(|text| parse(&text))) else { return };
    if armed.name == name && armed.hits_left.fetch_sub(1, Ordering::Relaxed) == 1 {
        std::process::abort();
    }
}

fn parse(text: &str) -> Option<Armed> {
    let (name, hits) = match text.split_once(':') {
        Some((name, hits)) => (name, hits.parse().ok().filter(|hits| *hits > 0)?),
        None => (text, 1),
    };
    (!name.is_empty()).then(|| Armed { name: name.to_owned(), hits_left: AtomicU64::new(hits) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_read() {
        let hits = |text: &str| parse(text).map(|armed| (armed.name, armed.hits_left.into_inner()));
        assert_eq!(hits("staged"), Some(("staged".to_owned(), 1)));
        assert_eq!(hits("staged:3"), Some(("staged".to_owned(), 3)));
        assert_eq!(hits("staged:0"), None);
        assert_eq!(hits("staged:x"), None);
        assert_eq!(hits(""), None);
    }
}
