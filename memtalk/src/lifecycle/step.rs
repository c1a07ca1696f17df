//! What one step of a machine leads to.

/// Who is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The peer, who is to come, or to go.
    Peer,
    /// A machine, which is to initialise a page.
    Machine,
    /// The other user whose object an earlier talk has left under the name.
    Owner,
}

/// What a step led to.
#[derive(Debug)]
pub enum Step<Next, Done> {
    /// The machine goes on.
    Next(Next),
    /// Somebody else is in the way for a moment: try again.
    Blocked(Next),
    /// Somebody else has to do something first: go on after a while.
    Early(Next, Awaited),
    /// The machine has finished.
    Done(Done),
}
