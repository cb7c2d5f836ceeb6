"""How an image of one size goes into a frame of another: which part of it, to which part of the frame."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hounsfield.errors import OptionError

__all__ = ["FITS", "Box", "Fit", "fit"]

Mode = Literal["letterbox", "crop", "stretch"]

FITS: tuple[Mode, ...] = ("letterbox", "crop", "stretch")
"""The whole image, with borders; the frame filled, with the image's edges cut off; neither, but distorted."""


class Box(NamedTuple):
    """A rectangle of pixels.

    Attributes
    ----------
    top, left : int
        Its first row and column, from 0.
    rows, columns : int
        Its size, at least 1 x 1.
    """

    top: int
    left: int
    rows: int
    columns: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of an array: ``image[box.slices]`` is a view of the shape (rows, columns, ...)."""
        return slice(self.top, self.top + self.rows), slice(self.left, self.left + self.columns)


class Fit(NamedTuple):
    """What goes where.

    Attributes
    ----------
    source : Box
        The part of the image that is shown.
    target : Box
        The part of the frame that shows it; the rest is border.
    """

    source: Box
    target: Box


def fit(rows: int, columns: int, size: tuple[int, int], mode: Mode | str = "letterbox") -> Fit:
    """Tell how an image goes into a frame.

    Lengths are rounded half up, but are at least 1. Where a rest cannot be halved, the odd row or column is
    at the bottom or at the right. Pixels are taken for squares.

    Parameters
    ----------
    rows, columns : int
        Size of the image.
    size : (int, int)
        Rows and columns of the frame.
    mode : {"letterbox", "crop", "stretch"}
        "letterbox": the whole image, as large as the frame allows, in its middle, and borders beside it or
        above and below. "crop": the largest part in the image's middle that has the frame's proportions fills
        the frame. "stretch": the whole image fills the frame, whatever this does to its proportions.

    Returns
    -------
    Fit

    Raises
    ------
    OptionError
        For another mode, or a size of less than 1 x 1.
    """
    height, width = size
    if min(rows, columns, height, width) < 1:
        raise OptionError(
            f"an image of {rows} x {columns} does not go into {height} x {width}: at least 1 x 1"
        )
    image, frame = Box(0, 0, rows, columns), Box(0, 0, height, width)
    if mode == "letterbox":
        return Fit(image, _middle(frame, rows, columns))
    if mode == "crop":
        return Fit(_middle(image, height, width), frame)
    if mode == "stretch":
        return Fit(image, frame)
    raise OptionError(f"fit {mode!r} is none of {', '.join(FITS)}")


def _middle(box: Box, rows: int, columns: int) -> Box:
    """Give the largest box in the middle of another that has the proportions of rows to columns."""
    if box.columns * rows <= box.rows * columns:
        height, width = _scaled(rows, box.columns, columns, box.rows), box.columns
    else:
        height, width = box.rows, _scaled(columns, box.rows, rows, box.columns)
    return Box((box.rows - height) // 2, (box.columns - width) // 2, height, width)


def _scaled(length: int, by: int, over: int, most: int) -> int:
    return min(max((2 * length * by + over) // (2 * over), 1), most)
