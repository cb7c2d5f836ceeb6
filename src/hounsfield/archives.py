"""Members of tar and zip archives, one after the other; nothing is extracted to disk."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from hounsfield.errors import (
    DicomError,
    LimitError,
    ParseError,
    TruncatedError,
    UnsupportedError,
    raise_it,
)
from hounsfield.sources import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hounsfield.sources import BinaryFile, Source

__all__ = ["MEMBER_LIMIT", "Member", "RangeFile", "is_archive", "members"]

MEMBER_LIMIT = 1 << 30
"""Bytes that a compressed member may have."""

ENDINGS = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "gz",
    ".tgz": "gz",
    ".tar.bz2": "bz2",
    ".tbz2": "bz2",
    ".tar.xz": "xz",
    ".txz": "xz",
}
ALL_ENDINGS = tuple(ENDINGS)

UNPACK: dict[str | None, Callable[[Any], Any]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}

TAR_HEADER_LIMIT = 1 << 20
"""Bytes of the headers of a member of a tar archive, and of those for all: long names and PAX records are in
them."""

MOST_GLOBAL = 1000
"""Records in PAX headers for all members that follow: at each of these, all are looked through."""

DIRECTORY_LIMIT = 1 << 28
"""Bytes of the directory of a zip archive: more than a million files with long names."""

PIECE = 1 << 20
"""Bytes that are inflated at a time."""

MOST_PASSED = 64
"""Members of a compressed tar archive that are held as others were asked for first."""

LOCAL_HEADER = struct.Struct("<4s22xHH")
LOCAL_SIGNATURE = b"PK\x03\x04"


class Member(NamedTuple):
    """A file in an archive.

    Attributes
    ----------
    name : str or None
        As the archive has it; None for what is no member, but ends the list: `open` raises what went wrong.
    open : callable
        Gives its bytes, or a file object that reads them out of the archive by range.
    size : int or None
        Bytes that it has, as the archive says.
    """

    name: str | None
    open: Callable[[], Any]
    size: int | None = None


class RangeFile(io.RawIOBase):
    """A range of a source as a file object; the source may be of many, in several threads."""

    def __init__(
        self, source: Source, start: int = 0, size: int | None = None, name: str | None = None
    ) -> None:
        super().__init__()
        self.name = source.name if name is None else name
        self._source = source
        self._start = start
        self._size = source.size - start if size is None else size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position = offset + (0, self._position, self._size)[whence]
        if position < 0:
            # As files do: `zipfile` takes it for a file without what it looks for at its end.
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), self.name)
        self._position = position
        return position

    def tell(self) -> int:
        return self._position

    def read(self, count: int | None = -1, /) -> bytes:
        left = max(self._size - self._position, 0)
        length = left if count is None or count < 0 else min(count, left)
        data = self._source.read(self._start + self._position, length) if length else b""
        self._position += length
        return bytes(data)

    def readinto(self, out: Any, /) -> int:
        data = self.read(len(out))
        out[: len(data)] = data
        return len(data)


class _Headers:
    """A file object for those who parse an archive: they may read `limit` bytes, and the last are kept.

    It is not enough to limit each read: from Python 3.15 on, `tarfile` reads what is long in pieces.
    """

    def __init__(self, file: BinaryFile, limit: int, name: str | None) -> None:
        self._file = file
        self._limit = self._left = limit
        self._name = name
        self.last = b""
        self.seek = file.seek
        self.tell = file.tell

    def read(self, count: int = -1) -> bytes:
        if count > self._left:
            raise self.too_large()
        self.last = self._file.read(self._left if count < 0 else count)
        self._left -= len(self.last)
        return self.last

    def allow_again(self) -> None:
        """Let as many bytes be read as at first."""
        self._left = self._limit

    def too_large(self) -> LimitError:
        return LimitError(f"a header of the archive has more than {self._limit >> 20} MiB", file=self._name)

    def seekable(self) -> bool:
        return True


def is_archive(name: str) -> bool:
    """Whether a name ends as those of archives do, in capitals or not."""
    return _of_object(name).endswith(ALL_ENDINGS)


def _kind(name: str) -> str | None:
    own = _of_object(name)
    return next((kind for ending, kind in ENDINGS.items() if own.endswith(ending)), None)


def _of_object(name: str) -> str:
    """In small letters; of a chain of URLs, zip://a.dcm::s3://bucket/b.zip, the one of what it gives."""
    if is_url(name):
        name = next(link for link in name.split("::") if "://" in link)
    return name.lower()


def members(source: Source, *, limit: int = MEMBER_LIMIT) -> Iterator[Member]:
    """Give the files of an archive in its order, each when it is asked for.

    Those of uncompressed tar archives, and stored ones of zip archives, are read by range. Those deflated in
    zip archives are inflated when they are opened. Those of compressed tar archives are read when they are
    come to, and their bytes are held by the member, or until `open.release()` is called: then opening it goes
    through the archive once more.

    Folders, links and devices are left out; archives in archives are files like others.

    Parameters
    ----------
    source : Source
        Its name tells the kind of archive.
    limit : int
        Bytes that a compressed member may have: opening a larger one is a LimitError.

    Yields
    ------
    Member
        The last one has no name, and raises when it is opened, if the archive cannot be read to its end:
        ParseError, or TruncatedError, LimitError, OSError.
    """
    kind = _kind(source.name or "")
    try:
        if kind == "zip":
            yield from _zip_members(source, limit)
        else:
            yield from _tar_members(source, kind, limit)
    except Exception as error:  # the parsers raise many kinds for what is broken
        yield Member(None, partial(raise_it, _own(error, source.name)))


def _own(error: Exception, name: str | None) -> Exception:
    """What a parser raised, as an error of ours; those of the operating system as they are."""
    if isinstance(error, DicomError | MemoryError) or (
        isinstance(error, OSError) and error.errno is not None
    ):
        return error
    if isinstance(error, EOFError):
        return TruncatedError(f"the archive ends before it should: {error}", file=name)
    return ParseError(f"the archive is broken: {error}", file=name)


def _open_range(source: Source, start: int, size: int, name: str | None) -> RangeFile:
    if start + size > source.size:
        there = max(source.size - start, 0)
        message = f"the member has {size} bytes, {there} are there, where the archive ends"
        raise TruncatedError(message, file=name, offset=start)
    return RangeFile(source, start, size, name)


# tar


def _tar_members(source: Source, kind: str | None, limit: int) -> Iterator[Member]:
    file = _unpacked(source, kind)
    again = _Again(source, kind)
    headers: Any = _Headers(file, TAR_HEADER_LIMIT, source.name)
    tar: Any = tarfile.TarFile(fileobj=headers)
    end = 0
    while (info := tar.next()) is not None:
        headers.allow_again()
        # What PAX headers say of all members grows with each of them.
        if len(tar.pax_headers) > MOST_GLOBAL:
            message = f"headers of the archive have more than {MOST_GLOBAL} records for all members"
            raise LimitError(message, file=source.name)
        if sum(map(len, chain(*tar.pax_headers.items()))) > TAR_HEADER_LIMIT:
            raise headers.too_large()
        if info.size < 0 or tar.offset <= end:
            raise ParseError("a member has a size below 0", file=source.name, offset=end)
        end = tar.offset
        tar.members.clear()  # where it would keep all that were
        if not info.isreg():
            continue
        name = f"{source.name}::{info.name}"
        if info.issparse():
            error = UnsupportedError("a sparse member of a tar archive", file=name)
            yield Member(info.name, partial(raise_it, error), info.size)
        elif kind not in UNPACK:
            opener = partial(_open_range, source, info.offset_data, info.size, name)
            yield Member(info.name, opener, info.size)
        elif info.size > limit:
            yield Member(info.name, partial(raise_it, _too_large(info.size, limit, name)), info.size)
        else:
            file.seek(info.offset_data)
            data = file.read(info.size)
            if len(data) < info.size:
                message = f"the member has {info.size} bytes, {len(data)} are there"
                yield Member(info.name, partial(raise_it, TruncatedError(message, file=name)), info.size)
            else:
                yield Member(info.name, _Held(data, again, info.offset_data), info.size)
    # What tarfile takes for the end, too:
    if headers.last.strip(b"\0"):
        raise ParseError("a header of the archive is broken", file=source.name, offset=tar.offset)
    if not headers.last:
        raise TruncatedError("the archive has no end: it may have been cut", file=source.name)


def _unpacked(source: Source, kind: str | None) -> Any:
    raw = io.BufferedReader(RangeFile(source), 1 << 16)
    return UNPACK[kind](raw) if kind in UNPACK else raw


def _give(data: bytes) -> bytes:
    return data


class _Again:
    """Members of a compressed tar archive, once more and in about their order.

    What is passed over on the way to one is held until it is asked for: threads take members in turn.
    """

    def __init__(self, source: Source, kind: str | None) -> None:
        self._source = source
        self._kind = kind
        self._lock = threading.Lock()
        self._places: list[tuple[int, int]] = []
        self._file: Any = None
        self._next = 0
        self._passed: dict[int, bytes] = {}

    def add(self, offset: int, size: int) -> int:
        """Take where the next of them is; give its number."""
        self._places.append((offset, size))
        return len(self._places) - 1

    def read(self, number: int) -> bytes:
        """Give the bytes of a member.

        Raises
        ------
        DicomError, OSError
            The archive is no longer what it was.
        """
        try:
            with self._lock:
                data = self._passed.pop(number, None)
                return self._find(number) if data is None else data
        except Exception as error:
            raise _own(error, self._source.name) from error

    def _find(self, number: int) -> bytes:
        if self._file is None or number < self._next:
            self._file, self._next = _unpacked(self._source, self._kind), 0
        while True:
            at, (offset, size) = self._next, self._places[self._next]
            self._file.seek(offset)
            data: bytes = self._file.read(size)
            if len(data) < size:
                raise EOFError(f"{size} bytes of a member are needed, {len(data)} are there")
            self._next += 1
            if at == number:
                return data
            self._passed[at] = data
            if len(self._passed) > MOST_PASSED:
                del self._passed[next(iter(self._passed))]


class _Held:
    """The bytes of a member, here or where they were."""

    def __init__(self, data: bytes, again: _Again, offset: int) -> None:
        self._data: bytes | None = data
        self._again = again
        self._at = offset, len(data)
        self._number = -1

    def __call__(self) -> bytes:
        return self._again.read(self._number) if self._data is None else self._data

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (_give, self())

    def release(self) -> None:
        """Hold them no longer; to be called in the order of the members."""
        if self._data is not None:
            self._number = self._again.add(*self._at)
            self._data = None


def _too_large(size: int, limit: int, name: str) -> LimitError:
    return LimitError(f"the member has {size} bytes, more than member_limit={limit}", file=name)


# zip


def _zip_members(source: Source, limit: int) -> Iterator[Member]:
    headers: Any = _Headers(RangeFile(source), DIRECTORY_LIMIT, source.name)
    with zipfile.ZipFile(headers) as archive:
        infos = archive.infolist()
    for info in infos:
        if not info.is_dir():
            yield Member(info.filename, partial(_open_zipped, source, info, limit), info.file_size)


def _open_zipped(source: Source, info: zipfile.ZipInfo, limit: int) -> Any:
    name = f"{source.name}::{info.filename}"
    if info.flag_bits & 1:
        raise UnsupportedError("an encrypted member of a zip archive", file=name)
    at = info.header_offset
    if not 0 <= at <= source.size - LOCAL_HEADER.size:
        raise TruncatedError("the member is behind the end of the archive", file=name, offset=at)
    signature, *lengths = LOCAL_HEADER.unpack(source.read(at, LOCAL_HEADER.size))
    if signature != LOCAL_SIGNATURE:
        raise ParseError("there is no member where the archive's directory says", file=name, offset=at)
    packed = _open_range(source, at + LOCAL_HEADER.size + sum(lengths), info.compress_size, name)
    if info.compress_type == zipfile.ZIP_STORED:
        return packed
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise UnsupportedError(f"a zip member compressed by method {info.compress_type}", file=name)
    if max(info.file_size, info.compress_size) > limit:
        raise _too_large(max(info.file_size, info.compress_size), limit, name)
    try:
        data = _inflated(packed, info.file_size)
    except zlib.error as error:
        raise ParseError(f"the member cannot be inflated: {error}", file=name) from error
    if data is None or zlib.crc32(data) != info.CRC:
        raise ParseError("the member is not what its checksum says", file=name)
    return data


def _inflated(packed: RangeFile, size: int) -> bytearray | None:
    """What is packed there, if it has this size; beside it, there is a piece of it at most in memory."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data, end = bytearray(size), 0
    while not inflater.eof and (left := inflater.unconsumed_tail or packed.read(PIECE)):
        piece = inflater.decompress(left, PIECE)
        if len(piece) > size - end:
            return None
        data[end : end + len(piece)] = piece
        end += len(piece)
    return data if end == size else None
