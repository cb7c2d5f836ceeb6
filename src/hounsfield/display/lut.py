"""Look-up tables: Modality LUT, VOI LUT, palettes (PS3.3 C.11.1.1, C.11.2.1.1, C.7.6.3.1.5, C.7.6.3.1.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hounsfield.display.groups import DatasetLike
from hounsfield.errors import ElementError, MissingElementError

__all__ = ["ByteOrder", "LookupTable", "apply_palette", "greatest_word", "lookup_table"]

ByteOrder = Literal["<", ">"]

LUT_DESCRIPTOR, LUT_DATA = 0x0028_3002, 0x0028_3006
PALETTE_DESCRIPTOR, PALETTE_DATA, SEGMENTED_DATA = 0x0028_1101, 0x0028_1201, 0x0028_1221


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A table that gives its first entry for all inputs up to `first`, and its last for all beyond its end.

    Attributes
    ----------
    first : int
        Input that the first entry belongs to.
    entries : ndarray of uint8 or uint16
        One output for each input from `first` on.
    bits : int
        Bits of an output: they range from 0 to ``2**bits - 1``.
    """

    first: int
    entries: npt.NDArray[Any]
    bits: int

    def __call__(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Look up values of any shape; fractions are rounded half to even, a NaN gives the first entry."""
        last = self.first + len(self.entries) - 1
        if values.dtype.kind == "f":
            values = np.clip(np.nan_to_num(np.rint(values), nan=self.first), self.first, last)
        index = values.astype(np.intp)
        np.clip(index, self.first, last, out=index)
        index -= self.first
        return self.entries[index]


def greatest_word(ds: DatasetLike) -> int:
    """Give the greatest of 16 bits, as signed as the stored samples are."""
    return 0x7FFF if ds.get("PixelRepresentation") == 1 else 0xFFFF


def lookup_table(item: DatasetLike, *, greatest: float, byteorder: ByteOrder) -> LookupTable:
    """Read the table in an item of a Modality LUT or VOI LUT Sequence.

    Parameters
    ----------
    item : data set
        With LUT Descriptor (0028,3002) and LUT Data (0028,3006), whose value is integers (US, SS) or bytes
        (OW).
    greatest : float
        The greatest input there can be: a first one beyond it, and above 32767, is a negative one that was
        read with the wrong VR.
    byteorder : {"<", ">"}
        Byte order of LUT Data where they are bytes.

    Raises
    ------
    ElementError, MissingElementError
        If the table is missing, too short, or its descriptor makes no sense.
    """
    count, first, bits = _descriptor(item, "LUTDescriptor", LUT_DESCRIPTOR, greatest)
    entries = _entries(item, "LUTData", LUT_DATA, count, bits, byteorder)
    return LookupTable(first, entries, _used_bits(entries, bits))


def apply_palette(
    ds: DatasetLike, array: npt.NDArray[Any], *, byteorder: ByteOrder = "<"
) -> tuple[npt.NDArray[Any], int]:
    """Turn palette indices into colours (PS3.3 C.7.6.3.1.5).

    Parameters
    ----------
    ds : data set
        With the Red, Green and Blue Palette Color Lookup Table elements, plain or segmented.
    array : ndarray of integers, any shape
        Stored samples of PALETTE COLOR.
    byteorder : {"<", ">"}
        Byte order that the tables (OW) were encoded in.

    Returns
    -------
    ndarray of uint8 or uint16, shape (..., 3), and int
        Red, green, blue, as the tables have them; bits of each.

    Raises
    ------
    ElementError, MissingElementError
        If a table is missing, too short, or has a segment that makes no sense.
    """
    greatest = greatest_word(ds)
    planes, depths = [], []
    for channel, color in enumerate(("Red", "Green", "Blue")):
        keyword = f"{color}PaletteColorLookupTable"
        count, first, bits = _descriptor(ds, f"{keyword}Descriptor", PALETTE_DESCRIPTOR + channel, greatest)
        segmented = f"Segmented{keyword}Data"
        if ds.get(f"{keyword}Data") is None and ds.get(segmented) is not None:
            words, _ = _words(ds, segmented, SEGMENTED_DATA + channel, byteorder)
            entries = _expand(words, bits, count, SEGMENTED_DATA + channel)
        else:
            entries = _entries(ds, f"{keyword}Data", PALETTE_DATA + channel, count, bits, byteorder)
        planes.append(LookupTable(first, entries, bits)(array))
        depths.append(int(entries.max()).bit_length())
    # 8-bit entries may come in words, and be declared as 16-bit ones.
    return np.stack(planes, axis=-1), 8 if max(depths) <= 8 else max(bits, *depths)


def _descriptor(ds: DatasetLike, keyword: str, tag: int, greatest: float) -> tuple[int, int, int]:
    """Give the number of entries, the first input and the bits of an entry."""
    value = ds.get(keyword)
    if value is None:
        raise MissingElementError(f"{keyword} is missing", tag=tag)
    try:
        count, first, bits = (int(part) for part in value)
        if not -0x8000 <= first <= 0xFFFF:
            raise ValueError("more than 16 bits")
    except (TypeError, ValueError, OverflowError) as error:
        raise ElementError(f"{keyword} {value!r} is not three integers of 16 bits", tag=tag) from error
    if not 8 <= bits <= 16:
        raise ElementError(f"{keyword} asks for entries of {bits} bits; 8 to 16 are possible", tag=tag)
    # The count is unsigned, 0 standing for 65536, even where the three were read as SS.
    return count % 65536 or 65536, first - 65536 if first > max(32767, greatest) else first, bits


def _entries(
    ds: DatasetLike, keyword: str, tag: int, count: int, bits: int, byteorder: ByteOrder
) -> npt.NDArray[Any]:
    words, is_binary = _words(ds, keyword, tag, byteorder)
    entries: npt.NDArray[Any] = words
    # What is neither said to be of bytes nor half as long as it is to be has been cut.
    if len(entries) < count and ((is_binary and bits == 8) or len(entries) == (count + 1) // 2):
        entries = entries.view(np.uint8)
    if len(entries) < count:
        raise ElementError(f"{keyword} is shorter than its {count} entries", tag=tag)
    return entries[:count]


def _words(
    ds: DatasetLike, keyword: str, tag: int, byteorder: ByteOrder
) -> tuple[npt.NDArray[np.uint16], bool]:
    """Give the words of a table in little endian, and whether they are given as bytes (OW).

    8-bit entries stand two in a word, the first in its low byte.
    """
    value = ds.get(keyword)
    if value is None:
        raise MissingElementError(f"{keyword} is missing", tag=tag)
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        return np.frombuffer(data + bytes(len(data) % 2), f"{byteorder}u2").astype("<u2"), True
    is_one = isinstance(value, str) or not isinstance(value, Sequence | np.ndarray)
    numbers = (value,) if is_one else value
    if not all(issubclass(kind, int | np.integer) for kind in set(map(type, numbers))):
        raise ElementError(f"{keyword} is neither of bytes nor of integers", tag=tag)
    if len(numbers) and not (min(numbers) >= -0x8000 and max(numbers) <= 0xFFFF):
        raise ElementError(f"{keyword} has entries of more than 16 bits", tag=tag)
    # SS wraps back to what was encoded.
    return np.asarray(numbers, np.int64).astype("<u2"), False


def _expand(words: npt.NDArray[np.uint16], bits: int, count: int, tag: int) -> npt.NDArray[Any]:
    """Expand a segmented table (PS3.3 C.7.9.2) to `count` entries of 8 or 16 bits."""
    codes = (words.view(np.uint8) if bits == 8 else words).tolist()
    address_codes, address_bits = (4, 8) if bits == 8 else (2, 16)
    entries: list[int] = []

    def run(position: int, segments: int, *, nested: bool) -> None:
        while segments and len(entries) < count and position + 2 < len(codes):
            kind, length = codes[position : position + 2]
            body = codes[position + 2 : position + 2 + (length, 1, address_codes)[min(kind, 2)]]
            # Every segment has to give an entry: so this ends, whatever the table says.
            if kind == 0 and length:
                entries.extend(body)
            elif kind == 1 and length and entries:
                start, end = entries[-1], body[0]
                entries.extend(round(start + (end - start) * step / length) for step in range(1, length + 1))
            elif kind == 2 and length and not nested:
                address = sum(code << address_bits * place for place, code in enumerate(body))
                run(address * 8 // address_bits, length, nested=True)
            else:
                raise ElementError(f"segment {kind} of length {length} cannot stand there", tag=tag)
            position += 2 + len(body)
            segments -= 1

    run(0, len(codes), nested=False)
    if len(entries) < count:
        raise ElementError(f"the segments give {len(entries)} of {count} entries", tag=tag)
    return np.array(entries[:count], np.uint8 if bits == 8 else np.uint16)


def _used_bits(entries: npt.NDArray[Any], bits: int) -> int:
    """Give the bits in use where the descriptor has the bits allocated, as some devices do (dicom-rs#825)."""
    used = max(int(entries.max()).bit_length(), 8)
    return min(bits, used) if bits == 16 else max(bits, used)
