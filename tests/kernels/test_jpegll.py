"""The kernel jpegll against its plain-Python twin, libjpeg-turbo (imagecodecs), pydicom and DCMTK.

The encoder here writes what no encoder at hand does: restart intervals, a scan for each component, codes of
every length. libjpeg-turbo reads its streams too.
"""

import struct
import time
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import generate_frames

from hounsfield._kernels import jpegll as kernel
from hounsfield._reference import jpegll as reference
from hounsfield.errors import DicomError, OptionError, PixelDataError, UnsupportedError
from hounsfield.pixels import codecs
from hounsfield.pixels.codestream import parse

# Huffman tables by the SSSS of their codes, shortest first: BITS and HUFFVAL.
FLAT = (bytes([0, 0, 0, 0, 17] + [0] * 11), bytes(range(17)))  # 5 bits each
SHORT_FIRST = (bytes([1, 0, 3] + [1] * 13), bytes(range(17)))  # of 1 to 16 bits
SHORT_LAST = (SHORT_FIRST[0], bytes(reversed(range(17))))
TABLES = (FLAT, SHORT_FIRST, SHORT_LAST)


def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def codes_of(table):
    """SSSS to its code, in bits as text."""
    codes, code = {}, 0
    values = iter(table[1])
    for length, count in enumerate(table[0], 1):
        code <<= 1
        for _ in range(count):
            codes[next(values)] = f"{code:0{length}b}"
            code += 1
    return codes


def bits_of(difference, codes):
    difference = (difference + 32767) % 65536 - 32767  # -32767 to 32768
    ssss = abs(difference).bit_length()
    if ssss in (0, 16):
        return codes[ssss]
    extra = difference if difference > 0 else difference + (1 << ssss) - 1
    return codes[ssss] + f"{extra:0{ssss}b}"


def entropy(image, scan, bits, predictor, interval, tables):
    """The entropy-coded segments of a scan, with the restart markers between them."""
    rows, columns = image.shape[:2]
    data, text, done, fresh_row = b"", "", 0, 0
    for y in range(rows):
        for x in range(columns):
            fresh = done == 0 or (interval and done % interval == 0)
            if fresh:
                fresh_row = y
            if fresh and done:
                data += stuffed(text) + bytes([0xFF, 0xD0 + (done // interval - 1) % 8])
                text = ""
            for component in scan:
                plane = image[:, :, component]
                a = plane[y, x - 1] if x else 0
                b = plane[y - 1, x] if y else 0
                c = plane[y - 1, x - 1] if x and y else 0
                a, b, c = int(a), int(b), int(c)
                if fresh:
                    guess = 1 << (bits - 1)
                elif y == fresh_row:
                    guess = a
                elif x == 0:
                    guess = b
                else:
                    guess = (a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1)[
                        predictor - 1
                    ]
                text += bits_of(int(plane[y, x]) - guess, tables[component])
            done += 1
    return data + stuffed(text)


def stuffed(text):
    text += "1" * (-len(text) % 8)
    return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\0")


def encode(
    image, precision, *, predictor=1, shift=0, interval=0, apart=False, tables=(FLAT,) * 3, end=b"\xff\xd9"
):
    """A SOF3 stream; `image` is (rows, columns, components)."""
    rows, columns, components = image.shape
    frame = struct.pack(">BHHB", precision, rows, columns, components)
    frame += b"".join(bytes([10 + c, 0x11, 0]) for c in range(components))
    stream = b"\xff\xd8" + segment(0xC3, frame)
    for c in range(components):
        stream += segment(0xC4, bytes([c]) + tables[c][0] + tables[c][1])
    if interval:
        stream += segment(0xDD, struct.pack(">H", interval))
    codes = [codes_of(table) for table in tables]
    for scan in [[c] for c in range(components)] if apart else [range(components)]:
        names = b"".join(bytes([10 + c, c << 4]) for c in scan)
        stream += segment(0xDA, bytes([len(scan)]) + names + bytes([predictor, 0, shift]))
        stream += entropy(image >> shift, scan, precision - shift, predictor, interval, codes)
    return stream + end


def picture(precision, rows=13, columns=17, components=1, seed=0):
    """A slope, an edge, and noise that grows from row to row up to the whole range."""
    rng = np.random.default_rng(seed)
    y, x, c = np.mgrid[:rows, :columns, :components]
    noise = rng.integers(-(1 << 16), 1 << 16, (rows, columns, components)) >> np.maximum(17 - y * 2, 0)
    values = (3 * x + 5 * y * (c + 1) + noise + np.where(x > columns // 2, 1 << (precision - 1), 0)) % (
        1 << precision
    )
    return values.astype("u1" if precision <= 8 else "u2")


def decoded(module, stream, shape, dtype):
    out = np.full(shape[: 3 if shape[2:] == (3,) else 2], 0xA5, dtype)
    module.decode(stream, out)
    return out.reshape(shape)


def libjpeg_encode(image, predictor, precision):
    # As YCBCR its two tables get mixed up, and it cannot read back what it wrote.
    colour = {"colorspace": "RGB", "outcolorspace": "RGB"} if image.shape[2] == 3 else {}
    return imagecodecs.jpeg8_encode(
        image if colour else image[:, :, 0],
        lossless=True,
        predictor=predictor,
        bitspersample=precision,
        **colour,
    )


def libjpeg_decode(stream, shape):
    colour = {"colorspace": "YCBCR", "outcolorspace": "YCBCR"} if shape[2] == 3 else {}
    return imagecodecs.jpeg8_decode(stream, **colour).reshape(shape)


PREDICTORS = pytest.mark.parametrize("predictor", range(1, 8))


class TestIndependentEncoders:
    @PREDICTORS
    @pytest.mark.parametrize("precision", range(2, 17))
    def test_libjpeg(self, twin, predictor, precision):
        """An encoder and a decoder that are not ours."""
        for components in (1, 3):
            image = picture(precision, components=components)
            stream = libjpeg_encode(image, predictor, precision)
            assert np.array_equal(decoded(twin("jpegll"), stream, image.shape, image.dtype), image)
            wide = decoded(twin("jpegll"), stream, image.shape, "i2")
            assert np.array_equal(wide.view("u2"), image)

    @pytest.mark.parametrize("options", [("+el", "+sv", "7", "+pt", "3"), ("+el", "+sv", "4"), ("+e1",)])
    def test_dcmtk(self, dcmtk, pydicom_path, tmp_path, options):
        coded, plain = tmp_path / "coded.dcm", tmp_path / "plain.dcm"
        dcmtk("dcmcjpeg", "+pl", *options, pydicom_path("CT_small.dcm"), coded)
        dcmtk("dcmdjpeg", coded, plain)
        stream = next(generate_frames(pydicom.dcmread(coded).PixelData, number_of_frames=1))
        expected = np.frombuffer(pydicom.dcmread(plain).PixelData, "<u2").reshape(128, 128)
        assert np.array_equal(decoded(kernel, stream, (128, 128), "u2"), expected)


class TestOptions:
    @PREDICTORS
    @pytest.mark.parametrize("apart", [False, True])
    @pytest.mark.parametrize(("precision", "shift"), [(2, 1), (8, 0), (8, 7), (12, 4), (16, 0), (16, 15)])
    def test_point_transform_and_restarts(self, twin, predictor, apart, precision, shift):
        image = picture(precision, components=3 if apart or predictor % 2 else 1, seed=predictor)
        expected = image >> shift << shift
        tables = [TABLES[(predictor + c) % 3] for c in range(3)]
        for rows in (0, 1, 2, 13, 100):
            stream = encode(
                image,
                precision,
                predictor=predictor,
                shift=shift,
                interval=rows * image.shape[1],
                apart=apart,
                tables=tables,
            )
            assert np.array_equal(libjpeg_decode(stream, image.shape), expected)
            assert np.array_equal(decoded(twin("jpegll"), stream, image.shape, image.dtype), expected)

    @PREDICTORS
    @pytest.mark.parametrize("interval", [13 * 18, 13 * 18 + 1, 65535])
    def test_restart_behind_the_last_row(self, twin, predictor, interval):
        image = picture(12, columns=18)
        stream = encode(image, 12, predictor=predictor, interval=interval)
        assert np.array_equal(decoded(twin("jpegll"), stream, image.shape, "u2"), image)

    @pytest.mark.parametrize("interval", [1, 3, 4, 9, 17, 19, 40, 13 * 18 - 1])
    @pytest.mark.parametrize("components", [1, 3])
    def test_restart_within_a_row(self, twin, interval, components):
        """T.81 H.1.1: "the restart interval shall be an integer multiple of the number of MCU in an MCU-row".

        Of others it does not say what is predicted behind a marker, and decoders differ.
        """
        image = picture(12, columns=18, components=components)
        for apart in {False, components > 1}:
            stream = encode(image, 12, interval=interval, apart=apart)
            with pytest.raises(PixelDataError, match="restart interval is not of whole rows"):
                decoded(twin("jpegll"), stream, image.shape, "u2")
            with pytest.raises(imagecodecs.Jpeg8Error, match="restart interval"):
                libjpeg_decode(stream, image.shape)

    @pytest.mark.parametrize("table", TABLES)
    def test_codes_of_every_length(self, twin, table):
        steps = np.cumsum([s * ((1 << n) - k) for n in range(16) for k in (0, 1) for s in (1, -1)] + [32768])
        image = np.tile((steps + 32768) % 65536, 3).astype("u2").reshape(-1, 13, 1)
        stream = encode(image, 16, tables=(table,))
        assert np.array_equal(libjpeg_decode(stream, image.shape), image)
        assert np.array_equal(decoded(twin("jpegll"), stream, image.shape, "u2"), image)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 12), (3, 13), (5, 4)])
    @pytest.mark.parametrize("components", [1, 3])
    def test_small_shapes(self, twin, shape, components):
        image = picture(10, *shape, components)
        stream = encode(image, 10, predictor=7)
        assert np.array_equal(decoded(twin("jpegll"), stream, image.shape, "u2"), image)

    def test_long_rows(self):
        """More than the buffer holds at once, and rows at the limit of the frame header."""
        for rows, columns, components in ((600, 700, 1), (2, 65535, 3), (65535, 2, 1)):
            image = np.random.default_rng(3).integers(0, 65536, (rows, columns, components), "u2")
            stream = libjpeg_encode(image, 4, 16)
            assert np.array_equal(decoded(kernel, stream, image.shape, "u2"), image)

    def test_differences_wrapped_at_the_precision(self, twin):
        """Encoders that take them modulo 2^12 leave a carry above the samples (pylibjpeg-libjpeg#90)."""
        for predictor in range(1, 8):
            codes = codes_of(FLAT)
            text, above = "", np.zeros(4, int)
            image = np.array([[4095, 1, 4095, 0], [4000, 4090, 2, 4095], [1, 4095, 4095, 7]])
            for y, row in enumerate(image.tolist()):
                for x, sample in enumerate(row):
                    a, b, c = row[x - 1], int(above[x]), int(above[x - 1])
                    guess = (a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1)[
                        predictor - 1
                    ]
                    guess = b if x == 0 else a if y == 0 else guess
                    difference = sample - (2048 if x == y == 0 else guess)
                    text += bits_of((difference + 2048) % 4096 - 2048, codes)
                above = row
            stream = encode(picture(12, 3, 4), 12, predictor=predictor)
            stream = stream[: stream.index(b"\xff\xda") + 10] + stuffed(text) + b"\xff\xd9"
            assert np.array_equal(decoded(twin("jpegll"), stream, image.shape, "u2"), image), predictor

    def test_what_may_be_missing_or_extra(self, twin):
        image = picture(12)
        stream = encode(image, 12, end=b"")
        for end in (b"", b"\xff", b"\xff\xff\xd9", b"\xff\xd9\0", b"\0\0\xff\xd9", b"\xff\xd9 and more"):
            assert np.array_equal(decoded(twin("jpegll"), stream + end, image.shape, "u2"), image)
        other = segment(0xE0, b"JFIF\0") + b"\xff\xff" + segment(0xFE, b"a comment") + segment(0xC4, b"")
        other += segment(0xC4, bytes([0x10, 1] + [0] * 15 + [0xFB]))  # a table for AC coefficients
        assert np.array_equal(
            decoded(twin("jpegll"), stream[:2] + other + stream[2:], image.shape, "u2"), image
        )


class TestCorpus:
    @pytest.mark.corpus(
        lambda file: (
            file.decodes
            and file.row["transfer_syntax"] in ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
        )
    )
    def test_frames(self, corpus_file):
        """As libjpeg-turbo decodes them, whole; and an error, cut short."""
        dataset = pydicom.dcmread(corpus_file.path)
        count = int(dataset.get("NumberOfFrames") or 1)
        shape = (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
        for stream in generate_frames(dataset.PixelData, number_of_frames=count):
            expected = libjpeg_decode(stream, shape)
            assert np.array_equal(decoded(kernel, stream, shape, expected.dtype), expected)
            out = np.empty(shape[: 3 if shape[2] == 3 else 2], expected.dtype)
            for length in range(0, len(stream) - 8, len(stream) // 20):
                with pytest.raises(PixelDataError) as caught:
                    kernel.decode(stream[:length], out)
                assert caught.value.offset <= length

    @pytest.mark.parametrize("name", ["SC_rgb_jpeg_gdcm.dcm"])
    def test_frame_of_pydicom(self, twin, pydicom_path, name):
        dataset = pydicom.dcmread(pydicom_path(name))
        shape = (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
        stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
        assert np.array_equal(decoded(twin("jpegll"), stream, shape, "u1"), libjpeg_decode(stream, shape))


def small_streams():
    """One stream of each kind."""
    grey, colour = picture(12, 6, 9), picture(8, 5, 7, 3)
    return {
        "predictor 1": (encode(grey, 12), grey),
        "predictor 6": (encode(grey, 12, predictor=6, tables=(SHORT_FIRST,)), grey),
        "restarts": (encode(grey, 12, predictor=4, interval=9), grey),
        "interleaved": (encode(colour, 8, predictor=5), colour),
        "tables": (encode(colour, 8, tables=TABLES), colour),
        "apart": (encode(colour, 8, predictor=2, apart=True, interval=7), colour),
    }


SMALL = small_streams()
KINDS = pytest.mark.parametrize("kind", SMALL)


def outcome(module, stream, image):
    """The samples, or the kind of error."""
    try:
        return decoded(module, stream, image.shape, image.dtype).tolist()
    except DicomError as error:
        return type(error)


class TestBroken:
    @KINDS
    def test_every_truncation(self, twin, kind):
        stream, image = SMALL[kind]
        for length in range(len(stream) - 2):
            with pytest.raises(PixelDataError) as caught:
                decoded(twin("jpegll"), stream[:length], image.shape, image.dtype)
            assert 0 <= caught.value.offset <= length

    def test_truncation_tells_the_rows(self):
        stream, image = SMALL["predictor 1"]
        seen = []
        for length in range(stream.index(b"\xff\xda") + 10, len(stream) - 2):
            out = np.zeros(image.shape[:2], "u2")
            with pytest.raises(PixelDataError, match=r"ends .* \(\d of 6 rows are there\)") as caught:
                kernel.decode(stream[:length], out)
            rows = int(str(caught.value).split("(")[1][0])
            assert np.array_equal(out[:rows], image[:rows, :, 0])
            seen.append(rows)
        assert seen == sorted(seen)
        assert set(seen) == set(range(6))

    @KINDS
    def test_random_changes(self, kind):
        stream, image = SMALL[kind]
        rng = np.random.default_rng(11)
        for _ in range(2000):
            changed = bytearray(stream)
            for at in rng.integers(0, len(stream), rng.integers(1, 4)):
                changed[at] = rng.integers(0, 256)
            begin = time.perf_counter()
            outcome(kernel, bytes(changed), image)
            assert time.perf_counter() - begin < 1

    @KINDS
    def test_every_byte_of_the_header(self, kind):
        """The twin comes to the same samples or to the same kind of error."""
        stream, image = SMALL[kind]
        for at in range(stream.rindex(b"\xff\xda") + 10):
            for change in (0x01, 0x10, 0x80, 0xFF):
                changed = stream[:at] + bytes([stream[at] ^ change]) + stream[at + 1 :]
                assert outcome(kernel, changed, image) == outcome(reference, changed, image), (at, change)

    @settings(max_examples=200)
    @given(st.data())
    def test_twin_agrees(self, data):
        stream, image = SMALL[data.draw(st.sampled_from(list(SMALL)))]
        changed = bytearray(stream)
        for at in data.draw(st.lists(st.integers(2, len(stream) - 1), max_size=4)):
            changed[at] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(stream)) | st.just(len(stream)))
        assert outcome(kernel, bytes(changed[:cut]), image) == outcome(reference, bytes(changed[:cut]), image)

    def test_many_restarts_take_no_longer(self):
        """A marker after each sample."""
        image = np.zeros((60_000, 1, 1), "u1")
        stream = encode(image, 8, interval=1)
        begin = time.perf_counter()
        assert not decoded(kernel, stream, image.shape, "u1").any()
        assert time.perf_counter() - begin < 1

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            (lambda s: s.replace(b"\xff\xd8", b"\xff\xd9"), "no SOI"),
            (lambda _: b"", "no SOI"),
            (lambda s: s.replace(b"\xff\xc3\0\x0b\x0c", b"\xff\xc3\0\x0b\x11"), "precision"),
            (lambda s: s.replace(b"\xff\xc3\0\x0b\x0c", b"\xff\xc3\0\x0b\x01"), "precision"),
            (lambda s: s[:2] + s[s.index(b"\xff\xc4") :], "scan before"),
            (lambda s: s.replace(s[2:15], s[2:15] * 2), "second frame"),
            (lambda s: s.replace(b"\xff\xc4", b"\xff\xe4"), "not in the stream"),
            (lambda s: s.replace(b"\0\0\0\0\x11", b"\x03\0\0\0\x0e"), "too many codes"),
            (lambda s: s.replace(bytes(range(17)), bytes(range(1, 18))), "lossless coding"),
            (lambda s: s.replace(b"\x0a\0\x01\0\0", b"\x0a\0\x08\0\0"), "predictor"),
            (lambda s: s.replace(b"\x0a\0\x01\0\0", b"\x0a\0\x00\0\0"), "predictor"),
            (lambda s: s.replace(b"\x0a\0\x01\0\0", b"\x0a\0\x01\0\x0c"), "point transform"),
            (lambda s: s.replace(b"\x0a\0\x01\0\0", b"\x0b\0\x01\0\0"), "frame lacks"),
            (lambda s: s[:-2] + b"\x55\xff\xd9", "left after"),
            (lambda s: s[:-20] + b"\xff\xff\xff\xff", "marker before"),
            (lambda s: s[: s.index(b"\xff\xda") + 10] + bytes([0xFE] * 200), "Huffman table lacks"),
        ],
    )
    def test_messages(self, twin, change, what):
        stream, image = SMALL["predictor 1"]
        with pytest.raises(PixelDataError, match=what):
            decoded(twin("jpegll"), change(stream), image.shape, "u2")

    @pytest.mark.parametrize("zeros", [0, 5, 40_000, 100_000])
    def test_data_left_behind_zeros(self, zeros):
        """The offset is that of the first byte that is wrong, wherever the buffer of the kernel ends."""
        image = picture(12)
        stream = encode(image, 12, end=b"")
        with pytest.raises(PixelDataError, match="left after") as caught:
            decoded(kernel, stream + bytes(zeros) + b"\x55\xff\xd9", image.shape, "u2")
        assert caught.value.offset == len(stream) + zeros

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: s.replace(b"\xd0", b"\xd1", 1),
            lambda s: s.replace(b"\xff\xd0", b""),
            lambda s: s.replace(b"\xff\xd0", b"\0\xff\xd0"),
            lambda s: s.replace(b"\xff\xdd\0\x04\0\x09", b"\xff\xdd\0\x04\0\x08"),
            lambda s: s.replace(b"\xff\xdd\0\x04\0\x09", b"\xff\xdd\0\x03\0"),
            lambda s: s.replace(b"\xff\xdd\0\x04\0\x09", b""),
        ],
    )
    def test_restart_markers(self, twin, change):
        stream, image = SMALL["restarts"]
        changed = change(stream)
        assert changed != stream
        with pytest.raises(PixelDataError):
            decoded(twin("jpegll"), changed, image.shape, "u2")

    @pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2, 0xC5, 0xC9, 0xCB, 0xCF, 0xCC, 0xDC, 0xDE, 0xF7])
    def test_other_processes(self, twin, marker):
        stream, image = SMALL["predictor 1"]
        changed = stream.replace(b"\xff\xc3", bytes([0xFF, marker]))
        with pytest.raises(UnsupportedError) as caught:
            decoded(twin("jpegll"), changed, image.shape, "u2")
        assert caught.value.offset == 3

    def test_other_components(self, twin):
        image = picture(8, 5, 7, 3)
        stream = encode(image, 8)
        subsampled = stream.replace(b"\x0a\x11", b"\x0a\x21")
        partial = stream.replace(b"\x03\x0a\0\x0b\x10\x0c\x20", b"\x02\x0a\0\x0b\x10").replace(
            b"\xda\0\x0c", b"\xda\0\x0a"
        )
        four = encode(picture(8, 5, 7, 4), 8, tables=(FLAT,) * 4)
        for changed in (subsampled, partial, four):
            with pytest.raises(UnsupportedError):
                decoded(twin("jpegll"), changed, image.shape, "u1")

    def test_libjpeg_is_cut_to_the_precision_as_well(self):
        """What it decodes instead, where differences were taken modulo 2^12."""
        image = picture(12, components=2)
        stream = encode(image.astype(int) + (np.arange(17) % 2 << 12)[:, None], 12)
        with pytest.raises(UnsupportedError):
            kernel.decode(stream, np.empty((13, 17), "u2"))
        out = np.empty(image.shape, "u2")
        codecs.decode(parse(stream), stream, out)
        assert np.array_equal(out, image)


class TestOut:
    @pytest.mark.parametrize(
        "out",
        [
            np.empty((13, 18), "u2"),
            np.empty((17, 13), "u2"),
            np.empty((13, 17, 3), "u2"),
            np.empty(13 * 17, "u2"),
            np.empty((13, 17), "u1"),
            np.empty((13, 17), "u4"),
            np.empty((13, 17), "f2"),
            np.empty((13, 17), ">u2"),
            np.empty((13, 17), "u2", order="F"),
            np.empty((13, 34), "u2")[:, ::2],
            np.broadcast_to(np.zeros(17, "u2"), (13, 17)),
            np.frombuffer(bytes(13 * 17 * 2), "u2").reshape(13, 17),
        ],
    )
    def test_misfits(self, twin, out):
        with pytest.raises(OptionError, match="out"):
            twin("jpegll").decode(encode(picture(12), 12), out)

    def test_no_array(self):
        with pytest.raises(TypeError):
            kernel.decode(encode(picture(12), 12), None)
        with pytest.raises(TypeError):
            kernel.decode(None, np.empty((13, 17), "u2"))

    def test_overlap(self):
        store = np.zeros(5000, "u1")
        stream = encode(picture(12), 12)
        store[: len(stream)] = list(stream)
        with pytest.raises(OptionError, match="overlaps"):
            kernel.decode(store[: len(stream)], store[:442].view("u2").reshape(13, 17))

    def test_nothing_beside_it(self):
        volume = np.full((3, 13, 17), 7, "i2")
        image = picture(12)
        kernel.decode(encode(image, 12), volume[1])
        assert np.array_equal(volume[1], image[:, :, 0])
        assert (volume[[0, 2]] == 7).all()

    def test_at_an_odd_address(self, twin):
        image = picture(12)
        octets = np.zeros(2 * image.size + 1, "u1")
        out = octets[1:].view("i2").reshape(13, 17)
        twin("jpegll").decode(encode(image, 12), out)
        assert np.array_equal(out, image[:, :, 0])

    def test_buffers(self, twin, as_buffer, strided):
        image = picture(12)
        stream = encode(image, 12)
        assert np.array_equal(decoded(twin("jpegll"), as_buffer(stream), image.shape, "u2"), image)
        with pytest.raises((ValueError, BufferError)):
            kernel.decode(strided(stream), np.empty((13, 17), "u2"))

    def test_threads(self):
        images = [picture(12, 200, 300, seed=seed) for seed in range(8)]
        streams = [libjpeg_encode(image, 1, 12) for image in images]
        with ThreadPoolExecutor(8) as pool:
            results = pool.map(lambda stream: decoded(kernel, stream, (200, 300, 1), "u2"), streams * 4)
            for got, image in zip(results, images * 4, strict=True):
                assert np.array_equal(got, image)
