//! Keys of facts: 64-bit hashes of an aspect and an identity, made without building text.
//!
//! ```text
//! "pods" "shop" "web-1" ──text──▶ three hashes ──object──▶ identity ──KeySpace::key(Aspect::Spec, …)──▶ key
//! ```
//! Every part is hashed once an event and the hashes are combined, since an event's facts share their parts. The hash of an
//! empty text is 0. Keys stand in saved state: function, seed and order of parts never change within a state version.

use super::kind::Aspect;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Seed of the hashes of single texts.
const TEXT_SEED: u64 = 0x6361_7573_6577_6179; // "causeway"

/// Hash of one text; 0 when it is empty.
#[inline]
pub fn text(part: &str) -> u64 {
    if part.is_empty() { 0 } else { xxh3_64_with_seed(part.as_bytes(), TEXT_SEED) }
}

/// Hash of four hashes, in order.
#[inline]
pub fn combine(seed: u64, parts: [u64; 4]) -> u64 {
    let [a, b, c, d] = parts;
    xxh3_64_with_seed([a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes(), d.to_le_bytes()].as_flattened(), seed)
}

/// Identity of an object by resource, namespace and name, given as hashes of text.
#[inline]
pub fn object(resource: u64, namespace: u64, name: u64) -> u64 {
    combine(TEXT_SEED, [1, resource, namespace, name])
}

/// Identity of an object by uid.
#[inline]
pub fn uid(uid: &str) -> u64 {
    combine(TEXT_SEED, [2, text(uid), 0, 0])
}

/// The keys of one stream.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySpace(pub u64);

impl KeySpace {
    /// Key of an aspect of what `parts` name; unused parts are 0.
    #[inline]
    pub fn key(self, aspect: Aspect, parts: [u64; 3]) -> u64 {
        combine(self.0, [u64::from(aspect.code()), parts[0], parts[1], parts[2]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_aspects_and_places_of_parts_differ() {
        let one = KeySpace(1);
        assert_ne!(one.key(Aspect::Spec, [5, 0, 0]), KeySpace(2).key(Aspect::Spec, [5, 0, 0]));
        assert_ne!(one.key(Aspect::Spec, [5, 0, 0]), one.key(Aspect::Status, [5, 0, 0]));
        assert_ne!(one.key(Aspect::Spec, [5, 0, 0]), one.key(Aspect::Spec, [0, 5, 0]));
        assert_ne!(object(text("pods"), text("a"), text("b")), object(text("pods"), text("ab"), 0));
    }
}
