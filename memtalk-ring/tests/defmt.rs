//! What a log on bare metal can show. That it compiles is the test: to print
//! anything takes a logger, which a host has not.

use memtalk_ring::{Departure, Error, PageError, Presence, Seat};

fn shows<T: defmt::Format>() {}

#[test]
fn errors_and_states_can_be_logged() {
    shows::<Error>();
    shows::<PageError>();
    shows::<Seat>();
    shows::<Presence>();
    shows::<Departure>();
}
