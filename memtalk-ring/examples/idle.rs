//! [`Idle`]: a peer that wakes nobody. Whoever waits calls a function of yours, and looks
//! again.
//!
//! ```console
//! $ cargo run -p memtalk-ring --example idle
//! ```

mod parties;

use std::error::Error;
use std::hint;
use std::thread;
use std::time::Duration;

use memtalk_ring::Idle;

/// Called between two looks: the `looks`-th of this wait. The peer is mostly quick, so spin
/// at first. A real one may feed a watchdog here, or let other tasks run.
fn idle(looks: u32) {
    match looks {
        ..100 => hint::spin_loop(),
        _ => thread::sleep(Duration::from_micros(50)),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let wait = Idle(idle as fn(u32));
    parties::run(parties::ring(wait, wait)?)
}
