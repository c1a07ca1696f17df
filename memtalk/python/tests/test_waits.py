"""Waits: with signals, threads, garbage collection, and select."""

from __future__ import annotations

import gc
import select
import selectors
import signal
import threading
import time
from typing import Any, Callable, List

import memtalk
import pytest
from support import ended

WAITS = {
    "open": "memtalk.open(sys.argv[1] + '-nobody')",
    "memfd": "memtalk.create_memfd().wait()",
    "read": "talk.receiver.read(1)",
    "readline": "talk.receiver.readline()",
    "write": "talk.sender.write(bytes(10**6))",
    "close": "talk.close()",
    "selected read": "talk.receiver.fileno(); talk.receiver.read(1)",
    "selected write": "talk.sender.fileno(); talk.sender.write(bytes(10**6))",
    "with": "talk.__exit__(None, None, None)",
}


@pytest.mark.parametrize("what", WAITS)
def test_ctrl_c_ends_a_wait(what: str, name: str, python: Any) -> None:
    other = python(
        f"""
        import signal
        # A shell may have started the tests with this ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        talk, peer = memtalk.pair()
        print("waits", flush=True)
        try:
            {WAITS[what]}
        except KeyboardInterrupt:
            print("interrupted")
        """,
        name,
    )
    assert other.stdout.readline() == b"waits\n"
    # It may not wait yet. Then it is interrupted a little earlier.
    while other.poll() is None:
        if _sleeps(other.pid):
            other.send_signal(signal.SIGINT)
            break
        time.sleep(0.005)
    assert ended(other) == b"interrupted\n"


def _sleeps(pid: int) -> bool:
    """Whether the main thread of the process is in a call that waits."""
    with open(f"/proc/{pid}/task/{pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0] != "running"


def test_a_signal_whose_handler_returns_does_not_end_a_wait() -> None:
    one, other = memtalk.pair()
    came: List[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))

    def sends() -> None:
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGUSR1)
        while not came:
            time.sleep(0.001)
        other.sender.write(b"x")

    thread = threading.Thread(target=sends)
    try:
        thread.start()
        assert one.receiver.read(1) == b"x"
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    assert came == [signal.SIGUSR1]


def test_a_handler_that_raises_ends_the_wait_with_its_exception() -> None:
    one, other = memtalk.pair()

    def handler(*_: object) -> None:
        raise LookupError("of the handler")

    before = signal.signal(signal.SIGUSR1, handler)
    main = threading.main_thread().ident
    assert main is not None
    thread = threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGUSR1))
    try:
        with pytest.raises(LookupError):
            thread.start()
            one.receiver.read(1)
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    other.sender.write(b"nothing is lost")
    assert one.receiver.read(100) == b"nothing is lost"


def waiting(call: Callable[[], Any], talk: memtalk.Talk) -> "tuple[threading.Thread, List[Any]]":
    """A thread in a call that waits in an end of this talk."""
    result: List[Any] = []

    def calls() -> None:
        try:
            result.append(call())
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=calls, daemon=True)
    thread.start()
    return thread, result


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "this never happens"
        time.sleep(0.001)


def is_in_use(end: Any) -> bool:
    try:
        end.fileno()
    except memtalk.InUse:
        return True
    return False


def test_a_second_thread_in_an_end_is_refused_and_the_first_goes_on() -> None:
    one, other = memtalk.pair()
    thread, result = waiting(lambda: one.receiver.read(1), one)
    until(lambda: is_in_use(one.receiver))
    calls: List[Callable[[], object]] = [
        lambda: one.receiver.read(1),
        lambda: one.receiver.try_read(),
        lambda: one.receiver.close(),
        lambda: one.receiver.peek(),
    ]
    for call in calls:
        with pytest.raises(memtalk.InUse):
            call()
    other.sender.write(b"x")
    thread.join()
    assert result == [b"x"]


def test_many_threads_in_one_end_do_no_harm() -> None:
    one, other = memtalk.pair()
    refused: List[bool] = []
    data = b"0123456789" * 500

    def sends() -> None:
        sent = 0
        while sent < 20:
            try:
                one.sender.write(data)
                sent += 1
            except memtalk.InUse:
                refused.append(True)

    threads = [threading.Thread(target=sends) for _ in range(4)]
    for thread in threads:
        thread.start()
    received = b""
    while len(received) < 400_000:
        received += other.receiver.read(4096)
    for thread in threads:
        thread.join()
    # Each write is whole, since no other gets in between.
    assert received == data * 80


def test_giving_up_ends_a_wait_in_another_thread() -> None:
    for selected in [False, True]:
        one, other = memtalk.pair()
        if selected:
            one.receiver.fileno()
            one.sender.fileno()
        reads, read = waiting(lambda: one.receiver.read(1), one)
        writes, written = waiting(lambda: one.sender.write(bytes(10**6)), one)
        until(lambda: one.sender.count >= one.sender.capacity)
        one.give_up()
        reads.join()
        writes.join()
        assert isinstance(read[0], memtalk.Ended), read
        assert isinstance(written[0], memtalk.Ended), written
        with pytest.raises(memtalk.PeerStopped):
            while other.receiver.read(10**6):
                pass


def test_a_talk_that_is_collected_while_a_thread_waits() -> None:
    one, other = memtalk.pair()
    receiver = one.receiver
    thread, result = waiting(lambda: receiver.read(1), one)
    until(lambda: is_in_use(receiver))
    del one, receiver
    gc.collect()
    # The thread has the receiver. The sender is gone, and has given up.
    with pytest.raises(memtalk.PeerStopped):
        other.receiver.read(1)
    other.sender.write(b"x")
    thread.join()
    assert result == [b"x"]


def test_a_talk_in_a_cycle_is_collected() -> None:
    one, other = memtalk.pair()
    one.itself = one  # type: ignore[attr-defined]
    del one
    gc.collect()
    with pytest.raises(memtalk.PeerStopped):
        other.receiver.read(1)


def test_others_run_while_one_waits() -> None:
    one, _other = memtalk.pair()
    thread, _ = waiting(lambda: one.receiver.read(1), one)
    until(lambda: is_in_use(one.receiver))
    assert sum(range(1000)) == 499500
    one.give_up()
    thread.join()


def test_a_receiver_is_readable_exactly_while_a_read_would_not_wait() -> None:
    one, other = memtalk.pair()
    readable = select.poll()
    readable.register(other.receiver, select.POLLIN)
    assert readable.poll(0) == []
    one.sender.write(b"ab")
    assert readable.poll(60_000)
    assert other.receiver.read(1) == b"a"
    assert readable.poll(0), "there is more"
    assert other.receiver.read(5) == b"b"
    assert readable.poll(0) == []
    assert other.receiver.try_read() is None
    one.sender.close()
    assert readable.poll(60_000)
    assert other.receiver.read(1) == b""
    assert readable.poll(0), "the end stays"


def test_giving_up_ends_a_select_in_another_thread() -> None:
    one, other = memtalk.pair()
    while one.sender.try_write(bytes(1000)) is not None:
        pass
    one.sender.fileno()
    assert one.sender.try_write(b"x") is None
    with selectors.DefaultSelector() as selector:
        selector.register(one.sender, selectors.EVENT_WRITE)
        selector.register(one.receiver, selectors.EVENT_READ)
        assert selector.select(0) == []
        thread = threading.Thread(target=one.give_up)
        thread.start()
        assert selector.select(60)
        thread.join()
        assert len(selector.select(0)) == 2
    calls: List[Callable[[], object]] = [
        lambda: one.receiver.try_read(),
        lambda: one.sender.try_write(b"x"),
    ]
    for call in calls:
        with pytest.raises(memtalk.Ended):
            call()
    other.give_up()


def test_what_was_there_before_is_readable_at_once() -> None:
    one, other = memtalk.pair()
    one.sender.write(b"early")
    assert select.select([other.receiver], [], [], 0)[0] == [other.receiver]
    assert other.receiver.read(10) == b"early"


def test_a_peer_that_is_gone_makes_both_ends_ready() -> None:
    one, other = memtalk.pair()
    while one.sender.try_write(bytes(1000)) is not None:
        pass
    one.sender.fileno()
    assert one.sender.try_write(b"x") is None
    assert select.select([one.receiver], [one.sender], [], 0) == ([], [], [])
    other.give_up()
    ready = select.poll()
    ready.register(one.receiver, select.POLLIN)
    assert ready.poll(60_000)
    ready = select.poll()
    ready.register(one.sender, select.POLLOUT)
    assert ready.poll(60_000)
    with pytest.raises(memtalk.PeerStopped):
        one.receiver.try_read()
    with pytest.raises(memtalk.PeerStopped):
        one.sender.try_write(b"x")


@pytest.mark.parametrize(
    "kind", [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector]
)
def test_megabytes_pass_by_selecting_on_both_ends(kind: Any) -> None:
    one, other = memtalk.pair()
    data = bytes(range(256)) * 2_000
    rest, received = memoryview(data), bytearray()
    with kind() as selector:
        selector.register(one.sender, selectors.EVENT_WRITE)
        selector.register(other.receiver, selectors.EVENT_READ)
        while len(received) < len(data):
            ready = selector.select(60)
            assert ready, "a wake-up was lost"
            for key, _ in ready:
                if key.fileobj is one.sender:
                    count = one.sender.try_write(rest)
                    rest = rest[count or 0 :]
                    if not rest:
                        selector.unregister(one.sender)
                else:
                    received += other.receiver.try_read() or b""
    assert received == data


def test_a_sender_is_ready_again_when_the_peer_confirms() -> None:
    one, other = memtalk.pair()
    one.sender.fileno()
    one.sender.close()
    assert not one.sender.is_delivered()
    assert select.select([], [one.sender], [], 0)[1] == []
    assert other.receiver.read() == b""
    other.receiver.close()
    assert select.select([], [one.sender], [], 60)[1]
    assert one.sender.is_delivered()


def test_an_end_that_is_selected_on_still_waits_when_asked_to() -> None:
    one, other = memtalk.pair()
    for end in [one.sender, one.receiver, other.sender, other.receiver]:
        end.fileno()
    data = bytes(10**6)
    thread, result = waiting(lambda: one.sender.write(data), one)
    assert b"".join(iter(lambda: other.receiver.read(10**6 - other.receiver.count), b"")) == data
    thread.join()
    assert result == [len(data)]
    assert other.receiver.read(0) == b""
    other.receiver.timeout = 0.01
    with pytest.raises(memtalk.Stalled):
        other.receiver.read(1)
