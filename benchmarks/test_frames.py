"""One frame of a long multi-frame file, and one of a file that has no more: where it is, and its bytes."""

import os
import struct
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import pytest

import hounsfield as hu

FRAMES, SIZE = 1_000, 500_000
PYDICOM = "from pydicom.encaps import get_frame"


def item(length):
    return struct.pack("<HHI", 0xFFFE, 0xE000, length)


def element(tag, vr, value):
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def write(path, frames, size, with_table):
    """A file of frames that begin as JPEG 2000 does and are else a hole; where its pixel data begin."""
    syntax = element(0x00020010, b"UI", b"1.2.840.10008.1.2.4.90")
    head = bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(syntax))) + syntax
    head += element(0x00080060, b"CS", b"OT") + element(0x00280002, b"US", b"\1\0")
    head += element(0x00280004, b"CS", b"MONOCHROME2 ") + element(0x00280008, b"IS", b"%4d" % frames)
    numbers = {
        0x00280010: 512,
        0x00280011: 512,
        0x00280100: 16,
        0x00280101: 16,
        0x00280102: 15,
        0x00280103: 0,
    }
    head += b"".join(element(tag, b"US", struct.pack("<H", number)) for tag, number in numbers.items())
    head += struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    step = 8 + size
    offsets = [step * number for number in range(frames)] if with_table else []
    with path.open("wb") as file:
        file.write(head + item(4 * len(offsets)) + struct.pack(f"<{len(offsets)}I", *offsets))
        base = file.tell()
        for number in range(frames):
            file.seek(base + step * number)
            file.write(item(size) + b"\xff\x4f\xff\x51")
        file.seek(base + step * frames - 2)
        file.write(b"\xff\xd9" + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    return len(head), base


class File(NamedTuple):
    """Where pixel data and the first frame are, and the frames to read in turn: nobody reads one twice."""

    path: Path
    group: str
    chosen: range
    start: int
    first: int
    size: int

    def place(self, number):
        return self.first + (8 + self.size) * number


@pytest.fixture(scope="module", params=["table", "no table", "one frame"])
def file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("frames") / "frames.dcm"
    if request.param == "one frame":
        start, base = write(path, 1, 200_000, False)
        yield File(path, "the only frame, 200 kB", range(1), start, base + 8, 200_000)
    else:
        start, base = write(path, FRAMES, SIZE, request.param == "table")
        group = f"one of 1,000 frames, 500 kB each, {request.param}"
        yield File(path, group, range(0, FRAMES, 37), start, base + 8, SIZE)
    path.unlink()


def bytes_of(file, number):
    descriptor = os.open(file.path, os.O_RDONLY)
    try:
        return os.pread(descriptor, file.size, file.place(number))
    finally:
        os.close(descriptor)


def in_turn(read, numbers):
    """Read one frame after the other."""
    numbers = cycle(numbers)
    return lambda: read(next(numbers))


def test_one_frame(row, benchmark, file):
    benchmark.group = file.group
    ways = {
        "hounsfield": lambda number: hu.read(file.path).frames.read(number),
        "hounsfield, read before": hu.read(file.path).frames.read,
        "the bytes alone": partial(bytes_of, file),
    }
    for read in ways.values():
        assert all(read(number) == bytes_of(file, number) for number in file.chosen)
    target = ("at most", 3, "the bytes alone")
    if "no table" in file.group:
        target = ("faster", 1, "pydicom")  # a read for each of 1,000 headers is what there is to do
    elif "only" in file.group:
        target = ("within", 30e-6, "the bytes alone")
    ours, *rivals = ((name, in_turn(read, file.chosen)) for name, read in ways.items())
    row.race(*ours, {**dict(rivals), "pydicom": pydicom(file)}, target=target)


def pydicom(file):
    """`get_frame` on the open file, at its pixel data: the header is not read."""
    count = len(file.chosen) if len(file.chosen) == 1 else FRAMES
    setup = f"import os\nfrom itertools import cycle\n{PYDICOM}\nfile = open({str(file.path)!r}, 'rb')\n"
    setup += f"numbers = cycle({file.chosen!r})\nfile.seek({file.start})\n"
    call = f"get_frame(file, next(numbers), number_of_frames={count})"
    setup += f"assert {call} == os.pread(file.fileno(), {file.size}, {file.first})"
    return setup, f"file.seek({file.start}); {call}"
