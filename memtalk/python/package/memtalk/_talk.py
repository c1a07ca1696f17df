"""The file objects of a talk, and how a talk ends."""

from __future__ import annotations

import errno
import io
import os
import shutil
import time
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Optional, Protocol, Tuple, Type, Union

from . import _memtalk
from ._errors import Ended

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Name = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
"""The name of an object. Bytes need not be UTF-8; text is encoded as file names are."""


class Peer(NamedTuple):
    """A process at the other end."""

    pid: int
    user: int
    """The number of the user that it runs as."""
    name: str
    """Its short name, which it can choose."""
    command: str
    """Its command line, which it can change."""


class Writable(Protocol):
    """What `Talk.finish` writes to: a binary file."""

    def write(self, data: bytes, /) -> object: ...


class _Local:
    """What is neither copied nor pickled: it belongs to this process, and there is one of it."""

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError(f"cannot copy or pickle {type(self).__name__!r}: it belongs to this process")


class _End(_Local, io.RawIOBase):
    """What both ends have in common."""

    _end: Union[_memtalk.Sender, _memtalk.Receiver]

    def __del__(self) -> None:
        # Not what `io` does, which is to close: that would say that the stream is complete.
        # An end that is dropped gives up.
        pass

    @property
    def timeout(self) -> Optional[float]:
        """How long a call waits for the peer, in seconds; None, as at first, for any time.

        Then it raises `Stalled`, and may be made again. Zero is an error: see the `try_` calls.
        """
        return self._end.timeout

    @timeout.setter
    def timeout(self, seconds: Optional[float]) -> None:
        self._end.timeout = seconds

    @property
    def capacity(self) -> int:
        """The most bytes that can be on their way, sent and not yet received."""
        return self._end.capacity

    @property
    def count(self) -> int:
        """How many bytes have passed this end so far. Any thread may look at any time."""
        return self._end.count

    def isatty(self) -> bool:
        return False


class Receiver(_End):
    """The peer's stream: a raw binary file to read from.

    It is used by one thread at a time; a second one gets `InUse`.
    """

    _end: _memtalk.Receiver

    def __init__(self, end: _memtalk.Receiver) -> None:
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Waits until something is there, reads it to `buffer`, and returns how many bytes.

        0 is the end of the stream. If the peer has not completed its stream, everything that
        has come is read first, and then this raises `PeerGone`.
        """
        return self._end.read_into(buffer)

    def read(self, size: Optional[int] = -1, /) -> bytes:
        """Reads at most `size` bytes, as `readinto`; all up to the end if it is negative."""
        if size is None or size < 0:
            return self.readall()
        # Never more than can be there at once.
        buffer = bytearray(min(size, max(self.capacity, 65536)))
        count = self._end.read_into(buffer)
        return bytes(memoryview(buffer)[:count])

    def peek(self, size: int = 0, /) -> bytes:
        """Waits until something is there, and shows the beginning of it: up to 4,096 bytes,
        whatever `size` is. They stay there for the next read. `readline` uses this."""
        return self._end.peek(4096)

    def write(self, data: ReadableBuffer, /) -> NoReturn:
        """Raises `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("not writable")

    def try_readinto(self, buffer: WriteableBuffer) -> Optional[int]:
        """As `readinto`, but never waits: None if nothing is there yet."""
        return self._end.try_read_into(buffer)

    def try_read(self, size: int = 65536) -> Optional[bytes]:
        """Reads at most `size` bytes, and never waits: None if nothing is there yet.

        Empty bytes are the end of the stream.
        """
        if size < 0:
            raise ValueError("try_read takes a number of bytes, 0 or more")
        buffer = bytearray(min(size, max(self.capacity, 65536)))
        count = self._end.try_read_into(buffer)
        return None if count is None else bytes(memoryview(buffer)[:count])

    def fileno(self) -> int:
        """A descriptor to select on, until this is closed. It is readable while a read would
        not wait: while something is there, the end of the stream, or an error.

        It is level-triggered. It tells, and carries nothing: the stream cannot be read from it,
        so do not give it to another process. From now on the end waits by way of a thread,
        which is slower.
        """
        return self._end.fileno()

    def close(self) -> None:
        """Confirms the peer's stream, whose end was reached: it is safe with us.

        Raises `NotAtEnd` if a read has not returned the end. The peer is told then that its
        stream was not delivered. Never waits.
        """
        if not self.closed:
            super().close()
            self._end.close()


class Sender(_End):
    """Our stream: a raw binary file to write to.

    It is used by one thread at a time; a second one gets `InUse`.
    """

    _end: _memtalk.Sender

    def __init__(self, end: _memtalk.Sender) -> None:
        self._end = end

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Sends all of `data`, waiting for room, and returns how many bytes that is.

        Anything with a buffer is sent from where it is. The peer can read it at once: there is
        nothing to flush. If this raises, `count` says how much was sent.
        """
        return self._end.write(data)

    def readinto(self, buffer: WriteableBuffer, /) -> NoReturn:
        """Raises `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("not readable")

    def try_write(self, data: ReadableBuffer) -> Optional[int]:
        """Sends as much as fits, and never waits. Returns how many bytes; None if no byte."""
        return self._end.try_write(data)

    def fileno(self) -> int:
        """A descriptor to select on, until the talk is closed. It is writable unless
        `try_write` has found no room, and there has been none since.

        After `close` it is the same with the confirmation, and `is_delivered`. It is
        level-triggered. It tells, and carries nothing: what is written to it is lost, so do not
        give it to another process. From now on the end waits by way of a thread, which is
        slower.
        """
        return self._end.fileno()

    def is_delivered(self) -> bool:
        """Whether the stream has ended and the peer has confirmed all of it. Never waits."""
        return self.closed and self._end.try_close()

    def close(self) -> None:
        """Ends our stream: the peer reads up to here. Never waits, and is no certificate: see
        `Talk.close`."""
        if not self.closed:
            super().close()
            self._end.end()


_OPEN, _CLOSED, _GIVEN_UP = "open", "closed", "given up"


class Talk(_Local):
    """An open talk: `sender` and `receiver`, two raw binary files.

    As a context manager it is closed at the end of the block, which waits for the certificate.
    If the block raises, it is given up, and the peer is told.

    The two ends may go to different threads. `give_up` may be called from any.
    """

    sender: Sender
    """Our stream, to write to."""
    receiver: Receiver
    """The peer's stream, to read from."""

    def __init__(self, parts: _Parts) -> None:
        sender, receiver, self._handle = parts
        self.sender = Sender(sender)
        self.receiver = Receiver(receiver)
        self._state = _OPEN

    def __enter__(self) -> Talk:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if kind is not None:
            self.give_up()
        else:
            self.close()

    def close(self, timeout: Optional[float] = None) -> None:
        """Ends the talk in good order. If this returns, every byte was delivered, both ways.

        It ends our stream, waits for the end of the peer's, confirms it, and waits until the
        peer has confirmed ours: all in all no longer than `timeout` seconds. Two sides that do
        this do not wait for each other for ever. If it raises, the talk is given up: `NotAtEnd`
        if the peer sends something that was not read (see `finish`), `Stalled`, `PeerGone`.

        What a buffered file around `sender` still holds is not sent by this: flush it before.
        """
        if self._state is _CLOSED:
            return
        if self._state is _GIVEN_UP:
            raise _ended()
        end = None if timeout is None else time.monotonic() + timeout
        try:
            self.sender.close()
            if not self.receiver.closed:
                self.receiver._end.wait_for_end(timeout)
                self.receiver.close()
            left = None if end is None else max(0.0, end - time.monotonic())
            self.sender._end.close(left)
        except BaseException:
            self.give_up()
            raise
        self._state = _CLOSED

    def finish(self, file: Writable, timeout: Optional[float] = None) -> int:
        """As `close`, but first copies the rest of the peer's stream to a binary file. Returns
        the number of bytes. `timeout` is for the closing alone."""
        before = self.receiver.count
        try:
            self.sender.close()
            shutil.copyfileobj(self.receiver, file)
        except BaseException:
            self.give_up()
            raise
        self.close(timeout)
        return self.receiver.count - before

    def give_up(self) -> None:
        """Gives up both ends, unless they are closed, from any thread. The peer is told at
        once. A call that waits in another thread raises `Ended` within 0.05 s. Both ends are
        ready for `select`, and asyncio's streams raise `Ended`."""
        if self._state is _OPEN:
            self._handle.give_up()
            self._state = _GIVEN_UP
            self.sender._end.release()
            self.receiver._end.release()

    @property
    def closed(self) -> bool:
        """Whether the talk was closed or given up here."""
        return self._state is not _OPEN

    @property
    def peer_is_gone(self) -> bool:
        """Whether the peer has gone, as far as is known at this moment. Never waits."""
        return self._handle.peer_is_gone()

    def peer(self) -> Optional[Peer]:
        """Who the peer is, if that is a process that can be seen. Takes milliseconds."""
        peer = self._handle.peer()
        return None if peer is None else Peer(*peer)

    def __repr__(self) -> str:
        sent, received = self.sender.count, self.receiver.count
        return f"<memtalk.Talk {self._state}, sent {sent}, received {received}>"


_Parts = Tuple[_memtalk.Sender, _memtalk.Receiver, _memtalk.Handle]


class Waiting(_Local):
    """The wait for a peer in memory without a name: `create_memfd` makes it.

    Its descriptor, `fileno()`, is what the peer passes to `join_memfd`. As a context manager it
    is closed at the end of the block.
    """

    # Until `__init__` has run.
    _memory = -1

    def __init__(self, opening: _memtalk.Opening, memory: int) -> None:
        self._opening: Optional[_memtalk.Opening] = opening
        self._memory = memory

    def fileno(self) -> int:
        """The descriptor for the peer: for a child to inherit, or to send over a socket."""
        if self._memory < 0:
            raise _ended()
        return self._memory

    def wait(self) -> Talk:
        """Waits until the peer has joined, and returns the talk. Once only."""
        if self._opening is None:
            raise _ended()
        opening, self._opening = self._opening, None
        return Talk(opening.wait())

    def close(self) -> None:
        """Closes the descriptor, and gives up the wait unless it is over."""
        self._opening = None
        memory, self._memory = self._memory, -1
        if memory >= 0:
            os.close(memory)

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _ended() -> Ended:
    return Ended(errno.EBADF, "this is already closed, or was given up")


def _wanted(
    timeout: Optional[float] = None,
    pages: Optional[int] = None,
    mode: Optional[int] = None,
    offset: Optional[int] = None,
    scan: bool = False,
    wait: bool = False,
) -> _memtalk.Wanted:
    return {
        "timeout": timeout,
        "pages": pages,
        "mode": mode,
        "offset": offset,
        "scan": scan,
        "wait": wait,
    }


def open(
    name: Name,
    *,
    timeout: Optional[float] = None,
    pages: Optional[int] = None,
    mode: Optional[int] = None,
    offset: Optional[int] = None,
    scan: bool = False,
    wait: bool = False,
) -> Talk:
    """Opens the talk `name`: waits for the peer, which does the same, and returns the talk.

    name: a slash, then 1 to 254 bytes without another slash. Bytes need not be UTF-8.
    timeout: wait for the peer no longer than this many seconds. 0: join a peer that waits
        already, or raise `NoPeer`.
    pages: create the object with this many pages, in place of one: more pages, more throughput.
    mode: talk with other users, by permissions: 0o600, 0o660, 0o606 or 0o666.
    offset, scan: the object is the memory of a virtual machine or a board. Talk to the page at
        this offset in bytes, or search for it.
    wait: be the client of a service (`memtalk --keep`): create nothing, and wait for our turn.

    Ctrl-C ends the wait. All errors are `memtalk.Error`.
    """
    return Talk(_open(name, _wanted(timeout, pages, mode, offset, scan, wait)).wait())


def _open(name: Name, wanted: _memtalk.Wanted) -> _memtalk.Opening:
    return _memtalk.open(os.fsdecode(name), wanted)


def pair(*, pages: Optional[int] = None) -> Tuple[Talk, Talk]:
    """Two talks that are each other's peer, without a name: for two threads, for example."""
    one, other = _memtalk.pair(_wanted(pages=pages))
    return Talk(one), Talk(other)


def create_memfd(*, pages: Optional[int] = None, timeout: Optional[float] = None) -> Waiting:
    """Creates memory without a name, for a talk with whoever gets its descriptor.

    `timeout` bounds the wait for the peer, in seconds from now.
    """
    return Waiting(*_memtalk.create_memfd(_wanted(timeout, pages)))


def join_memfd(fd: int, *, pages: Optional[int] = None) -> Talk:
    """Joins the talk in memory without a name, by the descriptor that `create_memfd` has made
    in another process. The descriptor stays open, and is yours to close."""
    return Talk(_memtalk.join_memfd(fd, _wanted(pages=pages)).wait())
