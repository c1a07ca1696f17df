//! Every error has a text of its own, and the `Debug` output of an end shows its state.

use std::collections::BTreeSet;

use memtalk_ring::{Error, PageError, Seat, Spin};

mod common;

#[test]
fn every_error_has_a_text_of_its_own() {
    let errors = [
        Error::PeerFailed,
        Error::Corrupt,
        Error::Ended,
        Error::NotAtEnd,
    ];
    let page_errors = [
        PageError::BadMemory(448),
        PageError::Unfinished,
        PageError::ByteOrder,
        PageError::NotAPage,
        PageError::Version(1),
        PageError::Version(3),
        PageError::Size(8192),
        PageError::Taken,
    ];
    let texts = errors.map(|error| error.to_string()).into_iter();
    let texts = texts.chain(page_errors.map(|error| error.to_string()));
    let texts = BTreeSet::from_iter(texts);
    assert_eq!(texts.len(), errors.len() + page_errors.len());
    assert!(texts.iter().all(|text| !text.is_empty()));
}

#[test]
fn an_end_shows_its_index_and_what_is_available() {
    let page = common::fresh_page();
    // SAFETY: the page is fresh.
    let (mut sender, _receiver) = unsafe { page.ends(Seat::First, Spin) };
    // SAFETY: as above.
    let (_sender, mut receiver) = unsafe { page.ends(Seat::Second, Spin) };
    assert_eq!(sender.send(b"hello"), Ok(5));
    assert_eq!(receiver.receive(&mut [0; 3]), Ok(3));
    let states = [format!("{sender:?}"), format!("{receiver:?}")];
    for (shown, parts) in states.iter().zip([
        ["Sender {", "capacity: 1856", "index: 5", "available: 1851"],
        ["Receiver {", "capacity: 1856", "index: 3", "available: 2"],
    ]) {
        assert!(parts.iter().all(|part| shown.contains(part)), "{shown}");
    }
}
