"""Data sets to scan: those of files, and generated ones with the rows that a scan of them should give."""

import struct
import zlib

from hypothesis import strategies as st

from hounsfield._kernels import scan as kernel
from hounsfield._reference import scan as reference

DEFLATED = "1.2.840.10008.1.2.1.99"


def data_set_of(path):
    """The bytes of a file's data set, and the options that its transfer syntax asks for."""
    data = path.read_bytes()
    start = 132 if data[128:132] == b"DICM" else 0
    meta = kernel.scan(data, start, stop_tag=0x00030000)
    row = meta.find(0x00020010)
    uid = data[row[2] : row[2] + row[3]] if row else b""
    uid = uid.rstrip(b"\0 ").decode("latin-1")
    data = data[meta.end :]
    if uid == DEFLATED:
        data = zlib.decompress(data, -zlib.MAX_WBITS)
    return data, {"explicit": uid != "1.2.840.10008.1.2", "big": uid == "1.2.840.10008.1.2.2"}


def element(tag, vr=b"LO", value=b"ab"):
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + struct.pack("<H", len(value)) + value


def header(tag, vr, length, explicit, order):
    start = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if not explicit or not vr:
        return start + struct.pack(order + "I", length)
    if vr in reference.SHORT_VRS:
        return start + vr.encode() + struct.pack(order + "H", length)
    return start + vr.encode() + struct.pack(order + "HI", 0, length)


class Writer:
    """Writes trees of elements, and the rows that a nested scan of them should give."""

    def __init__(self, explicit, big):
        self.explicit = explicit
        self.order = ">" if big else "<"
        self.out = bytearray()
        self.rows = []

    def elements(self, elements, depth=0, seen=True):
        for tag, vr, undefined, value in elements:
            if isinstance(value, bytes):
                self._begin(tag, vr, len(value), depth, 0, seen)
                self.out += value
            elif vr == "OB":
                self._run(tag, vr, True, depth, 0, seen, [(False, fragment) for fragment in value], seen)
            else:
                explicit, order = self.explicit, self.order
                flags = reference.FLAG_UN_SEQUENCE if vr == "UN" and explicit else 0
                # only a VR or an undefined length shows that a value is a sequence
                opened = seen and (undefined or (explicit and vr == "SQ"))
                self._run(tag, vr, undefined, depth, flags, seen, value, opened)
                self.explicit, self.order = explicit, order

    def _run(self, tag, vr, undefined, depth, flags, seen, items, opened):
        """Write a sequence or encapsulated pixel data."""
        row, at = self._begin(tag, vr, None if undefined else 0, depth, flags, seen)
        if flags:
            self.explicit, self.order = False, "<"
        for open_item, content in items:
            if isinstance(content, bytes):
                self._begin(0xFFFEE000, "", len(content), depth + 1, 0, opened)
                self.out += content
                continue
            inner, inner_at = self._begin(0xFFFEE000, "", None if open_item else 0, depth + 1, 0, opened)
            self.elements(content, depth + 2, opened)
            self._end(inner, inner_at, 0xFFFEE00D if open_item else None)
        self._end(row, at, 0xFFFEE0DD if undefined else None)

    def _begin(self, tag, vr, length, depth, flags, seen):
        self.out += header(tag, vr, 0xFFFFFFFF if length is None else length, self.explicit, self.order)
        if seen:
            shown = vr if self.explicit else ""
            flags |= reference.FLAG_UNDEFINED if length is None else 0
            flags |= reference.FLAG_IMPLICIT if tag != 0xFFFEE000 and not self.explicit else 0
            self.rows.append((tag, shown, len(self.out), length or 0, depth, flags))
        return (len(self.rows) - 1 if seen else None), len(self.out)

    def _end(self, row, at, delimiter):
        length = len(self.out) - at
        if row is not None:
            self.rows[row] = (*self.rows[row][:3], length, *self.rows[row][4:])
        if delimiter is None:
            self.out[at - 4 : at] = struct.pack(self.order + "I", length)
        else:
            self.out += header(delimiter, "", 0, False, self.order)


SHORT = st.sampled_from(sorted(reference.SHORT_VRS))
LONG = st.sampled_from(sorted(reference.LONG_VRS - {"SQ"}))
TAGS = st.integers(0x00080001, 0x7FDFFFFF)
VALUES = st.tuples(TAGS, SHORT | LONG, st.just(False), st.binary(max_size=40))
FRAGMENTS = st.tuples(
    st.just(0x7FE00010), st.just("OB"), st.just(True), st.lists(st.binary(max_size=9), max_size=4)
)


def lists_of(element, **options):
    return st.lists(element, **options).map(sorted_by_tag)


def sorted_by_tag(elements):
    return [element for _, element in sorted({element[0]: element for element in elements}.items())]


def sequences(element):
    items = st.lists(st.tuples(st.booleans(), lists_of(element, max_size=4)), max_size=3)
    plain = st.tuples(TAGS, st.just("SQ"), st.booleans(), items)
    unknown = st.tuples(TAGS, st.just("UN"), st.just(True), items)
    return plain | unknown


ELEMENTS = st.recursive(VALUES, sequences, max_leaves=12)
TREES = st.tuples(lists_of(ELEMENTS, max_size=8), st.lists(FRAGMENTS, max_size=1)).map(
    lambda both: both[0] + both[1]
)
ENCODINGS = st.sampled_from([(True, False), (False, False), (True, True)])


def written(tree, encoding):
    writer = Writer(*encoding)
    writer.elements(tree)
    return bytes(writer.out), writer.rows


def check_look_ups(table):
    rows = list(table)
    for tag in {row[0] for row in rows} | {0, 0x00080001, 0x7FE00010, 0xFFFFFFFF}:
        first = next((row for row in rows if row[0] == tag and row[4] == 0), None)
        assert table.find(tag) == first
