"""Folders that one process at a time is at work in."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

__all__ = ["LOCK", "locked"]

LOCK = ".lock"
"""The file by which a process keeps others out of a folder."""

LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""What file systems say that have no locks."""

fcntl = import_module("fcntl") if find_spec("fcntl") else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder until this one leaves it, or ends, however it does.

    Where the operating system has no `flock`, the file that keeps them out stays if this one is killed; where
    the file system has no locks, nobody is kept out.

    Raises
    ------
    BlockingIOError
        Another process is in there.
    """
    path = folder / LOCK
    descriptor = _created(path) if fcntl is None else _flocked(path)
    try:
        yield
    finally:
        if fcntl is None:
            os.close(descriptor)
            path.unlink(missing_ok=True)
        else:
            if _is_at(path, descriptor):
                path.unlink(missing_ok=True)
            os.close(descriptor)


def _flocked(path: Path) -> int:
    assert fcntl is not None
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in LOCKLESS:
                return descriptor
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise _busy(path, "another run is at work here") from None
            raise
        if _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether it is still what others lock: who had it before may have removed it, or the folder, since."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _created(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise _busy(path, f"another run is at work here, or was killed: then remove {path.name}") from None


def _busy(path: Path, message: str) -> BlockingIOError:
    return BlockingIOError(errno.EAGAIN, message, str(path.parent))
