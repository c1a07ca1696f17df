//! The terminal: its size, single keys, and a screen of one's own that leaves it as it was.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Duration;

use memtalk::sys::retry;

use crate::signals::{self, Blocked};

/// Columns and rows, where nobody tells.
const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// Whether standard output is a terminal.
pub(crate) fn is_output() -> bool {
    io::stdout().is_terminal()
}

/// The size of the terminal that standard output is; 80 by 24 if it is none, or if the
/// terminal does not tell.
pub(crate) fn size() -> Size {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: this request fills a `winsize`, which is valid for writes.
    let told =
        retry(|| unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, size.as_mut_ptr()) });
    // SAFETY: a struct of integers, for which zero is a value.
    let size = unsafe { size.assume_init() };
    match told {
        Ok(_) if size.ws_col > 0 && size.ws_row > 0 => Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        },
        _ => USUAL,
    }
}

/// What ends a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// This signal came.
    Signal(i32),
    /// These keys were typed.
    Keys(Vec<u8>),
    /// Nothing: the time is over.
    Nothing,
}

/// A screen of one's own on the terminal, above what was there before, and single keys.
///
/// Dropping it leaves the terminal as it was.
pub(crate) struct Screen {
    signals: Blocked,
    /// The same signals as a file that can be read.
    pending: File,
    /// The settings of the terminal that standard input is, to be restored; `None` if it is no
    /// terminal.
    settings: Option<libc::termios>,
    shown: bool,
}

/// The other screen, and no cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

impl Screen {
    /// Takes the terminal. From now on signals that would end or stop this process wait for
    /// [`wait`](Self::wait).
    pub(crate) fn open() -> io::Result<Self> {
        let signals = signals::block_all(&[
            libc::SIGINT,
            libc::SIGTERM,
            libc::SIGHUP,
            libc::SIGQUIT,
            libc::SIGTSTP,
            libc::SIGCONT,
            libc::SIGWINCH,
        ])?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the set is initialised.
        let pending = retry(|| unsafe { libc::signalfd(-1, signals.set(), flags) })?;
        let mut screen = Self {
            signals,
            // SAFETY: a new descriptor that nobody else owns.
            pending: unsafe { File::from_raw_fd(pending) },
            settings: settings(),
            shown: false,
        };
        screen.enter()?;
        Ok(screen)
    }

    /// Whether keys can be typed: standard input is a terminal.
    pub(crate) fn has_keys(&self) -> bool {
        self.settings.is_some()
    }

    /// Shows these lines, as many as there is room for, in place of the last ones.
    pub(crate) fn show(&mut self, text: &str) -> io::Result<()> {
        let lines = text.lines().take(size().rows);
        let lines: Vec<_> = lines.map(|line| format!("{line}\x1b[K")).collect();
        write(&format!("\x1b[H{}\x1b[J", lines.join("\r\n")))
    }

    /// Waits for a key or a signal, but no longer than `time`.
    pub(crate) fn wait(&mut self, time: Duration) -> Event {
        let entry = |fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        let keys = match self.settings {
            Some(_) => libc::STDIN_FILENO,
            // An entry that is less than 0 is left out.
            None => -1,
        };
        let mut entries = [entry(self.pending.as_raw_fd()), entry(keys)];
        let time = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: two valid entries.
        unsafe { libc::poll(entries.as_mut_ptr(), 2, time) };
        if let Some(signal) = self.pending_signal() {
            return Event::Signal(signal);
        }
        if entries[1].revents == 0 {
            return Event::Nothing;
        }
        let keys = typed();
        if keys.is_empty() {
            // The terminal is closed: its signal comes, or nobody types any more.
            self.settings = None;
        }
        Event::Keys(keys)
    }

    fn pending_signal(&mut self) -> Option<i32> {
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        self.pending.read_exact(&mut info).ok()?;
        // The first word is the signal's number.
        let number = info.first_chunk().copied()?;
        Some(i32::from_ne_bytes(number))
    }

    /// Gives the terminal back, stops this process as Ctrl-Z does, and takes the terminal again
    /// once the process is continued.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.leave();
        self.signals.stop();
        self.enter()
    }

    /// Takes the terminal again after somebody else had it.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        if let Some(settings) = &self.settings {
            let mut ours = *settings;
            // Keys come one by one, and are not shown. Ctrl-C and Ctrl-Z stay signals.
            ours.c_lflag &= !(libc::ICANON | libc::ECHO);
            // In the background, this stops the process until it is in the foreground. So it
            // comes before anything is shown.
            set(&ours)?;
        }
        self.shown = true;
        write(ENTER)
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.shown) {
            // If this fails, the terminal is gone.
            let _ = write(LEAVE);
            let _ = self.settings.as_ref().map(set);
        }
    }

    /// Gives the terminal back, and ends the process by the default action of `signal`.
    pub(crate) fn die(mut self, signal: i32) -> ! {
        self.leave();
        self.signals.die(signal)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// All that has been typed so far; nothing if the terminal is closed.
fn typed() -> Vec<u8> {
    let mut stdin = io::stdin().lock();
    let keys = stdin.fill_buf().map(<[u8]>::to_vec).unwrap_or_default();
    stdin.consume(keys.len());
    keys
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The settings of the terminal that standard input is.
fn settings() -> Option<libc::termios> {
    let mut settings = MaybeUninit::<libc::termios>::zeroed();
    // SAFETY: `settings` is valid for writes.
    retry(|| unsafe { libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) }).ok()?;
    // SAFETY: a struct of integers, for which zero is a value.
    Some(unsafe { settings.assume_init() })
}

fn set(settings: &libc::termios) -> io::Result<()> {
    // SAFETY: `settings` is valid for reads.
    let set = || unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSADRAIN, settings) };
    retry(set).map(drop)
}
