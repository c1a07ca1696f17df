"""Between processes: the command, another interpreter, and children of all kinds."""

from __future__ import annotations

import array
import glob
import io
import multiprocessing
import os
import socket
import sys
from multiprocessing import reduction
from typing import Any, Callable, List

import memtalk
import pytest
from support import answers, ended, forked, joins


def test_it_talks_with_the_command(name: str, command: Any) -> None:
    other = command("-f", name, "--timeout", "60")
    with memtalk.open(name, timeout=60) as talk:
        talk.sender.write(b"from Python\n")
        other.stdin.write(b"from the command\n")
        other.stdin.close()
        other.stdin = None
        rest = io.BytesIO()
        talk.finish(rest)
    assert rest.getvalue() == b"from the command\n"
    assert ended(other) == b"from Python\n"


def test_the_command_is_told_of_a_failure(name: str, command: Any) -> None:
    other = command("-f", name, "--timeout", "60")
    with pytest.raises(ZeroDivisionError):
        with memtalk.open(name, timeout=60) as talk:
            talk.sender.write(b"half")
            1 / 0
    assert ended(other, 4) == b"half"


def test_statuses_are_those_of_the_command(name: str, command: Any, python: Any) -> None:
    program = """
        try:
            memtalk.open(sys.argv[1], timeout=0)
        except memtalk.Error as error:
            print(error, file=sys.stderr)
            sys.exit(error.status)
        """
    for bad in [name, "noslash"]:
        theirs = command("-f", bad, "--timeout", "0")
        ours = python(program, bad)
        for process in [theirs, ours]:
            process.communicate(timeout=60)
        assert ours.returncode == theirs.returncode != 0


def test_the_death_of_the_peer_is_noticed(name: str, python: Any) -> None:
    other = python(
        """
        talk = memtalk.open(sys.argv[1], timeout=60)
        talk.sender.write(b"last words")
        talk.receiver.read(1)
        """,
        name,
    )
    talk = memtalk.open(name, timeout=60)
    assert talk.receiver.read(4) == b"last"
    peer = talk.peer()
    assert peer is not None and peer.pid == other.pid and peer.user == os.getuid()
    assert not talk.peer_is_gone
    other.kill()
    with pytest.raises(memtalk.PeerDied):
        while talk.receiver.read(100):
            pass
    assert talk.receiver.count == len(b"last words")
    assert talk.peer_is_gone


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_opens_by_name(name: str, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    # The parent has talks and threads of its own, and has selected on an end.
    one, other = memtalk.pair()
    one.receiver.fileno()
    child = context.Process(target=answers, args=(name,))
    child.start()
    with memtalk.open(name, timeout=60) as talk:
        talk.sender.write(b"hello\n")
        assert talk.receiver.readline() == b"HELLO\n"
    child.join(60)
    assert child.exitcode == 0
    one.sender.write(b"still here")
    assert other.receiver.read(100) == b"still here"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_joins_by_descriptor(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    with memtalk.create_memfd(timeout=60) as waiting:
        ours = theirs = None
        if method == "spawn":  # A forked child has the descriptor anyhow.
            ours, theirs = context.Pipe()
        child = context.Process(target=joins, args=(waiting.fileno(), theirs))
        child.start()
        if ours is not None:
            reduction.send_handle(ours, waiting.fileno(), child.pid)
        with waiting.wait() as talk:
            assert talk.receiver.read() == b"hello"
    child.join(60)
    assert child.exitcode == 0


def test_a_child_joins_by_an_inherited_descriptor(python: Any) -> None:
    with memtalk.create_memfd(timeout=60) as waiting:
        fd = waiting.fileno()
        other = python(
            """
            with memtalk.join_memfd(int(sys.argv[1])) as talk:
                talk.sender.write(talk.receiver.read())
            """,
            str(fd),
            pass_fds=[fd],
        )
        with waiting.wait() as talk:
            talk.sender.write(b"there and back")
            talk.sender.close()
            assert talk.receiver.read() == b"there and back"
    ended(other)


def test_a_descriptor_is_sent_over_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with memtalk.create_memfd(timeout=60) as waiting, ours, theirs:
        rights = array.array("i", [waiting.fileno()])
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        _, [(_, _, received)], _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
        [fd] = array.array("i", received)
        other = memtalk.join_memfd(fd)
        os.close(fd)
        talk = waiting.wait()
    talk.sender.write(b"x")
    assert other.receiver.read(1) == b"x"


def test_a_forked_child_is_refused_and_does_no_harm() -> None:
    one, other = memtalk.pair()
    one.sender.write(b"before")

    def child() -> bytes:
        nonlocal one, other
        calls: List[Callable[[], object]] = [
            lambda: one.sender.write(b"x"),
            lambda: one.receiver.try_read(),
            lambda: one.sender.fileno(),
            lambda: one.give_up(),
            lambda: one.close(),
        ]
        for call in calls:
            with pytest.raises(memtalk.Forked):
                call()
        del one, other, calls
        memtalk._memtalk.leave_all()
        # Another talk works there.
        three, four = memtalk.pair()
        three.sender.write(b"works")
        return four.receiver.read(5)

    assert forked(child) == b"works"
    assert other.receiver.read(10) == b"before"
    other.sender.write(b"after")
    assert one.receiver.read(10) == b"after"


def test_after_a_fork_only_the_parent_selects() -> None:
    one, other = memtalk.pair()
    one.receiver.fileno()
    assert one.receiver.try_read() is None  # Now the thread that waits is there.

    def child() -> bytes:
        three, four = memtalk.pair()
        four.sender.write(b"blocking calls work")
        works = three.receiver.read(100)
        three.receiver.fileno()
        with pytest.raises(memtalk.Forked):
            three.receiver.read(1)
        return works

    assert forked(child) == b"blocking calls work"
    other.sender.write(b"parent")
    assert one.receiver.read(10) == b"parent"


ENDS = {
    "with an open talk": "talk.sender.write(b'!')",
    "by sys.exit": "talk.sender.write(b'!'); sys.exit(0)",
    "while a thread waits for the peer to write": """
import threading
threading.Thread(target=talk.receiver.read, args=(1,), daemon=True).start()
talk.sender.write(b'!')
""",
    "while a thread waits for room": """
import threading, time
threading.Thread(target=talk.sender.write, args=(bytes(10**6),), daemon=True).start()
while talk.sender.count < talk.sender.capacity: time.sleep(0.001)
""",
    "while a thread selects": """
import select, threading
fd = talk.receiver.fileno()
talk.receiver.try_read()
threading.Thread(target=select.select, args=([fd], [], []), daemon=True).start()
talk.sender.write(b'!')
""",
    "while a thread opens another talk": """
import os, threading, time
name = sys.argv[1] + "-another"
threading.Thread(target=memtalk.open, args=(name,), daemon=True).start()
while not os.path.exists("/dev/shm" + name): time.sleep(0.001)
talk.sender.write(b'!')
""",
    "from within the block": "talk.__enter__(); talk.sender.write(b'!')",
}


@pytest.mark.parametrize("how", ENDS)
def test_an_interpreter_that_ends_is_no_death(how: str, name: str, python: Any) -> None:
    program = "talk = memtalk.open(sys.argv[1], timeout=60)\n" + ENDS[how]
    other = python(program, name)
    talk = memtalk.open(name, timeout=60)
    assert talk.receiver.read(1)
    assert ended(other) == b""
    with pytest.raises(memtalk.PeerStopped):
        while talk.receiver.read(1 << 20):
            pass
    assert not glob.glob(f"/dev/shm{name}*")


def test_a_subinterpreter_that_ends_leaves_the_talks_of_others_alone(python: Any) -> None:
    other = python(
        """
        try:
            import _interpreters as subinterpreters
        except ImportError:
            import _xxsubinterpreters as subinterpreters
        # From Python 3.12 on it cannot be imported there.
        program = "try: import memtalk\\nexcept ImportError: pass"
        one, other = memtalk.pair()
        ends = subinterpreters.create()
        subinterpreters.run_string(ends, program)
        subinterpreters.destroy(ends)
        one.sender.write(b"x")
        print(other.receiver.read(1).decode())
        # This one ends with the process.
        subinterpreters.run_string(subinterpreters.create(), program)
        """
    )
    assert ended(other) == b"x\n"


def test_the_package_can_be_loaded_again() -> None:
    import importlib

    importlib.reload(memtalk)
    assert sys.modules["memtalk"] is memtalk
