"""Where frames are: offset tables right and wrong, fragments told apart, and native frames."""

import io
import random
import struct
import warnings
from itertools import accumulate, pairwise, product

import numpy as np
import pydicom
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames, get_frame

import hounsfield as hu
from bytewise import BIG, EXPLICIT, element, item
from framed import (
    DELIMITER,
    JPEG,
    ONE,
    PIXEL_DATA,
    THREE,
    TWO,
    fragments,
    image,
    joined,
    jpeg,
    offsets_of,
    read_all,
)

JPEG_2000, JPEG_XL = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.110"
RLE, UNCOMPRESSED, VIDEO = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.4.102"


def outcome(look):
    """What it gives, or None where it raises what it may."""
    try:
        return look()
    except (hu.PixelDataError, IndexError) as error:
        assert getattr(error, "tag", PIXEL_DATA) == PIXEL_DATA  # noqa: PT017 - either error will do
        return None


def warnings_of(data):
    """What a data set says when all of its frames have been looked at and read."""
    ds = hu.read(data)
    for number in range(len(ds.frames)):
        ds.frames.read(number)
    assert len(list(ds.frames)) == len(ds.frames)
    return ds.warnings


def notes(ds):
    return [note for note in ds.warnings if "7FE0,0010" in note]


# Real files


@pytest.mark.corpus(lambda file: file.row["fragments"])
def test_real_files_as_pydicom(corpus_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(corpus_file.path, force=True)
        count = int(theirs.get("NumberOfFrames") or 1)
        expected = list(generate_frames(theirs.PixelData, number_of_frames=count))
        last = get_frame(theirs.PixelData, count - 1, number_of_frames=count)
    row = corpus_file.row
    assert read_all(corpus_file.path) == expected
    assert read_all(corpus_file.path.read_bytes()) == expected
    ds = hu.read(corpus_file.path)
    assert ds.encoded_frame(-1) == last
    places = list(ds.frames)
    assert sum(len(frame.ranges) for frame in places) == int(row["fragments"])
    assert any(len(frame.ranges) > 1 for frame in places) == (row["several_fragments_a_frame"] == "1")
    assert ds.frames.encapsulated
    assert notes(ds) == []


@pytest.mark.corpus(lambda file: file.native and file.decodes and file.row["bits_allocated"] != "1")
def test_real_native_files(corpus_file):
    ds = hu.read(corpus_file.path)
    array = ds.pixel_array
    frames = array if len(ds.frames) > 1 else array[None]
    assert len(ds.frames) == len(frames) == int(row if (row := corpus_file.row["frames"]) else 1)
    assert not ds.frames.encapsulated
    for number in {0, len(frames) // 2, len(frames) - 1}:
        size = ds.frames[number].length
        words = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
        whole = next(ds[word] for word in words if word in ds)
        assert ds.frames[number] == (((whole.offset + number * size, size),), 0)
        assert ds.encoded_frame(number) == whole.bytes[number * size : (number + 1) * size]


def test_a_fragment_that_holds_a_delimiter(corpus):
    path = next(corpus.rglob("JPEG2000-embedded-sequence-delimiter.dcm"))
    data = hu.read(path).encoded_frame(0)
    assert DELIMITER[:4] in data
    assert data.endswith(b"\xff\xd9")


# Offset tables


class TestTables:
    frames = (ONE, TWO, THREE)
    expected = joined(frames)
    offsets = offsets_of(frames)

    def basic(self, table, **options):
        return image(fragments(self.frames, table), 3, **options)

    def test_right(self):
        data = self.basic(self.offsets)
        assert read_all(data) == self.expected
        assert warnings_of(data) == ()

    @pytest.mark.parametrize(
        "table",
        [
            [0],
            [0, 0, 0],
            [8, 8, 8],
            [0, 40, 20],
            [0, 1, 2],
            [0, 17, 17],
            [0, 2**32 - 1, 2**32 - 2],
            [0, 2**31, 2**32 - 1],
            [0, 17, 35, 80],
            list(range(0, 80, 8)),
        ],
    )
    def test_wrong(self, table):
        data = self.basic(table)
        assert read_all(data) == self.expected
        ds = hu.read(data)
        assert [bytes(ds.frames.read(number)) for number in (2, 1, 0)] == self.expected[::-1]
        assert any("Basic Offset Table" in note for note in notes(ds))
        with pytest.raises(hu.ElementError, match="Basic Offset Table") as caught:
            _ = [hu.read(data, strict=True).encoded_frame(number) for number in range(3)]
        assert caught.value.tag == PIXEL_DATA

    def test_one_for_each_fragment(self):
        """Some writers list all fragments."""
        table = offsets_of([[each] for frame in self.frames for each in frame])
        assert read_all(self.basic(table)) == self.expected

    @pytest.mark.parametrize("shift", [8, 20, 1000])
    def test_counted_from_elsewhere(self, shift):
        data = self.basic([each + shift for each in self.offsets])
        assert read_all(data) == self.expected
        ds = hu.read(data)
        assert len(ds.frames) == 3
        assert notes(ds) == [
            f"(7FE0,0010) PixelData: the Basic Offset Table begins with {shift}, not 0: "
            "its offsets were taken from there"
        ]

    def test_to_a_fragment_inside_of_a_frame(self):
        """The tag is right, and what follows is no beginning."""
        frames = [jpeg(b"a", b"b", b"c"), jpeg(b"d", b"e", b"f")]
        data = image(fragments(frames, [0, offsets_of([[each] for each in frames[0]])[1]]), 2)
        for order in ((0, 1), (1, 0)):
            ds = hu.read(data)
            assert {number: ds.encoded_frame(number) for number in order} == dict(enumerate(joined(frames)))
            assert len(notes(ds)) == 1

    def test_of_an_odd_length(self):
        pixels = item(b"abcdef") + fragments(self.frames)[8:]
        assert read_all(image(pixels, 3)) == self.expected

    def test_missing_altogether(self):
        data = image(fragments(self.frames)[8:], 3)
        assert read_all(data) == self.expected
        ds = hu.read(data)
        assert len(ds.frames) == 3
        assert notes(ds) == ["(7FE0,0010) PixelData: the item of the Basic Offset Table is missing"]

    @pytest.mark.parametrize("basic", [None, [0, 8, 16], offsets_of(frames)])
    @pytest.mark.parametrize(
        ("extended", "is_right"),
        [
            (np.array(offsets, "<u8").tobytes(), True),
            (np.array([0, 8, 16], "<u8").tobytes(), False),
            (np.array([0, 1 << 63, 3], "<u8").tobytes(), False),
            (np.array([1 << 63, (1 << 63) + 8, (1 << 63) + 16], "<u8").tobytes(), False),
            (np.array([5, (1 << 62), (1 << 63) - 1], "<u8").tobytes(), False),
            (np.array([0, 1 << 40, 1 << 50], "<u8").tobytes(), False),
            (np.array([0], "<u8").tobytes(), False),
            (b"odd length..", False),
            (b"", True),
        ],
    )
    def test_extended(self, basic, extended, is_right):
        data = self.basic(basic, extended=(extended, b""))
        assert read_all(data) == self.expected
        ds = hu.read(data)
        assert ds.encoded_frame(1) == self.expected[1]
        is_used = basic != self.offsets
        assert any("Extended" in note for note in notes(ds)) == (is_used and not is_right)

    def test_as_pydicom_writes_them(self):
        frames = [bytes([number]) * (10 + 7 * number) for number in range(20)]
        padded = [frame + b"\0" * (len(frame) % 2) for frame in frames]
        basic = image(encapsulate(frames, fragments_per_frame=2) + DELIMITER, 20, syntax=UNCOMPRESSED)
        assert read_all(basic) == padded
        pixels, *extended = encapsulate_extended(frames)
        data = image(pixels + DELIMITER, 20, extended=extended, syntax=UNCOMPRESSED)
        assert read_all(data) == padded
        assert warnings_of(data) == ()


# Without a table


@pytest.mark.parametrize("frames", [None, 0, 1])
def test_one_frame_has_all_fragments(frames):
    """dcm4chee-arc-light#752: also where later fragments look like the first."""
    data = image(fragments([[b"\3\0\0\0\x40\0\0\0rle", b"\3\0rest", b"", b"end!"]]), frames, RLE)
    assert read_all(data) == [b"\3\0\0\0\x40\0\0\0rle\3\0restend!"]
    ds = hu.read(data)
    assert len(ds.frames) == 1
    assert ds.warnings == (
        ("(0028,0008) NumberOfFrames: is 0: as if it were not there",) if frames == 0 else ()
    )


class TestWithoutTable:
    """pydicom#685, fo-dicom#992: compare with the number of fragments, then look for SOI and EOI."""

    def test_a_fragment_each(self):
        frames = [[b"anything"], [b"may stand "], [b"here"]]
        data = image(fragments(frames), 3, UNCOMPRESSED)
        assert read_all(data) == joined(frames)
        assert warnings_of(data) == ()

    @pytest.mark.parametrize(
        ("syntax", "start", "end"),
        [
            (JPEG, b"\xff\xd8\xff\xdb", b"\xff\xd9"),
            (JPEG, b"\xff\xd8\xff\xdb", b"\xff\xd9\0\0\0"),
            (JPEG, b"\xff\xd8\xff\xdb", b""),
            (JPEG_2000, b"\xff\x4f\xff\x51", b"\xff\xd9\0"),
            (JPEG_2000, b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\xd9"),
            (JPEG_XL, b"\xff\x0a", b""),
            (JPEG_XL, b"\0\0\0\x0cJXL \r\n\x87\n", b""),
            (RLE, b"\1\0\0\0\x40\0\0\0", b""),
            (RLE, b"\x0f\0\0\0\x40\0\0\0", b""),
        ],
    )
    def test_by_what_codestreams_begin_with(self, syntax, start, end):
        frames = [[start + b"one" + end], [start + b"t", b"w", b"o" + end], [start + b"three", end + b"."]]
        data = image(fragments(frames), 3, syntax)
        assert read_all(data) == joined(frames)
        assert warnings_of(data) == ()
        unknown = image(fragments(frames), 3, "1.2.3.4")
        assert read_all(unknown) == joined(frames)

    def test_a_beginning_counts_behind_an_end_only(self):
        """A fragment may begin with the marker by chance, or with a picture within the picture."""
        frames = [jpeg(b"one", b"\xff\xd8\xff thumbnail", b"more"), TWO]
        assert read_all(image(fragments(frames), 2)) == joined(frames)

    @pytest.mark.parametrize("sizes", [(1, 2), (2, 4), (4, 10), (1, 1, 1, 1)])
    @pytest.mark.parametrize("which", [(0,), (2,), (0, 1, 2)])
    def test_first_fragments_too_short_to_tell(self, which, sizes):
        """What a frame begins with goes on in its next fragments."""
        frames = [ONE, TWO, THREE]
        for number in which:
            whole, cuts = b"".join(frames[number]), [0, *accumulate(sizes), 100]
            frames[number] = [whole[begin:end] for begin, end in pairwise(cuts)]
        assert read_all(image(fragments(frames), 3)) == joined(frames)

    @pytest.mark.parametrize("empty", [1, 2])
    def test_empty_fragments_at_the_end(self, empty):
        """fo-dicom#1586, dcm4che#1598."""
        frames = [[b"one "], [b"two "]]
        data = image(fragments([*frames, [b""] * empty]), 2, UNCOMPRESSED)
        assert read_all(data) == joined(frames)

    def test_a_frame_that_is_empty(self):
        data = image(fragments([[b"one "], [b""], [b"three "]]), 3, UNCOMPRESSED)
        ds = hu.read(data)
        assert len(ds.frames) == 3
        assert (ds.encoded_frame(0), ds.encoded_frame(2)) == (b"one ", b"three ")
        assert [frame.length for frame in ds.frames] == [4, 0, 6]
        with pytest.raises(hu.PixelDataError, match="frame 1 is empty") as caught:
            ds.encoded_frame(1)
        assert (caught.value.tag, caught.value.offset) == (PIXEL_DATA, ds.frames[1].ranges[0][0])

    @pytest.mark.parametrize("declared", [None, 0, 1, 2, 4, 9])
    def test_number_of_frames_is_wrong(self, declared):
        """pydicom#1666, #1844, #2035."""
        frames = [ONE, TWO, THREE]
        data = image(fragments(frames), declared)
        assert read_all(data) == joined(frames)
        ds = hu.read(data)
        assert len(ds.frames) == 3
        says = f"is {declared}" if declared else "is missing or 0"
        assert notes(ds) == [f"(7FE0,0010) PixelData: Number of Frames {says}, but there are 3"]

    @pytest.mark.parametrize("declared", [4, 9])
    def test_fewer_fragments_than_frames(self, declared):
        frames = [[b"one "], [b"two "], [b"three "]]
        data = image(fragments(frames), declared, UNCOMPRESSED)
        assert read_all(data) == joined(frames)
        ds = hu.read(data)
        with pytest.raises(hu.PixelDataError, match=f"frame 3 is not there: there are 3 of {declared}"):
            ds.encoded_frame(3)
        with pytest.raises(IndexError, match=f"frame {declared} was asked for, there are 3"):
            ds.encoded_frame(declared)
        assert len(notes(ds)) == 1

    def test_nothing_tells_them_apart(self):
        data = image(fragments([[b"1 ", b"2 "], [b"3 "]]), 2, UNCOMPRESSED)
        with pytest.raises(hu.PixelDataError, match="3 fragments hold 2 frames") as caught:
            hu.read(data).encoded_frame(0)
        assert caught.value.tag == PIXEL_DATA
        assert caught.value.offset == data.index(fragments([])[:8])
        assert read_all(image(fragments([[b"1 ", b"2 "], [b"3 "]], [0, 20]), 2, UNCOMPRESSED))[1] == b"3 "

    @pytest.mark.parametrize("declared", [2, 3, 7])
    def test_a_table_with_another_number(self, declared):
        frames = [[b"1 ", b"2 "], [b"3 "], [b"4 ", b"5 ", b"6 "], [b"7 ", b"8 "]]
        data = image(fragments(frames, offsets_of(frames)), declared, UNCOMPRESSED)
        assert read_all(data) == joined(frames)

    @pytest.mark.parametrize("declared", [None, 0])
    def test_a_table_of_frames_that_are_not_counted(self, declared):
        """RLE has no end to tell frames by, but the table leads to where such frames begin."""
        start = b"\x01\0\0\0\x40\0\0\0"
        frames = [[start + b"one", b"more"], [start + b"two."], [start + b"th", b"ree."]]
        frames = [[each + bytes(len(each) % 2) for each in frame] for frame in frames]
        assert read_all(image(fragments(frames, offsets_of(frames)), declared, RLE)) == joined(frames)
        assert read_all(image(fragments(frames, [0, 12]), declared, RLE)) == [b"".join(map(b"".join, frames))]

    def test_no_fragments(self):
        ds = hu.read(image(item(b"") + DELIMITER, 2))
        assert len(ds.frames) == 0
        assert list(ds.frames) == []
        with pytest.raises(hu.PixelDataError, match="frame 1 is not there: there are 0 of 2"):
            ds.encoded_frame(1)
        with pytest.raises(hu.PixelDataError, match="frame 0 is not there: there are 0 of 2"):
            ds.pixels()
        assert len(ds.pixels(slice(None))) == 0

    def test_video_is_one_stream(self):
        data = image(fragments([[b"\0\0\1\xb3mpeg", b"\0\0\1more"]], [0]), 250, VIDEO)
        assert read_all(data) == [b"\0\0\1\xb3mpeg\0\0\1more"]
        assert warnings_of(data) == ()


# Pixel data that end badly


class TestEnds:
    frames = (ONE, TWO, THREE)

    @pytest.mark.parametrize("table", [None, offsets_of(frames)])
    def test_every_truncation(self, table):
        """Frames that are there in full are given; of the one that is cut, an error."""
        data = image(fragments(self.frames, table), 3)
        start = hu.read(data)["PixelData"].offset
        for size in range(start, len(data)):
            ds = hu.read(data[:size])
            for number, frame in enumerate(joined(self.frames)):
                found = outcome(lambda ds=ds, number=number: ds.encoded_frame(number))
                last = self.frames[number][-1]
                if size >= data.index(last) + len(last):
                    assert found == frame
                else:  # what ends between two fragments may be a frame
                    parts = self.frames[number]
                    assert found in (None, *(b"".join(parts[:count]) for count in range(1, len(parts))))
            assert ds.warnings != ()

    def test_cut_inside_a_frame(self):
        data = image(fragments(self.frames), 3)
        at = data.index(b"third!")
        ds = hu.read(data[: at + 2])
        assert ds.encoded_frame(1) == b"".join(TWO)
        with pytest.raises(
            hu.PixelDataError, match="the data end inside frame 2, of which 9 bytes"
        ) as caught:
            ds.encoded_frame(2)
        assert caught.value.offset == data.index(b"the") - 4
        assert ds.frames[2].length == 9

    def test_no_delimiter(self):
        data = image(fragments(self.frames, delimiter=b""), 3)
        assert read_all(data) == joined(self.frames)
        ds = hu.read(data)
        assert len(list(ds.frames)) == 3
        assert "(7FE0,0010) PixelData: no sequence delimiter ends the fragments" in ds.warnings

    def test_an_element_where_the_delimiter_should_be(self):
        behind = element(0xFFFCFFFC, "OB", bytes(10))
        data = image(fragments(self.frames, delimiter=b""), 3, behind=behind)
        assert read_all(data) == joined(self.frames)
        ds = hu.read(data)
        assert ds.encoded_frame(0) == b"".join(ONE)
        assert any(f"at byte {len(data) - len(behind)}" in note for note in notes(ds))

    @pytest.mark.parametrize("more", [b"", bytes(1000)])
    def test_a_fragment_of_undefined_length(self, more):
        broken = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + more
        for source in (bytes, io.BytesIO):
            data = image(fragments([ONE, TWO], delimiter=broken), 2)
            ds = hu.read(source(data))
            assert [ds.encoded_frame(number) for number in range(2)] == joined([ONE, TWO])
            assert any(f"at byte {len(data) - len(broken)}" in note for note in notes(ds))

    @pytest.mark.parametrize("behind", [b"", element(0xFFFCFFFC, "OB", bytes(10))])
    def test_elements_behind_are_no_frames(self, behind):
        for table in (None, offsets_of(self.frames)):
            data = image(fragments(self.frames, table), 3, behind=behind)
            assert read_all(data) == joined(self.frames)
            assert warnings_of(data) == ()

    def test_a_length_where_there_should_be_none(self):
        pixels = fragments(self.frames, delimiter=b"")
        data = image(pixels, 3, size=(4, 5))
        assert read_all(data) == joined(self.frames)
        ds = hu.read(data)
        assert ds.frames.encapsulated
        assert len(notes(ds)) == 1
        assert (
            "the transfer syntax is JPEG Baseline (Process 1), but the pixel data have a length"
            in notes(ds)[0]
        )

    def test_native_where_fragments_should_be(self):
        data = image(bytes(range(40)), 2, size=(4, 5))
        assert read_all(data) == [bytes(range(20)), bytes(range(20, 40))]
        ds = hu.read(data)
        assert not ds.frames.encapsulated
        assert "not encapsulated: read as native" in notes(ds)[0]

    @pytest.mark.parametrize("syntax", [EXPLICIT, JPEG])
    def test_fragments_in_a_native_syntax(self, syntax):
        data = image(fragments(self.frames), 3, syntax, vr="UN")
        assert read_all(data) == joined(self.frames)


# Native


class TestNative:
    @pytest.mark.parametrize("frames", [None, 1, 3])
    def test_frames_follow_each_other(self, frames):
        count = frames or 1
        pixels = bytes(range(40)) * count
        data = image(pixels, frames, EXPLICIT, 16, "OW", (4, 5))
        ds = hu.read(data)
        assert read_all(data) == [bytes(range(40))] * count
        assert repr(ds.frames) == f"<Frames, {count} native>"
        assert repr(ds.frames[0]) == f"Frame(ranges=(({ds['PixelData'].offset}, 40),), first_bit=0)"

    @pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
    @pytest.mark.parametrize("vr", ["OB", "OW"])
    @pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 4), (1, 9), (3, 3), (5, 7)])
    @pytest.mark.parametrize("bits", [1, 8])
    def test_that_begin_anywhere(self, syntax, vr, size, bits):
        """pydicom#2134: bits lowest first; OW in big endian has its bytes in the other order."""
        frames, count = 7, size[0] * size[1]
        samples = np.random.default_rng(1).integers(0, 2 if bits == 1 else 256, (frames, count), np.uint8)
        packed = np.packbits(samples, bitorder="little") if bits == 1 else samples.reshape(-1)
        packed = np.append(packed, np.zeros(len(packed) % 2, np.uint8))
        swaps = syntax == BIG and vr == "OW"
        stored = packed.view("<u2").byteswap() if swaps else packed
        ds = hu.read(image(stored.tobytes(), frames, syntax, bits, vr, size))
        assert len(ds.frames) == frames
        for number, expected in enumerate(samples):
            place, octets = ds.frames[number], np.frombuffer(ds.encoded_frame(number), np.uint8)
            octets = octets.view("<u2").byteswap().view(np.uint8) if swaps else octets
            one = np.unpackbits(octets, bitorder="little")[place.first_bit :][: count * bits]
            assert np.array_equal(np.packbits(one.reshape(count, bits), 1, "little")[:, 0], expected)
            assert len(octets) <= -(-count * bits // 8) + 1 + 2 * swaps

    def test_floats(self):
        values = np.arange(60, dtype="<f4")
        data = image(b"", 3, EXPLICIT, 32, "OF", (4, 5))
        at = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
        data = data[:at] + element(0x7FE00008, "OF", values.tobytes())
        assert read_all(data) == [values[first : first + 20].tobytes() for first in (0, 20, 40)]

    @pytest.mark.parametrize(("declared", "there"), [(None, 3), (0, 3), (1, 3), (2, 3), (4, 3), (4, 0)])
    def test_number_of_frames_is_wrong(self, declared, there):
        """pydicom#2035: as many as there are bytes for."""
        data = image(bytes(20 * there + 12), declared, EXPLICIT, size=(4, 5))
        ds = hu.read(data)
        assert len(ds.frames) == there
        assert len(list(ds.frames)) == there
        says = f"is {declared}" if declared else "is missing or 0"
        assert notes(ds) == [f"(7FE0,0010) PixelData: Number of Frames {says}, but there are {there}"]
        with pytest.raises(hu.PixelDataError if declared == 4 else IndexError, match=f"there are {there}"):
            ds.encoded_frame(there)
        with pytest.raises(hu.ElementError, match=r"Number of Frames|is 0"):
            _ = len(hu.read(data, strict=True).frames)

    def test_a_pad_byte_is_no_frame(self):
        ds = hu.read(image(b"\5\0", 3, EXPLICIT, 1, "OB", (1, 1)))
        assert len(ds.frames) == 3
        assert [frame.first_bit for frame in ds.frames] == [0, 1, 2]
        assert ds.warnings == ()

    def test_no_pixel_data(self):
        data = image(b"", 1)
        ds = hu.read(data[: data.rindex(struct.pack("<HH", 0x7FE0, 0x0010))])
        for look in (lambda: ds.frames, lambda: ds.encoded_frame(0)):
            with pytest.raises(hu.PixelDataError, match="no pixel data"):
                look()


# All of it together

bodies = st.binary(max_size=12).map(lambda body: bytes(octet & 0x7F for octet in body))
frame_lists = st.lists(
    st.lists(bodies, min_size=1, max_size=4).map(lambda parts: jpeg(*parts)), min_size=1, max_size=5
)
TABLES = ("right", "empty", "shifted", "wrong", "short", "long", "zeros", "junk")


def table_of(kind, offsets, chance):
    """An offset table of a kind; `chance` is a random number generator."""
    if kind == "empty":
        return None
    return {
        "right": offsets,
        "shifted": [offset + 48 for offset in offsets],
        "wrong": sorted(chance.randrange(200) for _ in offsets),
        "short": offsets[:-1] or None,
        "long": [*offsets, offsets[-1] + 8],
        "zeros": [0] * len(offsets),
        "junk": [chance.randrange(1 << 32) for _ in range(chance.randrange(1, 9))],
    }[kind]


@given(
    frames=frame_lists,
    basic=st.sampled_from(TABLES),
    extended=st.sampled_from(TABLES),
    delimiter=st.sampled_from([DELIMITER, b""]),
    declares=st.sampled_from([0, 0, 0, 1, -1, None]),
    chance=st.randoms(use_true_random=False),
    as_file=st.booleans(),
)
def test_any_tables(frames, basic, extended, delimiter, declares, chance, as_file):
    """Frames that begin and end as JPEG does are found whatever the tables and Number of Frames say."""
    offsets = offsets_of(frames)
    declared = None if declares is None else len(frames) + declares
    parts = [part for frame in frames for part in frame]
    full = [part for part in parts if part]
    if declares != 0:
        assume(declared not in (len(parts), len(full)))
    near, far = table_of(basic, offsets, chance), table_of(extended, offsets, chance)
    # Of as many offsets as are declared, all right: nothing shows that there are more frames.
    assume(declares != -1 or all(table is None or len(table) != declared for table in (near, far)))
    pixels = fragments(frames, near, delimiter)
    far = None if far is None else (struct.pack(f"<{len(far)}Q", *far), b"")
    data = image(pixels, declared, extended=far)
    ds = hu.read(io.BytesIO(data) if as_file else data)
    order = list(range(len(frames)))
    chance.shuffle(order)
    first = order.pop()
    if declares == 0:  # before anything else is known
        assert bytes(ds.frames.read(first)) == b"".join(frames[first])
    assert len(ds.frames) == len(frames)
    for number in order:
        assert ds.encoded_frame(number) == b"".join(frames[number])
    assert [frame.length for frame in ds.frames] == [len(b"".join(frame)) for frame in frames]


@given(
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
    table=st.sampled_from([None, offsets_of([ONE, TWO, THREE])]),
    as_file=st.booleans(),
)
def test_any_changed_bytes(changes, table, as_file):
    """Ours or the right errors, and never bytes from elsewhere than the pixel data."""
    data = bytearray(image(fragments([ONE, TWO, THREE], table), 3))
    start = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010)) + 12
    for at, octet in changes:
        data[start + at % (len(data) - start)] = octet
    raw = bytes(data)
    ds = hu.read(io.BytesIO(raw) if as_file else raw)
    for frame in outcome(lambda: list(ds.frames)) or ():
        assert all(start < at and at + length <= len(raw) for at, length in frame.ranges)
    for number in range(outcome(lambda: len(ds.frames)) or 0):
        data = outcome(lambda number=number: ds.frames.read(number))
        assert data is None or len(data) == ds.frames[number].length
    assert isinstance(ds.warnings, tuple)


@pytest.mark.parametrize("syntax", [JPEG, "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1.98"])
def test_a_broken_frame_costs_no_other(syntax):
    """A right offset table leads to what is behind it, whichever frame was asked for first."""
    frames = [ONE, jpeg(b"more"), ONE, jpeg(b"last")]
    good = fragments(frames, offsets_of(frames))
    start = good.index(ONE[0]) - 8
    whole = dict(enumerate(joined(frames)))

    def said(ds, number):
        try:
            return ds.encoded_frame(number)
        except hu.PixelDataError as error:
            return str(error)

    for number, at, octet in product((0, 1, 2), range(11), (0x01, 0x40, 0xFF)):
        pixels = bytearray(good)
        pixels[start + offsets_of(frames)[number] + at] ^= octet
        data = image(bytes(pixels), 4, syntax)
        fresh = {each: said(hu.read(data), each) for each in whole}
        assert {each: fresh[each] for each in range(number)} == {each: whole[each] for each in range(number)}
        if at < 8:
            behind = range(number + 1, 4)
            assert {each: fresh[each] for each in behind} == {each: whole[each] for each in behind}
        for before in (
            lambda ds: [said(ds, each) for each in whole],
            lambda ds: len(ds.frames),
            lambda ds: outcome(lambda: list(ds.frames)),
            lambda ds: outcome(ds.pixel_plan),
            lambda ds: outcome(lambda: ds.pixel_array),
        ):
            ds = hu.read(data)
            before(ds)
            assert {each: said(ds, each) for each in whole} == fresh
            assert len(ds.frames) == 4


def test_junk():
    chance = random.Random(5)
    for _ in range(2_000):
        pixels = b"".join(
            chance.choice(
                [item(chance.randbytes(chance.randrange(6))), item(b"\xff\xd8\xff"), DELIMITER, b"\xff\xd9"]
            )
            for _ in range(chance.randrange(6))
        ) + chance.randbytes(chance.randrange(30))
        ds = hu.read(image(pixels, chance.choice([None, 0, 1, 2, 5, 10**9])))
        for number in range(min(outcome(lambda ds=ds: len(ds.frames)) or 0, 20)):
            outcome(lambda ds=ds, number=number: ds.frames.read(number))
        outcome(lambda ds=ds: list(ds.frames))
