"""Mosaics of Siemens: all slices of a volume as tiles of one image, and where they are.

Nothing that is standard tells of them but MOSAIC in Image Type. How many slices there are and which way they
go is in private elements. Tiles stand in a square, row by row, the first slice first; Image Position
(Patient) is where the corner of an image as large as the mosaic would be if its centre were the first
slice's.
"""

from __future__ import annotations

import math
import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from hounsfield.elements.dictionary import TAGS
from hounsfield.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from hounsfield.elements import dataset as elements

__all__ = ["Tiling", "is_grid", "is_mosaic", "private_value", "tiling_of"]

CSA_TAG = struct.Struct("<64si4siii")  # name, multiplicity, VR, type, items, a mark
CSA_ITEM = struct.Struct("<4i")  # lengths and a mark
GRID = 0x00651050  # Number of Images in Grid
REVERSED = re.compile(rb"sSliceArray\.ucImageNumb\w*\s*=\s*(0x)?0*[1-9a-fA-F]")
MOST_CSA_TAGS = 1024
MOST_TILES = 4096


class Tiling(NamedTuple):
    """How slices stand in a mosaic.

    Attributes
    ----------
    slices : int
        How many.
    across : int
        Tiles in a row, and in a column.
    rows, columns : int
        Of a tile.
    normal : tuple of float
        Unit vector from the first slice to the next; () if the file does not tell.
    is_reversed : bool
        Whether images were numbered the other way round. Of these, programs differ in what `normal` means.
    """

    slices: int
    across: int
    rows: int
    columns: int
    normal: tuple[float, ...]
    is_reversed: bool

    def corner(self, tile: int) -> tuple[int, int]:
        """Row and column of a tile's first pixel."""
        return tile // self.across * self.rows, tile % self.across * self.columns


def is_mosaic(image_type: Hashable) -> bool:
    return isinstance(image_type, tuple) and "MOSAIC" in image_type


def is_grid(ds: elements.Dataset) -> bool:
    """Whether an image of United Imaging has several slices, as Number of Images in Grid tells."""
    return _value(ds, TAGS["Manufacturer"]) == "UIH" and _number(_value(ds, GRID)) > 1


def tiling_of(ds: elements.Dataset, rows: int, columns: int) -> Tiling | str:
    """Find how slices stand in a mosaic of this size, or why that cannot be told."""
    if is_grid(ds):
        return "a grid of United Imaging is not known"
    header = _csa(private_value(ds, 0x0029, "SIEMENS CSA HEADER", 0x10))
    counts = {_number(each) for each in header.get("NumberOfImagesInMosaic", ())[:1]}
    counts |= {_number(private_value(ds, 0x0019, "SIEMENS MR HEADER", 0x0A))}
    counts -= {0.0}
    if not counts:
        return "the file does not tell of how many (NumberOfImagesInMosaic)"
    if len(counts) > 1:
        return f"NumberOfImagesInMosaic is {' and '.join(f'{each:g}' for each in sorted(counts))}"
    (number,) = counts
    if not number.is_integer() or not 0 < number <= MOST_TILES:
        return f"NumberOfImagesInMosaic is {number:g}"
    count = int(number)
    across = math.isqrt(count - 1) + 1
    if rows % across or columns % across:
        return f"{count} slices are no equal tiles of {rows} x {columns} pixels"
    normal = tuple(_number(each) for each in header.get("SliceNormalVector", ())[:3])
    length = math.hypot(*normal)
    if len(normal) != 3 or not 0.99 < length < 1.01:
        normal = ()
    series = private_value(ds, 0x0029, "SIEMENS CSA HEADER", 0x20)
    is_reversed = isinstance(series, bytes) and REVERSED.search(series) is not None
    is_reversed |= any(_number(each) > 1 for each in header.get("ProtocolSliceNumber", ())[:1])
    return Tiling(count, across, rows // across, columns // across, normal, is_reversed)


def private_value(ds: elements.Dataset, group: int, creator: str, element: int) -> object:
    """Give the value of an element that this creator reserved, or None."""
    try:
        return _value(ds, ds.private_block(group, creator).get_tag(element))
    except DicomError:  # of nobody
        return None


def _value(ds: elements.Dataset, tag: int) -> object:
    try:
        return ds[tag].value
    except DicomError:
        return None


def _number(value: object) -> float:
    """A number, or text that is one; 0 if it is none."""
    if not isinstance(value, str | int | float):
        return 0.0
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _csa(data: object) -> dict[str, list[str]]:
    """Texts by their names in a header of Siemens' own, of both versions; as far as it can be read.

    All numbers are in little endian. Version 2 begins with "SV10" and four bytes. Then come the number of
    tags and a mark; each tag has a name and so many items; each item four numbers, of which one is its
    length, and its text, filled up to four bytes. In version 1 the length is the first number, from which
    that of the first tag's items is to be taken; in version 2 the second.
    """
    found: dict[str, list[str]] = {}
    if not isinstance(data, bytes):
        return found
    second = data.startswith(b"SV10")
    at = 8 if second else 0
    first_items = None
    try:
        (tags,) = struct.unpack_from("<I", data, at)
        at += 8
        for _ in range(min(tags, MOST_CSA_TAGS)):
            name, _, _, _, items, _ = CSA_TAG.unpack_from(data, at)
            at += CSA_TAG.size
            first_items = items if first_items is None else first_items
            texts = []
            for _ in range(items):
                lengths = CSA_ITEM.unpack_from(data, at)
                at += CSA_ITEM.size
                length = lengths[1] if second else lengths[0] - first_items
                if not 0 <= length <= len(data) - at:  # so version 1 ends the items of a tag
                    break
                texts.append(_text(data[at : at + length]))
                at += length + -length % 4
            found[_text(name)] = texts
    except struct.error:  # it ends before
        pass
    return found


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("latin-1").strip()
