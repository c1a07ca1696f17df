#!/usr/bin/env python3
"""Talks to memtalk through its page of shared memory, as the second party:

    memtalk -f /someobject                          # one terminal
    python3 memtalk/tests/peer.py /someobject        # another one

This is a second implementation of the page, written from its description alone
(memtalk-ring/LAYOUT.md), to show that the description is enough. It holds no locks
and wakes nobody. Its seat word says so, and memtalk looks at the page by itself.
This program looks by itself as well, so nobody has to wake it.

It relies on two things. A load or a store through a memoryview of 32-bit words is one
access to memory. These accesses become visible in the order of the program. The first
holds for CPython if the words are aligned, the second for x86. A weaker machine needs
a fence before each store of an index and after each load of one, and Python has no
fences.

Only the locks could tell it that memtalk was killed. So it waits for ever then.

Exit status: 0 if both streams are complete, 1 if this side failed, 3 if there was no
page in time, 4 if the peer gave up or overwrote the page, 5 if two talk there, 6 if
the object is not a page, 255 for wrong arguments.
"""

import mmap
import os
import select
import sys
import time

MAGIC = 0x74616C6B
VERSION = 3
LINE, OVERHEAD = 64, 384

# The words of the page, by their number.
MAGIC_AT, VERSION_AT, SIZE_AT, CAPACITY_AT, FIRST_SEAT, SECOND_SEAT = 0, 2, 3, 4, 8, 9
# The words of a ring struct, counted from its start.
TAIL, SENDER_WANTS, HEAD, RECEIVER_WANTS = 0, 1, 16, 17
# Bits of a seat word, and of an index word.
SEATED, OUTSIDE, SILENT, LEFT, WAITING = 1, 2, 4, 8, 16
FAILED, CLOSED = 1 << 30, 1 << 31

# The bytes that a pipe takes without waiting, if it takes any.
PIPE = 4096
# The seconds between two looks at the page while nothing moves, at first and at most.
SHORTEST, LONGEST = 0.0001, 0.005

STDIN, STDOUT = 0, 1


class Failure(Exception):
    """Ends the program with a status and a message."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class End:
    """One end of a ring. It moves its own index over the bytes that are available to
    it: the sender over free bytes, the receiver over used bytes. The peer can only make
    more bytes available."""

    def __init__(self, words, slab, mine, theirs):
        self.words, self.slab, self.mine, self.theirs = words, slab, mine, theirs
        self.capacity = len(slab)
        self.index = self.state = self.peer = 0
        self.available = self.available_up_to(0)

    def look(self):
        """Reads the peer's index word, once, and checks it, since the peer is not
        trusted. A word with a flag is the peer's last word."""
        if self.peer:
            return
        word = self.words[self.theirs]
        index, peer = word & (FAILED - 1), word & (FAILED | CLOSED)
        available = self.available_up_to(index)
        if (
            index >= 2 * self.capacity
            or peer == FAILED | CLOSED
            or not self.available <= available <= self.capacity
            or peer == CLOSED and not self.may_close(available)
        ):
            raise Failure(4, "the ring's indices are impossible: the page was overwritten")
        self.available, self.peer = available, peer

    def slots(self, most):
        """The available bytes, at most so many, as slices of the slab."""
        count = min(self.available, most)
        start = self.index % self.capacity
        first = min(count, self.capacity - start)
        return slice(start, start + first), slice(0, count - first)

    def advance(self, count):
        """Gives so many bytes to the peer. They must have been written or read before."""
        self.index = (self.index + count) % (2 * self.capacity)
        self.available -= count
        self.words[self.mine] = self.index

    def end(self, flag):
        """Writes the last word of this end: its index and a flag."""
        if not self.state:
            self.state = flag
            self.words[self.mine] = self.index | flag


class Sender(End):
    def available_up_to(self, head):
        return self.capacity - (self.index - head) % (2 * self.capacity)

    def may_close(self, available):
        """A receiver may confirm only a stream that we have ended, once it has all."""
        return self.state == CLOSED and available == self.capacity

    def send(self):
        """Reads at most as many bytes as are free. End of file ends the stream."""
        data = os.read(STDIN, self.available)
        if not data:
            return self.end(CLOSED)
        first, second = self.slots(len(data))
        split = first.stop - first.start
        self.slab[first], self.slab[second] = data[:split], data[split:]
        self.advance(len(data))


class Receiver(End):
    def available_up_to(self, tail):
        return (tail - self.index) % (2 * self.capacity)

    def may_close(self, available):
        return True

    def receive(self):
        """Writes some of the used bytes to standard output."""
        first, second = self.slots(PIPE)
        data = bytes(self.slab[first]) + bytes(self.slab[second])
        self.advance(os.write(STDOUT, data))


def open_page(name):
    """The memory of the object and its words, if it has a magic number by now."""
    try:
        file = os.open("/dev/shm" + name, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    size = os.fstat(file).st_size
    if size % LINE:
        raise Failure(6, f"this is not a page: it has {size} bytes")
    # A machine creates the object empty, and then gives it its size.
    page = memoryview(mmap.mmap(file, size) if size else bytes(LINE))
    os.close(file)
    words = page.cast("I")
    if words[MAGIC_AT] not in (0, MAGIC):
        raise Failure(6, "this is not a page, or it has the other byte order")
    return (page, words) if words[MAGIC_AT] else None


def map_page(name, deadline):
    """Waits until the object has a magic number, and checks the rest of the header."""
    while not (found := open_page(name)):
        if time.monotonic() > deadline:
            raise Failure(3, "nobody has initialised a page")
        time.sleep(LONGEST)
    page, words = found
    size = len(page)
    capacity = (size - OVERHEAD) // 2 // LINE * LINE
    if words[VERSION_AT] != VERSION:
        raise Failure(6, f"its layout has version {words[VERSION_AT]}, not {VERSION}")
    if not 0 < capacity or (words[SIZE_AT], words[CAPACITY_AT]) != (size, capacity):
        claimed = f"{words[SIZE_AT]} bytes, {words[CAPACITY_AT]} of them each way"
        raise Failure(6, f"the page claims {claimed}: not {size} and {capacity}")
    return page, words, capacity


def sit_down(page, words, capacity, deadline):
    """Takes the second seat, and returns its sender and receiver."""
    if not words[FIRST_SEAT] & WAITING or words[SECOND_SEAT] & SEATED:
        raise Failure(5, "nobody waits there for a peer")
    first_ring, first_slab = LINE, LINE + 2 * LINE
    second_ring = first_slab + capacity + LINE
    second_slab = second_ring + 2 * LINE
    first, second = first_ring // 4, second_ring // 4
    # The peer reads these words once the seat is taken.
    for word in second + TAIL, second + SENDER_WANTS, first + HEAD, first + RECEIVER_WANTS:
        words[word] = 0
    words[SECOND_SEAT] = SEATED | OUTSIDE | SILENT
    # The first party may have died before we came. If it lives, it clears this bit.
    while words[FIRST_SEAT] & WAITING and words[SECOND_SEAT] & SEATED:
        if time.monotonic() > deadline:
            raise Failure(3, "the first party does not notice us")
        time.sleep(LONGEST)
    if not words[FIRST_SEAT] & SEATED or not words[SECOND_SEAT] & SEATED:
        raise Failure(4, "the first party has left")
    sender = Sender(
        words, page[second_slab : second_slab + capacity], second + TAIL, second + HEAD
    )
    receiver = Receiver(
        words, page[first_slab : first_slab + capacity], first + HEAD, first + TAIL
    )
    return sender, receiver


def talk(sender, receiver):
    """Moves bytes until both streams are complete, or cannot be."""
    pause = SHORTEST
    while not receiver.state or not sender.peer and sender.state != FAILED:
        sender.look()
        receiver.look()
        if sender.peer == FAILED:
            sender.end(FAILED)
        if receiver.peer and not receiver.available and not receiver.state:
            if receiver.peer == FAILED:
                sender.end(FAILED)
            else:
                # We confirm that everything is written, so first close the output.
                os.close(STDOUT)
            receiver.end(receiver.peer)
        can_send = [STDIN] if sender.available and not sender.state else []
        can_receive = [STDOUT] if receiver.available and not receiver.state else []
        readable, writable, _ = select.select(can_send, can_receive, [], pause)
        if readable:
            sender.send()
        if writable:
            receiver.receive()
        pause = SHORTEST if readable or writable else min(2 * pause, LONGEST)
    if FAILED in (sender.peer, sender.state, receiver.state):
        raise Failure(4, "the peer gave up before both streams were complete")


def main(arguments):
    if len(arguments) not in (1, 2) or not arguments[0].startswith("/"):
        raise Failure(255, "usage: peer.py /OBJECT [SECONDS]")
    patience = float(arguments[1]) if len(arguments) == 2 else 10
    deadline = time.monotonic() + patience
    page, words, capacity = map_page(arguments[0], deadline)
    sender, receiver = sit_down(page, words, capacity, deadline)
    try:
        talk(sender, receiver)
    finally:
        # This does nothing if a stream is complete.
        sender.end(FAILED)
        receiver.end(FAILED)
        words[SECOND_SEAT] = LEFT | OUTSIDE


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        print("peer:", failure, file=sys.stderr)
        sys.exit(failure.status)
    except OSError as error:
        print("peer:", error, file=sys.stderr)
        sys.exit(1)
