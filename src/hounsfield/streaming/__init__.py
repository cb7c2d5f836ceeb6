"""Arrays of many files, one after the other, decoded ahead by threads: `stream`."""

from __future__ import annotations

import operator
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from hounsfield.decoding import Decoding, Size, Values
from hounsfield.errors import OptionError, forget_frames, raise_first
from hounsfield.finding import Sources, expand
from hounsfield.processors import GRACE, thread_count
from hounsfield.streaming.items import END, Item, Result
from hounsfield.streaming.jobs import FileDecoder
from hounsfield.streaming.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from hounsfield.display.resizing import Mode

__all__ = ["Item", "Stream", "stream"]

ON_ERROR = ("raise", "skip", "yield")


class Stream:
    """Items as they are decoded: an iterator, an asynchronous one, and a context manager of both kinds.

    It ends, with its threads, when it is exhausted, closed, left, let go of, or raises. Ending waits for what
    is being decoded, for a second where it was let go of; except in a coroutine, where `aclose` and ``async
    with`` wait and do not block.
    """

    __slots__ = ("__weakref__", "_finalizer", "_on_error", "_work")

    def __init__(self, work: Work, on_error: str) -> None:
        self._work = work
        self._on_error = on_error
        self._finalizer = weakref.finalize(self, Work.end, work)
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

    def _wanted(self, result: Result) -> Item | None:
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
    prefetch = 2 * threads if prefetch is None else operator.index(prefetch)
    if prefetch < 1:
        raise OptionError(f"prefetch={prefetch}: 1 is the least")
    origins = expand(sources, storage_options=storage_options)
    decoder = FileDecoder(decoding, every_frame=frame == "all")
    return Stream(Work(origins, decoder, threads=threads, prefetch=prefetch, ordered=ordered), on_error)
