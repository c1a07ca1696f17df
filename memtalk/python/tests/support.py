"""What several tests use."""

from __future__ import annotations

import subprocess
from pathlib import Path

BOUND = 120
"""How long a child may take, in seconds."""

HERE = Path(__file__).resolve().parent


def ended(process: subprocess.Popen[bytes], status: int = 0) -> bytes:
    """Waits until the process has ended with this status, and returns what it has printed."""
    out, err = process.communicate(timeout=BOUND)
    assert process.returncode == status, err.decode()
    return bytes(out)
