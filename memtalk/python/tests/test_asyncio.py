"""A talk in asyncio."""

from __future__ import annotations

import asyncio
import gc
import glob
import os
import threading
from typing import Any, Coroutine, List, Tuple

import memtalk
import pytest
from support import BOUND, ended


def run(test: "Coroutine[Any, Any, None]") -> None:
    asyncio.run(asyncio.wait_for(test, BOUND))


async def both(name: str, **options: Any) -> Tuple[memtalk.AsyncTalk, memtalk.AsyncTalk]:
    opens = (memtalk.open_async(name, timeout=60, **options) for _ in range(2))
    one, other = await asyncio.gather(*opens)
    return one, other


def test_streams_go_both_ways_and_closing_is_the_certificate(name: str) -> None:
    async def test() -> None:
        one, other = await both(name)
        data = bytes(range(256)) * 4_000

        async def side(talk: memtalk.AsyncTalk) -> bytes:
            async with talk:
                talk.writer.write(data)
                talk.writer.write_eof()
                # Both at once: the other side does the same.
                _, received = await asyncio.gather(talk.writer.drain(), talk.reader.read())
                return received

        assert list(await asyncio.gather(side(one), side(other))) == [data, data]
        assert one.talk.closed and one.talk.sender.is_delivered()

    run(test())


def test_lines_are_answered(name: str, python: Any) -> None:
    async def test() -> None:
        async with await memtalk.open_async(name, timeout=60) as talk:
            for _ in range(100):
                talk.writer.write(b"hello\n")
                assert await talk.reader.readline() == b"HELLO\n"

    other = python(
        """
        with memtalk.open(sys.argv[1], timeout=60) as talk:
            for line in talk.receiver:
                talk.sender.write(line.upper())
        """,
        name,
    )
    run(test())
    ended(other)


def test_it_talks_with_the_command(name: str, command: Any) -> None:
    async def test() -> None:
        async with await memtalk.open_async(name, timeout=60) as talk:
            talk.writer.write(b"from asyncio")
            talk.writer.write_eof()
            assert await talk.reader.read() == b"from the command"

    other = command("-f", name, "--timeout", "60")
    other.stdin.write(b"from the command")
    other.stdin.close()
    other.stdin = None
    run(test())
    assert ended(other) == b"from asyncio"


def test_closing_as_asyncio_does_is_the_certificate_too(name: str) -> None:
    async def test() -> None:
        one, other = await both(name)

        async def side(talk: memtalk.AsyncTalk) -> None:
            talk.writer.write(b"x")
            talk.writer.write_eof()
            assert await talk.reader.read() == b"x"
            talk.writer.close()
            await talk.writer.wait_closed()

        await asyncio.gather(side(one), side(other))
        assert one.talk.closed

    run(test())


def test_a_block_that_raises_gives_up(name: str) -> None:
    async def test() -> None:
        one, other = await both(name)
        with pytest.raises(ZeroDivisionError):
            async with one:
                one.writer.write(b"half")
                1 / 0
        with pytest.raises(memtalk.PeerStopped):
            await other.reader.read()
        with pytest.raises(memtalk.PeerStopped):
            await other.close()
        with pytest.raises(memtalk.Error):
            await one.reader.read()

    run(test())


def test_unread_bytes_are_no_certificate(name: str) -> None:
    async def test() -> None:
        one, other = await both(name)
        one.writer.write(b"unread")
        with pytest.raises(memtalk.NotAtEnd):
            await other.close()
        with pytest.raises(memtalk.PeerStopped):
            await one.close()

    run(test())


def test_a_writer_waits_for_a_slow_reader(name: str) -> None:
    async def test() -> None:
        one, other = await both(name)
        one.writer.write(bytes(10**6))
        drains = asyncio.ensure_future(one.writer.drain())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(drains), 0.01)
        assert len(await other.reader.readexactly(10**6)) == 10**6
        await drains
        await asyncio.gather(one.close(), other.close())

    run(test())


def test_a_task_that_is_cancelled_while_it_opens_leaves_nothing_behind(name: str) -> None:
    async def test() -> None:
        opens = asyncio.ensure_future(memtalk.open_async(name))
        while not os.path.exists("/dev/shm" + name):
            await asyncio.sleep(0.001)
        opens.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opens
        while glob.glob(f"/dev/shm{name}*"):
            await asyncio.sleep(0.001)

    run(test())


def test_a_task_that_is_cancelled_while_it_reads_gives_up(name: str) -> None:
    async def test() -> None:
        one, other = await both(name)

        async def reads() -> None:
            async with one:
                await one.reader.read(1)

        task = asyncio.ensure_future(reads())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(memtalk.PeerStopped):
            await other.reader.read(1)

    run(test())


def test_a_talk_that_is_dropped_is_none_that_is_complete(name: str) -> None:
    async def test() -> None:
        for peer_has_ended in [False, True]:
            one, other = map(memtalk.AsyncTalk, memtalk.pair())
            one.writer.write(b"half")
            if peer_has_ended:
                other.writer.write_eof()
                assert await one.reader.read() == b""
            del one
            gc.collect()
            with pytest.raises(memtalk.PeerStopped):
                await other.reader.read()
            other.give_up()

    run(test())


def test_closing_before_the_peers_end_gives_up(name: str) -> None:
    async def test() -> None:
        one, other = map(memtalk.AsyncTalk, memtalk.pair())
        one.writer.close()
        with pytest.raises(memtalk.NotAtEnd):
            await one.writer.wait_closed()
        with pytest.raises(memtalk.PeerStopped):
            await other.reader.read()
        other.give_up()

    run(test())


def test_giving_up_in_another_thread_ends_a_task_that_waits(name: str) -> None:
    async def test() -> None:
        one, other = map(memtalk.AsyncTalk, memtalk.pair())
        reads = asyncio.ensure_future(one.reader.read(1))
        one.writer.write(bytes(10**6))
        drains = asyncio.ensure_future(one.writer.drain())
        await asyncio.sleep(0)
        thread = threading.Thread(target=one.talk.give_up)
        thread.start()
        for task in [reads, drains]:
            with pytest.raises(memtalk.Ended):
                await task
        thread.join()
        one.writer.close()
        with pytest.raises(memtalk.Ended):
            await one.writer.wait_closed()
        other.give_up()

    run(test())


def test_nobody_comes_in_time(name: str) -> None:
    async def test() -> None:
        with pytest.raises(memtalk.NoPeer):
            await memtalk.open_async(name, timeout=0.01)

    run(test())


def test_the_death_of_the_peer_is_noticed(name: str, python: Any) -> None:
    other = python("talk = memtalk.open(sys.argv[1], timeout=60); talk.receiver.read(1)", name)

    async def test() -> None:
        talk = await memtalk.open_async(name, timeout=60)
        peer = talk.talk.peer()
        assert peer is not None and peer.pid == other.pid
        other.kill()
        with pytest.raises(memtalk.PeerDied):
            await talk.reader.read(1)
        talk.give_up()

    run(test())


def test_a_pair_is_wrapped(name: str) -> None:
    async def test() -> None:
        one, other = map(memtalk.AsyncTalk, memtalk.pair())
        one.writer.write(b"x")
        assert await other.reader.readexactly(1) == b"x"
        await asyncio.gather(one.close(), other.close())

    run(test())


def test_a_loop_that_ends_with_an_open_talk_does_no_harm(name: str) -> None:
    talks: List[memtalk.AsyncTalk] = []

    async def test() -> None:
        talks.extend(await both(name))
        talks[0].writer.write(bytes(10**6))

    run(test())
    talks[0].writer.close()
    talks[1].give_up()
    assert all(talk.talk.closed for talk in talks)
