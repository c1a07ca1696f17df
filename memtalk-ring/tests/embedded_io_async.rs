//! The ends keep what embedded-io-async's traits promise: one test for each sentence of
//! their documentation.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use std::cell::RefCell;
use std::task::Poll;
use std::thread;

use common::{bounded, fresh_page};
use embedded_io_async::{BufRead, Read, ReadExactError, Write};
use memtalk_ring::{
    Bell, Buffered, Error, Native, PageRing, RawRegion, Receiver, Seat, Sender, Spin, Wait,
    Watched, WithBell,
};
use tasks::{Rings, block_on, new_bell, poll_once};

type Way = WithBell<'static, Rings>;
type AsyncSender = Sender<PageRing<RawRegion>, Way>;
type AsyncReceiver = Receiver<PageRing<RawRegion>, Way>;

const CAPACITY: usize = 1856;

/// The ends of a ring. Each rings the other's bell.
fn ends() -> (AsyncSender, AsyncReceiver) {
    let page = fresh_page();
    let [senders, receivers] = [new_bell(), new_bell()];
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (sender, _) = unsafe { page.ends(Seat::First, senders.with(Rings(receivers))) };
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, receiver) = unsafe { page.ends(Seat::Second, receivers.with(Rings(senders))) };
    (sender, receiver)
}

/// The result of a future that is ready at once.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match poll_once(future).0 {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

/// Polls `future`, which has to wait. Then does `meanwhile`, which has to wake it, and
/// returns the result of the second poll.
fn after<T>(future: impl Future<Output = T>, meanwhile: impl FnOnce()) -> T {
    let (waker, woken) = tasks::waker();
    let mut task = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    assert!(
        future.as_mut().poll(&mut task).is_pending(),
        "nothing to wait for"
    );
    assert_eq!(woken.times(), 0, "woken before anything happened");
    meanwhile();
    assert_eq!(woken.times(), 1, "woken once");
    match future.as_mut().poll(&mut task) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits for more"),
    }
}

#[test]
fn read_waits_for_one_byte_and_not_for_more() {
    let (mut sender, mut receiver) = ends();
    let mut bytes = [0; 8];
    let read = after(receiver.read(&mut bytes), || {
        assert_eq!(sender.send(b"ab"), Ok(2))
    });
    assert_eq!(read, Ok(2));
    assert_eq!(&bytes[..2], b"ab");
}

#[test]
fn read_returns_at_once_what_is_there() {
    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(b"abc")).unwrap();
    let mut bytes = [0; 8];
    assert_eq!(at_once(receiver.read(&mut bytes[..2])), Ok(2));
    assert_eq!(at_once(receiver.read(&mut bytes[2..])), Ok(1));
    assert_eq!(&bytes[..3], b"abc");
}

#[test]
fn read_at_the_end_returns_0_each_time() {
    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(b"a")).unwrap();
    let mut bytes = [0; 8];
    assert_eq!(at_once(receiver.read(&mut bytes)), Ok(1));
    assert_eq!(after(receiver.read(&mut bytes), || sender.end()), Ok(0));
    assert_eq!(at_once(receiver.read(&mut bytes)), Ok(0));
    receiver.close().unwrap();
    assert_eq!(sender.delivered(), Ok(true));
}

#[test]
fn read_into_an_empty_buffer_returns_at_once() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(at_once(receiver.read(&mut [])), Ok(0));
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    assert_eq!(at_once(buffered.read(&mut [])), Ok(0));
    at_once(sender.write_all(b"a")).unwrap();
    assert_eq!(at_once(buffered.read(&mut [])), Ok(0));
    assert_eq!(at_once(buffered.read(&mut [0])), Ok(1));
}

#[test]
fn read_says_that_its_sender_failed_after_the_last_byte() {
    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(b"a")).unwrap();
    assert_eq!(at_once(receiver.read(&mut [0; 2])), Ok(1));
    let failed = after(receiver.read(&mut [0; 2]), || drop(sender));
    assert_eq!(failed, Err(Error::PeerFailed));
    receiver.fail();
    assert_eq!(at_once(receiver.read(&mut [0; 2])), Err(Error::Ended));
}

#[test]
fn a_read_that_is_dropped_has_read_nothing() {
    let (mut sender, mut receiver) = ends();
    let mut bytes = [7; 8];
    let (polled, woken) = poll_once(receiver.read(&mut bytes));
    assert!(polled.is_pending());
    for part in [b"ab", b"cd"] {
        assert_eq!(sender.send(part), Ok(2));
        assert_eq!(woken.times(), 1, "one needless wake-up at most");
    }
    assert_eq!(bytes, [7; 8]);
    assert_eq!(at_once(receiver.read(&mut bytes)), Ok(4));
    assert_eq!(&bytes[..4], b"abcd");
}

#[test]
fn read_exact_reads_until_the_buffer_is_full() {
    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(b"ab")).unwrap();
    let mut bytes = [0; 4];
    let read = after(receiver.read_exact(&mut bytes), || {
        assert_eq!(sender.send(b"cdef"), Ok(4));
    });
    assert_eq!((read, &bytes), (Ok(()), b"abcd"));
    assert_eq!(at_once(receiver.read_exact(&mut [])), Ok(()));
}

#[test]
fn read_exact_tells_an_early_end_from_a_failure() {
    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(b"ab")).unwrap();
    sender.end();
    let early = at_once(receiver.read_exact(&mut [0; 3]));
    assert_eq!(early, Err(ReadExactError::UnexpectedEof));

    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(b"ab")).unwrap();
    drop(sender);
    let failed = at_once(receiver.read_exact(&mut [0; 3]));
    assert_eq!(failed, Err(ReadExactError::Other(Error::PeerFailed)));
}

#[test]
fn write_waits_for_one_free_byte_and_not_for_more() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(at_once(sender.write(&[1; CAPACITY])), Ok(CAPACITY));
    let written = after(sender.write(&[2; 8]), || {
        assert_eq!(receiver.receive(&mut [0]), Ok(1));
    });
    assert_eq!(written, Ok(1));
}

#[test]
fn write_returns_at_once_what_fits() {
    let (mut sender, mut receiver) = ends();
    assert_eq!(at_once(sender.write(&[1; CAPACITY - 1])), Ok(CAPACITY - 1));
    assert_eq!(at_once(sender.write(&[2; 5])), Ok(1));
    let mut bytes = [0; CAPACITY];
    at_once(receiver.read_exact(&mut bytes)).unwrap();
    assert_eq!(bytes[CAPACITY - 2..], [1, 2]);
}

#[test]
fn write_never_returns_0_but_an_error_if_nothing_will_ever_fit() {
    let (mut sender, receiver) = ends();
    at_once(sender.write_all(&[1; CAPACITY])).unwrap();
    let failed = after(sender.write(&[1]), || drop(receiver));
    assert_eq!(failed, Err(Error::PeerFailed));
    sender.end();
    assert_eq!(at_once(sender.write(&[1])), Err(Error::Ended));
}

#[test]
fn write_of_an_empty_buffer_returns_at_once() {
    let (mut sender, _receiver) = ends();
    at_once(sender.write_all(&[1; CAPACITY])).unwrap();
    assert_eq!(at_once(sender.write(&[])), Ok(0));
}

#[test]
fn a_write_that_is_dropped_has_written_nothing() {
    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(&[1; CAPACITY])).unwrap();
    let (polled, woken) = poll_once(sender.write(&[2; 8]));
    assert!(polled.is_pending());
    for _ in 0..2 {
        assert_eq!(receiver.receive(&mut [0; 4]), Ok(4));
        assert_eq!(woken.times(), 1, "one needless wake-up at most");
    }
    assert_eq!(at_once(sender.write(&[3; 8])), Ok(8));
    let mut bytes = [0; CAPACITY];
    at_once(receiver.read_exact(&mut bytes)).unwrap();
    assert_eq!(bytes[CAPACITY - 9..], [1, 3, 3, 3, 3, 3, 3, 3, 3]);
}

#[test]
fn write_all_writes_the_whole_buffer() {
    let (mut sender, mut receiver) = ends();
    let bytes: Vec<u8> = (0..=250).cycle().take(CAPACITY + 5).collect();
    let mut received = vec![0; CAPACITY + 5];
    let (first, rest) = received.split_at_mut(9);
    let written = after(sender.write_all(&bytes), || {
        assert_eq!(receiver.receive(first), Ok(9));
    });
    assert_eq!(written, Ok(()));
    at_once(receiver.read_exact(rest)).unwrap();
    assert!(received == bytes);
}

#[test]
fn flush_does_not_wait_for_the_peer_to_read() {
    let (mut sender, mut receiver) = ends();
    at_once(sender.write_all(b"a")).unwrap();
    assert_eq!(at_once(sender.flush()), Ok(()));
    assert_eq!(receiver.receive(&mut [0; 2]), Ok(1));
}

#[test]
fn fill_buf_waits_for_one_byte_and_not_for_more() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    let filled = after(buffered.fill_buf(), || {
        assert_eq!(sender.send(b"ab"), Ok(2))
    });
    assert_eq!(filled, Ok(&b"ab"[..]));
}

#[test]
fn a_buffer_is_filled_only_when_it_is_empty() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    at_once(sender.write_all(b"abcdef")).unwrap();
    assert_eq!(at_once(buffered.fill_buf()), Ok(&b"abcd"[..]));
    buffered.consume(1);
    assert_eq!(at_once(buffered.fill_buf()), Ok(&b"bcd"[..]));
    buffered.consume(usize::MAX);
    assert_eq!(at_once(buffered.fill_buf()), Ok(&b"ef"[..]));
}

#[test]
fn fill_buf_at_the_end_lends_nothing_each_time() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    assert_eq!(after(buffered.fill_buf(), || sender.end()), Ok(&[][..]));
    assert_eq!(at_once(buffered.fill_buf()), Ok(&[][..]));
    assert_eq!(buffered.close(), Ok(()));
    assert_eq!(sender.delivered(), Ok(true));
}

#[test]
fn a_fill_buf_that_is_dropped_loses_nothing() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    assert!(poll_once(buffered.fill_buf()).0.is_pending());
    at_once(sender.write_all(b"ab")).unwrap();
    assert_eq!(at_once(buffered.fill_buf()), Ok(&b"ab"[..]));
}

#[test]
fn reads_through_a_buffer_keep_the_order() {
    let (mut sender, receiver) = ends();
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    at_once(sender.write_all(b"abcdefghijkl")).unwrap();
    let mut bytes = [0; 12];
    for (part, len) in [(0..2, 2), (2..10, 2), (4..9, 5), (9..11, 2)] {
        assert_eq!(at_once(buffered.read(&mut bytes[part])), Ok(len));
    }
    assert_eq!(at_once(buffered.read_exact(&mut bytes[11..])), Ok(()));
    assert_eq!(&bytes, b"abcdefghijkl");
}

#[test]
fn a_timer_polls_for_a_peer_that_wakes_nobody() {
    let page = fresh_page();
    // SAFETY: the page is fresh, and nobody else is at the first seat.
    let (mut sender, _) = unsafe { page.ends(Seat::First, Spin) };
    let timer: &'static Bell = new_bell();
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, mut receiver) = unsafe { page.ends(Seat::Second, timer.with(Spin)) };
    let mut bytes = [0; 4];
    let read = after(receiver.read(&mut bytes), || {
        assert_eq!(sender.send(b"ab"), Ok(2));
        timer.on_doorbell();
    });
    assert_eq!(read, Ok(2));
}

/// A way to wait that records what it is asked for, and gives up after two sleeps.
#[derive(Clone, Copy)]
struct Recorder<'c>(&'c RefCell<Vec<&'static str>>);

impl Wait<Native> for Recorder<'_> {
    const SLEEPS: bool = true;

    fn pause(&mut self, looks: u32) -> bool {
        self.0.borrow_mut().push("pause");
        looks == 1
    }

    fn gives_up(&mut self, _looks: u32) -> bool {
        self.0
            .borrow()
            .iter()
            .filter(|&&call| call == "sleep")
            .count()
            == 2
    }

    fn sleep(&mut self, _word: Watched<'_, Native>, _seen: u32) {
        let mut calls = self.0.borrow_mut();
        assert!(calls.len() < 9, "it does not give up: {calls:?}");
        calls.push("sleep");
    }

    fn wake(&self, _word: Watched<'_, Native>) {
        self.0.borrow_mut().push("wake");
    }
}

#[test]
fn an_end_with_a_bell_can_still_wait_without_a_task() {
    let (calls, page) = (RefCell::new(Vec::new()), fresh_page());
    // SAFETY: the page is fresh, and nobody else is at the second seat.
    let (_, mut plain) = unsafe { page.ends(Seat::Second, Recorder(&calls)) };
    assert_eq!(plain.wait(), Err(Error::TimedOut));
    let expected = calls.take();

    let page = fresh_page();
    let with_bell = new_bell().with(Recorder(&calls));
    // SAFETY: as above.
    let (_, mut receiver) = unsafe { page.ends(Seat::Second, with_bell) };
    assert_eq!(receiver.wait(), Err(Error::TimedOut));
    assert_eq!(calls.take(), expected);
    assert_eq!(expected, ["pause", "pause", "sleep", "pause", "sleep"]);
}

#[test]
fn a_future_that_was_ready_may_be_polled_again() {
    fn twice<T>(future: impl Future<Output = T>) {
        let mut future = std::pin::pin!(future);
        for _ in 0..2 {
            let _ = poll_once(future.as_mut());
        }
    }
    let (mut sender, mut receiver) = ends();
    twice(sender.write_all(b"abc"));
    twice(sender.write(b"d"));
    twice(sender.flush());
    sender.end();
    twice(receiver.read(&mut [0]));
    twice(receiver.read_exact(&mut [0; 9]));
    let mut buffer = [0; 4];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    twice(buffered.fill_buf());
    twice(buffered.read(&mut [0]));
    twice(buffered.read_exact(&mut [0; 9]));
}

#[test]
fn a_stream_goes_from_task_to_task() {
    bounded(|| {
        let (mut sender, receiver) = ends();
        let writing = thread::spawn(move || {
            block_on(async {
                for i in 0..1000 {
                    let line = format!("line {i}\n");
                    sender.write_all(line.as_bytes()).await.unwrap();
                }
            });
            sender.end();
            while !sender.delivered().unwrap() {
                thread::yield_now();
            }
        });
        let mut buffer = [0; 100];
        let mut buffered = Buffered::new(receiver, &mut buffer);
        let mut text = Vec::new();
        block_on(async {
            loop {
                let bytes = buffered.fill_buf().await.unwrap();
                if bytes.is_empty() {
                    break;
                }
                text.extend_from_slice(bytes);
                let len = bytes.len();
                buffered.consume(len);
            }
        });
        buffered.close().unwrap();
        writing.join().unwrap();
        let expected: String = (0..1000).map(|i| format!("line {i}\n")).collect();
        assert!(text == expected.as_bytes());
    });
}
