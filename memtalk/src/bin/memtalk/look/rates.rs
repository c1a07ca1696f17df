//! How fast the streams move, from one look to the next.
//!
//! The page does not count bytes. A ring's tail says how far it has moved, but not how often
//! it went around meanwhile. The kernel counts what a process reads and writes, and
//! `memtalk` reads and writes hardly anything but the streams: some lines on standard error,
//! and at most 64 KiB that it has gathered. Together the two are exact. If neither party is
//! a `memtalk` whose counts are shown to this user, the ring may have gone around: then this is
//! the least that has passed.

use std::fmt;
use std::time::{Duration, Instant};

use memtalk::look::{Party, Process, Ring, Seen, Traffic};

use super::text;

/// The speed of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// Since the look before.
    pub(super) bytes_per_second: f64,
    /// Since the first look.
    pub(super) total: u64,
    /// It may be more.
    pub(super) at_least: bool,
}

impl fmt::Display for Rate {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if self.at_least { "at least " } else { "" };
        let speed = text::bytes(self.bytes_per_second);
        let total = text::bytes(self.total as f64);
        write!(f, "{least}{speed}/s, {total} since the first look")
    }
}

/// What was seen at the last look, and what has passed up to then.
pub(super) struct Meter {
    at: Instant,
    rings: Option<[Ring; 2]>,
    parties: [Option<(u32, Option<Traffic>)>; 2],
    totals: [u64; 2],
    at_least: [bool; 2],
}

impl Meter {
    /// Before the first look.
    pub(super) fn new() -> Self {
        Self {
            at: Instant::now(),
            rings: None,
            parties: [None, None],
            totals: [0; 2],
            at_least: [false; 2],
        }
    }

    /// The rates since the last look; `None` if nothing can be said: at the first look, or if
    /// other parties sit there.
    pub(super) fn rates(&mut self, seen: &Seen) -> Option<[Rate; 2]> {
        let now = Instant::now();
        let parties = [0, 1].map(|seat| process(&seen.parties[seat]).map(counted));
        let before = std::mem::replace(self, Self::new());
        let same = [0, 1].map(|seat| pid(before.parties[seat]) == pid(parties[seat]));
        let rates = match (before.rings, seen.rings) {
            (Some(old), Some(new)) if same == [true, true] => Some([0, 1].map(|from| {
                let counts = [before.parties, parties].map(|parties| streamed(from, parties));
                let estimate = counts[1]
                    .zip(counts[0])
                    .map(|(new, old)| new.saturating_sub(old));
                let passed = passed(&old[from], &new[from], seen.capacity, estimate);
                rate(
                    passed,
                    now - before.at,
                    before.totals[from],
                    before.at_least[from] || estimate.is_none(),
                )
            })),
            _ => None,
        };
        *self = Self {
            at: now,
            rings: seen.rings,
            parties,
            totals: rates.map_or([0; 2], |rates| rates.map(|rate| rate.total)),
            at_least: rates.map_or([false; 2], |rates| rates.map(|rate| rate.at_least)),
        };
        rates
    }
}

fn process(party: &Party) -> Option<&Process> {
    match party {
        Party::Process(process) => Some(process),
        _ => None,
    }
}

/// A process and, if it is a `memtalk`, its traffic.
fn counted(process: &Process) -> (u32, Option<Traffic>) {
    let is_memtalk = process.name.starts_with("memtalk");
    (process.pid, is_memtalk.then(|| process.traffic()).flatten())
}

fn pid(party: Option<(u32, Option<Traffic>)>) -> Option<u32> {
    party.map(|(pid, _)| pid)
}

/// The bytes that the party at seat `from` has read, to send them; or else that its peer has
/// written, which it received.
fn streamed(from: usize, parties: [Option<(u32, Option<Traffic>)>; 2]) -> Option<u64> {
    let traffic = parties.map(|party| party.and_then(|(_, traffic)| traffic));
    let read = traffic[from].map(|traffic| traffic.read);
    read.or(traffic[1 - from].map(|traffic| traffic.written))
}

/// How many bytes have passed from one look to another: as many as the tail has moved, and
/// once around as often as comes nearest to the estimate.
fn passed(old: &Ring, new: &Ring, capacity: u32, estimate: Option<u64>) -> u64 {
    let around = 2 * u64::from(capacity.max(1));
    let moved = (u64::from(new.sender.index) + around - u64::from(old.sender.index)) % around;
    let more = estimate.map_or(0, |estimate| estimate.saturating_sub(moved));
    moved + (more + around / 2) / around * around
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn rate(passed: u64, time: Duration, total: u64, at_least: bool) -> Rate {
    let seconds = time.as_secs_f64().max(1e-6);
    Rate {
        bytes_per_second: passed as f64 / seconds,
        total: total + passed,
        at_least,
    }
}

#[cfg(test)]
mod tests {
    use super::passed;
    use memtalk::look::{End, EndState, Ring};

    fn ring(tail: u32) -> Ring {
        let end = |index| End {
            index,
            state: EndState::Open,
            wants: 0,
        };
        Ring {
            sender: end(tail),
            receiver: end(tail),
            used: 0,
        }
    }

    #[test]
    fn the_ring_and_a_count_that_is_nearly_right_are_exact_together() {
        let around = 2 * 1856;
        for bytes in [0_u64, 1, 1856, 3711, 3712, 3713, 1_000_000_007] {
            let tail = u32::try_from((3000 + bytes) % around).unwrap();
            for error in [-1855, -60, 0, 60, 1855] {
                let Some(estimate) = bytes.checked_add_signed(error) else {
                    continue;
                };
                let found = passed(&ring(3000), &ring(tail), 1856, Some(estimate));
                assert_eq!(found, bytes, "estimated {estimate}");
            }
        }
    }

    #[test]
    fn without_a_count_the_ring_has_not_gone_around() {
        assert_eq!(passed(&ring(10), &ring(4), 64, None), 122);
    }
}
