//! The one hash of the program: 64 bits of XXH3 with a fixed seed.
//!
//! Ids and fact keys end up in tables and in saved state, so the function, its seed and the way in which fields are
//! separated never change within a schema version.

use serde::{Deserialize, Serialize};
use std::fmt;
use xxhash_rust::xxh3::Xxh3;

/// Seed of every hash that leaves the process.
const SEED: u64 = 0x6361_7573_6577_6179; // "causeway"

/// A 64-bit id made by [`hash`]: of an event, a context or a session. Written as 16 hexadecimal digits.
#[derive(Copy, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Id, Self::Err> {
        u64::from_str_radix(text, 16).map(Id)
    }
}

/// Hash of `parts`, each ended by a byte that UTF-8 never holds, so that ("ab","c") and ("a","bc") differ.
pub fn hash(parts: &[&str]) -> u64 {
    let mut state = Xxh3::with_seed(SEED);
    for part in parts {
        state.update(part.as_bytes());
        state.update(&[0xff]);
    }
    state.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["a"]), hash(&["a", ""]));
    }

    #[test]
    fn an_id_reads_back() {
        let id = Id(hash(&["x"]));
        assert_eq!(id.to_string().parse::<Id>(), Ok(id));
    }
}
