//! The lifecycle, searched exhaustively.
//!
//! The machines of `memtalk::lifecycle`, the very code of the command, run on a fake kernel with
//! names, objects and locks. The search interleaves processes at every call to the kernel,
//! crashes each of them between any two calls, starts it again, and lets calls fail. It
//! visits every state that can be reached, breadth first, so that a violation comes with its
//! shortest trace.
//!
//! # The floors
//! A file imports only from floors below its own, and from files named before it on its own.
//!
//! | floor | files |
//! | --- | --- |
//! | 5, the searches | `newcomers.rs`: whether two come to talk; `search.rs`: all states |
//! | 4, judging | `properties.rs`: what must hold; `reached.rs`: which states were reached, and how |
//! | 3, together | `world.rs`: what can happen next, and what comes of it |
//! | 2, the parties | `process.rs`: drives the machines; `guest.rs`: the machine beside them; `onlooker.rs`: somebody who looks |
//! | 1, the kernel | `mistakes.rs`: what the search must find; `kernel.rs`: names, objects, locks, and who has which object open; `effect.rs`: what a step did; `calls.rs`: the kernel as one process sees it |
//!
//! # What must hold, in every state
//! 1. Never two at one seat, and never two talks on one page: a page is joined once.
//! 2. Nobody joins a page that is not fully initialised. No guest initialises a process's
//!    page, no process a guest's, and nobody one whose talk the others have yet to see the
//!    end of.
//! 3. Nobody takes the name away from somebody else's talk that is not over, and nobody
//!    touches an object that is not memtalk's.
//! 4. A survivor learns of a death, and of nothing else. Nobody else sits at its dead peer's
//!    seat. No peer that is there is taken for dead, and none that never came for gone.
//! 5. Two newcomers can always come to talk: from every state, with everybody else dead, but
//!    for survivors that are stopped where they are, and whatever path the two are on. Two
//!    exceptions. A machine left zeros behind under the name: nothing says that they are
//!    memtalk's. Another user left an object there: then one of the two must be that user's.
//! 6. A newcomer and a machine that offers a page, or is about to, come to talk: likewise
//!    from every state and on every path, with every other process dead. A process lives on
//!    if the machine has ended its talk by starting again, or if it has said that it leaves.
//!    The newcomer may be a tenant.
//! 7. A first that waits and a newcomer come to talk: likewise, with everybody else dead,
//!    whatever became of the name.
//! 8. No private process sits at an object that other users may have open.
//! 9. A first that gives up waiting leaves no process behind that has joined, unless the
//!    first was kept waiting at the door for too long.
//! 10. A process that has got up keeps no lock. A watcher that has seen its peer go keeps
//!     none either, unless the call that gives it back has failed. A guest that was first has
//!     been told, if it has not started again. A process that says that an object stays, since
//!     its owner is gone, is right.
//! 11. A tenant makes, names and removes nothing.
//! 12. A client makes nothing, nor does who was given an object. No talk begins for which a
//!     service has no time, and no client's with a service that is gone.
//! 13. An onlooker changes no name, no word and no lock, and calls no talk over that goes on.
//! 14. A guest joins only a first that waits, and a talk with a guest begins only once the
//!     first knows of it. Whoever talked to a guest's process is told that it has ended: by
//!     its guard, or once the guest looks after it has started again.
//!
//! # Other users, and strangers
//! In some searches, processes differ in what they want and in whose they are. Only its owner
//! can remove the name of an object.
//!
//! In some, a stranger removes the name, at any moment. Then a name may be taken away from
//! another talk (property 3): see `memtalk::lifecycle` for why, and property 7 for what comes of
//! it.
//!
//! # The machine
//! Beside the processes there may be one virtual machine: a process that opens the object,
//! and a guest in it that sits down by the rules of `memtalk_ring::sit_down`. If there is no
//! object, the machine creates it, full of zeros. It holds no locks. It may be killed at any
//! moment, which closes the object. Its guest may start again at any moment, which does not.
//! Its process may end or be killed at any moment; its guard then speaks for it.
//!
//! A process whose peer is the guest may be killed together with its guard, or alone. Then the
//! guard speaks for it, at any moment after, and keeps its locks until then.
//!
//! # Memory of the user's own
//! In some searches the name stands for memory that is there before and after every talk: it is
//! never created nor removed, and one talk follows the other in it.
//!
//! # The onlooker
//! In some searches there is one more process. It opens the object, looks and closes it, again
//! and again, and may be killed at any moment. It is never stopped for good while it has the
//! object open: with it, a machine's object would seem to be in use (`memtalk::look` says so).
//!
//! # Calls that fail
//! In some searches a number of calls fail, any of any process, and do nothing: for lack of
//! memory, of descriptors, or of a right. What follows is the machines' own doing:
//!
//! - A process that sits down or waits ends, and gets up first if it sat.
//! - A process that gets up goes on. It tries again what it cannot unlock; that this works
//!   before its patience is over is assumed.
//! - A process that has waited too long at a door goes on without it. That may be at any
//!   moment while the door is locked.
//! - Two failures are answers, as in `memtalk` itself: a process that cannot ask for a lease
//!   takes the object for open elsewhere, under the door and while it watches its peer.
//!
//! # One who talks to many
//! In some searches there are services and clients. A service makes every object while it
//! is busy, and has time at any moment after. Two processes that are services stand for one
//! that has two objects, too. Property 7 holds for a service and a client.
//!
//! # Without a name
//! In some searches a process makes objects without a name and gives each to the others, who
//! take no other. The fake kernel's name stands for what was given last. Property 5 does not
//! hold there: such an object has one talk.
//!
//! # What is rewritten by hand, or coarse
//! Each with the tests of the real command that cover it, in `memtalk/tests`.
//!
//! - *The way from one machine to the next* (here `process.rs`, there `talk.rs`, `talk/` and
//!   `channel.rs`): `waits.rs`, `crash.rs`.
//! - *The way of a party outside from one look at the page to the next* (here `guest.rs`, there
//!   `talk/outside.rs`), and that it is alone on its kernel: `device.rs`, `linux_guests.rs`.
//! - *Threads.* Beside its main thread, a process has its watcher, which rests while the
//!   process gets up. In some searches it also has a thread that takes a signal while the
//!   process waits or talks, but not while it sits down again: `stops.rs`, `death.rs`. A
//!   process that gives up while its ends are in use gets up, and then looks once more at the
//!   name: `waits.rs`.
//! - *A process that has got up* ends at once, unless `lives_on`: then it stays until its
//!   watcher has seen the peer go, and does not start again before.
//! - *Giving up.* A process whose time is over, or that another thread tells to give up, goes
//!   on with the machine's `expire` where it waits for a peer. Where it sits down or waits for
//!   its turn, it closes the object or gets up, as one that is killed or has finished does:
//!   `basics.rs`.
//! - *Sleeping.* A process that waits for a peer looks when there is something to be seen. A
//!   watcher wakes when the lock is free: `waits.rs`, `death.rs`, `outside.rs`.
//! - *Index words.* There are none. The mark at its seat alone says that a peer outside was
//!   told, or a dead process spoken for: `outside.rs`, `waits.rs`.
//! - *The guest* goes by `memtalk_ring::sit_down::Outcome`, the very rules of a party outside.
//!   It looks at a page and joins it in one step, and not while a process is on its way to the
//!   second seat: see there for that assumption. What it does afterwards is rewritten here:
//!   `outside.rs`, `device.rs`, `guests.rs`, `linux_guests.rs`.
//! - *Closing a descriptor* drops its locks in the same step as the call before. Until then
//!   others would only have to wait. `crash.rs`.
//! - *Looking who has the object open*, under the door, does not count newcomers that have
//!   just opened it and find the door locked, nor onlookers. They close it at once, and the
//!   process looks several times. Meanwhile, opening the object fails, or waits: `waits.rs`. For whom leases
//!   are: `users.rs`.
//! - *Making an object* is one step: nobody sees it before it has a name. `crash.rs`.
//! - *A tenant's page* is where it looks for it: `outside.rs`.
//! - *A service's queue*, and what it does if it cannot remove a name: `service.rs`.

mod calls;
mod effect;
mod guest;
mod kernel;
mod mistakes;
mod newcomers;
mod onlooker;
mod process;
mod properties;
mod reached;
mod search;
mod world;

pub use calls::Part;
pub use mistakes::{BUGS, Bug};
pub use search::{Search, Searched};
