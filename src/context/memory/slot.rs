//! Who wrote a key last, packed: there are dozens of keys for each open context.

use super::super::kind::Aspect;

/// Place of no producer. No more are remembered at once.
pub(super) const NONE: u32 = u32::MAX >> ASPECT_BITS;

const ASPECT_BITS: u32 = 5;
const _: () = assert!(Aspect::ALL.len() <= 1 << ASPECT_BITS);

/// The producers of a key, by their places, and its aspect.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Slot {
    /// The aspect above, the latest producer below.
    packed: u32,
    /// The latest producer by another user than the latest one.
    pub(super) other: u32,
}

impl Slot {
    /// A slot; places beyond [`NONE`] are cut, and never given out.
    pub(super) fn new(aspect: u8, latest: u32, other: u32) -> Slot {
        Slot { packed: (u32::from(aspect) << (32 - ASPECT_BITS)) | (latest & NONE), other }
    }

    /// The latest producer.
    #[inline]
    pub(super) fn latest(self) -> u32 {
        self.packed & NONE
    }

    /// Code of the aspect.
    #[inline]
    pub(super) fn aspect(self) -> u8 {
        (self.packed >> (32 - ASPECT_BITS)) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks() {
        for aspect in Aspect::ALL.iter().map(|one| one.code()) {
            for latest in [0, 1, NONE - 1, NONE] {
                let slot = Slot::new(aspect, latest, 7);
                assert_eq!((slot.aspect(), slot.latest(), slot.other), (aspect, latest, 7));
            }
        }
        assert_eq!(size_of::<(u64, Slot)>(), 16);
    }
}
