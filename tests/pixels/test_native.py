"""Native pixel data: real and generated files against pydicom, a few against DCMTK, and broken ones."""

import io
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import convert_color_space
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

import hounsfield as hu
from hounsfield._kernels.color import ybr_full_to_rgb
from hounsfield._reference.color import partial
from hounsfield.pixels.layout import SUBSAMPLED, native_layout
from hounsfield.pixels.native import decode_native

SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
each_syntax = pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name.replace(" ", ""))


def same(ours, theirs):
    """The same values, shape and type; ours in the byte order of this machine, whatever the file's."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype.newbyteorder("=")
    assert ours.dtype.isnative
    assert ours.flags.c_contiguous
    assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")


@pytest.mark.corpus(lambda file: file.native and file.decodes and file.path.name != "no_meta.dcm")
def test_real_files_as_pydicom(corpus_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(corpus_file.path, force=True)
        expected = theirs.pixel_array
    ds = hu.read(corpus_file.path)
    same(ds.pixel_array, expected)
    same(hu.read(corpus_file.path.read_bytes()).pixel_array, expected)
    with corpus_file.path.open("rb") as file:
        same(hu.read(file).pixel_array, expected)


def image(array, syntax=ExplicitVRLittleEndian, data=None, **attributes):
    """A data set of pydicom's; `array` is (frames, rows, columns, samples)."""
    frames, rows, columns, samples = array.shape
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.SamplesPerPixel = samples
    ds.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    if frames > 1:
        ds.NumberOfFrames = frames
    if samples > 1:
        ds.PlanarConfiguration = 0
    bits = array.dtype.itemsize * 8
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    if data is None:
        data = array.astype(array.dtype.newbyteorder(">" if syntax == ExplicitVRBigEndian else "<")).tobytes()
    if ds.get("PlanarConfiguration") == 1:
        data = np.ascontiguousarray(
            np.frombuffer(data, array.dtype).reshape(array.shape).transpose(0, 3, 1, 2)
        ).tobytes()
    ds.PixelData = data + bytes(len(data) % 2)
    ds["PixelData"].VR = "OW" if bits > 8 else "OB"
    return ds


def written(ds):
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def both(ds):
    """The pixels of a data set that pydicom writes, as we and as pydicom read them."""
    data = written(ds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hu.read(data).pixel_array, pydicom.dcmread(io.BytesIO(data)).pixel_array


def noise(shape, dtype, seed=0):
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


@each_syntax
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("bits", [8, 16, 32, 64])
class TestGenerated:
    @pytest.mark.parametrize("kind", ["u", "i"])
    @pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 7)])
    def test_every_size_and_type(self, syntax, frames, samples, bits, kind, size):
        array = noise((frames, *size, samples), np.dtype(f"{kind}{bits // 8}"))
        ours, theirs = both(image(array, syntax))
        same(ours, theirs)
        assert np.array_equal(ours.reshape(array.shape), array)

    @pytest.mark.parametrize("kind", ["u", "i"])
    def test_bits_stored(self, syntax, frames, samples, bits, kind):
        """Whatever stands above the stored bits is not part of the value."""
        array = noise((frames, 3, 5, samples), np.dtype(f"{kind}{bits // 8}"))
        for stored in {1, bits // 2, bits * 3 // 4, bits - 1, bits}:
            ours, theirs = both(image(array, syntax, BitsStored=stored, HighBit=stored - 1))
            values = (array.astype(object) % (1 << stored)).reshape(ours.shape)
            if kind == "i":
                values = np.where(values >= 1 << stored - 1, values - (1 << stored), values)
            assert np.array_equal(ours.astype(object), values)
            assert ours.dtype == array.dtype
            if bits < 64 and theirs.dtype.newbyteorder("=") == ours.dtype:
                same(ours, theirs)

    def test_planes(self, syntax, frames, samples, bits):
        if samples == 1:
            return
        if syntax == ExplicitVRBigEndian:
            array = noise((frames, 3, 5, samples), np.dtype(f"u{bits // 8}"))
            ds = image(array, syntax)
            ds.PlanarConfiguration = 1
            planes = np.ascontiguousarray(array.transpose(0, 3, 1, 2))
            ds.PixelData = (data := planes.astype(array.dtype.newbyteorder(">")).tobytes()) + bytes(
                len(data) % 2
            )
        else:
            array = noise((frames, 3, 5, samples), np.dtype(f"u{bits // 8}"))
            ds = image(array, syntax, PlanarConfiguration=1)
        ours, theirs = both(ds)
        same(ours, theirs)
        assert np.array_equal(ours.reshape(array.shape), array)


@each_syntax
@pytest.mark.parametrize("frames", [1, 2, 3, 9])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (7, 11)])
@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_one_bit(syntax, frames, size, vr):
    """Bits without a gap between frames, lowest first; in words where the VR is OW."""
    array = noise((frames, *size, 1), np.uint8) & 1
    packed = np.packbits(array.ravel(), bitorder="little").tobytes()
    in_words = syntax == ExplicitVRBigEndian and vr == "OW"
    if in_words:
        packed = swapped(packed)
    ds = image(array, syntax, packed, BitsAllocated=1, BitsStored=1, HighBit=0)
    ds["PixelData"].VR = vr
    ours, theirs = both(ds)
    assert np.array_equal(ours.reshape(array.shape), array)
    if not in_words:  # which pydicom does not heed
        same(ours, theirs)


def swapped(octets):
    return np.frombuffer(octets + bytes(len(octets) % 2), np.uint16).byteswap().tobytes()


@pytest.mark.parametrize("shape", [(1, 3, 4, 1), (1, 3, 5, 1), (2, 3, 3, 3), (3, 1, 1, 1)])
@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_bytes_in_big_endian(shape, vr):
    """OW is words, in which two samples change places; OB is bytes (PS3.5 Section 8.2)."""
    array = noise(shape, np.uint8)
    octets = swapped(array.tobytes()) if vr == "OW" else array.tobytes()
    ds = image(array, ExplicitVRBigEndian, octets)
    ds["PixelData"].VR = vr
    ours, theirs = both(ds)
    same(ours, theirs)
    assert np.array_equal(ours.reshape(shape), array)
    ds.BitsStored, ds.HighBit = 5, 4
    assert np.array_equal(both(ds)[0].reshape(shape), array & 31)


@each_syntax
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
def test_floats(syntax, frames, keyword, dtype):
    array = np.random.default_rng(0).normal(size=(frames, 3, 5, 1)).astype(dtype)
    array.flat[:3] = np.nan, np.inf, -0.0
    ds = image(array, syntax)
    del ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    big = syntax == ExplicitVRBigEndian
    setattr(ds, keyword, array.astype(array.dtype.newbyteorder(">" if big else "<")).tobytes())
    ours = hu.read(written(ds)).pixel_array
    assert ours.dtype == np.dtype(dtype)
    assert np.array_equal(ours.reshape(array.shape), array, equal_nan=True)
    if not big:
        same(*both(ds))


class TestColour:
    @pytest.mark.parametrize("planar", [0, 1])
    @pytest.mark.parametrize("frames", [1, 2])
    def test_ybr_full(self, frames, planar):
        array = noise((frames, 4, 6, 3), np.uint8)
        ours, theirs = both(image(array, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=planar))
        same(ours, theirs)

    @each_syntax
    @pytest.mark.parametrize("frames", [1, 2])
    @pytest.mark.parametrize("size", [(1, 2), (3, 6), (5, 2)])
    def test_ybr_full_422(self, syntax, frames, size):
        rows, columns = size
        array = noise((frames, rows, columns, 3), np.uint8)
        packed = noise((frames * rows * columns * 2,), np.uint8).tobytes()
        ds = image(array, syntax, packed, PhotometricInterpretation="YBR_FULL_422")
        same(*both(ds))

    def test_pydicom_misses_few(self):
        """Ours are exact; pydicom's, in float32, miss a few that lie halfway between two values."""
        cr, cb = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
        missed = 0
        for y in range(256):
            triples = np.stack((np.full_like(cb, y), cb, cr), axis=-1)
            ours = np.empty_like(triples)
            ybr_full_to_rgb(triples, ours)
            off = np.abs(ours.astype(int) - convert_color_space(triples, "YBR_FULL", "RGB"))
            assert off.max() <= 1
            missed += off.sum()
        assert missed < 1000

    def test_a_palette_stays_indices(self, pydicom_path):
        path = pydicom_path("examples_palette.dcm")
        ds = hu.read(path)
        assert ds.PhotometricInterpretation == "PALETTE COLOR"
        same(ds.pixel_array, pydicom.dcmread(path).pixel_array)

    @pytest.mark.parametrize(
        "changes", [{"SamplesPerPixel": 1}, {"BitsStored": 7, "HighBit": 6}, {"PixelRepresentation": 1}]
    )
    def test_ybr_of_other_samples(self, changes):
        data = written(image(noise((1, 4, 4, 3), np.uint8), PhotometricInterpretation="YBR_FULL", **changes))
        with pytest.raises(hu.PixelDataError, match="YBR_FULL with"):
            _ = hu.read(data).pixel_array
        assert hu.read(data).pixels(raw=True).size == 48

    def test_ybr_of_words(self):
        """Which pydicom clamps to 255."""
        array = noise((1, 4, 4, 3), np.uint16)
        ds = hu.read(written(image(array, PhotometricInterpretation="YBR_FULL")))
        with pytest.raises(hu.PixelDataError, match="YBR_FULL with 3 samples of 16 bits"):
            _ = ds.pixel_array
        assert np.array_equal(ds.pixels(raw=True), array[0])

    @pytest.mark.parametrize("color", ["YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"])
    @pytest.mark.parametrize("changes", [{"SamplesPerPixel": 1}, {"Columns": 3}, {"BitsAllocated": 32}])
    def test_subsampled_of_other_sizes(self, color, changes):
        ds = image(noise((1, 4, 4, 3), np.uint8), PhotometricInterpretation=color, **changes)
        with pytest.raises(hu.PixelDataError, match=f"{color} with"):
            _ = hu.read(written(ds)).pixel_array

    def test_420_of_odd_height(self):
        ds = image(noise((1, 3, 4, 3), np.uint8), PhotometricInterpretation="YBR_PARTIAL_420")
        with pytest.raises(hu.PixelDataError, match="3 x 4 pixels"):
            _ = hu.read(written(ds)).pixel_array

    @pytest.mark.parametrize("color", ["YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"])
    def test_said_to_be_subsampled(self, color):
        """The length shows that they are not: it would be wrong to leave a third out."""
        ds = image(noise((2, 4, 4, 3), np.uint8), PhotometricInterpretation=color)
        with pytest.raises(hu.PixelDataError, match="nothing is subsampled"):
            _ = hu.read(written(ds)).pixel_array

    @each_syntax
    @pytest.mark.parametrize("frames", [1, 3])
    @pytest.mark.parametrize("size", [(2, 2), (4, 6)])
    @pytest.mark.parametrize("vr", ["OB", "OW"])
    def test_ybr_partial(self, syntax, frames, size, vr):
        rows, columns = size
        pixels = noise((frames, rows, columns, 3), np.uint8)
        in_words = syntax == ExplicitVRBigEndian and vr == "OW"
        # the chroma of the first of two pixels holds for both, and that of the first of two rows
        for color in ("YBR_PARTIAL_422", "YBR_PARTIAL_420"):
            pixels[:, :, 1::2, 1:] = pixels[:, :, ::2, 1:]
            packed = []
            if color == "YBR_PARTIAL_420":
                pixels[:, 1::2, :, 1:] = pixels[:, ::2, :, 1:]
            for frame in pixels:
                for number, row in enumerate(frame):
                    for first, second in zip(row[::2], row[1::2], strict=True):
                        packed += [first[0], second[0]]
                        if color == "YBR_PARTIAL_422" or number % 2 == 0:
                            packed += first[1:].tolist()
            data = np.array(packed, np.uint8).tobytes()
            ds = image(pixels, syntax, swapped(data) if in_words else data, PhotometricInterpretation=color)
            ds["PixelData"].VR = vr
            ours = hu.read(written(ds))
            expected = [partial(*pixel) for pixel in pixels.reshape(-1, 3).tolist()]
            assert ours.pixel_array.reshape(-1, 3).tolist() == [list(pixel) for pixel in expected]
            assert np.array_equal(ours.pixels(raw=True).reshape(pixels.shape), pixels)

    @pytest.mark.parametrize("color", ["YBR_FULL_422", "YBR_PARTIAL_422"])
    def test_as_dcmtk_shows_them(self, color, dcmtk, tmp_path):
        """DCMTK adds whole numbers: one rounded for each of two terms, to Y that may be rounded too."""
        array = noise((1, 8, 12, 3), np.uint8)
        packed = noise((8 * 12 * 2,), np.uint8, seed=3)
        (tmp_path / "in.dcm").write_bytes(
            written(image(array, data=packed.tobytes(), PhotometricInterpretation=color))
        )
        dcmtk("dcm2pnm", tmp_path / "in.dcm", tmp_path / "out.ppm")
        shown = np.frombuffer((tmp_path / "out.ppm").read_bytes()[-8 * 12 * 3 :], np.uint8).reshape(8, 12, 3)
        ours = hu.read(tmp_path / "in.dcm").pixel_array
        assert np.abs(ours.astype(int) - shown).max() <= 2

    @pytest.mark.parametrize("color", ["YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"])
    def test_raw_words(self, color):
        array = noise((2, 2, 4, 3), np.uint16)
        array[:, :, 1::2, 1:] = array[:, :, ::2, 1:]
        array[:, 1, :, 1:] = array[:, 0, :, 1:]
        rows = [
            [*row[k : k + 2, 0], *(row[k, 1:] if number == 0 or color != "YBR_PARTIAL_420" else ())]
            for frame in array
            for number, row in enumerate(frame)
            for k in (0, 2)
        ]
        data = np.concatenate(rows).astype("<u2").tobytes()
        for syntax in (ExplicitVRLittleEndian, ExplicitVRBigEndian):
            stored = np.frombuffer(data, "<u2")
            octets = stored.astype(">u2").tobytes() if syntax == ExplicitVRBigEndian else data
            ds = hu.read(written(image(array, syntax, octets, PhotometricInterpretation=color)))
            assert np.array_equal(ds.pixels(raw=True), array)

    @pytest.mark.parametrize("planar", [0, 1])
    def test_raw_ybr_full(self, planar):
        array = noise((2, 3, 5, 3), np.uint8)
        ds = hu.read(written(image(array, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=planar)))
        assert np.array_equal(ds.pixels(raw=True), array)

    @pytest.mark.parametrize(
        ("color", "samples", "kind"),
        [
            ("HSV", 3, hu.UnsupportedError),
            ("ARGB", 4, hu.UnsupportedError),
            ("CMYK", 4, hu.UnsupportedError),
            ("YBR_ICT", 3, hu.PixelDataError),
            ("YBR_RCT", 3, hu.PixelDataError),
            ("MONOCHROME2", 2, hu.PixelDataError),
            ("RGB", 4, hu.PixelDataError),
        ],
    )
    @pytest.mark.parametrize("planar", [0, 1])
    def test_colours_that_are_not_converted(self, color, samples, kind, planar):
        array = noise((2, 3, 5, samples), np.uint8)
        ds = hu.read(written(image(array, PhotometricInterpretation=color, PlanarConfiguration=planar)))
        with pytest.raises(kind, match=f"{color}.*raw=True"):
            _ = ds.pixel_array
        assert np.array_equal(ds.pixels(raw=True), array)


@each_syntax
@pytest.mark.parametrize("kind", ["u", "i"])
class TestTwelveBits:
    """Samples of 12 bits, two in three bytes, in words where the VR is OW."""

    @pytest.mark.parametrize("frames", [1, 2, 3])
    @pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 4)])
    @pytest.mark.parametrize("vr", ["OB", "OW"])
    def test_every_size(self, syntax, kind, frames, size, vr):
        array = noise((frames, *size, 1), f"{kind}2") >> 4
        number = 0
        for place, value in enumerate(array.ravel().tolist()):
            number |= value % 4096 << 12 * place
        packed = number.to_bytes((12 * array.size + 7) // 8, "little")
        if syntax == ExplicitVRBigEndian and vr == "OW":
            packed = swapped(packed)
        ds = image(array, syntax, packed, BitsAllocated=12, BitsStored=12, HighBit=11)
        ds["PixelData"].VR = vr
        ours = hu.read(written(ds)).pixel_array
        assert ours.dtype == array.dtype
        assert np.array_equal(ours.reshape(array.shape), array)
        ds.BitsStored, ds.HighBit = 10, 11
        assert np.array_equal(hu.read(written(ds)).pixel_array.reshape(array.shape), array >> 2)

    def test_planes(self, syntax, kind):
        array = noise((2, 3, 5, 3), f"{kind}2") >> 4
        number = 0
        for place, value in enumerate(array.transpose(0, 3, 1, 2).ravel().tolist()):
            number |= value % 4096 << 12 * place
        ds = image(array, syntax, number.to_bytes(135, "little"), BitsAllocated=12, BitsStored=12, HighBit=11)
        ds.PlanarConfiguration = 1
        ds["PixelData"].VR = "OB"
        assert np.array_equal(hu.read(written(ds)).pixel_array, array)


@each_syntax
@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("kind", ["u", "i"])
def test_high_bit(syntax, bits, kind):
    """Below and above the stored bits may stand anything, such as overlays."""
    array = noise((2, 3, 5, 1), f"{kind}{bits // 8}")
    for high_bit in range(4, bits):
        ours = hu.read(written(image(array, syntax, BitsStored=5, HighBit=high_bit))).pixel_array
        values = array[..., 0].astype(np.int64) >> high_bit - 4 & 31
        if kind == "i":
            values -= (values & 16) * 2
        assert np.array_equal(ours, values)
        assert ours.dtype == array.dtype


def test_high_bit_as_dcmtk_has_it(dcmtk, tmp_path):
    array = noise((1, 6, 8, 1), np.uint16)
    (tmp_path / "in.dcm").write_bytes(written(image(array, BitsStored=12, HighBit=14)))
    dcmtk("dcm2pnm", "--write-n-bit-pnm", "12", tmp_path / "in.dcm", tmp_path / "out.pgm")
    shown = (tmp_path / "out.pgm").read_text().split()[-48:]
    assert hu.read(tmp_path / "in.dcm").pixel_array.ravel().tolist() == [int(value) for value in shown]


class TestFrames:
    """A frame by itself is that of the whole, and nothing else is read for it."""

    LAYOUTS = (
        {"bits": 1},
        {"bits": 12},
        {"bits": 8},
        {"bits": 16},
        {"bits": 32, "samples": 3, "planar": 1},
        {"bits": 8, "samples": 3, "planar": 1},
        {"bits": 8, "samples": 3, "color": "YBR_FULL"},
        {"bits": 8, "samples": 3, "color": "YBR_FULL", "planar": 1},
        {"bits": 8, "samples": 3, "color": "YBR_FULL_422"},
        {"bits": 8, "samples": 3, "color": "YBR_PARTIAL_420"},
    )

    @pytest.mark.parametrize(
        ("syntax", "vr"),
        [(ExplicitVRLittleEndian, "OB"), (ExplicitVRBigEndian, "OB"), (ExplicitVRBigEndian, "OW")],
    )
    @pytest.mark.parametrize("layout", LAYOUTS, ids=str)
    @pytest.mark.parametrize("size", [(3, 5), (2, 2)])
    @pytest.mark.parametrize("raw", [False, True])
    def test_each_range(self, syntax, vr, layout, size, raw, monkeypatch):
        bits, samples, color = layout["bits"], layout.get("samples", 1), layout.get("color", "RGB")
        if color in SUBSAMPLED:
            size = size[0] // 2 * 2, size[1] // 2 * 2
        array = np.zeros((7, *size, samples), np.uint8 if bits < 12 else f"u{(bits + 7) // 8}")
        ds = image(array, syntax, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)
        ds.PhotometricInterpretation = color if samples == 3 else "MONOCHROME2"
        ds.PlanarConfiguration = layout.get("planar", 0)
        length = int(7 * size[0] * size[1] * SUBSAMPLED.get(color, samples) * bits + 7) // 8
        ds.PixelData = noise((length + length % 2,), np.uint8).tobytes()
        ds["PixelData"].VR = vr
        ds = hu.read(written(ds))
        whole = ds.pixels(raw=raw)
        element, described = ds["PixelData"], native_layout(ds["PixelData"], ds.frames.layout)
        source = Counting(ds._source)
        where = element.offset, element.length, described
        told = {"raw": raw, "big_endian": ds._encoding.big_endian, "words": element.VR == "OW"}
        monkeypatch.setattr("hounsfield.pixels.native.CHUNK", described.frame_bits // 4)  # two frames
        for start in range(7):
            for stop in range(start + 1, 8):
                out = np.empty((stop - start, *described.frame_shape), described.dtype)
                source.count = 0
                decode_native(source, *where, out, start, **told)
                assert np.array_equal(out, whole[start:stop])
                assert source.count <= (stop - start) * described.frame_bits / 8 + 2 * (stop - start + 1)


class Counting:
    """A source that counts the bytes it gives."""

    def __init__(self, source):
        self.source, self.count = source, 0

    def read(self, offset, length):
        self.count += length
        return self.source.read(offset, length)

    def read_into(self, offset, out):
        self.count += len(out)
        self.source.read_into(offset, out)


class TestLength:
    """12 pixels of 16 bits are 24 bytes."""

    ARRAY = noise((1, 3, 4, 1), np.uint16)

    def read(self, data, **changes):
        return hu.read(written(image(self.ARRAY, data=data, **changes)))

    @pytest.mark.parametrize("there", [0, 2, 22])
    def test_short(self, there):
        with pytest.raises(
            hu.PixelDataError, match=f"24 bytes of pixel data are needed .* {there} are there"
        ) as caught:
            _ = self.read(bytes(there)).pixel_array
        assert caught.value.tag == 0x7FE00010

    @pytest.mark.parametrize("there", [26, 46])
    def test_short_by_part_of_a_frame(self, there):
        with pytest.raises(
            hu.PixelDataError, match=rf"48 bytes .* 2 x 3 x 4 x 1 samples of 16 bits, {there} are there"
        ):
            _ = self.read(bytes(there), NumberOfFrames=2).pixel_array

    @pytest.mark.parametrize("said", [None, 1, 2, 3, 5, 1000])
    def test_other_whole_frames_than_said(self, said):
        """Fewer are an error to pydicom; more it reads, too."""
        ds = self.read(self.ARRAY.tobytes() * 4, **({} if said is None else {"NumberOfFrames": said}))
        assert np.array_equal(ds.pixel_array, np.repeat(self.ARRAY[..., 0], 4, axis=0))
        assert any(
            f"Number of Frames is {said or 'missing or 0'}, but there are 4" in note for note in ds.warnings
        )
        if (said or 1) < 4:
            with pytest.warns(UserWarning, match="sufficient to contain 4 frames"):
                same(ds.pixel_array, pydicom.dcmread(io.BytesIO(self.written(said))).pixel_array)

    def written(self, said):
        return written(
            image(
                self.ARRAY,
                data=self.ARRAY.tobytes() * 4,
                **({} if said is None else {"NumberOfFrames": said}),
            )
        )

    def test_more_frames_and_excess(self):
        data = self.ARRAY.tobytes() * 3 + bytes(10)
        ds = self.read(data)
        assert np.array_equal(ds.pixel_array, np.repeat(self.ARRAY[..., 0], 3, axis=0))
        assert any("10 bytes follow the last frame" in note for note in ds.warnings)
        same(*both(image(self.ARRAY, data=data)))

    def test_frames_that_the_end_of_the_file_cuts(self):
        data = written(image(self.ARRAY, data=self.ARRAY.tobytes() * 4, NumberOfFrames=4))
        with pytest.raises(hu.PixelDataError, match="72 are there, where the file ends"):
            _ = hu.read(data[:-24]).pixel_array
        # Those that are there can be had one by one.
        ds = hu.read(data[:-30])
        assert np.array_equal(ds.pixels(0), self.ARRAY[0, :, :, 0])
        assert ds.pixels(slice(0, 2)).shape == (2, *self.ARRAY.shape[1:3])
        with pytest.raises(hu.PixelDataError, match="72 bytes of pixel data are needed for 3 x"):
            ds.pixels(2)
        with pytest.raises(hu.PixelDataError, match="where the file ends"):
            ds.pixel_plan()

    def test_one_frame_that_is_there(self):
        ds = self.read(self.ARRAY.tobytes(), NumberOfFrames=3)
        assert np.array_equal(ds.render(frame=0), ds.render())
        with pytest.raises(hu.OptionError, match="no frame 1, counted from 0: there is 1"):
            ds.render(frame=1)

    @pytest.mark.parametrize("excess", [2, 22])
    def test_excess_is_left_out_with_a_note(self, excess):
        ds = self.read(self.ARRAY.tobytes() + bytes(excess))
        assert np.array_equal(ds.pixel_array, self.ARRAY[0, :, :, 0])
        assert any(f"{excess} bytes follow the last frame" in note for note in ds.warnings)

    def test_a_pad_byte_is_none(self):
        ds = hu.read(written(image(noise((1, 3, 3, 1), np.uint8))))
        assert ds["PixelData"].length == 10
        assert ds.pixel_array.shape == (3, 3)
        assert ds.warnings == ()

    def test_cut_by_the_end_of_the_file(self):
        data = written(image(self.ARRAY))
        with pytest.raises(hu.PixelDataError, match="20 are there, where the file ends"):
            _ = hu.read(data[:-4]).pixel_array


class TestAttributes:
    ARRAY = noise((1, 3, 4, 1), np.uint16)
    NEEDED = (
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "BitsAllocated",
        "BitsStored",
        "PixelRepresentation",
        "PhotometricInterpretation",
    )

    @pytest.mark.parametrize("keyword", NEEDED)
    def test_missing(self, keyword):
        ds = image(self.ARRAY)
        delattr(ds, keyword)
        with pytest.raises(hu.PixelDataError, match="missing") as caught:
            _ = hu.read(written(ds)).pixel_array
        assert caught.value.tag == hu.tag(keyword)

    def test_missing_planar_configuration(self):
        ds = image(noise((1, 3, 4, 3), np.uint8), PlanarConfiguration=None)
        with pytest.raises(hu.PixelDataError, match="PlanarConfiguration is needed") as caught:
            _ = hu.read(written(ds)).pixel_array
        assert caught.value.tag == 0x00280006

    def test_no_pixel_data(self):
        ds = image(self.ARRAY)
        del ds.PixelData
        with pytest.raises(hu.PixelDataError, match="no pixel data"):
            _ = hu.read(written(ds)).pixel_array

    @pytest.mark.parametrize(
        ("keyword", "value"),
        [
            ("Rows", 0),
            ("Columns", 0),
            ("SamplesPerPixel", 0),
            ("BitsAllocated", 0),
            ("BitsAllocated", 24),
            ("BitsAllocated", 65),
            ("BitsStored", 0),
            ("BitsStored", 17),
            ("PixelRepresentation", 2),
            ("Rows", [3, 3]),
            ("NumberOfFrames", -1),
            ("NumberOfFrames", [1, 2]),
            ("PhotometricInterpretation", ""),
            ("PhotometricInterpretation", ["RGB", "RGB"]),
        ],
    )
    def test_that_make_no_sense(self, keyword, value):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = written(image(self.ARRAY, **{keyword: value}))
        with pytest.raises(hu.PixelDataError) as caught:
            _ = hu.read(data).pixel_array
        assert caught.value.tag == hu.tag(keyword)

    @pytest.mark.parametrize("value", [12, 16, 100, [11, 11]])
    def test_a_high_bit_that_cannot_be(self, value):
        """Bits Stored alone tells then, as it does to pydicom."""
        ds = image(self.ARRAY, BitsStored=14)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds.HighBit = value
            data = written(ds)
        ds = hu.read(data)
        assert np.array_equal(ds.pixel_array, self.ARRAY[0, :, :, 0] & 0x3FFF)
        assert any("HighBit is" in note and "13 was assumed" in note for note in ds.warnings)

    @pytest.mark.parametrize(
        ("samples", "photometric"), [(3, "MONOCHROME2"), (3, "PALETTE COLOR"), (1, "RGB")]
    )
    def test_a_photometric_interpretation_of_other_samples(self, samples, photometric):
        array = noise((1, 3, 4, samples), np.uint8)
        data = written(image(array, PhotometricInterpretation=photometric))
        ds = hu.read(data)
        assert np.array_equal(ds.pixel_array.reshape(array.shape), array)
        assert any(f"{photometric} does not go with {samples}" in note for note in ds.warnings)

    @pytest.mark.parametrize("value", [0, 1, "", None])
    def test_number_of_frames_of_one(self, value):
        changes = {} if value is None else {"NumberOfFrames": value}
        ds = hu.read(written(image(self.ARRAY, **changes)))
        assert np.array_equal(ds.pixel_array, self.ARRAY[0, :, :, 0])

    def test_bits_allocated_and_float(self):
        ds = image(self.ARRAY)
        del ds.PixelData
        ds.FloatPixelData = bytes(48)
        with pytest.raises(hu.PixelDataError, match="do not go with FloatPixelData"):
            _ = hu.read(written(ds)).pixel_array


def test_the_array_is_kept_and_the_callers_own():
    ds = hu.read(written(image(noise((1, 3, 4, 1), np.uint16))))
    assert ds.pixel_array is ds.pixel_array
    assert ds.pixel_array.flags.writeable
    data = written(image(noise((1, 3, 4, 1), np.uint16)))
    hu.read(data).pixel_array[:] = 0
    assert hu.read(data).pixel_array.any()


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "liver_1frame.dcm"]
)
def test_as_dcmtk_has_them(name, pydicom_path, dcmtk, tmp_path):
    """DCMTK writes the file anew, in another syntax: the samples stay."""
    path = pydicom_path(name)
    expected = hu.read(path).pixel_array
    for option in ("+ti", "+te", "+tb", "+td"):
        dcmtk("dcmconv", option, path, tmp_path / "out.dcm")
        ds = hu.read(tmp_path / "out.dcm")
        assert np.array_equal(ds.pixel_array, expected)
        assert ds.pixel_array.dtype == expected.dtype
