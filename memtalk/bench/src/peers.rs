//! Programs that connect two sides: memtalk, and what people would use instead.
//!
//! A side is one process, or two if the program has one direction only. The first side
//! listens, and the second connects to it. One way, the second side sends. Then the first
//! side's input is `/dev/null`, and the second side receives nothing.

use std::env;
use std::fmt::{self, Display};
use std::fs::File;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::answer::{BEFORE, Row};
use crate::measure::{Samples, of_contestant};
use crate::process::Process;
use crate::scratch::Place;
use crate::{Bench, Result, sys};

/// A way to get bytes from one process to another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Memtalk {
        pages: usize,
    },
    /// Another version of memtalk: the command `BEFORE`.
    Before {
        pages: usize,
    },
    Socat,
    Netcat,
    /// `cat` over a FIFO, or two for both ways.
    Fifos,
}

/// The other programs, each with its default settings.
pub(crate) const OTHERS: [Way; 3] = [Way::Socat, Way::Netcat, Way::Fifos];

/// Which sides send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    OneWay,
    BothWays,
}

/// What a side reads and writes.
pub(crate) struct Ends {
    pub(crate) stdin: Stdio,
    pub(crate) stdout: Stdio,
}

impl Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memtalk { pages: 1 } => f.write_str("memtalk, 1 page"),
            Self::Memtalk { pages } => write!(f, "memtalk, {pages} pages"),
            Self::Before { pages } => write!(f, "{BEFORE}{}", Self::Memtalk { pages: *pages }),
            Self::Socat => f.write_str("socat"),
            Self::Netcat => f.write_str("nc -U"),
            Self::Fifos => f.write_str("FIFOs"),
        }
    }
}

/// A line for each program that is not installed, with the package to install.
pub(crate) fn missing() -> Vec<String> {
    let absent = OTHERS.into_iter().filter(|way| !way.is_there());
    absent
        .map(|way| {
            let package = match way {
                Way::Netcat => "netcat-openbsd",
                _ => "socat",
            };
            format!("{way} is not installed, so it is left out: install the package {package}")
        })
        .collect()
}

/// memtalk with each number of pages, the same of the command `BEFORE` if there is one, and
/// those of `others` that are installed.
pub(crate) fn present(bench: &Bench, pages: &[usize], others: &[Way]) -> Vec<Way> {
    let mut ways: Vec<Way> = pages.iter().map(|&pages| Way::Memtalk { pages }).collect();
    if bench.settings.before.is_some() {
        ways.extend(pages.iter().map(|&pages| Way::Before { pages }));
    }
    ways.extend(others.iter().filter(|way| way.is_there()));
    ways
}

/// The rows of an answer. In each cell, all `ways` ran one after the other.
pub(crate) fn rows(ways: &[Way], samples: &[Samples]) -> Vec<Row> {
    let rows = ways.iter().enumerate();
    rows.map(|(which, way)| Row {
        name: way.to_string(),
        ours: way.is_ours(),
        samples: of_contestant(samples, which, ways.len()),
    })
    .collect()
}

impl Way {
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Memtalk { .. } | Self::Before { .. })
    }

    /// The program that is memtalk here.
    fn memtalk(self, bench: &Bench) -> &str {
        match (self, &bench.settings.before) {
            (Self::Before { .. }, Some(before)) => before,
            _ => &bench.settings.memtalk,
        }
    }

    fn is_there(self) -> bool {
        match self {
            // Other programs of this name have no Unix sockets.
            Self::Netcat => Command::new("nc")
                .arg("-h")
                .output()
                .is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("OpenBSD")),
            Self::Socat => {
                let path = env::var_os("PATH").unwrap_or_default();
                env::split_paths(&path).any(|directory| directory.join("socat").is_file())
            }
            Self::Memtalk { .. } | Self::Before { .. } | Self::Fifos => true,
        }
    }

    /// Starts the first side.
    pub(crate) fn first(self, bench: &Bench, traffic: Traffic, ends: Ends) -> Result<First<'_>> {
        let place = bench.scratch.place();
        let mut left_for_second = Vec::new();
        let mut processes = Vec::new();
        let mut start = |program: &str, arguments: &[&str], ends| -> Result {
            processes.push(side(program, arguments, ends)?);
            Ok(())
        };
        match (self, traffic) {
            (Self::Memtalk { pages } | Self::Before { pages }, _) => {
                let pages = pages.to_string();
                let arguments = ["-f", place.object(), "--pages", &pages];
                start(self.memtalk(bench), &arguments, ends)?;
            }
            (Self::Socat, Traffic::OneWay) => {
                start("socat", &["-u", &place.text("UNIX-LISTEN:"), "-"], ends)?;
            }
            // Without -t, socat drops what is under way half a second after the first end of
            // file.
            (Self::Socat, Traffic::BothWays) => {
                let listen = place.text("UNIX-LISTEN:");
                start("socat", &["-t", "60", &listen, "-"], ends)?;
            }
            (Self::Netcat, Traffic::OneWay) => {
                start("nc", &["-l", "-U", &place.text("")], ends)?;
            }
            (Self::Netcat, Traffic::BothWays) => {
                start("nc", &["-N", "-l", "-U", &place.text("")], ends)?;
            }
            (Self::Fifos, _) => {
                let (reader, writer) = sys::fifo(place.path())?;
                left_for_second.push(writer);
                start("cat", &[], Ends::new(reader, ends.stdout))?;
                if traffic == Traffic::BothWays {
                    let (reader, writer) = sys::fifo(&place.other_path())?;
                    left_for_second.push(reader);
                    start("cat", &[], Ends::new(ends.stdin, writer))?;
                }
            }
        }
        Ok(First {
            bench,
            way: self,
            traffic,
            place,
            processes,
            left_for_second,
        })
    }
}

impl Ends {
    pub(crate) fn new(stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Self {
        Self {
            stdin: stdin.into(),
            stdout: stdout.into(),
        }
    }
}

fn side(program: &str, arguments: &[&str], ends: Ends) -> Result<Process> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(ends.stdin)
        .stdout(ends.stdout);
    Process::start(command)
}

/// The first side, running.
pub(crate) struct First<'b> {
    bench: &'b Bench,
    way: Way,
    traffic: Traffic,
    place: Place,
    processes: Vec<Process>,
    /// The other end of the FIFO, and of the second FIFO if there is one.
    left_for_second: Vec<File>,
}

impl First<'_> {
    /// Whether the socket, FIFO or object exists.
    fn is_there(&self) -> bool {
        match self.way {
            Way::Memtalk { .. } | Way::Before { .. } => self.place.object_path().exists(),
            Way::Socat | Way::Netcat | Way::Fifos => self.place.path().exists(),
        }
    }

    /// Waits until the socket, FIFO or object exists. Looks every `look_again`.
    pub(crate) fn wait_until_there(&self, look_again: Duration) {
        while !self.is_there() {
            thread::sleep(look_again);
        }
    }

    /// Starts the second side.
    pub(crate) fn second(self, ends: Ends) -> Result<Talk> {
        let (bench, place, mut processes) = (self.bench, self.place, self.processes);
        let mut start = |program: &str, arguments: &[&str], ends| -> Result {
            processes.push(side(program, arguments, ends)?);
            Ok(())
        };
        match (self.way, self.traffic) {
            (way @ (Way::Memtalk { .. } | Way::Before { .. }), _) => {
                start(way.memtalk(bench), &["-f", place.object()], ends)?;
            }
            (Way::Socat, traffic) => {
                // The socket may have a name before it accepts connections.
                let connect = place.text("UNIX-CONNECT:") + ",retry=1000,interval=0.0005";
                match traffic {
                    Traffic::OneWay => start("socat", &["-u", "-", &connect], ends)?,
                    Traffic::BothWays => start("socat", &["-t", "60", "-", &connect], ends)?,
                }
            }
            (Way::Netcat, _) => start("nc", &["-N", "-U", &place.text("")], ends)?,
            (Way::Fifos, _) => {
                let mut left = self.left_for_second.into_iter();
                let writer = left.next().ok_or("the FIFO is gone")?;
                start("cat", &[], Ends::new(ends.stdin, writer))?;
                if let Some(reader) = left.next() {
                    start("cat", &[], Ends::new(reader, ends.stdout))?;
                }
            }
        }
        Ok(Talk { processes, place })
    }
}

/// Waits until the second sides can connect.
pub(crate) fn settle<'f, 'b: 'f>(firsts: impl IntoIterator<Item = &'f First<'b>>) {
    for first in firsts {
        first.wait_until_there(Duration::from_millis(1));
    }
    // A socket has a name a moment before it accepts connections.
    thread::sleep(Duration::from_millis(20));
}

/// Both sides, running.
pub(crate) struct Talk {
    pub(crate) processes: Vec<Process>,
    /// Removed with the talk.
    #[expect(dead_code, reason = "is dropped")]
    place: Place,
}

impl Talk {
    /// Waits until all processes have ended, each with success.
    pub(crate) fn finish(self) -> Result {
        self.processes.into_iter().try_for_each(Process::finish)
    }
}
