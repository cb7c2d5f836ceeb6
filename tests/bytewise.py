"""Elements, items and files byte by byte, right and wrong: no writer has a say in them (PS3.5 Section 7)."""

import struct

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
"""The VRs whose length has 32 bits."""

UNDEFINED = 0xFFFFFFFF


def element(tag, vr, value, order="<", *, length=None):
    """In explicit VR; `length` is what it says of its value, whatever that is."""
    length = len(value) if length is None else length
    start = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return start + struct.pack(f"{order}2xI" if vr in LONG else f"{order}H", length) + value


def even(vr, value):
    """The value, with a byte more where its length is odd."""
    return value + (b"\0" if vr in ("OB", "UI", "UN") else b" ") * (len(value) % 2)


def padded(tag, vr, value, order="<"):
    return element(tag, vr, even(vr, value), order)


def implicit(tag, value, *, length=None):
    length = len(value) if length is None else length
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + value


def item(value, order="<"):
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(value)) + value


def sequence_end(order="<"):
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE0DD, 0)


def syntax_element(uid):
    return padded(0x00020010, "UI", uid.encode())


def part10(data, syntax=EXPLICIT):
    """A file of a data set, with no more meta information than has to be."""
    meta = syntax_element(syntax)
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + data
