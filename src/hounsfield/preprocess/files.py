"""Files and folders that have their names only when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["PARTIAL", "partial", "publish", "sync", "write_whole"]

PARTIAL = ".partial"
"""How the names of those end that are not whole yet."""


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
