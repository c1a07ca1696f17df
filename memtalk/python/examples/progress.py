"""A file goes to another process. A line on standard error says how far it is."""

import multiprocessing
import os
import sys

import memtalk


PAGES = 64  # More pages, more throughput.


def send(name: str, path: str) -> None:
    size = os.path.getsize(path)
    with memtalk.open(name, timeout=10, pages=PAGES) as talk, open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            talk.sender.write(chunk)
            print(f"\r{talk.sender.count / size:4.0%}", end="", file=sys.stderr)
        print(file=sys.stderr)
    # Here the other side has said that all of it has arrived.


def receive(name: str, path: str) -> None:
    with memtalk.open(name, timeout=10, pages=PAGES) as talk, open(path, "wb") as file:
        talk.finish(file)


if __name__ == "__main__":
    name, source, copy = sys.argv[1:]
    other = multiprocessing.Process(target=receive, args=(name, copy))
    other.start()
    send(name, source)
    other.join()
    print(os.path.getsize(copy), "bytes arrived")
