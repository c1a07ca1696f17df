//! Talks between the C program `examples/echo.c` and the command `memtalk`.

mod support;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::{Process, echo, memtalk, until};

/// The object of a talk. It is removed when this is dropped, even if memtalk was killed.
struct Object(PathBuf);

impl Drop for Object {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A talk of memtalk and the C program, with memtalk's input and output.
struct Talk {
    object: Object,
    memtalk: Process,
    echo: Process,
    input: Option<ChildStdin>,
    /// What memtalk writes to its output, piece by piece.
    output: mpsc::Receiver<Vec<u8>>,
}

impl Talk {
    fn start(test: &str) -> Self {
        let name = format!("/memtalk-c-command-{test}-{}", std::process::id());
        let object = Object(PathBuf::from(format!("/dev/shm{name}")));
        let mut memtalk = Process::start(
            Command::new(memtalk())
                .args(["-f", &name])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        until("memtalk gives the object its size", || {
            let size = object.0.metadata().map_or(0, |data| data.len());
            (size >= 4096).then_some(())
        });
        let echo = Process::start(
            Command::new(echo())
                .args([&name, "20"])
                .stdin(Stdio::null()),
        );
        let input = memtalk.0.stdin.take();
        let mut from = memtalk.0.stdout.take().expect("a pipe");
        let (found, output) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = vec![0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                if found.send(piece[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            object,
            memtalk,
            echo,
            input,
            output,
        }
    }

    /// Writes to memtalk's input.
    fn say(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("it is open");
        input.write_all(bytes).expect("memtalk reads its input");
    }

    /// Waits for `count` bytes of memtalk's output, or for its end.
    fn hear(&self, count: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        while heard.len() < count {
            match self.output.recv_timeout(Duration::from_secs(30)) {
                Ok(piece) => heard.extend(piece),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("memtalk's output stops"),
            }
        }
        heard
    }

    /// Ends the input, and checks that both streams are complete, that no byte follows, and
    /// that nothing is left behind.
    fn assert_complete(mut self) {
        self.input = None;
        assert_eq!(self.hear(1), b"", "all of it was heard before");
        assert_eq!(self.echo.finish(), (Some(0), String::new()));
        assert_eq!(self.memtalk.finish(), (Some(0), String::new()));
        assert!(!self.object.0.exists());
    }
}

#[test]
fn a_third_party_leaves_a_talk_alone() {
    let mut talk = Talk::start("third");
    talk.say(b"before");
    assert_eq!(talk.hear(6), b"before");
    let name = talk.object.0.file_name().expect("it has a name");
    let mut third = Command::new(echo());
    third
        .arg(format!("/{}", name.display()))
        .stdin(Stdio::null());
    let (status, said) = Process::start(&mut third).finish();
    assert_eq!(status, Some(9), "{said}");
    talk.say(b"after");
    assert_eq!(talk.hear(5), b"after");
    talk.assert_complete();
}

#[test]
fn a_megabyte_comes_back_whole() {
    let mut talk = Talk::start("megabyte");
    let bytes: Vec<u8> = (0..1_u32 << 20)
        .map(|i| i.wrapping_mul(0x9E37_79B9).to_be_bytes()[0])
        .collect();
    let (mut input, sent) = (talk.input.take().expect("it is open"), bytes.clone());
    // In the background, because the ring holds less than this.
    thread::spawn(move || input.write_all(&sent));
    assert!(talk.hear(bytes.len()) == bytes, "what came back differs");
    talk.assert_complete();
}

#[test]
fn each_line_comes_back_at_once() {
    let mut talk = Talk::start("lines");
    for number in 0..200 {
        let line = format!("line {number}\n");
        talk.say(line.as_bytes());
        assert_eq!(talk.hear(line.len()), line.as_bytes());
    }
    talk.assert_complete();
}

#[test]
fn an_empty_stream_is_complete() {
    Talk::start("empty").assert_complete();
}

#[test]
fn memtalk_notices_that_the_program_was_killed() {
    let mut talk = Talk::start("killed");
    talk.say(b"hello");
    assert_eq!(talk.hear(5), b"hello");
    talk.echo.0.kill().expect("it is ours");
    talk.memtalk.fails_with(4, "the peer died");
}

#[test]
fn the_program_learns_that_memtalk_was_terminated() {
    let mut talk = Talk::start("asked");
    talk.say(b"hello");
    assert_eq!(talk.hear(5), b"hello");
    let pid = i32::try_from(talk.memtalk.0.id()).expect("a process id");
    // SAFETY: no pointers are involved. The process is our child, not yet waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    talk.echo.fails_with(7, "the peer gave up");
    assert_eq!(talk.memtalk.finish().0, None, "ended by the signal");
}
