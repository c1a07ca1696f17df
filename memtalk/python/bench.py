"""memtalk beside a Unix socket, both used from Python, in one run.

One process sends and one receives. A round is one measurement of each, by turns, so that what
else happens on the machine happens to both. Printed is the median of the rounds, and the least
and the most.

    python bench.py            # a minute or two, on a quiet machine
    python bench.py --quick    # whether it works: the numbers mean nothing
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import statistics
import time
from typing import Callable, Dict, List, Protocol, Tuple

import memtalk


class Side(Protocol):
    """One side of a connection."""

    def send(self, data: memoryview) -> None: ...
    def receive_into(self, buffer: memoryview) -> int: ...
    def close(self) -> None: ...


class Memtalk:
    def __init__(self, talk: memtalk.Talk) -> None:
        self.talk = talk

    def send(self, data: memoryview) -> None:
        self.talk.sender.write(data)

    def receive_into(self, buffer: memoryview) -> int:
        return self.talk.receiver.readinto(buffer)

    def close(self) -> None:
        self.talk.close()


class Socket:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: memoryview) -> None:
        self.connection.sendall(data)

    def receive_into(self, buffer: memoryview) -> int:
        return self.connection.recv_into(buffer)

    def close(self) -> None:
        self.connection.close()


Connect = Tuple[Callable[[], Side], Callable[[], Side], Callable[[], None]]


def by_memtalk(pages: int) -> Connect:
    """How each process gets its side, and what to do afterwards."""
    name = f"/memtalk-bench-{os.getpid()}"

    def connect() -> Side:
        return Memtalk(memtalk.open(name, timeout=30, pages=pages))

    return connect, connect, lambda: None


def by_socket() -> Connect:
    one, other = socket.socketpair()

    def first() -> Side:
        other.close()
        return Socket(one)

    def second() -> Side:
        one.close()
        return Socket(other)

    def after() -> None:
        one.close()
        other.close()

    return first, second, after


def throughput(connect: Connect, total: int) -> float:
    """Bytes a second, until the receiver has said that it has all."""
    first, second, after = connect

    def receives() -> None:
        side = second()
        buffer = memoryview(bytearray(1 << 20))
        left = total
        while left:
            left -= side.receive_into(buffer[: min(left, len(buffer))])
        side.send(memoryview(b"."))
        side.close()

    def sends() -> float:
        side = first()
        data = memoryview(bytes(1 << 20))
        began = time.perf_counter()
        left = total
        while left:
            piece = data[: min(left, len(data))]
            side.send(piece)
            left -= len(piece)
        side.receive_into(memoryview(bytearray(1)))
        took = time.perf_counter() - began
        side.close()
        return total / took

    return measured(sends, receives, after)


def round_trip(connect: Connect, count: int) -> float:
    """Seconds for 64 bytes there and back."""
    first, second, after = connect
    data = memoryview(bytearray(64))

    def exactly(side: Side) -> None:
        there = 0
        while there < len(data):
            there += side.receive_into(data[there:])

    def answers() -> None:
        side = second()
        for _ in range(count):
            exactly(side)
            side.send(data)
        side.close()

    def asks() -> float:
        side = first()
        began = time.perf_counter()
        for _ in range(count):
            side.send(data)
            exactly(side)
        took = time.perf_counter() - began
        side.close()
        return took / count

    return measured(asks, answers, after)


def measured(ours: Callable[[], float], theirs: Callable[[], None], after: Callable[[], None]) -> float:
    other = multiprocessing.get_context("fork").Process(target=theirs, daemon=True)
    other.start()
    result = ours()
    other.join(60)
    after()
    if other.exitcode != 0:
        raise SystemExit("the other process failed")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="memtalk beside a Unix socket, from Python.")
    parser.add_argument("--quick", action="store_true", help="whether it works, and no more")
    quick: bool = parser.parse_args().quick
    rounds, total, count = (1, 4 << 20, 100) if quick else (9, 1 << 30, 50_000)
    ways: Dict[str, Callable[[], Connect]] = {
        "memtalk, 1 page": lambda: by_memtalk(1),
        "memtalk, 16 pages": lambda: by_memtalk(16),
        "memtalk, 256 pages": lambda: by_memtalk(256),
        "a Unix socket": by_socket,
    }
    questions: List[Tuple[str, float, Callable[[Connect], float]]] = [
        ("one way, MB/s", 1e-6, lambda connect: throughput(connect, total)),
        ("64 bytes there and back, µs", 1e6, lambda connect: round_trip(connect, count)),
    ]
    for question, scale, ask in questions:
        results: Dict[str, List[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, connect in ways.items():
                results[way].append(scale * ask(connect()))
        print(question)
        for way, values in results.items():
            print(
                f"  {way:20} {statistics.median(values):10,.1f}"
                f"   ({min(values):,.1f} to {max(values):,.1f})"
            )


if __name__ == "__main__":
    main()
