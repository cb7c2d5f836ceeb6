"""The facts of one codestream, and the walk through a file format's boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from hounsfield.errors import PixelDataError

__all__ = ["END", "PAD", "Codestream", "Color", "Kind", "boxes", "find_end"]

Kind: TypeAlias = Literal["jpeg", "jpeg-lossless", "jpeg-ls", "jpeg2000", "htj2k", "jpegxl"]
Color: TypeAlias = Literal["rgb", "ycbcr"]

MAX_BOXES = 256
END = b"\xff\xd9"
"""EOI of JPEG and JPEG-LS, EOC of JPEG 2000."""

PAD = 16


class Codestream(NamedTuple):
    """What one codestream says of itself. All of it was checked against the limits of its standard.

    Attributes
    ----------
    kind : str
        "jpeg" (the DCT processes), "jpeg-lossless" (SOF3), "jpeg-ls", "jpeg2000", "htj2k" or "jpegxl".
    rows, columns, components : int
    precision : int
        Bits a sample.
    signed : bool
        Only JPEG 2000 and HTJ2K can say so: the others know no sign, and give samples as they are stored.
    lossless : bool or None
        Whether the process loses nothing: JPEG Lossless without a point transform, JPEG-LS with NEAR 0,
        JPEG 2000 and HTJ2K with the 5/3 transform (which may have been cut to a size all the same), JPEG XL
        without XYB or DCT; None where components or tiles differ, or the headers do not tell.
    start, stop : int
        Where in the data the bare codestream stands: without JP2 boxes and without what follows its end. A
        container of JPEG XL is one whole.
    terminated : bool
        Whether its end marker (EOI, EOC) is there; True for JPEG XL, which has none.
    flaw : str
        What contradicts the stream's own lengths or numbers of tiles, so that a part of it must be missing;
        "" if nothing does.
    color : str or None
        What the markers say of three components: "ycbcr" or "rgb" (JFIF, then Adobe's APP14, then component
        identifiers; JP2's enumerated colour space); None if they say nothing.
    subsampled : bool
        Whether components have fewer samples than the image.
    sof : int
        The start-of-frame marker's second byte for the JPEG family, 0xC0 ...; 0 for the others.
    restart_interval : int
        MCUs between restart markers in JPEG and JPEG-LS; 0 is none.
    interleaved : bool
        Whether the first scan holds all components (JPEG and JPEG-LS).
    predictor, point_transform : int
        Of the first scan of JPEG Lossless.
    near : int
        The bound of JPEG-LS on a sample's error; the greatest of all scans.
    transform : bool
        Whether JPEG 2000's multiple component transform is on, which decoding undoes: RGB comes out.
    levels, layers, tiles : int
        Of JPEG 2000: decomposition levels (the fewest of all components and tiles), quality layers, tiles.
    origin : tuple of int
        Of JPEG 2000: where the image begins on the reference grid, (row, column).
    tile_origin, tile_size : tuple of int
        Of JPEG 2000: where on that grid the first tile begins, and how large tiles are: (row, column).
    uncommon : bool
        Whether JPEG 2000 has a region of interest, a change of progression, packed packet headers, or styles
        of single tiles: OpenJPH passes over their markers.
    order : tuple of int
        Of JP2 and JPH: which component each channel is, by the box of channel definitions; () if they stand
        in order.
    palette : bool
        Whether the boxes of JP2 or JPH have a palette, whose indices the samples are.
    late_style : bool
        Whether a header of JPEG 2000 has a style for all components behind that of one, which it does not
        override (A.6): OpenJPEG thinks it does.
    """

    kind: Kind
    rows: int
    columns: int
    components: int
    precision: int
    signed: bool
    lossless: bool | None
    start: int
    stop: int
    terminated: bool = True
    flaw: str = ""
    color: Color | None = None
    subsampled: bool = False
    sof: int = 0
    restart_interval: int = 0
    interleaved: bool = True
    predictor: int = 0
    point_transform: int = 0
    near: int = 0
    transform: bool = False
    levels: int = 0
    layers: int = 1
    tiles: int = 1
    origin: tuple[int, int] = (0, 0)
    tile_origin: tuple[int, int] = (0, 0)
    tile_size: tuple[int, int] = (0, 0)
    uncommon: bool = False
    order: tuple[int, ...] = ()
    palette: bool = False
    late_style: bool = False

    def reduced(self, reduce: int) -> tuple[int, int]:
        """Rows and columns at 1/2^reduce of the size, as JPEG 2000 rounds them (ISO/IEC 15444-1 B.5)."""
        if not reduce:
            return self.rows, self.columns
        top, left = self.origin
        return (
            _halved(top + self.rows, reduce) - _halved(top, reduce),
            _halved(left + self.columns, reduce) - _halved(left, reduce),
        )


def _halved(number: int, times: int) -> int:
    return -(-number >> times)


def boxes(view: memoryview, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Walk the boxes of JP2, JPH or a JPEG XL container (ISO/IEC 15444-1 I.4).

    Yields
    ------
    tuple
        Type of the box, and where its contents begin and end.

    Raises
    ------
    PixelDataError
        A box's length cannot be, or there are too many.
    """
    for _ in range(MAX_BOXES):
        if start == stop:
            return
        if stop - start < 8:
            # Fewer bytes than a box has are padding: a fragment has an even length.
            return
        length = int.from_bytes(view[start : start + 4], "big")
        kind = bytes(view[start + 4 : start + 8])
        contents = start + 8
        if length == 1 and stop - start >= 16:
            length = int.from_bytes(view[contents : contents + 8], "big")
            contents += 8
        end = start + length if length else stop
        # The last box may be cut: its contents will tell.
        if end < contents or (end > stop and kind not in (b"jp2c", b"jxlc", b"jxlp")):
            raise PixelDataError(f"box {kind!r} of {length} bytes where {stop - start} are", offset=start)
        yield kind, contents, min(end, stop)
        start = min(end, stop)
    raise PixelDataError(f"more than {MAX_BOXES} boxes", offset=start)


def find_end(view: memoryview, start: int, stop: int) -> tuple[int, bool]:
    """Find the end marker FF D9: nearly always among the last bytes, else looked for from behind.

    Returns
    -------
    tuple
        Where the stream ends, and whether the marker is there.
    """
    for begin in (max(start, stop - PAD), start):
        found = bytes(view[begin:stop]).rfind(END)
        if found >= 0:
            return begin + found + 2, True
    return stop, False
