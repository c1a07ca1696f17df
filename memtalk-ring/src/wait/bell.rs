//! [`Bell`]: waking the tasks that wait for a doorbell.
//!
//! # No wake-up is lost
//! A task registers its waker, and looks at the ring once more afterwards. The handler takes
//! the waker, and wakes it. Each of the two has the slot for itself, one after the other.
//! - *The task was first.* The handler wakes it.
//! - *The handler was first.* It found no waker, or an older one. But what the peer rang
//!   for was published before, so the task's second look sees it.
//!
//! # Why the user says how to be alone
//! A waker is two words long, so whoever reads it must not meet whoever writes it. Two parts
//! of a program exclude each other by a compare-and-swap, which a Cortex-M0 has not; by
//! waiting, which an interrupt handler must not; or by masking interrupts, which only the
//! user knows how to do. Loads, stores and fences alone make a lock that is refused now and
//! then. A task that is refused would have to be polled again at once, and for ever if it has
//! interrupted the handler.

use core::cell::UnsafeCell;
use core::mem::swap;
use core::task::Waker;

/// The wakers of the tasks that use the two ends of one seat, for an interrupt handler: it
/// calls [`on_doorbell`](Self::on_doorbell) when the peer rings.
///
/// It needs no operating system, no certain executor, no allocation and no compare-and-swap.
/// It belongs to one seat: of two tasks that register for the same end, the first is
/// forgotten.
///
/// ```
/// use core::future::poll_fn;
/// use core::ptr::NonNull;
/// use core::task::Poll;
/// use memtalk_ring::{Bell, Error, Memory, Page, Presence, RawRegion, Receiver, Seat, Wait};
/// # use memtalk_ring::{Atomics, Watched};
///
/// # mod critical_section {
/// #     pub(crate) fn with<T>(section: impl FnOnce(()) -> T) -> T { section(()) }
/// # }
/// // By the crate `critical-section`, which masks interrupts.
/// // SAFETY: no two sections run at once.
/// static BELL: Bell = unsafe { Bell::new(|section| critical_section::with(|_| section())) };
///
/// /// The handler of the interrupt that the peer raises.
/// fn mailbox_interrupt() {
///     BELL.on_doorbell();
/// }
///
/// /// Waits until bytes are there, and returns how many. 0: the end of the stream.
/// async fn arrival<M: Memory, W: Wait<M::Atomics>>(
///     receiver: &mut Receiver<M, W>,
/// ) -> Result<usize, Error> {
///     poll_fn(|task| receiver.poll_wait(|_| BELL.register_receiver(task.waker()))).await
/// }
///
/// # #[derive(Clone, Copy)]
/// # struct Mailbox(fn());
/// # impl<A: Atomics> Wait<A> for Mailbox {
/// #     const SLEEPS: bool = true;
/// #     fn pause(&mut self, _looks: u32) -> bool { false }
/// #     fn sleep(&mut self, _word: Watched<'_, A>, _seen: u32) {}
/// #     fn wake(&self, _word: Watched<'_, A>) { (self.0)() }
/// # }
/// # #[repr(align(64))]
/// # struct Memory_([u8; 4096]);
/// # let memory = NonNull::from(Box::leak(Box::new(Memory_([0; 4096])))).cast();
/// # let region = unsafe { RawRegion::new(memory, 4096) };
/// # let page = unsafe { Page::initialise(region, Presence::DEVICE) }?;
/// # let (mut sender, _) = unsafe { page.ends(Seat::First, Mailbox(mailbox_interrupt)) };
/// # let (_, mut receiver) = unsafe { page.ends(Seat::Second, Mailbox(|| ())) };
/// # struct Woken(std::sync::atomic::AtomicBool);
/// # impl std::task::Wake for Woken {
/// #     fn wake(self: std::sync::Arc<Self>) { self.0.store(true, std::sync::atomic::Ordering::Relaxed) }
/// # }
/// # let woken = std::sync::Arc::new(Woken(false.into()));
/// # let waker = woken.clone().into();
/// # let mut task = core::task::Context::from_waker(&waker);
/// # let mut arrival = core::pin::pin!(arrival(&mut receiver));
/// # assert_eq!(arrival.as_mut().poll(&mut task), Poll::Pending);
/// # sender.send(b"x")?;
/// # assert!(woken.0.load(std::sync::atomic::Ordering::Relaxed));
/// # assert_eq!(arrival.as_mut().poll(&mut task), Poll::Ready(Ok(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Bell {
    alone: fn(&mut dyn FnMut()),
    /// The waker of the task that waits for the sender.
    sender: UnsafeCell<Option<Waker>>,
    /// The waker of the task that waits for the receiver.
    receiver: UnsafeCell<Option<Waker>>,
}

// SAFETY: whoever called `new` has promised that only one section at a time uses a slot.
// Wakers can be moved between threads.
unsafe impl Sync for Bell {}

impl Bell {
    /// A bell that nobody waits for. `alone` calls the function that it is given, once.
    /// Meanwhile no other part of the program runs one that it was given: `alone` masks
    /// interrupts, or takes a lock. The section is a few instructions long, and calls
    /// nothing else.
    ///
    /// # Safety
    /// Two calls of `alone` never run their functions at once, and what one of them did
    /// happens before what the next one does.
    #[must_use]
    pub const unsafe fn new(alone: fn(&mut dyn FnMut())) -> Self {
        Self {
            alone,
            sender: UnsafeCell::new(None),
            receiver: UnsafeCell::new(None),
        }
    }

    /// Makes `waker` the one that the next doorbell wakes for the seat's sender: what
    /// [`Sender::poll_wait`](crate::Sender::poll_wait) and
    /// [`poll_delivered`](crate::Sender::poll_delivered) want of `register`. An earlier one
    /// is forgotten.
    pub fn register_sender(&self, waker: &Waker) {
        self.swap(&self.sender, &mut Some(waker.clone()));
    }

    /// The same for the seat's receiver, and
    /// [`Receiver::poll_wait`](crate::Receiver::poll_wait).
    pub fn register_receiver(&self, waker: &Waker) {
        self.swap(&self.receiver, &mut Some(waker.clone()));
    }

    /// Wakes whoever has registered since the last call, each once. For the handler of the
    /// interrupt that the peer raises; any context may call this at any time.
    ///
    /// If the peer wakes nobody, let a timer call this: the tasks look again then.
    pub fn on_doorbell(&self) {
        let (mut sender, mut receiver) = (Heard(None), Heard(None));
        self.swap(&self.sender, &mut sender.0);
        self.swap(&self.receiver, &mut receiver.0);
    }

    fn swap(&self, slot: &UnsafeCell<Option<Waker>>, waker: &mut Option<Waker>) {
        (self.alone)(&mut || {
            // SAFETY: nobody else uses the slot now.
            swap(unsafe { &mut *slot.get() }, waker);
        });
    }
}

impl core::fmt::Debug for Bell {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bell").finish_non_exhaustive()
    }
}

/// A waker that is woken when this is dropped. So one that panics does not keep another one
/// asleep.
struct Heard(Option<Waker>);

impl Drop for Heard {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}
