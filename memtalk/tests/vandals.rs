//! Somebody writes into the page while two real processes talk: they may fail,
//! and do not crash, spin, or call an incomplete stream complete.

mod support;

use std::os::unix::fs::FileExt;

use support::{Object, noise};

/// Words of a page of 4,096 bytes that mean something.
const WORDS: [u64; 15] = [
    0, 4, 8, 12, 16, 32, 36, // identity and seats
    64, 68, 128, 132, // first ring
    2112, 2116, 2176, 2180, // second ring
];

/// A word that is likely to be taken for something: near an index, with flags.
fn word(random: [u8; 4]) -> u32 {
    let near = [0, 1856, 3712, u32::MAX][usize::from(random[0]) % 4];
    let index = match random[1] % 4 {
        0 => u32::from_le_bytes(random),
        _ => u32::wrapping_add(near, u32::from(random[2] % 8)).wrapping_sub(4),
    };
    index ^ u32::from(random[3]) >> 6 << 30
}

#[test]
fn words_overwritten_during_a_talk() {
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
            page.write_all_at(&word.to_ne_bytes(), at).unwrap();
        }
        // A peer that only falls silent is no error, so let it die.
        other.kill();
        let one = one.finish_with_open_input();
        assert!(
            matches!(one.code, Some(4 | 6)) && one.stderr.lines().count() == 1,
            "seed {seed}: {one:?}"
        );
        let _ = std::fs::remove_file(object.path());
        object.assert_usable();
    }
}
