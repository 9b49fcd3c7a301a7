"""Locks between processes on one machine, by files beside the SQLite database.

`WriteLock` is held by every write transaction and checkpoint, in any process: SQLite before 3.51.3 can corrupt a WAL
when one connection commits while another checkpoints (https://sqlite.org/wal.html#walresetbug), and the command line
writes beside the service. `OwnerLock` is held by the one service process of a database.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from pathlib import Path
from types import TracebackType

from connector.errors import Locked

_flock = ctypes.PyDLL(None).flock
"""flock(2) without giving up the interpreter's lock: beside a busy event loop `fcntl.flock` waits half a millisecond
for it after each call, which is four times a commit."""


def _lock(file: int) -> None:
    if _flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):  # somebody has it: wait, and let others run meanwhile
        fcntl.flock(file, fcntl.LOCK_EX)


def _unlock(file: int) -> None:
    _flock(file, fcntl.LOCK_UN)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class WriteLock:
    """One writer at a time; who waits at the turnstile is next, so that a busy service starves nobody."""

    def __init__(self, database: Path) -> None:
        self._turnstile = _open(database.with_name(database.name + ".next"))
        self._lock = _open(database.with_name(database.name + ".lock"))

    def __enter__(self) -> None:
        _lock(self._turnstile)
        try:
            _lock(self._lock)
        finally:
            _unlock(self._turnstile)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _unlock(self._lock)

    def close(self) -> None:
        """Give the files back."""
        os.close(self._turnstile)
        os.close(self._lock)


class OwnerLock:
    """Held for the life of a service process; the system frees it when the process dies, however it dies."""

    def __init__(self, database: Path) -> None:
        self._file = _open(database.with_name(database.name + ".owner"))
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise Locked(
                f"another connector service is running on {database}: stop it first, or give this one its own "
                "CONNECTOR_DATABASE_URL (several processes on one database need PostgreSQL)"
            ) from None

    def close(self) -> None:
        """Let another service have the database."""
        os.close(self._file)
