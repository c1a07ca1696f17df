//! Throughput of the main job, one way: a file in memory to `/dev/null`, beside
//! socat and `nc -U` over a Unix socket.
//!
//! `make bench`. Each round runs every contestant once, in turn, so that what
//! disturbs the machine disturbs all of them; medians are printed, and ratios
//! to the best of the others, which are what to compare between machines.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;
const BYTES: usize = 1 << 30;

/// A way to get a file from one process to another.
struct Contestant {
    name: &'static str,
    /// Debian's name of the package, for those that are not ours.
    package: Option<&'static str>,
    /// The receiving side's command, and the sending side's; `@` stands for the
    /// object or the socket.
    receive: &'static [&'static str],
    send: &'static [&'static str],
}

const MEMTALK: &str = env!("CARGO_BIN_EXE_memtalk");

const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "memtalk, 1 page",
        package: None,
        receive: &[MEMTALK, "-f", "/@"],
        send: &[MEMTALK, "-f", "/@"],
    },
    Contestant {
        name: "memtalk, 16 pages",
        package: None,
        receive: &[MEMTALK, "-f", "/@", "--pages", "16"],
        send: &[MEMTALK, "-f", "/@"],
    },
    Contestant {
        name: "memtalk, 256 pages",
        package: None,
        receive: &[MEMTALK, "-f", "/@", "--pages", "256"],
        send: &[MEMTALK, "-f", "/@"],
    },
    Contestant {
        name: "socat",
        package: Some("socat"),
        receive: &["socat", "-u", "UNIX-LISTEN:/dev/shm/@", "-"],
        send: &["socat", "-u", "-", "UNIX-CONNECT:/dev/shm/@"],
    },
    Contestant {
        name: "nc -U",
        package: Some("netcat-openbsd"),
        receive: &["nc", "-l", "-U", "/dev/shm/@"],
        send: &["nc", "-N", "-U", "/dev/shm/@"],
    },
];

/// A file in shared memory, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(what: &str) -> Self {
        Self(format!("/dev/shm/memtalk-bench-{}-{what}", std::process::id()).into())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let input = Scratch::new("input");
    let mut file = File::create(&input.0)?;
    let block: Vec<u8> = (0..1 << 20).map(|i: u32| i.to_le_bytes()[1]).collect();
    for _ in 0..BYTES / block.len() {
        file.write_all(&block)?;
    }

    let (present, missing): (Vec<_>, Vec<_>) = CONTESTANTS.iter().partition(|c| c.is_there());
    for contestant in missing {
        let package = contestant.package.unwrap_or("memtalk");
        println!(
            "{} is missing: install the package {package}",
            contestant.name
        );
    }
    let mut times = vec![Vec::new(); present.len()];
    for _ in 0..ROUNDS {
        for (contestant, times) in present.iter().zip(&mut times) {
            times.push(contestant.run(&input.0)?);
        }
    }

    let speeds: Vec<f64> = times.iter_mut().map(|times| speed(times)).collect();
    let others = present
        .iter()
        .zip(&speeds)
        .filter(|(c, _)| c.package.is_some());
    let best = others.map(|(_, speed)| *speed).fold(f64::NAN, f64::max);
    println!("one way, file to /dev/null, 1 GiB, median of {ROUNDS} interleaved rounds");
    println!("{:20} {:>8} {:>22}", "", "GB/s", "times the best other");
    for (contestant, speed) in present.iter().zip(&speeds) {
        println!("{:20} {speed:8.2} {:22.2}", contestant.name, speed / best);
    }
    Ok(())
}

/// The median of some times, as bytes in a nanosecond.
fn speed(times: &mut [Duration]) -> f64 {
    times.sort();
    BYTES as f64 / times[times.len() / 2].as_nanos() as f64
}

impl Contestant {
    fn is_there(&self) -> bool {
        self.package.is_none()
            || Command::new("which")
                .arg(self.receive[0])
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
    }

    /// From the start of the second process to the end of both.
    fn run(&self, input: &Path) -> Result<Duration, Box<dyn Error>> {
        let place = Scratch::new("place");
        let name = place.0.file_name().and_then(|name| name.to_str());
        let name = name.ok_or("a name that is text")?;
        let start = |words: &[&str], stdin: Stdio| -> std::io::Result<Child> {
            let mut words = words.iter().map(|word| word.replace('@', name));
            Command::new(words.next().unwrap_or_default())
                .args(words)
                .stdin(stdin)
                .stdout(Stdio::null())
                .spawn()
        };
        let mut receiver = start(self.receive, Stdio::null())?;
        while !place.0.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Between the name and the readiness to accept there is a moment.
        std::thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        let mut sender = start(self.send, File::open(input)?.into())?;
        let ends = [sender.wait()?, receiver.wait()?];
        let time = began.elapsed();
        match ends.iter().all(|end| end.success()) {
            true => Ok(time),
            false => Err(format!("{} failed", self.name).into()),
        }
    }
}
