//! Every access that the two ends make to shared words: its site, its memory
//! ordering, and the reason.
//!
//! A site is a type, named in the code at the access itself
//! (`A::load::<site::LoadTail>(…)`), so this table cannot drift from the code:
//! an access without a row does not compile. A checker's backend may apply
//! another ordering than the one stated here, and show that the proof then
//! fails: that is what makes an ordering necessary, not only sufficient.
//!
//! Slab bytes are plain memory. That no two accesses to one of them race is
//! what the orderings of the index words are for.

use core::sync::atomic::Ordering;

/// What a site does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads a shared word.
    Load,
    /// Writes a shared word.
    Store,
    /// Writes a shared word if it holds what is expected, in one step.
    CompareExchange,
    /// Orders the accesses around it.
    Fence,
}

/// One place in the code that touches shared words.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The site's name, unique in the table.
    pub name: &'static str,
    /// What it does.
    pub access: Access,
    /// The memory ordering that it uses.
    pub ordering: Ordering,
    /// What this ordering is for.
    pub reason: &'static str,
}

/// A type that names one site. There are no others than those in [`site`].
pub trait Site: sealed::Sealed + 'static {
    /// The site's row in [`TABLE`].
    const ROW: Row;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! sites {
    ($($name:ident: $access:ident $ordering:ident, $reason:literal;)*) => {
        /// The sites, a type each.
        pub mod site {
            use super::{Access, Ordering, Row, Site, sealed::Sealed};
            $(
                #[doc = $reason]
                #[derive(Clone, Copy, Debug)]
                pub struct $name;

                impl Sealed for $name {}

                impl Site for $name {
                    const ROW: Row = Row {
                        name: stringify!($name),
                        access: Access::$access,
                        ordering: Ordering::$ordering,
                        reason: $reason,
                    };
                }
            )*
        }

        /// All sites.
        pub const TABLE: &[Row] = &[$(<site::$name as Site>::ROW),*];
    };
}

sites! {
    PublishTail: Store Release,
        "The bytes before the new tail are in the slab before the receiver can see that tail.";
    LoadTail: Load Acquire,
        "The receiver reads a byte of the slab only after the sender wrote it.";
    PublishHead: Store Release,
        "The receiver has read the bytes before the new head before the sender can see that head.";
    LoadHead: Load Acquire,
        "The sender overwrites a byte of the slab only after the receiver read it; and what the receiver did before it closed, a sender that has the certificate sees.";
    Announce: Store Relaxed,
        "\"I want this many\": ordered before the look that follows by AnnounceFence.";
    AnnounceFence: Fence SeqCst,
        "Half of the store-buffering pair: either the comparison before sleeping sees what the peer published, or the peer sees the announcement.";
    Compare: Load Relaxed,
        "Read after AnnounceFence, which orders it. Where the system compares (a futex), it does this.";
    Retract: Store Relaxed,
        "\"I am awake\": a peer that sees it late wakes once too often, which costs a system call and harms nothing.";
    PublishFence: Fence SeqCst,
        "The other half of the store-buffering pair, between publishing and looking for an announcement.";
    LoadWant: Load Relaxed,
        "Read after PublishFence, which orders it.";
    MournLoad: Load Relaxed,
        "Whoever knows that the peer is gone has been told so after its last write.";
    MournStore: Store Release,
        "The survivor's end sees the dead peer's last bytes when it sees the failure.";
    HeaderStore: Store Relaxed,
        "Ordered before the magic number by PublishMagic.";
    RestartFence: Fence Release,
        "A process that still sits at what the page was before, and has read anything of what it becomes, finds its seat free.";
    NoticeFence: Fence Acquire,
        "The other half: the look at one's own seat comes after whatever was read before it, bytes included, which an acquire load alone would not do.";
    PublishMagic: Store Release,
        "All else in the page is initialised before anyone can see the magic number.";
    LoadMagic: Load Acquire,
        "Nothing else of the page is read before the magic number was seen.";
    HeaderLoad: Load Relaxed,
        "Ordered after the magic number by LoadMagic.";
    TakeSeat: Store Release,
        "A newcomer's cleared words, and everything published without a wake-up, are visible before the seat word is.";
    LookAtSeat: Load Acquire,
        "The other's words are read only after its seat was seen to be taken, and initialised again only after it was seen to be left; and the comparison before sleeping is made after the other was seen to wake.";
    LeaveSeat: CompareExchange Release,
        "A process has read the last byte that it reads of the slab before the other can see that it has left, and may send there again.";
    SignalFence: Fence Release,
        "Whoever hears a signal, an interrupt or an event, sees what was published before it. PublishFence is enough for that; but who speaks for the dead makes none.";
}

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn names_are_unique() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(TABLE.iter().skip(i + 1).all(|other| other.name != row.name));
        }
    }
}
