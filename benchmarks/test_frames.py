"""One frame of a long multi-frame file, and one of a file that has no more: where it is, and its bytes."""

import os
import struct

import pytest

import hounsfield as hu

FRAMES, SIZE, CHOSEN = 1_000, 500_000, 700
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


@pytest.fixture(scope="module", params=["table", "no table", "one frame"])
def file(request, tmp_path_factory):
    """A file, the group it makes, the number of a frame, and where that is and the pixel data are."""
    path = tmp_path_factory.mktemp("frames") / "frames.dcm"
    if request.param == "one frame":
        start, base = write(path, 1, 200_000, False)
        yield path, "the only frame, 200 kB", 0, start, base + 8, 200_000
    else:
        start, base = write(path, FRAMES, SIZE, request.param == "table")
        at = base + (8 + SIZE) * CHOSEN + 8
        yield path, f"one of 1,000 frames, 500 kB each, {request.param}", CHOSEN, start, at, SIZE
    path.unlink()


def bytes_of(path, at, size):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, size, at)
    finally:
        os.close(descriptor)


def test_read_and_frame(row, benchmark, file):
    path, benchmark.group, number, _, at, size = file
    target = () if "no table" in benchmark.group else ("at most", 3, "the bytes alone")
    found = row.here("hounsfield", lambda: hu.read(path).frames.read(number), target=target)
    assert found == bytes_of(path, at, size)


def test_frame_of_an_open_data_set(row, benchmark, file):
    path, benchmark.group, number, _, at, size = file
    ds = hu.read(path)
    assert len(ds.frames) >= 1
    assert row.here("hounsfield, read before", lambda: ds.frames.read(number)) == bytes_of(path, at, size)


def test_bytes_alone(row, benchmark, file):
    path, benchmark.group, _, _, at, size = file
    row.here("the bytes alone", bytes_of, path, at, size)


def test_pydicom(row, benchmark, file):
    """`get_frame` on the open file, at its pixel data: the header is not read."""
    path, benchmark.group, number, start, at, size = file
    call = f"get_frame(file, {number}, number_of_frames={FRAMES if number else 1})"
    setup = f"import os\n{PYDICOM}\nfile = open({str(path)!r}, 'rb')\nfile.seek({start})\n"
    setup += f"assert {call} == os.pread(file.fileno(), {size}, {at})"
    row.peer("pydicom", setup=setup, statement=f"file.seek({start}); {call}")
