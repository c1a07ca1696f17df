//! Semihosting: calls that a debugger or an emulator answers, to show text and to end.

use core::arch::asm;
use core::fmt::{self, Write as _};

use crate::failure::{Failure, Status};

/// The number of the call that shows text, which ends with a zero byte.
const WRITE0: usize = 0x04;

/// The number of the call that ends the program, with a reason and a status.
const EXIT_EXTENDED: usize = 0x20;

/// The reason of a program that ends by itself.
const APPLICATION_EXIT: usize = 0x2_0026;

/// The most bytes that one call shows.
const CHUNK: usize = 64;

/// Where the program's messages are shown.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for chunk in text.as_bytes().chunks(CHUNK) {
            let mut ended = [0; CHUNK + 1];
            for (to, from) in ended.iter_mut().zip(chunk) {
                *to = *from;
            }
            // SAFETY: the call reads up to a zero byte, and the last byte is zero.
            unsafe { call(WRITE0, ended.as_ptr().cast()) };
        }
        Ok(())
    }
}

/// Ends the program with `status`.
pub fn exit(status: Status) -> ! {
    let block = [APPLICATION_EXIT, status as usize];
    loop {
        // SAFETY: the call reads two words.
        unsafe { call(EXIT_EXTENDED, block.as_ptr()) };
    }
}

/// Ends the program because `who` failed.
pub fn give_up(who: &str, failure: Failure) -> ! {
    // Writing never fails.
    let _ = writeln!(Console, "{who}: {failure}");
    exit(failure.status())
}

/// Makes a call, and ignores its result.
///
/// # Safety
/// `argument` is what the call `which` expects, and the call writes to no memory.
unsafe fn call(which: usize, argument: *const usize) {
    // SAFETY: by contract.
    unsafe {
        asm!(
            "bkpt #0xAB",
            inlateout("r0") which => _,
            in("r1") argument,
            options(nostack, readonly, preserves_flags),
        );
    }
}
