//! Links that carry eight bytes to another process: the library, and its competitors.
//!
//! Each is used as a program would use it.

use std::fmt::{self, Display};
use std::fs::{File, OpenOptions};
use std::hint;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread;
use std::time::Duration;

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude as iox;
use iceoryx2::prelude::SemanticString;
use memtalk::{Channel, Options, Receiver, Sender};

use crate::Result;
use crate::sys::{self, Line};

/// One end of a link.
pub(crate) trait Link {
    fn send(&mut self, message: u64) -> Result;

    /// Waits for the next message, in the way of this link.
    fn receive(&mut self) -> Result<u64>;
}

/// The two processes. Ping sends first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Ping,
    Pong,
}

/// The kinds of links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memtalk,
    Atomics,
    Iceoryx2,
    Pipes,
    Sockets,
    Futex,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Memtalk,
        Self::Atomics,
        Self::Iceoryx2,
        Self::Pipes,
        Self::Sockets,
        Self::Futex,
    ];
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memtalk => "memtalk",
            Self::Atomics => "raw atomics",
            Self::Iceoryx2 => "iceoryx2",
            Self::Pipes => "a pair of pipes",
            Self::Sockets => "a socket pair",
            Self::Futex => "bare futex",
        })
    }
}

/// The library. Its writes and reads look for a while and then sleep.
pub(crate) struct Memtalk {
    sender: Sender,
    receiver: Receiver,
}

impl Memtalk {
    pub(crate) fn open(object: &str) -> Result<Self> {
        let Channel {
            sender, receiver, ..
        } = Options::new().open(object)?;
        Ok(Self { sender, receiver })
    }
}

impl Link for Memtalk {
    fn send(&mut self, message: u64) -> Result {
        Ok(self.sender.write_all(&message.to_ne_bytes())?)
    }

    fn receive(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.receiver.read_exact(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

/// Two cache lines in shared memory. Each process writes one of them.
pub(crate) struct Lines {
    ours: &'static Line,
    theirs: &'static Line,
}

impl Lines {
    /// Maps the file at `path`. The first process makes it.
    fn map(path: &Path, end: End) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(path)?;
        // Both set the same size, and the content does not change.
        file.set_len(4096)?;
        let [one, other] = sys::map_lines(&file)?;
        Ok(match end {
            End::Ping => Self {
                ours: one,
                theirs: other,
            },
            End::Pong => Self {
                ours: other,
                theirs: one,
            },
        })
    }
}

/// Polls the peer's line. A message has to differ from the one before, and from 0.
pub(crate) struct Atomics {
    lines: Lines,
    seen: u64,
}

impl Atomics {
    pub(crate) fn open(path: &Path, end: End) -> Result<Self> {
        let lines = Lines::map(path, end)?;
        Ok(Self { lines, seen: 0 })
    }
}

impl Link for Atomics {
    fn send(&mut self, message: u64) -> Result {
        self.lines.ours.message.store(message, Release);
        Ok(())
    }

    fn receive(&mut self) -> Result<u64> {
        loop {
            let message = self.lines.theirs.message.load(Acquire);
            if message != self.seen {
                self.seen = message;
                return Ok(message);
            }
            hint::spin_loop();
        }
    }
}

/// Sleeps on the word of the peer's line at once, and wakes the peer at once.
pub(crate) struct Futex {
    lines: Lines,
    sent: u32,
    seen: u32,
}

impl Futex {
    pub(crate) fn open(path: &Path, end: End) -> Result<Self> {
        Ok(Self {
            lines: Lines::map(path, end)?,
            sent: 0,
            seen: 0,
        })
    }
}

impl Link for Futex {
    fn send(&mut self, message: u64) -> Result {
        self.sent = self.sent.wrapping_add(1);
        self.lines.ours.message.store(message, Relaxed);
        self.lines.ours.word.store(self.sent, Release);
        sys::futex_wake(&self.lines.ours.word);
        Ok(())
    }

    fn receive(&mut self) -> Result<u64> {
        let theirs = self.lines.theirs;
        loop {
            let word = theirs.word.load(Acquire);
            if word != self.seen {
                self.seen = word;
                return Ok(theirs.message.load(Relaxed));
            }
            sys::futex_wait(&theirs.word, word);
        }
    }
}

/// Standard input and output: a pair of pipes, or a socket.
pub(crate) struct Streams {
    input: File,
    output: File,
}

impl Streams {
    /// Opens them without the buffers of the standard library.
    pub(crate) fn open() -> Result<Self> {
        Ok(Self {
            input: io::stdin().as_fd().try_clone_to_owned()?.into(),
            output: io::stdout().as_fd().try_clone_to_owned()?.into(),
        })
    }
}

impl Link for Streams {
    fn send(&mut self, message: u64) -> Result {
        Ok(self.output.write_all(&message.to_ne_bytes())?)
    }

    fn receive(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.input.read_exact(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

/// iceoryx2: publish and subscribe, with one service each way, set up as in its own
/// benchmark.
pub(crate) struct Iceoryx2 {
    publisher: Publisher<iox::ipc::Service, u64, ()>,
    subscriber: Subscriber<iox::ipc::Service, u64, ()>,
    #[expect(dead_code, reason = "has to live as long as its ports")]
    node: iox::Node<iox::ipc::Service>,
}

impl Iceoryx2 {
    /// Opens both services. Their files go to the directory of `path`, their shared memory
    /// beside it.
    pub(crate) fn open(path: &Path, object: &str, end: End) -> Result<Self> {
        iox::set_log_level(iox::LogLevel::Fatal);
        let mut config = iox::Config::default();
        let root = path.with_extension("other");
        config
            .global
            .set_root_path(&iox::Path::new(root.as_os_str().as_encoded_bytes())?);
        let prefix = format!("{}-", &object[1..]);
        config.global.prefix = iox::FileName::new(prefix.as_bytes())?;
        let node = iox::NodeBuilder::new()
            .config(&config)
            .signal_handling_mode(iox::SignalHandlingMode::Disabled)
            .create::<iox::ipc::Service>()?;
        let service = |name: &str| -> Result<_> {
            let builder = node.service_builder(&name.try_into()?);
            let builder = builder.publish_subscribe::<u64>();
            let builder = builder.max_publishers(1).max_subscribers(1).history_size(0);
            let builder = builder
                .subscriber_max_buffer_size(1)
                .enable_safe_overflow(true);
            Ok(builder.open_or_create()?)
        };
        let (there, back) = (service("there")?, service("back")?);
        let (to_peer, from_peer) = match end {
            End::Ping => (&there, &back),
            End::Pong => (&back, &there),
        };
        let publisher = to_peer.publisher_builder().create()?;
        let subscriber = from_peer.subscriber_builder().create()?;
        // A message without a subscriber would be lost.
        for service in [&there, &back] {
            let ports = iox::PortFactory::dynamic_config(service);
            while ports.number_of_publishers() == 0 || ports.number_of_subscribers() == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(Self {
            publisher,
            subscriber,
            node,
        })
    }
}

impl Link for Iceoryx2 {
    fn send(&mut self, message: u64) -> Result {
        self.publisher
            .loan_uninit()?
            .write_payload(message)
            .send()?;
        Ok(())
    }

    fn receive(&mut self) -> Result<u64> {
        loop {
            if let Some(sample) = self.subscriber.receive()? {
                return Ok(*sample);
            }
            hint::spin_loop();
        }
    }
}
