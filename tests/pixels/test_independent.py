"""Samples of compressed frames against decoders that are not ours.

| transfer syntaxes | decoder | lossless | lossy |
|---|---|---|---|
| JPEG 2000, HTJ2K | OpenJPEG, by pylibjpeg-openjpeg | the same | JPEG 2000 the same, HTJ2K within 1 or 3 |
| JPEG 2000, HTJ2K | FFmpeg's own, which shares no code with OpenJPEG and OpenJPH | the same | within 1 |
| JPEG-LS | FFmpeg's own, which shares no code with CharLS | the same | the same |
| JPEG, JPEG Lossless, JPEG-LS, RLE | DCMTK; of real files in test_decode.py | the same | JPEG within 1, \
JPEG-LS the same |
| JPEG XL | jxl-oxide, by micro-reader-codecs, which shares no code with libjxl | the same | within 1 |
| JPEG, its colours converted | Pillow and pydicom | | within 1 |

1 is what two wavelet or cosine transforms may differ by, as they round numbers of other precision. HTJ2K is
decoded by OpenJPH, and OpenJPEG's constants for the 9/7 wavelet are wrong in the fifth digit: which tells in
samples of 16 bits, and there FFmpeg is within 1 of ours.
"""

import warnings

import av
import numpy as np
import openjpeg
import pydicom
import pytest

import hounsfield as hu
from generate import names
from hounsfield.pixels.codestream import parse

JPEG = "1.2.840.10008.1.2.4."
JPEG_DCT = {JPEG + end for end in ("50", "51")}
JPEG_2000 = {JPEG + end for end in ("90", "91", "201", "202", "203")}
JPEG_LS = {JPEG + end for end in ("80", "81")}
JPEG_XL = {JPEG + end for end in ("110", "111", "112")}
# FFmpeg has no JPEG-LS of which the samples of a pixel are interleaved.
BY_SAMPLE = {
    "SC_rgb_jls_lossy_sample.dcm",
    "JLSL_RGB_ILV2.dcm",
    "sm_image_jpegls.dcm",
    "sm_image_jpegls_nobot.dcm",
}


BY_FRAME = [name for name in names("jpeg2000-", "htj2k-") if "-components-" not in name]


def of_syntaxes(syntaxes):
    return pytest.mark.corpus(
        lambda file: (
            file.row["transfer_syntax"] in syntaxes
            and file.row["rows"] != ""
            and file.path.name not in BY_SAMPLE
            and "delimiter" not in file.path.name  # which breaks the header
            and not file.path.name.startswith("generated_encapsulated_")  # which hold no codestreams
        )
    )


def by_openjpeg(_codec, _stream, data):
    return openjpeg.decode(data, j2k_format=0)


def by_ffmpeg(codec, stream, data):
    context = av.CodecContext.create(codec, "r")
    context.thread_count = 1
    [frame] = [*context.decode(av.Packet(data)), *context.decode(None)]
    samples = frame.to_ndarray()
    # FFmpeg has all samples unsigned, and fills the lowest bits of its own formats.
    samples = samples.astype(np.int64) >> 8 * samples.itemsize - stream.precision
    return samples - (1 << stream.precision - 1) if stream.signed else samples


def check(source, decode, codec="", lossy=0):
    """Hold first, middle and last frame against another decoder's."""
    ds = hu.read(source)
    count = len(ds.frames)
    for number in {0, count // 2, count - 1}:
        data = ds.encoded_frame(number)
        stream = parse(data)
        theirs = decode(codec, stream, data[stream.start : stream.stop]).astype(np.int64)
        found = ds.pixels(number, raw=True).astype(np.int64)
        # What is lossy may go beyond the stored bits; of all bits that there are, the data set says the sign.
        bits = min(stream.precision, ds.BitsStored) if stream.lossless else stream.precision
        theirs &= (1 << bits) - 1
        theirs -= (theirs >> bits - 1 & ds.PixelRepresentation) << bits
        assert found.shape == theirs.shape
        assert np.abs(found - theirs).max() <= (0 if stream.lossless else lossy)


class TestJpeg2000:
    @of_syntaxes(JPEG_2000)
    def test_real_files_by_openjpeg(self, corpus_file):
        check(corpus_file.path, by_openjpeg, lossy=corpus_file.row["transfer_syntax"].endswith(".203"))

    @of_syntaxes(JPEG_2000)
    def test_real_files_by_ffmpeg(self, corpus_file):
        check(corpus_file.path, by_ffmpeg, "jpeg2000", lossy=1)

    @pytest.mark.generated(*BY_FRAME)
    def test_generated_files_by_openjpeg(self, generated):
        wide = generated.expected.itemsize > 1
        check(generated.data, by_openjpeg, lossy=(3 if wide else 1) * generated.syntax.endswith(".203"))

    @pytest.mark.generated(*BY_FRAME)
    def test_generated_files_by_ffmpeg(self, generated):
        check(generated.data, by_ffmpeg, "jpeg2000", lossy=1)

    @pytest.mark.generated(*(name for name in names("jpeg2000-") if "-components-" in name))
    def test_frames_as_components_by_openjpeg(self, generated):
        ds = hu.read(generated.data)
        theirs = openjpeg.decode(ds.encoded_frame(0), j2k_format=0)
        np.testing.assert_array_equal(np.moveaxis(ds.pixels(), 0, -1), theirs)

    @pytest.mark.generated("jpeg2000-3-components")
    def test_frames_as_components_by_ffmpeg(self, generated):
        """Which takes three components for colours."""
        ds = hu.read(generated.data)
        data = ds.encoded_frame(0)
        theirs = by_ffmpeg("jpeg2000", parse(data), data)
        assert np.abs(np.moveaxis(ds.pixels(), 0, -1) - theirs).max() <= (generated.tolerance > 0)


class TestJpegLS:
    @of_syntaxes(JPEG_LS)
    def test_real_files_by_ffmpeg(self, corpus_file):
        check(corpus_file.path, by_ffmpeg, "jpegls")

    # FFmpeg has no colours of 16 bits either.
    @pytest.mark.generated(
        *(name for name in names("jpegls-charls-", "jpegls-dcmtk-i") if "rgb" not in name),
        "jpegls-dcmtk-line-8",
        "jpegls-dcmtk-none-8",
    )
    def test_generated_files_by_ffmpeg(self, generated):
        check(generated.data, by_ffmpeg, "jpegls")


class TestJpegXL:
    def check(self, source):
        codecs = pytest.importorskip("micro_reader_codecs", reason="it has wheels for Linux on x86-64 alone")
        ds = hu.read(source)
        plan = ds.pixel_plan()
        for number in {0, plan.frames - 1}:
            data = ds.encoded_frame(number)
            found = ds.pixels(number)
            theirs = np.empty_like(found)
            codecs.jxl_decode_into(data, theirs.reshape(-1).view(np.uint8))
            # which are made to fill 8 or 16 bits
            scale = ((1 << parse(data).precision) - 1) / np.iinfo(theirs.dtype).max
            difference = np.abs(found - np.rint(theirs * scale)).max()
            assert difference <= (0 if plan.lossless else 1)

    @of_syntaxes(JPEG_XL)
    def test_real_files_by_jxl_oxide(self, corpus_file):
        self.check(corpus_file.path)

    @pytest.mark.generated("jpegxl-")
    def test_generated_files_by_jxl_oxide(self, generated):
        self.check(generated.data)


# DCMTK cannot read the colours of 16 bits that it writes plane by plane.
@pytest.mark.generated(*(name for name in names("jpeg-", "jpegls-", "rle-") if "dcmtk-none-16" not in name))
def test_generated_files_by_dcmtk(generated, dcmtk, tmp_path):
    coded, native = tmp_path / "coded.dcm", tmp_path / "native.dcm"
    coded.write_bytes(generated.data)
    ds = hu.read(generated.data)
    codec = ds.pixel_plan().codec
    tool = {"rle": ["dcmdrle"], "jpeg-ls": ["dcmdjpls"]}.get(codec, ["dcmdjpeg", "+cn"])
    dcmtk(*tool, coded, native)
    found, theirs = ds.pixels(raw=True).astype(int), hu.read(native).pixels(raw=True)
    # Near-lossless samples of 16 bits may go beyond Bits Stored, which uncompressed ones cannot.
    above = (found - theirs) >> ds.BitsStored if codec == "jpeg-ls" else 0
    assert np.abs(found - theirs - (above << ds.BitsStored)).max() <= (codec == "jpeg")


@pytest.mark.corpus(
    lambda file: file.row["transfer_syntax"] in JPEG_DCT and file.row["samples"] == "3" and file.decodes
)
def test_colours_of_jpeg_by_pydicom(corpus_file):
    """Converted by libjpeg here, and by floating point there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(corpus_file.path, force=True).pixel_array
    assert np.abs(hu.read(corpus_file.path).pixel_array.astype(int) - theirs).max() <= 1
