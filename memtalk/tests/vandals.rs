//! Vandals: somebody writes into the page while two real processes talk.
//!
//! The two may fail, but they do not crash, spin, or call an incomplete stream complete.

mod support;

use memtalk_ring::Seat::{First, Second};
use memtalk_ring::layout::{receiver_offset, seat_offset, sender_offset};
use support::words::{self, BYTES_EACH_WAY as CAPACITY, INDEX, WANT};
use support::{Object, noise};

/// The offsets of all words of a page of 4,096 bytes that mean something.
const WORDS: [usize; 15] = [
    words::MAGIC,
    words::CLAIM,
    words::VERSION,
    words::SIZE,
    words::CAPACITY,
    seat_offset(First),
    seat_offset(Second),
    sender_offset(First, CAPACITY) + INDEX,
    sender_offset(First, CAPACITY) + WANT,
    receiver_offset(First, CAPACITY) + INDEX,
    receiver_offset(First, CAPACITY) + WANT,
    sender_offset(Second, CAPACITY) + INDEX,
    sender_offset(Second, CAPACITY) + WANT,
    receiver_offset(Second, CAPACITY) + INDEX,
    receiver_offset(Second, CAPACITY) + WANT,
];

/// A word that is likely to mean something: near an index that occurs, with flags.
fn word(random: [u8; 4]) -> u32 {
    let near = [0, CAPACITY, 2 * CAPACITY, u32::MAX][usize::from(random[0]) % 4];
    let index = match random[1] % 4 {
        0 => u32::from_le_bytes(random),
        _ => u32::wrapping_add(near, u32::from(random[2] % 8)).wrapping_sub(4),
    };
    index ^ u32::from(random[3]) >> 6 << 30
}

#[test]
fn a_talk_whose_words_are_overwritten_fails_with_a_message() {
    let corrupt = memtalk::Error::Corrupt.to_string();
    let mut noticed = 0;
    for seed in 0..30 {
        let object = Object::new();
        let (mut one, mut other) = object.talking_sides();
        let page = object.open();
        let random = noise(5 * 40, seed);
        for (round, random) in random.chunks_exact(5).enumerate() {
            // The first words are written while nothing moves, the others while
            // bytes do: each side may have ended by now.
            if round == 10 {
                one.write_in_background(noise(3000, seed));
                other.write_in_background(noise(3000, seed));
            }
            let at = WORDS[usize::from(random[4]) % WORDS.len()];
            let word = word([random[0], random[1], random[2], random[3]]);
            words::write(&page, at, word);
        }
        // A peer that only stops sending is not an error. So kill it, to end the talk.
        other.kill();
        let (one, other) = (one.finish_with_open_input(), other.finish_with_open_input());
        for (side, killed) in [(&one, false), (&other, true)] {
            let failed = matches!(side.code, Some(4 | 6)) && side.stderr.lines().count() == 1;
            assert!(
                failed || killed && side.signal == Some(9),
                "seed {seed}: {side:?}"
            );
            noticed += u32::from(side.stderr.contains(&corrupt));
        }
        let _ = std::fs::remove_file(object.path());
        object.assert_usable();
    }
    println!("noticed by {noticed} of 60 sides");
    assert!(noticed >= 10, "noticed by {noticed} of 60 sides");
}
