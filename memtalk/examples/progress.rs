//! A progress bar over a transfer. It sends a file, its own program if you name none, to a
//! thread, which copies it nowhere.
//!
//! ```console
//! $ cargo run -p memtalk --example progress
//! $ cargo run -p memtalk --example progress -- FILE
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::{env, thread};

use memtalk::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let path = match env::args_os().nth(1) {
        Some(path) => path.into(),
        None => env::current_exe()?,
    };
    let file = File::open(path)?;
    let size = file.metadata()?.len();

    // More pages, more throughput.
    let (mut channel, theirs) = Options::new().pages(16).pair()?;
    let receives = thread::spawn(move || theirs.finish(&mut io::sink()));

    let mut file = WithBar::new(file, size);
    io::copy(&mut file, &mut channel.sender)?;
    // 100 % of the file is in the ring. This waits until all of it has arrived.
    channel.close()?;
    let received = receives.join().map_err(|_| "the receiver panicked")??;
    eprintln!();
    println!("{received} of {size} bytes arrived");
    Ok(())
}

/// Draws how much of `from` has been read.
struct WithBar<R> {
    from: R,
    size: u64,
    read: u64,
    drawn: Option<u64>,
}

impl<R> WithBar<R> {
    fn new(from: R, size: u64) -> Self {
        Self {
            from,
            size,
            read: 0,
            drawn: None,
        }
    }

    /// Draws the bar again, if another percent is full.
    fn draw(&mut self) {
        let percent = self.read.saturating_mul(100).checked_div(self.size);
        let percent = percent.map_or(100, |percent| percent.min(100));
        if self.drawn.replace(percent) != Some(percent) {
            let full: String = (0..percent / 2).map(|_| '#').collect();
            eprint!("\r[{full:50}] {percent:3} %");
        }
    }
}

impl<R: Read> Read for WithBar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.read += count as u64;
        self.draw();
        Ok(count)
    }
}
