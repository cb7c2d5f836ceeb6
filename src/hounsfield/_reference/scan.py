"""The scan kernel in plain Python, and as the best that NumPy can do."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hounsfield.errors import LimitError, OptionError, ParseError

if TYPE_CHECKING:
    from typing_extensions import Buffer

SHORT_VRS = frozenset(("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO"))
SHORT_VRS |= frozenset(("LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"))
LONG_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
FLAG_UNDEFINED, FLAG_IMPLICIT, FLAG_CUT, FLAG_UN_SEQUENCE = 1, 2, 4, 8


class Row(NamedTuple):
    tag: int
    vr: str
    offset: int
    length: int
    depth: int
    flags: int


class Table(NamedTuple):
    rows: list[Row]
    status: str
    end: int


class _EndError(Exception):
    """The walk is over, for the reason in args[0]."""


class _Level(NamedTuple):
    end: int
    kind: str  # "dataset", "sequence" or "pixels": what it holds
    delimited: bool
    explicit: bool
    big: bool
    depth: int


class _Walker:
    """Recursive descent, one method a production of PS3.5 Section 7.5 and Annex A.4."""

    def __init__(
        self,
        data: bytes,
        whole: int,
        nested: bool,
        fragments: bool,
        stop_tag: int,
        max_elements: int,
        max_depth: int,
    ) -> None:
        self.data = data
        self.whole = whole
        self.nested = nested
        self.fragments = fragments
        self.stop_tag = stop_tag
        self.max_elements = max_elements
        self.max_depth = max_depth
        self.visited = 0
        self.rows: list[Row] = []
        self.top_rows = 0  # rows before the top-level element in hand
        self.position = 0  # of that element
        self.last = 0  # top-level tag

    def load(self, position: int, code: str, big: bool) -> int:
        (value,) = struct.unpack_from((">" if big else "<") + code, self.data, position)
        return int(value)

    def load_tag(self, position: int, big: bool) -> int:
        return self.load(position, "H", big) << 16 | self.load(position + 2, "H", big)

    def need(self, position: int, count: int, level: _Level, tag: int = 0) -> None:
        if position + count > len(self.data):
            raise _EndError("more" if position + count <= self.whole else "truncated")
        if position + count > level.end:
            raise ParseError("overrun", offset=position, tag=tag or self.load_tag(position, level.big))

    def leads_to_element(self, tag: int, value: int, length: int, level: _Level) -> bool:
        next_at = value if length == UNDEFINED else value + length
        if next_at > level.end:
            return False
        if next_at == level.end:
            return True
        if next_at + 8 > len(self.data):
            if length < 0x10000 and len(self.data) < self.whole:
                raise _EndError("more")
            return False
        next_tag = self.load_tag(next_at, level.big)
        if length == UNDEFINED:
            return next_tag == ITEM
        if next_tag >> 16 == 0xFFFE:
            return level.delimited and next_tag == ITEM_DELIMITER
        next_length = self.load(next_at + 4, "I", level.big)
        return next_tag > tag and (
            self.vr_at(next_at) in SHORT_VRS | LONG_VRS
            or next_length == UNDEFINED
            or next_at + 8 + next_length <= level.end
        )

    def vr_at(self, position: int) -> str:
        return self.data[position + 4 : position + 6].decode("latin-1")

    def header(self, position: int, level: _Level) -> tuple[int, str, int, int, int]:
        """Tag, VR, value offset, length and flags."""
        self.need(position, 8, level)
        tag = self.load_tag(position, level.big)
        length = self.load(position + 4, "I", level.big)
        if tag >> 16 == 0xFFFE:
            return tag, "", position + 8, length, 0
        vr = self.vr_at(position)
        known = vr in SHORT_VRS or vr in LONG_VRS
        is_odd = known != level.explicit
        if self.leads_to_element(tag, position + 8, length, level) if is_odd else not known:
            return tag, "", position + 8, length, FLAG_IMPLICIT
        if not known and not all("A" <= letter <= "Z" for letter in vr):
            raise ParseError("bad VR", offset=position, tag=tag)
        if vr in SHORT_VRS:
            return tag, vr, position + 8, self.load(position + 6, "H", level.big), 0
        self.need(position, 12, level, tag)
        return tag, vr, position + 12, self.load(position + 8, "I", level.big), 0

    def stops_at(self, position: int, level: _Level) -> bool:
        """Whether a tag is there and is the stop tag or a higher one; what goes with it does not matter."""
        if position + 8 > min(len(self.data), level.end):
            return False
        tag = self.load_tag(position, level.big)
        return tag >= self.stop_tag and tag >> 16 != 0xFFFE

    def walk(self, position: int, level: _Level) -> int:
        """Walk one level from `position`; where it ended."""
        depth = level.depth
        while True:
            if depth == 0:
                self.position, self.top_rows = position, len(self.rows)
                if position == level.end:
                    raise _EndError("complete")
                if self.last == self.stop_tag - 1 > 0:
                    raise _EndError("stop")
            elif not level.delimited and position == level.end:
                return position
            self.visited += 1
            if self.visited > self.max_elements:
                raise LimitError("too many elements", offset=position)

            if depth == 0 and level.kind == "dataset" and self.stops_at(position, level):
                raise _EndError("stop")
            tag, vr, value, length, flags = self.header(position, level)
            delimiter = tag >> 16 == 0xFFFE and tag != ITEM
            if tag >> 16 != 0xFFFE:
                if level.kind != "dataset":
                    raise ParseError("an element among items", offset=position, tag=tag)
                if depth == 0:
                    self.last = tag
            elif tag == ITEM:
                misplaced = level.kind == "dataset" and depth > 0
                if misplaced or (level.kind == "pixels" and length == UNDEFINED):
                    raise ParseError("an item among elements", offset=position, tag=tag)
            elif depth:
                closing = ITEM_DELIMITER if level.kind == "dataset" else SEQUENCE_DELIMITER
                if not level.delimited or tag != closing:
                    raise ParseError("a stray delimiter", offset=position, tag=tag)
                return value
            elif level.kind == "sequence" and tag == SEQUENCE_DELIMITER:
                self.position = value
                raise _EndError("complete")
            else:
                length = 0

            holds = "sequence"
            if tag == ITEM:
                holds = "dataset"
            elif length == UNDEFINED and vr == "UN":
                flags |= FLAG_UN_SEQUENCE
            elif length == UNDEFINED and vr != "SQ" and (vr or tag == PIXEL_DATA):
                holds = "pixels"
            row = None
            if depth == 0 or self.nested:
                row = len(self.rows)
                undefined = FLAG_UNDEFINED if length == UNDEFINED else 0
                self.rows.append(Row(tag, vr, value, length, depth, flags | undefined))

            sequence = vr == "SQ" or (tag == ITEM and level.kind == "sequence")
            opened = length == UNDEFINED or (self.nested and sequence and not delimiter)
            if length == UNDEFINED:
                if holds == "pixels" and tag == PIXEL_DATA and depth == 0 and not self.fragments:
                    self.position = value
                    raise _EndError("fragments")
            elif value + length > level.end:
                if level.end == self.whole:
                    raise _EndError("truncated")
                raise ParseError("overrun", offset=position, tag=tag)
            elif value + length > len(self.data):
                if depth == 0 and not opened:
                    self.position, self.top_rows = value + length, len(self.rows)
                    raise _EndError("complete" if self.position == level.end else "more")
                raise _EndError("more")
            if not opened:
                position = value + length
                continue

            if depth == self.max_depth:
                raise LimitError("nested too deep", offset=position, tag=tag)
            un = bool(flags & FLAG_UN_SEQUENCE)
            inner = _Level(
                end=level.end if length == UNDEFINED else value + length,
                kind=holds,
                delimited=length == UNDEFINED,
                explicit=level.explicit and not un,
                big=level.big and not un,
                depth=depth + 1,
            )
            position = self.walk(value, inner)
            if row is not None and length == UNDEFINED:
                self.rows[row] = self.rows[row]._replace(length=position - 8 - value)

    def run(self, start: int, level: _Level) -> Table:
        try:
            self.walk(start, level)
        except _EndError as ended:
            status = str(ended.args[0])
        if status == "more":
            del self.rows[self.top_rows :]
        elif status == "truncated" and len(self.rows) > self.top_rows:
            del self.rows[self.top_rows + 1 :]
            cut = self.rows[-1]
            self.rows[-1] = cut._replace(length=self.whole - cut.offset, flags=cut.flags | FLAG_CUT)
        return Table(self.rows, status, self.position)


def scan(
    data: Buffer,
    start: int = 0,
    stop: int | None = None,
    *,
    whole: int | None = None,
    explicit: bool = True,
    big: bool = False,
    items: bool = False,
    nested: bool = False,
    fragments: bool = False,
    stop_tag: int = 0xFFFFFFFF,
    max_elements: int = 1 << 24,
    max_depth: int = 128,
) -> Table:
    """What hounsfield._kernels.scan.scan does, written from PS3.5 Section 7 for reading, not for speed."""
    available = bytes(data)[:stop]
    size = len(available) if whole is None else whole
    if size < len(available) or start > len(available) or not 0 <= max_depth <= 255:
        raise OptionError("start, stop, whole or max_depth do not fit")
    walker = _Walker(available, size, nested, fragments, stop_tag, max_elements, max_depth)
    kind = "sequence" if items else "dataset"
    return walker.run(start, _Level(size, kind, False, explicit, big, 0))


def scan_numpy(data: Buffer, start: int = 0) -> Table:
    """The same for explicit VR little endian without undefined lengths, with whole-array arithmetic.

    Every byte offset is read as if an element began there, all at once; following the chain of "next offset"
    from `start` is then one list look-up an element.
    """
    octets = np.frombuffer(memoryview(data), np.uint8)
    size = len(octets)
    count = max(size - 7, 0)
    wide = np.zeros(size + 4, np.uint32)  # the last header may have 8 bytes, and 12 are looked at
    wide[:size] = octets
    pair = wide[:-1] | wide[1:] << 8
    vr = pair[4 : 4 + count]
    codes = np.array(sorted(name[0] | name[1] << 8 for name in map(str.encode, LONG_VRS)), np.uint32)
    is_long = np.zeros(0x10000, bool)
    is_long[codes] = True
    long_form = is_long[vr]
    length = np.where(long_form, pair[8 : 8 + count] | pair[10 : 10 + count] << 16, pair[6 : 6 + count])
    value = np.arange(count) + np.where(long_form, 12, 8)
    following = (value + length).tolist()

    chain = []
    position = start
    while position < count:
        chain.append(position)
        position = following[position]
    rows = [
        Row(group << 16 | element, name.to_bytes(2, "little").decode("latin-1"), offset, size_, 0, 0)
        for group, element, name, offset, size_ in zip(
            pair[chain].tolist(),
            pair[np.array(chain, int) + 2].tolist(),
            vr[chain].tolist(),
            value[chain].tolist(),
            length[chain].tolist(),
            strict=True,
        )
    ]
    return Table(rows, "complete" if position == size else "truncated", min(position, size))
