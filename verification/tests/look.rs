//! A look at a page that may hold anything: what is decoded is possible, and nothing panics.

use memtalk::look::{Bytes, EndState, Ring, START, State, THE_END};
use memtalk_ring::layout::{CLAIM, MAGIC, VERSION, capacity_of};
use memtalk_ring::look::RING_BYTES;
use memtalk_ring::{CLOSED, FAILED};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// Where the first ring's struct begins, and where the seat words are.
const RING_AT: usize = 64;
const SEATS_AT: usize = 32;

/// Where the four words of a ring are in its struct: tail, want, head, want.
const WORDS_AT: [usize; 4] = [0, 4, 64, 68];

fn put(bytes: &mut [u8], at: usize, word: u32) {
    bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
}

/// What must hold of every page, whatever it holds.
fn judge(bytes: &Bytes) {
    let page = bytes.decode();
    if let Some(at) = bytes.second_at() {
        assert!(
            at + RING_BYTES as u64 <= bytes.size as u64,
            "it lies in the page"
        );
        assert!(page.is_page());
    }
    for ring in page.rings.iter().flatten() {
        assert!(page.is_page());
        assert!(ring.used <= page.capacity);
        for end in [ring.sender, ring.receiver] {
            assert!(end.index < 2 * page.capacity);
            assert!(end.wants <= page.capacity || end.wants == THE_END);
        }
    }
    assert_eq!(page.is_corrupt(), page.is_page() && page.rings.is_none());
    for locked in [[false, false], [false, true], [true, false], [true, true]] {
        let corrupt = page.state(locked) == State::Corrupt;
        assert_eq!(corrupt, page.is_corrupt());
    }
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    let size = prop_oneof![any::<usize>(), 0..5000_usize, Just(4096)];
    let parts = (
        any::<[[u8; 32]; 6]>(),
        any::<[[u8; 32]; 4]>(),
        size,
        any::<bool>(),
    );
    parts.prop_map(|(start, second, size, within)| Bytes {
        start: start.concat().try_into().unwrap(),
        second: second.concat().try_into().unwrap(),
        size,
        within,
    })
}

/// The sizes of pages that are tried.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(512),
        Just(4096),
        Just(1 << 30),
        (8..100_usize).prop_map(|lines| lines * 64)
    ]
}

/// A page whose header is right, with these seat words and words of the two rings.
fn page(size: usize, seats: [u32; 2], rings: [[u32; 4]; 2]) -> Bytes {
    let capacity = capacity_of(size).unwrap();
    let mut bytes = Bytes {
        start: [0; START],
        second: [0; RING_BYTES],
        size,
        within: false,
    };
    let identity = [
        MAGIC,
        CLAIM,
        VERSION,
        u32::try_from(size).unwrap(),
        capacity,
    ];
    for (at, word) in (0..).step_by(4).zip(identity) {
        put(&mut bytes.start, at, word);
    }
    for (at, word) in (SEATS_AT..).step_by(4).zip(seats) {
        put(&mut bytes.start, at, word);
    }
    for (at, [first, second]) in WORDS_AT
        .into_iter()
        .zip(std::array::from_fn::<_, 4, _>(|word| {
            [rings[0][word], rings[1][word]]
        }))
    {
        put(&mut bytes.start, RING_AT + at, first);
        put(&mut bytes.second, at, second);
    }
    bytes
}

/// Any word, and more often one that may be right.
fn word() -> impl Strategy<Value = u32> {
    let flags = prop_oneof![Just(0), Just(CLOSED), Just(FAILED), Just(CLOSED | FAILED)];
    let near = (0..5000_u32, flags).prop_map(|(index, flags)| index | flags);
    prop_oneof![any::<u32>(), near, Just(0), Just(THE_END)]
}

fn words() -> impl Strategy<Value = [u32; 4]> {
    [word(), word(), word(), word()]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn bytes_of_any_kind_are_decoded(bytes in any_bytes()) {
        judge(&bytes);
    }

    #[test]
    fn words_of_any_kind_in_a_page_are_decoded(
        size in size(),
        seats in any::<[u8; 2]>(),
        rings in [words(), words()],
    ) {
        let bytes = page(size, seats.map(u32::from), rings);
        prop_assert!(bytes.decode().is_page());
        judge(&bytes);
    }

    #[test]
    fn the_words_of_honest_ends_are_never_corrupt(
        size in size(),
        head in any::<u32>(),
        used in any::<u32>(),
        flags in 0..3_usize,
        joined in any::<bool>(),
    ) {
        let capacity = capacity_of(size).unwrap();
        let (head, used) = (head % (2 * capacity), used % (capacity + 1));
        let tail = (head + used) % (2 * capacity);
        // The first sends; the second has yet to come, or receives.
        let (head, used) = if joined { (head, used) } else { (0, used) };
        let tail = if joined { tail } else { used };
        let flag = [0, CLOSED, FAILED][flags];
        let bytes = page(size, [1, u32::from(joined)], [[tail | flag, 0, head, 1], [0; 4]]);
        let ring: Ring = bytes.decode().rings.unwrap()[0];
        prop_assert_eq!(ring.used, used);
        prop_assert_eq!(ring.sender.index, tail);
        prop_assert_eq!(ring.sender.state, [EndState::Open, EndState::Closed, EndState::Failed][flags]);
        judge(&bytes);
    }

    #[test]
    fn what_stands_where_the_second_writes_is_not_believed_before_it_has_come(
        size in size(),
        second in words(),
    ) {
        let rings = [[0, 0, second[0], second[1]], [second[2], second[3], 0, 0]];
        let page = page(size, [1, 0], rings).decode();
        prop_assert_eq!(page.rings.unwrap().map(|ring| ring.used), [0, 0]);
    }
}
