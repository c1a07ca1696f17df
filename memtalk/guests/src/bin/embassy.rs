//! Tasks of Embassy that talk with interrupt handlers of the same core.
//!
//! There are two talks, one after the other, and each peer sends back what comes. One task
//! sends [`LEN`] bytes of noise and waits until their delivery is certified. Another task
//! receives and checks what comes back. The program prints a line for each talk, and ends
//! with status 0.
//!
//! | talk | the peer runs | what wakes the tasks |
//! | --- | --- | --- |
//! | with doorbells | in the handler of an interrupt, when the tasks ring | the handler of PendSV, when the peer rings |
//! | with a silent peer | in the timer's handler, each millisecond | a task that wakes each millisecond |
//!
//! # What a wake-up shows here
//! The executor polls a task only if it was woken. In the first talk nothing wakes a task but
//! the peer's doorbell, and nothing runs the peer but the tasks'. If one ring is missing, the
//! program never ends. In the second talk the doorbells do not ring at all.

#![no_std]
#![no_main]

use core::cell::UnsafeCell;
use core::fmt::Write as _;
use core::future::poll_fn;
use core::panic::PanicInfo;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use core::task::{Poll, ready};

use embassy_executor::{Executor, Spawner};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::Timer;
use embedded_io_async::{Read, Write};
use guests::cortex_m::semihosting::{Console, exit, give_up};
use guests::cortex_m::{clock, doorbells, timer};
use guests::failure::{Failure, Status};
use guests::noise::Noise;
use guests::service::Report;
use guests::tally::Tally;
use memtalk_ring::{
    Bell, Error, Native, Page, PageRing, Presence, RawRegion, Receiver, Seat, Sender, Spin, Wait,
    WithBell,
};

/// The bytes that are sent in each talk.
const LEN: usize = 20_000;

/// The size of each page.
const SIZE: usize = 1024;

/// The bytes that are copied at a time.
const PIECE: usize = 100;

/// A millisecond in cycles of the board's clock: 25 MHz with the Cortex-M3, and 16 MHz with the
/// Cortex-M0, which has no compare-and-swap.
const MILLISECOND: u32 = if cfg!(target_has_atomic = "32") {
    25_000
} else {
    16_000
};

/// The two ends of a seat, which wait by `W`.
type Ends<W> = (
    Sender<PageRing<RawRegion>, W>,
    Receiver<PageRing<RawRegion>, W>,
);

/// How the tasks wait.
type Async = WithBell<'static, doorbells::Ring>;

// SAFETY: a critical section masks interrupts, and there is only one core.
static BELL: Bell = unsafe { Bell::new(|section| critical_section::with(|_| section())) };

/// How often the peer has rung in this talk. Only its handler writes this until the talk is
/// over.
static RUNG: AtomicU32 = AtomicU32::new(0);

/// The doorbell of the tasks.
#[unsafe(no_mangle)]
extern "C" fn pended() {
    RUNG.store(RUNG.load(Relaxed).wrapping_add(1), Relaxed);
    BELL.on_doorbell();
}

/// The doorbell of the first talk's peer.
#[unsafe(no_mangle)]
extern "C" fn interrupted() {
    PEER.run();
}

/// The timer's handler.
#[unsafe(no_mangle)]
extern "C" fn tick() {
    clock::tick();
    SILENT_PEER.run();
}

#[repr(C, align(64))]
struct Memory(UnsafeCell<[u8; SIZE]>);
// SAFETY: the memory is used only through one `Page`, which synchronises.
unsafe impl Sync for Memory {}

static MEMORY: [Memory; 2] = [const { Memory(UnsafeCell::new([0; SIZE])) }; 2];

/// A peer's ends, for the handler that runs it. The executor's thread hands them over before
/// the handler is enabled.
struct Peer<W: Wait<Native>>(UnsafeCell<Option<Ends<W>>>);
// SAFETY: so never two use them at once.
unsafe impl<W: Wait<Native>> Sync for Peer<W> {}

static PEER: Peer<doorbells::Ring> = Peer(UnsafeCell::new(None));
static SILENT_PEER: Peer<Spin> = Peer(UnsafeCell::new(None));

impl<W: Wait<Native>> Peer<W> {
    /// Hands the ends over, and runs the peer once: so it asks for its first ring.
    ///
    /// # Safety
    /// The handler is not enabled yet.
    unsafe fn hand_over(&self, ends: Ends<W>) {
        // SAFETY: by contract.
        unsafe { *self.0.get() = Some(ends) };
        self.run();
    }

    /// Runs the peer, if it has its ends and is not done.
    fn run(&self) {
        // SAFETY: nobody else uses it now, as said above, and the handler does not interrupt
        // itself.
        let handed = unsafe { &mut *self.0.get() };
        match handed.as_mut().map(echo) {
            None | Some(Poll::Pending) => (),
            Some(Poll::Ready(Ok(()))) => *handed = None,
            Some(Poll::Ready(Err(error))) => give_up("the peer", error.into()),
        }
    }
}

/// Sends back what is there, as far as there is room, and never waits. Asks to be rung when it
/// can go on. Ready once both streams have ended.
fn echo<W: Wait<Native>>((sender, receiver): &mut Ends<W>) -> Poll<Result<(), Error>> {
    // The handler is called again when the tasks ring.
    let register = |_| ();
    loop {
        let there = ready!(receiver.poll_wait(register))?;
        if there == 0 {
            sender.end();
            return Poll::Ready(receiver.close());
        }
        let room = ready!(sender.poll_wait(1, register))?;
        let mut piece = [0; PIECE];
        let len = there.min(room).min(PIECE);
        let len = receiver.receive(piece.get_mut(..len).unwrap_or_default())?;
        sender.send(piece.get(..len).unwrap_or_default())?;
    }
}

/// What the sending task has sent, once that was delivered.
static SENT: Signal<CriticalSectionRawMutex, Result<Tally, Failure>> = Signal::new();

#[embassy_executor::task]
async fn send(sender: Sender<PageRing<RawRegion>, Async>) {
    SENT.signal(send_noise(sender).await);
}

async fn send_noise(mut sender: Sender<PageRing<RawRegion>, Async>) -> Result<Tally, Failure> {
    let (mut noise, mut sent) = (Noise::new(1), Tally::new());
    let mut left = LEN;
    while left > 0 {
        let mut piece = [0; PIECE];
        let piece = piece.get_mut(..left.min(PIECE)).unwrap_or_default();
        noise.fill(piece);
        sender.write_all(piece).await?;
        sent.add(piece);
        left -= piece.len();
    }
    sender.end();
    poll_fn(|task| sender.poll_delivered(|_| BELL.register_sender(task.waker()))).await?;
    Ok(sent)
}

async fn receive_noise(
    mut receiver: Receiver<PageRing<RawRegion>, Async>,
) -> Result<Tally, Failure> {
    let (mut noise, mut received) = (Noise::new(1), Tally::new());
    let mut piece = [0; PIECE];
    loop {
        let len = receiver.read(&mut piece).await?;
        let piece = piece.get(..len).unwrap_or_default();
        if piece.is_empty() {
            receiver.close()?;
            return Ok(received);
        }
        let right = noise.agrees(piece);
        if right < len {
            // Now, before the peer learns that we give up.
            give_up("a task", Failure::Noise(received.bytes + right as u64));
        }
        received.add(piece);
    }
}

/// Looks after a peer that wakes nobody: lets the tasks look again each millisecond.
#[embassy_executor::task]
async fn look_again() -> ! {
    loop {
        Timer::after_millis(1).await;
        BELL.on_doorbell();
    }
}

/// Makes a page in `memory`, which was not used before. Returns the ends of the tasks and those
/// of the peer.
fn sit_down<W: Wait<Native> + Clone>(
    memory: &'static Memory,
    peers_wait: W,
) -> Result<(Ends<Async>, Ends<W>), Failure> {
    // SAFETY: the memory lives for ever, and nobody else uses it.
    let region = unsafe { RawRegion::new(NonNull::from(memory).cast(), SIZE) };
    // SAFETY: nobody has taken ends in this memory.
    let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
    // SAFETY: the page is new, and the ends of each seat are taken once.
    let ours = unsafe { page.ends(Seat::First, BELL.with(doorbells::interrupt())) };
    // SAFETY: as above.
    let peers = unsafe { page.ends(Seat::Second, peers_wait) };
    Ok((ours, peers))
}

/// The tasks' part of a talk.
async fn talk(spawner: Spawner, (sender, receiver): Ends<Async>) -> Result<Report, Failure> {
    spawner.spawn(send(sender).unwrap_or_else(|_| exit(Status::Mistake)));
    Ok(Report {
        received: receive_noise(receiver).await?,
        sent: SENT.wait().await?,
    })
}

async fn talks(spawner: Spawner) -> Result<(), Failure> {
    let [first, second] = &MEMORY;
    let (ours, peers) = sit_down(first, doorbells::pend())?;
    // SAFETY: the interrupt is not enabled yet.
    unsafe { PEER.hand_over(peers) };
    doorbells::enable();
    let report = talk(spawner, ours).await?;
    say("with doorbells", report);

    let (ours, peers) = sit_down(second, Spin)?;
    // SAFETY: the timer is not started yet.
    unsafe { SILENT_PEER.hand_over(peers) };
    timer::start(MILLISECOND);
    spawner.spawn(look_again().unwrap_or_else(|_| exit(Status::Mistake)));
    let report = talk(spawner, ours).await?;
    say("with a silent peer", report);
    Ok(())
}

/// Prints what was counted since the last line.
fn say(talk: &str, report: Report) {
    let rung = RUNG.load(Relaxed);
    // Writing never fails.
    let _ = writeln!(Console, "{talk}: {report}; rung {rung} times");
    RUNG.store(0, Relaxed);
}

#[embassy_executor::task]
async fn run(spawner: Spawner) {
    match talks(spawner).await {
        Ok(()) => exit(Status::Complete),
        Err(failure) => give_up("a task", failure),
    }
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let mut executor = Executor::new();
    // SAFETY: this function never returns, so the executor lives for ever.
    let executor: &'static mut Executor = unsafe { &mut *&raw mut executor };
    executor.run(|spawner| {
        spawner.spawn(run(spawner).unwrap_or_else(|_| exit(Status::Mistake)));
    })
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "{info}");
    exit(Status::Mistake)
}
