"""What several tests use."""

from __future__ import annotations

import subprocess
from multiprocessing import reduction
from pathlib import Path
from typing import Any

import memtalk

BOUND = 120
"""How long a child may take, in seconds."""

HERE = Path(__file__).resolve().parent


def ended(process: subprocess.Popen[bytes], status: int = 0) -> bytes:
    """Waits until the process has ended with this status, and returns what it has printed."""
    out, err = process.communicate(timeout=BOUND)
    assert process.returncode == status, err.decode()
    return bytes(out)


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
