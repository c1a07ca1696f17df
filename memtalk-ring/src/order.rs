//! The table of every access to shared words: its site, its memory ordering, and the
//! reason for that ordering.
//!
//! A site is a type, named in the code at the access itself
//! (`A::load::<site::LoadTail>(…)`). So this table cannot drift from the code: an access
//! without a row does not compile. A model checker may apply a weaker ordering than the
//! one stated here, and show that the proof then fails. This shows that the ordering is
//! necessary, not only sufficient.
//!
//! Slab bytes are plain memory. The orderings of the index words ensure that no two
//! accesses to a slab byte race.

use core::sync::atomic::Ordering;

/// The kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads a shared word.
    Load,
    /// Writes a shared word.
    Store,
    /// Writes a shared word if it holds the expected value, in one atomic step.
    CompareExchange,
    /// Orders the accesses around it.
    Fence,
}

/// One row of the table: a kind of access to shared words, its ordering and the reason.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The site's name, unique in the table.
    pub name: &'static str,
    /// The kind of access.
    pub access: Access,
    /// The memory ordering of the access.
    pub ordering: Ordering,
    /// What the ordering is for.
    pub reason: &'static str,
}

/// A type that names one site of the table. All of them are in [`site`]: the trait is
/// sealed.
pub trait Site: sealed::Sealed + 'static {
    /// The site's row in [`TABLE`].
    const ROW: Row;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! sites {
    ($($name:ident: $access:ident $ordering:ident, $reason:literal;)*) => {
        /// The sites: one type for each row of the table.
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
        "The sender overwrites a byte of the slab only after the receiver read it. A sender that has the certificate of delivery sees what the receiver did before it closed.";
    Announce: Store Relaxed,
        "Says how many bytes this end wants. AnnounceFence orders it before the look that follows.";
    AnnounceFence: Fence SeqCst,
        "Half of the store-buffering pair: either the comparison before sleeping (a task's second look) sees what the peer published, or the peer sees the announcement.";
    Compare: Load Relaxed,
        "Comes after AnnounceFence, which orders it. Where the kernel compares (a futex), its comparison takes the place of this load.";
    Retract: Store Relaxed,
        "Says that this end is awake. A peer that sees it late, or after a task that stopped waiting not at all, wakes too often: that costs a system call and harms nothing.";
    PublishFence: Fence SeqCst,
        "The other half of the store-buffering pair, between publishing and looking for an announcement.";
    LoadWant: Load Relaxed,
        "Comes after PublishFence, which orders it.";
    MournLoad: Load Relaxed,
        "Whoever knows that the peer is gone learnt it after the peer's last write.";
    MournStore: Store Release,
        "The survivor's end sees the dead peer's last bytes when it sees the failure.";
    HeaderStore: Store Relaxed,
        "PublishMagic orders it before the magic number.";
    RestartFence: Fence Release,
        "A process may still sit at the page of the last talk. Once it has read anything of the page that is initialised now, it finds its seat free.";
    NoticeFence: Fence Acquire,
        "The other half of RestartFence: a process looks at its own seat after everything that it has read, bytes included. An acquire load alone would not order that.";
    PublishMagic: Store Release,
        "All else in the page is initialised before anyone can see the magic number.";
    LoadMagic: Load Acquire,
        "Nothing else of the page is read before the magic number was seen.";
    HeaderLoad: Load Relaxed,
        "LoadMagic orders it after the magic number.";
    TakeSeat: Store Release,
        "A newcomer's cleared words, and everything published without a wake-up, are visible before the seat word is.";
    Begin: Store Relaxed,
        "Says that the first party lives. Everything else that the second reads was ordered before: by PublishMagic, or is by the index words.";
    Stand: Store Release,
        "A party has read and written all that it does before others can see that it has left, and initialise the page again.";
    LookAtSeat: Load Acquire,
        "The peer's words are read only after its seat was seen to be taken. The page is initialised again only after the seat was seen to be left. The comparison before sleeping comes after the peer's seat word was seen to say that the peer wakes others.";
    LeaveSeat: CompareExchange Release,
        "A process has read all that it reads of the slab before its peer can see that it has left, and may send there again.";
    SignalFence: Fence Release,
        "Whoever gets a signal (an interrupt, an event) sees what was published before it. PublishFence would be enough, but a survivor that speaks for the dead makes none.";
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
