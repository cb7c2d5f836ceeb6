"""Many files to one array: what a model is fed with."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from hounsfield._kernels.pipeline import decode_files
from hounsfield.decoding import Decoding, Size, Values, WindowLike
from hounsfield.errors import OptionError, forget_frames, name_file, raise_first
from hounsfield.facade import read
from hounsfield.finding import Origin, Sources, expand
from hounsfield.outputs import array_of, checked
from hounsfield.pixels.plan import MAX_PIXELS, frame_number
from hounsfield.processors import thread_count, together

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from hounsfield.display.resizing import Mode

__all__ = ["Batch", "Item", "decode_batch"]

OnError = Literal["raise", "skip", "fill"]
Array = Any  # an ndarray of any type

AT_ONCE = 16
"""Files that a thread takes at a time, at most: few enough that all threads end at the same time."""

FIRST = 2
"""The same, where the kernel may not be for them."""

HELD = 1 << 24
"""Bytes of members of archives before those of compressed ones are not held, but read twice."""

LEFT = 16, 64
"""Files that are given to the facade, at first and at most, before the kernel is asked again."""


@dataclass(slots=True)
class Item:
    """What became of one source.

    Attributes
    ----------
    index : int
        Of the source, in the order in which they were given.
    source : str
        Its name: the path of a file.
    status : {"ok", "error", "skipped"}
        "skipped" where there was an error and the item has no row for that.
    error : Exception or None
        What went wrong; without a traceback, which would hold the array.
    frame : int or None
        The one that was decoded; None for all.
    window : (float, float) or None
        Center and width of the window that was applied, in modality units; None where none was, as for
        colour, a VOI LUT, or values that are not for display.
    seconds : float
        How long it took.
    row : int or None
        Of the array; None where there is none.
    """

    index: int
    source: str
    status: Literal["ok", "error", "skipped"]
    error: Exception | None
    frame: int | None
    window: tuple[float, float] | None
    seconds: float
    row: int | None


class Batch:
    """What `decode_batch` gives: an array, and what became of each source.

    Attributes
    ----------
    array : ndarray, shape (N, rows, columns) or (N, rows, columns, 3)
    items : list of Item
        One a source, in their order.
    """

    __slots__ = ("__weakref__", "array", "items")

    def __init__(self, array: Array, items: list[Item]) -> None:
        self.array: npt.NDArray[Any] = array
        self.items = items

    @property
    def errors(self) -> list[Item]:
        """The items that could not be decoded."""
        return [item for item in self.items if item.error is not None]

    def __len__(self) -> int:
        """How many rows the array has."""
        return len(self.array)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        """Give the array to other libraries, as ``torch.from_dlpack(batch)`` does, without a copy."""
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __repr__(self) -> str:
        failed = len(self.errors)
        errors = f", {failed} of {len(self.items)} sources failed" if failed else ""
        return f"<Batch of {self.array.dtype} {self.array.shape}{errors}>"


def _decode_one(source: Origin, decoding: Decoding, out: Array, index: int, in_use: int) -> Item:
    """Decode a frame of a source of any kind into a row of an array; what is wrong with it, the item says."""
    start = time.perf_counter()
    window, error = None, None
    try:
        with read(source.open()) as ds:  # which a kept error would keep, with all its bytes
            _, window = decoding.decode(ds, out, in_use=in_use)
    except Exception as problem:  # one bad file, whatever is wrong with it, must not cost the others
        error = problem
        name_file(problem, source.name)
    seconds = time.perf_counter() - start
    status: Literal["ok", "error"] = "ok" if error is None else "error"
    try:
        return Item(index, source.name, status, error, decoding.frame, window, seconds, index)
    finally:
        del error  # see `raise_first`


def decode_batch(
    sources: Sources,
    *,
    window: WindowLike = None,
    size: Size = None,
    fit: Mode = "letterbox",
    dtype: npt.DTypeLike | None = None,
    values: Values = "display",
    fill: float = 0,
    frame: int = 0,
    out: Any = None,
    threads: int | None = None,
    on_error: OnError = "raise",
    storage_options: Mapping[str, Any] | None = None,
) -> Batch:
    """Decode one frame of each of many files into one array.

    Files of the common kind are read, decoded, rescaled and windowed without the GIL; others by codecs that
    release it. Beside the result, memory is needed for one image a thread. Compressed tar archives of more
    than 16 MiB are gone through twice, as the array is as long as there are sources.

    Parameters
    ----------
    sources : path, pattern, URL, bytes-like, file object, or an iterable of them
        What `read` takes; of folders all files in them, of tar and zip archives their members.
    window : str, (center, width) or int, optional
        For display values only, as for `Dataset.render`: a preset, a center and width in modality units,
        "auto", or n for each file's own n-th. By default each file's first, or "auto" where it has none.
    size : int or (int, int), optional
        Rows and columns that all images are resized to, in their values: before the window, by area averages
        where they shrink and bilinearly where they grow (see `hounsfield._kernels.resize`). By default all
        must be of one size.
    fit : {"letterbox", "crop", "stretch"}
        The whole image within borders, the frame filled and the image's edges cut off, or neither and the
        image distorted.
    dtype : dtype, optional
        uint8 (the default), uint16 or float32 for display values, which range to 255, 65535 or 1.0; float32
        for modality values; for stored ones any that holds them, by default that of the first image, or
        float32 if they are resized.
    values : {"display", "modality", "stored"}
        What `Dataset.render`, `Dataset.modality_values` or `Dataset.pixels` give.
    frame : int
        Which frame of files with several, counted from 0.
    fill : number
        What borders hold, and rows of sources with errors if `on_error` is "fill".
    out : array, optional
        Where to put it: C-contiguous, writable, with a row for each source. A NumPy array or memmap, or what
        gives one by the buffer protocol, `__array__` or (with NumPy 2.2.5 or later) DLPack: a tensor in the
        memory of the CPU.
    threads : int, optional
        As many as there are CPUs for this process by default.
    on_error : {"raise", "skip", "fill"}
        What an error costs: all of the batch, the first of them by the order of sources being raised; or its
        row alone, which is left out, or filled.
    storage_options : mapping, optional
        For the file systems of URLs, as for `hounsfield.read`.

    Returns
    -------
    Batch
        Its `array` is (N, rows, columns), or (N, rows, columns, 3) for colour; its `items` tell of each
        source.

    Raises
    ------
    OptionError
        An argument cannot be used; or, if errors are raised, an image has another shape than the first one.
    DicomError, OSError
        If errors are raised: as `read` and `Dataset.render`.

    Examples
    --------
    >>> batch = hu.decode_batch(paths, window="lung")
    >>> batch.array.shape, batch.array.dtype
    >>> batch = hu.decode_batch(folder, values="modality", on_error="skip")
    >>> [(item.source, str(item.error)) for item in batch.errors]
    """
    if on_error not in ("raise", "skip", "fill"):
        raise OptionError(f'on_error={on_error!r}: "raise", "skip" and "fill" are possible')
    threads = thread_count(threads)
    target = None if out is None else array_of(out)
    kind = dtype if dtype is not None or target is None else target.dtype
    decoding = Decoding.checked(
        values=values, window=window, frame=frame_number(frame), dtype=kind, size=size, fit=fit, fill=fill
    )
    if target is not None:  # before sources are listed, which may take long
        image = *(decoding.size or ("rows", "columns")), *target.shape[3:4]
        checked(target, ("sources", *image), target.dtype if kind is None else kind)
    origins = _expanded(sources, storage_options)
    if target is None:
        shape, first = _first_image(origins, decoding)
        target = np.empty((len(origins), *shape), first)
    else:
        checked(target, (len(origins), *target.shape[1:]), target.dtype)
    decoding.filling(target.dtype)
    in_use = 0 if out is None else target.nbytes
    work = _Work(origins, decoding, target, in_use=in_use, raises=on_error == "raise")
    work.run(threads)
    items = cast("list[Item]", work.items)
    failed = [item.index for item in items if item is not None and item.error is not None]
    if failed and on_error == "raise":
        errors = [cast("Exception", items[index].error) for index in failed]
        items.clear()
        raise_first(errors)
    for index in failed:
        forget_frames(items[index].error)
    if failed and on_error == "fill":
        target[failed] = decoding.filling(target.dtype)
    elif failed:
        target, items = _without(target, items)
    return Batch(target, items)


def _expanded(sources: Sources, storage_options: Mapping[str, Any] | None) -> list[Origin]:
    """Find all sources; no more than a few of their bytes are held."""
    origins, held = [], 0
    for origin in expand(sources, storage_options=storage_options):
        held += origin.size or 0
        if held > HELD:
            origin.release()
        origins.append(origin)
    return origins


class _Work:
    """What is to be decoded, from which threads take some files at a time."""

    def __init__(
        self, origins: list[Origin], decoding: Decoding, target: Array, *, in_use: int, raises: bool
    ) -> None:
        self.items: list[Item | None] = [None] * len(origins)
        self._origins = origins
        self._decoding = decoding
        self._target = target
        self._in_use = in_use
        self._raises = raises
        self._lock = threading.Lock()
        self._next = 0
        self._stop = len(origins)  # nothing from here on is wanted
        self._threads = 1
        self._options = decoding.options(target.dtype)
        # Files for other codecs come in rows: the kernel is not asked again at once.
        self._at_once, self._left, self._resume = FIRST, 0, 0

    def run(self, threads: int) -> None:
        self._threads = max(1, min(threads, len(self._origins)))
        together(self._some, self._threads)

    def _some(self) -> None:
        """Decode files as long as there are any."""
        try:
            while part := self._take():
                self._do(*part)
        except BaseException:
            self._stop = 0  # nobody will look at the rest
            raise

    def _take(self) -> tuple[int, int] | None:
        with self._lock:
            start = self._next
            if start >= self._stop:
                return None
            left = self._stop - start
            if self._origins[start].path is None:
                left = 1  # of an archive, threads take what is next
            elif self._threads > 1:
                left = max(1, left // (4 * self._threads))  # fewer and fewer, to end together
            self._next = start + min(self._at_once, left)
            return start, self._next

    def _do(self, start: int, stop: int) -> None:
        origins = self._origins[start:stop]
        frame = self._decoding.frame or 0
        found: list[Any] = [None] * len(origins)
        if self._options is not None and start >= self._resume:
            rows = self._target[start:stop]
            paths = [each.path for each in origins]
            found = decode_files(paths, rows, frame=frame, in_use=self._in_use, **self._options)
            knows = any(found)
            self._at_once = AT_ONCE if knows else FIRST
            self._left = 0 if knows else min(max(2 * self._left, LEFT[0]), LEFT[1])
            self._resume = stop + self._left
        for index, (origin, result) in enumerate(zip(origins, found, strict=True), start):
            if result is not None:
                seconds, window, _ = result
                used = None if window is None else window[:2]
                self.items[index] = Item(index, origin.name, "ok", None, frame, used, seconds, index)
                continue
            if index > self._stop:
                return
            item = _decode_one(origin, self._decoding, self._target[index], index, self._in_use)
            self.items[index] = item
            failed = item.error is not None
            del item  # see `raise_first`
            if failed and self._raises:
                with self._lock:
                    self._stop = min(self._stop, index)


def _first_image(origins: list[Origin], decoding: Decoding) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the first image that can be what it says; what is wrong with others is for later."""
    said: tuple[tuple[int, ...], np.dtype[Any]] | None = None
    for origin in origins:
        try:
            with read(origin.open()) as ds:
                layout = ds.frames.layout
                found = decoding.shape(layout), decoding.dtype or layout.dtype
                if math.prod(layout.frame_shape) > MAX_PIXELS:
                    continue
                said = said or found
                ds.pixel_plan()
        except Exception:  # it will be raised again when it is this one's turn
            continue
        return found
    return said or (decoding.size or (0, 0), decoding.dtype or np.dtype(np.uint8))


def _without(target: Array, items: list[Item]) -> tuple[Array, list[Item]]:
    """Close up the rows of items that have no error, in place."""
    row, kept = 0, []
    for item in items:
        if item.error is not None:
            kept.append(replace(item, status="skipped", row=None))
            continue
        if row != item.index:
            target[row] = target[item.index]
        kept.append(replace(item, row=row))
        row += 1
    return target[:row], kept
