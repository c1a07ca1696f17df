//! Reading and writing the words of a page in a file, by `memtalk_ring::layout`.

use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::FileExt;

use memtalk_ring::Native;
use memtalk_ring::layout::{Header, Line, capacity_of};

pub const MAGIC: usize = offset_of!(Header<Native>, identity.magic);
pub const CLAIM: usize = offset_of!(Header<Native>, identity.claim);
pub const VERSION: usize = offset_of!(Header<Native>, identity.version);
pub const SIZE: usize = offset_of!(Header<Native>, identity.size);
pub const CAPACITY: usize = offset_of!(Header<Native>, identity.capacity);

/// Offsets in a line: the index word, and how much its writer sleeps for.
pub const INDEX: usize = offset_of!(Line<Native>, index);
pub const WANT: usize = offset_of!(Line<Native>, want);

/// The capacity of each ring of a page of 4,096 bytes.
pub const BYTES_EACH_WAY: u32 = capacity_of(4096).expect("a page");

pub fn read(file: &File, at: usize) -> io::Result<u32> {
    let mut word = [0; 4];
    file.read_exact_at(&mut word, at as u64)?;
    Ok(u32::from_ne_bytes(word))
}

#[track_caller]
pub fn write(file: &File, at: usize, word: u32) {
    let written = file.write_all_at(&word.to_ne_bytes(), at as u64);
    written.expect("the object is there");
}

/// Writes a word in a copy of the page.
pub fn put(page: &mut [u8], at: usize, word: u32) {
    page[at..][..size_of::<u32>()].copy_from_slice(&word.to_ne_bytes());
}
