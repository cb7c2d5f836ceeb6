"""What other decoders were bitten by: right here, or an error that says what is wrong; nothing in silence.

| what | tested here | and in |
|---|---|---|
| JPEG Lossless with restart markers (image-rs/jpeg-decoder#286, dcm2niix#664) | TestRestarts | \
kernels/test_jpegll.py::test_point_transform_and_restarts, kernels/test_jpegll.py::test_restart_within_a_row |
| lossless differences that wrap at 12 bits (pylibjpeg-libjpeg#90) | | \
kernels/test_jpegll.py::test_differences_wrapped_at_the_precision |
| a lossless transfer syntax with a lossy stream (JPEGLosslessDecoderJS#14) | TestSyntaxAndStream | \
pixels/test_codecs.py::TestMismatch |
| lossy JPEG of 12 bits (pydicom#813) | | pixels/test_decode.py::test_stored_samples_are_those_of_dcmtk, \
pixels/test_independent.py::test_generated_files_by_dcmtk |
| JPEG: RGB or YBR? (pydicom#1444, pydicom#2280, dcm4che#565) | TestColoursOfJpeg | \
pixels/test_codestream.py::test_color |
| JPEG 2000: is there a transform of colours? (fmjpeg2koj#8) | TestColoursOfJpeg2000 | \
pixels/test_codecs.py::test_boxes_do_not_change_colors |
| JPEG 2000 of another sign than the data set (pydicom#1149, fo-dicom#738) | TestSigns | \
pixels/test_decode.py::test_lossless_samples_are_those_of_pydicom |
| JPEG-LS, which carries no sign (pydicom#2009) | TestSigns | \
pixels/test_independent.py::test_real_files_by_ffmpeg |
| a precision of 8 or less in 16 bits allocated (pydicom#2010) | TestWidths | |
| overlays or junk in the high bits (pydicom#2260, fo-dicom#2087) | TestWidths | \
pixels/test_native.py::test_high_bit, kernels/test_bits.py::TestMask |
| pixel data of odd length, too short, too long (pydicom#599, #866, #801) | TestLengths | \
pixels/test_native.py::TestLength |
| no offset table, several fragments a frame, empty ones (pydicom#685, fo-dicom#992) | | \
pixels/test_frames.py::TestWithoutTable, pixels/test_decode.py::test_what_nobody_has |
| Number of Frames missing, 0 or wrong (pydicom#2035, #1844, #1666) | | \
pixels/test_frames.py::test_number_of_frames_is_wrong, \
pixels/test_native.py::test_other_whole_frames_than_said |
| frames of 1 bit that do not begin on a byte (pydicom#2134) | | \
pixels/test_native.py::test_one_bit, kernels/test_bits.py::TestOneBit |
| RLE segments of odd length, a short last row, the order of planes (pydicom#2180, dicom-rs#457) | TestRle | \
kernels/test_rle.py::test_odd_and_padded, kernels/test_rle.py::test_encoded_row_by_row |
| RLE of more or fewer segments than there are bytes | TestRle | \
kernels/test_rle.py::test_wrong_number_of_segments |
| LINEAR windows that are off by half a step (dicom-rs#724, dcm4che#1578) | TestWindows | \
kernels/test_window.py::TestVectors |
| LINEAR_EXACT and SIGMOID taken for LINEAR (fo-dicom#1730) | TestWindows | \
kernels/test_window.py::TestVectors |
| windows of a width below 1, or 0 (fo-dicom#1999, #1261) | | \
display/test_dataset.py::test_width_below_one, display/test_dataset.py::test_width_not_above_zero |
| a VOI LUT behind a rescale by fractions, and of every kind (pydicom#1235, #2317) | | \
display/test_dataset.py::TestVoiLut |
| MONOCHROME1 inverted before the window (cornerstone3D#2215) | | \
display/test_dataset.py::test_inversion_follows_the_window |
| padding in automatic windows (fo-dicom#406, vtk-dicom#173) | | \
display/test_dataset.py::test_padding_is_left_out, display/test_dataset.py::test_padding_range |
| slope and window of each frame (gatetools#55, dicom2nifti#150, dicom-rs#828) | | \
display/test_dataset.py::test_per_frame |
| bytes as words in big endian (PS3.5 Section 8.2) | | pixels/test_native.py::test_bytes_in_big_endian |
| uncompressed YBR_FULL_422, planes, palettes of every kind (PS3.3 C.7.6.3.1) | TestPalettes | \
pixels/test_native.py::TestColour, pixels/test_native.py::test_planes, display/test_dataset.py::TestPalette |
| RGB from YBR that cannot be had without (pydicom#2226) | | \
pixels/test_every_file.py::test_raw_colours_are_those_of_pydicom, kernels/test_color.py::TestYbr |
| a bad file that ends the process (fo-dicom.Codecs#78, #87, dicom-rs#828) | | \
hostile/test_codecs.py::test_made_streams, hostile/test_broken_files.py::TestTruncation |
| many threads (SimpleITK#1466) | | test_threads.py::test_many_files, \
test_threads.py::test_pixels_of_one_data_set |
| data sets that cannot be pickled (pydicom#2160) | | pixels/test_frame_reads.py::test_copies_and_pickles |
"""

import re
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate

import generate
import hounsfield as hu
from generate import FULL, JPEG, picture, rgb_of, smooth

ROWS = re.findall(r"^\| (.+?) \|(.*)\|$", __doc__, re.MULTILINE)[1:]


@pytest.mark.parametrize("tests", [tests for _, tests in ROWS], ids=[trap for trap, _ in ROWS])
def test_each_trap_has_its_tests(tests):
    folder = Path(__file__).parents[1]
    named = re.findall(r"[\w/.:]+", tests)
    assert named
    for name in named:
        path, _, test = name.rpartition("::")
        text = (folder / path).read_text() if path else Path(__file__).read_text()
        assert re.search(rf"^ *(def|class) {test}\b", text, re.MULTILINE), name


def jpeg_lossless(frame, bitspersample=None):
    bits = bitspersample or 8 * frame.itemsize
    return imagecodecs.jpeg8_encode(frame, lossless=True, predictor=1, bitspersample=bits)


LOSSLESS = {
    "jpeg-lossless": (f"{JPEG}.70", jpeg_lossless),
    "jpeg-ls": (f"{JPEG}.80", imagecodecs.jpegls_encode),
    "jpeg2000": (f"{JPEG}.90", partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True)),
    "htj2k": (f"{JPEG}.201", partial(imagecodecs.htj2k_encode, reversible=True)),
    "jpegxl": (f"{JPEG}.110", partial(imagecodecs.jpegxl_encode, lossless=True)),
}
each_lossless = pytest.mark.parametrize("codec", LOSSLESS)


class TestRestarts:
    @pytest.mark.generated("jpeg-lossless-restart-", "jpeg-baseline-restart-")
    def test_give_the_image(self, generated):
        ds = hu.read(generated.data)
        assert b"\xff\xdd\x00\x04" in ds.encoded_frame(0)
        found = ds.pixel_array.astype(int)
        assert np.abs(found - generated.expected).max() <= generated.tolerance
        assert ds.warnings == ()


class TestSyntaxAndStream:
    @pytest.mark.parametrize(("said", "kind"), [(".70", "jpeg-lossless"), (".90", "jpeg2000")])
    def test_a_lossy_stream(self, said, kind):
        array = smooth(1, 2)
        ds = hu.read(generate.encapsulated(array, JPEG + said, partial(imagecodecs.jpeg8_encode, level=98)))
        plan = ds.pixel_plan()
        assert (plan.codec, plan.lossless) == ("jpeg", False)
        assert np.abs(ds.pixel_array.astype(int) - array[..., 0]).max() <= 8
        assert ds.warnings == (
            f"(7FE0,0010) PixelData: the transfer syntax says {kind}, the codestream is jpeg",
        )

    @each_lossless
    def test_any_stream_in_any_syntax(self, codec):
        array = picture(8, 1, 2)
        for syntax, _ in LOSSLESS.values():
            ds = hu.read(generate.encapsulated(array, syntax, LOSSLESS[codec][1]))
            assert np.array_equal(ds.pixel_array, array[..., 0])
            assert ds.pixel_plan().codec == codec
            assert bool(ds.warnings) == (LOSSLESS[codec][0] != syntax)


JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"


class TestColoursOfJpeg:
    """JFIF, then Adobe's marker, then the names of the components, and only then the data set."""

    ARRAY = smooth(3, 1)

    def encoded(self, ybr, marker, names, said):
        """The picture as YBR or RGB, with these markers and names of components."""
        data = imagecodecs.jpeg8_encode(
            self.ARRAY[0],
            level=98,
            subsampling="444",
            colorspace="RGB",
            outcolorspace="YCBCR" if ybr else "RGB",
        )
        stream, at = b"\xff\xd8" + marker, 2
        while True:
            kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            segment = bytearray(data[at : at + 2 + length])
            at += 2 + length
            if kind == 0xC0:
                segment[10::3] = names
            elif kind == 0xDA:
                segment[5:11:2] = names
            if not 0xE0 <= kind <= 0xEF:
                stream += segment
            if kind == 0xDA:
                return hu.read(
                    generate.file(
                        self.ARRAY,
                        f"{JPEG}.50",
                        encapsulate([stream + data[at:]]),
                        PhotometricInterpretation=said,
                    )
                )

    @pytest.mark.parametrize("said", ["RGB", "YBR_FULL", "YBR_FULL_422"])
    @pytest.mark.parametrize(
        ("ybr", "marker", "names"),
        [
            (True, JFIF, b"\1\2\3"),
            (True, JFIF, b"RGB"),
            (True, JFIF + ADOBE + b"\0", b"\1\2\3"),
            (True, ADOBE + b"\1", b"\1\2\3"),
            (True, ADOBE + b"\1", b"RGB"),
            (False, ADOBE + b"\0", b"\1\2\3"),
            (False, ADOBE + b"\0", b"RGB"),
            (False, b"", b"RGB"),
        ],
    )
    def test_that_the_stream_tells(self, ybr, marker, names, said):
        ds = self.encoded(ybr, marker, names, said)
        assert np.abs(ds.pixel_array.astype(int) - self.ARRAY[0]).max() <= 8
        raw = ds.pixel_plan(raw=True).output_photometric_interpretation
        assert raw == ("YBR_FULL" if ybr else "RGB")
        contradiction = f"is {said}, the codestream says {'ycbcr' if ybr else 'rgb'}, which was believed"
        assert [contradiction in str(each) for each in ds.warnings] == [True] * (ybr != (said != "RGB"))

    @pytest.mark.parametrize(("ybr", "said"), [(False, "RGB"), (True, "YBR_FULL"), (True, "YBR_FULL_422")])
    def test_that_the_data_set_tells(self, ybr, said):
        ds = self.encoded(ybr, b"", b"\1\2\3", said)
        assert np.abs(ds.pixel_array.astype(int) - self.ARRAY[0]).max() <= 8
        assert not ds.warnings


class TestColoursOfJpeg2000:
    """The transform between components is the codestream's: PS3.5 Section 8.2.4."""

    @pytest.mark.parametrize("said", ["RGB", "YBR_RCT", "YBR_ICT", "YBR_FULL"])
    @pytest.mark.parametrize("codec", ["jpeg2000", "htj2k"])
    @pytest.mark.parametrize("transform", [True, False])
    def test_that_the_stream_tells(self, said, codec, transform):
        array = picture(8, 3, 2)
        syntax, encode = LOSSLESS[codec]
        option = {"mct": transform} if codec == "jpeg2000" else {"rgb": transform}
        data = generate.encapsulated(array, syntax, partial(encode, **option), PhotometricInterpretation=said)
        found = hu.read(data).pixel_array
        if said == "YBR_FULL" and not transform:
            assert np.abs(found.astype(int) - rgb_of(array, FULL)).max() <= 1
        else:
            assert np.array_equal(found, array)


class TestSigns:
    """The data set says whether there is one, and Bits Stored which bit it is."""

    @pytest.mark.parametrize("codec", ["jpeg2000", "htj2k"])
    @pytest.mark.parametrize("bits", [12, 16])
    @pytest.mark.parametrize("of_stream", [False, True])
    @pytest.mark.parametrize("of_data_set", [0, 1])
    def test_jpeg_2000(self, codec, bits, of_stream, of_data_set):
        array = picture(bits, 1, 2, signed=of_stream)
        syntax, encode = LOSSLESS[codec]
        option = {"bitspersample": bits} if codec == "jpeg2000" else {}
        data = generate.encapsulated(
            array, syntax, partial(encode, **option), BitsStored=bits, PixelRepresentation=of_data_set
        )
        self.is_stored(array, bits, of_data_set, hu.read(data))

    @pytest.mark.parametrize("codec", ["jpeg-ls", "jpeg-lossless", "jpegxl"])
    @pytest.mark.parametrize("bits", [7, 8, 12, 16])
    def test_of_streams_that_carry_none(self, codec, bits):
        array = picture(bits, 1, 2)
        syntax, encode = LOSSLESS[codec]
        data = generate.encapsulated(array, syntax, encode, BitsStored=bits, PixelRepresentation=1)
        self.is_stored(array, bits, 1, hu.read(data))

    @pytest.mark.parametrize("codec", ["jpeg-lossless", "jpeg2000"])
    @pytest.mark.parametrize("bits", [10, 12])
    @pytest.mark.parametrize("signed", [0, 1])
    def test_a_high_bit_that_the_stream_does_not_reach(self, codec, bits, signed, tmp_path):
        """It is that of the cells which were encoded: DCMTK leaves it so, and encodes what is stored."""
        array = picture(bits, 1, 1)
        syntax, encode = LOSSLESS[codec]
        encode = partial(encode, bitspersample=bits)
        attributes = {"BitsStored": bits, "HighBit": 15, "PixelRepresentation": signed}
        path = tmp_path / "high.dcm"
        path.write_bytes(generate.encapsulated(array, syntax, encode, **attributes))
        self.is_stored(array[0], bits, signed, hu.read(path))
        assert np.array_equal(hu.decode_batch([path], values="stored").array[0], hu.read(path).pixel_array)

    def is_stored(self, array, bits, signed, ds):
        values = array[..., 0].astype(int) & (1 << bits) - 1
        values -= (values >> bits - 1 & signed) << bits
        assert np.array_equal(ds.pixel_array, values)
        assert ds.pixel_array.dtype == f"{'i' if signed else 'u'}{array.itemsize}"


class TestWidths:
    @each_lossless
    @pytest.mark.parametrize("allocated", [16, 32])
    def test_fewer_bits_than_allocated(self, codec, allocated):
        array = picture(8, 1, 2)
        syntax, encode = LOSSLESS[codec]
        pixels = encapsulate(generate.each_frame(array, encode))
        ds = hu.read(generate.file(array.astype(f"u{allocated // 8}"), syntax, pixels, BitsStored=8))
        assert np.array_equal(ds.pixel_array, array[..., 0])
        assert ds.pixel_array.dtype == ds.pixel_plan().dtype == f"u{allocated // 8}"

    def test_fewer_bits_than_allocated_with_a_loss(self):
        array = smooth(1, 2)
        pixels = encapsulate(generate.each_frame(array, partial(imagecodecs.jpeg8_encode, level=98)))
        ds = hu.read(generate.file(array.astype(np.uint16), f"{JPEG}.50", pixels, BitsStored=8))
        assert ds.pixel_array.dtype == np.uint16
        assert np.abs(ds.pixel_array.astype(int) - array[..., 0]).max() <= 8

    @pytest.mark.parametrize("codec", [*LOSSLESS, "rle"])
    @pytest.mark.parametrize("signed", [False, True])
    def test_junk_above_the_stored_bits(self, codec, signed):
        array = picture(12, 1, 2)
        junk = np.random.default_rng(0).integers(0, 16, array.shape, np.uint16) << 12
        cells = array | junk
        if codec == "rle":
            ds = generate.dataset(cells, BitsStored=12, PixelRepresentation=int(signed))
            ds.compress(generate.RLE, encoding_plugin="pydicom", generate_instance_uid=False)
            data = generate.written(ds)
        else:
            syntax, encode = LOSSLESS[codec]
            data = generate.encapsulated(
                cells, syntax, encode, BitsStored=12, PixelRepresentation=int(signed)
            )
        TestSigns().is_stored(array, 12, int(signed), hu.read(data))


class TestLengths:
    @each_lossless
    @pytest.mark.parametrize("behind", [b"\0", b"\0\0\0", b"junk"])
    def test_behind_a_codestream(self, codec, behind):
        array = picture(8, 1, 2)
        syntax, encode = LOSSLESS[codec]
        frames = [frame + behind for frame in generate.each_frame(array, encode)]
        ds = hu.read(generate.file(array, syntax, encapsulate(frames)))
        assert np.array_equal(ds.pixel_array, array[..., 0])

    @each_lossless
    def test_a_codestream_that_is_cut(self, codec):
        array = picture(8, 1, 2)
        syntax, encode = LOSSLESS[codec]
        first, second = generate.each_frame(array, encode)
        ds = hu.read(generate.file(array, syntax, encapsulate([first, second[: len(second) // 2]])))
        assert np.array_equal(ds.pixels(0), array[0, :, :, 0])
        with pytest.raises(hu.PixelDataError, match="frame 1: ") as caught:
            ds.pixels()
        assert caught.value.tag == 0x7FE00010


class TestRle:
    @pytest.mark.parametrize("case", ["rle-pydicom-8x1", "rle-pydicom-16x1", "rle-pydicom-16x3"])
    @pytest.mark.parametrize("change", [-1, 1])
    def test_another_number_of_segments(self, case, change):
        made = generate.case(case)
        data = bytearray(made.data)
        at = hu.read(made.data).frames[1].ranges[0][0]
        there = data[at]
        if there == 1 and change == -1:
            change = 2
        data[at] = there + change
        with pytest.raises(hu.PixelDataError, match=f"frame 1: .*{there + change} .*{there}") as caught:
            hu.read(bytes(data)).pixels()
        assert caught.value.tag == 0x7FE00010
        assert np.array_equal(hu.read(bytes(data)).pixels(0), made.expected[0])

    def test_the_order_of_planes(self):
        """Each sample's bytes from the highest, one sample's segments before the next one's (PS3.5 G.2)."""
        array = picture(16, 3, 1, rows=3, columns=5)
        segments = [
            bytes([14]) + (array[0, :, :, sample] >> shift).astype(np.uint8).tobytes()
            for sample in range(3)
            for shift in (8, 0)
        ]
        starts = [64 + 16 * number for number in range(6)]
        header = np.array([6, *starts, *[0] * 9], "<u4").tobytes()
        pixels = encapsulate([header + b"".join(segments)])
        ds = hu.read(generate.file(array, generate.RLE, pixels))
        assert np.array_equal(ds.pixel_array, array[0])


class TestWindows:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, from a file to what is shown."""

    def shown(self, **options):
        values = np.array([-109, 40, 189], np.int16).reshape(1, 1, 3, 1)
        data = generate.file(values, WindowCenter=40, WindowWidth=400, **options)
        return hu.read(data).render()[0].tolist()

    def test_linear(self):
        expected = [((x - 39.5) / 399 + 0.5) * 255 for x in (-109, 40, 189)]
        assert self.shown() == self.shown(VOILUTFunction="LINEAR") == np.rint(expected).tolist()

    def test_others(self):
        exact = [((x - 40) / 400 + 0.5) * 255 for x in (-109, 40, 189)]
        sigmoid = [255 / (1 + np.exp(-4 * (x - 40) / 400)) for x in (-109, 40, 189)]
        assert self.shown(VOILUTFunction="SIGMOID") == np.rint(sigmoid).tolist() != self.shown()
        assert np.abs(np.array(self.shown(VOILUTFunction="LINEAR_EXACT")) - exact).max() <= 0.5


class TestPalettes:
    @pytest.mark.parametrize("bits", [8, 16])
    def test_of_65536_entries(self, bits):
        """0 in the descriptor stands for 65536."""
        array = picture(16, 1, 1)
        table = np.arange(65536) * 7919 % (1 << bits)
        tables = {}
        for colour in ("Red", "Green", "Blue"):
            tables[f"{colour}PaletteColorLookupTableDescriptor"] = [0, 0, bits]
            tables[f"{colour}PaletteColorLookupTableData"] = table.astype(f"<u{bits // 8}").tobytes()
        ds = hu.read(generate.file(array, PhotometricInterpretation="PALETTE COLOR", **tables))
        assert np.array_equal(ds.pixel_array, array[0, :, :, 0])
        expected = np.rint(table[array[0]] / ((1 << bits) - 1) * 255)
        assert np.array_equal(ds.render(), np.broadcast_to(expected, (*array.shape[1:3], 3)))

    @pytest.mark.generated("palette-segmented-")
    def test_in_segments(self, generated):
        ds = hu.read(generated.data)
        largest = np.iinfo(generated.palette.dtype).max
        expected = np.rint(generated.palette[generated.expected] / largest * 255)
        assert np.array_equal(ds.render(), expected)
