"""Codestreams as the standards allow them and few encoders write them: the right samples, or an error.

Most are made of common ones: a marker that says again what another one said changes nothing, and one that
overrides another must be heeded where the other one is made wrong.
"""

import io
import re
import struct
from contextlib import suppress
from itertools import pairwise, permutations
from typing import ClassVar

import imagecodecs
import numpy as np
import openjpeg
import pytest
from PIL import Image

import hounsfield as hu
from generate import picture
from generate.files import encapsulated
from hounsfield.pixels.codecs import decode, max_reduce
from hounsfield.pixels.codestream import parse

GREY = picture(12, 1, 1, rows=61, columns=77)[0, :, :, 0]
GREY_8 = (GREY >> 4).astype(np.uint8)
COLORS = picture(8, 3, 1, rows=61, columns=77)[0]

COD, COC, QCD, QCC, RGN, POC, PPM, PPT, COM = (
    *(0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61, 0xFF64),
)


def decoded(data, reduce=0):
    stream = parse(data)
    shape = stream.reduced(reduce)
    shape = (*shape, stream.components) if stream.components > 1 else shape
    # What no decoder wrote would not be 0.
    out = np.full(shape, 77, f"{'i' if stream.signed else 'u'}{1 if stream.precision <= 8 else 2}")
    decode(stream, data, out, reduce=reduce)
    return out


def jpeg2000(samples, tile=None, **options):
    if tile is not None:  # which imagecodecs cannot write
        out = io.BytesIO()
        Image.fromarray(samples).save(out, "JPEG2000", no_jp2=True, irreversible=False, tile_size=tile, mct=0)
        return out.getvalue()
    return bytes(
        imagecodecs.jpeg2k_encode(
            samples,
            codecformat="j2k",
            reversible=True,
            mct=False,
            bitspersample=12 if samples.itemsize == 2 else 8,
            **options,
        )
    )


def htj2k(samples, **options):
    return bytes(imagecodecs.htj2k_encode(samples, reversible=True, rgb=False, **options))


def apart(data):
    """The marker segments of the main header; of each tile-part tile, number, count, segments and data."""
    at, main, parts = 2, [], []
    while data[at : at + 2] != b"\xff\x90":
        marker, length = struct.unpack_from(">HH", data, at)
        main.append((marker, data[at + 4 : at + 2 + length]))
        at += 2 + length
    while data[at : at + 2] == b"\xff\x90":
        tile, size, number, count = struct.unpack_from(">HIBB", data, at + 4)
        assert data[at + 12 : at + 14] == b"\xff\x93"
        parts.append((tile, number, count, [], data[at + 14 : at + size]))
        at += size
    return main, parts


def together(main, parts):
    data = b"\xff\x4f" + segments(main)
    for tile, number, count, own, entropy in parts:
        head = segments(own) + b"\xff\x93"
        data += struct.pack(">HHHIBB", 0xFF90, 10, tile, 12 + len(head + entropy), number, count)
        data += head + entropy
    return data + b"\xff\xd9"


def segments(each):
    return b"".join(struct.pack(">HH", marker, 2 + len(body)) + body for marker, body in each)


def replaced(main, marker, body):
    return [(each, body if each == marker else old) for each, old in main]


class TestMarkersOfJpeg2000:
    """Those that override others (ISO/IEC 15444-1 A.6), in the main header and in those of tile-parts."""

    @staticmethod
    def overridden(encode, samples):
        """By name: a main header, segments of its tile-parts, and their data."""
        main, parts = apart(encode(samples))
        components = range(1 if samples.ndim == 2 else 3)
        cod, qcd = dict(main)[COD], dict(main)[QCD]
        coc = [(COC, bytes((c, 0)) + cod[5:]) for c in components]
        qcc = [(QCC, bytes((c,)) + qcd) for c in components]
        levels = cod[5]
        order = (POC, bytes((0, 0, 0, 1, levels + 1, len(components), cod[1])))
        small = replaced(main, COD, cod[:6] + b"\3\3" + cod[8:])  # other code-blocks
        coarse = replaced(main, QCD, qcd[:1] + bytes(each - 8 for each in qcd[1:]))
        by_component = replaced(main, COD, cod[:1] + b"\4" + cod[2:])
        return parts, {
            "COC": ([*small, *coc], []),
            "QCC": ([*coarse, *qcc], []),
            "POC": ([*by_component, order], []),
            "COD of a tile": (small, [(COD, cod)]),
            "COC of a tile": (small, coc),
            "QCD of a tile": (coarse, [(QCD, qcd)]),
            "QCC of a tile": (coarse, qcc),
            "POC of a tile": (by_component, [order]),
            "COM": ([*main, (COM, b"\0\1text")], [(COM, b"\0\1text")]),
        }

    @pytest.mark.parametrize("encode", [jpeg2000, htj2k])
    @pytest.mark.parametrize("samples", [GREY, COLORS], ids=["grey", "colors"])
    def test_the_last_word_counts(self, encode, samples):
        parts, cases = self.overridden(encode, samples)
        for name, (main, own) in cases.items():
            data = together(main, [(*part[:3], own, part[4]) for part in parts])
            np.testing.assert_array_equal(decoded(data), samples, err_msg=name)

    @pytest.mark.parametrize("encode", [jpeg2000, htj2k])
    def test_the_style_of_a_component_before_that_of_all(self, encode):
        main, parts = apart(encode(COLORS))
        cod, qcd = dict(main)[COD], dict(main)[QCD]
        siz = [each for each in main if each[0] not in (COD, QCD)]
        coc = [(COC, bytes((c, 0)) + cod[5:]) for c in range(3)]
        qcc = [(QCC, bytes((c,)) + qcd) for c in range(3)]
        for header in (
            [*siz, *coc, (COD, cod[:6] + b"\3\3" + cod[8:]), (QCD, qcd)],
            [*siz, (COD, cod), *qcc, (QCD, qcd[:1] + bytes(each - 8 for each in qcd[1:]))],
        ):
            data = together(header, parts)
            if encode is htj2k:
                np.testing.assert_array_equal(decoded(data), COLORS)
            else:
                with pytest.raises(hu.UnsupportedError, match="style of a component before that of all"):
                    decoded(data)

    @pytest.mark.parametrize("of_tile", [False, True])
    def test_region_of_interest(self, of_tile):
        """Of all samples, by which nothing changes: bit planes that are more, and none of them used (H.1)."""
        own = [(RGN, bytes((c, 0, 3))) for c in range(3)]
        for encode in (jpeg2000, htj2k):
            main, parts = apart(encode(COLORS))
            if of_tile:
                parts = [(*part[:3], own, part[4]) for part in parts]
            data = together(main if of_tile else [*main, *own], parts)
            if encode is jpeg2000:
                np.testing.assert_array_equal(decoded(data), COLORS)
            else:
                with pytest.raises(hu.UnsupportedError, match="HTJ2K with a region of interest"):
                    decoded(data)

    # A ramp of 16 x 16 by OpenJPEG, with SOP and EPH about each header of a packet.
    PACKETS = bytes.fromhex(
        "ff4fff510029000000000010000000100000000000000000000000100000001000000000000000000001070101ff52000c"
        "06000001000104040001ff5c00074040484850ff90000a00000000005d0001ff93ff9100040000df8168ff92122b66ff4d"
        "4bc4e13cb60ada161de2d64e0a11c436b4185d0e0038d841c062a9dbda48279fafde75927c8a1bf2ff9100040001c0f902"
        "407c2200ff9236a199cf3da6345fffd9"
    )

    @pytest.mark.parametrize("packed", [None, PPM, PPT])
    @pytest.mark.parametrize("end_of_header", [True, False])
    def test_packet_headers(self, packed, end_of_header):
        rows, columns = np.mgrid[:16, :16]
        main, [(*numbers, entropy)] = apart(self.PACKETS)
        packets = [each[2:].partition(b"\xff\x92") for each in entropy.split(b"\xff\x91\0\4")[1:]]
        cod = dict(main)[COD]
        end = b"\xff\x92" if end_of_header else b""
        main = replaced(main, COD, bytes((4 if end_of_header else 0,)) + cod[1:])
        heads = b"".join(head + end for head, _, _ in packets)
        bodies = b"".join(body for _, _, body in packets)
        own = []
        if packed is None:
            bodies = b"".join(head + end + body for head, _, body in packets)
        elif packed == PPM:
            main = [*main, (PPM, b"\0" + struct.pack(">I", len(heads)) + heads)]
        else:
            own = [(PPT, b"\0" + heads[:5]), (PPT, b"\1" + heads[5:])]
        data = together(main, [(*numbers[:3], own, bodies)])
        np.testing.assert_array_equal(decoded(data), columns * 8 + rows * 4)


class TestTilesOfJpeg2000:
    @pytest.mark.parametrize("encode", [jpeg2000, htj2k])
    @pytest.mark.parametrize("samples", [GREY_8, COLORS], ids=["grey", "colors"])
    def test_in_any_order(self, encode, samples):
        main, parts = apart(encode(samples, tile=(32, 32)))
        assert len(parts) == 6
        np.testing.assert_array_equal(decoded(together(main, parts[::-1])), samples)

    @pytest.mark.parametrize("encode", [jpeg2000, htj2k])
    @pytest.mark.parametrize("samples", [GREY_8, COLORS], ids=["grey", "colors"])
    @pytest.mark.parametrize("missing", [0, 3, 5])
    def test_missing(self, encode, samples, missing):
        main, parts = apart(encode(samples, tile=(32, 32)))
        del parts[missing]
        data = together(main, parts)
        for end in (b"", b"\xff\xd9"):
            with pytest.raises(hu.PixelDataError, match="5 of 6 tiles are there"):
                decoded(data[:-2] + end)

    @pytest.mark.parametrize("missing", range(6))
    def test_missing_parts(self, missing):
        main, parts = apart(htj2k(GREY_8, tilepart=1))
        np.testing.assert_array_equal(decoded(together(main, parts)), GREY_8)
        del parts[missing]
        with pytest.raises(hu.PixelDataError, match="5 of 6 tile-parts of tile 0 are there"):
            decoded(together(main, parts))

    @pytest.mark.parametrize("more", [1, 5])
    def test_a_wrong_number_of_parts_that_are_all_there(self, more):
        main, parts = apart(jpeg2000(GREY_8, tile=(32, 32)))
        parts = [(tile, number, count + more, *rest) for tile, number, count, *rest in parts]
        np.testing.assert_array_equal(decoded(together(main, parts)), GREY_8)

    @pytest.mark.parametrize("tile", [(16, 16), (19, 33), (17, 16), (64, 24), (32, 33), (8, 61)])
    def test_reduced_as_long_as_something_is_left_of_each(self, tile):
        """OpenJPH 0.26 crashes where a tile has no columns left."""
        data = htj2k(GREY_8, tile=tile)
        stream = parse(data)
        most = max_reduce(stream)
        for reduce in range(most + 1):
            assert decoded(data, reduce).shape == stream.reduced(reduce)
        assert 0 < most < stream.levels
        edges = [[*range(0, size, step), size] for size, step in zip(GREY_8.shape, tile, strict=True)]
        halves = [[-(-edge >> most + 1) for edge in each] for each in edges]
        assert any(len(set(each)) < len(each) for each in halves)

    def test_reduced_as_long_as_something_is_left_of_the_image(self):
        data = bytearray(htj2k(GREY_8))
        struct.pack_into(">II", data, 16, 70, 60)  # XOsiz and YOsiz: 7 columns and 1 row are left
        stream = parse(data)
        assert (stream.rows, stream.columns) == (1, 7)
        assert max_reduce(stream) == 2
        assert 0 not in stream.reduced(2)
        assert 0 in stream.reduced(3)


def box(kind, contents):
    return struct.pack(">I4s", 8 + len(contents), kind) + contents


def jp2(codestream, *inner, colors=16):
    """In boxes (ISO/IEC 15444-1 Annex I): colours by a number, and others in the JP2 header box."""
    stream = parse(codestream)
    size = struct.pack(">IIHBBBB", stream.rows, stream.columns, stream.components, 7, 7, 0, 0)
    header = box(b"ihdr", size) + box(b"colr", struct.pack(">BBBI", 1, 0, 0, colors)) + b"".join(inner)
    return (
        box(b"jP  ", b"\r\n\x87\n")
        + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
        + box(b"jp2h", header)
        + box(b"jp2c", codestream)
    )


def definitions(*channels):
    """Component, type (0 for a colour) and which colour."""
    each = b"".join(struct.pack(">HHH", *channel) for channel in channels)
    return box(b"cdef", struct.pack(">H", len(channels)) + each)


class TestBoxesOfJp2:
    """DICOM allows none (PS3.5 Section 8.2.4). What they say counts where the data set says nothing of it."""

    @pytest.mark.parametrize("encode", [jpeg2000, htj2k])
    @pytest.mark.parametrize("colors", list(permutations((1, 2, 3))))
    def test_the_order_of_channels(self, encode, colors):
        shuffled = np.ascontiguousarray(COLORS[:, :, [color - 1 for color in colors]])
        channels = [(at, 0, color) for at, color in enumerate(colors)]
        for order in (channels, channels[::-1]):
            data = jp2(encode(shuffled), definitions(*order))
            np.testing.assert_array_equal(decoded(data), COLORS)
            np.testing.assert_array_equal(openjpeg.decode(data), COLORS)

    def test_what_is_no_colour_stands_behind(self):
        samples = np.dstack([GREY_8, COLORS])
        data = jp2(jpeg2000(samples), definitions((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3)))
        np.testing.assert_array_equal(decoded(data), samples[:, :, [1, 2, 3, 0]])

    @pytest.mark.parametrize(
        "channels",
        [[(0, 0, 1), (1, 0, 1), (2, 0, 3)], [(0, 0, 1), (3, 0, 2), (2, 0, 3)]],
        ids=["twice", "none"],
    )
    def test_channels_that_cannot_be(self, channels):
        with pytest.raises(hu.PixelDataError, match=r"two components for colour 1|as channels, where 3 are"):
            decoded(jp2(jpeg2000(COLORS), definitions(*channels)))

    @pytest.mark.parametrize("encode", [jpeg2000, htj2k])
    def test_a_palette_is_said_not_to_be_applied(self, encode):
        palette = box(b"pclr", struct.pack(">HB", 256, 3) + b"\7\7\7" + bytes(768))
        mapping = box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3)))
        data = jp2(encode(GREY_8), palette, mapping, definitions((0, 0, 3), (1, 0, 2), (2, 0, 1)))
        out, note = decoded_with_note(data)
        np.testing.assert_array_equal(out, GREY_8)
        assert note == "the palette in its boxes was not applied: these are indices"

    @pytest.mark.parametrize(
        ("photometric", "colors", "note"),
        [
            ("RGB", 16, ""),
            ("RGB", 18, "is RGB, the codestream says ycbcr, which was not believed"),
            ("YBR_FULL", 16, "is YBR_FULL, the codestream says rgb, which was not believed"),
            ("YBR_FULL", 18, ""),
        ],
    )
    def test_colours_that_the_data_set_does_not_say(self, photometric, colors, note):
        data = jp2(jpeg2000(COLORS), colors=colors)
        syntax = "1.2.840.10008.1.2.4.90"
        ds = hu.read(
            encapsulated(COLORS[np.newaxis], syntax, lambda _: data, PhotometricInterpretation=photometric)
        )
        np.testing.assert_array_equal(ds.pixels(raw=True), COLORS)
        assert np.array_equal(ds.pixel_array, COLORS) == (photometric == "RGB")
        assert [note in str(each) for each in ds.warnings] == [True] * bool(note)


class TestColoursThatAreNotOf8Bits:
    """What YBR is in other samples is not said (PS3.3 C.7.6.3.1.2): its middle is no longer 128."""

    @staticmethod
    def file(bits, stored=None, signed=False):
        samples = picture(8, 3, 1)
        if signed:
            samples = (samples ^ 128).view(np.int8)
        else:
            samples >>= 8 - bits
        return encapsulated(
            samples,
            "1.2.840.10008.1.2.4.90",
            lambda frame: bytes(
                imagecodecs.jpeg2k_encode(
                    frame, codecformat="j2k", reversible=True, mct=False, bitspersample=bits
                )
            ),
            PhotometricInterpretation="YBR_FULL",
            BitsStored=stored or bits,
            HighBit=(stored or bits) - 1,
        ), samples[0]

    @pytest.mark.parametrize(
        ("options", "what"),
        [
            ((6,), "YBR_FULL with samples of 6 bits, 6 of them stored in 8"),
            ((7, 8), "YBR_FULL with samples of 7 bits, 8 of them stored in 8"),
            ((8, 6), "YBR_FULL with samples of 8 bits, 6 of them stored in 8"),
            ((8, 8, True), "YBR_FULL with signed samples of 8 bits, 8 of them stored in 8"),
        ],
    )
    def test_they_are_not_converted(self, options, what):
        data, samples = self.file(*options)
        ds = hu.read(data)
        for ask in (lambda: ds.pixel_array, lambda: ds.pixel_plan(), lambda: hu.decode_batch([data])):
            with pytest.raises(hu.PixelDataError, match=what):
                ask()
        np.testing.assert_array_equal(ds.pixels(raw=True) & 63, samples & 63)

    def test_those_of_8_bits_are(self):
        data, samples = self.file(8)
        assert not np.array_equal(hu.read(data).pixel_array, samples)


def jpeg(samples, **options):
    out = io.BytesIO()
    Image.fromarray(samples).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def scans_of(data):
    """Where each scan begins."""
    return [each.start() for each in re.finditer(rb"\xff\xda", data)]


def decoded_with_note(data):
    stream = parse(data)
    shape = (stream.rows, stream.columns, stream.components)
    out = np.empty(
        shape[: 2 if stream.components == 1 else 3], np.uint8 if stream.precision == 8 else np.uint16
    )
    return out, decode(stream, data, out)


class TestScansOfJpeg:
    """What libjpeg fills up in silence."""

    @pytest.mark.parametrize("marker", [0x01, 0x80, 0xD9, 0xDC, 0xE5, 0xFE])
    @pytest.mark.parametrize(
        "data",
        [
            jpeg(GREY_8),
            jpeg(COLORS, subsampling=0),
            jpeg(COLORS, progressive=True),
            bytes(imagecodecs.jpeg8_encode(GREY, bitspersample=12)),
        ],
        ids=["grey", "colors", "progressive", "12 bits"],
    )
    def test_a_marker_in_their_midst(self, data, marker):
        first = scans_of(data)[0]
        middle = (first + len(data)) // 2
        with pytest.raises(hu.PixelDataError):
            decoded(data[:middle] + bytes((0xFF, marker)) + data[middle + 2 :])

    def test_restart_markers(self):
        data = jpeg(GREY_8, restart_marker_rows=1)
        whole = decoded(data)
        at = [
            each.start()
            for each in re.finditer(rb"\xff[\xd0-\xd7]", data)
            if each.start() > scans_of(data)[0]
        ]
        assert len(at) == 7
        for lost in (
            data[: at[2]] + data[at[3] :],  # an interval
            data[: at[2]] + data[at[2] + 2 :],  # a marker
            data[: at[2] + 1] + b"\xd5" + data[at[2] + 2 :],  # its number
        ):
            with pytest.raises(hu.PixelDataError, match="restart markers, or others, where 7 should be"):
                decoded(lost)
        np.testing.assert_array_equal(decoded(data[:-2] + b"\xff\xd7\xff\xd9"), whole)
        np.testing.assert_array_equal(decoded(data[: at[2]] + b"\xff\xff" + data[at[2] :]), whole)

    @pytest.mark.parametrize("subsampling", [0, 1, 2])
    @pytest.mark.parametrize("progressive", [False, True])
    def test_restart_markers_of_colors(self, subsampling, progressive):
        options = {"subsampling": subsampling, "progressive": progressive}
        data = jpeg(COLORS, restart_marker_blocks=3, **options)
        assert parse(data).restart_interval == 3
        np.testing.assert_array_equal(decoded(data), decoded(jpeg(COLORS, **options)))

    def test_progressive_that_lacks_scans(self):
        data = jpeg(COLORS, progressive=True)
        whole, note = decoded_with_note(data)
        assert note == ""
        scans = [*scans_of(data), len(data)]
        for begin in scans[1:-1]:
            found, note = decoded_with_note(data[:begin] + b"\xff\xd9")
            assert not np.array_equal(found, whole)
            assert note == "the progressive JPEG lacks scans, and is coarser than it was"
        for begin, end in pairwise(scans):
            # What is cut may be the tables behind a scan.
            with suppress(hu.PixelDataError):
                _, note = decoded_with_note(data[: (begin + end) // 2] + b"\xff\xd9")
                assert "lacks scans" in note

    def test_a_component_without_a_scan(self):
        """A scan for each, made of images of one component."""
        planes = [jpeg(np.ascontiguousarray(COLORS[:, :, c])) for c in range(3)]
        starts = [scans_of(plane)[0] for plane in planes]
        head = planes[0][: starts[0]]
        frame = head.index(b"\xff\xc0")
        size = head[frame + 4 : frame + 9]
        components = b"".join(bytes((c, 0x11, 0)) for c in (1, 2, 3))
        head = head[:frame] + b"\xff\xc0\0\x11" + size + b"\3" + components + head[frame + 13 :]
        scans = [
            plane[start:-2].replace(b"\xff\xda\0\x08\1\1", b"\xff\xda\0\x08\1" + bytes((c + 1,)), 1)
            for c, (plane, start) in enumerate(zip(planes, starts, strict=True))
        ]
        data = head + b"".join(scans) + b"\xff\xd9"
        expected = np.stack([decoded(plane) for plane in planes], -1)
        np.testing.assert_array_equal(decoded(data), expected)
        for missing in (1, 2):
            with pytest.raises(hu.PixelDataError, match=r"no scan of the components \["):
                decoded(head + b"".join(scans[:missing]) + b"\xff\xd9")
        for short in (0, 1, 2):
            cut = [scan[: len(scan) // 2] if c == short else scan for c, scan in enumerate(scans)]
            with pytest.raises(hu.PixelDataError, match="ends before its samples do"):
                decoded(head + b"".join(cut) + b"\xff\xd9")

    @pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
    @pytest.mark.parametrize("shape", [(65, 64), (64, 65), (65, 65), (113, 97), (66, 49)])
    def test_a_last_row_of_blocks_of_which_one_row_of_pixels_is_seen(self, shape, subsampling):
        """The colours of its only row, or column, are mixed with those before, so that grey is not grey."""
        samples = picture(8, 3, 1, rows=shape[0], columns=shape[1])[0]
        data = jpeg(samples, subsampling=subsampling)
        image = Image.open(io.BytesIO(data))
        image.draft("YCbCr", image.size)
        out, note = decoded_with_note(data)
        assert note == ""
        np.testing.assert_array_equal(out, np.asarray(image))
        # More than the last MCU may have, from which on all is lacking.
        for lost in (300, 500, 900):
            with pytest.raises(hu.PixelDataError, match="ends before its samples do"):
                decoded(data[: -2 - lost] + b"\xff\xd9")

    @pytest.mark.parametrize("interval", [1, 4, 5, 8])
    @pytest.mark.parametrize("samples", [GREY_8, COLORS], ids=["grey", "colors"])
    @pytest.mark.parametrize("progressive", [False, True])
    def test_bytes_lost_before_a_restart_marker(self, samples, interval, progressive):
        """The decoder goes on at the marker, with the next MCUs where they belong."""
        data = jpeg(samples, restart_marker_blocks=interval, progressive=progressive)
        whole, note = decoded_with_note(data)
        assert note == ""
        first = scans_of(data)[0]
        starts = [each.start() + 2 for each in re.finditer(rb"\xff[\xd0-\xd7]", data) if each.start() > first]
        for start in starts[:: max(1, len(starts) // 9)]:
            end = re.compile(rb"\xff[\xc0-\xda]").search(data, start).start()
            out, note = decoded_with_note(data[:end] + b"\xff\xff" + data[end:])  # fill bytes
            np.testing.assert_array_equal(out, whole)
            assert note == ""
            if end - start > 12:
                with pytest.raises(hu.PixelDataError, match="ends before its samples do"):
                    decoded(data[: start + 4] + data[end:])

    def test_grey_before_a_restart_marker(self):
        samples = np.full((61, 77), 128, np.uint8)
        samples[::16, ::24] = 200
        for interval in (1, 5, 9, 10, 11):
            data = jpeg(samples, restart_marker_blocks=interval)
            out, note = decoded_with_note(data)
            assert note == ""
            np.testing.assert_array_equal(out, decoded(jpeg(samples)))


class TestArithmeticJpeg:
    """By libjpeg-turbo's cjpeg at a quality of 50: Pillow writes the same coefficients by Huffman's code."""

    DATA: ClassVar = {
        "sequential": bytes.fromhex(
            "ffd8ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457"
            "453738506d51575f626768673e4d71797064785c656763ffc9000b080020002801011100ffcc000600101005ffda0008"
            "010100003f00ff0091962162fe9c816752ee5e5a453bf10ce43e5e03903ee0af96dcca8d0300b87d24591f5872d48b18"
            "de7922df3308ec29503e5881a2a08ee2ac34cf811d811d050dd3cc11050f54ce0fe0884de4ce9fb231ff0042bde81aad"
            "c5ffd9"
        ),
        "progressive": bytes.fromhex(
            "ffd8ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457"
            "453738506d51575f626768673e4d71797064785c656763ffca000b080020002801011100ffcc00040010ffda00080101"
            "00000001ff0022a936dc928bc77eee000222f790ffcc00041005ffda0008010100010502dfe15ce6c438c2bdb3006dc8"
            "f68c4078749e10ffcc00041005ffda0008010100063f02b9a0dcb5f198ffcc00041005ffda0008010100013f219f3ebb"
            "52fb75bb87a26963d0ffda0008010100000010a47ec0ffcc00041005ffda0008010100013f10da28c75e80d67e65506b"
            "3b9611218cbdb7041fd558b53b476772331cffd9"
        ),
    }

    @pytest.mark.parametrize("process", DATA)
    def test_samples(self, process):
        rows, columns = np.mgrid[:32, :40]
        out, note = decoded_with_note(self.DATA[process])
        assert note == ""
        image = Image.fromarray(((columns**2 + 3 * rows**2) // 16 % 251).astype(np.uint8))
        plain = io.BytesIO()
        image.save(plain, "JPEG", quality=50)
        np.testing.assert_array_equal(out, decoded(plain.getvalue()))

    @pytest.mark.parametrize(
        ("process", "lost"),
        [("sequential", 50), ("sequential", 80), ("progressive", 16), ("progressive", 24)],
    )
    def test_cut_short(self, process, lost):
        """Encoders leave out zeros at the end, so that what is cut may be an image that ends smoothly."""
        data = self.DATA[process]
        _, note = decoded_with_note(data[: -2 - lost] + b"\xff\xd9")
        assert "ends before its samples do, unless" in note
        with pytest.raises(hu.PixelDataError, match="cannot be told to be all there"):
            decoded(data[: -2 - lost])


class TestPresetsOfJpegLs:
    """An image so small that no context is halved has the same code whatever RESET is (A.6.2)."""

    @staticmethod
    def encoded(samples, reset):
        data = bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(samples)))
        scan = scans_of(data)[0]
        return data[:scan] + struct.pack(">HHB5H", 0xFFF8, 13, 1, 255, 3, 7, 21, reset) + data[scan:]

    @pytest.mark.parametrize("reset", [0, 3, 63, 64, 200, 255])
    def test_reset(self, reset):
        samples = COLORS[:4, :5]
        if reset >= 63:
            np.testing.assert_array_equal(decoded(self.encoded(samples[:, :, 0], reset)), samples[:, :, 0])
        if reset in (0, 64):
            np.testing.assert_array_equal(decoded(self.encoded(samples, reset)), samples)
        else:
            with pytest.raises(hu.UnsupportedError, match=f"interleaved by sample with a RESET of {reset}"):
                decoded(self.encoded(samples, reset))
