//! Memory that shares no cache line with anything else.

/// A value with cache lines of its own, in pairs, since processors fetch them so. Of two values
/// side by side that two threads use, each use of one would take the line away from the other.
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);
