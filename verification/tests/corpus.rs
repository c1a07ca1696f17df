//! The inputs that the fuzzers kept, replayed: see [`verification::hostile`].

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use verification::bound::bound_the_whole;
use verification::hostile;

/// Runs `target` on every file of its corpus.
fn replay(corpus: &str, target: fn(&[u8])) {
    bound_the_whole();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(corpus);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        assert!(catch_unwind(|| target(&data)).is_ok(), "{}", path.display());
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn any_memory_is_refused_or_is_a_page() {
    replay("attach", hostile::attach);
}

#[test]
fn both_ends_survive_a_peer_that_changes_words_at_any_moment() {
    replay("ends", hostile::ends);
}
