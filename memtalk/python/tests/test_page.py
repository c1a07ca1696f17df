"""The page's examples run, and are what the page shows; everything public is documented."""

from __future__ import annotations

import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any

import memtalk
from support import HERE, ended

EXAMPLES = HERE.parent / "examples"
PAGE = (HERE.parent / "README.md").read_text(encoding="utf-8")


def example(start: Any, file: str, *arguments: str) -> str:
    return ended(start(sys.executable, str(EXAMPLES / file), *arguments)).decode()


def test_request_and_reply(name: str, start: Any) -> None:
    assert example(start, "request_reply.py", name) == "1 2 3 = 6\n0.5 0.25 = 0.75\n"


def test_a_transfer_with_progress(name: str, start: Any, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(data)
    out = example(start, "progress.py", name, str(source), str(copy))
    assert out == "3000001 bytes arrived\n"
    assert copy.read_bytes() == data


def test_asyncio(name: str, start: Any) -> None:
    assert example(start, "streams.py", name) == "hello HELLO\ngoodbye GOODBYE\n"


def test_the_page_shows_the_examples_as_they_are() -> None:
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for path in sorted(EXAMPLES.glob("*.py")):
        assert path.read_text(encoding="utf-8") in shown, path.name


def test_everything_public_says_what_it_is() -> None:
    for name in memtalk.__all__:
        kind = getattr(memtalk, name)
        if kind is memtalk.Name:
            continue
        assert kind.__module__.startswith("memtalk")
        assert inspect.getdoc(kind), name
        if inspect.isclass(kind):
            for method, member in vars(kind).items():
                if not method.startswith("_") and callable(member):
                    text = f"{name}.{method}"
                    assert inspect.getdoc(member), text
