"""What several tests use."""

from __future__ import annotations

import os
import subprocess
import traceback
from multiprocessing import reduction
from pathlib import Path
from typing import Any, Callable

import memtalk

BOUND = 120
"""How long a child may take, in seconds."""

HERE = Path(__file__).resolve().parent


def ended(process: subprocess.Popen[bytes], status: int = 0) -> bytes:
    """Waits until the process has ended with this status, and returns what it has printed."""
    out, err = process.communicate(timeout=BOUND)
    assert process.returncode == status, err.decode()
    return bytes(out)


def forked(child: Callable[[], bytes]) -> bytes:
    """What `child` returns in a forked process; nothing if it raises."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        # Whatever happens here, this process ends here.
        try:
            os.write(write, child())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as result:
        os.waitpid(process, 0)
        return result.read()


def answers(name: str) -> None:
    """For a child: answers in capitals."""
    with memtalk.open(name, timeout=60) as talk:
        for line in talk.receiver:
            talk.sender.write(line.upper())


def joins(fd: int, connection: Any) -> None:
    """For a child: joins by a descriptor, which it has or receives."""
    if connection is not None:
        fd = reduction.recv_handle(connection)
    with memtalk.join_memfd(fd) as talk:
        talk.sender.write(b"hello")
