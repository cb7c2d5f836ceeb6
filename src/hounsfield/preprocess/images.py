"""Sources to the samples of their images, as the plan wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hounsfield._kernels.pipeline import decode_files
from hounsfield.decoding import Decoding, Values, WindowLike, sizes
from hounsfield.display.resizing import Mode
from hounsfield.errors import NotDicomError, OptionError, reason
from hounsfield.facade import read
from hounsfield.pixels.layout import has_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from hounsfield.finding import Origin
    from hounsfield.preprocess.sources import Source

__all__ = ["ERROR", "OK", "PASSED_OVER", "Image", "Options", "decode"]

Array = Any  # an ndarray of any type

OK, ERROR, PASSED_OVER = "ok", "error", "passed over"


class Options(NamedTuple):
    """What is wanted of each image, as `hounsfield.decode_batch` has it; here as it can be written down."""

    values: Values = "display"
    window: WindowLike = None
    dtype: str | None = None
    frame: int = 0
    size: tuple[int, int] | None = None
    fit: Mode = "letterbox"
    fill: float = 0.0

    def checked(self) -> Decoding:
        """Give what decodes so.

        Raises
        ------
        OptionError
            One of them cannot be used.
        """
        return Decoding.checked(**self._asdict())


class Image(NamedTuple):
    """What became of a source.

    Attributes
    ----------
    status : {"ok", "error", "passed over"}
    reason : str or None
        Why there is none.
    samples : ndarray or None
        (rows, columns) or (rows, columns, 3).
    size : (int, int) or None
        Rows and columns of the image in the source.
    window : (float, float) or None
        Center and width of the window that was applied, if one was.
    """

    status: str
    reason: str | None = None
    samples: npt.NDArray[Any] | None = None
    size: tuple[int, int] | None = None
    window: tuple[float, float] | None = None


def decode(
    sources: Sequence[Source],
    origins: Sequence[Origin],
    decoding: Decoding,
    rows: Array | None = None,
    shape: tuple[int, ...] | None = None,
) -> list[Image]:
    """Decode the images of some sources; what is wrong with one is in its result.

    Files that were found, and not named, are passed over if they are not DICOM or have no pixel data.

    Parameters
    ----------
    sources : sequence of Source
    origins : sequence of Origin
        What they are opened by.
    decoding : Decoding
    rows : ndarray, shape (sources, rows, columns) or (sources, rows, columns, 3)
        Where the samples of images of that shape are put, of the type that `decoding` has.
    shape : tuple of int, optional
        That of all samples: other shapes are errors.
    """
    found: list[Any] = [None] * len(sources)
    if rows is not None and (options := decoding.options(rows.dtype)) is not None:
        found = decode_files([origin.path for origin in origins], rows, frame=decoding.frame or 0, **options)
    images = []
    for number, (source, origin, result) in enumerate(zip(sources, origins, found, strict=True)):
        row = None if rows is None else rows[number]
        if result is None:
            images.append(_decode(source, origin, decoding, row, shape))
        else:
            _, window, size = result
            images.append(Image(OK, None, row, size, window and window[:2]))
        if images[-1].status == OK and source.has_changed():
            images[-1] = Image(ERROR, "SourceError: has changed since it was planned")
    return images


def _decode(
    source: Source, origin: Origin, decoding: Decoding, row: Array | None, shape: tuple[int, ...] | None
) -> Image:
    """Decode what is not of the common kind, or broken."""
    try:
        with read(origin.open()) as ds:
            if source.found and not has_pixels(ds):
                return Image(PASSED_OVER, "without pixel data")
            layout = ds.frames.layout
            fits = row is not None and decoding.shape(layout) == row.shape
            samples, window = decoding.decode(ds, row if fits else None)
        if shape is not None and samples.shape != shape:
            ways = ": --size makes all images alike" if samples.shape[2:] == shape[2:] else ""
            raise OptionError(f"the image is {sizes(samples.shape)}, not {sizes(shape)}{ways}")
    except Exception as error:
        # One bad file, whatever is wrong with it, must not cost the others.
        if source.found and isinstance(error, NotDicomError):
            return Image(PASSED_OVER, "not DICOM")
        return Image(ERROR, reason(error))
    return Image(OK, None, samples, (layout.rows, layout.columns), window)
