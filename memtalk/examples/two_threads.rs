//! Two threads with a pair of channels: one writes lines, the other one counts their words.
//!
//! ```console
//! $ cargo run -p memtalk --example two_threads
//! ```

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::thread;

use memtalk::Channel;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut ours, theirs) = Channel::pair()?;
    let counts = thread::spawn(move || count(theirs));

    // More than the ring holds. A write waits while it is full, so a thread must not write
    // so much to itself: one reads while the other one writes.
    for number in 1..=1000 {
        ours.sender
            .write_all(format!("line {number}\n").as_bytes())?;
    }
    let mut words = Vec::new();
    ours.finish(&mut words)?;
    counts.join().map_err(|_| "the other thread panicked")??;
    println!("{} words", String::from_utf8(words)?);
    Ok(())
}

fn count(mut channel: Channel) -> io::Result<()> {
    let mut words = 0;
    // The receiver has a buffer of its own, as `BufRead` needs it.
    for line in channel.receiver.by_ref().lines() {
        words += line?.split_whitespace().count();
    }
    write!(channel.sender, "{words}")?;
    Ok(channel.close()?)
}
