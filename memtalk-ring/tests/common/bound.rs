//! A bound on the time that a test program may take.

use std::env;
use std::io::{self, Write as _};
use std::panic;
use std::process;
use std::sync::Once;
use std::thread;
use std::time::Duration;

/// Aborts the test program two minutes after the first call of this, if it still runs. So a
/// test that hangs is a failure, whatever call it hangs in. With `FAIL_FAST` in the
/// environment, after 20 seconds, which is many times what the tests take on a quiet machine.
// Public in `verification`, whose tests use it too.
#[allow(unreachable_pub)]
pub fn bound_the_whole() {
    static BOUND: Once = Once::new();
    BOUND.call_once(|| {
        fail_fast();
        let bound = match env::var_os("FAIL_FAST") {
            None => Duration::from_secs(120),
            Some(_) => Duration::from_secs(20),
        };
        thread::spawn(move || {
            thread::sleep(bound);
            eprintln!("a test hangs");
            process::abort();
        });
    });
}

/// With `FAIL_FAST` in the environment, the first panic ends the test program. Where a
/// change breaks every test, they would take their bounds one after the other.
#[allow(unreachable_pub)]
pub fn fail_fast() {
    static HOOK: Once = Once::new();
    if env::var_os("FAIL_FAST").is_some() {
        HOOK.call_once(|| {
            let print = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                // What this prints is captured, and lost when the process ends. This is not:
                let name = thread::current().name().unwrap_or("a thread").to_owned();
                let _ = writeln!(io::stderr(), "thread '{name}' panicked");
                print(panic);
                process::exit(101);
            }));
        });
    }
}
