//! A talk between the main loop and an interrupt handler of a Cortex-M0, through a `static`.
//!
//! A Cortex-M0 has no compare-and-swap.
//!
//! The handler is the timer's. Each time it sends as much noise of seed 1 as fits, receives
//! what is there, and never waits. The main loop receives the handler's noise, and sends
//! [`ANSWER`] bytes of noise of seed 2 for each byte. So it waits both for bytes and
//! for room, asleep until the handler wakes it. Both check every byte, end their
//! streams and confirm the other's. The main loop compares what the two have counted,
//! prints a line, and ends the program with status 0.
//!
//! # What a sleep shows here
//! On any chip, the return from a handler ends a `wfe` as well, and some emulators do not
//! wait there at all. So a missing wake-up would go unnoticed. Here a sleep is over only
//! when the handler has woken the main loop ([`Asleep`]), and the handler ends its stream
//! and confirms the other only while the main loop sleeps. If one wake-up is missing, the
//! program never ends.

#![no_std]
#![no_main]

use core::cell::UnsafeCell;
use core::fmt::Write;
use core::panic::PanicInfo;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicU32};

use guests::cortex_m::semihosting::{Console, exit, give_up};
use guests::cortex_m::timer;
use guests::failure::{Failure, Status};
use guests::noise::Noise;
use guests::service::Report;
use memtalk_ring::{
    Event, Native, Page, PageRing, Presence, RawRegion, Receiver, Seat, Sender, Wait, Watched,
};

/// The bytes that the handler sends.
const LEN: u64 = 4_000_037;

/// The bytes that the main loop sends for each byte that it receives.
const ANSWER: u64 = 2;

/// The clock cycles from one interrupt to the next: a quarter of a millisecond.
const CYCLES: u32 = 4000;

/// The size of the page: a quarter of the memory that the chip has.
const SIZE: usize = 4096;

/// The bytes that are copied at a time.
const PIECE: usize = 128;

#[repr(C, align(64))]
struct Memory(UnsafeCell<[u8; SIZE]>);
// SAFETY: the memory is used only through one `Page`, which synchronises.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; SIZE]));

/// The handler's side. It belongs to `main` until the timer is started, then to the handler,
/// and to `main` again once the timer is stopped.
struct Handed(UnsafeCell<Option<Side<Awake>>>);
// SAFETY: so never two use it at once.
unsafe impl Sync for Handed {}

static HANDED: Handed = Handed(UnsafeCell::new(None));

/// How often the main loop has gone to sleep. Only the main loop writes this.
static SLEPT: AtomicU32 = AtomicU32::new(0);

/// Whether the main loop sleeps now. Only the main loop writes this.
static SLEEPS: AtomicBool = AtomicBool::new(false);

/// How often the main loop was woken. Only the handler writes this.
static WOKEN: AtomicU32 = AtomicU32::new(0);

/// Adds one, in two steps: a load and a store. For a counter with one writer.
fn count(counter: &AtomicU32) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

/// The main loop's way to wait: [`Event`], over and over until the handler wakes.
#[derive(Clone, Copy)]
struct Asleep;

impl Wait<Native> for Asleep {
    const SLEEPS: bool = true;

    fn pause(&mut self, looks: u32) -> bool {
        Wait::<Native>::pause(&mut Event, looks)
    }

    fn sleep(&mut self, word: Watched<'_, Native>, seen: u32) {
        let woken = WOKEN.load(Acquire);
        // If the handler publishes after this comparison, it wakes us.
        if !word.is(seen) {
            return;
        }
        count(&SLEPT);
        SLEEPS.store(true, Relaxed);
        while WOKEN.load(Relaxed) == woken {
            // The word may change without a wake-up, if the bytes there are fewer than we
            // want.
            // SAFETY: the word is only loaded.
            let held = unsafe { word.word() }.load(Relaxed);
            Event.sleep(word, held);
        }
        SLEEPS.store(false, Relaxed);
    }

    fn wake(&self, word: Watched<'_, Native>) {
        Event.wake(word);
    }
}

/// The handler's way to wait: it wakes the main loop, and never waits itself.
#[derive(Clone, Copy)]
struct Awake;

impl Wait<Native> for Awake {
    const SLEEPS: bool = true;

    fn pause(&mut self, _looks: u32) -> bool {
        true
    }

    fn sleep(&mut self, _word: Watched<'_, Native>, _seen: u32) {}

    fn wake(&self, word: Watched<'_, Native>) {
        count(&WOKEN);
        Event.wake(word);
    }
}

/// What the main loop and the handler each have.
struct Side<W: Wait<Native>> {
    sender: Sender<PageRing<RawRegion>, W>,
    receiver: Receiver<PageRing<RawRegion>, W>,
    ours: Noise,
    theirs: Noise,
    report: Report,
    /// Whether we have received the other side's whole stream and confirmed it.
    confirmed: bool,
}

impl<W: Wait<Native> + Clone> Side<W> {
    /// # Safety
    /// As for [`Page::ends`].
    unsafe fn new(page: &Page<RawRegion>, seat: Seat, wait: W, seeds: [u64; 2]) -> Self {
        // SAFETY: by contract.
        let (sender, receiver) = unsafe { page.ends(seat, wait) };
        let [ours, theirs] = seeds.map(Noise::new);
        Self {
            sender,
            receiver,
            ours,
            theirs,
            report: Report::default(),
            confirmed: false,
        }
    }

    /// Sends a piece of the stream, whose length is `len` in all, or as much of it as fits.
    /// Returns the number of bytes.
    fn send(&mut self, len: u64) -> Result<usize, Failure> {
        let mut piece = [0; PIECE];
        let mut space = self.sender.space()?;
        let left = usize::try_from(len - self.report.sent.bytes).unwrap_or(PIECE);
        let len = PIECE.min(space.len()).min(left);
        let piece = piece.get_mut(..len).unwrap_or_default();
        self.ours.fill(piece);
        space.copy_from(piece);
        space.commit(len);
        self.report.sent.add(piece);
        Ok(len)
    }

    /// Receives a piece of what is there, and checks it. Returns the number of bytes.
    fn receive(&mut self) -> Result<usize, Failure> {
        let mut piece = [0; PIECE];
        let len = self.receiver.receive(&mut piece)?;
        let piece = piece.get(..len).unwrap_or_default();
        let right = self.theirs.agrees(piece);
        if right < len {
            return Err(Failure::Noise(self.report.received.bytes + right as u64));
        }
        self.report.received.add(piece);
        Ok(len)
    }

    /// Confirms that the whole stream was received.
    fn confirm(&mut self) -> Result<(), Failure> {
        self.confirmed = true;
        Ok(self.receiver.close()?)
    }
}

impl Side<Awake> {
    /// One call of the handler. It ends its stream, and confirms the other, only if nothing
    /// else passed and the main loop sleeps.
    fn tick(&mut self) -> Result<(), Failure> {
        let before = self.report;
        if !self.confirmed {
            while self.receive()? > 0 {}
        }
        if self.report.sent.bytes < LEN {
            while self.send(LEN)? > 0 {}
        }
        if self.report != before || !SLEEPS.load(Relaxed) {
            return Ok(());
        }
        if self.report.sent.bytes == LEN {
            self.sender.end();
        }
        if !self.confirmed && self.receiver.at_end() {
            self.confirm()?;
        }
        Ok(())
    }
}

/// The timer's handler.
#[unsafe(no_mangle)]
extern "C" fn tick() {
    // SAFETY: it belongs to the handler now, which does not interrupt itself.
    let handed = unsafe { &mut *HANDED.0.get() };
    if let Some(Err(failure)) = handed.as_mut().map(Side::tick) {
        give_up("the handler", failure);
    }
}

impl Side<Asleep> {
    /// The main loop's part of the talk.
    fn talk(&mut self) -> Result<(), Failure> {
        while self.receiver.wait()? > 0 {
            self.receive()?;
            let len = ANSWER * self.report.received.bytes;
            while self.report.sent.bytes < len {
                self.sender.wait(self.sender.capacity() / 2)?;
                self.send(len)?;
            }
        }
        self.confirm()?;
        Ok(self.sender.wait_delivered()?)
    }
}

/// Runs the talk. Returns what the main loop has counted, and whether the handler agrees.
fn run() -> Result<(Report, bool), Failure> {
    // SAFETY: the memory lives for ever, and nobody else uses it.
    let region = unsafe { RawRegion::new(NonNull::from(&MEMORY).cast(), SIZE) };
    // SAFETY: nobody has taken ends in this memory.
    let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
    // SAFETY: the page is new, and the ends of each seat are taken once.
    let mut ours = unsafe { Side::new(&page, Seat::First, Asleep, [2, 1]) };
    // SAFETY: as above.
    let handlers = unsafe { Side::new(&page, Seat::Second, Awake, [1, 2]) };
    // SAFETY: it belongs to `main`, since the timer is not started yet.
    unsafe { *HANDED.0.get() = Some(handlers) };

    timer::start(CYCLES);
    ours.talk()?;
    timer::stop();

    // SAFETY: it belongs to `main` again, since the timer is stopped.
    let handed = unsafe { &mut *HANDED.0.get() };
    let Report { sent, received } = ours.report;
    let agrees = match handed {
        None => false,
        Some(handlers) => {
            let mirrored = Report {
                sent: received,
                received: sent,
            };
            handlers.sender.delivered()? && handlers.report == mirrored
        }
    };
    Ok((ours.report, agrees))
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let (report, agrees) = match run() {
        Ok(done) => done,
        Err(failure) => give_up("the main loop", failure),
    };
    let [slept, woken] = [&SLEPT, &WOKEN].map(|counter| counter.load(Relaxed));
    let agreement = if agrees { "agrees" } else { "disagrees" };
    // Writing never fails.
    let _ = writeln!(
        Console,
        "{report}; the handler {agreement}; slept {slept} times, woken {woken} times"
    );
    exit(if agrees {
        Status::Complete
    } else {
        Status::Mistake
    })
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "{info}");
    exit(Status::Mistake)
}
