//! Asynchronous ends, under tokio and by hand.

mod support;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use memtalk::asynchronous::{Channel, Receiver, Sender};
use memtalk::{Error, Options};
use memtalk_ring::Seat;
use memtalk_ring::layout::sender_offset;
use support::party::{self, Memory};
use support::seccomp::{self, Call};
use support::words;
use support::{
    BOUND, Object, Side, bound_the_whole, bounded, child, eventually, limit_descriptors, noise,
    open_files, setting, sleeps_of, threads_of,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{self, Runtime};
use tokio::time::timeout;

/// A runtime of one thread.
fn one_thread() -> Runtime {
    bound_the_whole();
    runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// Runs `task` in a runtime of one thread.
fn run<T>(task: impl Future<Output = T>) -> T {
    one_thread().block_on(async { timeout(BOUND, task).await.expect("it takes too long") })
}

fn pair() -> (Channel, Channel) {
    let (one, other) = memtalk::Channel::pair().unwrap();
    (one.into_async(), other.into_async())
}

/// A waker that counts.
#[derive(Default)]
struct Counted(AtomicU32);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counted {
    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

fn counted() -> (Arc<Counted>, Waker) {
    let counted = Arc::new(Counted::default());
    (Arc::clone(&counted), counted.into())
}

/// Polls once, with this waker.
fn poll<T>(waker: &Waker, task: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    task(&mut Context::from_waker(waker))
}

/// Receives all that is in the ring.
#[track_caller]
fn drain(receiver: &mut Receiver) {
    let read = poll(Waker::noop(), |task| {
        receiver.poll_read(task, &mut [0; 9999])
    });
    assert!(matches!(read, Poll::Ready(Ok(1..))));
}

/// Lets both ends wait often, and never for long.
#[track_caller]
fn teach_to_look_again(sender: &mut Sender, receiver: &mut Receiver) {
    let mut write = || {
        let written = poll(Waker::noop(), |task| sender.poll_write(task, &[0; 9999]));
        written.is_ready()
    };
    for _ in 0..20 {
        let read = poll(Waker::noop(), |task| receiver.poll_read(task, &mut [0]));
        assert!(read.is_pending());
        assert!(write(), "there is room");
        assert!(!write(), "there is none");
        drain(receiver);
    }
    assert!(write(), "the last wait is over");
}

#[track_caller]
fn assert_is(error: &std::io::Error, expected: &str) {
    let error = Error::from_io(error).expect("an error of the talk");
    assert_eq!(format!("{error:?}"), expected);
}

/// How many bridging threads this process has.
fn bridging_threads() -> usize {
    let threads = threads_of(std::process::id()).into_iter();
    threads
        .filter(|thread| thread.starts_with("memtalk-bridge"))
        .count()
}

/// Checks that it has so many. A thread gives itself its name once it runs.
#[track_caller]
fn assert_bridging_threads(expected: usize) {
    eventually("they run", || bridging_threads() == expected);
}

/// What is there as long as a talk is: descriptors, memory, threads.
fn kept() -> [usize; 3] {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = maps.lines().filter(|line| line.contains("memfd:"));
    [open_files(), mapped.count(), bridging_threads()]
}

/// Receives everything, and sends it back.
async fn echo(channel: Channel) -> std::io::Result<()> {
    let Channel {
        mut sender,
        mut receiver,
        ..
    } = channel;
    tokio::io::copy(&mut receiver, &mut sender).await?;
    sender.end();
    receiver.close()?;
    sender.shutdown().await
}

/// Sends `bytes`, and checks that they come back.
async fn expect_echo(channel: Channel, bytes: &[u8]) -> std::io::Result<()> {
    let Channel {
        mut sender,
        mut receiver,
        ..
    } = channel;
    let mut back = Vec::new();
    let send = async {
        sender.write_all(bytes).await?;
        sender.end();
        Ok::<_, std::io::Error>(sender)
    };
    let (sent, received) = tokio::join!(send, receiver.read_to_end(&mut back));
    received?;
    assert!(back == bytes, "something else came back");
    receiver.close()?;
    sent?.shutdown().await
}

#[test]
fn both_ends_of_both_sides_work_in_one_task() {
    run(async {
        let (one, other) = pair();
        let bytes = noise(300_000, 1);
        let (asked, echoed) = tokio::join!(expect_echo(one, &bytes), echo(other));
        asked.unwrap();
        echoed.unwrap();
    });
}

#[test]
fn a_task_talks_with_a_thread_that_blocks() {
    let (one, other) = memtalk::Channel::pair().unwrap();
    let blocks = thread::spawn(move || {
        let mut channel = other;
        let mut piece = vec![0; 777];
        loop {
            match channel.receiver.read(&mut piece).unwrap() {
                0 => break channel.close().unwrap(),
                count => channel.sender.write_all(&piece[..count]).unwrap(),
            }
        }
    });
    run(async {
        expect_echo(one.into_async(), &noise(300_000, 2))
            .await
            .unwrap()
    });
    bounded("the thread", move || blocks.join().unwrap());
}

#[test]
fn a_task_talks_with_the_command() {
    let object = Object::new();
    let mut command = object.memtalk();
    let side = Side::start(command.args(["--", "cat"]).stdin(Stdio::null()));
    run(async {
        let options = Options::new().timeout(BOUND);
        let name = object.name();
        let opens = tokio::task::spawn_blocking(move || options.open(name));
        let channel = opens.await.unwrap().unwrap().into_async();
        expect_echo(channel, &noise(300_000, 3)).await.unwrap();
    });
    side.finish_with_open_input().assert_complete(b"");
}

#[test]
fn shutdown_returns_once_the_peer_has_confirmed_and_not_before() {
    run(async {
        let (mut one, mut other) = pair();
        one.sender.write_all(b"hello").await.unwrap();
        let (woken, waker) = counted();
        let sender = &mut one.sender;
        assert!(poll(&waker, |task| sender.poll_delivered(task)).is_pending());
        let mut found = String::new();
        other.receiver.read_to_string(&mut found).await.unwrap();
        assert_eq!(found, "hello");
        assert!(poll(&waker, |task| sender.poll_delivered(task)).is_pending());
        assert!(!sender.is_delivered().unwrap());
        other.receiver.close().unwrap();
        eventually("it is woken", || woken.times() > 0);
        for _ in 0..2 {
            one.sender.shutdown().await.unwrap();
        }
    });
}

#[test]
fn closing_both_sides_in_one_task_is_a_certificate_for_both() {
    run(async {
        let (mut one, mut other) = pair();
        one.sender.write_all(b"x").await.unwrap();
        assert_eq!(other.receiver.read(&mut [0; 2]).await.unwrap(), 1);
        let (one, other) = tokio::join!(one.close(), other.close());
        one.unwrap();
        other.unwrap();
    });
}

#[test]
fn closing_before_everything_was_read_is_refused() {
    run(async {
        let (mut one, other) = pair();
        one.sender.write_all(b"x").await.unwrap();
        assert!(matches!(other.close().await, Err(Error::NotAtEnd)));
        assert!(matches!(one.sender.close().await, Err(Error::PeerStopped)));
    });
}

#[test]
fn an_end_that_is_dropped_has_given_up() {
    run(async {
        let (one, mut other) = pair();
        drop(one.sender);
        let error = other.receiver.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_is(&error, "PeerStopped");
        drop(one.receiver);
        let error = other.sender.shutdown().await.unwrap_err();
        assert_is(&error, "PeerStopped");
    });
}

#[test]
fn a_task_that_waits_is_woken_when_its_peer_is_dropped() {
    let (one, mut other) = pair();
    let (woken, waker) = counted();
    let receiver = &mut other.receiver;
    assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    drop(one);
    eventually("it is woken", || woken.times() == 1);
    run(async { assert!(receiver.fill_buf().await.is_err()) });
}

#[test]
fn a_read_that_is_dropped_while_it_waits_loses_nothing() {
    run(async {
        let (mut one, mut other) = pair();
        let (mut found, mut piece) = (Vec::new(), [0; 64]);
        let bytes = noise(20_000, 4);
        let mut rest = &bytes[..];
        while found.len() < bytes.len() {
            tokio::select! {
                biased;
                count = other.receiver.read(&mut piece) => {
                    found.extend_from_slice(&piece[..count.unwrap()]);
                }
                // The read was polled, and is dropped here while it waits.
                () = tokio::task::yield_now() => {
                    let sent = one.sender.write(&rest[..rest.len().min(100)]).await.unwrap();
                    rest = &rest[sent..];
                }
            }
        }
        assert!(found == bytes);
    });
}

#[test]
fn a_write_that_is_dropped_while_it_waits_has_sent_nothing() {
    run(async {
        let (mut one, mut other) = pair();
        let bytes = noise(20_000, 5);
        let (mut rest, mut found) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            tokio::select! {
                biased;
                sent = one.sender.write(rest) => rest = &rest[sent.unwrap()..],
                () = tokio::task::yield_now() => {
                    let mut piece = [0; 100];
                    let count = other.receiver.read(&mut piece).await.unwrap();
                    found.extend_from_slice(&piece[..count]);
                }
            }
        }
        one.sender.end();
        other.receiver.read_to_end(&mut found).await.unwrap();
        assert!(found == bytes);
    });
}

#[test]
fn a_task_that_stopped_waiting_is_woken_once_at_most() {
    let (mut one, mut other) = pair();
    let (woken, waker) = counted();
    let receiver = &mut other.receiver;
    assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    run(async {
        for _ in 0..3 {
            one.sender.write_all(b"x").await.unwrap();
            eventually("the wake-up", || woken.times() == 1);
        }
        assert_eq!(receiver.read(&mut [0; 9]).await.unwrap(), 3);
    });
    assert_eq!(woken.times(), 1);
}

#[test]
fn the_waker_that_was_given_last_is_woken() {
    let (mut one, mut other) = pair();
    let [(forgotten, first), (woken, second)] = [counted(), counted()];
    for waker in [&first, &second] {
        let receiver = &mut other.receiver;
        assert!(poll(waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    }
    drop(first);
    assert_eq!(Arc::strong_count(&forgotten), 1, "it is kept");
    run(async { one.sender.write_all(b"x").await.unwrap() });
    eventually("it is woken", || woken.times() == 1);
    assert_eq!(forgotten.times(), 0);
}

#[test]
fn a_runtime_that_stops_gives_up_the_ends_of_its_tasks() {
    let runtime = one_thread();
    let (one, mut other) = pair();
    let waits = runtime.spawn(async move {
        let mut all = one;
        all.receiver.fill_buf().await.map(<[u8]>::to_vec)
    });
    runtime.block_on(tokio::task::yield_now());
    assert!(!waits.is_finished());
    drop(runtime);
    assert!(waits.is_finished());
    run(async {
        let error = other.receiver.read(&mut [0]).await.unwrap_err();
        assert_is(&error, "PeerStopped");
    });
}

#[test]
fn an_end_that_waited_in_a_runtime_that_stopped_goes_on_in_another() {
    let (mut one, mut other) = pair();
    one_thread().block_on(async {
        tokio::select! {
            biased;
            _ = other.receiver.fill_buf() => unreachable!(),
            () = tokio::task::yield_now() => {}
        }
    });
    run(async {
        one.sender.write_all(b"x").await.unwrap();
        assert_eq!(other.receiver.read(&mut [0; 2]).await.unwrap(), 1);
    });
}

/// Checks that an end looks again before it sleeps once it has learnt that it is woken soon.
/// `pending` polls it, and `comes` lets it go on.
fn assert_learns(mut pending: impl FnMut(&Waker) -> bool, mut comes: impl FnMut()) {
    // How often it asks to be polled again, if nothing comes.
    let asks = |pending: &mut dyn FnMut(&Waker) -> bool| {
        let (woken, waker) = counted();
        for _ in 0..1000 {
            assert!(pending(&waker), "nothing comes");
        }
        woken.times()
    };
    assert_eq!(asks(&mut pending), 0, "it has learnt nothing");
    // On a busy machine a wait may be long by chance.
    eventually("it has learnt", || {
        comes();
        assert!(!pending(Waker::noop()));
        // A short wait.
        assert!(pending(Waker::noop()));
        comes();
        assert!(!pending(Waker::noop()));
        (8..=128).contains(&asks(&mut pending))
    });
}

#[test]
fn a_receiver_whose_waits_are_short_looks_again_before_it_sleeps() {
    let (mut one, mut other) = pair();
    let pending = |waker: &Waker| {
        let receiver = &mut other.receiver;
        poll(waker, |task| receiver.poll_read(task, &mut [0; 9])).is_pending()
    };
    assert_learns(pending, || {
        let sent = poll(Waker::noop(), |task| one.sender.poll_write(task, b"x"));
        assert!(matches!(sent, Poll::Ready(Ok(1))));
    });
}

#[test]
fn a_sender_whose_waits_are_short_looks_again_before_it_sleeps() {
    let (mut one, mut other) = pair();
    let mut pending =
        |waker: &Waker| poll(waker, |task| one.sender.poll_write(task, &[0; 9999])).is_pending();
    assert!(!pending(Waker::noop()), "the ring is empty");
    assert_learns(pending, || {
        drain(&mut other.receiver);
    });
}

#[test]
fn an_end_that_has_learnt_to_look_again_does_not_for_a_peer_that_has_gone() {
    let (mut one, mut other) = pair();
    teach_to_look_again(&mut one.sender, &mut other.receiver);
    drop(other);
    eventually("it is noticed", || one.peer.is_gone());
    let written = poll(Waker::noop(), |task| one.sender.poll_write(task, b"x"));
    assert!(matches!(written, Poll::Ready(Err(_))));
}

#[test]
fn a_receiver_that_is_not_patient_is_woken_by_the_peer_alone() {
    let (mut one, mut other) = pair();
    teach_to_look_again(&mut one.sender, &mut other.receiver);
    drain(&mut other.receiver);
    other.receiver.set_patient(false);
    let (woken, waker) = counted();
    for round in 1..20 {
        let receiver = &mut other.receiver;
        assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
        assert_eq!(woken.times(), round - 1);
        let sent = poll(Waker::noop(), |task| one.sender.poll_write(task, b"x"));
        assert!(matches!(sent, Poll::Ready(Ok(1))));
        eventually("it is woken", || woken.times() == round);
        let read = poll(&waker, |task| receiver.poll_read(task, &mut [0; 9]));
        assert!(matches!(read, Poll::Ready(Ok(1))));
    }
}

#[test]
fn a_sender_that_is_not_patient_is_woken_by_the_peer_alone() {
    let (mut one, mut other) = pair();
    teach_to_look_again(&mut one.sender, &mut other.receiver);
    drain(&mut other.receiver);
    one.sender.set_patient(false);
    let (woken, waker) = counted();
    let mut write = || poll(&waker, |task| one.sender.poll_write(task, &[0; 9999]));
    for round in 1..20 {
        assert!(matches!(write(), Poll::Ready(Ok(1..))));
        assert!(write().is_pending());
        assert_eq!(woken.times(), round - 1);
        drain(&mut other.receiver);
        eventually("it is woken", || woken.times() == round);
    }
}

#[test]
fn ends_hold_as_much_as_those_of_a_thread() {
    let (one, other) = memtalk::Channel::pair().unwrap();
    let capacities = [one.sender.capacity(), other.receiver.capacity()];
    let (one, other) = (one.into_async(), other.into_async());
    assert_eq!(
        [one.sender.capacity(), other.receiver.capacity()],
        capacities
    );
}

#[test]
fn lines_are_read_one_after_the_other() {
    run(async {
        let (mut one, other) = pair();
        one.sender.write_all(b"first\nsecond\n").await.unwrap();
        let mut lines = other.receiver.lines();
        for expected in ["first", "second"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(expected));
        }
    });
}

#[test]
fn what_was_shown_and_not_taken_is_there_without_waiting() {
    let (mut one, mut other) = pair();
    run(async { one.sender.write_all(b"hello").await.unwrap() });
    let receiver = &mut other.receiver;
    for rest in [&b"hello"[..], b"llo", b"o"] {
        let shown = poll(Waker::noop(), |task| {
            receiver.poll_fill_buf(task).map_ok(<[u8]>::to_vec)
        });
        assert!(matches!(shown, Poll::Ready(Ok(shown)) if shown == rest));
        receiver.consume(2.min(rest.len()));
    }
    assert!(poll(Waker::noop(), |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
}

#[test]
fn select_serves_both_directions() {
    run(async {
        let (one, other) = pair();
        let bytes = noise(100_000, 6);
        let serve = async {
            let Channel {
                mut sender,
                mut receiver,
                ..
            } = other;
            let (mut held, mut piece, mut ended) = (Vec::new(), [0; 500], false);
            while !ended || !held.is_empty() {
                tokio::select! {
                    count = receiver.read(&mut piece), if !ended && held.len() < 5000 => {
                        let count = count.unwrap();
                        held.extend_from_slice(&piece[..count]);
                        ended = count == 0;
                    }
                    sent = sender.write(&held), if !held.is_empty() => {
                        held.drain(..sent.unwrap());
                    }
                }
            }
            sender.end();
            receiver.close().unwrap();
            sender.shutdown().await.unwrap();
        };
        let (asked, ()) = tokio::join!(expect_echo(one, &bytes), serve);
        asked.unwrap();
    });
}

/// `tokio::io::join` makes one stream of the two ends.
#[test]
fn the_two_ends_can_be_joined_to_one_stream() {
    run(async {
        let (one, other) = pair();
        let mut one = tokio::io::join(one.receiver, one.sender);
        let serve = tokio::spawn(echo(other));
        one.write_all(b"a line\n").await.unwrap();
        let mut line = String::new();
        one.read_line(&mut line).await.unwrap();
        assert_eq!(line, "a line\n");
        drop(one);
        assert!(serve.await.unwrap().is_err());
    });
}

#[test]
fn calls_for_no_bytes_return_at_once() {
    let (mut one, mut other) = pair();
    let waker = Waker::noop();
    let read = poll(waker, |task| other.receiver.poll_read(task, &mut []));
    assert!(matches!(read, Poll::Ready(Ok(0))));
    let full = vec![0; one.sender.capacity()];
    run(async { one.sender.write_all(&full).await.unwrap() });
    let written = poll(waker, |task| one.sender.poll_write(task, &[]));
    assert!(matches!(written, Poll::Ready(Ok(0))));
}

#[test]
fn calls_after_the_end_say_so() {
    run(async {
        let (mut one, mut other) = pair();
        one.sender.end();
        for _ in 0..2 {
            assert_eq!(other.receiver.read(&mut [0]).await.unwrap(), 0);
            assert_eq!(other.receiver.fill_buf().await.unwrap(), b"");
            let error = one.sender.write(b"x").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_is(&error, "Ended");
        }
    });
}

#[test]
fn the_traits_of_futures_io_do_the_same() {
    use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
    let (mut one, mut other) = pair();
    let waker = Waker::noop();
    let (mut sender, mut receiver) = (pin!(&mut one.sender), pin!(&mut other.receiver));
    let sent = poll(waker, |task| {
        AsyncWrite::poll_write(sender.as_mut(), task, b"abc")
    });
    assert!(matches!(sent, Poll::Ready(Ok(3))));
    let flushed = poll(waker, |task| AsyncWrite::poll_flush(sender.as_mut(), task));
    assert!(matches!(flushed, Poll::Ready(Ok(()))));
    let mut byte = [0];
    let read = poll(waker, |task| {
        AsyncRead::poll_read(receiver.as_mut(), task, &mut byte)
    });
    assert!(matches!(read, Poll::Ready(Ok(1))) && byte == *b"a");
    let there = poll(waker, |task| {
        let there = AsyncBufRead::poll_fill_buf(receiver.as_mut(), task);
        there.map(|there| there.unwrap().to_vec())
    });
    assert_eq!(there, Poll::Ready(b"bc".to_vec()));
    AsyncBufRead::consume(receiver.as_mut(), 2);
    let closed = poll(waker, |task| AsyncWrite::poll_close(sender.as_mut(), task));
    assert!(closed.is_pending());
    let end = poll(waker, |task| {
        AsyncRead::poll_read(receiver.as_mut(), task, &mut byte)
    });
    assert!(matches!(end, Poll::Ready(Ok(0))));
    other.receiver.close().unwrap();
    let closed = poll(waker, |task| AsyncWrite::poll_close(sender.as_mut(), task));
    assert!(matches!(closed, Poll::Ready(Ok(()))));
}

/// The command is killed while a task of each kind waits for it.
#[test]
fn a_peer_that_is_killed_wakes_its_tasks() {
    let object = Object::new();
    let mut side = object.open_side();
    run(async {
        let options = Options::new().timeout(BOUND);
        let name = object.name();
        let opens = tokio::task::spawn_blocking(move || options.open(name));
        let mut channel = opens.await.unwrap().unwrap().into_async();
        side.say(b"last words");
        let mut found = [0; 10];
        channel.receiver.read_exact(&mut found).await.unwrap();
        side.stop();
        let (reads, delivers) = (counted(), counted());
        let (receiver, sender) = (&mut channel.receiver, &mut channel.sender);
        assert!(poll(&reads.1, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
        assert!(poll(&delivers.1, |task| sender.poll_delivered(task)).is_pending());
        side.kill();
        eventually("they are woken", || {
            reads.0.times() > 0 && delivers.0.times() > 0
        });
        let error = receiver.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_is(&error, "PeerDied");
        assert!(matches!(sender.close().await, Err(Error::PeerDied)));
    });
}

#[test]
fn giving_up_the_talk_wakes_a_task_once_the_peer_has_gone() {
    let (one, other) = memtalk::Channel::pair().unwrap();
    let handle = one.handle();
    let mut one = one.into_async();
    let (woken, waker) = counted();
    let receiver = &mut one.receiver;
    assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    handle.give_up();
    drop(other);
    eventually("it is woken", || woken.times() == 1);
    run(async {
        let error = receiver.read(&mut [0]).await.unwrap_err();
        assert_is(&error, "Ended");
    });
}

/// Nobody wakes the bridge here: a device has no futexes.
#[test]
fn a_silent_peer_outside_is_looked_at_again_and_again() {
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    let region = memory.whole();
    let options = Options::new().at_offset(0).timeout(BOUND);
    let name = object.name();
    let opens = thread::spawn(move || options.open(name).unwrap());
    let mut device = party::first(region);
    let mut channel = bounded("joining", move || opens.join().unwrap()).into_async();
    for round in 1..4 {
        let (woken, waker) = counted();
        let receiver = &mut channel.receiver;
        assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
        device.send(b"x");
        eventually("it is woken", || woken.times() == 1);
        run(async { assert_eq!(receiver.read(&mut [0; 2]).await.unwrap(), 1, "{round}") });
    }
    let full = vec![0; channel.sender.capacity()];
    run(async { channel.sender.write_all(&full).await.unwrap() });
    let (woken, waker) = counted();
    let sender = &mut channel.sender;
    assert!(poll(&waker, |task| sender.poll_write(task, b"x")).is_pending());
    device.expect(&full);
    eventually("it is woken", || woken.times() == 1);
    run(async {
        channel.sender.write_all(b"y").await.unwrap();
        let want = sender_offset(Seat::Second, words::BYTES_EACH_WAY) + words::WANT;
        let wanted = words::read(&object.open(), want).unwrap();
        assert_eq!(wanted, 0, "it asks for wake-ups although it does not wait");
        device.expect(b"y");
        let closing = thread::spawn(move || device.finish());
        channel.close().await.unwrap();
        closing.join().unwrap();
    });
}

#[test]
fn the_waits_for_a_silent_peer_grow_longer() {
    run_in_child("child_with_a_silent_peer", |_| ());
}

#[test]
#[ignore = "the child of another test"]
fn child_with_a_silent_peer() {
    bound_the_whole();
    let object = Object::new();
    let memory = Memory::create(&object, 4096);
    let (options, name) = (Options::new().at_offset(0).timeout(BOUND), object.name());
    let opens = thread::spawn(move || options.open(name).unwrap());
    let _device = party::first(memory.whole());
    let mut receiver = opens.join().unwrap().into_async().receiver;
    assert!(poll(Waker::noop(), |task| receiver.poll_read(task, &mut [0])).is_pending());
    // Half a second is 100 of the longest waits, and thousands of the shortest.
    let before = sleeps_of(std::process::id());
    thread::sleep(Duration::from_millis(500));
    let sleeps = sleeps_of(std::process::id()) - before;
    assert!(sleeps < 200, "{sleeps} times");
}

/// It counts, and then panics.
#[derive(Default)]
struct Panics(AtomicU32);

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a waker that panics: this is meant");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    run_in_child("child_whose_waker_panics", |_| ());
}

#[test]
#[ignore = "the child of another test"]
fn child_whose_waker_panics() {
    let (mut one, mut other) = pair();
    let panics = Arc::new(Panics::default());
    let waker = Arc::clone(&panics).into();
    let receiver = &mut other.receiver;
    assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    run(async {
        one.sender.write_all(b"x").await.unwrap();
        eventually("it is woken", || panics.0.load(Ordering::Relaxed) == 1);
        // The thread that woke it still serves others, and this one.
        assert_eq!(other.receiver.read(&mut [0; 2]).await.unwrap(), 1);
        let (asked, echoed) = tokio::join!(expect_echo(one, b"hello"), echo(other));
        asked.unwrap();
        echoed.unwrap();
    });
    assert_bridging_threads(0);
}

/// Dropping it drops an end, in the thread that drops the waker.
struct Owns {
    _channel: Mutex<Option<Channel>>,
}

impl Wake for Owns {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_may_drop_other_ends() {
    bound_the_whole();
    let [(mut one, mut other), (mut third, fourth)] = [pair(), pair()];
    let (_woken, noted) = counted();
    assert!(poll(&noted, |task| third.receiver.poll_fill_buf(task).map(drop)).is_pending());
    let waker: Waker = Arc::new(Owns {
        _channel: Some(third).into(),
    })
    .into();
    let receiver = &mut other.receiver;
    assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    drop(waker);
    bounded("dropping the end", move || drop(other));
    let peer = fourth.peer.clone();
    bounded("the departure", move || peer.wait_until_gone());
    assert!(one.sender.is_delivered().is_err());
}

/// Runs only the test of this name, in a child of which `prepare` sees the command.
#[track_caller]
fn run_in_child(test: &str, prepare: impl FnOnce(&mut std::process::Command)) {
    let mut command = child(test);
    prepare(&mut command);
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn two_hundred_talks_in_one_runtime_need_few_threads() {
    run_in_child("child_with_two_hundred_talks", |_| ());
}

#[test]
#[ignore = "the child of another test"]
fn child_with_two_hundred_talks() {
    let talks = setting("TALKS", 200);
    limit_descriptors(8 * talks as u64 + 100);
    let before = kept();
    run(async {
        let mut tasks = tokio::task::JoinSet::new();
        for talk in 0..talks {
            let (one, other) = pair();
            tasks.spawn(async move { expect_echo(one, &noise(10_000, talk as u64)).await });
            tasks.spawn(echo(other));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    });
    eventually("nothing is left", || kept() == before);

    let idle: Vec<_> = (0..talks).map(|_| pair()).collect();
    run(async {
        let mut tasks = tokio::task::JoinSet::new();
        let began = Arc::new(AtomicUsize::new(0));
        for (one, other) in idle {
            for channel in [one, other] {
                let began = Arc::clone(&began);
                tasks.spawn(async move {
                    // All of it, not the receiver alone.
                    let mut channel = channel;
                    began.fetch_add(1, Ordering::Relaxed);
                    channel.receiver.read(&mut [0]).await
                });
            }
        }
        // No other thread runs them, so all wait by then.
        while began.load(Ordering::Relaxed) < 2 * talks {
            tokio::task::yield_now().await;
        }
        assert!(tasks.try_join_next().is_none(), "something ended");
        assert_bridging_threads((2 * talks).div_ceil(127));
        // The runtime stops here, while all of them wait.
    });
    eventually("nothing is left", || kept() == before);
}

#[test]
fn a_forked_child_is_refused_where_it_would_have_to_wait() {
    run_in_child("child_that_forks", |_| ());
}

#[test]
#[ignore = "the child of another test"]
fn child_that_forks() {
    bound_the_whole();
    let (mut one, mut other) = pair();
    let (woken, waker) = counted();
    let receiver = &mut other.receiver;
    assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    // SAFETY: the child allocates, which glibc allows it, and calls nothing else that could
    // wait for a thread of the parent's.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        let polled = poll(Waker::noop(), |task| {
            receiver.poll_fill_buf(task).map(|r| r.map(drop))
        });
        let refused = match &polled {
            Poll::Ready(Err(error)) => matches!(Error::from_io(error), Some(Error::Forked)),
            _ => false,
        };
        let (_, mut own) = pair();
        let own = poll(Waker::noop(), |task| own.receiver.poll_read(task, &mut [0]));
        let refused = refused && matches!(own, Poll::Ready(Err(_)));
        // SAFETY: it ends the process at once.
        unsafe { libc::_exit(i32::from(!refused)) };
    }
    let status = bounded("the child", move || {
        let mut status = 0;
        // SAFETY: `status` is valid for writes.
        assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
        status
    });
    assert_eq!(status, 0);
    run(async { one.sender.write_all(b"x").await.unwrap() });
    eventually("the parent's task is woken", || woken.times() == 1);
}

#[test]
fn where_no_thread_can_be_started_the_poll_fails_and_nothing_is_lost() {
    run_in_child("child_without_threads", |_| ());
}

#[test]
#[ignore = "the child of another test"]
fn child_without_threads() {
    let (mut one, mut other) = pair();
    let before = kept();
    let lacks = move || {
        seccomp::fail_here(Call(libc::SYS_clone3, None), libc::EAGAIN);
        let read = poll(Waker::noop(), |task| {
            other.receiver.poll_read(task, &mut [0])
        });
        let Poll::Ready(Err(error)) = read else {
            panic!("{read:?}");
        };
        assert!(error.to_string().contains("ulimit -u"), "{error}");
        other
    };
    let mut other = thread::spawn(lacks).join().unwrap();
    assert_eq!(kept(), before);
    run(async {
        one.sender.write_all(b"x").await.unwrap();
        assert_eq!(other.receiver.read(&mut [0; 2]).await.unwrap(), 1);
        let (asked, echoed) = tokio::join!(expect_echo(one, b"hello"), echo(other));
        asked.unwrap();
        echoed.unwrap();
    });
}

#[test]
fn as_many_talks_wait_as_there_are_descriptors_for() {
    run_in_child("child_with_many_talks", |_| ());
}

#[test]
#[ignore = "the child of another test"]
fn child_with_many_talks() {
    limit_descriptors(setting("DESCRIPTORS", 1000) as u64);
    let before = kept();
    let mut pairs = Vec::new();
    let error = loop {
        match memtalk::Channel::pair() {
            Ok((one, other)) => pairs.push((one.into_async(), other.into_async())),
            Err(error) => break error,
        }
    };
    let error = error.to_string();
    assert!(error.contains("ulimit -n") || pairs.len() > 4000, "{error}");
    if error.contains("vm.max_map_count") {
        // The bridging threads need room as well.
        pairs.truncate(4000);
    }
    let (woken, waker) = counted();
    for (_, other) in &mut pairs {
        let receiver = &mut other.receiver;
        assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
    }
    assert_bridging_threads(pairs.len().div_ceil(127));
    for (one, _) in &mut pairs {
        let sent = poll(Waker::noop(), |task| one.sender.poll_write(task, b"x"));
        assert!(matches!(sent, Poll::Ready(Ok(1))));
    }
    let all = u32::try_from(pairs.len()).unwrap();
    eventually("all are woken", || woken.times() == all);
    for (_, other) in &mut pairs {
        let read = poll(Waker::noop(), |task| {
            other.receiver.poll_read(task, &mut [0; 2])
        });
        assert!(matches!(read, Poll::Ready(Ok(1))));
    }
    drop(pairs);
    eventually("nothing is left", || kept() == before);
}

#[test]
fn without_futex_waitv_each_end_that_waits_has_a_thread() {
    for error in [libc::ENOSYS, libc::EPERM] {
        run_in_child("child_without_futex_waitv", |command| {
            seccomp::fail(command, Call(libc::SYS_futex_waitv, None), error);
        });
    }
}

#[test]
#[ignore = "the child of another test"]
fn child_without_futex_waitv() {
    let before = kept();
    run(async {
        let mut waiting: Vec<_> = (0..3).map(|_| pair()).collect();
        let (woken, waker) = counted();
        for (_, other) in &mut waiting {
            let receiver = &mut other.receiver;
            assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
        }
        assert_bridging_threads(3);
        let (one, other) = pair();
        let bytes = noise(50_000, 7);
        let (asked, echoed) = tokio::join!(expect_echo(one, &bytes), echo(other));
        asked.unwrap();
        echoed.unwrap();
        for (one, _) in &mut waiting {
            one.sender.write_all(b"x").await.unwrap();
        }
        eventually("they are woken", || woken.times() == 3);
    });
    eventually("nothing is left", || kept() == before);
}

/// A sandbox that is made after the bridge: it looks again by the clock.
#[test]
fn where_futex_waitv_is_forbidden_later_the_bridge_still_works() {
    run_in_child("child_that_loses_futex_waitv", |_| ());
}

#[test]
#[ignore = "the child of another test"]
fn child_that_loses_futex_waitv() {
    bound_the_whole();
    let (mut one, mut other) = pair();
    // The thread inherits a filter that lets the first call pass, which has no words.
    let call = Call(libc::SYS_futex_waitv, Some((1, 2)));
    let other = thread::spawn(move || {
        seccomp::fail_here(call, libc::EPERM);
        let (woken, waker) = counted();
        let receiver = &mut other.receiver;
        assert!(poll(&waker, |task| receiver.poll_fill_buf(task).map(drop)).is_pending());
        (woken, other)
    });
    let (woken, _other) = bounded("the other side", move || other.join().unwrap());
    one.sender.end();
    eventually("it is woken", || woken.times() == 1);
}

#[test]
fn each_end_can_be_seen() {
    let (one, _other) = pair();
    let shown = format!("{one:?}");
    for part in ["Sender", "Receiver", "capacity: 1856", "Peer"] {
        assert!(shown.contains(part), "{shown}");
    }
    let mut told = Vec::new();
    write!(told, "{}", Error::Forked).unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("forked") && told.contains("exec"), "{told}");
}
