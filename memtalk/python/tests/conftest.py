"""What the tests share: names that are removed again, other interpreters, and the command.

Every wait has a bound: pytest's own (`timeout` in pyproject.toml), and that of each child.
`MEMTALK` is the command, and `NAMES` the beginning of all names; `check` sets both, and removes
the names once more when the tests are over, however they end.
"""

from __future__ import annotations

import gc
import glob
import itertools
import os
import subprocess
import sys
import textwrap
import time
from typing import Any, Callable, Iterator, List

import pytest

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def name() -> Iterator[str]:
    """A name of its own for each test. Afterwards nothing is left of it."""
    number = next(_numbers)
    name = f"{os.environ.get('NAMES', '/memtalk-py')}-{os.getpid()}-{number}"
    yield name
    # Exceptions may still have talks, and a peer may be about to leave.
    gc.collect()
    end = time.monotonic() + 10
    while (left := glob.glob(f"/dev/shm{name}*")) and time.monotonic() < end:
        time.sleep(0.01)
    for path in left:
        os.unlink(path)
    assert not left, "a test has left its object behind"


_numbers = itertools.count()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that does not outlive the test."""
    running: List["subprocess.Popen[bytes]"] = []

    def start(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(arguments, **options)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def python(start: Start) -> Start:
    """Starts another interpreter with this program."""

    def python(program: str, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        program = "import sys, memtalk\n" + textwrap.dedent(program)
        return start(sys.executable, "-c", program, *arguments, **options)

    return python


@pytest.fixture
def command(start: Start) -> Start:
    """Starts the command with these arguments."""
    path = os.environ.get("MEMTALK")
    if path is None:
        pytest.skip("MEMTALK is not set to the command")

    def command(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        return start(path, *arguments, **{"stdin": subprocess.PIPE, **options})

    return command
