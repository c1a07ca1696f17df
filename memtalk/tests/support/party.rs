//! A party outside, played by the test: it has the memory, and neither locks nor futexes.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use memtalk_ring::{
    Error, Idle, Native, Page, PageRing, Presence, RawRegion, Receiver, Seat, Sender, Wait,
};

use super::{BOUND, Object, eventually};

/// The memory of an object, mapped whole. While this exists, the object is open.
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
}

impl Memory {
    /// Creates the object with `len` zero bytes, as a machine that starts first does.
    pub fn create(object: &Object, len: usize) -> Self {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(object.path()).expect("the object is new");
        file.set_len(len as u64).expect("there is room");
        Self::map(&file)
    }

    /// Maps an object that exists.
    pub fn open(object: &Object) -> Self {
        Self::map(&object.open())
    }

    fn map(file: &std::fs::File) -> Self {
        let len = file.metadata().expect("it is open").len();
        let len = usize::try_from(len).expect("it fits");
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        // It stands for another process's memory, which a fork of this one does not get.
        // SAFETY: the new mapping.
        let kept = unsafe { libc::madvise(base, len, libc::MADV_DONTFORK) };
        assert_eq!(kept, 0);
        let base = NonNull::new(base.cast()).expect("no mapping at 0");
        Self { base, len }
    }

    /// The `size` bytes from `at` on.
    pub fn region(&self, at: usize, size: usize) -> RawRegion {
        assert!(at + size <= self.len);
        // SAFETY: the region lies within the mapping, which outlives its pages in these
        // tests.
        let base = unsafe { self.base.add(at) };
        // SAFETY: as above.
        unsafe { RawRegion::new(base, size) }
    }

    /// All of the memory.
    pub fn whole(&self) -> RawRegion {
        self.region(0, self.len)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: a whole mapping, which is not used any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// A party with a seat in [`Memory`]. Dropping it gives up its ends; see [`die`](Self::die).
pub struct Party<W: Wait<Native>> {
    pub page: Page<RawRegion>,
    pub sender: Sender<PageRing<RawRegion>, W>,
    pub receiver: Receiver<PageRing<RawRegion>, W>,
}

/// A wait that looks again and again, and panics after the bound.
fn looking() -> impl Wait<Native> + Clone {
    let began = Instant::now();
    Idle(move |_| {
        assert!(began.elapsed() < BOUND, "the other side takes too long");
        thread::yield_now();
    })
}

/// Initialises a page, and begins the talk with whoever joins it. A party of this program that
/// sat there before must be gone.
pub fn initialise(region: RawRegion, first: Presence) -> Page<RawRegion> {
    let page = offer(region, first);
    page.say(Seat::First, first);
    page
}

/// Initialises a page. Whoever joins waits until the first party has noticed it.
pub fn offer(region: RawRegion, first: Presence) -> Page<RawRegion> {
    // SAFETY: no test uses ends again that it took before. If a test opens a channel in
    // this program, the channel's ends are in another mapping.
    unsafe { Page::initialise(region, first) }.expect("a page fits")
}

/// Initialises a page, waits until somebody has joined it, and takes its first seat.
pub fn first(region: RawRegion) -> Party<impl Wait<Native>> {
    joined(initialise(region, Presence::DEVICE))
}

/// Waits until somebody has joined the page, and takes its first seat.
pub fn joined(page: Page<RawRegion>) -> Party<impl Wait<Native>> {
    eventually("somebody joins", || !page.is_free(Seat::Second));
    seated(page, Seat::First, looking())
}

/// Serves talk after talk until `stop`, as firmware does: sends back what it receives.
pub fn echo(region: RawRegion, stop: &AtomicBool) {
    let stopped = || stop.load(Ordering::Relaxed);
    while !stopped() {
        let page = initialise(region, Presence::DEVICE);
        eventually("somebody joins", || {
            stopped() || !page.is_free(Seat::Second)
        });
        if !stopped() {
            // If the talk breaks off, the process reports it.
            let _ = seated(page.clone(), Seat::First, looking()).echo();
        }
        eventually("the process leaves, or the next one speaks for it", || {
            stopped() || page.presence(Seat::Second).is_none()
        });
    }
}

/// Dropping this sets the flag, also if the test fails.
pub struct Stop<'s>(pub &'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Joins the page, and takes its second seat.
pub fn second(region: RawRegion) -> Party<impl Wait<Native>> {
    let page = Page::attach(region).expect("a page is there");
    // SAFETY: as in `initialise`.
    unsafe { page.join(Presence::DEVICE) };
    seated(page, Seat::Second, looking())
}

/// The party that takes `seat` of the page.
pub fn seated<W: Wait<Native> + Clone>(page: Page<RawRegion>, seat: Seat, wait: W) -> Party<W> {
    if seat == Seat::First {
        page.begin();
    }
    // SAFETY: in these tests, nobody else is at the seat.
    let (sender, receiver) = unsafe { page.ends(seat, wait) };
    Party {
        page,
        sender,
        receiver,
    }
}

impl<W: Wait<Native>> Party<W> {
    pub fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let sent = self.sender.send(bytes).expect("the other side receives");
            bytes = &bytes[sent..];
            if sent == 0 {
                self.sender.wait(1).expect("the other side receives");
            }
        }
    }

    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) {
        let mut received = vec![0; bytes.len()];
        let mut rest = &mut received[..];
        while !rest.is_empty() {
            assert_ne!(self.receiver.wait(), Ok(0), "the stream ends too early");
            let count = self.receiver.receive(rest).expect("the other side sends");
            rest = &mut rest[count..];
        }
        assert!(received == bytes, "something else came");
    }

    /// Ends the talk in good order: both streams end and are confirmed.
    #[track_caller]
    pub fn finish(&mut self) {
        self.sender.end();
        assert_eq!(self.receiver.wait(), Ok(0), "the end of the stream");
        assert_eq!(self.receiver.close(), Ok(()));
        assert_eq!(self.sender.wait_delivered(), Ok(()));
    }

    fn echo(mut self) -> Result<(), Error> {
        let mut bytes = [0; 500];
        while self.receiver.wait()? > 0 {
            let count = self.receiver.receive(&mut bytes)?;
            let mut rest = &bytes[..count];
            while !rest.is_empty() {
                self.sender.wait(1)?;
                rest = &rest[self.sender.send(rest)?..];
            }
        }
        self.sender.end();
        self.receiver.close()?;
        self.sender.wait_delivered()
    }

    /// Is gone without closing or failing its ends.
    pub fn die(self) {
        std::mem::forget((self.sender, self.receiver));
    }
}
