"""Bad input is an exception, with the status of the command, and never a crash."""

from __future__ import annotations

import os
import pickle
import threading
from typing import Any, List

import memtalk
import pytest


@pytest.mark.parametrize("wrong", ["", "noslash", "/", "/a/b", "/..", "/a\0b", "/" + "n" * 255, b"x"])
def test_what_is_no_name_is_refused(wrong: Any) -> None:
    with pytest.raises(memtalk.InvalidArgument) as raised:
        memtalk.open(wrong, timeout=0)
    assert raised.value.status == 255
    assert isinstance(raised.value, (OSError, ValueError))


@pytest.mark.parametrize("wrong", [None, 5, ["/x"]])
def test_what_is_no_text_is_no_name(wrong: Any) -> None:
    with pytest.raises(TypeError):
        memtalk.open(wrong, timeout=0)


def test_a_name_need_not_be_utf_8(name: str) -> None:
    strange = os.fsencode(name) + b"-\xff\xfe"
    both: List[memtalk.Name] = [strange, os.fsdecode(strange)]
    for one in both:
        with pytest.raises(memtalk.NoPeer):
            memtalk.open(one, timeout=0)
    opened: List[memtalk.Talk] = []
    thread = threading.Thread(target=lambda: opened.append(memtalk.open(strange, timeout=60)))
    thread.start()
    talk = memtalk.open(os.fsdecode(strange), timeout=60)
    thread.join()
    talk.sender.write(b"x")
    assert opened[0].receiver.read(1) == b"x"


@pytest.mark.parametrize("option", ["pages", "mode", "offset"])
@pytest.mark.parametrize("wrong", [-1, 2**70, -(2**70), 3.5, "2"])
def test_a_number_that_is_none_is_refused(option: str, wrong: Any, name: str) -> None:
    kinds = (TypeError,) if isinstance(wrong, (float, str)) else (memtalk.InvalidArgument,)
    with pytest.raises(kinds):
        options: Any = {option: wrong}
        memtalk.open(name, timeout=0, **options)


def test_no_peer_in_time_is_a_timeout(name: str) -> None:
    for timeout in [0, 0.02]:
        with pytest.raises(memtalk.NoPeer) as raised:
            memtalk.open(name, timeout=timeout)
        assert isinstance(raised.value, TimeoutError)
        assert raised.value.status == 3
        assert str(raised.value).startswith("no peer came within")


def test_an_object_of_somebody_else_is_left_untouched(name: str) -> None:
    path = "/dev/shm" + name
    with open(path, "wb") as file:
        file.write(b"not memtalk's" * 1000)
    os.chmod(path, 0o600)
    with pytest.raises(memtalk.Foreign) as raised:
        memtalk.open(name, timeout=0)
    assert raised.value.status == 6
    with open(path, "rb") as file:
        assert file.read() == b"not memtalk's" * 1000
    os.unlink(path)


def test_a_remedy_names_the_options_of_python(name: str) -> None:
    opened: List[memtalk.Talk] = []
    thread = threading.Thread(
        target=lambda: opened.append(memtalk.open(name, timeout=60, pages=2))
    )
    thread.start()
    while not os.path.exists("/dev/shm" + name):
        thread.join(0.01)
    with pytest.raises(memtalk.Foreign, match="leave pages= out"):
        memtalk.open(name, timeout=1, pages=3)
    talk = memtalk.open(name, timeout=60)
    thread.join()
    with pytest.raises(memtalk.Busy) as raised:
        memtalk.open(name, timeout=0)
    assert raised.value.status == 5
    talk.give_up()


@pytest.mark.parametrize("wrong", [-1, 10**6, 2**40])
def test_a_descriptor_that_is_none_is_refused(wrong: int) -> None:
    with pytest.raises((OSError, OverflowError)):
        memtalk.join_memfd(wrong)


def test_a_descriptor_of_something_else_is_refused() -> None:
    with open("/dev/null", "rb") as file:
        with pytest.raises(memtalk.Error) as raised:
            memtalk.join_memfd(file.fileno())
    assert raised.value.status == 6


def test_exceptions_are_of_one_family_and_can_be_pickled() -> None:
    for name in memtalk.__all__:
        kind = getattr(memtalk, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert issubclass(kind, memtalk.Error) and issubclass(kind, OSError)
            error = kind(5, "words")
            error.status = 4
            copy = pickle.loads(pickle.dumps(error))
            assert (type(copy), str(copy), copy.errno, copy.status) == (kind, "words", 5, 4)


def test_memory_without_a_name_is_waited_for_once() -> None:
    with memtalk.create_memfd(timeout=0.01) as waiting:
        with pytest.raises(memtalk.NoPeer):
            waiting.wait()
        with pytest.raises(memtalk.Ended):
            waiting.wait()
    with pytest.raises(memtalk.Ended):
        waiting.fileno()
    waiting.close()
