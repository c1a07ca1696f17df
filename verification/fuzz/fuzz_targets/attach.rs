//! A peer that prepares the page: see [`verification::hostile::attach`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verification::hostile::attach(data));
