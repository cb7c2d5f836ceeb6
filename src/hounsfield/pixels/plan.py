"""What decoding an image will give, told without doing it."""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["MAX_PIXELS", "PixelPlan", "frame_number"]

MAX_PIXELS = 1 << 30
"""Samples that one call decodes, unless it is told otherwise."""


def frame_number(frame: Any) -> int:
    """Give the number of a frame as it was asked for, from 0 or from -1 backwards.

    Raises
    ------
    TypeError
        It is no integer, or True or False.
    """
    if isinstance(frame, bool | np.bool_):  # NumPy before 2.3 takes its own for 1 and 0
        raise TypeError("frames are chosen by their numbers, not by True or False")
    return operator.index(frame)


class PixelPlan(NamedTuple):
    """What decoding the pixel data of a data set will give.

    Attributes
    ----------
    shape : tuple of int
        (frames, rows, columns, samples), without frames or samples where there is one.
    dtype : numpy.dtype
    frames : int
        How many frames are there; of video what Number of Frames says.
    photometric_interpretation : str
        What the data set says of the samples as they are stored.
    output_photometric_interpretation : str
        The same of those that decoding gives: "RGB" of colour, unless `raw`.
    transfer_syntax : str
        UID.
    codec : str
        "native", "rle", "deflate", "video", or the kind of codestream that the first frame is: "jpeg",
        "jpeg-lossless", "jpeg-ls", "jpeg2000", "htj2k", "jpegxl".
    lossless : bool or None
        Whether decoding gives back what was encoded, by what the first frame's codestream says; None where it
        does not tell. What was lost before that is in Lossy Image Compression (0028,2110).
    reduce : int
        How often the size is halved: what was asked for.
    reduced_by : str
        "" if nothing is to be reduced, "codec" where the codestream is read only in part, "nothing" where it
        allows no such thing and the image comes in full size.
    encoded_bytes : int
        Bytes of all frames as they are stored.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    frames: int
    photometric_interpretation: str
    output_photometric_interpretation: str
    transfer_syntax: str
    codec: str
    lossless: bool | None
    reduce: int
    reduced_by: str
    encoded_bytes: int

    @property
    def nbytes(self) -> int:
        """Bytes of the result."""
        return math.prod(self.shape) * self.dtype.itemsize
