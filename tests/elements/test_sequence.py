"""Sequences as lists of data sets."""

import io
import struct
import tracemalloc

import pytest

import enhanced
import hounsfield as hu


def item(number):
    element = struct.pack("<HH2sH", 0x0008, 0x1150, b"UI", 2) + b"%d\0" % number
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(element)) + element


@pytest.fixture
def sequence():
    value = b"".join(map(item, range(5)))
    return hu.read(
        struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, len(value)) + value
    ).ReferencedImageSequence


def uids(items):
    return [int(each.ReferencedSOPClassUID) for each in items]


@pytest.mark.parametrize(
    "where", [slice(1, 3), slice(None), slice(-2, None), slice(7, 9), slice(None, None, -2)]
)
def test_slices_are_lists(sequence, where):
    assert uids(sequence[where]) == list(range(5))[where]


def test_items_are_kept_but_by_each(sequence):
    assert sequence[1] is sequence[1:2][0]
    for (passing, length), kept in zip(sequence.each(), sequence, strict=True):
        assert passing is not kept
        assert passing.ReferencedSOPClassUID == kept.ReferencedSOPClassUID
        assert length == 10


def test_functional_groups_of_a_file(pydicom_path):
    assert hu.read(pydicom_path("liver_1frame.dcm")).render().shape == (512, 512)


class TestLong:
    """Functional groups of many frames: read once, held once, whatever tells where they end."""

    @pytest.fixture(params=[True, False], ids=["defined", "undefined"])
    def header(self, request):
        return enhanced.header(3000, defined=request.param)

    def test_every_frame(self, header):
        ds = hu.read(header)
        groups = ds.PerFrameFunctionalGroupsSequence
        assert len(groups) == ds.NumberOfFrames == 3000
        for index in (0, 1, 1500, -1):
            frame = index % 3000
            content = groups[index].FrameContentSequence[0]
            assert content.DimensionIndexValues == (1, frame // 100 + 1, frame % 100 + 1)
        numbers = [group.FrameContentSequence[0].InStackPositionNumber for group in groups]
        assert numbers == list(range(3000))

    def test_is_read_once(self, header):
        class Counting(io.BytesIO):
            total = 0

            def read(self, *size):
                data = super().read(*size)
                self.total += len(data)
                return data

        file = Counting(header)
        ds = hu.read(file)
        for index in range(0, 3000, 10):
            frame = ds.PerFrameFunctionalGroupsSequence[index]
            assert frame.PixelMeasuresSequence[0].SliceThickness == 0.625
        assert file.total <= len(header) + (1 << 16)

    def test_is_held_once(self, header, tmp_path):
        (tmp_path / "file").write_bytes(header)
        tracemalloc.start()
        try:
            ds = hu.read(tmp_path / "file")
            assert ds.PerFrameFunctionalGroupsSequence[5].PixelMeasuresSequence
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 1.1 * len(header) + 50_000
