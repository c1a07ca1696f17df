//! Lines: pipes, sockets and terminals between a program and the test.

use std::ffi::{CStr, CString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use super::TempFile;

/// A kind of descriptor that can make a process wait. (A file cannot: `O_NONBLOCK` changes
/// nothing there.)
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Pipe,
    Fifo,
    UnixSocket,
    TcpSocket,
    Terminal,
}

/// The number of bytes, about, that a line holds if it is to be full soon.
const SMALL: libc::c_int = 16 * 1024;

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Pipe,
        Self::Fifo,
        Self::UnixSocket,
        Self::TcpSocket,
        Self::Terminal,
    ];

    /// Whether closing the writing end loses bytes that are not read yet.
    pub fn loses_what_was_not_read(self) -> bool {
        matches!(self, Self::Terminal)
    }

    /// The two ends of a line: the writing end, and the reading end.
    fn line(self) -> io::Result<(OwnedFd, OwnedFd)> {
        Ok(match self {
            Self::Pipe => {
                let (reader, writer) = io::pipe()?;
                (writer.into(), reader.into())
            }
            Self::Fifo => {
                let place = TempFile::new(b"");
                fs::remove_file(&place.0)?;
                let path = CString::new(place.0.as_os_str().as_bytes())?;
                // SAFETY: a valid string.
                call(|| unsafe { libc::mkfifo(path.as_ptr(), 0o600) })?;
                // Neither `open` waits for the other.
                let mut options = OpenOptions::new();
                let reader = options.read(true).custom_flags(libc::O_NONBLOCK);
                let reader = OwnedFd::from(reader.open(&place.0)?);
                set_non_blocking(&reader, false)?;
                let writer = OpenOptions::new().write(true).open(&place.0)?;
                (writer.into(), reader)
            }
            Self::UnixSocket => {
                let (writer, reader) = UnixStream::pair()?;
                (writer.into(), reader.into())
            }
            Self::TcpSocket => {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let writer = TcpStream::connect(listener.local_addr()?)?;
                let (reader, _) = listener.accept()?;
                writer.set_nodelay(true)?;
                (writer.into(), reader.into())
            }
            Self::Terminal => {
                let (person, program) = terminal()?;
                make_raw(&program)?;
                (person.into(), program)
            }
        })
    }

    /// A program's input, and the end to which the test writes.
    fn input(self) -> io::Result<(OwnedFd, File)> {
        let (ours, program) = self.line()?;
        Ok((program, ours.into()))
    }

    /// A program's output, which is full soon, and the end from which the test reads.
    fn output(self) -> io::Result<(OwnedFd, Box<dyn Read + Send>)> {
        let (writer, reader) = self.line()?;
        match self {
            Self::Pipe | Self::Fifo => shrink(&writer)?,
            Self::UnixSocket | Self::TcpSocket => {
                limit(&writer, libc::SO_SNDBUF)?;
                limit(&reader, libc::SO_RCVBUF)?;
            }
            Self::Terminal => {}
        }
        Ok(match self {
            Self::Terminal => (reader, Box::new(Screen(writer.into()))),
            _ => (writer, Box::new(File::from(reader))),
        })
    }
}

/// A program's standard input and output, and the test's ends of both.
pub struct Lines {
    pub stdin: OwnedFd,
    pub to: File,
    pub stdout: OwnedFd,
    pub from: Box<dyn Read + Send>,
}

impl Lines {
    pub fn pipes() -> io::Result<Self> {
        let (stdin, to) = io::pipe()?;
        let (from, stdout) = io::pipe()?;
        Ok(Self {
            stdin: stdin.into(),
            to: OwnedFd::from(to).into(),
            stdout: stdout.into(),
            from: Box::new(from),
        })
    }

    /// Lines of this kind: non-blocking for the program, blocking for the test.
    pub fn non_blocking(kind: Kind) -> io::Result<Self> {
        let (stdin, to) = kind.input()?;
        let (stdout, from) = kind.output()?;
        set_non_blocking(&stdin, true)?;
        set_non_blocking(&stdout, true)?;
        Ok(Self {
            stdin,
            to,
            stdout,
            from,
        })
    }
}

fn call(call: impl FnOnce() -> libc::c_int) -> io::Result<libc::c_int> {
    match call() {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

fn set_non_blocking(fd: &OwnedFd, yes: bool) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: no pointers are involved.
    let flags = call(|| unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    let flags = match yes {
        true => flags | libc::O_NONBLOCK,
        false => flags & !libc::O_NONBLOCK,
    };
    // SAFETY: as above.
    call(|| unsafe { libc::fcntl(fd, libc::F_SETFL, flags) }).map(drop)
}

/// Makes a pipe small.
fn shrink(pipe: &OwnedFd) -> io::Result<()> {
    let fd = pipe.as_raw_fd();
    // SAFETY: no pointers are involved.
    call(|| unsafe { libc::fcntl(fd, libc::F_SETPIPE_SZ, SMALL) }).map(drop)
}

/// Makes a socket's buffer small.
fn limit(socket: &OwnedFd, buffer: libc::c_int) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    let size = SMALL;
    let (value, len) = ((&raw const size).cast(), size_of_val(&size));
    let len = libc::socklen_t::try_from(len).expect("four bytes");
    // SAFETY: a valid value of the size that is given.
    call(|| unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, buffer, value, len) }).map(drop)
}

/// A pseudo-terminal: the person's side, and the program's. No process that is started
/// meanwhile inherits either.
pub fn terminal() -> io::Result<(File, OwnedFd)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: no pointers are involved.
    let person = call(|| unsafe { libc::posix_openpt(flags) })?;
    // SAFETY: a new descriptor that nobody else owns.
    let person = unsafe { File::from_raw_fd(person) };
    let fd = person.as_raw_fd();
    // SAFETY: no pointers are involved.
    call(|| unsafe { libc::unlockpt(fd) })?;
    let mut name = [0; 64];
    // SAFETY: as many bytes as are given, valid for writes.
    match unsafe { libc::ptsname_r(fd, name.as_mut_ptr().cast(), name.len()) } {
        0 => {}
        error => return Err(io::Error::from_raw_os_error(error)),
    }
    let name = CStr::from_bytes_until_nul(&name).expect("a string");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(libc::O_NOCTTY);
    let program = options.open(std::ffi::OsStr::from_bytes(name.to_bytes()))?;
    Ok((person, program.into()))
}

/// Makes a terminal pass every byte unchanged.
fn make_raw(terminal: &OwnedFd) -> io::Result<()> {
    let fd = terminal.as_raw_fd();
    // SAFETY: a struct of integers, for which zero is a value.
    let mut settings: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: `settings` is valid for writes.
    call(|| unsafe { libc::tcgetattr(fd, &raw mut settings) })?;
    // SAFETY: as above.
    unsafe { libc::cfmakeraw(&raw mut settings) };
    // SAFETY: `settings` is valid for reads.
    call(|| unsafe { libc::tcsetattr(fd, libc::TCSANOW, &raw const settings) }).map(drop)
}

/// A person's side of a terminal, as a reader. Once the program's side is closed, reading
/// from the terminal fails with `EIO`; this returns end of file instead.
struct Screen(File);

impl Read for Screen {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.read(bytes) {
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(0),
            result => result,
        }
    }
}
