//! The result of one step of a lifecycle machine.

/// Whom a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// The peer, to join or to leave.
    Peer,
    /// A virtual machine or a device, to initialise its page.
    Machine,
    /// A process of the last talk in this memory, to leave.
    Survivor,
    /// The other side of a device, to initialise the page.
    Host,
    /// Another user, to remove an object that an earlier talk left under the name.
    Owner,
    /// A party that waits here, to come, or to have time for us.
    Turn,
}

/// What a step led to.
#[derive(Debug)]
pub enum Step<Next, Done> {
    /// Go on at once.
    Next(Next),
    /// Another process is in the way for a moment: try again.
    Blocked(Next),
    /// Another party has to do something first: go on after a while.
    Early(Next, Awaited),
    /// The machine has finished.
    Done(Done),
}
