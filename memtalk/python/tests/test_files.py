"""The ends are files: everything of Python's that takes a file takes them."""

from __future__ import annotations

import array
import copy
import hashlib
import io
import pickle
import shutil
import threading
from typing import Any, Callable, List

import memtalk
import pytest
from support import ended


def in_thread(call: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def closed(one: memtalk.Talk, other: memtalk.Talk) -> None:
    """Closes both, which takes two threads: each waits for the other."""
    thread = in_thread(lambda: other.close(60))
    one.close(60)
    thread.join()
    assert one.closed and other.closed


def test_what_one_side_writes_the_other_reads() -> None:
    one, other = memtalk.pair()
    assert one.sender.write(b"hello") == 5
    assert other.receiver.read(100) == b"hello"
    assert other.receiver.try_read() is None
    assert (one.sender.count, other.receiver.count) == (5, 5)
    closed(one, other)


def test_a_block_ends_with_the_certificate() -> None:
    one, other = memtalk.pair()

    def reads() -> None:
        with other:
            assert other.receiver.read() == b"all of it"

    thread = in_thread(reads)
    with one:
        one.sender.write(b"all of it")
    thread.join()
    assert one.sender.is_delivered()
    one.close()


def test_a_block_that_raises_gives_up_and_the_peer_is_told() -> None:
    one, other = memtalk.pair()
    with pytest.raises(ZeroDivisionError):
        with one:
            one.sender.write(b"half")
            1 / 0
    assert other.receiver.read(10) == b"half"
    with pytest.raises(memtalk.PeerStopped) as raised:
        other.receiver.read(10)
    assert raised.value.status == 4
    assert isinstance(raised.value, ConnectionResetError)


def test_an_end_that_is_dropped_gives_up_and_does_not_end_its_stream() -> None:
    one, other = memtalk.pair()
    del one
    with pytest.raises(memtalk.PeerStopped):
        other.receiver.read(1)


def test_unread_bytes_are_no_certificate() -> None:
    one, other = memtalk.pair()
    one.sender.write(b"unread")
    with pytest.raises(memtalk.NotAtEnd):
        other.close()
    assert other.closed
    with pytest.raises(memtalk.Ended):
        other.close()


def test_finish_returns_the_rest() -> None:
    one, other = memtalk.pair()
    one.sender.write(b"read, ")
    assert other.receiver.read(6) == b"read, "
    one.sender.write(b"the rest")
    rest = io.BytesIO()
    thread = in_thread(lambda: one.close(60))
    assert other.finish(rest) == 8
    thread.join()
    assert rest.getvalue() == b"the rest"


@pytest.mark.parametrize("selected", [False, True])
def test_lines_are_read_with_and_without_a_buffer(selected: bool) -> None:
    one, other = memtalk.pair(pages=2)
    if selected:
        other.receiver.fileno()
    lines = [b"one\n", b"x" * 10_000 + b"\n", b"\n", b"last"]

    def writes() -> None:
        one.sender.writelines(lines)
        one.sender.close()

    thread = in_thread(writes)
    assert other.receiver.readline() == lines[0]
    assert other.receiver.peek()[:1] == b"x"
    buffered = io.BufferedReader(other.receiver)
    assert buffered.readline() == lines[1]
    assert list(buffered) == lines[2:]
    thread.join()
    closed(one, other)


def test_text_goes_both_ways() -> None:
    one, other = memtalk.pair()
    says = io.TextIOWrapper(one.sender, encoding="utf-8", write_through=True)  # type: ignore
    hears = io.TextIOWrapper(other.receiver, encoding="utf-8")  # type: ignore
    print("größe", 1, file=says)
    assert hears.readline() == "größe 1\n"
    says.close()
    assert hears.read() == ""
    hears.close()
    closed(one, other)


def test_objects_are_pickled_through_a_small_ring() -> None:
    one, other = memtalk.pair()
    things: List[Any] = [{"a": list(range(10_000))}, b"x" * 100_000, None]

    def writes() -> None:
        for thing in things:
            pickle.dump(thing, one.sender)
        one.sender.close()

    thread = in_thread(writes)
    # Whoever unpickles wants all the bytes that it asks for: a buffered file gets them.
    file = io.BufferedReader(other.receiver)
    assert [pickle.load(file) for _ in things] == things
    thread.join()
    closed(one, other)


def test_files_are_copied() -> None:
    one, other = memtalk.pair()
    data = bytes(range(256)) * 4_000
    copy = io.BytesIO()

    def writes() -> None:
        shutil.copyfileobj(io.BytesIO(data), one.sender)
        one.close(60)

    thread = in_thread(writes)
    other.finish(copy)
    thread.join()
    assert copy.getvalue() == data


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"a view")[2:],
        array.array("d", [1.0, 2.0]),
        b"",
        memoryview(bytearray(12)).cast("I", [3]),
    ],
)
def test_everything_with_a_buffer_is_sent_from_where_it_is(data: Any) -> None:
    one, other = memtalk.pair()
    expected = bytes(memoryview(data).cast("B")) if len(data) else b""
    assert one.sender.write(data) == len(expected)
    into = array.array("B", bytes(len(expected) + 3))
    if expected:
        assert other.receiver.readinto(into) == len(expected)
        assert into.tobytes()[: len(expected)] == expected


def test_a_buffer_is_released_after_the_call() -> None:
    one, other = memtalk.pair()
    data = bytearray(b"x" * 100)
    one.sender.write(data)
    data.extend(b"y")
    other.receiver.readinto(data)
    data.extend(b"z")


def test_what_has_no_buffer_is_refused() -> None:
    one, other = memtalk.pair()
    for wrong in ["text", 5, None, [1], memoryview(b"abcdef")[::2]]:
        with pytest.raises((TypeError, BufferError)):
            one.sender.write(wrong)  # type: ignore
    for wrong in [b"read-only", "text", 5]:
        with pytest.raises((TypeError, BufferError)):
            other.receiver.readinto(wrong)  # type: ignore
    assert one.sender.count == 0


def test_an_array_of_a_hundred_megabytes_arrives_as_it_was(name: str, python: Any) -> None:
    numpy = pytest.importorskip("numpy")
    data = numpy.arange(100_000_000 // 8, dtype=numpy.uint64) * numpy.uint64(2654435761)
    other = python(
        """
        import hashlib, numpy
        with memtalk.open(sys.argv[1], timeout=60) as talk:
            data = numpy.empty(100_000_000 // 8, dtype=numpy.uint64)
            view = memoryview(data).cast("B")
            while view and (count := talk.receiver.readinto(view)):
                view = view[count:]
            talk.sender.write(hashlib.sha256(data).digest())
        """,
        name,
    )
    with memtalk.open(name, timeout=60, pages=256) as talk:
        assert talk.sender.write(data) == data.nbytes
        assert talk.receiver.read() == hashlib.sha256(data).digest()
    ended(other)


def test_the_calls_that_never_wait_never_wait() -> None:
    one, other = memtalk.pair()
    sent = 0
    while (count := one.sender.try_write(b"x" * 1000)) is not None:
        sent += count
    assert sent == one.sender.capacity
    assert other.receiver.try_read(sent) == b"x" * sent
    assert other.receiver.try_readinto(bytearray(1)) is None
    assert one.sender.try_write(b"y") == 1
    assert other.receiver.try_read(0) == b""
    one.sender.close()
    assert not one.sender.is_delivered()
    assert other.receiver.try_read() == b"y"
    assert other.receiver.try_read() == b""
    other.receiver.close()
    assert one.sender.is_delivered()


def test_a_timeout_loses_nothing() -> None:
    one, other = memtalk.pair()
    other.receiver.timeout = 0.01
    assert other.receiver.timeout == 0.01
    with pytest.raises(memtalk.Stalled) as raised:
        other.receiver.read(1)
    assert isinstance(raised.value, TimeoutError)
    one.sender.write(b"late")
    assert other.receiver.read(10) == b"late"
    one.sender.timeout = 0.01
    with pytest.raises(memtalk.Stalled):
        one.sender.write(bytes(100_000))
    assert one.sender.count == 4 + one.sender.capacity
    with pytest.raises(memtalk.Stalled):
        one.close(0)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_time_that_is_none_is_refused(wrong: float) -> None:
    one, _other = memtalk.pair()
    with pytest.raises(ValueError):
        one.sender.timeout = wrong
    assert one.sender.timeout is None
    if wrong:
        with pytest.raises(memtalk.InvalidArgument):
            memtalk.open("/never", timeout=wrong)


def test_only_the_end_of_the_stream_can_be_confirmed() -> None:
    one, other = memtalk.pair()
    one.sender.write(b"unread")
    with pytest.raises(memtalk.NotAtEnd):
        other.receiver.close()
    assert other.receiver.closed
    with pytest.raises(memtalk.PeerStopped):
        one.sender.write(bytes(100_000))
    with pytest.raises(ValueError):
        other.receiver.read(1)


def test_a_closed_end_raises_and_closing_it_again_does_not() -> None:
    one, other = memtalk.pair()
    one.sender.close()
    one.sender.close()
    calls: List[Callable[[], object]] = [
        lambda: one.sender.write(b"x"),
        lambda: one.sender.try_write(b"x"),
    ]
    for call in calls:
        with pytest.raises(memtalk.Ended) as raised:
            call()
        assert isinstance(raised.value, ValueError)
    assert other.receiver.read() == b""
    other.receiver.close()
    other.receiver.close()
    calls = [
        lambda: other.receiver.read(1),
        lambda: other.receiver.try_read(),
        lambda: other.receiver.peek(),
        lambda: other.receiver.fileno(),
    ]
    for call in calls:
        with pytest.raises(ValueError):
            call()
    closed(one, other)


def test_the_wrong_direction_is_unsupported() -> None:
    one, _other = memtalk.pair()
    assert one.sender.writable() and not one.sender.readable()
    assert one.receiver.readable() and not one.receiver.writable()
    assert not one.receiver.seekable() and not one.sender.isatty()
    calls: List[Callable[[], object]] = [
        lambda: one.receiver.write(b"x"),
        lambda: one.receiver.writelines([b"x"]),
        lambda: one.sender.read(1),
        lambda: one.sender.read(),
        lambda: one.sender.readline(),
        lambda: one.sender.readinto(bytearray(1)),
        lambda: one.receiver.seek(0),
        lambda: io.BufferedReader(one.sender),
    ]
    for call in calls:
        with pytest.raises(io.UnsupportedOperation):
            call()


def test_what_belongs_to_this_process_is_neither_copied_nor_pickled() -> None:
    talk, _other = memtalk.pair()
    with memtalk.create_memfd() as waiting:
        for thing in [talk, talk.sender, talk.receiver, waiting]:
            for call in [copy.copy, copy.deepcopy, pickle.dumps]:
                with pytest.raises(TypeError, match="belongs to this process"):
                    call(thing)  # type: ignore[operator]
