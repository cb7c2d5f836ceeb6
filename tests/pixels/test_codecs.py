"""Decoding of codestreams: real ones as pydicom and DCMTK decode them, and round trips through encoders."""

import hashlib
import io
import re
import subprocess
import sys
import warnings
import zlib
from contextlib import suppress
from itertools import pairwise

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import convert_color_space

import hounsfield as hu
from hounsfield.pixels import codecs
from hounsfield.pixels.codecs import ALLOWED, decode, inflate, max_reduce, mismatch
from hounsfield.pixels.codestream import parse

JPEG_FAMILY = "1.2.840.10008.1.2.4."
LOSSY_JPEG = {JPEG_FAMILY + end for end in ("50", "51", "53", "55")}
JPEG_XL = {JPEG_FAMILY + end for end in ("110", "111", "112")}


def fetch(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True)


def fetch_frames(path):
    ds = fetch(path)
    return ds, list(generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames") or 1)))


def dtype_of(bits, signed=False):
    return np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2 if bits <= 16 else 4}")


def decoded(data, dtype=None, **options):
    """A new array with what one codestream has, and the note."""
    stream = parse(data)
    shape = stream.reduced(options.get("reduce", 0))
    if stream.components > 1:
        shape = *shape, stream.components
    out = np.empty(shape, dtype or dtype_of(stream.precision, stream.signed))
    return out, decode(stream, data, out, **options)


def decode_all(ds, frames):
    """All frames as the data set has them allocated, high bits in order."""
    dtype = np.dtype(f"{'i' if ds.PixelRepresentation else 'u'}{max(ds.BitsAllocated // 8, 1)}")
    samples = np.stack([decoded(data, dtype)[0] for data in frames])
    unused = 8 * dtype.itemsize - ds.BitsStored
    samples = samples << unused >> unused
    return samples if len(frames) > 1 else samples[0]


def image(rows, columns, bits, components=1, signed=False, seed=0):
    """A ramp with noise, over the whole range that there is."""
    random = np.random.default_rng(seed)
    size = rows, columns, components
    ramp = np.linspace(0, 1, rows * columns * components).reshape(size) + random.normal(0, 0.02, size)
    samples = np.clip(np.rint(ramp * (2**bits - 1)), 0, 2**bits - 1).astype(np.int64)
    if signed:
        samples -= 2 ** (bits - 1)
    samples = samples.astype(dtype_of(bits, signed))
    return samples[..., 0] if components == 1 else samples


class TestRealFiles:
    @pytest.mark.corpus(lambda file: file.row["transfer_syntax"].startswith(JPEG_FAMILY) and file.decodes)
    def test_facts_agree_with_their_headers(self, corpus_file):
        ds, frames = fetch_frames(corpus_file.path)
        for data in frames:
            stream = parse(data)
            assert (stream.rows, stream.columns) == (ds.Rows, ds.Columns)
            assert stream.components == ds.SamplesPerPixel
            assert stream.precision <= ds.BitsAllocated
            assert (stream.terminated, stream.flaw) == (True, "")
            assert len(data) - stream.stop <= 1
            assert mismatch(corpus_file.row["transfer_syntax"], stream) == ""

    @pytest.mark.corpus(
        lambda file: (
            file.row["transfer_syntax"].startswith(JPEG_FAMILY)
            and file.decodes
            and file.row["transfer_syntax"] not in LOSSY_JPEG | JPEG_XL
            and not file.row["transfer_syntax"].endswith(".203")
        )
    )
    def test_samples_are_those_of_pydicom(self, corpus_file):
        ds, frames = fetch_frames(corpus_file.path)
        samples = decode_all(ds, frames)
        if ds.PhotometricInterpretation.startswith("YBR_FULL"):
            samples = convert_color_space(samples, "YBR_FULL", "RGB")
        row = corpus_file.row
        assert samples.shape == tuple(map(int, row["pydicom_shape"].split("x")))
        assert hashlib.sha1(samples.astype(row["pydicom_dtype"]).tobytes()).hexdigest() == row["pydicom_sha1"]

    @pytest.mark.corpus(
        lambda file: file.row["transfer_syntax"] in LOSSY_JPEG and file.row["dcmtk_decodes"] == "1"
    )
    def test_jpeg_samples_are_within_1_of_those_of_dcmtk(self, corpus_file, dcmtk, tmp_path):
        dcmtk("dcmdjpeg", "+cn", corpus_file.path, tmp_path / "native.dcm")
        ds, frames = fetch_frames(corpus_file.path)
        native = fetch(tmp_path / "native.dcm")
        samples = decode_all(ds, frames)
        theirs = np.frombuffer(native.PixelData, samples.dtype)[: samples.size]
        if ds.SamplesPerPixel > 1 and native.PlanarConfiguration:
            theirs = np.moveaxis(theirs.reshape(-1, 3, ds.Rows, ds.Columns), 1, -1)
        theirs = theirs.reshape(samples.shape)
        assert np.abs(samples.astype(int) - theirs).max() <= 1

    def test_lossy_htj2k_is_within_1_of_openjpeg(self, corpus):
        _, [data] = fetch_frames(corpus / "pydicom+pydicom-data/HTJ2K_08_RGB.dcm")
        assert parse(data).kind == "htj2k"
        samples, _ = decoded(data)
        theirs = imagecodecs.jpeg2k_decode(bytes(data)).astype(int)
        assert np.abs(samples - theirs).max() <= 1

    def test_jpeg_xl_is_like_the_jpeg_that_it_was(self, corpus):
        _, frames = fetch_frames(corpus / "dcm4che+dcm4che/will-jxl.dcm")
        samples, _ = decoded(frames[3])
        jpeg, _ = decoded(imagecodecs.jpegxl_decode_jpeg(frames[3], numthreads=1), ybr_to_rgb=True)
        difference = np.abs(samples.astype(int) - jpeg)
        assert difference.max() <= 16
        assert difference.mean() < 0.5


class TestRoundTrips:
    """What lossless encoders were given comes out again, into arrays as wide as needed and wider."""

    @pytest.mark.parametrize("bits", range(2, 17))
    @pytest.mark.parametrize("components", [1, 3])
    def test_jpeg_lossless(self, bits, components):
        samples = image(33, 47, bits, components)
        for predictor in range(1, 8):
            data = imagecodecs.jpeg8_encode(samples, lossless=True, predictor=predictor, bitspersample=bits)
            for dtype in {samples.dtype, np.dtype(np.uint16), np.dtype(np.int16), np.dtype(np.uint32)}:
                np.testing.assert_array_equal(decoded(data, dtype)[0].astype(samples.dtype), samples)

    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("components", [1, 3])
    def test_jpeg_ls(self, bits, components):
        samples = image(33, 47, bits, components)
        np.testing.assert_array_equal(decoded(imagecodecs.jpegls_encode(samples), np.uint16)[0], samples)
        near, _ = decoded(imagecodecs.jpegls_encode(samples, level=3))
        assert np.abs(near.astype(int) - samples).max() == 3

    @pytest.mark.parametrize("bits", [1, 8, 11, 12, 16, 17, 24])
    @pytest.mark.parametrize("components", [1, 3])
    @pytest.mark.parametrize("signed", [False, True])
    @pytest.mark.parametrize("codecformat", ["J2K", "JP2"])
    def test_jpeg2000(self, bits, components, signed, codecformat):
        samples = image(33, 47, bits, components, signed)
        data = imagecodecs.jpeg2k_encode(
            samples, level=0, reversible=True, bitspersample=bits, codecformat=codecformat
        )
        np.testing.assert_array_equal(decoded(data)[0], samples)
        np.testing.assert_array_equal(decoded(data, np.int32)[0], samples)
        np.testing.assert_array_equal(decoded(data, np.uint32)[0].view(np.int32), samples)

    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("components", [1, 3, 4])
    @pytest.mark.parametrize("signed", [False, True])
    def test_htj2k(self, bits, components, signed):
        samples = image(33, 47, bits, components, signed)
        for rgb in {components == 3, False}:
            data = imagecodecs.htj2k_encode(samples, rgb=rgb)
            np.testing.assert_array_equal(decoded(data)[0], samples)
            np.testing.assert_array_equal(decoded(data, np.int32)[0], samples)

    @pytest.mark.parametrize("bits", [8, 10, 12, 16])
    @pytest.mark.parametrize("components", [1, 3])
    def test_jpeg_xl(self, bits, components):
        samples = image(33, 47, bits, components)
        for container in (False, True):
            data = imagecodecs.jpegxl_encode(
                samples, lossless=True, bitspersample=bits, usecontainer=container
            )
            np.testing.assert_array_equal(decoded(data, np.uint16)[0], samples)

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
    @pytest.mark.parametrize("reversible", [True, False])
    def test_a_last_row_of_one_value_is_no_error(self, dtype, reversible):
        """What imagecodecs leaves where OpenJPH failed is 0, with either sign that the codec is told of."""
        limits = np.iinfo(dtype)
        for value in (0, limits.min, limits.min // 2 + limits.max // 2 + 1, limits.max):
            for rows in (slice(None), slice(-1, None), slice(20, None)):
                samples = image(33, 47, limits.bits, signed=limits.min < 0)
                samples[rows] = value
                data = imagecodecs.htj2k_encode(
                    samples, reversible=reversible, level=None if reversible else 0
                )
                again = decoded(data)[0]
                assert again.dtype == dtype
                if reversible:
                    np.testing.assert_array_equal(again, samples)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize(("components", "bits", "signed"), [(1, 16, False), (1, 16, True), (3, 8, False)])
    @pytest.mark.parametrize("reversible", [True, False])
    def test_errors_in_the_midst_of_htj2k(self, components, bits, signed, reversible):
        """imagecodecs loses them: the rest of such an image is 0."""
        samples = image(200, 200, bits, components, signed)
        whole = imagecodecs.htj2k_encode(samples, reversible=reversible)
        chance, errors = np.random.default_rng(bits), 0
        for _ in range(60):
            data = bytearray(whole)
            data[int(chance.integers(len(whole) // 8, len(whole) - 2))] = int(chance.integers(256))
            bare = np.zeros_like(samples)
            with suppress(imagecodecs.Htj2kError):
                imagecodecs.htj2k_decode(data, planar=False, out=bare)
            try:
                assert decoded(bytes(data))[0][-1].any()
            except hu.PixelDataError:
                errors += not bare[-1].any()
            else:
                assert bare[-1].any()
        assert errors

    def test_jpeg_xl_orientation_is_left_alone(self):
        jpeg = imagecodecs.jpeg8_encode(image(16, 24, 8))
        exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
        data = imagecodecs.jpegxl_encode_jpeg(jpeg[:2] + exif + jpeg[2:], usecontainer=True)
        assert decoded(data)[0].shape == (16, 24)


class TestJpeg:
    def test_color_is_left_alone_unless_asked_for(self):
        samples = image(32, 32, 8, 3)
        for colorspace in ("RGB", "YCBCR"):
            # Nothing in these markers but JFIF or Adobe: what decoders take for leave to convert.
            data = imagecodecs.jpeg8_encode(
                samples, level=100, colorspace=colorspace, outcolorspace=colorspace
            )
            stored, _ = decoded(data)
            assert np.abs(stored.astype(int) - samples).max() < 24
            converted, _ = decoded(data, ybr_to_rgb=True)
            expected = convert_color_space(stored, "YBR_FULL", "RGB")
            assert np.abs(converted.astype(int) - expected).max() <= 1

    @pytest.mark.parametrize("color", [(200, 60), (200, 60, 140, 30)])
    def test_two_and_four_components_are_left_alone(self, color):
        samples = np.full((32, 32, len(color)), color, np.uint8)
        for colorspace in ("CMYK", "YCCK") if len(color) == 4 else (None,):
            data = imagecodecs.jpeg8_encode(
                samples, level=100, subsampling="444", colorspace=colorspace, outcolorspace=colorspace
            )
            np.testing.assert_array_equal(decoded(data)[0], samples)

    @pytest.mark.parametrize("lossless", [False, True])
    def test_missing_end(self, lossless):
        samples = image(40, 40, 8)
        data = bytes(imagecodecs.jpeg8_encode(samples, lossless=lossless))
        whole, note = decoded(data)
        assert note == ""
        for end in (b"", b"\xff", b"\0", bytes(100)):
            found, note = decoded(data[:-2] + end)
            np.testing.assert_array_equal(found, whole)
            assert note == "the JPEG has no end marker"

    @pytest.mark.parametrize("level", [128, 2048])
    def test_grey_samples_are_not_taken_for_missing_ones(self, level):
        bits = 8 if level == 128 else 12
        for components in (1, 3):
            samples = np.full((40, 40, components), level, dtype_of(bits)).squeeze()
            found, note = decoded(imagecodecs.jpeg8_encode(samples, level=100, bitspersample=bits))
            np.testing.assert_array_equal(found[-1], np.broadcast_to(found[-1, -1], found[-1].shape))
            assert note == ""

    @pytest.mark.parametrize("options", [{}, {"lossless": True}, {"bitspersample": 12}])
    @pytest.mark.parametrize("components", [1, 3])
    def test_missing_samples(self, options, components):
        samples = image(40, 40, 12 if "bitspersample" in options else 8, components)
        data = bytes(imagecodecs.jpeg8_encode(samples, **options))
        whole, _ = decoded(data)
        first = parse(data).stop - 2
        for cut in range(data.index(b"\xff\xda") + 20, first, 7):
            with pytest.raises(hu.PixelDataError, match=r"ends before its samples do|rows are there"):
                decoded(data[:cut])
        # With the end put behind, what is missing of the last block of 8 x 8 cannot be told.
        for cut in range(data.index(b"\xff\xda") + 20, first - 200, 7):
            with pytest.raises(hu.PixelDataError, match=r"ends before its samples do|rows are there"):
                decoded(data[:cut] + b"\xff\xd9")
        for cut in range(first - 9, first):
            # What is cut off may be padding, or the zeros that are taken for it.
            with suppress(hu.PixelDataError):
                np.testing.assert_array_equal(decoded(data[:cut])[0], whole)

    @pytest.mark.parametrize("options", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 3}])
    def test_missing_samples_in_an_interval_between_restarts(self, options):
        file = io.BytesIO()
        Image.fromarray(image(40, 40, 8)).save(file, "JPEG", quality=98, **options)
        data = file.getvalue()
        assert parse(data).restart_interval
        assert decoded(data)[1] == ""
        first = data.index(b"\xff\xda") + 10
        restarts = [each.start() for each in re.finditer(rb"\xff[\xd0-\xd7]", data) if each.start() > first]
        for begin, end in pairwise([first, *restarts]):
            with pytest.raises(hu.PixelDataError, match=r"ends before its samples do|restart markers"):
                decoded(data[: (begin + end) // 2] + b"\xff\xd9")


class TestTruncation:
    @pytest.mark.parametrize(
        "data",
        [
            bytes(imagecodecs.jpegls_encode(image(40, 40, 12))),
            bytes(imagecodecs.jpegls_encode(image(40, 40, 8, 3), level=2)),
            bytes(imagecodecs.jpeg2k_encode(image(40, 40, 12), level=0, codecformat="J2K")),
            bytes(imagecodecs.jpeg2k_encode(image(40, 40, 8, 3), level=40, codecformat="JP2")),
            bytes(imagecodecs.htj2k_encode(image(40, 40, 8, 3))),
            bytes(imagecodecs.htj2k_encode(image(40, 40, 12), reversible=False)),
            bytes(imagecodecs.jpegxl_encode(image(40, 40, 12), lossless=True)),
            bytes(imagecodecs.jpegxl_encode(image(40, 40, 8, 3), distance=1)),
        ],
        ids=["jls", "jls near", "j2k", "jp2 9/7", "htj2k", "htj2k 9/7", "jxl", "jxl lossy"],
    )
    def test_is_an_error(self, data):
        for cut in range(0, parse(data).stop - 2, 5):
            with pytest.raises(hu.PixelDataError):
                decoded(data[:cut])

    @pytest.mark.parametrize("codec", ["jpeg2k_encode", "htj2k_encode"])
    def test_tile_parts_that_are_all_there_need_no_end(self, codec):
        samples = image(40, 40, 16)
        options = {"level": 0, "codecformat": "J2K"} if codec == "jpeg2k_encode" else {}
        data = bytes(getattr(imagecodecs, codec)(samples, reversible=True, **options))
        for end in (b"", b"\xff", b"\0"):
            found, note = decoded(data[:-2] + end)
            np.testing.assert_array_equal(found, samples)
            assert "no end marker" in note

    def test_jpeg_ls_needs_its_end(self):
        data = bytes(imagecodecs.jpegls_encode(image(40, 40, 16)))[:-2]
        with pytest.raises(hu.PixelDataError, match="cannot be told to be all there"):
            decoded(data)


class TestHtj2k:
    @pytest.mark.parametrize(
        ("bits", "components", "signed"), [(8, 1, False), (8, 3, False), (16, 1, False), (16, 1, True)]
    )
    @pytest.mark.parametrize("level", [0.001, 0.05])
    def test_lossy_is_within_1_of_openjpeg_and_does_not_wrap_around(self, bits, components, signed, level):
        samples = image(96, 80, bits, components, signed)
        samples[::7] = np.iinfo(samples.dtype).min
        samples[3::7] = np.iinfo(samples.dtype).max
        data = bytes(imagecodecs.htj2k_encode(samples, reversible=False, level=level))
        assert parse(data).lossless is False
        found, _ = decoded(data)
        theirs = imagecodecs.jpeg2k_decode(data)
        # OpenJPEG's constants for the wavelet have seven digits, and are wrong in the fifth.
        assert np.abs(found.astype(int) - theirs).max() <= (1 if bits == 8 else 3)
        wider, _ = decoded(data, np.int32)
        np.testing.assert_array_equal(wider, found)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_errors_that_imagecodecs_loses(self):
        data = bytes(imagecodecs.htj2k_encode(image(64, 64, 16)))
        start = data.index(b"\xff\x93")
        seen = 0
        for offset in range(start + 2, start + 400):
            try:
                decoded(data[:offset] + bytes((data[offset] ^ 0xFF,)) + data[offset + 1 :])
            except hu.PixelDataError:
                seen += 1
        assert seen

    @pytest.mark.parametrize("reversible", [True, False])
    def test_reduce(self, reversible):
        samples = image(100, 61, 8, 3)
        data = imagecodecs.htj2k_encode(samples, reversible=reversible, resolutions=4)
        assert max_reduce(parse(data)) == 4
        whole, _ = decoded(data)
        for reduce, size in ((1, (50, 31)), (2, (25, 16)), (4, (7, 4))):
            small, _ = decoded(data, reduce=reduce)
            assert small.shape == (*size, 3)
            assert np.abs(small.astype(int) - whole[:: 1 << reduce, :: 1 << reduce]).mean() < 16


class TestJpeg2000:
    def test_reduce_where_imagecodecs_can(self):
        data = imagecodecs.jpeg2k_encode(image(100, 61, 8), level=0, codecformat="J2K", resolutions=4)
        most = max_reduce(parse(data))
        if most:
            assert decoded(data, reduce=1)[0].shape == (50, 31)
        else:
            with pytest.raises(hu.OptionError, match="reduce=1 where 0 to 0 is possible"):
                decoded(data, reduce=1)

    def test_boxes_do_not_change_colors(self):
        """OpenJPEG converts what says that it is YCbCr."""
        samples = image(40, 40, 8, 3)
        data = bytes(
            imagecodecs.jpeg2k_encode(samples, level=0, reversible=True, mct=False, codecformat="JP2")
        )
        at = data.index(b"colr") + 7
        assert data[at : at + 4] == (16).to_bytes(4, "big")
        ycc = data[:at] + (18).to_bytes(4, "big") + data[at + 4 :]
        assert parse(ycc).color == "ycbcr"
        assert not np.array_equal(imagecodecs.jpeg2k_decode(ycc), samples)
        np.testing.assert_array_equal(decoded(ycc)[0], samples)

    def test_refuses_subsampled_components_and_more_than_24_bits(self):
        data = bytearray(imagecodecs.jpeg2k_encode(image(40, 40, 8), level=0, codecformat="J2K"))
        data[43:45] = 2, 2
        with pytest.raises(hu.UnsupportedError, match="subsampled"):
            decoded(data)
        data[42:45] = 25, 1, 1
        with pytest.raises(hu.UnsupportedError, match="26 bits"):
            decoded(data)


class TestArguments:
    DATA = bytes(imagecodecs.jpeg8_encode(image(20, 30, 8)))

    @pytest.mark.parametrize(
        "out",
        [
            np.empty((20, 30), np.float32),
            np.empty((20, 30), bool),
            np.empty((20, 30), ">u2"),
            np.empty((20, 30), np.uint8, order="F"),
            np.empty((20, 60), np.uint8)[:, ::2],
            np.broadcast_to(np.uint8(0), (20, 30)),
        ],
    )
    def test_refuses_arrays_that_cannot_be_decoded_into(self, out):
        with pytest.raises(hu.OptionError, match="cannot be decoded into"):
            decode(parse(self.DATA), self.DATA, out)

    @pytest.mark.parametrize("shape", [(30, 20), (20, 30, 1), (1, 20, 30), (600,), (20, 31)])
    def test_refuses_another_shape(self, shape):
        with pytest.raises(hu.PixelDataError, match=r"of shape \(20, 30\)"):
            decode(parse(self.DATA), self.DATA, np.empty(shape, np.uint8))

    def test_refuses_samples_that_are_too_wide(self):
        data = imagecodecs.jpegls_encode(image(20, 30, 16))
        with pytest.raises(hu.PixelDataError, match="16 bits for an image of 8"):
            decoded(data, np.uint8)

    def test_refuses_options_that_do_not_go_with_the_codestream(self):
        with pytest.raises(hu.OptionError, match="not converted to RGB"):
            decoded(self.DATA, ybr_to_rgb=True)
        with pytest.raises(hu.OptionError, match="reduce=1"):
            decoded(self.DATA, reduce=1)
        with pytest.raises(hu.OptionError, match="reduce=-1"):
            decode(parse(self.DATA), self.DATA, np.empty((20, 30), np.uint8), reduce=-1)

    def test_decodes_into_part_of_a_volume(self):
        volume = np.zeros((3, 20, 30), np.int16)
        decode(parse(self.DATA), self.DATA, volume[1])
        assert volume[1].any()
        assert not volume[::2].any()

    def test_kinds_of_buffer(self, as_buffer):
        for data in (
            self.DATA,
            bytes(imagecodecs.jpegls_encode(image(20, 30, 8))),
            bytes(imagecodecs.htj2k_encode(image(20, 30, 8))),
            bytes(imagecodecs.jpeg2k_encode(image(20, 30, 8), codecformat="JP2")),
            bytes(imagecodecs.jpegxl_encode(image(20, 30, 8))),
        ):
            expected, _ = decoded(data)
            np.testing.assert_array_equal(decoded(as_buffer(data))[0], expected)

    def test_errors_of_a_codec_are_chained(self):
        data = bytearray(imagecodecs.jpegls_encode(image(20, 30, 8)))
        data[-90:-60] = bytes(30)
        with pytest.raises(hu.PixelDataError, match="jpeg-ls: ") as caught:
            decoded(data)
        assert isinstance(caught.value.__cause__, imagecodecs.JpeglsError)


class TestMismatch:
    def test_every_syntax_of_a_codestream_has_a_row(self):
        named = {uid for uid in pydicom.uid.UID_dictionary if uid.startswith(JPEG_FAMILY)}
        retired = {JPEG_FAMILY + str(number) for number in range(58, 67)} | {
            JPEG_FAMILY + "52",
            JPEG_FAMILY + "54",
        }
        video = {JPEG_FAMILY + str(number) for number in range(100, 109)} | {
            JPEG_FAMILY + f"{n}.1" for n in range(100, 107)
        }
        remote = {JPEG_FAMILY + str(number) for number in (94, 95, 204, 205)}
        assert named - retired - video - remote <= set(ALLOWED)

    @pytest.mark.parametrize(
        ("end", "data", "message"),
        [
            ("4.50", imagecodecs.jpeg8_encode(image(8, 8, 8)), ""),
            ("4.50", imagecodecs.jpegls_encode(image(8, 8, 8)), "says jpeg, the codestream is jpeg-ls"),
            ("4.50", imagecodecs.jpeg8_encode(image(8, 8, 12), bitspersample=12), "no JPEG process SOF1"),
            ("4.70", imagecodecs.jpeg8_encode(image(8, 8, 8)), "says jpeg-lossless, the codestream is jpeg"),
            (
                "4.70",
                imagecodecs.jpeg8_encode(image(8, 8, 8), lossless=True, predictor=6),
                "predictor 1, this is 6",
            ),
            ("4.57", imagecodecs.jpeg8_encode(image(8, 8, 8), lossless=True, predictor=6), ""),
            (
                "4.80",
                imagecodecs.jpegls_encode(image(8, 8, 8), level=1),
                "says lossless, the codestream is lossy",
            ),
            ("4.91", imagecodecs.jpeg2k_encode(image(8, 8, 8), level=0), ""),
            ("4.201", imagecodecs.htj2k_encode(image(8, 8, 8), reversible=False), "the codestream is lossy"),
            ("4.110", imagecodecs.jpegxl_encode(image(8, 8, 8), distance=2), "the codestream is lossy"),
            (
                "5",
                imagecodecs.jpeg8_encode(image(8, 8, 8)),
                r"a codestream \(jpeg\) in a transfer syntax that has none",
            ),
        ],
        ids=lambda value: None if isinstance(value, str) else f"{len(value)} bytes",
    )
    def test_says_what_differs(self, end, data, message):
        found = mismatch("1.2.840.10008.1.2." + end, parse(data))
        assert bool(found) == bool(message)
        assert re.search(message, found)


class TestInflate:
    FRAME = bytes(range(250)) * 3 + b"\1"

    @staticmethod
    def deflate(data):
        deflater = zlib.compressobj(wbits=-15)
        return deflater.compress(data) + deflater.flush()

    @pytest.mark.parametrize("behind", [b"", b"\0", b"\0\0\0"])
    def test_gives_the_frame(self, behind):
        assert bytes(inflate(self.deflate(self.FRAME) + behind, len(self.FRAME))) == self.FRAME
        assert bytes(inflate(self.deflate(self.FRAME + b"\0") + behind, len(self.FRAME))) == self.FRAME

    def test_refuses_another_length(self):
        for size in (len(self.FRAME) - 3, len(self.FRAME) + 1):
            with pytest.raises(hu.PixelDataError, match=f"where {size} are needed"):
                inflate(self.deflate(self.FRAME), size)

    def test_refuses_broken_data(self):
        with pytest.raises(hu.PixelDataError, match=r"deflated frame: .*BAD_DATA"):
            inflate(b"\xff" * 20, 100)

    def test_stops_where_the_frame_does(self):
        with pytest.raises(hu.PixelDataError, match="more than 101 bytes"):
            inflate(self.deflate(bytes(50_000_000)), 100)

    def test_real_files(self, corpus):
        for name in ("liver_deflate.dcm", "liver_nonbyte_aligned_deflate.dcm"):
            ds, frames = fetch_frames(corpus / "pydicom+pydicom-data" / name)
            size = -(-ds.Rows * ds.Columns * ds.BitsAllocated // 8)
            assert [len(inflate(data, size)) for data in frames] == [size] * int(ds.NumberOfFrames)


def test_codecs_are_loaded_when_first_used():
    program = "import sys, hounsfield.pixels.codecs; sys.exit('imagecodecs' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert codecs.DECODERS.keys() == set(codecs.Kind.__args__)
