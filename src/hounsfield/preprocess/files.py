"""Files and folders that have their names only when they are whole, made by one process at a time."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO

__all__ = ["LOCK", "PARTIAL", "locked", "partial", "publish", "sync", "write_whole"]

PARTIAL = ".partial"
"""How the names of those end that are not whole yet."""


LOCK = ".lock"
"""The file by which a process keeps others out of a folder."""

LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""What file systems say that have no locks."""

fcntl = import_module("fcntl") if find_spec("fcntl") else None


def partial(path: Path) -> Path:
    """Give a name beside `path` that no other process uses."""
    return path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, path: Path) -> None:
    """Give a whole file or folder, whose bytes are on the disk, its name, in place of what may have it."""
    if path.is_dir():
        shutil.rmtree(path)
    temporary.replace(path)
    sync(path.parent)


@contextmanager
def write_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write, which gets its name at the end, unless there was an exception."""
    temporary = partial(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
        # Whoever had it may have removed it since it was opened: then others lock another file.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _created(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise _busy(path, f"another run is at work here, or was killed: then remove {path.name}") from None


def _busy(path: Path, message: str) -> BlockingIOError:
    return BlockingIOError(errno.EAGAIN, message, str(path.parent))
