//! A bound on the time that a test program may take.

use std::process;
use std::sync::Once;
use std::thread;
use std::time::Duration;

/// Aborts the test program two minutes after the first call of this, if it still runs. So a
/// test that hangs is a failure, whatever call it hangs in.
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
