//! Talks between the C program `examples/echo.c` and a test, which has the first seat.

mod support;

use std::fs::{File, OpenOptions};
use std::mem::offset_of;
use std::process::{Command, Stdio};
use std::ptr::NonNull;

use memtalk_ring::layout::{Header, VERSION, sender_offset};
use memtalk_ring::{Native, Page, PageRing, Presence, RawRegion, Receiver, Seat, Sender, Spin};

use support::{Process, until};

const SIZE: usize = 4096;

/// A POSIX shared memory object, which is removed when this is dropped.
struct Object {
    name: String,
    file: File,
}

impl Object {
    fn new(test: &str, size: usize) -> Self {
        let name = format!("/memtalk-c-{test}-{}", std::process::id());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(format!("/dev/shm{name}"))
            .expect("the object is new");
        let object = Self { name, file };
        object.file.set_len(size as u64).expect("there is room");
        object
    }

    /// Maps the object for as long as this process lives.
    fn map(&self) -> RawRegion {
        use std::os::fd::AsRawFd;
        // SAFETY: a new mapping replaces no other.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                self.file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(memory, libc::MAP_FAILED);
        let memory = NonNull::new(memory.cast()).expect("no mapping at 0");
        // SAFETY: the mapping is never unmapped, and used through this region only.
        unsafe { RawRegion::new(memory, SIZE) }
    }

    /// Removes the name. Called early, so that nothing is left if this process is killed.
    fn unlink(&self) {
        let _ = std::fs::remove_file(format!("/dev/shm{}", self.name));
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.unlink();
    }
}

/// Starts the program at the object `name`.
fn echo(name: &str, seconds: u32) -> Process {
    let mut command = Command::new(support::echo());
    command.arg(name).arg(seconds.to_string());
    Process::start(command.stdin(Stdio::null()))
}

type Ends = (
    Sender<PageRing<RawRegion>, Spin>,
    Receiver<PageRing<RawRegion>, Spin>,
);

/// Starts a talk: the program at the second seat, and our ends at the first.
fn talk(test: &str, seconds: u32) -> (Process, Object, Ends) {
    let object = Object::new(test, SIZE);
    let echo = echo(&object.name, seconds);
    // SAFETY: nobody has taken ends in a new mapping.
    let page =
        unsafe { Page::initialise(object.map(), Presence::DEVICE) }.expect("it is large enough");
    // SAFETY: the page is fresh, and nobody else sits at this seat.
    let ends = unsafe { page.ends(Seat::First, Spin) };
    let presence = until("the program sits down", || page.presence(Seat::Second));
    assert_eq!(presence, Presence::DEVICE);
    object.unlink();
    (echo, object, ends)
}

#[test]
fn a_megabyte_comes_back_whole_and_both_streams_are_confirmed() {
    let (echo, _object, (mut sender, mut receiver)) = talk("megabyte", 10);
    let bytes: Vec<u8> = (0..1_u32 << 20)
        .map(|i| i.wrapping_mul(0x9E37_79B9).to_be_bytes()[0])
        .collect();
    let (mut sent, mut back) = (0, Vec::new());
    let mut buffer = [0; 3000];
    while back.len() < bytes.len() {
        until("bytes move", || {
            let there = sender.send(&bytes[sent..]).expect("it receives");
            sent += there;
            let got = receiver.receive(&mut buffer).expect("it sends");
            back.extend_from_slice(&buffer[..got]);
            (there + got > 0).then_some(())
        });
    }
    assert!(back == bytes, "what came back differs");
    assert!(!receiver.at_end(), "our stream is not at its end");

    // Our half-close, and then the end of the program's stream.
    sender.end();
    until("its stream ends", || {
        assert_eq!(receiver.receive(&mut buffer), Ok(0));
        receiver.at_end().then_some(())
    });
    until("our stream is confirmed", || {
        sender.delivered().expect("it received all").then_some(())
    });
    receiver.close().expect("it is at its end");
    let (status, said) = echo.finish();
    assert_eq!((status, said.as_str()), (Some(0), ""));
}

#[test]
fn each_byte_comes_back_at_once() {
    let (echo, _object, (mut sender, mut receiver)) = talk("byte", 10);
    for byte in 0..=255_u8 {
        assert_eq!(sender.send(&[byte]), Ok(1));
        let mut back = [0];
        until("it comes back", || {
            (receiver.receive(&mut back) == Ok(1)).then_some(())
        });
        assert_eq!(back, [byte]);
    }
    sender.fail();
    until("it gives up as well", || receiver.receive(&mut [0]).err());
    echo.fails_with(7, "the peer gave up before the stream was complete");
}

#[test]
fn the_program_fails_when_our_receiver_gives_up() {
    let (echo, _object, (mut sender, mut receiver)) = talk("stops", 10);
    receiver.fail();
    sender.end();
    echo.fails_with(7, "ending: the peer gave up");
}

#[test]
fn the_program_fails_when_the_page_is_overwritten() {
    let (echo, object, _ends) = talk("overwritten", 10);
    use std::os::unix::fs::FileExt;
    object
        .file
        .write_all_at(&[0x77; 4], sender_offset(Seat::First, 1856) as u64)
        .expect("the tail of our ring");
    echo.fails_with(7, "something overwrote the shared memory");
}

#[test]
fn the_program_waits_for_a_byte_only_as_long_as_it_was_told() {
    let (echo, _object, _ends) = talk("silence", 1);
    echo.fails_with(8, "nothing came");
}

#[test]
fn the_program_fails_without_an_object() {
    echo(&format!("/memtalk-c-none-{}", std::process::id()), 1).fails_with(3, "No such");
}

#[test]
fn the_program_fails_at_an_object_without_a_page() {
    let object = Object::new("zero", SIZE);
    echo(&object.name, 1).fails_with(5, "magic number");
}

#[test]
fn the_program_fails_at_an_object_too_small_for_a_page() {
    let object = Object::new("small", 448);
    echo(&object.name, 1).fails_with(4, "cannot hold a page");
    let object = Object::new("empty", 0);
    echo(&object.name, 1).fails_with(4, "cannot hold a page");
}

#[test]
fn the_program_fails_at_a_page_of_another_version() {
    use std::os::unix::fs::FileExt;
    let object = Object::new("version", SIZE);
    // SAFETY: nobody has taken ends in a new mapping.
    unsafe { Page::initialise(object.map(), Presence::DEVICE) }.expect("it is large enough");
    let at = offset_of!(Header<Native>, identity.version) as u64;
    let version = (VERSION + 1).to_ne_bytes();
    object.file.write_all_at(&version, at).expect("written");
    echo(&object.name, 1).fails_with(6, "another layout version");
}

#[test]
fn the_program_fails_with_wrong_arguments() {
    let output = Command::new(support::echo()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}
