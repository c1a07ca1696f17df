"""What can go wrong with a talk.

Every exception is an `Error`, and so an `OSError`. `status` is the exit status with which the
command `memtalk` ends in this case: `sys.exit(error.status)` does the same.
"""

from __future__ import annotations


class Error(OSError):
    """Something went wrong with a talk: a system call, if it is no subclass of this.

    `str()` is one line that says what happened and what to do. `errno` is the number of the
    system's error, or of the one that comes closest.
    """

    status: int = 1
    """The exit status with which the command ends in this case."""

    def __str__(self) -> str:
        return str(self.strerror)


class InvalidArgument(Error, ValueError):
    """A name, a number of pages, a mode, an offset or a time is not valid. Status 255."""


class NoPeer(Error, TimeoutError):
    """No peer came in time. Status 3."""


class Busy(Error):
    """Two parties already talk through the object, or a process keeps it locked. Status 5."""


class NotAllowed(Error, PermissionError):
    """The object belongs to another user, or lets in more users than it should. Status 6, or 3
    if an earlier talk has left it behind."""


class Foreign(Error):
    """What is there is no object of memtalk's, or has another version, layout or size. It was
    left untouched. Status 6."""


class Damaged(Error):
    """Something that is not memtalk has written to the shared memory (status 4), or somebody
    has truncated it (status 6)."""


class PeerGone(Error, ConnectionResetError):
    """The peer has gone, and a stream is incomplete. What it had sent can be read first.
    Status 4."""


class PeerDied(PeerGone):
    """The peer died: it ended without a word."""


class PeerStopped(PeerGone):
    """The peer stopped before the streams were complete. It failed, or was interrupted."""


class PeerRestarted(PeerGone):
    """The peer, a virtual machine or a device, has started again."""


class Stalled(Error, TimeoutError):
    """The peer did not go on in time. The call may be made again. Status 4."""


class Cancelled(Error, ConnectionAbortedError):
    """The wait for a peer was given up. Status 1."""


class Ended(Error, ValueError):
    """This end is closed, or the talk was given up on this side. Status 1."""


class NotAtEnd(Error):
    """The stream was to be confirmed before its end was reached. Status 1."""


class InUse(Error):
    """Another thread is using this end. Status 1."""


class Forked(Error):
    """The talk, or the thread that waits for ends that are selected on, belongs to the process
    from which this one was forked. Status 1."""
