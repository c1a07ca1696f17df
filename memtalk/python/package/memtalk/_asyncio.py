"""A talk for asyncio: the streams that asyncio itself has, over a transport of our own.

The transport waits with the event loop's own selector, on the ends' descriptors, which are
level-triggered. So nothing here blocks, no thread of Python's is used, and any event loop will
do that has `add_reader` and `add_writer`.
"""

from __future__ import annotations

import asyncio
import errno
from types import TracebackType
from typing import Callable, Optional, Type, Union

from . import _memtalk
from ._errors import NotAtEnd
from ._talk import Name, Talk, _ended, _Local, _open, _wanted

# As much as asyncio's own transports read at once.
_MOST = 256 * 1024


class _Transport(asyncio.Transport):
    """The two ends of a talk as a transport, which closes like this:

    - `write_eof` ends our stream, after what is still to be sent.
    - The end of the peer's stream is passed on. It is confirmed by `close`, if the program has
      read everything; that is what `is_read` says.
    - `close` then ends our stream, and waits for the certificate. Only with it,
      `connection_lost(None)` is called. If the peer's stream was not read to its end, `close`
      gives up, and the peer is not told that our stream is complete.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        talk: Talk,
        protocol: asyncio.StreamReaderProtocol,
        is_read: Callable[[], bool],
    ) -> None:
        super().__init__({"talk": talk})
        self._loop = loop
        self._talk = talk
        self._protocol = protocol
        self._is_read = is_read
        self._unsent = bytearray()
        self._low, self._high = 16 * 1024, 64 * 1024
        self._protocol_paused = False
        self._reading_paused = False
        self._at_end = False
        self._ended = False
        self._closing = False
        self._lost = False
        self._receives = talk.receiver.fileno()
        self._sends = talk.sender.fileno()
        protocol.connection_made(self)
        loop.add_reader(self._receives, self._receive)

    # Receiving.

    def _receive(self) -> None:
        try:
            data = self._talk.receiver.try_read(_MOST)
        except BaseException as error:
            self._lose(error)
            return
        if data:
            self._protocol.data_received(data)
        elif data is not None:
            self._at_end = True
            self._loop.remove_reader(self._receives)
            self._protocol.eof_received()

    def pause_reading(self) -> None:
        self._reading_paused = True
        self._loop.remove_reader(self._receives)

    def resume_reading(self) -> None:
        self._reading_paused = False
        if not (self._at_end or self._closing or self._lost):
            self._loop.add_reader(self._receives, self._receive)

    def is_reading(self) -> bool:
        return not (self._reading_paused or self._at_end or self._closing or self._lost)

    # Sending.

    def write(self, data: Union[bytes, bytearray, memoryview]) -> None:
        if self._ended:
            raise RuntimeError("write() after write_eof() or close()")
        if self._lost:
            return
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        if not self._unsent:
            try:
                while view:
                    sent = self._talk.sender.try_write(view)
                    if sent is None:
                        break
                    view = view[sent:]
            except BaseException as error:
                self._lose(error)
                return
            if not view:
                return
            self._loop.add_writer(self._sends, self._send)
        self._unsent += view
        if len(self._unsent) > self._high and not self._protocol_paused:
            self._protocol_paused = True
            self._protocol.pause_writing()

    def _send(self) -> None:
        """There is room, or the confirmation."""
        try:
            while self._unsent:
                sent = self._talk.sender.try_write(self._unsent)
                if sent is None:
                    break
                del self._unsent[:sent]
            if self._protocol_paused and len(self._unsent) <= self._low:
                self._protocol_paused = False
                self._protocol.resume_writing()
            if self._unsent:
                return
            if self._ended:
                self._talk.sender.close()
            if not self._closing:
                self._loop.remove_writer(self._sends)
            elif self._talk.sender.is_delivered():
                self._lose(None)
        except BaseException as error:
            self._lose(error)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not (self._ended or self._lost):
            self._ended = True
            if not self._unsent:
                self._talk.sender.close()

    def get_write_buffer_size(self) -> int:
        return len(self._unsent)

    def set_write_buffer_limits(
        self, high: Optional[int] = None, low: Optional[int] = None
    ) -> None:
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low

    def get_write_buffer_limits(self) -> "tuple[int, int]":
        return self._low, self._high

    # Ending.

    def is_closing(self) -> bool:
        return self._closing or self._lost

    def close(self) -> None:
        if self._closing or self._lost:
            return
        if self._loop.is_closed():
            self.abort()
            return
        if not (self._at_end and self._is_read()):
            text = "the end of the peer's stream is not reached; read to it first"
            self._lose(NotAtEnd(errno.EINVAL, text))
            return
        try:
            self.write_eof()
            self._talk.receiver.close()
        except BaseException as error:
            self._lose(error)
            return
        self._closing = True
        self._loop.add_writer(self._sends, self._send)

    def abort(self) -> None:
        self._lose(_ended())

    def _lose(self, error: Optional[BaseException]) -> None:
        """The talk is over: with the certificate, or with an error."""
        if self._lost:
            return
        self._lost = True
        self._unsent.clear()
        if self._loop.is_closed():
            self._talk.give_up()
            return
        self._loop.remove_reader(self._receives)
        self._loop.remove_writer(self._sends)
        if error is None:
            self._talk.close(0)
        else:
            self._talk.give_up()
        lost = error if error is None or isinstance(error, Exception) else None
        self._loop.call_soon(self._protocol.connection_lost, lost)
        if lost is not error and error is not None:
            raise error

    def __del__(self) -> None:
        if not self._lost:
            self._talk.give_up()


class _Writer(asyncio.StreamWriter):
    def __del__(self) -> None:
        # Not what newer versions of asyncio do, which is to close: that would say that the stream
        # is complete. A talk that is dropped gives up.
        self.transport.abort()


class AsyncTalk(_Local):
    """An open talk for asyncio: `reader` and `writer`, the streams of asyncio.

    `async with` closes it at the end of the block, which waits for the certificate. If the
    block raises or is cancelled, the talk is given up, and the peer is told.

    `open_async` makes it. So does `AsyncTalk(talk)`, in a running event loop, of an open talk
    whose ends nobody uses any more.
    """

    reader: asyncio.StreamReader
    """The peer's stream."""
    writer: asyncio.StreamWriter
    """Our stream. `await writer.drain()` waits until the peer has made room, `write_eof()` ends
    it. `close()` and `await wait_closed()`, after the end of the peer's stream was read, are the
    certificate."""

    def __init__(self, talk: Talk) -> None:
        loop = asyncio.get_running_loop()
        self._talk = talk
        self.reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(self.reader, loop=loop)
        self._transport = _Transport(loop, talk, protocol, self.reader.at_eof)
        self.writer = _Writer(self._transport, protocol, self.reader, loop)

    async def close(self) -> None:
        """Ends the talk in good order. If this returns, every byte was delivered, both ways.

        It ends our stream, waits for the end of the peer's, confirms it, and waits until the
        peer has confirmed ours. If it raises, the talk is given up: `NotAtEnd` if the peer
        sends something that was not read, `PeerGone`. `asyncio.wait_for` bounds it.
        """
        try:
            self._transport.write_eof()
            if not self._transport.is_closing() and await self.reader.read(1):
                raise NotAtEnd(errno.EINVAL, "the peer has sent something that was not read")
            self.writer.close()
            await self.writer.wait_closed()
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Gives up both ends, unless they are closed. The peer is told at once."""
        self._transport.abort()

    @property
    def talk(self) -> Talk:
        """The talk itself, to see who the peer is and how much has passed."""
        return self._talk

    async def __aenter__(self) -> AsyncTalk:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if kind is not None:
            self.give_up()
        else:
            await self.close()


async def open_async(
    name: Name,
    *,
    timeout: Optional[float] = None,
    pages: Optional[int] = None,
    mode: Optional[int] = None,
    offset: Optional[int] = None,
    scan: bool = False,
    wait: bool = False,
) -> AsyncTalk:
    """Opens the talk `name` for asyncio. The options are those of `open`.

    A task that is cancelled meanwhile waits no more.
    """
    opening = _open(name, _wanted(timeout, pages, mode, offset, scan, wait))
    try:
        await _is_over(opening)
    except BaseException:
        opening.cancel()
        raise
    return AsyncTalk(Talk(opening.wait()))


async def _is_over(opening: _memtalk.Opening) -> None:
    """Waits until `opening.wait()` need not wait."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def tell() -> None:
        if not over.done():
            over.set_result(None)

    loop.add_reader(opening.fileno(), tell)
    try:
        await over
    finally:
        loop.remove_reader(opening.fileno())
