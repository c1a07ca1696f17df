//! What one expects of a `UnixStream`, and bad input to it: timeouts, calls that never wait,
//! closing with a deadline, giving up the wait for a peer, names.

mod support;

use std::fs::File;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use memtalk::look::Party;
use memtalk::{Cancel, Channel, Departure, Error, Name, NameError, Options, Service};
use support::{BOUND, Object, bound_the_whole, bounded, eventually};

/// A time that passes in a test.
const SOON: Duration = Duration::from_millis(20);

/// The two sides of a talk.
fn pair() -> (Channel, Channel) {
    bound_the_whole();
    Channel::pair().unwrap()
}

/// The talk's error in an error of an end.
#[track_caller]
fn assert_stalled(result: std::io::Result<usize>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(matches!(Error::from_io(&error), Some(Error::Stalled)));
}

#[track_caller]
fn assert_would_block(result: std::io::Result<usize>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Runs a call that is to end by its own time, [`SOON`].
#[track_caller]
fn timed<T>(call: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = call();
    let took = began.elapsed();
    assert!(took >= SOON, "it took {took:?} only");
    assert!(took < BOUND / 2, "it took {took:?}");
    result
}

#[test]
fn a_read_ends_after_its_timeout_and_loses_nothing() {
    let (mut one, mut other) = pair();
    other.receiver.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(other.receiver.read_timeout(), Some(SOON));
    for _ in 0..2 {
        assert_stalled(timed(|| other.receiver.read(&mut [0; 8])));
        assert_stalled(timed(|| other.receiver.fill_buf().map(<[u8]>::len)));
        assert_stalled(timed(|| other.receiver.write_to(std::io::stderr())));
    }
    one.sender.write_all(b"late").unwrap();
    let mut bytes = [0; 8];
    assert_eq!(other.receiver.read(&mut bytes).unwrap(), 4);
    assert_eq!(&bytes[..4], b"late");
    // Without a timeout, it waits again.
    other.receiver.set_read_timeout(None).unwrap();
    let reader = thread::spawn(move || other.receiver.read(&mut [0; 8]).unwrap());
    thread::sleep(2 * SOON);
    assert!(!reader.is_finished());
    one.sender.write_all(b"x").unwrap();
    assert_eq!(bounded("the read", move || reader.join()).unwrap(), 1);
}

#[test]
fn a_write_ends_after_its_timeout_and_loses_nothing() {
    let (mut one, mut other) = pair();
    let capacity = one.sender.capacity();
    let sent = support::noise(capacity + 10, 1);
    one.sender.set_write_timeout(Some(SOON)).unwrap();
    assert_eq!(one.sender.write_timeout(), Some(SOON));
    assert_eq!(one.sender.write(&sent).unwrap(), capacity);
    for _ in 0..2 {
        assert_stalled(timed(|| one.sender.write(&sent[capacity..])));
    }
    let mut received = vec![0; 3];
    other.receiver.read_exact(&mut received).unwrap();
    assert_eq!(one.sender.write(&sent[capacity..]).unwrap(), 3);
    one.sender.end();
    let mut rest = Vec::new();
    other.receiver.read_to_end(&mut rest).unwrap();
    received.extend(rest);
    assert!(received == sent[..capacity + 3]);
}

#[test]
fn a_descriptor_is_not_read_for_a_peer_that_makes_no_room_in_time() {
    let (mut one, mut other) = pair();
    let capacity = one.sender.capacity();
    let sent = support::noise(2 * capacity, 1);
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&sent).unwrap();
    drop(writer);
    one.sender.set_write_timeout(Some(SOON)).unwrap();
    let first = one.sender.read_from(&reader).unwrap();
    assert_eq!(first, capacity);
    assert_stalled(timed(|| one.sender.read_from(&reader)));
    let mut received = vec![0; capacity];
    other.receiver.read_exact(&mut received).unwrap();
    // The whole rest is still there.
    assert_eq!(one.sender.read_from(&reader).unwrap(), capacity);
    one.sender.end();
    other.receiver.read_to_end(&mut received).unwrap();
    assert!(received == sent);
}

#[test]
fn a_peer_that_goes_ends_a_wait_with_a_timeout() {
    let (mut one, other) = pair();
    one.receiver.set_read_timeout(Some(BOUND)).unwrap();
    let reader = thread::spawn(move || one.receiver.read(&mut [0]).unwrap_err().kind());
    drop(other);
    let kind = bounded("the read", move || reader.join()).unwrap();
    assert_eq!(kind, ErrorKind::ConnectionReset);
}

#[test]
fn a_timeout_of_zero_is_an_error_and_changes_nothing() {
    let (mut one, _other) = pair();
    one.receiver.set_read_timeout(Some(SOON)).unwrap();
    let zero = Some(Duration::ZERO);
    for error in [
        one.receiver.set_read_timeout(zero).unwrap_err(),
        one.sender.set_write_timeout(zero).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(one.receiver.read_timeout(), Some(SOON));
    assert_eq!(one.sender.write_timeout(), None);
}

#[test]
fn the_longest_timeout_does_not_overflow() {
    let (mut one, mut other) = pair();
    other
        .receiver
        .set_read_timeout(Some(Duration::MAX))
        .unwrap();
    let reader = thread::spawn(move || other.receiver.read(&mut [0; 8]).unwrap());
    one.sender.write_all(b"x").unwrap();
    assert_eq!(bounded("the read", move || reader.join()).unwrap(), 1);
}

#[test]
fn calls_that_never_wait_say_that_they_would_have_to() {
    let (mut one, mut other) = pair();
    assert_would_block(other.receiver.try_read(&mut [0; 8]));
    assert_would_block(other.receiver.try_fill_buf().map(<[u8]>::len));
    let capacity = one.sender.capacity();
    let sent = support::noise(capacity + 100, 1);
    assert_eq!(one.sender.try_write(&sent).unwrap(), capacity);
    assert_would_block(one.sender.try_write(&sent[capacity..]));

    let mut received = vec![0; 100];
    assert_eq!(other.receiver.try_read(&mut received).unwrap(), 100);
    assert_eq!(one.sender.try_write(&sent[capacity..]).unwrap(), 100);
    one.sender.end();
    while let buffered @ [_, ..] = other.receiver.try_fill_buf().unwrap() {
        let len = buffered.len().min(77);
        received.extend(&buffered[..len]);
        other.receiver.consume(len);
    }
    assert!(received == sent);
    assert_eq!(other.receiver.try_read(&mut [0]).unwrap(), 0);
    assert!(!one.sender.is_delivered().unwrap());
    other.receiver.close().unwrap();
    assert!(one.sender.is_delivered().unwrap());
    one.sender.close().unwrap();
}

#[test]
fn a_call_that_never_waits_reads_what_is_buffered_first() {
    let (mut one, mut other) = pair();
    one.sender.write_all(b"hello").unwrap();
    assert_eq!(other.receiver.try_fill_buf().unwrap(), b"hello");
    one.sender.write_all(b"!").unwrap();
    let mut bytes = [0; 2];
    for expected in ["he", "ll", "o", "!"] {
        let count = other.receiver.try_read(&mut bytes).unwrap();
        assert_eq!(&bytes[..count], expected.as_bytes());
    }
    assert_would_block(other.receiver.try_read(&mut bytes));
}

#[test]
fn both_ends_of_both_sides_can_be_used_in_one_thread() {
    let (mut one, mut other) = pair();
    let sent = support::noise(100_000, 1);
    let (mut done, mut back) = (0, Vec::<u8>::new());
    let mut bytes = [0; 700];
    // The other side echoes.
    while back.len() < sent.len() {
        done += one.sender.try_write(&sent[done..]).unwrap_or(0);
        if let Ok(count) = other.receiver.try_read(&mut bytes) {
            other.sender.write_all(&bytes[..count]).unwrap();
        }
        while let Ok(count) = one.receiver.try_read(&mut bytes) {
            back.extend(&bytes[..count]);
        }
    }
    assert!(back == sent);
    one.sender.end();
    other.sender.end();
    for channel in [&mut one, &mut other] {
        assert_eq!(channel.receiver.try_read(&mut bytes).unwrap(), 0);
    }
    one.receiver.close().unwrap();
    other.receiver.close().unwrap();
    assert!(one.sender.is_delivered().unwrap() && other.sender.is_delivered().unwrap());
}

#[test]
fn calls_with_no_bytes_return_at_once() {
    let (mut one, mut other) = pair();
    let full = vec![0; one.sender.capacity()];
    assert_eq!(other.receiver.try_read(&mut []).unwrap(), 0);
    assert_eq!(other.receiver.read(&mut []).unwrap(), 0);
    one.sender.write_all(&full).unwrap();
    assert_eq!(one.sender.try_write(&[]).unwrap(), 0);
    assert_eq!(one.sender.write(&[]).unwrap(), 0);
    assert_eq!(other.receiver.fill_buf().unwrap().len(), full.len());
    assert_eq!(other.receiver.try_read(&mut []).unwrap(), 0);
}

#[test]
fn calls_after_the_end_are_errors() {
    let (mut one, mut other) = pair();
    one.sender.end();
    one.sender.end();
    for error in [
        one.sender.try_write(b"x").unwrap_err(),
        one.sender.write(b"x").unwrap_err(),
        one.sender.write(b"").unwrap_err(),
        one.sender.try_write(b"").unwrap_err(),
    ] {
        assert!(matches!(Error::from_io(&error), Some(Error::Ended)));
    }
    // The end of the stream stays.
    for _ in 0..2 {
        assert_eq!(other.receiver.try_read(&mut [0]).unwrap(), 0);
        assert_eq!(other.receiver.read(&mut [0]).unwrap(), 0);
        assert!(other.receiver.try_fill_buf().unwrap().is_empty());
    }
}

#[test]
fn calls_that_never_wait_report_a_peer_that_gave_up() {
    let (mut one, mut other) = pair();
    other.sender.write_all(b"last").unwrap();
    drop(other);
    assert_eq!(one.peer.wait_until_gone(), Some(Departure::GaveUp));
    assert!(one.peer.is_gone());
    assert_eq!(one.receiver.try_read(&mut [0; 8]).unwrap(), 4);
    for error in [
        one.receiver.try_read(&mut [0]).unwrap_err(),
        one.receiver.try_fill_buf().map(<[u8]>::len).unwrap_err(),
        one.sender.try_write(b"x").unwrap_err(),
        one.sender.is_delivered().unwrap_err().into(),
    ] {
        assert!(matches!(Error::from_io(&error), Some(Error::PeerStopped)));
    }
}

#[test]
fn a_close_ends_after_its_time_and_can_be_made_again() {
    let (mut one, mut other) = pair();
    one.sender.write_all(b"all").unwrap();
    for _ in 0..2 {
        let closed = timed(|| one.sender.close_within(SOON));
        assert!(matches!(closed, Err(Error::Stalled)));
    }
    let closed = one.sender.close_within(Duration::ZERO);
    assert!(matches!(closed, Err(Error::Stalled)));
    let mut received = Vec::new();
    other.receiver.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"all");
    let closing = thread::spawn(move || {
        let closed = one.sender.close_within(BOUND);
        (closed, one.sender.close_within(Duration::ZERO))
    });
    other.receiver.close().unwrap();
    let (closed, again) = bounded("closing", move || closing.join()).unwrap();
    closed.unwrap();
    again.unwrap();
}

#[test]
fn a_close_with_a_deadline_leaves_the_timeout_as_it_was() {
    let (mut one, mut other) = pair();
    let closed = one.sender.close_within(Duration::ZERO);
    assert!(matches!(closed, Err(Error::Stalled)));
    assert_eq!(other.receiver.read(&mut [0]).unwrap(), 0);
    let closing = thread::spawn(move || one.sender.close());
    // Until it waits, if it is right. It need not.
    thread::sleep(SOON);
    other.receiver.close().unwrap();
    bounded("closing", move || closing.join()).unwrap().unwrap();
}

#[test]
fn a_close_is_bounded_by_the_write_timeout() {
    let (mut one, _other) = pair();
    one.sender.set_write_timeout(Some(SOON)).unwrap();
    assert!(matches!(timed(|| one.sender.close()), Err(Error::Stalled)));
}

#[test]
fn two_sides_that_close_at_once_do_not_wait_for_each_other() {
    type Close = fn(Channel) -> Result<(), Error>;
    let closes: [Close; 3] = [
        Channel::close,
        |channel| channel.close_within(BOUND),
        |channel| {
            let finished = channel.finish(&mut std::io::sink());
            finished.map(drop).map_err(|_| Error::PeerStopped)
        },
    ];
    for theirs in closes {
        for ours in closes {
            let (mut one, mut other) = pair();
            one.sender.write_all(b"one").unwrap();
            other.sender.write_all(b"other").unwrap();
            other.receiver.read_exact(&mut [0; 3]).unwrap();
            one.receiver.read_exact(&mut [0; 5]).unwrap();
            let other = thread::spawn(move || theirs(other));
            bounded("closing", move || ours(one)).unwrap();
            bounded("closing", move || other.join()).unwrap().unwrap();
        }
    }
}

#[test]
fn a_channel_is_not_closed_over_bytes_that_nobody_has_read() {
    for buffered in [false, true] {
        let (mut one, mut other) = pair();
        other.sender.write_all(b"unread").unwrap();
        if buffered {
            one.receiver.fill_buf().unwrap();
        }
        assert!(matches!(one.close(), Err(Error::NotAtEnd)));
        assert!(matches!(other.sender.close(), Err(Error::PeerStopped)));
    }
}

#[test]
fn closing_a_channel_ends_after_its_time() {
    let (one, mut other) = pair();
    let closed = timed(|| one.close_within(SOON));
    assert!(matches!(closed, Err(Error::Stalled)));
    // The stream itself was complete.
    assert_eq!(other.receiver.read(&mut [0]).unwrap(), 0);
    assert!(matches!(other.sender.close(), Err(Error::PeerStopped)));

    // One half of it has come.
    let (one, mut other) = pair();
    other.sender.end();
    let closed = timed(|| one.close_within(SOON));
    assert!(matches!(closed, Err(Error::Stalled)));
}

#[test]
fn another_thread_gives_up_the_wait_for_a_peer() {
    bound_the_whole();
    let object = Object::new();
    let cancel = Cancel::new();
    let options = Options::new().cancelled_by(&cancel);
    let name = object.name();
    let waits = thread::spawn(move || options.open(name));
    eventually("it waits", || object.exists());
    assert!(!cancel.is_cancelled());
    cancel.cancel();
    let given_up = bounded("the wait", move || waits.join()).unwrap();
    assert!(matches!(given_up, Err(Error::Cancelled)));
    assert!(!object.exists(), "the object is left behind");
    object.assert_usable();
}

#[test]
fn the_waits_for_a_machine_and_for_a_turn_are_given_up() {
    bound_the_whole();
    for options in [Options::new().at_offset(0), Options::new().as_client()] {
        let object = Object::new();
        let cancel = Cancel::new();
        let options = options.cancelled_by(&cancel);
        let name = object.name();
        let waits = thread::spawn(move || options.open(name));
        cancel.cancel();
        let given_up = bounded("the wait", move || waits.join()).unwrap();
        assert!(matches!(given_up, Err(Error::Cancelled)));
        assert!(!object.exists());
    }
}

#[test]
fn who_waits_at_the_door_gives_up() {
    bound_the_whole();
    let object = Object::new();
    let first = Options::new().sit_down(object.name()).unwrap();
    let door = File::options().read(true).write(true).open(object.path());
    let door = door.unwrap();
    assert!(support::try_lock(&door, 0, libc::F_WRLCK));
    let cancel = Cancel::new();
    let options = Options::new().cancelled_by(&cancel);
    let name = object.name();
    let waits = thread::spawn(move || options.sit_down(name).map(drop));
    cancel.cancel();
    let given_up = bounded("the wait", move || waits.join()).unwrap();
    assert!(matches!(given_up, Err(Error::Cancelled)));
    drop(door);
    drop(first);
}

#[test]
fn a_peer_that_waits_already_is_joined_although_the_wait_is_given_up() {
    bound_the_whole();
    let object = Object::new();
    let first = Options::new().sit_down(object.name()).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let second = Options::new().cancelled_by(&cancel).open(object.name());
    let first = first.wait_for_peer().unwrap();
    let close = thread::spawn(move || first.close());
    second.unwrap().close().unwrap();
    bounded("closing", move || close.join()).unwrap().unwrap();
}

#[test]
fn whatever_turns_into_a_name_opens() {
    bound_the_whole();
    let object = Object::new();
    let name: Name = object.name().parse().unwrap();
    let alone = Options::new().timeout(Duration::ZERO);
    for result in [
        alone.open(object.name()),
        alone.open(object.name()),
        alone.open(&name),
        alone.open(name),
    ] {
        assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
    }
    for result in [memtalk::open("no-slash"), alone.open("no-slash")] {
        assert!(matches!(result, Err(Error::Name(NameError::NoSlash))));
    }
    let error = std::io::Error::from(NameError::Empty);
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = Error::from_io(&error).unwrap();
    assert_eq!(error.to_string(), NameError::Empty.to_string());
}

#[test]
fn the_peer_is_told_from_a_channel() {
    let (one, other) = pair();
    let Some(Party::Process(peer)) = one.peer.party().unwrap() else {
        panic!("a process");
    };
    assert_eq!(peer.pid, std::process::id());
    assert!(!one.peer.is_gone());
    let peer = one.peer.clone();
    drop(one);
    assert_eq!(peer.party().unwrap(), None);
    drop(other);
}

#[test]
fn an_offset_that_no_file_has_is_refused() {
    bound_the_whole();
    let object = Object::new();
    let at = |offset| {
        let options = Options::new().timeout(Duration::ZERO);
        options.at_offset(offset).sit_down(object.name()).err()
    };
    assert!(matches!(at(1 << 62), Some(Error::Offset)));
    assert!(matches!(at((1 << 62) - 64), Some(Error::Timeout(_))));
}

#[test]
fn what_is_printed_for_debugging_is_of_use_to_a_person() {
    bound_the_whole();
    let object = Object::new();
    let waiting = Options::new().sit_down(object.name()).unwrap();
    let handle = waiting.handle();
    let place = format!("Name({:?})", object.name());
    let service = Service::open(&Options::new(), Object::new().name()).unwrap();
    let told = format!("{service:?}");
    assert!(
        told.contains("Service") && told.contains("is_idle: false"),
        "{told}"
    );
    for told in [format!("{waiting:?}"), format!("{handle:?}")] {
        assert!(told.contains(&place), "{told}");
    }
    let other = Options::new().open(object.name()).unwrap();
    let mut one = waiting.wait_for_peer().unwrap();
    one.sender.write_all(b"four").unwrap();
    one.sender.end();
    let told = format!("{one:?}");
    for part in [
        &place,
        "capacity: 1856",
        "available: 1852",
        "state: Closed",
        "buffered: 0",
        "is_gone: false",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.len() < 1000, "{told}");
    drop(other);
}

/// Every type of a public signature has a name in `memtalk`: this compiles.
#[test]
fn types_can_be_named_and_moved_to_other_threads() {
    use memtalk::look::{End, EndState, Onlooker, Process, Ring, Seen, State, Traffic};
    use memtalk::{
        Awaited, NamedObject, PageError, Peer, Receiver, Sender, Service, Status, TalkHandle,
        Waiting,
    };
    fn name<T>() -> usize {
        std::any::type_name::<T>().len()
    }
    fn moves<T: Send>() {}
    moves::<(
        Cancel,
        Channel,
        Peer,
        Receiver,
        Sender,
        Service,
        TalkHandle,
        Waiting,
    )>();
    let names = [
        name::<(Awaited, Cancel, Channel, Departure, Error, Name)>(),
        name::<(NameError, NamedObject, Options, PageError, Party, Peer)>(),
        name::<(Receiver, Sender, Service, Status, TalkHandle, Waiting)>(),
        name::<(End, EndState, Onlooker, Process, Ring, Seen, State, Traffic)>(),
    ];
    assert!(names.iter().all(|&len| len > 0));
}
