//! Messages on standard error.
//!
//! - A message is one line, `memtalk: NAME: text`, and one `write(2)`. So the messages of
//!   two processes on one terminal do not mix.
//! - A message never delays the talk. A [`Teller`] has a thread of its own. If standard
//!   error takes nothing for a while, up to [`ROOM`] notes wait, and more are dropped.
//! - [`Teller::finish`] and [`write()`] wait for standard error as long as it takes. They
//!   are for the end of the command, when no bytes move any more.

use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use memtalk::{Address, sys};

use crate::terminal;

/// The most notes that wait to be written.
const ROOM: usize = 16;

/// The message `what` about a talk's address, if it is about one, as a line.
pub(crate) fn line<'n, A>(address: impl Into<Option<&'n A>>, what: &dyn Display) -> String
where
    A: Display + 'n,
{
    match address.into() {
        Some(address) => format!("memtalk: {address}: {what}\n"),
        None => format!("memtalk: {what}\n"),
    }
}

/// Whether the last thing on the terminal is a line that [`draw`] has drawn.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// Goes to the beginning of the line, and erases it.
const ERASE: &str = "\r\x1b[K";

/// Writes `text` to standard error in one piece. If that fails, there is nobody to tell.
pub(crate) fn write(text: &str) {
    let erase = match DRAWN.swap(false, Ordering::Relaxed) {
        true => ERASE,
        false => "",
    };
    let _ = io::stderr().write_all(format!("{erase}{text}").as_bytes());
}

/// Draws `what` as the terminal's last line, in place of what was drawn there before. It is
/// cut off at the terminal's edge, and erased before the next message.
pub(crate) fn draw(address: &Address, what: &str) {
    let text = line(address, &what);
    let room = terminal::size_at(io::stderr().as_fd()).columns - 1;
    let shown: String = text.trim_end().chars().take(room).collect();
    DRAWN.store(true, Ordering::Relaxed);
    let _ = io::stderr().write_all(format!("{ERASE}{shown}").as_bytes());
}

/// As [`write()`], in a thread of its own: for a message while the talk goes on, without a
/// [`Teller`].
pub(crate) fn write_aside(text: String) {
    // If no thread starts, the message is left out.
    let _ = thread::Builder::new().spawn(move || write(&text));
}

/// A thread that writes notes to standard error, in their order.
pub(crate) struct Teller {
    notes: Notes,
    thread: JoinHandle<()>,
}

/// The queue of notes that a [`Teller`] writes.
#[derive(Clone)]
pub(crate) struct Notes {
    address: Address,
    /// Lines, and `None` after the last one.
    lines: SyncSender<Option<String>>,
}

impl Teller {
    /// Starts the thread, which passes each line to `write`.
    pub(crate) fn start(
        address: Address,
        write: impl Fn(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let (lines, noted) = mpsc::sync_channel::<Option<String>>(ROOM);
        let tell = move || {
            while let Ok(Some(line)) = noted.recv() {
                write(&line);
            }
        };
        let thread = thread::Builder::new().name("memtalk-tell".into());
        let thread = sys::start(thread, tell)?;
        let notes = Notes { address, lines };
        Ok(Self { notes, thread })
    }

    pub(crate) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// Waits until every note so far is written. Notes that come later, from a thread that
    /// is still busy, are dropped.
    pub(crate) fn finish(self) {
        // The thread receives this in any case: nothing else ends it.
        let _ = self.notes.lines.send(None);
        let _ = self.thread.join();
    }
}

impl Notes {
    /// Notes `what`, to be written as one line; drops it if too many notes wait. Never
    /// blocks.
    pub(crate) fn note(&self, what: &dyn Display) {
        let _ = self.lines.try_send(Some(line(&self.address, what)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::{ROOM, Teller};
    use memtalk::Address;

    const BOUND: Duration = Duration::from_secs(10);

    #[test]
    fn notes_that_find_no_room_are_dropped() {
        // Writes one line, then waits for the word to go on.
        let (written, lines) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let write = move |line: &str| {
            written.send(line.to_owned()).unwrap();
            may_go_on.recv_timeout(BOUND).unwrap();
        };
        let teller = Teller::start(Address::try_from("/x").unwrap(), write).unwrap();
        let notes = teller.notes();
        notes.note(&"first");
        assert_eq!(lines.recv_timeout(BOUND).unwrap(), "memtalk: /x: first\n");
        for number in 0..2 * ROOM {
            notes.note(&number);
        }
        (0..=ROOM).for_each(|_| go_on.send(()).unwrap());
        teller.finish();
        notes.note(&"too late");
        let written: Vec<_> = lines.iter().collect();
        assert_eq!(written.len(), ROOM);
        assert_eq!(written[ROOM - 1], format!("memtalk: /x: {}\n", ROOM - 1));
    }
}
