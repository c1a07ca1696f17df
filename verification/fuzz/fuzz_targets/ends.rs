//! A peer that changes words between any two accesses: see [`verification::hostile::ends`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verification::hostile::ends(data));
