//! Kills: processes are killed at random moments.
//!
//! `KILLS=n` kills `n` times, instead of 100; `make kills` kills thousands. The test prints
//! how long the survivors took to end. It demands no time, since the machine may be busy.
//! But it demands that some survivors lost their peer: otherwise nobody was killed during a
//! talk.

mod support;

use std::time::{Duration, Instant};

use support::{BOUND, Object, aftermath, noise, setting};

/// The length of a stream: it takes some milliseconds, about as long as to start a process.
const STREAM: usize = 1_000_000;

/// How long two processes take from start to end if nobody is killed. Kills come within
/// that time.
fn undisturbed(streams: &[Vec<u8>]) -> Duration {
    let object = Object::new();
    let began = Instant::now();
    let (one, other) = (object.side(&streams[0]), object.side(&streams[1]));
    one.finish().assert_complete(&streams[1]);
    other.finish().assert_complete(&streams[0]);
    began.elapsed()
}

/// Lets two processes talk, and kills the `victims` among them after `delay`. Returns how
/// long the survivor took to end, if there was one that lost its peer.
fn talk(streams: &[Vec<u8>], victims: [bool; 2], delay: Duration) -> Option<Duration> {
    let _tried = aftermath::Tried((victims, delay));
    let object = Object::new();
    let start = |number: usize| object.side(&streams[number]);
    let began = Instant::now();
    let mut sides = vec![start(0), start(1)];
    while began.elapsed() < delay {
        std::hint::spin_loop();
    }
    let killed = Instant::now();
    for (side, _) in sides.iter_mut().zip(victims).filter(|(_, dies)| *dies) {
        side.kill();
    }
    let survivor = victims.iter().position(|dies| !dies);
    let took = survivor.and_then(|survivor| {
        while !sides[survivor].has_ended() {
            if killed.elapsed() > BOUND || object.is_alone() {
                return None;
            }
            std::thread::yield_now();
        }
        Some(killed.elapsed())
    });
    let ends = aftermath::settle(&object, sides, start);
    aftermath::assert_honest(&ends, streams, |i| victims.get(i) == Some(&true));
    object.assert_usable();
    took.filter(|_| survivor.is_some_and(|survivor| ends[survivor].code == Some(4)))
}

#[test]
fn survivors_of_kills_at_random_moments_end_and_tell_the_truth() {
    let talks = setting("KILLS", 100);
    let streams: Vec<_> = (0..aftermath::MOST as u64)
        .map(|number| noise(STREAM, number))
        .collect();
    let span = undisturbed(&streams);
    let mut took: Vec<Duration> = noise(4 * talks, 0)
        .chunks_exact(4)
        .filter_map(|random| {
            let victims = [[true, false], [false, true], [true, true]][random[0] as usize % 3];
            let moment = u16::from_le_bytes([random[1], random[2]]);
            talk(&streams, victims, span * moment.into() / u16::MAX.into())
        })
        .collect();
    took.sort_unstable();
    let survivors = took.len();
    if let (Some(median), Some(longest)) = (took.get(survivors / 2), took.last()) {
        println!(
            "{talks} talks, {survivors} survivors lost their peer; from kill to exit {median:?} (median), {longest:?} (longest)",
        );
    }
    assert!(survivors >= talks / 20, "only {survivors} lost their peer");
}
