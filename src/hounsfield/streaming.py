"""Arrays of many files, one after the other, decoded ahead by threads: `stream`."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Self

import numpy as np

from hounsfield._kernels.pipeline import decode_files
from hounsfield.decoding import Decoding, Size, Values
from hounsfield.errors import OptionError, SourceError, forget_frames, name_file, raise_first
from hounsfield.facade import read
from hounsfield.finding import Origin, Sources, expand
from hounsfield.pixels.decode import Decoder
from hounsfield.processors import thread_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from hounsfield.display.resizing import Mode
    from hounsfield.facade import Dataset

    Decoded = tuple[npt.NDArray[Any], tuple[float, float] | None]

__all__ = ["Item", "Stream", "stream"]

GRACE = 1.0
"""Seconds that ending a stream waits for a thread that is asking the caller's own sources for more, and
letting go of one for any."""

ON_ERROR = ("raise", "skip", "yield")


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One file, or one frame of it, decoded or failed.

    Attributes
    ----------
    index : int
        Of the file among all that the sources are, from 0.
    source : str
        Name of the file: see `hounsfield.finding.Origin`.
    status : {"ok", "error"}
    error : Exception or None
        What went wrong; without a traceback, which would hold the file.
    frame : int or None
        Counted from 0; None for the file as a whole.
    window : (float, float) or None
        Center and width of the window that was applied, in modality units; None where none was, as for
        colour, a VOI LUT, or values that are not for display.
    seconds : float
        That a thread was busy with it.
    array : ndarray or None
        None if it failed.
    """

    index: int
    source: str
    status: Literal["ok", "error"]
    error: Exception | None
    frame: int | None
    window: tuple[float, float] | None
    seconds: float
    array: npt.NDArray[Any] | None = field(repr=False)


class Stream:
    """Items as they are decoded: an iterator, an asynchronous one, and a context manager of both kinds.

    It ends, with its threads, when it is exhausted, closed, left, let go of, or raises. Ending waits for what
    is being decoded, for a second where it was let go of; except in a coroutine, where `aclose` and ``async
    with`` wait and do not block.
    """

    __slots__ = ("__weakref__", "_finalizer", "_on_error", "_work")

    def __init__(self, work: _Work, on_error: str) -> None:
        self._work = work
        self._on_error = on_error
        self._finalizer = weakref.finalize(self, _Work.end, work)
        self._finalizer.atexit = False  # `_at_exit` waits for as long as it takes

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        try:
            while True:
                result = self._work.wait()
                if result is None:
                    raise StopIteration
                try:
                    item = self._wanted(result)
                finally:
                    del result  # see `raise_first`
                if item is not None:
                    return item
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it: nothing more is decoded, and no thread of it is left."""
        self._work.stop()
        self._work.join(monotonic() + GRACE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        from asyncio import get_running_loop

        work = self._work
        work.is_async = True
        try:
            while True:
                waiter = get_running_loop().create_future()
                result = work.poll(waiter)
                if result is None:
                    await waiter
                elif result is END:
                    await self.aclose()
                    raise StopAsyncIteration
                else:
                    try:
                        item = self._wanted(result)
                    finally:
                        del result
                    if item is not None:
                        return item
        except BaseException:
            work.stop()  # without waiting: a cancelled task must not be kept
            raise

    async def aclose(self) -> None:
        """End it, and wait without blocking until no thread of it is left."""
        from asyncio import get_running_loop, wait

        work = self._work
        work.is_async = True
        work.stop()
        until = monotonic() + GRACE
        while (left := work.patience(until, waiter := get_running_loop().create_future())) != 0:
            await wait([waiter], timeout=left)
        work.join(until)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream cannot be copied or pickled: make one where its items are wanted")

    def _wanted(self, result: _Result) -> Item | None:
        """The item, unless it failed and is to be skipped; raises if it is not."""
        item, error = result.item, result.failure
        if error is None and item is not None and self._on_error == "raise":
            error = item.error
        if error is not None:
            errors = [error]
            del error, item, result
            raise_first(errors)
        if item is None or item.error is None:
            return item
        forget_frames(item.error)
        return item if self._on_error == "yield" else None


class _Result(NamedTuple):
    """What is ready.

    Attributes
    ----------
    item : Item or None
    is_last : bool
        Of its file.
    failure : BaseException or None
        Of the caller's sources, whatever is to be done about files that fail.
    """

    item: Item | None
    is_last: bool = True
    failure: BaseException | None = None


END = _Result(None)


class _Job(NamedTuple):
    """A frame to be decoded, of a file that is open already, or else the first of one that is not.

    Jobs are done in the order of files, then frames. Of a file whose frames go on from one another, the next
    is there when the last one is decoded.
    """

    number: int
    frame: int
    total: int
    origin: Origin
    ds: Dataset | None = None
    goes_on: bool = False

    def next(self) -> _Job | None:
        """Give the next frame of the same file."""
        return self._replace(frame=self.frame + 1) if self.frame + 1 < self.total else None


class _Plain(NamedTuple):
    """What the kernel decodes plain files to, which it leaves to the facade unless they are alike.

    Attributes
    ----------
    shape, dtype
        Of the array of a file.
    options : dict
        Arguments for the kernel. Its frame None takes files that have one, and samples of the very type.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    options: dict[str, Any]

    @classmethod
    def like(cls, shape: tuple[int, ...], dtype: np.dtype[Any], decoding: Decoding) -> Self | None:
        """Take what the last file was; None if the kernel gives no such arrays."""
        own_type = decoding.values == "stored" and decoding.dtype is None
        if shape[2:] not in ((), (3,)) or (own_type and decoding.frame is not None):
            return None
        options = decoding.options(dtype)
        return None if options is None else cls(shape, dtype, options | {"frame": decoding.frame})

    def decode(self, path: str) -> Decoded | None:
        array = np.empty(self.shape, self.dtype)
        [found] = decode_files([path], array[np.newaxis], **self.options)
        return None if found is None else (array, found[1] and found[1][:2])


class _FileDecoder:
    """Decodes files and their frames, for any threads: nothing here needs the lock of `_Work`."""

    def __init__(self, decoding: Decoding, *, every_frame: bool) -> None:
        self._decoding = decoding
        self._every_frame = every_frame
        # Of the last file, whichever thread had it: one that is not like it takes a little longer.
        self._plain: _Plain | None = None
        if decoding.size is not None and decoding.dtype is not None:
            self._plain = _Plain.like(decoding.size, decoding.dtype, decoding)

    def frame_of(self, job: _Job) -> int | None:
        """Which frame of its file an item is; None for all."""
        return job.frame if self._every_frame else self._decoding.frame

    def by_kernel(self, path: str | None) -> Decoded | None:
        """Decode what is a plain file with one frame, like those before; None if it is not, or is broken."""
        plain = self._plain
        return None if plain is None or path is None else plain.decode(path)

    def read(self, job: _Job) -> _Job:
        """Open a file, and see what else it has."""
        ds = read(job.origin.open())
        if not self._every_frame:
            return job._replace(ds=ds)
        decoder = Decoder(ds)
        return job._replace(ds=ds, total=max(decoder.count, 1), goes_on=decoder.keep())

    def by_facade(self, ds: Dataset, frame: int) -> Decoded:
        """Decode a frame of a file that is open, or all of it."""
        decoding = self._decoding
        if self._every_frame:
            decoding = decoding._replace(frame=frame)
        decoded = _decoded(ds, decoding)
        array = decoded[0]
        if self._plain is None or (array.shape, array.dtype) != self._plain[:2]:
            self._plain = _Plain.like(array.shape, array.dtype, self._decoding) or self._plain
        return decoded


def _decoded(ds: Dataset, decoding: Decoding) -> Decoded:
    """Give samples, and the window that was used; of frames that are resized one by one, the first one's."""
    if decoding.frame is not None or decoding.size is None:
        return decoding.decode(ds)
    decoder = Decoder(ds)
    decoder.keep()
    count = max(decoder.count, 1)
    each = [decoding._replace(frame=number).decode(ds) for number in range(count)]
    array, window = each[0]
    return array if count == 1 else np.stack([array for array, _ in each]), window


class _Work:
    """What threads and caller share. It knows no `Stream`, so that one that is let go of can end it.

    Each item that runs or is ready holds one of `prefetch` places, from before its source is asked for until
    it is handed over. A file's next frames come before other files: so the item that is to be handed over
    next always has a place, or the first one that is free.
    """

    def __init__(
        self,
        origins: Iterator[Origin],
        decoder: _FileDecoder,
        *,
        threads: int,
        prefetch: int,
        ordered: bool,
    ) -> None:
        self.is_async = False
        self._origins = origins
        self._decoder = decoder
        self._prefetch = prefetch
        self._ordered = ordered
        self._unlock()
        self._waiters: list[Any] = []
        self._most_threads = min(threads, prefetch)
        self._threads: list[threading.Thread] = []
        self._started = False
        self._stopped = False
        self._alive = 0
        self._feeder: threading.Thread | None = None
        self._opening = 0
        self._exhausted = False
        self._broken: BaseException | None = None
        self._files = 0
        self._frames_left: dict[int, int] = {}
        self._held = 0
        self._pending: list[_Job] = []
        self._ready: dict[tuple[int, int], _Result] = {}
        self._next = 0, 0

    def _unlock(self) -> None:
        # A garbage collection may end a stream while its thread is in here: the lock must be reentrant.
        lock = threading.RLock()
        self._room = threading.Condition(lock)
        self._news = threading.Condition(lock)

    # For the caller

    def wait(self) -> _Result | None:
        """Give the next result when it is there; None at the end."""
        with self._news:
            self._start()
            while (result := self._pop()) is None:
                self._news.wait()
        return None if result is END else result

    def poll(self, waiter: Any) -> _Result | None:
        """Give the next result, or END; or None, and see to it that the future `waiter` is told of news."""
        with self._news:
            self._start()
            result = self._pop()
            if result is None:
                self._waiters.append(waiter)
            return result

    def stop(self) -> None:
        """Have all threads end after what they do now."""
        with self._news:
            self._stopped = True
            origins, self._origins = self._origins, iter(())
            self._pending.clear()
            self._ready.clear()
            self._room.notify_all()
            self._tell()
        del origins  # which may end a generator of the caller's

    def patience(self, until: float, waiter: Any = None) -> float | None:
        """How long to wait for threads to end, of which the future `waiter` is told: 0 if no longer.

        As long as it takes, None, for those that decode; for one that asks the caller's sources for more
        `until` a point in time.
        """
        with self._news:
            if waiter is not None:
                self._waiters.append(waiter)
            if not self._alive:
                return 0
            return None if self._alive > (self._feeder is not None) else max(until - monotonic(), 0)

    def join(self, until: float) -> None:
        """Wait for the threads."""
        with self._news:
            while (left := self.patience(until)) != 0:
                self._news.wait(left)
            feeder = self._feeder
        for thread in self._threads:
            if thread.is_alive() and thread is not feeder:
                thread.join()

    def end(self) -> None:
        """Stop, as nobody holds the stream any more.

        A garbage collection may call this anywhere, also where what a thread waits for is held: a lock of a
        file object, of a module that is imported. So it does not wait for long.
        """
        self.stop()
        if not self.is_async and threading.current_thread() not in self._threads:
            until = monotonic() + GRACE
            for thread in self._threads:
                if thread.is_alive():
                    thread.join(max(until - monotonic(), 0))

    def lose_threads(self) -> None:
        """Be of no more use in a forked process, which has no threads, but the locks as they held them."""
        self._unlock()
        self._waiters.clear()
        self._threads.clear()
        self._alive, self._feeder = 0, None
        self._broken = SourceError("was begun before this process was forked, which has none of its threads")

    def _start(self) -> None:
        if not self._started and not self._stopped:
            self._started = True
            _begun.add(self)
            for number in range(self._most_threads):
                # Made now: from Python 3.13 on, one that was made before a fork cannot be started after it.
                name = f"hounsfield-stream-{number}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.append(thread)
                try:
                    thread.start()
                except RuntimeError:  # the system gives no more
                    if not number:
                        raise
                    break

    def _pop(self) -> _Result | None:
        if self._stopped:
            return END
        if self._broken is not None:
            return _Result(None, failure=self._broken)
        key = self._next if self._ordered else next(iter(self._ready), None)
        result = None if key is None else self._ready.pop(key, None)
        if result is None:
            return END if self._exhausted and not self._held and not self._pending else None
        number, frame = self._next
        self._next = (number + 1, 0) if result.is_last else (number, frame + 1)
        self._held -= 1
        self._room.notify()
        return result

    def _tell(self) -> None:
        self._news.notify_all()
        for waiter in self._waiters:
            with suppress(RuntimeError):  # of a loop that is closed
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)
        self._waiters.clear()

    # For the threads

    def _run(self) -> None:
        with self._news:
            self._alive += 1
        try:
            while (job := self._take()) is not None and not self._stopped:
                self._do(job)
                del job  # or it would be held while this waits
        except BaseException as error:  # such as MemoryError: nobody must wait for what will not come
            with self._news:
                self._broken = error
        finally:
            with self._news:
                self._alive -= 1
                self._tell()

    def _take(self) -> _Job | None:
        """Give the next thing to do, when there is a place for it; None if there will be nothing more."""
        with self._room:
            while True:
                if self._stopped or (self._exhausted and not self._pending and not self._opening):
                    return None
                if self._held < self._prefetch:
                    if self._pending:
                        job = heappop(self._pending)
                        if not job.goes_on:
                            self._add_next(job)
                        self._held += 1
                        return job
                    if self._feeder is None and not self._exhausted:
                        break
                self._room.wait()
            self._feeder = threading.current_thread()
            self._held += 1
            self._opening += 1
            number, origins = self._files, self._origins
            self._files += 1
        origin, failure = None, None
        try:
            origin = next(origins, None)
        except BaseException as error:
            failure = error
        del origins
        with self._room:
            self._feeder = None
            if origin is not None:
                self._room.notify()
                return _Job(number, 0, 1, origin)
            self._exhausted = True
            self._opening -= 1
            self._room.notify_all()
            if failure is None:
                self._held -= 1
            else:
                self._ready[number, 0] = _Result(None, failure=failure)
            self._tell()
        return self._take()

    def _do(self, job: _Job) -> None:
        start = perf_counter()
        decoded, error = None, None
        try:
            if job.ds is None:
                try:
                    decoded = self._decoder.by_kernel(job.origin.path)
                    if decoded is None:
                        job = self._decoder.read(job)
                finally:
                    self._opened(job)
            if job.ds is not None:
                decoded = self._decoder.by_facade(job.ds, job.frame)
        except Exception as failure:
            error = failure
            name_file(failure, job.origin.name)
        if job.ds is not None and self._is_last_done(job):
            job.ds.close()  # a buffer's owner may want it back
        array, window = decoded or (None, None)
        item = Item(
            job.number,
            job.origin.name,
            "ok" if error is None else "error",
            error,
            self._decoder.frame_of(job),
            window,
            perf_counter() - start,
            array,
        )
        with self._news:
            if not self._stopped:
                key = job.number, job.frame
                self._ready[key] = _Result(item, job.frame + 1 == job.total)
                if job.goes_on:
                    self._add_next(job)
                if key == self._next or not self._ordered:
                    self._tell()
        del item, error  # see `raise_first`

    def _is_last_done(self, job: _Job) -> bool:
        """Whether all frames of its file are done; to be asked once for each."""
        with self._room:
            left = self._frames_left.pop(job.number, job.total) - 1
            if left:
                self._frames_left[job.number] = left
            return not left

    def _opened(self, job: _Job) -> None:
        """Put what else a file has where all can take from it."""
        with self._room:
            self._opening -= 1
            if not job.goes_on:
                self._add_next(job)
            if self._exhausted:
                self._room.notify_all()

    def _add_next(self, job: _Job) -> None:
        """Put the next frame of a file where all can take it from."""
        following = job.next()
        if following is not None and not self._stopped:
            heappush(self._pending, following)
            self._room.notify_all()


_begun: weakref.WeakSet[_Work] = weakref.WeakSet()


def _after_fork() -> None:
    for work in _begun:
        work.lose_threads()


@atexit.register
def _at_exit() -> None:
    works = list(_begun)
    for work in works:
        work.stop()
    for work in works:
        work.join(monotonic() + GRACE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _wake(waiter: Any) -> None:
    if not waiter.done():
        waiter.set_result(None)


def stream(
    sources: Sources,
    *,
    window: str | tuple[float, float] | Sequence[float] | int | None = None,
    size: Size = None,
    fit: Mode = "letterbox",
    fill: float = 0,
    dtype: npt.DTypeLike | None = None,
    values: Values = "display",
    frame: int | Literal["all"] | None = None,
    threads: int | None = None,
    ordered: bool = True,
    prefetch: int | None = None,
    on_error: Literal["raise", "skip", "yield"] = "raise",
    storage_options: Mapping[str, Any] | None = None,
) -> Stream:
    """Decode files one after the other, some ahead: for more than fits into memory, or is known yet.

    Parameters
    ----------
    sources : path, pattern, folder, archive, URL, bytes-like, binary file object, or an iterable of them
        See `hounsfield.finding.expand`. An iterable is asked for more when there is room for it, by one
        thread at a time, not the caller's; what it raises is raised in its turn.
    window : str, (center, width) or int, optional
        As for `Dataset.render`; for display values only.
    size : int or (int, int), optional
        Rows and columns that images are resized to, in their values, as for `decode_batch`. Frames of one
        item are resized one by one, with an automatic window each.
    fit : {"letterbox", "crop", "stretch"}
        The whole image within borders, the frame filled and the image's edges cut off, or neither and the
        image distorted.
    fill : number
        What borders hold.
    dtype : dtype, optional
        As for `decode_batch`: uint8 (the default), uint16 or float32 for display values; float32 for modality
        values; for stored ones any that holds them, by default their own.
    values : {"display", "modality", "stored"}
        What `Dataset.render`, `Dataset.modality_values` or `Dataset.pixels` gives.
    frame : int or "all", optional
        One frame of each file, counted from 0; or each frame as an item of its own, decoded when it is its
        turn: of a video one after the other, by one thread, the compressed stream being in memory. By default
        a file is one item, with all its frames.
    threads : int, optional
        That decode; as many as there are CPUs for this process by default.
    ordered : bool
        Give items in the order of sources, or as they are ready.
    prefetch : int, optional
        The most items that are being decoded or ready at a time; twice `threads` by default.
    on_error : {"raise", "skip", "yield"}
        What to do with files that cannot be read or decoded: raise the error in its turn and end, leave them
        out, or give items with status "error".
    storage_options : mapping, optional
        For the file systems of URLs, as for `hounsfield.read`.

    Returns
    -------
    Stream
        An iterator of `hounsfield.streaming.Item`, for ``for`` and ``async for``, and a context manager.
        Nothing is read before the first item is asked for.

    Raises
    ------
    OptionError
        An argument cannot be used.
    DicomError, OSError
        When iterated, with ``on_error="raise"``: what reading and decoding a file raises.

    Examples
    --------
    >>> for item in hu.stream("archive/", window="lung", on_error="skip"):
    ...     print(item.source, item.array.shape)
    >>> async for item in hu.stream("s3://bucket/study/", frame="all", ordered=False):
    ...     ...
    """
    if on_error not in ON_ERROR:
        raise OptionError(f"on_error={on_error!r}: it is one of {', '.join(ON_ERROR)}")
    if isinstance(frame, str) and frame != "all":
        raise OptionError(f'frame={frame!r}: it is a number, "all" or None')
    decoding = Decoding.checked(
        values=values,
        window=window,
        frame=None if isinstance(frame, str) else frame,
        dtype=dtype,
        size=size,
        fit=fit,
        fill=fill,
    )
    threads = thread_count(threads)
    prefetch = 2 * threads if prefetch is None else prefetch
    if prefetch < 1:
        raise OptionError(f"prefetch={prefetch}: 1 is the least")
    origins = expand(sources, storage_options=storage_options)
    decoder = _FileDecoder(decoding, every_frame=frame == "all")
    return Stream(_Work(origins, decoder, threads=threads, prefetch=prefetch, ordered=ordered), on_error)
