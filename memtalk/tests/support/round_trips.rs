//! How long a byte takes there and back.

use std::fmt::Display;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use memtalk::{Channel, Name, Options};

use super::{BOUND, Object, bounded};

/// Greets a peer at `object` that then sends back what it receives, lets `count` bytes make the
/// round trip, one after the other, and prints how long that took, for `machine`.
pub fn print(machine: impl Display, object: &Object, greeting: &'static [u8], count: usize) {
    let name = Name::new(object.name()).unwrap();
    let mut times = bounded("all round trips", move || {
        let options = Options::new().timeout(BOUND);
        let Channel {
            mut sender,
            mut receiver,
            ..
        } = options.open(&name).unwrap();
        sender.write_all(greeting).unwrap();
        let mut round_trip = |number: usize| {
            let byte = number.to_le_bytes()[0];
            let began = Instant::now();
            sender.write_all(&[byte]).unwrap();
            let mut back = [!byte];
            receiver.read_exact(&mut back).unwrap();
            let took = began.elapsed();
            assert_eq!(back, [byte]);
            took
        };
        let times: Vec<Duration> = (0..count).map(&mut round_trip).collect();
        sender.end();
        assert_eq!(receiver.read(&mut [0]).unwrap(), 0);
        receiver.close().unwrap();
        sender.close().unwrap();
        times
    });
    times.sort();
    println!(
        "{machine}: {count} round trips of a byte, median {:?}, 99 % within {:?}",
        times[count / 2],
        times[count * 99 / 100]
    );
}
