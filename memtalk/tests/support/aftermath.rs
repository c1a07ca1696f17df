//! What must hold when processes have died, whenever and however many.

use super::{Finished, Object, Side, eventually};

/// Processes that a death can make necessary until nobody waits for a peer, with the first two.
pub const MOST: usize = 6;

/// Says what was tried, if it fails.
pub struct Tried<T: std::fmt::Debug>(pub T);

impl<T: std::fmt::Debug> Drop for Tried<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("tried: {:?}", self.0);
        }
    }
}

/// Runs `with` for each number from 1 on, of a step at which something is done to a
/// process, until it has said `spare` times in a row that there was no such step.
/// Returns how many steps there are, at most: threads take turns as they like, so that
/// varies a little.
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

/// Waits until all of `sides` have ended. Whenever one is left that waits for a
/// peer, lets `start` start another, by its number.
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

/// Checks that everybody tells the truth, given what each of them sent: a status
/// of 0 means two complete streams, a status of 4 that the peer died, and a
/// signal is for those that `may_die`. Nobody has a byte that its peer did not
/// send, in that order.
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
