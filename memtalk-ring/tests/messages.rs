//! Every error says something of its own.

use std::collections::BTreeSet;

use memtalk_ring::{Error, PageError};

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
