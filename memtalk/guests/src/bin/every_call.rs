//! Every call of the ring that works without an operating system, for `sizes` to measure.
//!
//! `sizes` also searches the program for panics. It is linked, and never run.
//!
//! Arguments and results go through [`black_box`], so that the compiler cannot leave out a
//! part of a call.
//!
//! `Debug`, `Display` and embedded-io's `write_fmt` are left out, because they bring in the
//! core library's formatting of text.

#![no_std]
#![no_main]

use core::hint::{black_box, spin_loop};
use core::panic::PanicInfo;
use core::ptr::{NonNull, with_exposed_provenance_mut};
use core::task::Waker;

#[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
use memtalk_ring::Event;
use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::capacity_of;
use memtalk_ring::{
    Bell, Capacity, Doorbell, Error, Idle, Native, Page, PageError, PageRing, Presence, RawRegion,
    Receiver, Region, Seat, Sender, Spin, Wait,
};

type Ring = PageRing<RawRegion>;

/// The address and size of a page that could be.
const PAGE: (usize, usize) = (0x2000_0000, 4096);

/// The address of a device's register that could be.
const REGISTER: usize = 0x4005_0000;

/// A bell that could be.
// SAFETY: the program is never run.
static BELL: Bell = unsafe { Bell::new(|section| section()) };

/// Uses the result of a call.
fn take<T>(value: T) {
    black_box(value);
}

fn pages(region: RawRegion) -> Result<Page<RawRegion>, PageError> {
    take((region.base(), region.size()));
    let us = black_box(Presence::DEVICE);
    // SAFETY: the program is never run.
    let initialised = unsafe { Page::initialise(region, us) }?;
    // SAFETY: as above.
    let (joined, seat) = unsafe { Page::sit_down(region, black_box(true)) }?;
    let page = Page::attach(region)?;
    // SAFETY: as above.
    unsafe { initialised.join(us) };
    // SAFETY: as above.
    unsafe { initialised.join_by(|_| ()) };
    joined.say(seat, us);
    take(page.is_free(black_box(seat)));
    take(page.presence(black_box(seat)));
    take(page.seat_word(black_box(seat)));
    take(page.seat_value(black_box(seat)));
    take(page.was_restarted());
    page.begin();
    take(page.beginning(black_box(seat)));
    page.stand(black_box(seat), black_box(Presence::DEVICE));
    #[cfg(target_has_atomic = "32")]
    page.leave();
    take(page.capacity());
    let page = Page::over(black_box(*page.region()))?;
    Ok(page)
}

fn numbers() {
    let (seat, presence, word) = black_box((Seat::First, Presence::DEVICE, 7));
    take((seat.peer(), seat.index()));
    take((presence.word(), Presence::from_word(word)));
    take(Snapshot::from_bytes(black_box(&[0; 20])).check(black_box(4096)));
    if let Some(capacity) = capacity_of(black_box(4096)).and_then(Capacity::new) {
        let (one, other) = black_box((1, 2));
        take((capacity.bytes(), capacity.indices()));
        take((capacity.advance(one, other), capacity.used(one, other)));
        take((capacity.slot(one), capacity.split(one, other)));
    }
}

/// Every call of both ends of a seat, which wait by `wait`.
fn ends<W: Wait<Native> + Clone>(page: &Page<RawRegion>, wait: W) {
    let seat = black_box(Seat::First);
    // SAFETY: the program is never run.
    let (mut sender, mut receiver) = unsafe { page.ends(seat, wait.clone()) };
    take(send(black_box(&mut sender)));
    take(receive(black_box(&mut receiver)));
    // SAFETY: the program is never run.
    take(unsafe { page.mourn(seat.peer(), &wait) });
    page.wake(seat.peer(), &wait);
    #[cfg(feature = "embedded-io")]
    traits(sender, receiver);
}

fn send<W: Wait<Native>>(sender: &mut Sender<Ring, W>) -> Result<(), Error> {
    let (bytes, len) = black_box(([1; 64], 3));
    take(sender.capacity());
    take(sender.send(bytes.get(..len).unwrap_or_default())?);
    take(sender.wait(black_box(len))?);
    let mut space = sender.space()?;
    take((space.len(), space.is_empty()));
    take(space.parts());
    take(space.copy_from(bytes.get(..len).unwrap_or_default()));
    space.commit(black_box(len));
    match black_box(len) {
        0 => sender.fail(),
        _ => sender.end(),
    }
    take(sender.delivered()?);
    take(sender.poll_wait(black_box(len), register));
    take(sender.poll_delivered(register));
    sender.wait_delivered()
}

/// Registers a waker with the bell.
fn register(seen: u32) {
    take(seen);
    BELL.register_sender(Waker::noop());
    BELL.register_receiver(Waker::noop());
}

fn receive<W: Wait<Native>>(receiver: &mut Receiver<Ring, W>) -> Result<(), Error> {
    let (mut bytes, len) = black_box(([0; 64], 3));
    take(receiver.capacity());
    take(receiver.receive(bytes.get_mut(..len).unwrap_or_default())?);
    take(receiver.wait()?);
    take(receiver.poll_wait(register));
    let filled = receiver.filled()?;
    take((filled.len(), filled.is_empty()));
    take(filled.parts());
    take(filled.copy_to(bytes.get_mut(..len).unwrap_or_default()));
    filled.release(black_box(len));
    take((receiver.at_end(), bytes));
    match black_box(len) {
        0 => receiver.fail(),
        _ => receiver.close()?,
    }
    Ok(())
}

/// Every call of embedded-io's traits.
#[cfg(feature = "embedded-io")]
fn traits<W: Wait<Native>>(mut sender: Sender<Ring, W>, mut receiver: Receiver<Ring, W>) {
    use memtalk_ring::Buffered;

    fn read(from: &mut impl embedded_io::Read<Error = Error>) -> Result<usize, Error> {
        let (mut bytes, len) = black_box(([0; 64], 3));
        let read = from.read(bytes.get_mut(..len).unwrap_or_default());
        take(from.read_exact(bytes.get_mut(..len).unwrap_or_default()));
        take(bytes);
        read
    }

    fn write(to: &mut impl embedded_io::Write<Error = Error>) -> Result<usize, Error> {
        let (bytes, len) = black_box(([1; 64], 3));
        let written = to.write(bytes.get(..len).unwrap_or_default())?;
        to.write_all(bytes.get(..len).unwrap_or_default())?;
        to.flush()?;
        Ok(written)
    }

    fn read_ready(from: &mut impl embedded_io::ReadReady<Error = Error>) -> Result<bool, Error> {
        from.read_ready()
    }

    fn write_ready(to: &mut impl embedded_io::WriteReady<Error = Error>) -> Result<bool, Error> {
        to.write_ready()
    }

    fn lend(from: &mut impl embedded_io::BufRead<Error = Error>) -> Result<(), Error> {
        take(from.fill_buf()?);
        from.consume(black_box(3));
        Ok(())
    }

    take(write(black_box(&mut sender)));
    take(write_ready(&mut sender));
    take(read_ready(black_box(&mut receiver)));
    if let Err(error) = read(&mut receiver) {
        take(embedded_io::Error::kind(&error));
    }
    let mut buffer = [0; 16];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    take(read_ready(black_box(&mut buffered)));
    take(read(&mut buffered));
    take(lend(&mut buffered));
    take(buffered.close());
    let (receiver, unread) = buffered.into_parts();
    take(unread);
    drop(receiver);
}

/// Every call of embedded-io-async's traits.
#[cfg(feature = "embedded-io-async")]
fn tasks<W: Wait<Native> + Clone>(page: &Page<RawRegion>, wait: W) {
    use core::pin::pin;
    use core::task::Context;
    use embedded_io_async::{BufRead, Read, Write};
    use memtalk_ring::Buffered;

    fn poll<T>(future: impl Future<Output = T>) {
        let future = pin!(future);
        take(future.poll(&mut Context::from_waker(Waker::noop())));
    }

    // SAFETY: the program is never run.
    let (mut sender, mut receiver) = unsafe { page.ends(Seat::First, BELL.with(wait)) };
    let (mut bytes, len) = black_box(([1; 64], 3));
    poll(sender.write(bytes.get(..len).unwrap_or_default()));
    poll(sender.write_all(bytes.get(..len).unwrap_or_default()));
    poll(sender.flush());
    poll(receiver.read(bytes.get_mut(..len).unwrap_or_default()));
    poll(receiver.read_exact(bytes.get_mut(..len).unwrap_or_default()));
    let mut buffer = [0; 16];
    let mut buffered = Buffered::new(receiver, &mut buffer);
    poll(buffered.read(bytes.get_mut(..len).unwrap_or_default()));
    poll(buffered.read_exact(bytes.get_mut(..len).unwrap_or_default()));
    poll(buffered.fill_buf());
    buffered.consume(black_box(3));
    take(bytes);
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    numbers();
    BELL.on_doorbell();
    let (address, size) = black_box(PAGE);
    let register = NonNull::new(with_exposed_provenance_mut(black_box(REGISTER)));
    let base = NonNull::new(with_exposed_provenance_mut(address));
    if let (Some(base), Some(register)) = (base, register) {
        // SAFETY: the program is never run.
        let region = unsafe { RawRegion::new(base, size) };
        // SAFETY: the program is never run.
        let doorbell = unsafe { Doorbell::new(register, black_box(1), spin_loop) };
        if let Ok(page) = pages(region) {
            ends(&page, Spin);
            ends(&page, Idle(take::<u32>));
            #[cfg(feature = "embedded-io-async")]
            tasks(&page, doorbell);
            ends(&page, doorbell);
            #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
            ends(&page, Event);
        }
    }
    loop {
        spin_loop();
    }
}

/// Is linked only if something can panic.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        spin_loop();
    }
}
