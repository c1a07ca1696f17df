//! The library: both sides of a channel in one process.

mod support;

use std::io::{BufRead, ErrorKind, Read, Write};

use memtalk::{Channel, Departure, Error, Name, Options, Service};
use support::{BOUND, Object, bound_the_whole, bounded, fcntl};

/// The two sides of a channel.
fn pair(object: &Object) -> (Channel, Channel) {
    bound_the_whole();
    let options = Options::new().timeout(BOUND);
    let theirs = (object.name(), options.clone());
    let other = std::thread::spawn(move || theirs.1.open(theirs.0).unwrap());
    let one = options.open(object.name()).unwrap();
    (
        one,
        bounded("the other side", move || other.join().unwrap()),
    )
}

#[test]
fn both_ends_know_how_many_bytes_fit() {
    let (one, other) = pair(&Object::new());
    for channel in [one, other] {
        assert_eq!(channel.sender.capacity(), 1856);
        assert_eq!(channel.receiver.capacity(), 1856);
    }
}

#[test]
fn what_the_buffer_shows_is_read_once() {
    let (mut one, mut other) = pair(&Object::new());
    one.sender.write_all(b"hello").unwrap();
    assert_eq!(other.receiver.fill_buf().unwrap(), b"hello");
    for expected in [b"he", b"ll"] {
        let mut bytes = [0; 2];
        assert_eq!(other.receiver.read(&mut bytes).unwrap(), 2);
        assert_eq!(bytes, *expected);
    }
    assert_eq!(other.receiver.fill_buf().unwrap(), b"o");
}

#[test]
fn dropping_a_sender_gives_up_its_stream_and_not_the_other() {
    let (mut one, mut other) = pair(&Object::new());
    one.sender.write_all(b"some").unwrap();
    drop(one.sender);
    let mut found = Vec::new();
    let error = other.receiver.read_to_end(&mut found).unwrap_err();
    assert_eq!(found, b"some");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(matches!(Error::from_io(&error), Some(Error::PeerStopped)));
    // The other direction goes on.
    other.sender.write_all(b"x").unwrap();
    one.receiver.read_exact(&mut [0]).unwrap();
}

#[test]
fn bytes_that_came_before_the_sender_gave_up_are_written_before_that_is_reported() {
    let (mut one, mut other) = pair(&Object::new());
    one.sender.write_all(b"some").unwrap();
    drop(one.sender);
    let (mut reader, writer) = std::io::pipe().unwrap();
    assert_eq!(other.receiver.write_to(&writer).unwrap(), 4);
    let error = other.receiver.write_to(&writer).unwrap_err();
    assert!(matches!(Error::from_io(&error), Some(Error::PeerStopped)));
    drop(writer);
    let mut found = String::new();
    reader.read_to_string(&mut found).unwrap();
    assert_eq!(found, "some");
}

#[test]
fn dropping_a_receiver_fails_the_peers_sender() {
    let (one, mut other) = pair(&Object::new());
    drop(one.receiver);
    let error = other.sender.write_all(&[0; 10_000]).unwrap_err();
    assert!(matches!(Error::from_io(&error), Some(Error::PeerStopped)));
    assert!(matches!(other.sender.close(), Err(Error::PeerStopped)));
}

#[test]
fn dropping_a_channel_gives_up_and_removes_the_object() {
    let object = Object::new();
    let (one, mut other) = pair(&object);
    drop(one);
    let peer = other.peer.clone();
    let departure = bounded("the departure", move || peer.wait_until_gone());
    assert_eq!(departure, Some(Departure::GaveUp));
    assert!(other.receiver.read(&mut [0]).is_err());
    assert!(!object.exists());
}

#[test]
fn closing_both_ends_is_a_complete_departure() {
    let (mut one, mut other) = pair(&Object::new());
    one.sender.write_all(b"one").unwrap();
    one.sender.end();
    other.sender.end();
    let receiver = &mut other.receiver;
    let mut found = String::new();
    receiver.read_to_string(&mut found).unwrap();
    assert_eq!(found, "one");
    assert_eq!(one.receiver.read(&mut [0]).unwrap(), 0);
    one.receiver.close().unwrap();
    other.receiver.close().unwrap();
    other.sender.close().unwrap();
    let peer = one.peer.clone();
    let departure = bounded("the departure", move || peer.wait_until_gone());
    assert_eq!(departure, Some(Departure::Complete));
    one.sender.close().unwrap();
    assert_eq!(one.peer.wait_until_gone(), Some(Departure::Complete));
}

#[test]
fn waiting_for_the_peers_departure_ends_when_our_own_ends_are_dropped() {
    let (one, _other) = pair(&Object::new());
    let peer = one.peer.clone();
    drop(one);
    assert_eq!(bounded("the answer", move || peer.wait_until_gone()), None);
}

#[test]
fn ends_that_were_given_up_say_so_whatever_the_peer_answers() {
    let ways: [fn(&Channel); 2] = [
        |channel| channel.handle().give_up(),
        |channel| channel.handle().leave(BOUND).unwrap(),
    ];
    for give_up in ways {
        let (mut one, other) = pair(&Object::new());
        give_up(&one);
        drop(other);
        assert_eq!(one.peer.wait_until_gone(), None);
        for error in [one.receiver.read(&mut [0]), one.sender.write(b"x")].map(Result::unwrap_err) {
            assert!(
                matches!(Error::from_io(&error), Some(Error::Ended)),
                "{error}"
            );
        }
    }
}

#[test]
fn a_stream_cannot_be_confirmed_before_its_end() {
    let (mut one, mut other) = pair(&Object::new());
    one.sender.write_all(b"two\nlines\n").unwrap();
    one.sender.end();
    let mut line = String::new();
    other.receiver.read_line(&mut line).unwrap();
    assert_eq!(line, "two\n");
    for _ in 0..2 {
        assert_eq!(other.receiver.fill_buf().unwrap(), b"lines\n");
    }
    assert!(matches!(other.receiver.close(), Err(Error::NotAtEnd)));
    assert!(matches!(one.sender.close(), Err(Error::PeerStopped)));
}

#[test]
fn writing_after_the_end_is_an_error() {
    let (mut one, _other) = pair(&Object::new());
    one.sender.end();
    let error = one.sender.write(b"x").unwrap_err();
    assert!(matches!(Error::from_io(&error), Some(Error::Ended)));
}

#[test]
fn buffered_and_direct_reads_can_be_mixed() {
    let (mut one, mut other) = pair(&Object::new());
    one.sender.write_all(b"0123456789").unwrap();
    assert_eq!(other.receiver.fill_buf().unwrap(), b"0123456789");
    other.receiver.consume(2);
    let mut two = [0; 2];
    other.receiver.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"23");
    let (mut reader, writer) = std::io::pipe().unwrap();
    assert_eq!(other.receiver.write_to(&writer).unwrap(), 6);
    one.sender.write_all(b"end").unwrap();
    assert_eq!(other.receiver.write_to(&writer).unwrap(), 3);
    let mut rest = [0; 9];
    reader.read_exact(&mut rest).unwrap();
    assert_eq!(&rest, b"456789end");
}

#[test]
fn bytes_that_a_pipe_does_not_take_are_kept_for_the_next_write() {
    // The smallest pipe, and a ring that holds almost three times as much and is emptied at
    // once.
    let object = Object::new();
    let options = Options::new().timeout(BOUND).pages(6);
    let waiting = options.sit_down(object.name()).unwrap();
    let mut other = options.open(object.name()).unwrap();
    let mut one = bounded("the peer", move || waiting.wait_for_peer()).unwrap();
    let sent = support::noise(12_000, 1);
    one.sender.write_all(&sent).unwrap();
    one.sender.end();
    let (mut reader, writer) = std::io::pipe().unwrap();
    fcntl(&writer, libc::F_SETPIPE_SZ, 4096).unwrap();
    fcntl(&writer, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
    let mut found = Vec::new();
    for part in [4096, 4096, 3808] {
        assert_eq!(other.receiver.write_to(&writer).unwrap(), part);
        let mut read = vec![0; part];
        reader.read_exact(&mut read).unwrap();
        found.append(&mut read);
    }
    assert!(found == sent);
}

#[test]
fn a_write_larger_than_the_ring_waits_for_the_reader() {
    let (mut one, mut other) = pair(&Object::new());
    let sent = support::noise(1_000_000, 1);
    let copy = sent.clone();
    let writer = std::thread::spawn(move || {
        one.sender.write_all(&copy).unwrap();
        one.sender.close().unwrap();
    });
    let mut found = Vec::new();
    other.receiver.read_to_end(&mut found).unwrap();
    assert!(found == sent);
    other.receiver.close().unwrap();
    bounded("the writer", move || writer.join()).unwrap();
}

#[test]
fn options_out_of_range_are_refused() {
    let object = Object::new();
    for pages in [0, usize::MAX] {
        let result = Options::new().pages(pages).open(object.name());
        assert!(matches!(result, Err(Error::Pages { .. })));
    }
    assert!(!object.exists());
}

#[test]
fn the_library_refuses_a_third_party() {
    let object = Object::new();
    let _talk = pair(&object);
    let result = Options::new().open(object.name());
    assert!(matches!(result, Err(Error::Busy)));
}

#[test]
fn a_stream_of_which_nothing_came_cannot_be_confirmed() {
    let (one, _other) = pair(&Object::new());
    assert!(matches!(one.receiver.close(), Err(Error::NotAtEnd)));
}

/// A thread that talks to a service once its turn has come, and returns what it is told.
fn client(name: &Name) -> std::thread::JoinHandle<Vec<u8>> {
    let name = name.clone();
    std::thread::spawn(move || {
        let options = Options::new().as_client().timeout(BOUND);
        let channel = options.open(&name).unwrap();
        let mut told = Vec::new();
        channel.finish(&mut told).unwrap();
        told
    })
}

#[test]
fn who_waits_for_a_service_that_is_dropped_waits_for_the_next() {
    bound_the_whole();
    let object = Object::new();
    let name = Name::new(object.name()).unwrap();
    let serve = |service: &Service, text: &[u8]| {
        let mut channel = service.accept().unwrap();
        channel.sender.write_all(text).unwrap();
        channel
    };
    let service = Service::open(&Options::new(), &name).unwrap();
    let first = client(&name);
    let talk = serve(&service, b"one");
    // While the service talks, whoever comes now waits.
    let place = object.free_place();
    let second = client(&name);
    support::eventually("it has joined", || object.free_place() != place);
    assert!(!service.is_idle());
    drop(service);
    assert!(!object.exists());
    // The talk goes on.
    talk.finish(&mut std::io::sink()).unwrap();
    assert_eq!(first.join().unwrap(), b"one");

    let service = Service::open(&Options::new(), &name).unwrap();
    let talk = serve(&service, b"two");
    talk.finish(&mut std::io::sink()).unwrap();
    assert_eq!(second.join().unwrap(), b"two");
    service.stop(BOUND).unwrap();
    assert!(matches!(service.accept(), Err(Error::Ended)));
    assert!(service.is_idle());
}
