//! A page that is handed over, joined, left and initialised again.

use memtalk_ring::{Beginning, Page, PageError, Presence, Seat};

use super::process::join;
use super::setup::{BYTES, ends, idle, initialised};
use crate::backend::{Backend, SharedPage, page};
use crate::oracle::byte;

/// A party that sees a page in some memory finds in it nothing of what was there before.
pub fn hand_over<B: Backend>() {
    let memory = page::<B>(BYTES, B::word);
    memory.litter(1);
    let theirs = memory.clone();
    let ((), found) = B::both(
        move || {
            // SAFETY: nobody has taken ends in it.
            let page = unsafe { Page::initialise(memory, Presence::PROCESS) };
            assert_eq!(page.map(|page| page.capacity().bytes()).unwrap(), 64);
        },
        move || {
            let page = Page::attach(theirs)?;
            assert_eq!(page.presence(Seat::First), Some(Presence::PROCESS));
            assert!(page.is_free(Seat::Second));
            let (mut sender, mut receiver) = ends(&page, Seat::Second, idle::<B>());
            assert_eq!(receiver.filled().map(|filled| filled.len()), Ok(0));
            assert_eq!(sender.space().map(|space| space.len()), Ok(64));
            Ok(())
        },
    );
    assert!(matches!(
        found,
        Ok(()) | Err(PageError::Unfinished | PageError::NotAPage)
    ));
}

/// A newcomer takes the second seat of a page where an earlier party left its words.
/// Once the first party sees the seat taken, it sees no more than the newcomer has sent.
pub fn seat_is_taken<B: Backend>() {
    let memory = page::<B>(BYTES, B::word);
    // SAFETY: nobody has taken ends in it.
    let page = unsafe { Page::initialise(memory.clone(), Presence::PROCESS) }.unwrap();
    memory.litter(1);
    let theirs = page.clone();
    B::both(
        move || {
            // SAFETY: nobody has taken this seat's ends.
            unsafe { theirs.join(Presence::DEVICE) };
            let (mut sender, _) = ends(&theirs, Seat::Second, idle::<B>());
            assert_eq!(sender.send(&[byte(0)]), Ok(1));
        },
        move || {
            if page.is_free(Seat::Second) {
                return;
            }
            let (mut sender, mut receiver) = ends(&page, Seat::First, idle::<B>());
            let mut received = [0; 2];
            match receiver.receive(&mut received) {
                Ok(count) => assert!(count <= 1 && received[..count] == [byte(0)][..count]),
                Err(error) => panic!("{error}"),
            }
            assert_eq!(sender.space().map(|space| space.len()), Ok(64));
        },
    );
}

/// A device at the first seat sends one byte, the first of a talk: the byte that the
/// stream has at position `number`.
fn send_from_first<B: Backend>(page: &Page<SharedPage<B>>, number: usize) {
    let (mut sender, _) = ends(page, Seat::First, idle::<B>());
    assert_eq!(sender.send(&[byte(number)]), Ok(1));
}

/// A device at the first seat begins another talk in memory where it offered one before.
fn begin_again<B: Backend>(memory: SharedPage<B>) {
    // SAFETY: the device has no other ends any more.
    let page = unsafe { Page::initialise(memory, Presence::DEVICE) }.unwrap();
    send_from_first(&page, 1);
}

/// A page is initialised again under a process that still sits at its second seat. If the
/// process reads anything of the new talk, it finds the restart. `received`: whether a
/// byte of the old talk is there to be received.
pub fn restart_is_noticed<B: Backend>(received: bool) {
    let page = initialised::<B>(Presence::DEVICE);
    let (theirs, memory) = (page.clone(), page.region().clone());
    if received {
        send_from_first(&page, 0);
    }
    join(&page);
    B::both(
        move || begin_again(memory),
        move || {
            let (_, mut receiver) = ends(&theirs, Seat::Second, idle::<B>());
            // Only the number of bytes. A process copies the bytes themselves from memory
            // that an outside party may write to meanwhile.
            let there = receiver.filled().map(|filled| filled.len());
            let restarted = theirs.was_restarted();
            let expected = there == Ok(usize::from(received));
            assert!(expected || restarted, "{there:?} is believed");
        },
    );
}

/// The same for a process that has seen a byte of the old talk, and copies it when it may
/// already be one of the next talk. It believes the byte only if it is the old one. For a
/// checker whose bytes may be read while they are written.
pub fn restart_is_noticed_by_bytes<B: Backend>() {
    let page = initialised::<B>(Presence::DEVICE);
    let (theirs, memory) = (page.clone(), page.region().clone());
    send_from_first(&page, 0);
    join(&page);
    B::both(
        move || begin_again(memory),
        move || {
            let (_, mut receiver) = ends(&theirs, Seat::Second, idle::<B>());
            let mut received = [0];
            let count = receiver.receive(&mut received);
            let restarted = theirs.was_restarted();
            let expected = (count, received) == (Ok(1), [byte(0)]);
            assert!(
                expected || restarted,
                "{count:?} of {received:?} are believed"
            );
        },
    );
}

/// A second party that leaves, a process or one outside, has read what it wanted: the first,
/// of the other kind, sees that it has left, and overwrites only then.
pub fn leaver_has_read<B: Backend>(outside: bool) {
    let page = initialised::<B>(match outside {
        true => Presence::PROCESS,
        false => Presence::DEVICE,
    });
    let (theirs, memory) = (page.clone(), page.region().clone());
    send_from_first(&page, 0);
    match outside {
        // SAFETY: nobody has taken this seat's ends.
        true => unsafe { page.join(Presence::DEVICE) },
        false => join(&page),
    }
    B::both(
        move || {
            while page.presence(Seat::Second).is_some() {
                B::give_way();
            }
            begin_again(memory);
        },
        move || {
            let (_, mut receiver) = ends(&theirs, Seat::Second, idle::<B>());
            let mut received = [0];
            assert_eq!(receiver.filled().unwrap().copy_to(&mut received), 1);
            assert_eq!(received, [byte(0)]);
            match outside {
                true => theirs.stand(Seat::Second, Presence::DEVICE),
                false => theirs.leave(),
            }
        },
    );
}

/// A party outside joins, waits until the first has noticed it, and gets its byte.
pub fn talk_begins<B: Backend>() {
    let page = initialised::<B>(Presence::PROCESS);
    let theirs = page.clone();
    send_from_first(&page, 0);
    B::both(
        move || {
            while page.beginning(Seat::First) == Beginning::Awaited {
                B::give_way();
            }
            page.begin();
        },
        move || {
            // SAFETY: nobody has taken this seat's ends.
            unsafe { theirs.join(Presence::DEVICE) };
            while theirs.beginning(Seat::Second) == Beginning::Awaited {
                B::give_way();
            }
            assert_eq!(theirs.beginning(Seat::Second), Beginning::Begun);
            let (_, mut receiver) = ends(&theirs, Seat::Second, idle::<B>());
            let mut received = [0];
            assert_eq!(receiver.receive(&mut received), Ok(1));
            assert_eq!(received, [byte(0)]);
        },
    );
}

/// A process leaves while the page is initialised again. Afterwards the seat is free for
/// a newcomer.
pub fn late_leaver_marks_nothing<B: Backend>() {
    let page = initialised::<B>(Presence::DEVICE);
    let (theirs, memory) = (page.clone(), page.region().clone());
    join(&page);
    let (free, ()) = B::both(
        move || {
            // SAFETY: the device has no ends.
            let page = unsafe { Page::initialise(memory, Presence::DEVICE) }.unwrap();
            page.is_free(Seat::Second)
        },
        move || theirs.leave(),
    );
    assert!(free && page.is_free(Seat::Second));
}
