//! [`Event`](memtalk_ring::Event): two cores of one Arm chip, or a main loop and an
//! interrupt handler. Whoever waits executes `wfe`, and `sev` wakes it.
//!
//! ```console
//! $ cargo run -p memtalk-ring --example event     # on Arm
//! ```

#[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
mod parties;

#[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use memtalk_ring::Event;

    parties::run(parties::ring(Event, Event)?)
}

#[cfg(not(any(target_arch = "arm", target_arch = "aarch64")))]
fn main() {
    println!("this processor has no `wfe`: run it on Arm");
}
