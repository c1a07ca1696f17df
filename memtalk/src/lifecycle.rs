//! The lifecycle of a talk: who may sit down, and how everyone gets up again.
//!
//! # Rules
//! The table of what a newcomer does, for each thing that it can find, is in
//! [`LAYOUT.md`](memtalk_ring::layout), "Processes"; [`rules`] is that table as code.
//! Here is why it is right.
//!
//! Every talk has an object of its own. Its creator makes it without a name, initialises
//! the page, takes the first seat, and only then gives it the name, in one step. So
//! a name leads to a whole page or to somebody else's object; nothing of an earlier talk
//! is in the page; and only users who may open this very object ever have it open.
//!
//! There are three locks on every object. The *door* is held for the short time in
//! which anybody sits down or gets up. Each *seat* is held for as long as its process
//! sits there. The kernel drops a process's locks when it dies, however it dies.
//!
//! To *retire* an object is to take its name away, and to start over with a new object.
//! Where that is not permitted (the object is another user's, in a sticky directory), the
//! newcomer waits for whoever may.
//!
//! Whoever gets up first removes the name, if it still leads to this object: a talk that
//! one of the two has left is over. Nobody can join it any more, so it needs no name,
//! and the next pair can have the name at once. A first party that gives up waiting does so
//! behind the door, and only if nobody has joined. If its object loses the name, which
//! only a stranger takes away, it starts over.
//!
//! An object without a name ([`Os::has_name`](os::Os::has_name)) is given from its first party
//! to the second. It has one talk, and nobody removes or retires anything. A first party that
//! gives up frees its seat; whoever comes later finds the talk over.
//!
//! If another thread gives up a wait for a peer, the same happens as when its time is over.
//!
//! # Parties outside
//! A guest of a virtual machine, or a program that has nothing but the memory, holds
//! no locks. Its seat word says [`OUTSIDE`](memtalk_ring::layout::OUTSIDE); what it does is
//! in [`memtalk_ring::sit_down`]. The kernel knows whether it is still there: whoever can
//! write to the object *has it open*, a mapping included. If nobody else has, all seats
//! outside are free.
//!
//! The name of an object whose first party is outside is not removed: that machine may
//! offer the next talk there. A *tenant* ([`Os::is_tenant`](os::Os::is_tenant)) takes the
//! second seat in memory that is somebody else's anyway, firmware's for example. It waits
//! where another process would create or retire something.
//!
//! # Why this is right
//! - *Never two at one seat:* the seat's lock excludes the second process. (A process
//!   and a party outside that come to the second seat at the same moment do not exclude
//!   each other: they share nothing that could.)
//! - *Never a half-initialised page:* an object has no name before its page is whole, and a
//!   creator that dies before leaves nothing.
//! - *Nobody's work is destroyed:* a process initialises only what it has just made. It
//!   removes a name only from an object that memtalk claimed and that the name leads to,
//!   behind that object's door.
//! - *Nobody is locked out by the dead:* their locks are free, and what they had open is
//!   closed.
//! - *A talk stays between two:* the page marks a seat that was once taken, so nobody takes
//!   the place of one who left.
//! - *Nobody is let in by the past:* a process that wants a private talk joins no object
//!   that lets others in, and no object is used twice.
//!
//! # Between looking at a name and removing it
//! Names are removed by name, not by object. No process of ours comes between the look and
//! the removal: it would have to hold the door. A stranger may. If it removes the
//! name in this very moment, another first party may take the name, and lose it to us. That
//! party notices, as if the stranger had removed its own, and starts over; and a
//! talk of two does not need its name. A stranger who can do this can remove any name at any
//! time.
//!
//! # Form
//! Sitting down ([`sit_down`]), waiting for a peer ([`await_peer`]), watching it ([`watch`])
//! and getting up ([`get_up`]) are machines that make one call to the operating system at
//! each step, over the trait [`Os`](os::Os); looking without taking part ([`look`]) is one
//! over [`Onlook`](look::Onlook). So the same code runs on the real system
//! (`linux`) and under a checker that interleaves and crashes processes between any two
//! steps, and lets calls fail. A call that fails has done nothing.

pub mod await_peer;
pub mod await_turn;
pub(crate) mod content;
pub mod get_up;
pub(crate) mod linux;
pub mod look;
pub(crate) mod object;
pub mod os;
pub(crate) mod request;
pub(crate) mod retry;
pub mod rules;
mod scan;
pub mod sit_down;
pub mod step;
pub mod watch;
