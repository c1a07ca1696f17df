//! The native half of the Python package `memtalk`: the module `memtalk._memtalk`.
//!
//! # Contract
//! - Users see the Python half, in `package/memtalk`. It has the file objects, the streams for
//!   asyncio, the exceptions and the documentation. This half moves bytes and waits.
//! - **The interpreter's lock is released** whenever a call may have to wait, and while more
//!   than 64 KiB are copied; but not at the end of the interpreter.
//! - **A signal ends a wait.** Python's handlers run in Python's main thread, between two slices
//!   of a wait ([`wait`]). If one raises, as that of Ctrl-C does, the call ends with that
//!   exception.
//! - **One thread in one end.** A second one gets an exception ([`cell`]); so does whoever uses
//!   an end that is closed, or that a forked child has inherited. Giving up a talk is for
//!   threads of all kinds: [`handle`].
//! - **No panic crosses.** PyO3 turns one into an exception. The lints keep them out.
//! - **Buffers** of all kinds are used where they are ([`buffer`]).

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod buffer;
mod cell;
mod errors;
mod event;
mod handle;
mod opening;
mod options;
mod receiver;
mod sender;
mod wait;

use pyo3::prelude::*;

/// What the Python half is built on. It is no interface of its own.
#[pymodule]
mod _memtalk {
    #[pymodule_export]
    use crate::handle::{Handle, leave_all};
    #[pymodule_export]
    use crate::opening::{Opening, create_memfd, join_memfd, open, pair};
    #[pymodule_export]
    use crate::receiver::Receiver;
    #[pymodule_export]
    use crate::sender::Sender;
}
