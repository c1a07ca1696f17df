//! Parties at one page: how they sit down, wait and get up.

mod given_up;
mod guest;
mod process;
mod seats;
pub(super) mod setup;

pub use self::given_up::{byte_arrives_late, byte_is_taken_late, confirmation_comes_late};
pub use self::guest::{
    guest_joins, guest_offers_a_page, guest_starts_again, guest_that_joined_starts_again,
};
pub use self::process::{
    byte_arrives, newcomer_wakes_the_first, peer_begins_to_wake, peer_dies, peer_says_nothing,
    stream,
};
pub use self::seats::{
    hand_over, late_leaver_marks_nothing, leaver_has_read, restart_is_noticed,
    restart_is_noticed_by_bytes, seat_is_taken, talk_begins,
};
