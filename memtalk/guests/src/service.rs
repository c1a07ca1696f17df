//! The service of a guest: what it does with the two ends of a talk, on any machine.
//!
//! The peer's first line says which service it wants:
//!
//! | line | what the guest does then |
//! | --- | --- |
//! | `echo` | sends back what follows, until the peer ends its stream; then ends its own |
//! | `bulk N` | sends N bytes of [noise](Noise) of seed 1 and ends its stream; at the same time receives noise of seed 2, until the peer ends its own |
//!
//! The directions are independent. The guest confirms a stream once it has received it to
//! its end. The talk is over when the peer has confirmed the guest's stream.

use core::fmt;
use core::hint::spin_loop;

use memtalk_ring::{Memory, Receiver, Sender, Wait};

use crate::failure::Failure;
use crate::noise::Noise;
use crate::tally::Tally;

/// The longest request, without its line feed, in bytes.
const LONGEST: usize = 32;

/// The bytes that are copied at a time.
const PIECE: usize = 512;

/// The bytes of a talk, without the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What we sent.
    pub sent: Tally,
    /// What we received.
    pub received: Tally,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent {}, received {}", self.sent, self.received)
    }
}

/// Serves the peer until both streams are complete.
///
/// # Errors
/// [`Failure::Talk`] if the peer stops before that; [`Failure::Request`] or
/// [`Failure::Noise`] if it sends wrong bytes. On an error the ends are dropped, so the peer
/// learns that we gave up.
pub fn serve<M: Memory, W: Wait<M::Atomics>>(
    sender: Sender<M, W>,
    receiver: Receiver<M, W>,
) -> Result<Report, Failure> {
    let mut talk = Talk {
        sender,
        receiver,
        report: Report::default(),
    };
    match talk.request()? {
        Request::Echo => talk.echo()?,
        Request::Bulk(len) => talk.bulk(len)?,
    }
    talk.sender.wait_delivered()?;
    Ok(talk.report)
}

enum Request {
    Echo,
    Bulk(u64),
}

impl Request {
    /// Parses a line without its line feed.
    fn from_line(line: &[u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?;
        match line.strip_prefix("bulk ") {
            Some(len) => len.parse().ok().map(Self::Bulk),
            None => (line == "echo").then_some(Self::Echo),
        }
    }
}

struct Talk<M: Memory, W: Wait<M::Atomics>> {
    sender: Sender<M, W>,
    receiver: Receiver<M, W>,
    report: Report,
}

impl<M: Memory, W: Wait<M::Atomics>> Talk<M, W> {
    /// Receives a line byte by byte, since the bytes after it are not part of the request.
    fn request(&mut self) -> Result<Request, Failure> {
        let mut line = [0; LONGEST];
        let mut len = 0;
        loop {
            let byte = self.next_byte()?.ok_or(Failure::Request)?;
            if byte == b'\n' {
                let line = line.get(..len).unwrap_or_default();
                return Request::from_line(line).ok_or(Failure::Request);
            }
            *line.get_mut(len).ok_or(Failure::Request)? = byte;
            len += 1;
        }
    }

    /// Waits for a byte. `None` at the end of the stream.
    fn next_byte(&mut self) -> Result<Option<u8>, Failure> {
        let mut byte = [0];
        self.receiver.wait()?;
        let len = self.receiver.receive(&mut byte)?;
        Ok(byte.first().filter(|_| len == 1).copied())
    }

    fn echo(&mut self) -> Result<(), Failure> {
        let mut piece = [0; PIECE];
        while self.receiver.wait()? > 0 {
            let len = self.receiver.receive(&mut piece)?;
            let mut left = piece.get(..len).unwrap_or_default();
            self.report.received.add(left);
            self.report.sent.add(left);
            while !left.is_empty() {
                self.sender.wait(left.len())?;
                let sent = self.sender.send(left)?;
                left = left.get(sent..).unwrap_or_default();
            }
        }
        self.sender.end();
        Ok(self.receiver.close()?)
    }

    /// Sends and receives noise. It never waits for one direction while the other can go on.
    fn bulk(&mut self, len: u64) -> Result<(), Failure> {
        let (mut ours, mut theirs) = (Noise::new(1), Noise::new(2));
        let mut confirmed = false;
        while !confirmed || self.report.sent.bytes < len {
            let before = self.report;
            match len - before.sent.bytes {
                0 => self.sender.end(),
                left => self.send_noise(&mut ours, left)?,
            }
            if !confirmed {
                self.receive_noise(&mut theirs)?;
                if self.receiver.at_end() {
                    self.receiver.close()?;
                    confirmed = true;
                }
            }
            if self.report == before {
                spin_loop();
            }
        }
        Ok(())
    }

    /// Sends as many bytes as fit, at most `left`.
    fn send_noise(&mut self, noise: &mut Noise, left: u64) -> Result<(), Failure> {
        let mut piece = [0; PIECE];
        let mut space = self.sender.space()?;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let len = piece.len().min(space.len()).min(left);
        let piece = piece.get_mut(..len).unwrap_or_default();
        noise.fill(piece);
        space.copy_from(piece);
        space.commit(len);
        self.report.sent.add(piece);
        Ok(())
    }

    /// Receives and checks the bytes that are there, a piece at most.
    fn receive_noise(&mut self, noise: &mut Noise) -> Result<(), Failure> {
        let mut piece = [0; PIECE];
        let len = self.receiver.receive(&mut piece)?;
        let piece = piece.get(..len).unwrap_or_default();
        let right = noise.agrees(piece);
        if right < len {
            return Err(Failure::Noise(self.report.received.bytes + right as u64));
        }
        self.report.received.add(piece);
        Ok(())
    }
}
