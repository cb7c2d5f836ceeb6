"""The kernel `jpegll` as plain loops from ITU-T T.81, Annexes B, C, F.2.2 and H.

There is no NumPy twin: a Huffman code begins where the last one ends, which leaves nothing to vectorise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from hounsfield.errors import OptionError, PixelDataError, UnsupportedError

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

__all__ = ["decode"]

Codes = dict[tuple[int, int], int]  # (length, code) to SSSS


class Frame(NamedTuple):
    """What SOF3 says."""

    precision: int
    rows: int
    columns: int
    ids: list[int]


def broken(what: str, offset: int) -> NoReturn:
    raise PixelDataError(f"JPEG Lossless: {what}", offset=offset)


def unsupported(what: str, offset: int) -> NoReturn:
    raise UnsupportedError(f"JPEG Lossless: {what}", offset=offset)


def decode(data: Buffer, out: npt.NDArray[Any]) -> None:
    """Do what the kernel's docstring says, one bit at a time."""
    if out.ndim not in (2, 3) or out.dtype.str[1:] not in ("u1", "i1", "u2", "i2") or not out.dtype.isnative:
        raise OptionError("out must have 2 or 3 axes, of 8 or 16-bit integers")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise OptionError("out must be writable and C-contiguous")
    samples = out.view(f"u{out.itemsize}").reshape(*out.shape[:2], -1)
    stream = bytes(data)
    if stream[:2] != b"\xff\xd8":
        broken("no SOI marker", 0)
    frame: Frame | None = None
    tables: dict[int, bytes] = {}
    interval, seen, at = 0, set[int](), 2
    while True:
        if stream[at : at + 1] not in (b"", b"\xff"):
            broken("no marker where one is due", at)
        while stream[at : at + 1] == b"\xff":
            at += 1
        if at >= len(stream):
            broken("stream ends before its image", at)
        marker, here = stream[at], at
        if marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            broken("marker that does not belong here", at)
        length = int.from_bytes(stream[at + 1 : at + 3], "big")
        if at + 3 > len(stream) or length < 2 or at + 1 + length > len(stream):
            broken("segment longer than the stream", at)
        body = stream[at + 3 : at + 1 + length]
        at += 1 + length
        if marker == 0xC3:
            if frame:
                broken("second frame header", here)
            frame = read_frame(body, here)
            if (frame.rows, frame.columns, len(frame.ids)) != samples.shape:
                raise OptionError(f"out does not fit the stream's frame: {frame}")
            if frame.precision > 8 and out.itemsize == 1:
                raise OptionError(f"out does not fit the stream's frame: {frame}")
        elif marker == 0xC4:
            read_tables(body, tables, here)
        elif marker == 0xDA:
            if frame is None:
                broken("scan before the frame header", here)
            at = read_scan(stream, at, body, frame, tables, interval, seen, samples)
            if len(seen) == len(frame.ids):
                return
        elif marker == 0xDD:
            if len(body) != 2:
                broken("restart interval of a wrong length", here)
            interval = int.from_bytes(body, "big")
        elif marker < 0xD0 or marker in (0xDC, 0xDE, 0xDF, 0xF7):
            unsupported(f"marker {marker:02X}", here)


def read_frame(body: bytes, here: int) -> Frame:
    """Read the frame header (B.2.2)."""
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        broken("frame header of a wrong length", here)
    precision, count = body[0], body[5]
    rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if not 2 <= precision <= 16 or columns == 0 or count == 0:
        broken("frame without columns or components, or precision is not of 2 to 16 bits", here)
    if rows == 0 or count not in (1, 3):
        unsupported("number of lines after the first scan, or neither 1 nor 3 components", here)
    ids: list[int] = []
    for i in range(6, len(body), 3):
        if not 1 <= body[i + 1] >> 4 <= 4 or not 1 <= body[i + 1] & 15 <= 4:
            broken("sampling factor is not of 1 to 4", here)
        if count > 1 and body[i + 1] != 0x11:
            unsupported("sampling factors other than 1", here)
        if body[i] in ids:
            broken("two components of one name", here)
        ids.append(body[i])
    return Frame(precision, rows, columns, ids)


def read_tables(body: bytes, tables: dict[int, bytes], here: int) -> None:
    """Read the Huffman tables of a segment (B.2.4.2), BITS and HUFFVAL."""
    at = 0
    while at < len(body):
        kind, slot, count = body[at] >> 4, body[at] & 15, sum(body[at + 1 : at + 17])
        if len(body) - at < 17 + count:
            broken("Huffman table cut short", here)
        if kind > 1 or slot > 3:
            broken("Huffman table of no such class or place", here)
        if kind == 0:
            tables[slot] = body[at + 1 : at + 17 + count]
        at += 17 + count


def codes_of(table: bytes, here: int) -> Codes:
    """Give the codes of a table (C.2): in order of length, each the last one plus 1."""
    codes: Codes = {}
    code, values = 0, iter(table[16:])
    if len(table) - 16 > 17 or any(value > 16 for value in table[16:]):
        broken("Huffman table that is not for lossless coding", here)
    for length in range(1, 17):
        code <<= 1
        for _ in range(table[length - 1]):
            codes[length, code] = next(values)
            code += 1
        if code > 1 << length:
            broken("Huffman table with too many codes", here)
    return codes


class Bits:
    """The bits of an entropy-coded segment (F.2.2.5)."""

    def __init__(self, stream: bytes, at: int) -> None:
        self.stream, self.at, self.byte, self.left = stream, at, 0, 0

    def bit(self) -> int:
        if self.left == 0:
            self.byte = self.next_byte()
            self.left = 8
        self.left -= 1
        return self.byte >> self.left & 1

    def next_byte(self) -> int:
        byte = self.stream[self.at : self.at + 1]
        if byte == b"":
            broken("stream ends before its last row", self.at)
        if byte == b"\xff" and self.stream[self.at + 1 : self.at + 2] != b"\0":
            broken("marker before the last row", self.at)
        self.at += 2 if byte == b"\xff" else 1
        return byte[0]

    def difference(self, codes: Codes) -> int:
        """Read a code and what follows it (H.1.2.2 and F.2.2.1)."""
        code = 0
        for length in range(1, 17):
            code = code << 1 | self.bit()
            ssss = codes.get((length, code))
            if ssss == 16:
                return 32768
            if ssss is not None:
                extra = 0
                for _ in range(ssss):
                    extra = extra << 1 | self.bit()
                return extra if ssss == 0 or extra >> (ssss - 1) else extra + 1 - (1 << ssss)
        broken("code that the Huffman table lacks", self.at)

    def end(self, *, zeros: bool) -> None:
        """Go to the marker that ends the segment; only padding may be left before it."""
        self.left = 0
        while self.at < len(self.stream) and (
            self.stream[self.at] != 0xFF or self.stream[self.at + 1 : self.at + 2] == b"\0"
        ):
            if self.next_byte() != 0 or not zeros:
                broken("data left after the last sample", self.at)

    def restart(self, number: int) -> None:
        """Go behind the restart marker of this number."""
        self.end(zeros=False)
        while self.stream[self.at : self.at + 1] == b"\xff":
            self.at += 1
        if self.stream[self.at : self.at + 1] != bytes([0xD0 | number]):
            broken("not the restart marker that is due", self.at)
        self.at += 1


def read_scan(
    stream: bytes,
    at: int,
    body: bytes,
    frame: Frame,
    tables: dict[int, bytes],
    interval: int,
    seen: set[int],
    samples: npt.NDArray[Any],
) -> int:
    """Decode one scan, and give the offset of what follows it."""
    if len(body) < 1 or len(body) != 4 + 2 * body[0]:
        broken("scan header of a wrong length", at)
    if not 1 <= body[0] <= len(frame.ids):
        broken("scan of no or too many components", at)
    if body[0] not in (1, len(frame.ids)):
        unsupported("scan of some of the components", at)
    components, codes = [], []
    for i in range(1, 1 + 2 * body[0], 2):
        if body[i] not in frame.ids or frame.ids.index(body[i]) in seen:
            broken("scan of a component that the frame lacks, or again", at)
        if body[i + 1] >> 4 not in tables:
            broken("Huffman table that is not in the stream", at)
        components.append(frame.ids.index(body[i]))
        codes.append(codes_of(tables[body[i + 1] >> 4], at))
        seen.add(components[-1])
    if components != sorted(components):
        broken("components in another order than in the frame", at)
    predictor, shift = body[-3], body[-1] & 15
    if not 1 <= predictor <= 7 or shift >= frame.precision:
        broken("no such predictor, or a point transform that takes all bits", at)

    if interval % frame.columns and interval < frame.rows * frame.columns:
        broken("restart interval is not of whole rows", at)

    bits = Bits(stream, at)
    mask = (1 << frame.precision - shift) - 1
    decoded = {c: [[0] * frame.columns for _ in range(frame.rows)] for c in components}
    done, restarts, first_row = 0, 0, 0
    for y in range(frame.rows):
        for x in range(frame.columns):
            if interval and done and done % interval == 0:
                bits.restart(restarts % 8)
                restarts += 1
            begins = done == 0 or (interval and done % interval == 0)
            if begins:
                first_row = y
            for c, table in zip(components, codes, strict=True):
                rows = decoded[c]
                if begins:
                    prediction = (mask + 1) >> 1
                elif y == first_row:
                    prediction = rows[y][x - 1]
                elif x == 0:
                    prediction = rows[y - 1][0]
                else:
                    prediction = predict(predictor, rows[y][x - 1], rows[y - 1][x], rows[y - 1][x - 1])
                rows[y][x] = (prediction + bits.difference(table)) & mask
                samples[y, x, c] = rows[y][x] << shift
            done += 1
    bits.end(zeros=True)
    return bits.at


def predict(predictor: int, ra: int, rb: int, rc: int) -> int:
    """Predict a sample from those to its left, above and above left (Table H.1)."""
    if predictor == 1:
        return ra
    if predictor == 2:
        return rb
    if predictor == 3:
        return rc
    if predictor == 4:
        return ra + rb - rc
    if predictor == 5:
        return ra + ((rb - rc) >> 1)
    if predictor == 6:
        return rb + ((ra - rc) >> 1)
    return (ra + rb) >> 1
