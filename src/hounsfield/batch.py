"""Many files to one array: what a model is fed with."""

from __future__ import annotations

import math
import operator
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, cast

import numpy as np

from hounsfield._kernels.pipeline import decode_files, decode_samples
from hounsfield._kernels.resize import resize
from hounsfield.display.lut import LookupTable
from hounsfield.display.modality import modality_lut, modality_values
from hounsfield.display.presets import preset
from hounsfield.display.render import OUT_TYPES, render, rendered
from hounsfield.display.resizing import FITS, Mode, fit
from hounsfield.errors import DicomError, OptionError
from hounsfield.facade import Dataset, Locating, read
from hounsfield.finding import Origin, Sources, expand
from hounsfield.outputs import array_of
from hounsfield.pixels.plan import MAX_PIXELS
from hounsfield.processors import processors, together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from hounsfield.pixels.layout import Layout

__all__ = ["Batch", "Decoding", "Item", "Values", "decode_batch", "decode_one", "sizes"]

Values = Literal["display", "modality", "stored"]
WindowLike = str | tuple[float, float] | Sequence[float] | int | None
Size = int | tuple[int, int] | None
OnError = Literal["raise", "skip", "fill"]
Array = Any  # an ndarray of any type

ROWS = 0x00280010

STORED_TYPES = frozenset({"u1", "i1", "u2", "i2", "u4", "i4"})
"""Of samples that the kernel reads to where they belong."""

RESIZED_TYPES = frozenset({"u1", "i1", "u2", "i2", "u4", "i4", "f4"})
"""Of samples that are resized as they are."""

LONGEST = 32767
"""Rows and columns that an image can be resized to."""

AT_ONCE = 16
"""Files that a thread takes at a time, at most: few enough that all threads end at the same time."""

HELD = 1 << 24
"""Bytes of members of archives before those of compressed ones are not held, but read twice."""

MOST_LEFT = 64
"""Files that are given to the facade, at most, before the kernel is asked again."""


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

    __slots__ = ("array", "items")

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


class Decoding(NamedTuple):
    """How a frame, or all of a file, is to be decoded: the options, as `decode_batch` has them, checked."""

    values: Values = "display"
    window: str | tuple[float, float] | int = 0
    frame: int | None = 0
    dtype: np.dtype[Any] | None = None
    size: tuple[int, int] | None = None
    fit: Mode = "letterbox"
    fill: float = 0

    @classmethod
    def checked(
        cls,
        *,
        values: Values = "display",
        window: WindowLike = None,
        frame: int | None = 0,
        dtype: npt.DTypeLike | None = None,
        size: Size = None,
        fit: Mode = "letterbox",
        fill: float = 0,
    ) -> Self:
        """Take arguments of the caller.

        Raises
        ------
        OptionError
            One cannot be used.
        """
        kind = None if dtype is None else np.dtype(dtype)
        if values == "display":
            kind = np.dtype(np.uint8) if kind is None else kind
            possible, wanted = kind.str[1:] in OUT_TYPES, "uint8, uint16 or float32"
        elif values == "modality":
            kind = np.dtype(np.float32) if kind is None else kind
            possible, wanted = kind == np.float32, "float32"
        elif values == "stored":
            kind = np.dtype(np.float32) if kind is None and size is not None else kind
            possible, wanted = kind is None or kind.kind in "iuf", "integers or floats"
        else:
            raise OptionError(f'values={values!r}: "display", "modality" and "stored" are possible')
        if kind is not None and not (possible and kind.isnative):
            raise OptionError(f"{values} values are {wanted}, not {kind}")
        if frame is not None and frame < 0:
            raise OptionError(f"there is no frame {frame}: they are counted from 0")
        if fit not in FITS:
            raise OptionError(f"fit={fit!r} is none of {', '.join(FITS)}")
        decoding = cls(values, _checked_window(window), frame, kind, _checked_size(size), fit, fill)
        if decoding.window != 0 and values != "display":
            raise OptionError(f"window={window!r} is for display values, not for {values} ones")
        if kind is not None:
            decoding.filling(kind)
        return decoding

    def shape(self, layout: Layout) -> tuple[int, ...]:
        """Of the values of one frame."""
        palette = layout.photometric_interpretation == "PALETTE COLOR"
        colors = (3,) if palette and self.values == "display" else layout.frame_shape[2:]
        return (*(self.size or (layout.rows, layout.columns)), *colors)

    def filling(self, kind: np.dtype[Any]) -> npt.NDArray[Any]:
        """What stands where there are no values, as an item of a type."""
        return _item_of(self.fill, kind)

    def decode(self, ds: Dataset, out: Array | None = None) -> tuple[Array, tuple[float, float] | None]:
        """Decode the frame of a data set, into `out` if it is given; gives it and the window that was used.

        Raises
        ------
        DicomError
            The frame cannot be decoded. OptionError if it has not the shape of `out`, or values that its type
            does not hold.
        """
        with Locating(ds):
            samples, frame = None, self.frame
            if out is not None and (options := self._for_kernel(ds, out)) is not None:
                # Before much else is looked at: it takes long to fetch that into the caches that codecs fill.
                samples = ds.pixels(frame)
                found = decode_samples(ds._table, bytes(ds._data), samples, out, **options)
                if found is not None:
                    return out, found[1] and found[1][:2]
            layout = ds.frames.layout
            shape = self.shape(layout)
            if out is not None and out.shape != shape:
                ways = ": size= makes all images alike" if shape[2:] == out.shape[2:] else ""
                raise OptionError(f"the image is {sizes(shape)}, the batch has {sizes(out.shape)}{ways}")
            if self.values == "stored":
                kind = self.dtype or (layout.dtype if out is None else out.dtype)
                if (self.size is None or kind.kind != "f") and not _holds(kind, layout):
                    raise OptionError(f"the image has {_samples(layout)}, which {kind} does not hold")
                if self.size is None and kind == layout.dtype:
                    return ds.pixels(self.frame, out=out), None
            if samples is None:
                samples, frame = ds._stored(frame)
            if self.size is None:
                return self._values(ds, samples, frame, out, None)
            place = fit(layout.rows, layout.columns, self.size, self.fit)

            def resized(values: Array) -> Array:
                return _resized(values[place.source.slices], place.target.rows, place.target.columns)

            values, window = self._values(ds, samples, frame, None, resized)
            if out is None:
                out = np.empty(shape, values.dtype)
            out[...] = self.filling(out.dtype)
            out[place.target.slices] = values
            return out, window

    def options(self, kind: np.dtype[Any]) -> dict[str, Any] | None:
        """Arguments for the kernel, for values of a type; None if these are nothing for it."""
        return _options_of(self, kind)

    def _for_kernel(self, ds: Dataset, out: Array) -> dict[str, Any] | None:
        """Arguments with which the kernel may turn samples into values; None if it cannot."""
        if self.values == "stored" and self.size is None:
            return None
        if ds._big or ds._more or type(ds._data) is not bytes or not ds._table.find(ROWS):
            return None
        return self.options(out.dtype)

    def _values(
        self,
        ds: Dataset,
        samples: Array,
        frame: int | None,
        out: Array | None,
        resized: Callable[[Array], Array] | None,
    ) -> tuple[Array, tuple[float, float] | None]:
        """Turn samples into values, which are resized as early as they can be."""
        order = ds._byteorder
        if self.values == "display":
            window = None if isinstance(self.window, int) else self.window
            index = self.window if isinstance(self.window, int) else 0
            options: dict[str, Any] = {"index": index, "frame": frame, "dtype": self.dtype, "out": out}
            out, voi = rendered(ds, samples, window, byteorder=order, resize=resized, **options)
            return out, None if voi is None or isinstance(voi, LookupTable) else (voi.center, voi.width)
        if self.values == "modality":
            if resized is not None and modality_lut(ds, byteorder=order) is None:
                samples, resized = resized(samples), None
            samples = modality_values(ds, samples, frame=frame, byteorder=order)
        if resized is not None:
            samples = resized(samples)
            if self.dtype is not None and self.dtype.kind in "iu":
                samples = _rounded(samples, self.dtype)
        kind = self.dtype or samples.dtype
        if out is None:
            return samples.astype(kind, copy=False), None
        np.copyto(out, samples, casting="unsafe")
        return out, None


# What batches of the same options have in common is looked into once: it takes as long as a file does.


@lru_cache(maxsize=64)
def _item_of(fill: float, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            value = np.full((), fill, kind)
    except (OverflowError, TypeError, ValueError) as error:
        raise OptionError(f"fill={fill!r} is no {kind}") from error
    if value != fill if kind.kind in "iu" else np.isinf(value) != np.isinf(fill):
        raise OptionError(f"fill={fill!r} is no {kind}")
    value.flags.writeable = False
    return value


@lru_cache(maxsize=64)
def _options_of(decoding: Decoding, kind: np.dtype[Any]) -> dict[str, Any] | None:
    resizes = decoding.size is not None
    if decoding.values == "stored" and kind.str[1:] not in ({"f4"} if resizes else STORED_TYPES):
        return None
    return {
        "values": decoding.values,
        "window": decoding.window,
        "fit": decoding.fit if resizes else None,
        "fill": decoding.filling(kind).tobytes(),
    }


def decode_one(source: Origin, decoding: Decoding, out: Array, index: int = 0) -> Item:
    """Decode a frame of a source of any kind into a row of an array; what is wrong with it, the item says."""
    start = time.perf_counter()
    window, error = None, None
    try:
        _, window = decoding.decode(read(source.open()), out)
    except Exception as problem:  # one bad file, whatever is wrong with it, must not cost the others
        error = problem
        if isinstance(problem, DicomError) and problem.file is None:
            problem.file = source.name
    seconds = time.perf_counter() - start
    status: Literal["ok", "error"] = "ok" if error is None else "error"
    return Item(index, source.name, status, error, decoding.frame, window, seconds, index)


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
        gives one by the buffer protocol, `__array__` or DLPack: a tensor in the memory of the CPU.
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
    if threads is None:
        threads = processors()
    if threads < 1:
        raise OptionError(f"threads={threads}: 1 is the least")
    target = None if out is None else _checked_out(out)
    kind = dtype if target is None else _same(dtype, target)
    decoding = Decoding.checked(
        values=values, window=window, frame=operator.index(frame), dtype=kind, size=size, fit=fit, fill=fill
    )
    origins = _expanded(sources, storage_options)
    if target is None:
        shape, first = _first_image(origins, decoding)
        target = np.empty((len(origins), *shape), first)
    elif len(target) != len(origins):
        raise OptionError(f"out has {len(target)} rows for {len(origins)} sources")
    elif decoding.size is not None and target.shape[1:3] != decoding.size:
        raise OptionError(f"out has images of {sizes(target.shape[1:3])}, size= is {sizes(decoding.size)}")
    decoding.filling(target.dtype)
    in_use = 0 if out is None else target.nbytes
    work = _Work(origins, decoding, target, in_use=in_use, raises=on_error == "raise")
    work.run(threads)
    items = cast("list[Item]", work.items)
    failed = [item.index for item in items if item is not None and item.error is not None]
    if failed and on_error == "raise":
        error = items[failed[0]].error
        assert error is not None
        raise error
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
        self._left = self._resume = 0

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
            self._next = start + min(AT_ONCE, left)
            return start, self._next

    def _do(self, start: int, stop: int) -> None:
        origins = self._origins[start:stop]
        frame = self._decoding.frame or 0
        found: list[Any] = [None] * len(origins)
        if self._options is not None and start >= self._resume:
            rows = self._target[start:stop]
            paths = [each.path for each in origins]
            found = decode_files(paths, rows, frame=frame, in_use=self._in_use, **self._options)
            self._left = 0 if any(found) else min(self._left + len(origins), MOST_LEFT)
            self._resume = stop + self._left
        for index, (origin, result) in enumerate(zip(origins, found, strict=True), start):
            if result is not None:
                seconds, window, _ = result
                used = None if window is None else window[:2]
                self.items[index] = Item(index, origin.name, "ok", None, frame, used, seconds, index)
                continue
            if index > self._stop:
                return
            item = self.items[index] = decode_one(origin, self._decoding, self._target[index], index)
            if item.error is not None and self._raises:
                with self._lock:
                    self._stop = min(self._stop, index)


def _first_image(origins: list[Origin], decoding: Decoding) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the first image that can be what it says; what is wrong with others is for later."""
    said: tuple[tuple[int, ...], np.dtype[Any]] | None = None
    for origin in origins:
        try:
            ds = read(origin.open())
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


def _checked_window(window: WindowLike) -> str | tuple[float, float] | int:
    """A preset by its center and width; 0 for the file's own."""
    if window is None:
        return 0
    try:
        if isinstance(window, str):
            return _window_of(window)
        return _window_of(int(window) if isinstance(window, int | np.integer) else tuple(window))
    except TypeError as error:
        raise OptionError(f"window {window!r} is no name, number or (center, width)") from error


@lru_cache(maxsize=64)
def _window_of(window: str | int | tuple[float, ...]) -> str | tuple[float, float] | int:
    if isinstance(window, int):
        if window < 0:
            raise OptionError(f"there is no window {window}: they are counted from 0")
        return window
    render(np.zeros(1, np.uint8), window)
    if isinstance(window, str):
        return "auto" if window.strip().lower() == "auto" else preset(window)
    center, width = window
    return float(center), float(width)


def _checked_out(out: Any) -> Array:
    """A view of what the caller gave, as an array."""
    array = array_of(out)
    if not (array.flags.c_contiguous and array.flags.writeable and array.ndim in (3, 4)):
        raise OptionError("out must be C-contiguous and writable, with 3 or 4 axes")
    return array


def _same(dtype: npt.DTypeLike | None, target: Array) -> np.dtype[Any]:
    kind: np.dtype[Any] = target.dtype
    if dtype is not None and np.dtype(dtype) != kind:
        raise OptionError(f"out is of {kind}, not of {np.dtype(dtype)}")
    return kind


def _checked_size(size: Size) -> tuple[int, int] | None:
    if size is None:
        return None
    try:
        rows, columns = map(operator.index, (size, size) if np.ndim(size) == 0 else cast("Any", size))
    except (TypeError, ValueError) as error:
        raise OptionError(f"size {size!r} is no number of pixels, nor rows and columns") from error
    if not (1 <= rows <= LONGEST and 1 <= columns <= LONGEST):
        raise OptionError(f"size {rows} x {columns}: 1 to {LONGEST} rows and columns are possible")
    return rows, columns


def _resized(values: Array, rows: int, columns: int) -> Array:
    """Resize an image, to float32."""
    if values.dtype.str[1:] not in RESIZED_TYPES:
        values = values.astype(np.float32)
    out = np.empty((rows, columns, *values.shape[2:]), np.float32)
    resize(values, out)
    return out


def _rounded(values: Array, kind: np.dtype[Any]) -> Array:
    """Round to what a type holds: of its greatest integer float32 may have but the one above."""
    span = np.iinfo(kind)
    most = float(span.max)
    if most > span.max:
        most = math.nextafter(most, 0)
    return np.clip(np.rint(values).astype(np.float64), span.min, most)


def _holds(kind: np.dtype[Any], layout: Layout) -> bool:
    """Whether a type holds all samples that an image can have."""
    own = layout.dtype
    if own.kind == "f" or kind.kind == "f":
        digits = {2: 11, 4: 24, 8: 53}.get(kind.itemsize, 0) if kind.kind == "f" else 0
        return np.can_cast(own, kind) or (own.kind != "f" and layout.bits_stored <= digits)
    if layout.signed:
        return kind.kind == "i" and layout.bits_stored <= 8 * kind.itemsize
    return layout.bits_stored <= 8 * kind.itemsize - (kind.kind == "i")


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


def _samples(layout: Layout) -> str:
    if layout.dtype.kind == "f":
        return f"{layout.dtype} samples"
    return f"{'signed' if layout.signed else 'unsigned'} samples of {layout.bits_stored} bits"


def sizes(shape: tuple[int, ...]) -> str:
    """Tell a shape in a message."""
    return " x ".join(map(str, shape))
