"""Pixel Data laid out by hand: fragments, offset tables right and wrong, native frames."""

import struct

import hounsfield as hu
from bytewise import BIG, UNDEFINED, element, item, padded, part10, sequence_end

PIXEL_DATA = 0x7FE00010
DELIMITER = sequence_end()
JPEG = "1.2.840.10008.1.2.4.50"


def image(pixels, frames=None, syntax=JPEG, bits=8, vr="OB", size=None, extended=None, behind=b""):
    """A file with these pixel data: fragments with all that is around them, or native of a given `size`."""
    order = ">" if syntax == BIG else "<"
    rows, columns = size or (4, 5)

    def number(tag, value):
        return element(tag, "US", struct.pack(f"{order}H", value), order)

    data = element(0x00080060, "CS", b"OT", order) + number(0x00280002, 1)
    data += element(0x00280004, "CS", b"MONOCHROME2 ", order)
    if frames is not None:
        data += padded(0x00280008, "IS", str(frames).encode(), order)
    values = (rows, columns, bits, bits, bits - 1, 0)
    tags = (0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
    data += b"".join(map(number, tags, values))
    if extended is not None:
        offsets, lengths = extended
        data += element(0x7FE00001, "OV", offsets) + element(0x7FE00002, "OV", lengths)
    if size is not None:
        data += element(PIXEL_DATA, vr, pixels + bytes(len(pixels) % 2), order)
    else:
        data += element(PIXEL_DATA, vr, pixels, length=UNDEFINED)
    return part10(data + behind, syntax)


def offsets_of(frames):
    """What an offset table has for frames, each a list of fragments."""
    sizes = [sum(8 + len(fragment) for fragment in frame) for frame in frames]
    return [sum(sizes[:number]) for number in range(len(frames))]


def fragments(frames, table=None, delimiter=DELIMITER):
    basic = b"" if table is None else struct.pack(f"<{len(table)}I", *table)
    return item(basic) + b"".join(item(each) for frame in frames for each in frame) + delimiter


def jpeg(*parts, end=b"\xff\xd9"):
    """A frame in fragments that begins and ends as JPEG does."""
    joined = [b"\xff\xd8\xff\xe0" + parts[0], *parts[1:]]
    return [*joined[:-1], joined[-1] + end]


ONE, TWO, THREE = jpeg(b"first"), jpeg(b"second", b"frame"), jpeg(b"the", b"", b"third!")


def joined(frames):
    return [b"".join(frame) for frame in frames]


def read_all(source):
    """The bytes of all frames, which are where the ranges say."""
    ds = hu.read(source)
    raw = source if isinstance(source, bytes) else None
    found = [bytes(ds.frames.read(number)) for number in range(len(ds.frames))]
    assert [ds.encoded_frame(number) for number in range(-len(found), 0)] == found
    if raw is not None and "deflated" not in str(ds.transfer_syntax.name).lower():
        again = hu.read(source)
        assert [b"".join(raw[at : at + n] for at, n in frame.ranges) for frame in again.frames] == found
        assert [again.frames[number].length for number in range(len(found))] == list(map(len, found))
    return found
