"""Where frames are: offset tables right and wrong, fragments told apart, native frames, and what is read."""

import copy
import io
import mmap
import pickle
import random
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames, get_frame

import hounsfield as hu
from hounsfield.sources import FileSource, OpenFile, PathSource, RemoteSource

PIXEL_DATA = 0x7FE00010
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
JPEG, JPEG_2000, JPEG_XL = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.110"
RLE, UNCOMPRESSED, VIDEO = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.4.102"
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def element(tag, vr, value, order="<"):
    value += b"\0" * (len(value) % 2)
    long = vr in (b"OB", b"OW", b"OV", b"OF", b"SQ", b"UN")
    return (
        struct.pack(f"{order}HH2s", tag >> 16, tag & 0xFFFF, vr)
        + struct.pack(f"{order}HI" if long else f"{order}H", *([0] if long else []), len(value))
        + value
    )


def item(value):
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(value)) + value


def image(pixels, frames=None, syntax=JPEG, bits=8, vr=b"OB", size=None, extended=None, behind=b""):
    """A file with these pixel data: fragments with all that is around them, or native of a given `size`."""
    order = ">" if syntax == BIG else "<"
    rows, columns = size or (4, 5)

    def number(tag, value):
        return element(tag, b"US", struct.pack(f"{order}H", value), order)

    meta = element(0x00020010, b"UI", syntax.encode())
    head = element(0x00080060, b"CS", b"OT", order) + number(0x00280002, 1)
    head += element(0x00280004, b"CS", b"MONOCHROME2", order)
    if frames is not None:
        head += element(0x00280008, b"IS", str(frames).encode(), order)
    values = (rows, columns, bits, bits, bits - 1, 0)
    tags = (0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
    head += b"".join(map(number, tags, values))
    if extended is not None:
        offsets, lengths = extended
        head += element(0x7FE00001, b"OV", offsets) + element(0x7FE00002, b"OV", lengths)
    if size is not None:
        data = element(PIXEL_DATA, vr, pixels, order)
    else:
        data = struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, 0xFFFFFFFF) + pixels
    group = element(0x00020000, b"UL", struct.pack("<I", len(meta)))
    return bytes(128) + b"DICM" + group + meta + head + data + behind


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
        behind = element(0xFFFCFFFC, b"OB", bytes(10))
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

    @pytest.mark.parametrize("behind", [b"", element(0xFFFCFFFC, b"OB", bytes(10))])
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
        data = image(fragments(self.frames), 3, syntax, vr=b"UN")
        assert read_all(data) == joined(self.frames)


# Native


class TestNative:
    @pytest.mark.parametrize("frames", [None, 1, 3])
    def test_frames_follow_each_other(self, frames):
        count = frames or 1
        pixels = bytes(range(40)) * count
        data = image(pixels, frames, EXPLICIT, 16, b"OW", (4, 5))
        ds = hu.read(data)
        assert read_all(data) == [bytes(range(40))] * count
        assert repr(ds.frames) == f"<Frames, {count} native>"
        assert repr(ds.frames[0]) == f"Frame(ranges=(({ds['PixelData'].offset}, 40),), first_bit=0)"

    @pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
    @pytest.mark.parametrize("vr", [b"OB", b"OW"])
    @pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 4), (1, 9), (3, 3), (5, 7)])
    @pytest.mark.parametrize("bits", [1, 8])
    def test_that_begin_anywhere(self, syntax, vr, size, bits):
        """pydicom#2134: bits lowest first; OW in big endian has its bytes in the other order."""
        frames, count = 7, size[0] * size[1]
        samples = np.random.default_rng(1).integers(0, 2 if bits == 1 else 256, (frames, count), np.uint8)
        packed = np.packbits(samples, bitorder="little") if bits == 1 else samples.reshape(-1)
        packed = np.append(packed, np.zeros(len(packed) % 2, np.uint8))
        swaps = syntax == BIG and vr == b"OW"
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
        data = image(b"", 3, EXPLICIT, 32, b"OF", (4, 5))
        at = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
        data = data[:at] + element(0x7FE00008, b"OF", values.tobytes())
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
        ds = hu.read(image(b"\5\0", 3, EXPLICIT, 1, b"OB", (1, 1)))
        assert len(ds.frames) == 3
        assert [frame.first_bit for frame in ds.frames] == [0, 1, 2]
        assert ds.warnings == ()

    def test_no_pixel_data(self):
        data = image(b"", 1)
        ds = hu.read(data[: data.rindex(struct.pack("<HH", 0x7FE0, 0x0010))])
        for look in (lambda: ds.frames, lambda: ds.encoded_frame(0)):
            with pytest.raises(hu.PixelDataError, match="no pixel data"):
                look()


# What is read


@pytest.fixture
def reads(monkeypatch):
    """Lengths of what is read, of a file, a file object or a URL."""
    lengths = []
    for kind in (PathSource, OpenFile, FileSource, RemoteSource):

        def counted(self, offset, length, read=kind.read):
            lengths.append(length)
            return read(self, offset, length)

        monkeypatch.setattr(kind, "read", counted)
    return lengths


@pytest.fixture(params=["path", "file", "url"])
def given_as(request, tmp_path):
    """Puts bytes where they are read by ranges."""

    def put(data):
        if request.param == "file":
            return io.BytesIO(data)
        if request.param == "url":
            pytest.importorskip("fsspec").filesystem("memory").pipe("/frames.dcm", data)
            return "memory://frames.dcm"
        path = tmp_path / "frames.dcm"
        path.write_bytes(data)
        return path

    return put


BODY = b"\xff\xd8\xff\xdb" + bytes(50_000) + b"\xff\xd9"


class TestReads:
    """pydicom#533, #1263, #1035: a frame costs its bytes."""

    @pytest.mark.parametrize("parts", [1, 3])
    def test_with_a_table(self, given_as, reads, parts):
        frames = [[BODY, *[bytes(40_000) + b"\xff\xd9"] * (parts - 1)]] * 50
        ds = hu.read(given_as(image(fragments(frames, offsets_of(frames)), 50)))
        reads.clear()
        data = ds.frames.read(17)
        assert bytes(data) == b"".join(frames[17])
        table, beginning = 4 * 50, 8 + 12
        assert reads == [table + beginning, len(data) + 8 * parts + beginning]
        reads.clear()
        ds.frames.read(18)
        assert reads == [len(data) + 8 * parts + beginning]
        reads.clear()
        assert ds.frames[19].length == len(data)
        assert sum(reads) <= 64 * 2 * parts

    def test_with_an_extended_table(self, given_as, reads):
        frames = [[BODY]] * 50
        table = np.array(offsets_of(frames), "<u8").tobytes()
        ds = hu.read(given_as(image(fragments(frames), 50, extended=(table, bytes(400)))))
        reads.clear()
        assert bytes(ds.frames.read(17)) == BODY
        assert sum(reads) < len(BODY) + 500

    def test_without_a_table(self, given_as, reads):
        """The headers once, and then no more than the frame."""
        frames = [[BODY, bytes(40_000) + b"\xff\xd9"]] * 50
        ds = hu.read(given_as(image(fragments(frames), 50)))
        reads.clear()
        assert len(ds.frames) == 50
        assert sum(reads) <= 50 * 2 * 128 + 1000
        reads.clear()
        assert bytes(ds.frames.read(17)) == b"".join(frames[17])
        assert reads == [len(b"".join(frames[17])) + 8]

    def test_many_small_fragments(self, given_as, reads):
        frames = [[b"\xff\xd8\xff" + bytes(100), bytes(201) + b"\xff\xd9"]] * 5_000
        data = image(fragments(frames), 5_000)
        ds = hu.read(given_as(data))
        reads.clear()
        assert len(list(ds.frames)) == 5_000
        assert sum(reads) <= 2.5 * len(data)
        assert len(reads) < 100
        reads.clear()
        assert ds.encoded_frame(4_711) == b"".join(frames[0])
        assert reads == [len(b"".join(frames[0])) + 8]

    @pytest.mark.parametrize("parts", [1, 3])
    def test_one_frame(self, given_as, reads, parts):
        frame = [BODY, *[bytes(9_000)] * (parts - 1)]
        ds = hu.read(given_as(image(fragments([frame]))))
        reads.clear()
        assert bytes(ds.frames.read(0)) == b"".join(frame)
        assert reads == [len(b"".join(frame)) + 8 * (parts + 2)]
        assert ds.frames[0].length == len(b"".join(frame))
        assert len(reads) == 1

    def test_places_of_one_frame(self, given_as, reads):
        ds = hu.read(given_as(image(fragments([[BODY]]))))
        reads.clear()
        assert ds.frames[0].length == len(BODY)
        assert sum(reads) < 1000

    def test_native(self, given_as, reads):
        ds = hu.read(given_as(image(bytes(1_000_000), 50, EXPLICIT, 8, b"OB", (100, 200))))
        reads.clear()
        assert len(ds.frames.read(17)) == 20_000
        assert reads == [20_000]
        assert len(list(ds.frames)) == 50
        assert len(reads) == 1

    @pytest.mark.parametrize("table", [None, offsets_of([[BODY]] * 3)])
    def test_buffers_are_not_copied(self, as_buffer, table):
        data = as_buffer(image(fragments([[BODY]] * 3, table), 3))
        for view in (hu.read(data).frames.read(1), hu.read(data).frames.read(2)):
            assert isinstance(view, memoryview)
            assert view == BODY
            assert view.obj is (data.obj if isinstance(data, memoryview) else data)

    def test_not_contiguous(self, strided):
        assert read_all(bytes(strided(image(fragments([ONE, TWO]), 2)))) == joined([ONE, TWO])
        assert hu.read(strided(image(fragments([ONE, TWO]), 2))).encoded_frame(1) == b"".join(TWO)


# As part of a data set


class TestDataset:
    data = image(fragments([ONE, TWO, THREE], offsets_of([ONE, TWO, THREE])), 3)

    def test_as_a_sequence(self):
        frames = hu.read(self.data).frames
        places = list(frames)
        assert len(frames) == frames.count == 3
        assert frames[-1] == places[2] == frames[np.int64(2)]
        assert frames[:2] == places[:2]
        assert frames[::-1] == places[::-1]
        assert repr(frames) == "<Frames, 3 encapsulated>"
        for wrong in (3, -4):
            with pytest.raises(IndexError, match=f"frame {wrong} was asked for, there are 3"):
                _ = frames[wrong]
            with pytest.raises(IndexError):
                frames.read(wrong)

    def test_copies_and_pickles(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        for source in (path, self.data):
            ds = hu.read(source)
            assert ds.encoded_frame(1) == b"".join(TWO)
            assert list(pickle.loads(pickle.dumps(ds.frames))) == list(ds.frames)
            for other in (pickle.loads(pickle.dumps(ds)), copy.copy(ds), copy.deepcopy(ds)):
                assert list(other.frames) == list(ds.frames)
                assert other.encoded_frame(2) == b"".join(THREE)

    def test_closed(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            ds = hu.read(mapped)
            frames = ds.frames
            assert bytes(frames.read(0)) == b"".join(ONE)
            ds.close()
            for look in (lambda: frames.read(0), lambda: ds.encoded_frame(1)):
                with pytest.raises(hu.SourceError, match="closed"):
                    look()

    def test_kept_by_its_data_set_without_keeping_it(self):
        """What a data set keeps of its frames does not keep the data set: its buffer is free at once."""
        data = bytearray(self.data)
        ds = hu.read(data)
        assert len(list(ds.frames)) == 3
        assert ds.encoded_frame(0) == b"".join(ONE)
        del ds
        data.append(0)

    def test_of_an_item(self):
        icon = image(fragments([ONE, TWO], [0, 17]), 2)
        icon = icon[icon.index(b"\x28\x00\x02\x00US") :]
        sequence = element(0x00880200, b"SQ", item(icon))
        data = image(fragments([[b"\xff\xd8\xff other"]]))
        at = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
        ds = hu.read(data[:at] + sequence + data[at:])
        item_ = ds.IconImageSequence[0]
        assert [item_.encoded_frame(number) for number in range(2)] == joined([ONE, TWO])
        assert len(item_.frames) == 2
        assert ds.encoded_frame(0) == b"\xff\xd8\xff other"

    def test_frames_outlive_the_name(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        frames = hu.read(path).frames
        assert bytes(frames.read(1)) == b"".join(TWO)

    def test_from_threads(self, tmp_path):
        """Also where one finds out that the table is wrong while others use it."""
        frames = [jpeg(b"%d" % number, b"more") for number in range(200)]
        table = offsets_of(frames)
        table[150] += 8
        path = tmp_path / "frames.dcm"
        path.write_bytes(image(fragments(frames, table), 200))
        with ThreadPoolExecutor(8) as pool:
            for _ in range(5):
                ds = hu.read(path)
                assert list(pool.map(ds.encoded_frame, range(200))) == joined(frames)

    def test_a_file_that_has_changed(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        ds = hu.read(path)
        path.write_bytes(self.data + b"more")
        with pytest.raises(hu.SourceError, match="has changed"):
            ds.encoded_frame(0)


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
