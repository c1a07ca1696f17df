"""Two processes on one machine exchange two byte streams through a page of shared memory.

    import memtalk

    with memtalk.open("/someobject", timeout=10) as talk:
        talk.sender.write(b"6 * 7\\n")
        print(talk.receiver.readline())

The other process does the same with the same name, in either order; or it is the command
`memtalk -f /someobject`, or a program in C or Rust.

A talk has two file objects, `talk.sender` and `talk.receiver` (`io.RawIOBase`). The end of the
`with` block is a certificate: every byte was delivered, both ways. A block that raises gives
the talk up, and the peer is told.

- `open`, `pair`, `create_memfd` and `join_memfd` open a `Talk`.
- `open_async` opens an `AsyncTalk`: the streams of asyncio.
- Every exception is an `Error`, and so an `OSError`.

Linux only.
"""

from __future__ import annotations

import atexit

from . import _memtalk
from ._asyncio import AsyncTalk, open_async
from ._errors import (
    Busy,
    Cancelled,
    Damaged,
    Ended,
    Error,
    Foreign,
    Forked,
    InUse,
    InvalidArgument,
    NoPeer,
    NotAllowed,
    NotAtEnd,
    PeerDied,
    PeerGone,
    PeerRestarted,
    PeerStopped,
    Stalled,
)
from ._talk import (
    Name,
    Peer,
    Receiver,
    Sender,
    Talk,
    Waiting,
    create_memfd,
    join_memfd,
    open,
    pair,
)

__all__ = [
    "AsyncTalk",
    "Busy",
    "Cancelled",
    "Damaged",
    "Ended",
    "Error",
    "Foreign",
    "Forked",
    "InUse",
    "InvalidArgument",
    "Name",
    "NoPeer",
    "NotAllowed",
    "NotAtEnd",
    "Peer",
    "PeerDied",
    "PeerGone",
    "PeerRestarted",
    "PeerStopped",
    "Receiver",
    "Sender",
    "Stalled",
    "Talk",
    "Waiting",
    "create_memfd",
    "join_memfd",
    "open",
    "open_async",
    "pair",
]

for _class in list(globals().values()):
    if isinstance(_class, type) and _class.__module__.startswith("memtalk._"):
        _class.__module__ = "memtalk"
del _class

# The interpreter does not drop everything that is alive when it ends. Without this, peers would
# take that for a death, and a name for which nobody came would stay.
atexit.register(_memtalk.leave_all)
