"""Where bytes come from: a path, a buffer, a file object or a URL, all read by offset.

A source keeps no file open and copies nothing it does not have to. It knows its size when it is made, and a
read that cannot be served in full is an error, because the size said that the bytes are there.
"""

import errno
import io
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any, Protocol
from weakref import WeakValueDictionary

from hounsfield.errors import DicomError, OptionError, SourceError
from hounsfield.forks import after_fork
from hounsfield.ranges import Version, fetch_part

__all__ = [
    "BinaryFile",
    "BufferSource",
    "FileSource",
    "OpenFile",
    "PathSource",
    "RemoteSource",
    "Source",
    "as_path",
    "as_text",
    "file_system",
    "is_url",
    "open_source",
    "own_errors",
    "public_name",
]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+(::.*)?://")  # two letters at least: one is a drive

_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s'\"]+")
_CREDENTIALS = re.compile(r"(?<=://)[^/?]*@")
_QUERY = re.compile(r"\?.*", re.DOTALL)
_NO_UTF8 = re.compile(r"\\u(dc[89a-f][0-9a-f])")

MOST_BELOW = 16
"""File objects below one another that are looked at: one may have itself below."""

NO_RANGES = "is served whole, not by ranges: fetch it, and pass its bytes"

if sys.platform == "win32":
    _FLAGS = os.O_RDONLY | os.O_BINARY

    def _pread(descriptor: int, length: int, offset: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)

    def _pread_into(descriptor: int, out: memoryview, offset: int) -> int:
        data = _pread(descriptor, len(out), offset)
        out[: len(data)] = data
        return len(data)
else:
    _FLAGS = os.O_RDONLY | os.O_NONBLOCK  # or opening a pipe would wait for its other end
    _pread = os.pread

    def _pread_into(descriptor: int, out: memoryview, offset: int) -> int:
        return os.preadv(descriptor, [out], offset)


class BinaryFile(Protocol):
    """What is asked of a file object: to be seekable, and to give bytes."""

    def read(self, count: int, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> object: ...
    def tell(self) -> int: ...


class Source(Protocol):
    """Bytes that can be read by offset.

    Attributes
    ----------
    name : str or None
        For messages: the path, what the file object calls itself, or the `public_name` of the URL.
    size : int
        In bytes.
    """

    name: str | None
    size: int

    def read(self, offset: int, length: int) -> bytes | memoryview:
        """Give `length` bytes from `offset` on.

        Raises
        ------
        SourceError
            The source was closed, or has changed since it was opened.
        """
        ...

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill `out`, a writable view of bytes, from `offset` on; raises as `read` does."""
        ...

    def close(self) -> None:
        """Release what is held; reads fail from now on."""
        ...


class PathSource:
    """A file, opened for each read and closed again.

    A data set may live long after its file was read, and thousands may be alive at once, so no descriptor is
    kept. Size and time of the last change tell whether it is still the same file.
    """

    __slots__ = ("_identity", "name", "size")

    name: str | None

    def __init__(self, name: str, identity: tuple[int, int, int]) -> None:
        """Take a path with the size, inode and time of change it had when it was looked at."""
        self.name = name
        self.size = identity[0]
        self._identity: tuple[int, int, int] | None = identity

    @classmethod
    def with_head(cls, name: str, length: int) -> tuple["PathSource", bytes]:
        """Open a path and read its first `length` bytes, or as many as its size says it has."""
        descriptor = os.open(name, _FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                if stat.S_ISDIR(status.st_mode):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
                raise OptionError("is not a regular file: read it, and pass the bytes", file=name)
            source = cls(name, _identity(status))
            head = _read(descriptor, min(length, source.size), 0, name)
            source._check(descriptor)
            return source, head
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        if self._identity is None or self.name is None:
            raise SourceError("is closed", file=self.name)
        descriptor = os.open(self.name, _FLAGS)
        try:
            self._check(descriptor)
        except SourceError:
            os.close(descriptor)
            raise
        return descriptor

    def _check(self, descriptor: int) -> None:
        """See that it is still the same file.

        Also after a read: while a file is cut, Linux may give zeros for what was there.
        """
        expected = self._identity
        if expected is None:  # by another thread
            raise SourceError("is closed", file=self.name)
        if _identity(os.fstat(descriptor)) != expected:
            raise SourceError("has changed since it was opened: read it again", file=self.name)

    def read(self, offset: int, length: int) -> bytes:
        descriptor = self._open()
        try:
            data = _read(descriptor, length, offset, self.name)
            self._check(descriptor)
            return data
        finally:
            os.close(descriptor)

    @contextmanager
    def held_open(self) -> Iterator["OpenFile"]:
        """Open the file once, for many reads."""
        descriptor = self._open()
        try:
            yield OpenFile(descriptor, self.name)
            self._check(descriptor)
        finally:
            os.close(descriptor)

    def read_into(self, offset: int, out: memoryview) -> None:
        descriptor = self._open()
        try:
            done = 0
            while done < len(out):
                try:
                    count = _pread_into(descriptor, out[done:], offset + done)
                except OSError as error:
                    error.filename = self.name
                    raise
                if not count:
                    raise _short(self.name, offset, len(out), done)
                done += count
            self._check(descriptor)
        finally:
            os.close(descriptor)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle where the file is and which it was: another process may work in another folder."""
        if self._identity is None or self.name is None:
            raise SourceError("is closed", file=self.name)
        return PathSource, (os.path.abspath(self.name), self._identity)  # noqa: PTH100 - a str

    def close(self) -> None:
        self._identity = None


class OpenFile:
    """A file that is open as long as `PathSource.held_open` holds it."""

    __slots__ = ("_descriptor", "_name")

    def __init__(self, descriptor: int, name: str | None) -> None:
        self._descriptor = descriptor
        self._name = name

    def read(self, offset: int, length: int) -> bytes:
        return _read(self._descriptor, length, offset, self._name)


def _read(descriptor: int, length: int, offset: int, name: str | None) -> bytes:
    data = _some(descriptor, length, offset, name)
    while len(data) < length:
        more = _some(descriptor, length - len(data), offset + len(data), name)
        if not more:
            raise _short(name, offset, length, len(data))
        data += more
    return data


def _some(descriptor: int, length: int, offset: int, name: str | None) -> bytes:
    try:
        return _pread(descriptor, length, offset)
    except OSError as error:
        error.filename = name  # which the system does not know
        raise


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_ino, status.st_mtime_ns // 1000


class BufferSource:
    """Bytes in memory: bytes, bytearray, memoryview, mmap or an array. Reads are views, not copies."""

    __slots__ = ("_view", "name", "size")

    def __init__(self, buffer: Any, name: str | None = None) -> None:
        view = memoryview(buffer)
        # Only contiguous bytes can be looked at in place.
        self._view: memoryview | None = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())
        self.name = name
        self.size = self._view.nbytes

    def read(self, offset: int, length: int) -> memoryview:
        view = self._view
        if view is None:
            raise SourceError("is closed", file=self.name)
        if offset + length > self.size:
            raise _short(self.name, offset, length, max(self.size - offset, 0))
        return view[offset : offset + length]

    def read_into(self, offset: int, out: memoryview) -> None:
        out[:] = self.read(offset, len(out))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the bytes: a buffer is of one process."""
        data = self.read(0, self.size)
        same = type(data.obj) is bytes and len(data.obj) == self.size
        return BufferSource, (data.obj if same else bytes(data), self.name)

    def close(self) -> None:
        self._view = None


_locks: WeakValueDictionary[int, threading.Lock] = WeakValueDictionary()
# A garbage collection, or a signal, may come while it is held, and have something opened.
_finding = threading.RLock()


def _lock_of(owner: object) -> threading.Lock:
    """Give the one lock of what has one position, or connection, for all that is read from it."""
    with _finding:
        return _locks.setdefault(id(owner), threading.Lock())


@after_fork
def _forget_locks() -> None:
    """Threads that a forked process does not have may have held them."""
    global _finding, _locks
    _finding, _locks = threading.RLock(), WeakValueDictionary()


class FileSource:
    """A seekable binary file object. It stays open, and the caller's to close.

    Reads are one at a time: a file object has one position, and those of the members of a tar archive, as
    `tarfile` gives them, have one between them. So have those of a file that is open in a process and in one
    that was forked from it: there a file is read without moving its position, and a file object that has
    another one below is not read at all.
    """

    __slots__ = ("_file", "_lock", "_process", "_start", "name", "size")

    def __init__(self, file: BinaryFile, start: int | None = None) -> None:
        """Take what is behind `start`, or behind where the file stands."""
        name = getattr(file, "name", None)
        self.name = public_name(name) if isinstance(name, str) else None
        self._file: BinaryFile | None = file
        try:
            self._lock = _lock_of(_owner(file))
            self._process = os.getpid()
            with self._lock:
                if isinstance(file.read(0), str):
                    raise TypeError("the file object gives text: open it in binary mode")
                self._start = file.tell() if start is None else start
                # It tells the position in most file objects, and nothing in some.
                file.seek(0, os.SEEK_END)
                self.size = file.tell() - self._start
                file.seek(self._start)
        except (OSError, ValueError) as error:
            raise OptionError(
                f"the file object cannot seek ({error}): pass its bytes", file=self.name
            ) from error

    def read(self, offset: int, length: int) -> bytes:
        file = self._file  # another thread may close this meanwhile
        if file is None:
            raise SourceError("is closed", file=self.name)
        if self._process != os.getpid():
            if _is_plain(file):
                return self._read_at(file, offset, length)
            self._take_over(file)
        parts = []
        missing = length
        with self._lock:
            try:
                file.seek(self._start + offset)
            except ValueError as error:
                raise SourceError(f"cannot be read any more: {error}", file=self.name) from error
            while missing:
                part = file.read(missing)
                if not part:
                    raise _short(self.name, offset, length, length - missing)
                parts.append(part)
                missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_at(self, file: Any, offset: int, length: int) -> bytes:
        """Read a plain file wherever its position is, which another process has, too."""
        try:
            descriptor = file.fileno()
        except ValueError as error:
            raise SourceError(f"cannot be read any more: {error}", file=self.name) from error
        return _read(descriptor, length, self._start + offset, self.name)

    def _take_over(self, file: BinaryFile) -> None:
        """Be of a forked process, unless what is read has its position together with another one."""
        if _has_descriptor(file):
            raise SourceError(
                "was opened before this process was forked, which would move its position in both: "
                "open it here, or pass its bytes",
                file=self.name,
            )
        self._lock = _lock_of(_owner(file))
        self._process = os.getpid()

    def read_into(self, offset: int, out: memoryview) -> None:
        out[:] = self.read(offset, len(out))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the bytes: an open file is of one process."""
        return BufferSource, (self.read(0, self.size), self.name)

    def close(self) -> None:
        self._file = None


def _owner(file: object) -> object:
    """What has the position of a file object."""
    raw = getattr(file, "raw", file)
    return getattr(raw, "fileobj", raw)


def _is_plain(file: object) -> bool:
    """Whether it is what `open` gives for a file to be read, which can be read anywhere at any time."""
    if not hasattr(os, "pread"):
        return False
    return type(file) is io.FileIO or (type(file) is io.BufferedReader and type(file.raw) is io.FileIO)


def _has_descriptor(file: object) -> bool:
    """Whether a file of the operating system is below a file object, as below the members of archives."""
    for _ in range(MOST_BELOW):
        try:
            file.fileno()  # type: ignore[attr-defined]  # as the except says
        except (AttributeError, OSError, ValueError):
            pass
        else:
            return True
        inner = (getattr(file, name, None) for name in ("raw", "fileobj", "_fileobj", "_file"))
        file = next((each for each in inner if each is not None), None)
        if file is None:
            break
    return False


def is_url(text: str) -> bool:
    """Whether a text is a URL such as "s3://bucket/key", and not a path."""
    return "://" in text and _URL.match(text) is not None


def public_name(path: str) -> str:
    """Give a URL without user, password and query, which may hold a signature; a path as it is."""
    return _CREDENTIALS.sub("", _QUERY.sub("", path)) if is_url(path) else path


def as_text(path: str) -> str:
    r"""Give a path, which need not be text, as text: bytes that are no UTF-8 as ``\udc80`` to ``\udcff``."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def as_path(text: str) -> str:
    """Give the path that `as_text` gave as this text; a file that is really called so is meant itself."""
    if "\\udc" not in text or os.path.lexists(text):
        return text
    return _NO_UTF8.sub(lambda byte: chr(int(byte[1], 16)), text)


def _public_text(error: object) -> str:
    """What an error says, its URLs by their public names."""
    return _IN_TEXT.sub(lambda url: public_name(url[0]), str(error))


def _public_cause(error: BaseException) -> BaseException | None:
    """The error, to be shown as the cause of one of ours, unless it tells more of a URL than may be shown."""
    return error if _public_text(error) == str(error) else None


def _speaks(fs: Any, protocol: str) -> bool:
    own = fs.protocol
    return protocol in ((own,) if isinstance(own, str) else own)


class RemoteSource:
    """An object that fsspec can read; each read asks for its range of bytes and no more."""

    __slots__ = ("_fs", "_lock", "_path", "_process", "_version", "name", "size")

    name: str | None

    def __init__(self, fs: Any, path: str, name: str, size: int, version: Version | None = None) -> None:
        """Take a file system of fsspec, a path in it, the public name of its URL, and the object's size.

        The version is else that of the first bytes that are read.
        """
        self._connect(fs)
        self._path = path
        self.name = name
        self.size = size
        self._version = version

    @classmethod
    def open(cls, url: str, options: Mapping[str, Any] | None = None) -> "RemoteSource":
        """Take a URL, and what its file system needs to be told (`fsspec.core.url_to_fs`).

        Raises
        ------
        OptionError
            fsspec, or what it needs for this kind of URL, is not installed; the object tells no size.
        SourceError
            The server cannot be reached, or gives no answer that is of use.
        OSError
            As the file system has it: FileNotFoundError, PermissionError ...
        """
        fs, path = file_system(url, options)
        return cls.at(fs, path, public_name(url))

    @classmethod
    def at(cls, fs: Any, path: str, name: str) -> "RemoteSource":
        """Take a path in a file system, which is asked for the size; raises as `open` does."""
        with own_errors(name):
            size = _info(fs, path, name).get("size")
        if size is None:
            raise OptionError("the server tells no size: fetch the object, and pass its bytes", file=name)
        return cls(fs, path, name, int(size))

    def _connect(self, fs: Any) -> None:
        self._fs: Any = fs
        # Others are for one thread at a time: in an archive is one position, to a server one connection.
        for_all = fs.async_impl or _speaks(fs, "file")
        self._lock: AbstractContextManager[Any] = nullcontext() if for_all else _lock_of(fs)
        self._process = os.getpid()

    def read(self, offset: int, length: int) -> bytes:
        fs = self._fs
        if fs is None:
            raise SourceError("is closed", file=self.name)
        if not length:
            return b""
        if self._process != os.getpid() and not fs.async_impl:
            # A forked process has connections and positions together with the one it was forked from. Those
            # file systems that have an event loop know that themselves, and refuse.
            make, arguments = fs.__reduce__()
            self._connect(fs := make(*arguments))
        with own_errors(self.name), self._lock:
            data = self._fetch(fs, offset, length)
        if len(data) < length:
            raise _short(self.name, offset, length, len(data))
        if len(data) > length:
            raise SourceError(NO_RANGES, file=self.name, offset=offset)
        return data

    def _fetch(self, fs: Any, offset: int, length: int) -> bytes:
        if _speaks(fs, "http"):
            data, version = self._fetch_part(fs, offset, length)
        else:
            data = fs.cat_file(self._path, start=offset, end=offset + length)
            version = _version_on_disk(fs, self._path) if _speaks(fs, "file") else Version()
        self._version = self._version or version
        if version.is_other(self._version):
            raise SourceError("has changed since it was opened: read it again", file=self.name)
        return data

    def _fetch_part(self, fs: Any, offset: int, length: int) -> tuple[bytes, Version]:
        part = fetch_part(fs, self._path, offset, length)
        if part.start != offset:
            message = f"the server gives bytes from {part.start} on" if part.start else NO_RANGES
            raise SourceError(message, file=self.name, offset=offset)
        if part.size not in (None, self.size):
            message = f"has changed since it was opened: {part.size} bytes are there, not {self.size}"
            raise SourceError(message, file=self.name)
        return part.data, part.version

    def read_into(self, offset: int, out: memoryview) -> None:
        out[:] = self.read(offset, len(out))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle where it is, and with the file system its options: secrets in them go along."""
        if self._fs is None:
            raise SourceError("is closed", file=self.name)
        return RemoteSource, (self._fs, self._path, self.name, self.size, self._version)

    def close(self) -> None:
        self._fs = None


def file_system(url: str, options: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """Give the file system of fsspec for a URL, and the path in it.

    Raises
    ------
    OptionError
        fsspec, or what it needs for this kind of URL, is not installed, or not told what it has to be.
    SourceError, OSError
        The server cannot be reached, as far as that is tried here; an archive is broken.
    """
    name = public_name(url)
    try:
        fsspec = import_module("fsspec.core")
    except ModuleNotFoundError as error:
        raise OptionError(
            "URLs are read by fsspec, which is not installed: pip install 'hounsfield[remote]'", file=name
        ) from error
    with own_errors(name):
        try:
            fs, path = fsspec.url_to_fs(url, **(options or {}))
        except (ImportError, TypeError, ValueError) as error:  # no such protocol, or not what it takes
            message = f"fsspec cannot read it: {_public_text(error)}"
            raise OptionError(message, file=name) from _public_cause(error)
    return fs, path


@contextmanager
def own_errors(name: str | None) -> Iterator[None]:
    """Raise what file systems raise that is no OSError, each its own kind, as one of ours; with the name."""
    try:
        yield
    except DicomError:
        raise
    except Exception as error:
        cause = _public_cause(error)
        if isinstance(error, OSError):
            is_silent = isinstance(error, TimeoutError) and not str(error)
            if cause is not None and not is_silent:
                error.filename = error.filename or name
                raise
            number = errno.ENOENT if isinstance(error, FileNotFoundError) else error.errno
            number = errno.ETIMEDOUT if is_silent else number
            if number is not None:
                raise OSError(number, os.strerror(number), name) from None
        raise SourceError(f"cannot be read: {_public_text(error)}", file=name) from cause


def _version_on_disk(fs: Any, path: str) -> Version:
    info = fs.info(path)
    return Version(str([info.get(key) for key in ("size", "ino", "mtime")]))


def _info(fs: Any, path: str, name: str) -> Mapping[str, Any]:
    """What a file system says of an object."""
    try:
        info: Mapping[str, Any] = fs.info(path)
    except FileNotFoundError as error:
        # Over HTTP it is this whatever went wrong, and the cause tells what: an answer has a status.
        cause = error.__cause__
        status = getattr(cause, "status", None if cause is not None and _speaks(fs, "http") else 404)
        if isinstance(cause, OSError):
            raise cause from None
        if status not in (401, 403, 404, 410):
            raise SourceError(f"cannot be read: {_public_text(cause)}", file=name) from _public_cause(error)
        number = errno.EACCES if status in (401, 403) else errno.ENOENT
        raise OSError(number, os.strerror(number), name) from _public_cause(error)
    return info


def _short(name: str | None, offset: int, wanted: int, got: int) -> SourceError:
    return SourceError(f"{wanted} bytes were to be read, {got} are there", file=name, offset=offset)


def open_source(source: Any, options: Mapping[str, Any] | None = None) -> Source:
    """Make a source of a URL (with `options`), a bytes-like object or a seekable binary file object.

    Raises
    ------
    TypeError
        It is none of these.
    """
    if isinstance(source, str):
        return RemoteSource.open(source, options)
    try:
        return BufferSource(source)  # an mmap is both, and better used as a buffer
    except TypeError:
        if hasattr(source, "read") and hasattr(source, "seek"):
            return FileSource(source)
    raise TypeError(
        f"cannot read from {type(source).__name__}: pass a path, a bytes-like object or a binary file object"
    )
