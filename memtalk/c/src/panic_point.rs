//! A bug, for a test: a function that panics while it has an end.

#![allow(clippy::panic, reason = "this is the purpose")]

use crate::call::call;
use crate::talk::memtalk_talk;

/// Panics while it has the receiving end, as a bug would. Not in the header.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_panic_point(talk: memtalk_talk) -> i32 {
    call(|| talk.receiving(|_| panic!("at the point where a test wants it")))
}
