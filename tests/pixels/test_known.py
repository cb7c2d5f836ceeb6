"""Images like others before: decoded in fewer steps, to the same samples, and with the same errors."""

import random

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

import hounsfield as hu
from hounsfield._kernels import known

FILES = {
    "jpeg": "SC_rgb_dcmtk_+eb+cr.dcm",
    "jpeg, 12 bits": "JPGExtended.dcm",
    "jpeg-lossless": "SC_rgb_jpeg_gdcm.dcm",
    "jpeg-ls": "MR_small_jpeg_ls_lossless.dcm",
    "jpeg2000": "MR_small_jp2klossless.dcm",
    "jpeg2000 with a loss": "693_J2KI.dcm",
    "native": "CT_small.dcm",
    "native, colour": "SC_rgb_small_odd.dcm",
    "native, implicit": "MR_small_implicit.dcm",
}


PIXEL_DATA = b"\xe0\x7f\x10\0O"


@pytest.fixture(autouse=True)
def nothing_known():
    known.forget()


def result(data, path):
    """Samples and warnings of a file with these bytes, or its error."""
    path.write_bytes(data)
    ds = hu.read(path)
    try:
        return ds.pixel_array, ds.warnings
    except hu.DicomError as error:
        return repr(error), ds.warnings


def same(one, other):
    return one[1] == other[1] and type(one[0]) is type(other[0]) and np.array_equal(one[0], other[0])


@pytest.mark.parametrize("name", FILES.values(), ids=FILES)
def test_the_second_time(name, pydicom_path):
    path = pydicom_path(name)
    assert known.decode_known(hu.read(path), 1 << 30) is None
    first = hu.read(path).pixel_array
    again = known.decode_known(hu.read(path), 1 << 30)
    assert again is not None
    assert again.dtype == first.dtype
    assert np.array_equal(again, first)
    assert known.decode_known(hu.read(path), first.size - 1) is None
    out = np.empty_like(first)
    assert known.decode_known(hu.read(path), 1 << 30, out) is out
    assert np.array_equal(out, first)
    for other in (np.empty(first.size, first.dtype), np.empty(first.shape, np.float32), out[::-1]):
        assert known.decode_known(hu.read(path), 1 << 30, other) is None
    assert np.array_equal(hu.read(path).pixels(0, out=np.empty_like(first)), first)
    with pytest.raises(hu.OptionError, match="there is no frame 1"):
        hu.read(path).pixels(1)
    with pytest.raises(hu.LimitError):
        hu.read(path).pixels(max_pixels=first.size - 1)


def test_every_file(corpus_file):
    """Whatever a file is, it is the same when others like it were decoded before."""
    try:
        first, again, third = (hu.read(corpus_file.path) for _ in range(3))
        samples = first.pixel_array
    except hu.DicomError:
        return
    assert np.array_equal(samples, again.pixel_array, equal_nan=samples.dtype.kind == "f")
    assert first.warnings == again.warnings
    assert np.array_equal(
        samples, third.pixels(slice(None)).reshape(samples.shape), equal_nan=samples.dtype.kind == "f"
    )


def test_what_others_made(generated, tmp_path):
    path = tmp_path / "image.dcm"
    path.write_bytes(generated.data)
    for _ in range(2):
        found, expected = hu.read(path).pixel_array, hu.read(generated.data).pixel_array
        assert np.array_equal(found, expected, equal_nan=found.dtype.kind == "f")


@pytest.mark.parametrize("name", FILES.values(), ids=FILES)
def test_broken_streams_are_as_broken_as_ever(name, pydicom_path, tmp_path):
    """Of a file like one before, with a change somewhere behind the header: the same samples or error."""
    whole = pydicom_path(name).read_bytes()
    start = hu.read(whole).frames[0].ranges[0][0]
    chance = random.Random(name)
    for _ in range(60):
        data, at = broken(whole, start, chance)
        assert is_the_same_behind(whole, data, tmp_path / "image.dcm"), at


def sole_frame(data):
    """A file with the first frame of another."""
    ds = hu.read(data)
    sole = bytearray(encapsulated(data, [b"", ds.encoded_frame(0)]))
    number = ds["NumberOfFrames"]
    sole[number.offset : number.offset + number.length] = b"1".ljust(number.length)
    return sole


@pytest.mark.parametrize(("byte", "value"), [(10, 1), (11, 2), (11, 255)])
@pytest.mark.generated("htj2k-u8-201")
def test_tile_parts_that_are_not_there(generated, tmp_path, byte, value):
    """A codestream with one, which says that it is another, or that there are more."""
    whole = sole_frame(generated.data)
    data = bytearray(whole)
    data[whole.index(b"\xff\x90\0\x0a") + byte] = value
    assert is_the_same_behind(whole, data, tmp_path / "image.dcm")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imagecodecs' on HTJ2K
@pytest.mark.generated(
    "deflated-frame-16",
    "deflated-frame-8",
    "htj2k-i12-202",
    "htj2k-rgb-202-tile0",
    "htj2k-u8-201",
    "jpegxl-lossless-u16",
)
def test_broken_streams_that_others_made(generated, tmp_path):
    """The first of their frames, and all."""
    sole = sole_frame(generated.data)
    path = tmp_path / "image.dcm"
    assert is_the_same_behind(sole, sole, path)
    assert known.decode_known(hu.read(path), 1 << 30) is not None
    chance = random.Random(len(sole))
    for whole in (sole, generated.data):
        start = hu.read(bytes(whole)).frames[0].ranges[0][0]
        for _ in range(30):
            data, at = broken(whole, start, chance)
            assert is_the_same_behind(whole, data, path), at


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imagecodecs' on HTJ2K
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_last_rows_of_htj2k(dtype, pydicom_path, tmp_path):
    """Such as show errors with the sign that the samples have, with the other, with none."""
    limits = np.iinfo(dtype)
    ds = pydicom.dcmread(pydicom_path("CT_small.dcm"))
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.201"
    ds.BitsAllocated = ds.BitsStored = limits.bits
    ds.HighBit, ds.PixelRepresentation = limits.bits - 1, int(limits.min < 0)
    noise = np.random.default_rng(1).integers(limits.min, limits.max, (128, 128), dtype, endpoint=True)
    middle, chance, broken_ones = limits.min // 2 + limits.max // 2 + 1, random.Random(1), 0
    path = tmp_path / "image.dcm"
    for value in (None, 0, 0, middle, limits.min, limits.min, None, middle, 0, limits.max):
        samples = noise.copy()
        if value is not None:
            samples[-1] = value
        stream = imagecodecs.htj2k_encode(samples)
        for data in (stream, with_a_change(stream, chance), with_a_change(stream, chance), stream):
            ds.PixelData = encapsulate([data])
            ds["PixelData"].VR = "OB"
            ds.save_as(path)
            if data is stream:
                known_one = known.decode_known(hu.read(path), 1 << 30)
                assert known_one is None or np.array_equal(known_one, samples)
                assert np.array_equal(hu.read(path).pixel_array, samples)
                assert hu.read(path).encoded_frame(0).startswith(stream)
                continue
            try:
                found = hu.read(path).pixel_array
            except hu.PixelDataError:
                broken_ones += 1
                found = None
            known_one = known.decode_known(hu.read(path), 1 << 30)
            assert known_one is None if found is None else np.array_equal(known_one, found)
    assert broken_ones


def with_a_change(stream, chance):
    data = bytearray(stream)
    data[chance.randrange(len(data) // 4, len(data) // 2)] ^= chance.randrange(1, 256)
    return bytes(data)


@pytest.mark.parametrize(
    ("table", "padding", "behind", "is_known"),
    [
        (b"", 0, b"", True),
        (bytes(4), 0, b"", True),
        (bytes(4), 14, b"", True),
        (b"", 16, b"", False),  # where the end marker is not looked for
        (b"", 0, b"\xfc\xff\xfc\xffOB\0\0\4\0\0\0abcd", True),
        (b"\2\0\0\0", 0, b"", False),
        (bytes(8), 0, b"", False),
    ],
)
@pytest.mark.parametrize(
    "name", ["SC_rgb_jpeg_gdcm.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm"]
)
def test_what_is_around_the_codestream(name, table, padding, behind, is_known, pydicom_path, tmp_path):
    whole = pydicom_path(name).read_bytes()
    stream = hu.read(whole).encoded_frame(0).rstrip(b"\0")
    data = encapsulated(whole, [table, stream + bytes(padding)]) + behind
    path = tmp_path / "image.dcm"
    assert is_the_same_behind(whole, data, path)
    assert (known.decode_known(hu.read(path), 1 << 30) is not None) == is_known
    for other in (
        data[: -len(behind) - 1],
        encapsulated(whole, [table, stream[:400], stream[400:]]) + behind,
    ):
        assert is_the_same_behind(whole, other, path)


@pytest.mark.parametrize("boundary", [8192, 16384, 65536])
def test_fragments_where_the_first_bytes_of_the_file_end(boundary, pydicom_path, tmp_path):
    whole = pydicom_path("SC_rgb_jpeg_gdcm.dcm").read_bytes()
    at, stream = whole.rindex(PIXEL_DATA), hu.read(whole).encoded_frame(0)
    path = tmp_path / "image.dcm"
    for behind in (*range(-60, 4), 16384):
        filling = bytes(boundary + behind - at - 24)
        data = (
            whole[:at] + b"\xdf\x7f\x10\0OB\0\0" + len(filling).to_bytes(4, "little") + filling + whole[at:]
        )
        assert is_the_same_behind(whole, encapsulated(data, [b"", stream]), path)


def broken(whole, start, chance):
    """A file with another byte, and perhaps some missing, somewhere from a place on; and where that is."""
    data = bytearray(whole)
    at = chance.choice(
        [chance.randrange(start, len(data)), chance.randrange(start, min(start + 200, len(data)))]
    )
    data[at] = chance.randrange(256)
    if chance.random() < 0.3:
        end = chance.randrange(at, len(data))
        data[at : at + 8] = b""
        del data[end:]
    return data, at


def encapsulated(whole, items):
    """A file with other items of pixel data."""
    head = whole[: whole.rindex(PIXEL_DATA) + 12]
    each = (b"\xfe\xff\0\xe0" + len(item).to_bytes(4, "little") + item for item in items)
    return head + b"".join(each) + b"\xfe\xff\xdd\xe0" + bytes(4)


def is_the_same_behind(whole, data, path):
    """Whether a file gives the same when another was decoded before."""
    known.forget()
    fresh = result(data, path)
    known.forget()
    result(whole, path)
    return same(result(data, path), fresh)


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_small_odd.dcm"])
def test_native_pixel_data_of_another_length_are_told_of_as_ever(name, pydicom_path, tmp_path):
    whole = pydicom_path(name).read_bytes()
    ds = hu.read(whole)
    size, at = ds["PixelData"].length, ds["PixelData"].offset
    for change in (-size // 2, -2, -1, 1, 2, size):
        data = bytearray(whole[:at] + (whole[at : at + size] * 2)[: size + change])
        data[at - 4 : at] = (size + change).to_bytes(4, "little")
        known.forget()
        fresh = result(data, tmp_path / "image.dcm")
        known.forget()
        result(whole, tmp_path / "image.dcm")
        assert same(result(data, tmp_path / "image.dcm"), fresh), change
        cut = result(data[:-3], tmp_path / "image.dcm")
        known.forget()
        assert same(result(data[:-3], tmp_path / "image.dcm"), cut), change


def test_what_is_above_the_stored_bits_is_cleared_the_second_time(pydicom_path, tmp_path):
    data = bytearray(pydicom_path("CT_small.dcm").read_bytes())
    for keyword, value in (("BitsStored", 9), ("HighBit", 10)):
        data[(at := hu.read(data)[keyword].offset) : at + 2] = value.to_bytes(2, "little")
    path = tmp_path / "image.dcm"
    first, again = result(data, path), result(data, path)
    assert known.decode_known(hu.read(path), 1 << 30) is not None
    assert same(first, again)
    assert np.ptp(first[0]) <= 1 << 9


def test_a_file_that_changes_is_noticed(pydicom_path, tmp_path):
    path = tmp_path / "image.dcm"
    path.write_bytes(pydicom_path("SC_rgb_jpeg_gdcm.dcm").read_bytes())
    assert hu.read(path).pixel_array.shape == (100, 100, 3)
    ds = hu.read(path)
    path.write_bytes(pydicom_path("SC_rgb_jpeg_gdcm.dcm").read_bytes()[:-100])
    with pytest.raises(hu.SourceError, match="has changed"):
        ds.pixels()
    ds = hu.read(path)
    ds.close()
    with pytest.raises(hu.SourceError, match="closed"):
        ds.pixels()


def test_what_was_noted_is_noted_each_time(tmp_path, pydicom_path):
    """A codestream that its transfer syntax does not allow, in one file after the other."""
    data = (
        pydicom_path("SC_rgb_jpeg_gdcm.dcm")
        .read_bytes()
        .replace(b"1.2.840.10008.1.2.4.70", b"1.2.840.10008.1.2.4.80")
    )
    for _ in range(3):
        samples, warnings = result(data, tmp_path / "image.dcm")
        assert samples.shape == (100, 100, 3)
        assert "the transfer syntax says jpeg-ls" in str(warnings)
