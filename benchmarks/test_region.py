"""A region of a whole-slide image of 10,000 tiles against reading all of it, and against pydicom's frames."""

import struct

import imagecodecs
import numpy as np
import pytest

import hounsfield as hu
from enhanced import EXPLICIT_LITTLE, element

TILE, ACROSS = 64, 100
POSITION, SIZE = (3333, 2222), (512, 512)
SYNTAXES = {"native": EXPLICIT_LITTLE, "JPEG": b"1.2.840.10008.1.2.4.50"}
ITEM = struct.pack("<HH", 0xFFFE, 0xE000)

PYDICOM = f"""
import numpy
import pydicom
from pydicom.pixels import iter_pixels
(x, y), (width, height), tile, across = {POSITION}, {SIZE}, {TILE}, {ACROSS}
rows = range(y // tile, (y + height - 1) // tile + 1)
columns = range(x // tile, (x + width - 1) // tile + 1)
numbers = [row * across + column for row in rows for column in columns]
def region(path):
    frames = iter_pixels(path, indices=numbers)
    whole = numpy.empty((len(rows) * tile, len(columns) * tile), "u1")
    for number, frame in zip(numbers, frames):
        top, left = (number // across - rows.start) * tile, (number % across - columns.start) * tile
        whole[top : top + tile, left : left + tile] = frame
    top, left = y - rows.start * tile, x - columns.start * tile
    return whole[top : top + height, left : left + width]
"""


def tiles():
    """16 of them, which come again and again: to encode all would take longer than to decode them."""
    ramp = np.add.outer(np.arange(TILE), np.arange(TILE))
    noise = np.random.default_rng(4).integers(0, 8, (16, TILE, TILE))
    return [(ramp // 2 + 4 * number + noise[number]).astype("u1") for number in range(16)]


def item(fragment):
    return ITEM + struct.pack("<I", len(fragment)) + fragment


@pytest.fixture(scope="module", params=SYNTAXES)
def slide(request, tmp_path_factory):
    """Path of a grey slide of 6,400 x 6,400 pixels."""
    count = ACROSS * ACROSS
    native = request.param == "native"
    head = b"".join(
        (
            element(0x00209311, b"CS", b"TILED_FULL"),
            element(0x00280002, b"US", struct.pack("<H", 1)),
            element(0x00280004, b"CS", b"MONOCHROME2"),
            element(0x00280008, b"IS", b"%d" % count),
            *(element(tag, b"US", struct.pack("<H", TILE)) for tag in (0x00280010, 0x00280011)),
            *(
                element(tag, b"US", struct.pack("<H", value))
                for tag, value in ((0x00280100, 8), (0x00280101, 8), (0x00280102, 7), (0x00280103, 0))
            ),
            *(element(tag, b"UL", struct.pack("<I", ACROSS * TILE)) for tag in (0x00480006, 0x00480007)),
        )
    )
    frames = [tile.tobytes() if native else imagecodecs.jpeg8_encode(tile, level=90) for tile in tiles()]
    frames = [frame + bytes(len(frame) % 2) for frame in frames]
    path = tmp_path_factory.mktemp("slide") / "slide.dcm"
    syntax = element(0x00020010, b"UI", SYNTAXES[request.param])
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM")
        file.write(element(0x00020000, b"UL", struct.pack("<I", len(syntax))) + syntax + head)
        chosen = [frames[(number * 7 + number // ACROSS) % 16] for number in range(count)]
        if native:
            file.write(struct.pack("<HH2sxxI", 0x7FE0, 0x0010, b"OB", count * TILE * TILE))
            file.writelines(chosen)
        else:
            file.write(struct.pack("<HH2sxxI", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF))
            offsets = np.cumsum([0, *(len(frame) + 8 for frame in chosen[:-1])]).astype("<u4")
            file.write(item(offsets.tobytes()))
            file.writelines(map(item, chosen))
            file.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    return request.param, path


@pytest.fixture
def path(slide, benchmark):
    kind, path = slide
    benchmark.group = f"region of 512 x 512 of a slide of 10,000 tiles, {kind}"
    return path


def everything(path):
    """The region, cut out of all tiles."""
    tiles = hu.read(path).pixels().reshape(ACROSS, ACROSS, TILE, TILE)
    (x, y), (width, height) = POSITION, SIZE
    rows, columns = slice(y // TILE, -(-(y + height) // TILE)), slice(x // TILE, -(-(x + width) // TILE))
    part = tiles[rows, columns].swapaxes(1, 2)
    whole = part.reshape(part.shape[0] * TILE, -1)
    return whole[y % TILE : y % TILE + height, x % TILE : x % TILE + width]


def test_region(row, slide, path):
    target = [("faster", 25, "hounsfield, all tiles")]
    if slide[0] == "native":
        target.append(("faster", 2, "pydicom, the same tiles"))
    result = row.here("hounsfield", hu.read_region, path, POSITION, SIZE, target=target)
    np.testing.assert_array_equal(result, everything(path))


def test_open_data_set(row, path):
    ds = hu.read(path)
    result = row.here("hounsfield, of an open data set", hu.read_region, ds, POSITION, SIZE)
    assert result.shape == SIZE


def test_everything(row, path):
    row.here("hounsfield, all tiles", everything, path)


def test_pydicom(row, slide, path):
    if slide[0] != "native":
        pytest.skip("pydicom needs another package for each codec: the difference would be the codecs'")
    row.peer("pydicom, the same tiles", setup=PYDICOM, statement=f"region({str(path)!r})")
