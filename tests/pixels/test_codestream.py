"""Facts of codestreams that were made for it; test_codecs.py has those of real files."""

import struct
import time
from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hounsfield as hu
from hounsfield.pixels.codestream import Codestream, parse
from hounsfield.pixels.codestream.jpeg import _HEADERS as HEADERS
from hounsfield.pixels.codestream.jpeg2000 import _MAIN_HEADERS as MAIN_HEADERS

GRAY = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)
COLORS = np.stack([GRAY % 251, GRAY % 241, GRAY % 199], -1).astype(np.uint8)
JPEG2000 = bytes(imagecodecs.jpeg2k_encode(GRAY, level=0, reversible=True, codecformat="J2K"))
HTJ2K = bytes(imagecodecs.htj2k_encode(COLORS))
JPEG = bytes(imagecodecs.jpeg8_encode(COLORS, level=90))
JPEG_LS = bytes(imagecodecs.jpegls_encode(GRAY))
JPEG_XL = bytes(imagecodecs.jpegxl_encode(COLORS, lossless=True))
MADE = {
    "jpeg": JPEG,
    "jpeg-lossless": bytes(imagecodecs.jpeg8_encode(GRAY, lossless=True, bitspersample=16, predictor=4)),
    "jpeg-ls": JPEG_LS,
    "jpeg2000": JPEG2000,
    "jp2": bytes(imagecodecs.jpeg2k_encode(COLORS, level=30, codecformat="JP2")),
    "htj2k": HTJ2K,
    "jpegxl": JPEG_XL,
    "jpegxl-boxes": bytes(imagecodecs.jpegxl_encode(COLORS, distance=1, usecontainer=True)),
}


def segment(marker, contents):
    return struct.pack(">BBH", 0xFF, marker, 2 + len(contents)) + contents


def frame(sof=0xC0, precision=8, rows=48, columns=40, components=((1, 0x11),)):
    parts = b"".join(bytes((number, sampling, 0)) for number, sampling in components)
    return segment(sof, struct.pack(">BHHB", precision, rows, columns, len(components)) + parts)


def scan(numbers=(1,), first=0, second=63, low=0):
    return segment(
        0xDA, bytes((len(numbers), *(byte for n in numbers for byte in (n, 0)), first, second, low))
    )


def jpeg(*segments, data=b"\x12\x34", end=b"\xff\xd9"):
    return b"\xff\xd8" + b"".join(segments) + data + end


def short(value):
    """Names a parameter in a test's id."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else None


def put(data, offset, form, value):
    copy = bytearray(data)
    struct.pack_into(form, copy, offset, value)
    return bytes(copy)


class TestMarkers:
    @pytest.mark.parametrize("name", sorted(MADE))
    def test_facts_of_what_was_encoded(self, name):
        stream = parse(MADE[name])
        assert stream.kind == {"jp2": "jpeg2000", "jpegxl-boxes": "jpegxl"}.get(name, name)
        assert (stream.rows, stream.columns) == (48, 40)
        gray = name in ("jpeg-lossless", "jpeg-ls", "jpeg2000")
        assert (stream.components, stream.precision) == ((1, 16) if gray else (3, 8))
        assert stream.lossless == (name not in ("jpeg", "jp2", "jpegxl-boxes"))
        assert not stream.signed

    @pytest.mark.parametrize(
        ("data", "facts"),
        [
            (
                jpeg(frame(0xC1, 12), scan()),
                {"kind": "jpeg", "precision": 12, "sof": 0xC1, "lossless": False},
            ),
            (jpeg(frame(0xC2), scan()), {"kind": "jpeg", "sof": 0xC2}),
            (jpeg(frame(0xC9), scan()), {"kind": "jpeg", "sof": 0xC9}),
            (jpeg(frame(0xC3, 2), scan(first=7)), {"kind": "jpeg-lossless", "precision": 2, "predictor": 7}),
            (jpeg(frame(0xC3, 16), scan(first=1, low=3)), {"point_transform": 3, "lossless": False}),
            (
                jpeg(frame(0xF7, 16), scan(first=0, second=0)),
                {"kind": "jpeg-ls", "near": 0, "lossless": True},
            ),
            (jpeg(frame(0xF7, 16), scan(first=9, second=0)), {"near": 9, "lossless": False}),
            (jpeg(segment(0xDD, b"\0\x05"), frame(), scan()), {"restart_interval": 5}),
            (jpeg(b"\xff\xff", frame(), b"\xff", scan()), {"rows": 48, "columns": 40}),
        ],
        ids=short,
    )
    def test_facts_of_markers(self, data, facts):
        stream = parse(data)
        assert {name: getattr(stream, name) for name in facts} == facts

    @pytest.mark.parametrize(
        ("before", "numbers", "color"),
        [
            (b"", (1, 2, 3), None),
            (b"", b"RGB", "rgb"),
            (segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), b"RGB", "ycbcr"),
            (segment(0xE0, b"JFXX\0"), (1, 2, 3), None),
            (segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"), (1, 2, 3), "rgb"),
            (segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"), (1, 2, 3), "ycbcr"),
            (segment(0xEE, b"Adobe"), (1, 2, 3), None),
        ],
        ids=short,
    )
    def test_color(self, before, numbers, color):
        components = [(number, 0x11) for number in numbers]
        assert parse(jpeg(before, frame(components=components), scan(numbers))).color == color

    def test_color_says_nothing_of_one_component(self):
        assert parse(jpeg(segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), frame(), scan())).color is None

    @pytest.mark.parametrize(("first", "subsampled"), [(0x22, True), (0x21, True), (0x11, False)])
    def test_subsampling(self, first, subsampled):
        components = [(1, first), (2, 0x11), (3, 0x11)]
        assert parse(jpeg(frame(components=components), scan((1, 2, 3)))).subsampled is subsampled

    def test_the_greatest_near_of_scans_one_behind_the_other(self):
        components = [(1, 0x11), (2, 0x11), (3, 0x11)]
        scans = b"\x12\xff\x7f".join(scan((n,), first=near, second=0) for n, near in ((1, 0), (2, 3), (3, 1)))
        stream = parse(jpeg(frame(0xF7, components=components), scans))
        assert (stream.near, stream.lossless, stream.interleaved) == (3, False, False)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "no bytes"),
            (b"BM6\0\0\0", "not the beginning of a codestream: 42 4d"),
            (jpeg(scan()), "a scan without a frame header"),
            (jpeg(frame(), frame(), scan()), "a second frame header"),
            (jpeg(frame(), b"\0\0", scan()), "00 00 where a marker was expected"),
            (jpeg(frame(), b"\xff\xd0", scan()), "marker ff d0 before the first scan"),
            (jpeg(frame(), b"\xff\xe1\0\1"), "marker ff e1 with 1 bytes"),
            (jpeg(frame(), b"\xff\xe1\x40\0"), "marker ff e1 with 16384 bytes where 6 are"),
            (jpeg(frame(), end=b""), "ends within its headers"),
            (jpeg(frame(precision=12), scan()), "samples of 12 bits in process SOF0"),
            (jpeg(frame(0xC3, 17), scan()), "samples of 17 bits in process SOF3"),
            (jpeg(frame(columns=0), scan()), "no columns"),
            (jpeg(frame(components=()), scan()), "a frame header of 8 bytes"),
            (jpeg(frame(components=((1, 0x01),)), scan()), "sampling factors 0 and 1"),
            (jpeg(frame(components=((1, 0x15),)), scan()), "sampling factors 1 and 5"),
            (jpeg(frame(components=((1, 17), (1, 17))), scan()), "two components with one identifier"),
            (jpeg(frame(), scan((2,))), r"a scan of components \[2\] where \[1\] are"),
            (jpeg(frame(), segment(0xDA, b"")), "a scan header of 2 bytes with 0"),
            (jpeg(frame(), segment(0xDA, b"\5" + bytes(13))), "a scan header of 16 bytes with 5"),
            (jpeg(frame(0xC3), scan(first=0)), "predictor 0"),
            (jpeg(frame(0xC3), scan(first=1, low=8)), "point transform 8"),
            (jpeg(frame(0xF7), scan(first=128, second=0)), "NEAR 128 with 8 bits"),
            (jpeg(frame(0xF7), scan(second=1)), "interleave mode 1 with 1 components"),
            (jpeg(frame(0xF7), segment(0xF8, b"\1\0"), scan(second=0)), "presets of 4 bytes"),
            (jpeg(frame(0xC2), *[scan()] * 2000), "more than 256 scans"),
            (jpeg(*[segment(0xFE, b"")] * 5000), "more than 4096 markers"),
        ],
        ids=short,
    )
    def test_refuses_broken_jpeg(self, data, message):
        with pytest.raises(hu.PixelDataError, match=message) as caught:
            parse(data)
        assert 0 <= caught.value.offset <= len(data)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            *(
                (jpeg(frame(sof), scan()), f"SOF{sof - 0xC0}")
                for sof in (0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF)
            ),
            (jpeg(frame(rows=0), scan()), "rows only behind"),
            (jpeg(frame(0xF7), segment(0xF8, b"\2\0\1"), scan(second=0)), "mapping tables"),
            (jpeg(frame(0xF7), scan(second=0, low=1)), "point transform"),
        ],
        ids=short,
    )
    def test_refuses_unsupported_jpeg(self, data, message):
        with pytest.raises(hu.UnsupportedError, match=message):
            parse(data)


class TestEnd:
    @pytest.mark.parametrize("name", ["jpeg", "jpeg-ls", "jpeg2000", "htj2k", "jp2"])
    @pytest.mark.parametrize("behind", [b"", b"\0", b"\xff", bytes(100), b"\xff" * 40], ids=short)
    def test_leaves_out_what_follows(self, name, behind):
        stream = parse(MADE[name] + behind)
        assert (stream.terminated, stream.stop, stream.flaw) == (True, len(MADE[name]), "")

    @pytest.mark.parametrize("name", ["jpeg", "jpeg-ls", "jpeg2000", "htj2k", "jp2"])
    @pytest.mark.parametrize("cut", [1, 2])
    def test_notices_that_it_is_missing(self, name, cut):
        stream = parse(MADE[name][:-cut])
        assert (stream.terminated, stream.flaw) == (False, "")

    @pytest.mark.parametrize("name", ["jpeg2000", "htj2k", "jp2"])
    @pytest.mark.parametrize("cut", [3, 10, 200])
    def test_notices_that_a_tile_part_is_cut(self, name, cut):
        stream = parse(MADE[name][:-cut])
        assert not stream.terminated
        assert "where a tile-part has" in stream.flaw
        assert "where a tile-part" in parse(MADE[name][:-cut] + b"\xff\xd9").flaw

    def test_a_tile_part_of_no_length_ends_with_the_stream(self):
        data = put(JPEG2000, JPEG2000.index(b"\xff\x90\0\x0a") + 6, ">I", 0)
        assert (parse(data).terminated, parse(data).flaw) == (True, "")
        assert parse(data[:-2]).flaw == "no end marker behind the last tile-part"


class TestJpeg2000:
    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
    @pytest.mark.parametrize("reversible", [True, False])
    def test_sign_precision_and_wavelet(self, dtype, reversible):
        samples = (GRAY % 100).astype(dtype)
        stream = parse(imagecodecs.jpeg2k_encode(samples, level=0, reversible=reversible, codecformat="J2K"))
        assert stream.signed == np.issubdtype(dtype, np.signedinteger)
        assert (stream.precision, stream.lossless) == (samples.itemsize * 8, reversible)

    def test_component_transform(self):
        assert parse(HTJ2K).transform
        assert not parse(imagecodecs.htj2k_encode(COLORS, rgb=False)).transform

    def test_tiles_and_levels(self):
        stream = parse(imagecodecs.htj2k_encode(GRAY, tile=(16, 16), resolutions=3))
        assert stream.tiles == 9
        assert stream.levels == 3

    @pytest.mark.parametrize("reduce", [0, 1, 2, 5])
    def test_reduced_size_is_the_codec_s(self, reduce):
        for size in ((48, 40), (33, 47), (1, 64)):
            data = imagecodecs.htj2k_encode(np.zeros(size, np.uint16))
            assert parse(data).reduced(reduce) == imagecodecs.htj2k_decode(data, skipres=reduce).shape

    def test_reduced_size_of_an_image_that_begins_off_the_grid_s_origin(self):
        data = put(put(HTJ2K, 16, ">I", 3), 20, ">I", 1)  # XOsiz and YOsiz
        stream = parse(data)
        assert (stream.origin, stream.rows, stream.columns) == ((1, 3), 47, 37)
        assert stream.reduced(1) == (23, 18)

    def test_component_styles_in_main_header(self):
        at = JPEG2000.index(b"\xff\x90\0\x0a")
        for wavelet, lossless in ((1, True), (0, None)):
            style = segment(0x53, bytes((0, 0, 2, 4, 4, 0, wavelet)))
            stream = parse(JPEG2000[:at] + style + JPEG2000[at:])
            assert stream.lossless is lossless
            assert stream.levels == min(2, parse(JPEG2000).levels)

    def test_subsampled_components(self):
        assert parse(put(HTJ2K, 46, ">H", 0x0202)).subsampled
        whole = parse(put(put(put(HTJ2K, 43, ">H", 0x0202), 46, ">H", 0x0202), 49, ">H", 0x0202))
        assert (whole.rows, whole.columns, whole.subsampled) == (24, 20, True)

    @pytest.mark.parametrize(
        ("offset", "form", "value", "message"),
        [
            (4, ">H", 40, "SIZ of 40 bytes with 1 components"),
            (40, ">H", 0, "with 0 components"),
            (40, ">H", 16385, "with 16385 components"),
            (8, ">I", 0, "an image from"),
            (16, ">I", 40, "an image from"),
            (24, ">I", 0, "tiles of 0 x 48"),
            (32, ">I", 1, r"from \(1, 0\)"),
            (36, ">I", 1 << 31, r"from \(0, 2147483648\)"),
            (12, ">I", 1 << 31, "44739243 tiles, where no more than 65535 can be"),
            (42, ">B", 38, "samples of 39 bits"),
            (43, ">B", 0, "sampling factor of 0"),
        ],
    )
    def test_refuses_broken_sizes(self, offset, form, value, message):
        with pytest.raises(hu.PixelDataError, match=message):
            parse(put(JPEG2000, offset, form, value))

    @pytest.mark.parametrize(
        ("offset", "value", "message"),
        [
            (5, 5, "progression 5"),
            (6, 0, "0 layers"),
            (9, 33, "33 levels"),
            (10, 9, "code-blocks"),
            (3, 9, "COD of 7 bytes"),
        ],
    )
    def test_refuses_broken_styles(self, offset, value, message):
        at = JPEG2000.index(b"\xff\x52")
        data = put(put(JPEG2000, at + 6, ">H", 0), at + 6, ">B", 0) if "layers" in message else JPEG2000
        with pytest.raises(hu.PixelDataError, match=message):
            parse(put(data, at + offset, ">B", value))

    @pytest.mark.parametrize(("offset", "value"), [(8, 2), (13, 2)])
    def test_refuses_extensions(self, offset, value):
        with pytest.raises(hu.UnsupportedError, match="of JPEG 2000 Part 2"):
            parse(put(JPEG2000, JPEG2000.index(b"\xff\x52") + offset, ">B", value))

    def test_refuses_samples_that_are_not_linear(self):
        at = HTJ2K.index(b"\xff\x52")
        with pytest.raises(hu.UnsupportedError, match="non-linear samples of JPEG 2000 Part 2"):
            parse(HTJ2K[:at] + b"\xff\x76\0\6\xff\xff\7\3" + HTJ2K[at:])

    def test_refuses_components_that_differ(self):
        with pytest.raises(hu.UnsupportedError, match="different precision or sign"):
            parse(put(HTJ2K, 45, ">B", 11))

    def test_refuses_high_throughput_with_more_bits_than_it_can_have(self):
        data = bytes(imagecodecs.htj2k_encode(GRAY, reversible=False))
        at = data.index(b"\xff\x5c")
        for offset, value in ((5, 0xF8), (4, 0xA0)):
            with pytest.raises(hu.PixelDataError, match="bit planes"):
                parse(put(data, at + offset, ">B", value))

    def test_refuses_boxes_without_a_codestream(self):
        with pytest.raises(hu.PixelDataError, match="without a codestream"):
            parse(MADE["jp2"][: MADE["jp2"].index(b"jp2c") - 4])
        with pytest.raises(hu.PixelDataError, match="box b'jp2h' of 1000000 bytes"):
            parse(put(MADE["jp2"], MADE["jp2"].index(b"jp2h") - 4, ">I", 1_000_000))

    def test_box_of_long_length(self):
        at = MADE["jp2"].index(b"jp2c") - 4
        boxed = MADE["jp2"][:at] + struct.pack(">I4sQ", 1, b"jp2c", 16 + len(JPEG2000)) + JPEG2000
        assert boxed[parse(boxed).start :] == JPEG2000


class TestJpegXl:
    @pytest.mark.parametrize(
        "size", [(8, 8), (64, 64), (300, 400), (9, 5000), (512, 512), (640, 480), (480, 640)]
    )
    def test_sizes(self, size):
        stream = parse(imagecodecs.jpegxl_encode(np.zeros(size, np.uint8), lossless=True, effort=1))
        assert (stream.rows, stream.columns, stream.components) == (*size, 1)

    @pytest.mark.parametrize("bits", [8, 9, 10, 12, 16])
    def test_precision(self, bits):
        samples = np.zeros((8, 8), np.uint8 if bits == 8 else np.uint16)
        assert parse(imagecodecs.jpegxl_encode(samples, lossless=True, bitspersample=bits)).precision == bits

    @pytest.mark.parametrize(
        ("options", "lossless"),
        [({"lossless": True}, True), ({"distance": 1}, False), ({"distance": 0.1}, False)],
    )
    @pytest.mark.parametrize("container", [False, True])
    def test_lossless(self, options, lossless, container):
        stream = parse(imagecodecs.jpegxl_encode(COLORS, usecontainer=container, **options))
        assert stream.lossless is lossless

    @pytest.mark.parametrize("container", [False, True])
    def test_a_jpeg_in_other_clothes_is_lossy(self, container):
        stream = parse(imagecodecs.jpegxl_encode_jpeg(JPEG, usecontainer=container))
        assert (stream.rows, stream.columns, stream.components, stream.lossless) == (48, 40, 3, False)

    def test_refuses_further_channels(self):
        data = imagecodecs.jpegxl_encode(np.zeros((8, 8, 4), np.uint8), lossless=True)
        with pytest.raises(hu.UnsupportedError, match="channels"):
            parse(data)

    def test_refuses_floating_point(self):
        with pytest.raises(hu.UnsupportedError, match="floating-point"):
            parse(imagecodecs.jpegxl_encode(np.zeros((8, 8), np.float32), lossless=True))


def facts_or_error(data):
    try:
        return parse(data)
    except (hu.PixelDataError, hu.UnsupportedError) as error:
        return repr(error)


class TestAnyBytes:
    @pytest.mark.parametrize("name", sorted(MADE))
    def test_headers_cut_anywhere_are_an_error(self, name):
        data = MADE[name]
        for length in range(data.index(b"\xff\xda") if b"\xff\xda" in data[:1000] else 5):
            with pytest.raises(hu.PixelDataError):
                parse(data[:length])

    @pytest.mark.parametrize("name", sorted(MADE))
    @given(
        changes=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4),
        length=st.integers(0, 999),
    )
    def test_a_changed_stream_is_an_error_or_has_sound_facts(self, name, changes, length):
        data = bytearray(MADE[name][:length] if length < 400 else MADE[name])
        for offset, value in changes:
            if offset < len(data):
                data[offset] = value
        parse(MADE[name])  # whose headers are known then
        known = facts_or_error(data)
        HEADERS.clear()
        MAIN_HEADERS.clear()
        stream = facts_or_error(data)
        assert stream == known
        if isinstance(stream, str):
            return
        assert isinstance(stream, Codestream)
        assert 0 <= stream.start <= stream.stop <= len(data)
        assert min(stream.rows, stream.columns, stream.components) >= 1
        assert 1 <= stream.precision <= 38

    @pytest.mark.parametrize(
        "data",
        [
            b"\xff\xd8" + b"\xff" * 20_000_000,
            jpeg(frame(0xC2), scan(), data=b"\xff\xda" * 1000 + bytes(20_000_000)),
            JPEG2000[: JPEG2000.index(b"\xff\x90")]
            + struct.pack(">HHHIBBH", 0xFF90, 10, 0, 14, 0, 0, 0xFF93) * 10**6,
            JPEG2000[: JPEG2000.index(b"\xff\x90")]
            + struct.pack(">HHHIBBH", 0xFF90, 10, 0, 0, 0, 0, 0xFF64) * 10**6,
        ],
        ids=["fill bytes", "scans", "tile-parts", "comments"],
    )
    def test_long_streams_of_nothing_take_no_time(self, data):
        start = time.process_time()
        with suppress(hu.PixelDataError):
            parse(data)
        assert time.process_time() - start < 1

    @pytest.mark.parametrize("name", sorted(MADE))
    def test_kinds_of_buffer(self, name, as_buffer):
        assert parse(as_buffer(MADE[name])) == parse(MADE[name])

    def test_refuses_a_buffer_that_is_not_contiguous(self, strided):
        with pytest.raises(TypeError):
            parse(strided(JPEG))
