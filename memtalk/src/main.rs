//! The `memtalk` command.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

fn main() -> ExitCode {
    memtalk::cli::main(STDOUT_WAS_CLOSED.load(Ordering::Relaxed)).into()
}

/// Whether the program was started with standard output closed.
///
/// The standard library opens `/dev/null` in place of a closed descriptor before
/// `main`, so that no other file gets its number. What is written there is lost,
/// which must not count as delivered.
static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before the standard library's start-up code.
extern "C" fn look_at_stdout() {
    // SAFETY: no pointers are involved.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    STDOUT_WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
}

// SAFETY: the loader calls every pointer in this section as a C function before
// `main`; the function needs nothing that is set up later.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;
