"""How an image becomes an array of a batch or a stream: the options of both, checked, and what they do."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, cast

import numpy as np

from hounsfield._kernels.pipeline import decode_samples
from hounsfield._kernels.resize import resize
from hounsfield.display.lut import LookupTable
from hounsfield.display.modality import modality_lut, modality_values
from hounsfield.display.presets import preset
from hounsfield.display.render import OUT_TYPES, render, rendered
from hounsfield.display.resizing import FITS, Mode, fit
from hounsfield.elements.dictionary import ROWS
from hounsfield.errors import OptionError
from hounsfield.facade import Dataset, Locating
from hounsfield.pixels.plan import frame_number

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hounsfield.pixels.layout import Layout

__all__ = ["LONGEST", "Decoding", "Size", "Values", "WindowLike", "sizes"]

Values = Literal["display", "modality", "stored"]
WindowLike = str | tuple[float, float] | Sequence[float] | int | None
Size = int | tuple[int, int] | None
Array = Any  # an ndarray of any type

STORED_TYPES = frozenset({"u1", "i1", "u2", "i2", "u4", "i4"})
"""Of samples that the kernel reads to where they belong."""

RESIZED_TYPES = frozenset({"u1", "i1", "u2", "i2", "u4", "i4", "f4"})
"""Of samples that are resized as they are."""

MOST_WINDOWS = 1 << 31
"""What the kernel counts to."""

LONGEST = 32767
"""Rows and columns that an image can be resized to."""


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
        if frame is not None and (frame := frame_number(frame)) < 0:
            raise OptionError(f"there is no frame {frame}: of many files, they are counted from 0")
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

    def decode(
        self, ds: Dataset, out: Array | None = None, *, in_use: int = 0
    ) -> tuple[Array, tuple[float, float] | None]:
        """Decode the frame of a data set, into `out` if it is given; gives it and the window that was used.

        `in_use` is for the kernel: see `decode_files`.

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
                found = decode_samples(ds._table, bytes(ds._data), samples, out, in_use=in_use, **options)
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
def _item_of(fill: Any, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        if isinstance(fill, str | bytes):
            raise TypeError
        number = fill if isinstance(fill, int | float | np.integer) else float(fill)
        with np.errstate(invalid="ignore", over="ignore"):
            value = np.full((), number, kind)
    except (OverflowError, TypeError, ValueError) as error:
        raise OptionError(f"fill={fill!r} is no {kind}") from error
    if value != number if kind.kind in "iu" else np.isinf(value) != np.isinf(number):
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
        if not 0 <= window < MOST_WINDOWS:
            raise OptionError(f"there is no window {window}: they are counted from 0")
        return window
    render(np.zeros(1, np.uint8), window)
    if isinstance(window, str):
        return "auto" if window.strip().lower() == "auto" else preset(window)
    center, width = window
    return float(center), float(width)


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


def _samples(layout: Layout) -> str:
    if layout.dtype.kind == "f":
        return f"{layout.dtype} samples"
    return f"{'signed' if layout.signed else 'unsigned'} samples of {layout.bits_stored} bits"


def sizes(shape: tuple[int, ...]) -> str:
    """Tell a shape in a message."""
    return " x ".join(map(str, shape))
