"""Request and reply, a line each: one process adds numbers, the other one asks."""

import subprocess
import sys

import memtalk


def answer(name: str) -> None:
    with memtalk.open(name, timeout=10) as talk:
        for line in talk.receiver:  # Until the end of the stream.
            total = sum(float(word) for word in line.split())
            talk.sender.write(f"{total:g}\n".encode())


def ask(name: str) -> None:
    with memtalk.open(name, timeout=10) as talk:
        talk.receiver.timeout = 10
        for request in ["1 2 3", "0.5 0.25"]:
            talk.sender.write(f"{request}\n".encode())
            print(request, "=", talk.receiver.readline().decode().strip())


if __name__ == "__main__":
    if len(sys.argv) == 3:
        answer(sys.argv[2])
    else:
        name = sys.argv[1]
        with subprocess.Popen([sys.executable, __file__, "answer", name]):
            ask(name)
