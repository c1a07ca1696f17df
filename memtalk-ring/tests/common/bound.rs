//! A bound for a test program.

use std::process;
use std::sync::Once;
use std::thread;
use std::time::Duration;

/// From its first call on, ends the test program as a failure if its tests take two
/// minutes together, in whatever call one of them hangs.
// Public in `verification`, whose tests use it too.
#[allow(unreachable_pub)]
pub fn bound_the_whole() {
    static BOUND: Once = Once::new();
    BOUND.call_once(|| {
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(120));
            eprintln!("a test hangs");
            process::abort();
        });
    });
}
