//! What must hold after processes have died, at any moment and however many.

use super::{Finished, Object, Side, eventually};

/// The most processes that a talk with deaths can need until nobody waits for a peer,
/// including the first two.
pub const MOST: usize = 6;

/// Prints what was tried if the test panics.
pub struct Tried<T: std::fmt::Debug>(pub T);

impl<T: std::fmt::Debug> Drop for Tried<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("tried: {:?}", self.0);
        }
    }
}

/// Runs `with` for each step number from 1 on. `with` does something to a process at this
/// step, and returns whether there was such a step. Ends after `spare` steps in a row that
/// were not there. Returns the number of the last step that was there. It varies a little
/// between runs, since threads run in any order.
pub fn every(spare: u32, mut with: impl FnMut(u32) -> bool) -> u32 {
    let (mut step, mut last) = (0, 0);
    while step < last + spare {
        step += 1;
        let _tried = Tried(step);
        if with(step) {
            last = step;
        }
    }
    last
}

/// Waits until all of `sides` have ended. Whenever only one is left and it waits for a
/// peer, starts another: `start` gets its number.
#[track_caller]
pub fn settle(
    object: &Object,
    mut sides: Vec<Side>,
    start: impl Fn(usize) -> Side,
) -> Vec<Finished> {
    loop {
        let mut alone = false;
        eventually("all end, or one waits for a peer", || {
            let left = sides.iter_mut().map(|side| usize::from(!side.has_ended()));
            match left.sum() {
                0 => true,
                1 => {
                    alone = object.is_alone();
                    alone
                }
                _ => false,
            }
        });
        if !alone {
            break;
        }
        assert!(sides.len() < MOST, "nobody finds a peer");
        sides.push(start(sides.len()));
    }
    sides.into_iter().map(Side::finish).collect()
}

/// Checks that every process tells the truth, given the stream that each of them sent. A
/// status of 0 means two complete streams, and a status of 4 that the peer died. Only those
/// that `may_die` end by a signal. What a process received is the beginning of its peer's
/// stream.
#[track_caller]
pub fn assert_honest(ends: &[Finished], streams: &[Vec<u8>], may_die: impl Fn(usize) -> bool) {
    for (i, end) in ends.iter().enumerate() {
        let mut peers = (0..ends.len()).filter(|&j| j != i);
        let received = |j: usize| streams[j].starts_with(&end.stdout);
        let complete = |j: usize| end.stdout == streams[j] && ends[j].stdout == streams[i];
        let right = match end.code {
            Some(0) => peers.any(complete) && end.stderr.is_empty(),
            Some(4) => peers.any(received) && end.stderr.contains("the peer died"),
            _ => end.signal.is_some() && may_die(i) && peers.any(received),
        };
        assert!(
            right,
            "process {i} of {} ended with {:?} or signal {:?} after {} bytes, saying {:?}",
            ends.len(),
            end.code,
            end.signal,
            end.stdout.len(),
            end.stderr
        );
    }
}
