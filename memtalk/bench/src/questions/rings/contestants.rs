//! memtalk-ring and the other rings.
//!
//! Each is used as its documentation recommends for many bytes at once.

use std::hint;
use std::time::Duration;

use bbqueue::nicknames::GogiGui;
use bbqueue::prod_cons::stream::{StreamConsumer, StreamProducer};
use bbqueue::traits::storage::BoxedSlice;
use memtalk_ring::{Receiver, Sender};
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Producer as _, Split as _};
use shmring::backend::ShmStorage;

use super::Race;
use super::exact::{self, Exact};
use crate::{Bench, Result};

/// An end that puts a whole message into a ring, and waits if it has to.
pub(super) trait Put: Send {
    fn put(&mut self, message: &[u8]);
}

/// An end that takes a whole message out of a ring, and waits if it has to.
pub(super) trait Take: Send {
    fn take(&mut self, message: &mut [u8]);
}

/// A kind of ring. `run` runs a race through one with a capacity in bytes.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    pub(super) ours: bool,
    pub(super) run: fn(&Bench, usize, &Race) -> Result<Duration>,
}

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "memtalk-ring",
        ours: true,
        run: |_, capacity, race| {
            let (sender, receiver) = exact::pair(capacity)?;
            race.run(sender, receiver)
        },
    },
    Contestant {
        name: "rtrb",
        ours: false,
        run: |_, capacity, race| {
            let (producer, consumer) = rtrb::RingBuffer::new(capacity);
            race.run(producer, consumer)
        },
    },
    Contestant {
        name: "ringbuf",
        ours: false,
        run: |_, capacity, race| {
            let (producer, consumer) = HeapRb::new(capacity).split();
            race.run(RingbufProducer(producer), RingbufConsumer(consumer))
        },
    },
    Contestant {
        name: "bbqueue",
        ours: false,
        run: |_, capacity, race| {
            let queue = GogiGui::new_with_storage(BoxedSlice::new(capacity));
            race.run(queue.stream_producer(), queue.stream_consumer())
        },
    },
    Contestant {
        name: "shmring",
        ours: false,
        run: |bench, capacity, race| {
            let place = bench.scratch.place();
            let capacity = capacity.next_power_of_two() as u64;
            let options = shmring::Options::default();
            let writer = shmring::create_shm(place.object(), capacity, options)?;
            let reader = shmring::open_shm(place.object(), capacity, options)?;
            race.run(writer, reader)
        },
    },
];

const FAILED: &str = "the other end is there";

// As memtalk's `Sender` does for `Write`: send what fits, then wait for room for the rest, or
// for half of the ring if that is less.
impl Put for Sender<Exact> {
    fn put(&mut self, mut message: &[u8]) {
        while !message.is_empty() {
            match self.send(message).expect(FAILED) {
                0 => {
                    let wanted = message.len().min(self.capacity() / 2);
                    self.wait(wanted).expect(FAILED);
                }
                sent => message = &message[sent..],
            }
        }
    }
}

impl Take for Receiver<Exact> {
    fn take(&mut self, message: &mut [u8]) {
        let mut taken = 0;
        while taken < message.len() {
            match self.receive(&mut message[taken..]).expect(FAILED) {
                0 => drop(self.wait().expect(FAILED)),
                received => taken += received,
            }
        }
    }
}

// As in the examples of `push_partial_slice` and `pop_partial_slice`, but it looks again at
// once instead of yielding.
impl Put for rtrb::Producer<u8> {
    fn put(&mut self, mut message: &[u8]) {
        while let (_, rest @ [_, ..]) = self.push_partial_slice(message) {
            message = rest;
            hint::spin_loop();
        }
    }
}

impl Take for rtrb::Consumer<u8> {
    fn take(&mut self, mut message: &mut [u8]) {
        while let (_, rest @ [_, ..]) = self.pop_partial_slice(message) {
            message = rest;
            hint::spin_loop();
        }
    }
}

struct RingbufProducer(ringbuf::HeapProd<u8>);
struct RingbufConsumer(ringbuf::HeapCons<u8>);

impl Put for RingbufProducer {
    fn put(&mut self, mut message: &[u8]) {
        while !message.is_empty() {
            match self.0.push_slice(message) {
                0 => hint::spin_loop(),
                sent => message = &message[sent..],
            }
        }
    }
}

impl Take for RingbufConsumer {
    fn take(&mut self, message: &mut [u8]) {
        let mut taken = 0;
        while taken < message.len() {
            match self.0.pop_slice(&mut message[taken..]) {
                0 => hint::spin_loop(),
                received => taken += received,
            }
        }
    }
}

// Grants are contiguous: a message that does not fit before the end of the
// buffer takes two. A grant of a whole message could wait for ever.
impl<Q> Put for StreamProducer<Q>
where
    Q: bbqueue::traits::bbqhdl::BbqHandle + Send,
{
    fn put(&mut self, mut message: &[u8]) {
        while !message.is_empty() {
            let Ok(mut grant) = self.grant_max_remaining(message.len()) else {
                hint::spin_loop();
                continue;
            };
            let len = grant.len();
            grant.copy_from_slice(&message[..len]);
            grant.commit(len);
            message = &message[len..];
        }
    }
}

impl<Q> Take for StreamConsumer<Q>
where
    Q: bbqueue::traits::bbqhdl::BbqHandle + Send,
{
    fn take(&mut self, message: &mut [u8]) {
        let mut taken = 0;
        while taken < message.len() {
            let Ok(grant) = self.read() else {
                hint::spin_loop();
                continue;
            };
            let len = grant.len().min(message.len() - taken);
            message[taken..taken + len].copy_from_slice(&grant[..len]);
            grant.release(len);
            taken += len;
        }
    }
}

// These are the calls that do not block, because the others sleep. Both kinds ask the kernel
// to wake the other end after each call.
impl Put for shmring::Writer<ShmStorage> {
    fn put(&mut self, mut message: &[u8]) {
        while !message.is_empty() {
            match self.try_write(message).expect(FAILED) {
                0 => hint::spin_loop(),
                sent => message = &message[sent..],
            }
        }
    }
}

impl Take for shmring::Reader<ShmStorage> {
    fn take(&mut self, message: &mut [u8]) {
        let mut taken = 0;
        while taken < message.len() {
            match self.try_read(&mut message[taken..]).expect(FAILED) {
                0 => hint::spin_loop(),
                received => taken += received,
            }
        }
    }
}
