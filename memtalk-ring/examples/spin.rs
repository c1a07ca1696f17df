//! [`Spin`]: two cores that run all the time. Whoever waits looks again at once.
//!
//! ```console
//! $ cargo run -p memtalk-ring --example spin
//! ```

mod parties;

use std::error::Error;

use memtalk_ring::Spin;

fn main() -> Result<(), Box<dyn Error>> {
    parties::run(parties::ring(Spin, Spin)?)
}
