//! The ring's ends on real threads and real memory, with every call that they have.
//!
//! `make tsan` runs this under the thread sanitizer. The sanitizer reports two threads that
//! access a slab byte, or a [`Letter`], without an order between them. That order is what
//! the orderings of the index words, the magic number and the seat words are for; so they
//! are tested without a model. The sanitizer knows no fences. They are there so that nobody
//! sleeps for ever; if they fail, the test hangs.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use memtalk_ring::{
    Departure, Error, Idle, Memory, Native, Page, PageError, PageRing, Presence, RawRegion,
    Receiver, Seat, Sender, Spin, Wait, Watched,
};
use verification::backend::{Shared, ring};
use verification::bound::fail_fast;
use verification::oracle::Stream;

/// The time limit of a test. A test that reaches it fails.
const BOUND: Duration = Duration::from_secs(60);

/// Waits until all threads have ended. It polls, because a channel would synchronise in the
/// standard library, where the sanitizer does not see it.
fn join(threads: Vec<JoinHandle<()>>) {
    fail_fast();
    let began = Instant::now();
    while let Some(running) = threads.iter().find(|thread| !thread.is_finished()) {
        let name = running.thread().name();
        assert!(began.elapsed() < BOUND, "{name:?} hangs");
        thread::sleep(Duration::from_millis(1));
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.into()).spawn(run).unwrap()
}

/// Waits until `condition` holds. [`join`] finds a thread that waits in vain.
fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// The threads of a talk. It begins when all have entered.
struct Room {
    threads: Vec<OnceLock<Thread>>,
    entered: AtomicUsize,
    present: AtomicUsize,
}

impl Room {
    /// A room that lives for ever, because a thread may sleep there for ever if a test fails.
    fn new(threads: usize) -> &'static Self {
        Box::leak(Box::new(Self {
            threads: (0..threads).map(|_| OnceLock::new()).collect(),
            entered: AtomicUsize::new(0),
            present: AtomicUsize::new(0),
        }))
    }

    fn enter(&self) {
        let number = self.entered.fetch_add(1, Ordering::Relaxed);
        self.threads[number].set(thread::current()).unwrap();
        self.present.fetch_add(1, Ordering::AcqRel);
        until(|| self.present.load(Ordering::Acquire) == self.threads.len());
    }
}

/// How the ends of a talk wait.
trait Way: Wait<Native> + Clone + Send + 'static {
    fn of(room: &'static Room) -> Self;

    /// Calls `wait` and returns its result. If these ends never wait, gives way and returns
    /// `None`.
    fn wait_for<T>(wait: impl FnOnce() -> T) -> Option<T> {
        Some(wait())
    }
}

/// Sleeps as on a futex. A thread that is woken between the comparison and the sleep does
/// not fall asleep.
///
/// To the sanitizer, parking makes no order between the two threads, because it is in the
/// standard library. So what the ring leaves unordered stays unordered.
#[derive(Clone, Copy)]
struct Park(&'static Room);

impl Wait<Native> for Park {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        false
    }

    fn sleep(&mut self, word: Watched<'_, Native>, seen: u32) {
        if word.is(seen) {
            thread::park();
        }
    }

    fn wake(&self, _word: Watched<'_, Native>) {
        for thread in self.0.threads.iter().filter_map(OnceLock::get) {
            thread.unpark();
        }
    }
}

impl Way for Park {
    fn of(room: &'static Room) -> Self {
        Self(room)
    }
}

/// Looks for a while, and then gives way between two looks.
type Yield = Idle<fn(u32)>;

impl Way for Yield {
    fn of(_room: &'static Room) -> Self {
        Idle(|looks| match looks {
            ..20 => std::hint::spin_loop(),
            _ => thread::yield_now(),
        })
    }
}

/// These ends never wait.
impl Way for Spin {
    fn of(_room: &'static Room) -> Self {
        Self
    }

    fn wait_for<T>(_wait: impl FnOnce() -> T) -> Option<T> {
        thread::yield_now();
        None
    }
}

/// Plain memory that one thread writes, and another reads once it knows that it may. What
/// tells it so has to order the two accesses, or the sanitizer reports a race.
#[derive(Default)]
struct Letter(UnsafeCell<u32>);

// SAFETY: two threads never access it at once, if the tested code is right.
unsafe impl Sync for Letter {}

impl Letter {
    fn write(&self) {
        // SAFETY: no other thread reads yet.
        unsafe { *self.0.get() = 1 };
    }

    fn read(&self) {
        // SAFETY: the other thread has written already.
        assert_eq!(unsafe { *self.0.get() }, 1);
    }
}

/// Pseudorandom numbers, so that lengths do not follow the period of a stream or a ring.
struct Noise(u64);

impl Noise {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 40).unwrap() % end
    }
}

/// Sends the first `len` bytes of the stream with all kinds of calls.
fn send<M, W>(sender: &mut Sender<M, W>, len: usize, seed: u64) -> Result<(), Error>
where
    M: Memory<Atomics = Native>,
    W: Way,
{
    let (mut stream, mut noise) = (Stream::default(), Noise(seed));
    let capacity = sender.capacity();
    while stream.position() < len {
        let left = len - stream.position();
        let piece = noise.below(2 * capacity + 1).min(left);
        let sent = match noise.below(3) {
            0 => sender.send(&stream.next(piece))?,
            1 => {
                let mut space = sender.space()?;
                let copied = space.copy_from(&stream.next(piece));
                // The bytes that are not committed are copied again.
                let commit = noise.below(copied + 1);
                space.commit(commit);
                commit
            }
            _ => {
                let mut space = sender.space()?;
                let bytes = stream.next(space.len());
                let mut rest = &bytes[..];
                for (to, len) in space.parts() {
                    let (piece, after) = rest.split_at(len);
                    // SAFETY: a part is valid for writes.
                    unsafe { to.copy_from_nonoverlapping(piece.as_ptr(), len) };
                    rest = after;
                }
                let commit = piece.min(space.len());
                space.commit(commit);
                commit
            }
        };
        stream.advance(sent);
        if sent == 0 {
            let want = noise.below(2 * capacity);
            if let Some(free) = W::wait_for(|| sender.wait(want)) {
                assert!(free? >= want.clamp(1, capacity));
            }
        }
    }
    Ok(())
}

/// Receives and compares up to `most` bytes of the stream, or up to its end, with all kinds
/// of calls. Returns the number of bytes, and the error that ended it.
fn receive<M, W>(
    receiver: &mut Receiver<M, W>,
    most: usize,
    seed: u64,
) -> (usize, Result<(), Error>)
where
    M: Memory<Atomics = Native>,
    W: Way,
{
    let (mut stream, mut noise) = (Stream::default(), Noise(seed));
    let mut buffer = vec![0; 2 * receiver.capacity() + 1];
    let mut receive = || -> Result<(), Error> {
        while stream.position() < most {
            let piece = noise.below(buffer.len()).min(most - stream.position());
            let bytes = &mut buffer[..piece];
            let received = match noise.below(3) {
                0 => {
                    let received = receiver.receive(bytes)?;
                    stream.take(&bytes[..received]);
                    received
                }
                1 => {
                    let filled = receiver.filled()?;
                    let copied = filled.copy_to(bytes);
                    let release = noise.below(copied + 1);
                    filled.release(release);
                    // The bytes that are not released come again.
                    stream.take(&bytes[..release]);
                    release
                }
                _ => {
                    let filled = receiver.filled()?;
                    let release = piece.min(filled.len());
                    let mut bytes = Vec::new();
                    for (from, len) in filled.parts() {
                        let mut piece = vec![0; len];
                        // SAFETY: a part is valid for reads.
                        unsafe { from.copy_to_nonoverlapping(piece.as_mut_ptr(), len) };
                        bytes.extend(piece);
                    }
                    filled.release(release);
                    stream.take(&bytes[..release]);
                    release
                }
            };
            if received == 0 {
                if receiver.at_end() {
                    break;
                }
                if let Some(used) = W::wait_for(|| receiver.wait()) {
                    assert!(used? > 0 || receiver.at_end());
                }
            }
        }
        Ok(())
    };
    let result = receive();
    (stream.position(), result)
}

/// Sends a whole stream, and waits for its certificate.
fn send_whole<M, W>(mut sender: Sender<M, W>, len: usize, seed: u64, opened: &Letter)
where
    M: Memory<Atomics = Native>,
    W: Way,
{
    send(&mut sender, len, seed).unwrap();
    sender.end();
    assert_eq!(sender.send(b"x"), Err(Error::Ended));
    while sender.delivered() != Ok(true) {
        if let Some(delivered) = W::wait_for(|| sender.wait_delivered()) {
            delivered.unwrap();
        }
    }
    opened.read();
}

/// Receives a whole stream of `len` bytes, and confirms it.
fn receive_whole<M, W>(mut receiver: Receiver<M, W>, len: usize, seed: u64, opened: &Letter)
where
    M: Memory<Atomics = Native>,
    W: Way,
{
    let (received, result) = receive(&mut receiver, usize::MAX, seed);
    assert_eq!((received, result), (len, Ok(())));
    assert!(receiver.at_end());
    opened.write();
    receiver.close().unwrap();
}

/// The two ends of a new ring. The caller keeps the ring until both threads have ended,
/// because the sanitizer does not see that the last drop of an `Arc` is ordered after the
/// others.
fn ends<W: Way>(
    memory: &Shared<Native>,
    room: &'static Room,
) -> (Sender<Shared<Native>, W>, Receiver<Shared<Native>, W>) {
    // SAFETY: the ring is new, and this is its only sender.
    let sender = unsafe { Sender::new(memory.clone(), W::of(room)) };
    // SAFETY: this is its only receiver.
    let receiver = unsafe { Receiver::new(memory.clone(), W::of(room)) };
    (sender, receiver)
}

/// The bytes that go through a ring of one byte. A larger ring gets up to 100 times as many.
const SHORT: usize = 2_000;

fn a_stream<W: Way>() {
    for (seed, capacity) in (1..).zip([1, 2, 7, 64, 1000, 4096]) {
        let memory = ring::<Native>(capacity);
        let room = Room::new(2);
        let (sender, receiver) = ends::<W>(&memory, room);
        let len = SHORT * capacity.min(100) as usize;
        let letter: &Letter = Box::leak(Box::default());
        join(vec![
            spawn("sender", move || {
                room.enter();
                send_whole(sender, len, seed, letter);
            }),
            spawn("receiver", move || {
                room.enter();
                receive_whole(receiver, len, seed + 100, letter);
            }),
        ]);
    }
}

#[test]
fn a_stream_arrives_between_ends_that_look_and_give_way() {
    a_stream::<Spin>();
}

#[test]
fn a_stream_arrives_between_ends_that_wait_idly() {
    a_stream::<Yield>();
}

#[test]
fn a_stream_arrives_between_ends_that_sleep() {
    a_stream::<Park>();
}

/// How an end gives up.
#[derive(Clone, Copy, Debug)]
enum GivesUp {
    Says,
    IsDropped,
}

const GIVES_UP: [GivesUp; 2] = [GivesUp::Says, GivesUp::IsDropped];

fn a_sender_gives_up<W: Way>(how: GivesUp) {
    for (seed, len) in (1..).zip([0, 1, 64, 5000]) {
        let memory = ring::<Native>(64);
        let room = Room::new(2);
        let (mut sender, mut receiver) = ends::<W>(&memory, room);
        join(vec![
            spawn("sender", move || {
                room.enter();
                send(&mut sender, len, seed).unwrap();
                match how {
                    GivesUp::Says => {
                        sender.fail();
                        assert_eq!(sender.delivered(), Err(Error::Ended));
                    }
                    GivesUp::IsDropped => {}
                }
            }),
            spawn("receiver", move || {
                room.enter();
                // All bytes that it sent come first.
                let end = receive(&mut receiver, usize::MAX, seed + 100);
                assert_eq!(end, (len, Err(Error::PeerFailed)));
                assert_eq!(receiver.close(), Err(Error::NotAtEnd));
            }),
        ]);
    }
}

fn a_receiver_gives_up<W: Way>(how: GivesUp) {
    for (seed, len) in (1..).zip([0, 1, 64, 5000]) {
        let memory = ring::<Native>(64);
        let room = Room::new(2);
        let (mut sender, mut receiver) = ends::<W>(&memory, room);
        join(vec![
            spawn("sender", move || {
                room.enter();
                // The stream has no end, so only the failure stops it.
                let sent = send(&mut sender, usize::MAX, seed);
                assert_eq!(sent, Err(Error::PeerFailed));
                assert_eq!(sender.wait_delivered(), Err(Error::PeerFailed));
            }),
            spawn("receiver", move || {
                room.enter();
                let received = receive(&mut receiver, len, seed + 100);
                assert_eq!(received, (len, Ok(())));
                match how {
                    GivesUp::Says => {
                        receiver.fail();
                        assert_eq!(receiver.receive(&mut [0]), Err(Error::Ended));
                    }
                    GivesUp::IsDropped => {}
                }
            }),
        ]);
    }
}

#[test]
fn a_sender_that_gives_up_is_heard_after_its_last_byte() {
    for how in GIVES_UP {
        a_sender_gives_up::<Spin>(how);
        a_sender_gives_up::<Yield>(how);
        a_sender_gives_up::<Park>(how);
    }
}

#[test]
fn a_receiver_that_gives_up_is_heard() {
    for how in GIVES_UP {
        a_receiver_gives_up::<Spin>(how);
        a_receiver_gives_up::<Yield>(how);
        a_receiver_gives_up::<Park>(how);
    }
}

/// Memory for a page, all 0. It lives for ever.
fn memory(size: usize) -> RawRegion {
    let lines = vec![Line([0; 64]); size / 64].leak();
    let base = NonNull::from(lines).cast();
    // SAFETY: the memory lives for ever, and nobody else uses it.
    unsafe { RawRegion::new(base, size) }
}

#[derive(Clone)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "memory")] [u8; 64]);

/// Memory beside a page that its two parties access as well.
#[derive(Default)]
struct Letters {
    /// Written before the page was initialised.
    initialised: Letter,
    /// Written before the second party joined.
    joined: Letter,
    /// Written before the second party said that it wakes.
    said: Letter,
    /// Written before each of the two streams was confirmed.
    confirmed: [Letter; 2],
}

/// The talk of one party: each of its ends moves a stream, in a thread of its own.
fn talk<W: Way>(
    page: &Page<RawRegion>,
    seat: Seat,
    room: &'static Room,
    len: usize,
    letters: &'static Letters,
) {
    // SAFETY: the page is new, and nobody else takes this seat's ends.
    let (sender, receiver) = unsafe { page.ends(seat, W::of(room)) };
    let [ours, theirs] = [seat, seat.peer()].map(Seat::index);
    let seed = 1 + seat.index() as u64;
    let receiving = spawn("receiver at a seat", move || {
        room.enter();
        receive_whole(receiver, len, seed, &letters.confirmed[theirs]);
    });
    room.enter();
    send_whole(sender, len, seed + 100, &letters.confirmed[ours]);
    receiving.join().unwrap();
}

const SILENT: Presence = Presence {
    silent: true,
    ..Presence::PROCESS
};

/// Initialises a page, and waits for the second party.
fn be_first(region: RawRegion, letters: &Letters) -> Page<RawRegion> {
    letters.initialised.write();
    // SAFETY: nobody uses ends in this memory any more.
    let page = unsafe { Page::initialise(region, Presence::PROCESS) }.unwrap();
    until(|| !page.is_free(Seat::Second));
    page.begin();
    letters.joined.read();
    until(|| page.presence(Seat::Second) != Some(SILENT));
    letters.said.read();
    page
}

/// Waits for a page, and joins it.
fn be_second(region: RawRegion, letters: &Letters) -> Page<RawRegion> {
    let page = loop {
        match Page::attach(region) {
            Ok(page) => break page,
            Err(PageError::NotAPage | PageError::Unfinished) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    letters.initialised.read();
    assert_eq!(page.presence(Seat::First), Some(Presence::PROCESS));
    letters.joined.write();
    // SAFETY: nobody uses ends in this memory any more.
    unsafe { page.join(SILENT) };
    letters.said.write();
    page.say(Seat::Second, Presence::PROCESS);
    page
}

/// `count` times, two parties meet at a new page and exchange `len` bytes each way.
fn pages<W: Way>(count: usize, size: usize, len: usize) {
    for _ in 0..count {
        let region = memory(size);
        let room = Room::new(4);
        let letters: &Letters = Box::leak(Box::default());
        let first = spawn("first", move || {
            let page = be_first(region, letters);
            talk::<W>(&page, Seat::First, room, len, letters);
        });
        let second = spawn("second", move || {
            let page = be_second(region, letters);
            talk::<W>(&page, Seat::Second, room, len, letters);
        });
        // A bystander looks at the page and wakes the parties, while they talk.
        let page = Page::over(region).unwrap();
        let wait = W::of(room);
        let bystander = spawn("bystander", move || {
            until(|| room.present.load(Ordering::Acquire) == 4);
            for seat in [Seat::First, Seat::Second].repeat(10) {
                page.wake(seat, &wait);
                assert!(!page.is_free(seat));
                assert_eq!(page.presence(seat), Some(Presence::PROCESS));
                thread::yield_now();
            }
        });
        join(vec![first, second, bystander]);
    }
}

#[test]
fn streams_arrive_both_ways_through_a_page() {
    for size in [512, 4096] {
        pages::<Spin>(1, size, 100_000);
        pages::<Yield>(1, size, 100_000);
        pages::<Park>(1, size, 100_000);
    }
}

#[test]
fn two_parties_meet_at_many_pages() {
    pages::<Spin>(30, 512, 10);
    pages::<Yield>(30, 512, 10);
    pages::<Park>(30, 512, 10);
}

/// Talk after talk on the same page. Each finds the words that the last one left there.
fn again_and_again<W: Way>() {
    const TALKS: usize = 20;
    let region = memory(512);
    // The number of steps so far. Each talk has three: the page is initialised, and each of
    // the two parties is gone.
    let steps: &AtomicUsize = Box::leak(Box::default());
    let rooms: &[_] = (0..TALKS).map(|_| Room::new(4)).collect::<Vec<_>>().leak();
    let letters: &[_] = (0..TALKS)
        .map(|_| Letters::default())
        .collect::<Vec<_>>()
        .leak();
    let reached = |step| until(|| steps.load(Ordering::Acquire) >= step);
    let step = || steps.fetch_add(1, Ordering::AcqRel);
    let first = spawn("first", move || {
        for (number, (room, letters)) in rooms.iter().zip(letters).enumerate() {
            reached(3 * number);
            // SAFETY: both parties have dropped their ends.
            let page = unsafe { Page::initialise(region, Presence::PROCESS) }.unwrap();
            step();
            until(|| !page.is_free(Seat::Second));
            talk::<W>(&page, Seat::First, room, 1000, letters);
            step();
        }
    });
    let second = spawn("second", move || {
        for (number, (room, letters)) in rooms.iter().zip(letters).enumerate() {
            reached(3 * number + 1);
            let page = if number % 2 == 0 {
                let page = Page::attach(region).unwrap();
                // SAFETY: both parties have dropped the ends of the last talk.
                unsafe { page.join(Presence::PROCESS) };
                page
            } else {
                // SAFETY: as above.
                let (page, seat) = unsafe { Page::sit_down(region, false) }.unwrap();
                assert_eq!(seat, Seat::Second);
                page
            };
            talk::<W>(&page, Seat::Second, room, 1000, letters);
            step();
        }
    });
    join(vec![first, second]);
}

#[test]
fn talks_follow_each_other_on_one_page() {
    again_and_again::<Spin>();
    again_and_again::<Yield>();
    again_and_again::<Park>();
}

/// A party dies at some point of its stream, and a watcher mourns it. Its peer gets all
/// bytes that it sent, and then the failure.
fn a_death<W: Way>() {
    type End<E> = std::mem::ManuallyDrop<E>;
    for (seed, len) in (1..).zip([0, 1, 64, 5000]) {
        for seat in [Seat::First, Seat::Second] {
            let room = Room::new(3);
            // SAFETY: new memory.
            let page = unsafe { Page::initialise(memory(512), Presence::PROCESS) }.unwrap();
            // SAFETY: nobody has taken ends yet.
            unsafe { page.join(Presence::PROCESS) };
            // SAFETY: the page is new, and the ends of each seat are taken once.
            let (sender, receiver) = unsafe { page.ends(seat, W::of(room)) };
            // SAFETY: as above.
            let (to_dead, from_dead) = unsafe { page.ends(seat.peer(), W::of(room)) };
            let dies = spawn("dies", move || {
                // The ends are not dropped, since that would tell the peer that they give up.
                let mut sender: End<Sender<PageRing<RawRegion>, W>> = End::new(sender);
                let _receiver = End::new(receiver);
                room.enter();
                send(&mut sender, len, seed).unwrap();
            });
            let threads = survivors(to_dead, from_dead, room, len, seed);
            join(vec![dies]);
            // SAFETY: the thread that used the ends of this seat has ended.
            let departure = unsafe { page.mourn(seat, &W::of(room)) };
            assert_eq!(departure, Departure::Died);
            join(threads);
            // SAFETY: as above.
            let departure = unsafe { page.mourn(seat, &W::of(room)) };
            assert_eq!(departure, Departure::GaveUp);
        }
    }
}

/// The threads of a party whose peer dies after it has sent `len` bytes.
fn survivors<W: Way>(
    mut sender: Sender<PageRing<RawRegion>, W>,
    mut receiver: Receiver<PageRing<RawRegion>, W>,
    room: &'static Room,
    len: usize,
    seed: u64,
) -> Vec<JoinHandle<()>> {
    vec![
        spawn("sends to the dead", move || {
            room.enter();
            let sent = send(&mut sender, usize::MAX, seed + 100);
            assert_eq!(sent, Err(Error::PeerFailed));
        }),
        spawn("receives from the dead", move || {
            room.enter();
            let end = receive(&mut receiver, usize::MAX, seed + 200);
            assert_eq!(end, (len, Err(Error::PeerFailed)));
        }),
    ]
}

#[test]
fn a_survivor_learns_of_a_death_after_the_last_byte() {
    a_death::<Spin>();
    a_death::<Yield>();
    a_death::<Park>();
}
