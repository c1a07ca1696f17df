//! The ends keep what embedded-io's traits promise: one test for each sentence of their
//! documentation.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use common::{bounded, fresh_memory, fresh_page};
use embedded_io::{
    BufRead, Error as _, ErrorKind, Read, ReadExactError, ReadReady, Write, WriteReady,
};
use memtalk_ring::{
    Buffered, Error, Idle, Native, Page, PageRing, Presence, RawRegion, Receiver, Region, Seat,
    Sender, Spin, Wait,
};

type Ring = PageRing<RawRegion>;

const CAPACITY: usize = 1856;

fn ends_of<S, R>(page: &Page<RawRegion>, s: S, r: R) -> (Sender<Ring, S>, Receiver<Ring, R>)
where
    S: Wait<Native> + Clone,
    R: Wait<Native> + Clone,
{
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (sender, _) = unsafe { page.ends(Seat::First, s) };
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, receiver) = unsafe { page.ends(Seat::Second, r) };
    (sender, receiver)
}

/// The ends of a ring, for calls that must not wait.
fn ends() -> (
    Sender<Ring, impl Wait<Native>>,
    Receiver<Ring, impl Wait<Native>>,
) {
    let never = Idle(|_| panic!("it waits"));
    ends_of(&fresh_page(), never, never)
}

/// A receiver whose way to wait sends `bytes`, once. A second wait panics.
fn receiver_that_gets(bytes: &'static [u8]) -> Receiver<Ring, impl Wait<Native>> {
    let page = fresh_page();
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (sender, _) = unsafe { page.ends(Seat::First, Spin) };
    let sender = Rc::new(RefCell::new(sender));
    let wait = Idle(move |looks| match looks {
        1..3 => {}
        3 => assert_eq!(sender.borrow_mut().send(bytes), Ok(bytes.len())),
        _ => panic!("it waits for more"),
    });
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    unsafe { page.ends(Seat::Second, wait) }.1
}

#[test]
fn read_returns_at_once_what_is_there() {
    let (mut sender, mut receiver) = ends();
    sender.write_all(b"abc").unwrap();
    let mut bytes = [0; 8];
    assert_eq!(receiver.read(&mut bytes[..2]), Ok(2));
    assert_eq!(receiver.read(&mut bytes[2..]), Ok(1));
    assert_eq!(&bytes[..3], b"abc");
}

#[test]
fn read_waits_for_one_byte_and_not_for_more() {
    let mut bytes = [0; 8];
    assert_eq!(receiver_that_gets(b"ab").read(&mut bytes), Ok(2));
    assert_eq!(&bytes[..2], b"ab");
}

#[test]
fn read_at_the_end_returns_0_each_time() {
    let (mut sender, mut receiver) = ends();
    sender.write_all(b"a").unwrap();
    sender.end();
    let mut bytes = [0; 8];
    assert_eq!(receiver.read(&mut bytes), Ok(1));
    for _ in 0..2 {
        assert_eq!(receiver.read(&mut bytes), Ok(0));
    }
    receiver.close().unwrap();
    assert_eq!(sender.delivered(), Ok(true));
}

#[test]
fn read_into_an_empty_buffer_returns_at_once() {
    let (_sender, mut receiver) = ends();
    assert_eq!(receiver.read(&mut []), Ok(0));
    assert_eq!(Buffered::new(receiver, &mut [0; 4]).read(&mut []), Ok(0));
}

#[test]
fn read_exact_fills_the_buffer_from_what_is_buffered_and_from_the_ring() {
    let (mut sender, receiver) = ends();
    let mut private = [0; 4];
    let mut receiver = Buffered::new(receiver, &mut private);
    sender.write_all(b"abcdef").unwrap();
    assert_eq!(receiver.fill_buf(), Ok(&b"abcd"[..]));
    let mut bytes = [0; 6];
    assert_eq!(receiver.read_exact(&mut bytes), Ok(()));
    assert_eq!(&bytes, b"abcdef");
}

#[test]
fn read_exact_tells_an_early_end_from_a_failure() {
    let (mut sender, mut receiver) = ends();
    sender.write_all(b"ab").unwrap();
    sender.end();
    let early = receiver.read_exact(&mut [0; 3]);
    assert_eq!(early, Err(ReadExactError::UnexpectedEof));

    let (mut sender, mut receiver) = ends();
    sender.write_all(b"ab").unwrap();
    drop(sender);
    let failed = receiver.read_exact(&mut [0; 3]);
    assert_eq!(failed, Err(ReadExactError::Other(Error::PeerFailed)));
}

#[test]
fn write_returns_at_once_what_fits() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(sender.write(&[1; CAPACITY - 1]), Ok(CAPACITY - 1));
    assert_eq!(sender.write(&[2; 5]), Ok(1));
    assert_eq!(sender.flush(), Ok(()));
    let mut bytes = [0; CAPACITY];
    receiver.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes[CAPACITY - 2..], [1, 2]);
}

#[test]
fn write_waits_for_one_free_byte_and_not_for_more() {
    let page = fresh_page();
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, receiver) = unsafe { page.ends(Seat::Second, Spin) };
    let receiver = Rc::new(RefCell::new(receiver));
    let wait = Idle(move |looks| match looks {
        1..3 => {}
        3 => assert_eq!(receiver.borrow_mut().receive(&mut [0]), Ok(1)),
        _ => panic!("it waits for more"),
    });
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (mut sender, _) = unsafe { page.ends(Seat::First, wait) };
    assert_eq!(sender.write(&[1; CAPACITY]), Ok(CAPACITY));
    assert_eq!(sender.write(&[1; 8]), Ok(1));
}

#[test]
fn write_of_an_empty_buffer_returns_at_once() {
    let (mut sender, _receiver) = ends();
    sender.write_all(&[1; CAPACITY]).unwrap();
    assert_eq!(sender.write(&[]), Ok(0));
}

#[test]
fn flush_does_not_wait_for_the_peer_to_read() {
    let (mut sender, mut receiver) = ends();
    sender.write_all(b"a").unwrap();
    assert_eq!(sender.flush(), Ok(()));
    assert_eq!(receiver.read(&mut [0; 2]), Ok(1));
}

#[test]
fn a_receiver_is_ready_when_read_would_not_wait() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(receiver.read_ready(), Ok(false));
    sender.write_all(b"a").unwrap();
    assert_eq!(receiver.read_ready(), Ok(true));
    assert_eq!(receiver.read(&mut [0; 2]), Ok(1));
    assert_eq!(receiver.read_ready(), Ok(false));
    sender.end();
    assert_eq!(receiver.read_ready(), Ok(true));
    assert_eq!(receiver.read(&mut [0; 2]), Ok(0));
    receiver.close().unwrap();
    assert_eq!(receiver.read_ready(), Ok(true));
    assert_eq!(receiver.read(&mut [0; 2]), Err(Error::Ended));
}

#[test]
fn a_receiver_is_ready_to_say_that_its_sender_failed() {
    let (mut sender, mut receiver) = ends();
    sender.write_all(b"a").unwrap();
    drop(sender);
    assert_eq!(receiver.read_ready(), Ok(true));
    assert_eq!(receiver.read(&mut [0; 2]), Ok(1));
    assert_eq!(receiver.read_ready(), Ok(true));
    assert_eq!(receiver.read(&mut [0; 2]), Err(Error::PeerFailed));
}

#[test]
fn a_sender_is_ready_when_write_would_not_wait() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(sender.write_ready(), Ok(true));
    sender.write_all(&[1; CAPACITY]).unwrap();
    assert_eq!(sender.write_ready(), Ok(false));
    assert_eq!(receiver.read(&mut [0]), Ok(1));
    assert_eq!(sender.write_ready(), Ok(true));
    assert_eq!(sender.write(&[1; 2]), Ok(1));
    assert_eq!(sender.write_ready(), Ok(false));
    drop(receiver);
    assert_eq!(sender.write_ready(), Ok(true));
    assert_eq!(sender.write(&[1]), Err(Error::PeerFailed));
    sender.end();
    assert_eq!(sender.write_ready(), Ok(true));
    assert_eq!(sender.write(&[1]), Err(Error::Ended));
}

#[test]
fn an_overwritten_page_is_an_error_at_once() {
    let memory = fresh_memory();
    // SAFETY: nobody has taken ends in fresh memory.
    let page = unsafe { Page::initialise(memory, Presence::DEVICE) }.unwrap();
    let never = Idle(|_| panic!("it waits"));
    let (mut sender, mut receiver) = ends_of(&page, never, never);
    sender.write_all(&[1; CAPACITY]).unwrap();
    receiver.read_exact(&mut [0; CAPACITY]).unwrap();
    sender.write_all(&[1; CAPACITY]).unwrap();
    receiver.read_exact(&mut [0; CAPACITY]).unwrap();
    // SAFETY: this is the whole page, and no other thread uses it.
    unsafe { memory.base().write_bytes(0xff, memory.size()) };
    assert_eq!(sender.write_ready(), Ok(true));
    assert_eq!(sender.write(&[1; CAPACITY]), Err(Error::Corrupt));
    assert_eq!(receiver.read_ready(), Ok(true));
    assert_eq!(receiver.read(&mut [0]), Err(Error::Corrupt));
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    assert_eq!(buffered.read_ready(), Ok(true));
    assert_eq!(buffered.fill_buf(), Err(Error::Corrupt));
}

#[test]
fn each_error_has_its_kind() {
    let kind = |error: Error| error.kind();
    assert_eq!(kind(Error::PeerFailed), ErrorKind::ConnectionReset);
    assert_eq!(kind(Error::Corrupt), ErrorKind::InvalidData);
    assert_eq!(kind(Error::Ended), ErrorKind::BrokenPipe);
    assert_eq!(kind(Error::NotAtEnd), ErrorKind::Other);
}

#[test]
fn a_buffer_is_filled_only_when_it_is_empty() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    sender.write_all(b"abcdef").unwrap();
    assert_eq!(buffered.fill_buf(), Ok(&b"abcd"[..]));
    buffered.consume(1);
    assert_eq!(buffered.fill_buf(), Ok(&b"bcd"[..]));
    buffered.consume(3);
    assert_eq!(buffered.fill_buf(), Ok(&b"ef"[..]));
}

#[test]
fn fill_buf_waits_for_one_byte_and_not_for_more() {
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver_that_gets(b"ab"), &mut buffer);
    assert_eq!(buffered.fill_buf(), Ok(&b"ab"[..]));
}

#[test]
fn consuming_more_than_was_lent_consumes_what_was_lent() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    sender.write_all(b"abcdef").unwrap();
    buffered.fill_buf().unwrap();
    buffered.consume(usize::MAX);
    assert_eq!(buffered.fill_buf(), Ok(&b"ef"[..]));
}

#[test]
fn reads_through_a_buffer_keep_the_order() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    sender.write_all(b"abcdefghijkl").unwrap();
    let mut bytes = [0; 12];
    for (part, len) in [(0..2, 2), (2..10, 2), (4..9, 5), (9..12, 3)] {
        assert_eq!(buffered.read(&mut bytes[part]), Ok(len));
    }
    assert_eq!(&bytes, b"abcdefghijkl");
}

#[test]
fn a_buffer_is_ready_when_it_would_not_wait() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    assert_eq!(buffered.read_ready(), Ok(false));
    sender.write_all(b"ab").unwrap();
    assert_eq!(buffered.read_ready(), Ok(true));
    assert_eq!(buffered.read(&mut [0]), Ok(1));
    assert_eq!(buffered.read_ready(), Ok(true), "in the buffer");
    assert_eq!(buffered.read(&mut [0]), Ok(1));
    assert_eq!(buffered.read_ready(), Ok(false));
    sender.end();
    assert_eq!(buffered.read_ready(), Ok(true));
    assert_eq!(buffered.fill_buf(), Ok(&[][..]));
    assert_eq!(buffered.read(&mut [0]), Ok(0));
}

#[test]
fn a_stream_cannot_be_confirmed_while_bytes_are_in_the_buffer() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    sender.write_all(b"ab").unwrap();
    sender.end();
    buffered.fill_buf().unwrap();
    assert_eq!(buffered.close(), Err(Error::NotAtEnd));
    buffered.consume(2);
    assert_eq!(buffered.fill_buf(), Ok(&[][..]));
    assert_eq!(buffered.close(), Ok(()));
    assert_eq!(sender.delivered(), Ok(true));
}

#[test]
fn into_parts_loses_no_byte() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    sender.write_all(b"abcdef").unwrap();
    assert_eq!(buffered.read(&mut [0]), Ok(1));
    let (mut receiver, unread) = buffered.into_parts();
    assert_eq!(unread, b"bcd");
    let mut rest = [0; 8];
    assert_eq!(receiver.read(&mut rest), Ok(2));
    assert_eq!(&rest[..2], b"ef");
}

#[test]
fn lines_go_from_thread_to_thread() {
    bounded(|| {
        let idle = Idle(|_| thread::yield_now());
        let (mut sender, receiver) = ends_of(&fresh_page(), idle, idle);
        let writing = thread::spawn(move || {
            for i in 0..1000 {
                writeln!(sender, "line {i}").unwrap();
            }
            sender.wait_delivered().unwrap();
        });
        let mut buffer = [0; 100];
        let mut buffered = Buffered::new(receiver, &mut buffer);
        let mut text = Vec::new();
        loop {
            let bytes = buffered.fill_buf().unwrap();
            if bytes.is_empty() {
                break;
            }
            text.extend_from_slice(bytes);
            let len = bytes.len();
            buffered.consume(len);
        }
        buffered.close().unwrap();
        writing.join().unwrap();
        let expected: String = (0..1000).map(|i| format!("line {i}\n")).collect();
        assert!(text == expected.as_bytes());
    });
}
