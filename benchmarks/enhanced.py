"""Writes an enhanced multi-frame header: functional groups for as many frames as wanted (PS3.3 C.7.6.16)."""

import struct

LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
UNDEFINED = 0xFFFFFFFF
EXPLICIT_LITTLE = b"1.2.840.10008.1.2.1\0"
ENHANCED_MR = b"1.2.840.10008.5.1.4.1.1.4.1\0"


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    header = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return header + struct.pack("<xxI" if vr in LONG else "<H", len(value)) + value


def sequence(tag: int, items: list[bytes], *, defined: bool) -> bytes:
    header = struct.pack("<HH2sxx", tag >> 16, tag & 0xFFFF, b"SQ")
    if defined:
        value = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item for item in items)
        return header + struct.pack("<I", len(value)) + value
    start = b"\xfe\xff\x00\xe0" + struct.pack("<I", UNDEFINED)
    value = b"".join(start + item + b"\xfe\xff\x0d\xe0\0\0\0\0" for item in items)
    return header + struct.pack("<I", UNDEFINED) + value + b"\xfe\xff\xdd\xe0\0\0\0\0"


def frame(index: int, *, defined: bool) -> bytes:
    """The functional groups of one frame, as an enhanced MR has them."""

    def group(tag: int, *elements: bytes) -> bytes:
        return sequence(tag, [b"".join(elements)], defined=defined)

    return b"".join(
        (
            group(
                0x00209111,
                element(0x00189074, b"DT", b"20260101120000.%06d" % index),
                element(0x00189151, b"DT", b"20260101120000.%06d" % index),
                element(0x00189220, b"FD", struct.pack("<d", 12.5)),
                element(0x00209056, b"SH", b"1"),
                element(0x00209057, b"UL", struct.pack("<I", index)),
                element(0x00209157, b"UL", struct.pack("<3I", 1, index // 100 + 1, index % 100 + 1)),
            ),
            group(0x00209113, element(0x00200032, b"DS", b"-120.5\\-118.25\\%.3f" % (index * 0.625))),
            group(0x00209116, element(0x00200037, b"DS", b"1\\0\\0\\0\\1\\0")),
            group(
                0x00289110,
                element(0x00180050, b"DS", b"0.625"),
                element(0x00280030, b"DS", b"0.9375\\0.9375"),
            ),
            group(
                0x00289145,
                element(0x00281052, b"DS", b"0"),
                element(0x00281053, b"DS", b"%.4f" % (1 + index / 1000)),
                element(0x00281054, b"LO", b"US"),
            ),
        )
    )


def header(frames: int, *, defined: bool) -> bytes:
    """A file that ends before its pixel data; its lengths defined, or left to delimiters."""
    meta = element(0x00020010, b"UI", EXPLICIT_LITTLE)
    groups = [frame(index, defined=defined) for index in range(frames)]
    return b"".join(
        (
            bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta,
            element(0x00080016, b"UI", ENHANCED_MR),
            element(0x00080060, b"CS", b"MR"),
            element(0x00280008, b"IS", b"%d" % frames),
            element(0x00280010, b"US", struct.pack("<H", 512)),
            element(0x00280011, b"US", struct.pack("<H", 256)),
            sequence(0x52009230, groups, defined=defined),
        )
    )
