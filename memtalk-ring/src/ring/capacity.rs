//! [`Capacity`]: the arithmetic on a ring's indices, without memory and without atomics.
//!
//! A ring of `capacity` bytes counts in indices from `0` to `2 * capacity - 1`.
//! With twice as many indices as slots, an empty ring (both indices equal) and
//! a full one (indices `capacity` apart) look different. Every slot is used,
//! and the capacity need not be a power of two. Free-running indices would
//! not do: for a capacity that does not divide 2³², they skip slots when the
//! counter wraps.

/// The size of a ring's slab in bytes, and the arithmetic on its indices.
///
/// An *index* is a number below [`indices`](Self::indices). Every function here requires
/// this of an index that it takes, unless it says otherwise, and ensures it for one that
/// it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity(u32);

impl Capacity {
    /// The largest capacity: 2²⁹ bytes. Indices stay below 2³⁰ then, which leaves the
    /// two top bits of an index word to the flags.
    pub const MAX: u32 = 1 << 29;

    /// A capacity of `bytes`. `None` unless that is in `1..=MAX`.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        if 0 < bytes && bytes <= Self::MAX {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// The number of bytes that the ring holds when it is full.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// The number of different indices: twice the capacity.
    #[must_use]
    pub const fn indices(self) -> u32 {
        2 * self.0
    }

    /// The index that is `by` bytes after `index`. `by` is at most the capacity.
    #[must_use]
    pub const fn advance(self, index: u32, by: u32) -> u32 {
        debug_assert!(index < self.indices() && by <= self.0);
        let sum = index + by;
        if sum < self.indices() {
            sum
        } else {
            sum - self.indices()
        }
    }

    /// How many bytes lie from `head` up to `tail`. `None` if two honest ends never have
    /// these indices: one of them is not below [`indices`](Self::indices), or `tail` is
    /// more than a capacity ahead of `head`.
    ///
    /// Either argument may come from the peer and hold anything. This is the check that
    /// stands between the peer's word and our memory.
    #[must_use]
    pub const fn used(self, tail: u32, head: u32) -> Option<u32> {
        if tail >= self.indices() || head >= self.indices() {
            return None;
        }
        let used = if tail >= head {
            tail - head
        } else {
            tail + self.indices() - head
        };
        if used <= self.0 { Some(used) } else { None }
    }

    /// The slot of the slab, `0..capacity`, that `index` stands for.
    #[must_use]
    pub const fn slot(self, index: u32) -> u32 {
        debug_assert!(index < self.indices());
        if index < self.0 {
            index
        } else {
            index - self.0
        }
    }

    /// Splits the `len` bytes from `index` on at the end of the slab. Returns how many lie
    /// before the end of the slab, and how many continue at slot 0. `len` is at most the
    /// capacity.
    #[must_use]
    pub const fn split(self, index: u32, len: u32) -> (u32, u32) {
        debug_assert!(len <= self.0);
        let to_end = self.0 - self.slot(index);
        if len <= to_end {
            (len, 0)
        } else {
            (to_end, len - to_end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Capacity;

    fn every_ring() -> impl Iterator<Item = Capacity> {
        (1..=17).map(|bytes| Capacity::new(bytes).unwrap())
    }

    #[test]
    fn capacities_out_of_range_are_refused() {
        assert!(Capacity::new(0).is_none());
        assert!(Capacity::new(Capacity::MAX).is_some());
        assert!(Capacity::new(Capacity::MAX + 1).is_none());
    }

    #[test]
    fn used_is_how_far_the_tail_was_advanced_from_the_head() {
        for ring in every_ring() {
            for head in 0..ring.indices() {
                for len in 0..=ring.bytes() {
                    assert_eq!(ring.used(ring.advance(head, len), head), Some(len));
                }
            }
        }
    }

    #[test]
    fn impossible_indices_are_refused() {
        for ring in every_ring() {
            for head in 0..ring.indices() {
                let full = ring.advance(head, ring.bytes());
                for beyond in 1..ring.bytes() {
                    assert_eq!(ring.used(ring.advance(full, beyond), head), None);
                }
                for wild in [ring.indices(), ring.indices() + 1, u32::MAX] {
                    assert_eq!(ring.used(wild, head), None);
                    assert_eq!(ring.used(head, wild), None);
                }
            }
        }
    }

    #[test]
    fn every_index_stands_for_a_slot_of_the_slab() {
        for ring in every_ring() {
            for slot in 0..ring.bytes() {
                assert_eq!(ring.slot(slot), slot);
                assert_eq!(ring.slot(ring.bytes() + slot), slot);
            }
        }
    }

    #[test]
    fn a_split_covers_consecutive_slots_and_wraps_once() {
        for ring in every_ring() {
            for index in 0..ring.indices() {
                for len in 0..=ring.bytes() {
                    let (first, second) = ring.split(index, len);
                    assert_eq!(first + second, len);
                    assert!(ring.slot(index) + first <= ring.bytes());
                    assert!(second == 0 || ring.slot(index) + first == ring.bytes());
                    assert!(second <= ring.slot(index));
                }
            }
        }
    }

    #[test]
    fn the_largest_ring_does_not_overflow() {
        let ring = Capacity::new(Capacity::MAX).unwrap();
        let last = ring.indices() - 1;
        assert_eq!(ring.advance(last, ring.bytes()), ring.bytes() - 1);
        assert_eq!(ring.used(ring.bytes() - 1, last), Some(ring.bytes()));
        assert_eq!(ring.split(last, 2), (1, 1));
    }
}
