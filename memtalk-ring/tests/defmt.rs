//! Errors and states implement `defmt::Format`. The test is that this compiles: printing
//! takes a logger, and a host has none.

use memtalk_ring::{Departure, Error, PageError, Presence, Seat};

fn is_format<T: defmt::Format>() {}

#[test]
fn errors_and_states_can_be_logged() {
    is_format::<Error>();
    is_format::<PageError>();
    is_format::<Seat>();
    is_format::<Presence>();
    is_format::<Departure>();
}
