//! The lifecycle, searched exhaustively.
//!
//! The machines of `memtalk::seat`, the very code of the command, run against a
//! fake kernel with names, objects and locks. The search interleaves processes
//! at every call to the kernel, crashes any of them between any two calls,
//! starts it again, lets calls fail, and visits every state that can be reached, breadth
//! first, so that a violation comes with its shortest trace.
//!
//! # What must hold, in every state
//! 1. Never two at one seat, and never two talks on one page: a page is joined once.
//! 2. Nobody joins a page that is not fully initialised.
//! 3. Nobody takes the name away from a talk that it is not part of and that is
//!    not over, and nobody touches an object that is not memtalk's.
//! 4. A survivor learns of a death, and of nothing else: nobody else sits at its dead
//!    peer's seat, and no peer that is there is taken for dead.
//! 5. Two willing processes can always come to talk: from here, with everybody
//!    else dead, or a survivor stopped where it is, two new ones can still come to talk
//!    on whatever path they are. (Not over memory of zeros that a machine left behind:
//!    nothing says that it is memtalk's. Nor over what another user has left, unless one
//!    of the two is that user's.)
//! 6. A willing process and a machine that offers a page, or is about to, come to
//!    talk: likewise, from here, with every other process dead, but for one whose talk the
//!    machine has ended by starting again. So does a tenant.
//! 7. One who waits and one who comes do: likewise, whatever became of the name.
//! 8. Nobody private sits at an object that other users may have open.
//! 9. A first that gives up waiting leaves nobody behind who has joined, unless they have
//!    been kept at the door for too long.
//! 10. Who has got up keeps no lock, and neither does a watcher that has seen its peer go;
//!     a guest that was first has been told, if it has not started again. Whoever says
//!     that an object stays, since its owner is gone, is right.
//! 11. A tenant makes, names and removes nothing.
//!
//! # Others
//! In some searches, processes differ in what they want and whose they are; the name of
//! an object can be removed by its owner only. In some, a stranger removes the name, at
//! any moment. Then a name may be taken away from another talk (property 3): see
//! `memtalk::seat` for why, and property 7 for what comes of it.
//!
//! # The machine
//! Beside the processes there may be one virtual machine, that is, a process that
//! opens the object (and creates it, full of zeros, if there is none) and a guest in
//! it that sits down by the rules of `memtalk_ring::outside`. It holds no locks, it
//! may be killed at any moment, which closes the object, and its guest may start
//! again at any moment, which does not.
//!
//! # Calls that fail
//! In some searches a number of calls fail, any of any process, and do nothing: for lack of
//! memory or descriptors, or of a right. What follows is the machines' own doing. Who sits
//! down or waits ends, and gets up if it sat. Who gets up goes on. It tries again what it
//! cannot unlock; that this works before its patience is over is assumed. Who has waited
//! too long at a door goes on without it, at any moment. Two ways to fail are told as an
//! answer by `memtalk` itself, and so here: who cannot ask for a lease takes the object for
//! open elsewhere.
//!
//! # What is rewritten by hand, or coarse
//! Each with the tests of the real command that cover it, in `memtalk/tests`.
//!
//! - *The way from one machine to the next* (here `process.rs`, there `seated.rs`, `talk.rs`,
//!   `channel.rs`): `waits.rs`, `crash.rs`.
//! - *Threads.* A process has one, its watcher, which rests while the other gets up, and in
//!   some searches one that takes a signal while the first waits or talks; not while it
//!   sits down again: `stops.rs`, `death.rs`. Who gives up while its ends are in use gets
//!   up, and then looks once more at the name: `waits.rs`.
//! - *A process that has got up* ends at once, unless `lives_on`: then it stays until its
//!   watcher has seen the peer go, and does not start before.
//! - *Sleeping.* Who waits for a peer looks when there is something to be seen, and who
//!   watches one wakes when the lock is free: `waits.rs`, `death.rs`, `outside.rs`.
//! - *Index words.* There are none: that a peer outside is told, or a dead one spoken for,
//!   is the mark at its seat alone: `outside.rs`, `waits.rs`.
//! - *The guest* follows the table of `memtalk_ring::outside`. It looks at a page and joins
//!   it in one step, and not while a process is on its way to the second seat: see there
//!   for that assumption. `outside.rs`, `guests.rs`.
//! - *Closing a descriptor* drops its locks in the same step as the call before. Until then
//!   others would only have to wait. `crash.rs`.
//! - *Looking who has the object open* under the door does not count those who have just
//!   opened it and find the door locked. They close it at once, and it looks several times.
//!   Meanwhile, opening it fails, or waits. `waits.rs`; and for whom leases are, `users.rs`.
//! - *Making an object* is one step: nobody sees it before it has a name. `crash.rs`.
//! - *A tenant's page* is where it looks for it: `outside.rs`.

mod calls;
mod effect;
mod guest;
mod kernel;
mod mistakes;
mod newcomers;
mod process;
mod properties;
mod reached;
mod search;
mod world;

pub use mistakes::{BUGS, Bug};
pub use search::{Search, Searched};
