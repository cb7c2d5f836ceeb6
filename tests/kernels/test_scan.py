"""The scan kernel against its plain-Python twin: real data sets, generated and broken ones, and limits."""

import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield._kernels import scan as kernel
from hounsfield._reference import scan as reference
from hounsfield.errors import DicomError, LimitError, OptionError, ParseError
from kernels.data_sets import ENCODINGS, TAGS, TREES, check_look_ups, data_set_of, element, written

SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
ITEM_DELIMITER = b"\xfe\xff\x0d\xe0\0\0\0\0"
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
OPEN_SEQUENCE = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
OPEN_UN = b"\x08\x00\x40\x11UN\0\0\xff\xff\xff\xff"


def result(scan, data, *arguments, **options):
    """Rows, status and end, or the kind and the place of the error."""
    try:
        table = scan(data, *arguments, **options)
    except DicomError as error:
        return type(error), error.offset
    rows = [tuple(row) for row in (table if scan is kernel.scan else table.rows)]
    return rows, table.status, table.end


def same(data, *arguments, **options):
    """What the kernel gives, which must be what its twin gives."""
    got = result(kernel.scan, data, *arguments, **options)
    assert got == result(reference.scan, data, *arguments, **options)
    return got


class TestGenerated:
    @given(TREES, ENCODINGS)
    def test_every_element_is_found(self, tree, encoding):
        explicit, big = encoding
        data, rows = written(tree, encoding)
        options = {"explicit": explicit, "big": big, "fragments": True}
        assert same(data, nested=True, **options) == (rows, "complete", len(data))
        top = [row for row in rows if row[4] == 0]
        assert same(data, **options) == (top, "complete", len(data))

    @given(TREES, ENCODINGS, st.data())
    def test_of_a_part_is_the_beginning(self, tree, encoding, drawn):
        """Of a source's first bytes, whole elements or none; of a cut source, the rest of the last one."""
        explicit, big = encoding
        data, rows = written(tree, encoding)
        options = {"explicit": explicit, "big": big, "fragments": True, "nested": drawn.draw(st.booleans())}
        cut = drawn.draw(st.integers(0, len(data)))
        top = [row for row in rows if row[4] == 0]

        got, status, end = same(data[:cut], whole=len(data), **options)
        assert status in ("more", "complete")
        found = [row for row in got if row[4] == 0]
        assert found == top[: len(found)]
        rest, status, _ = same(data, end, **options)
        assert found + [row for row in rest if row[4] == 0] == top

        got, status, end = same(data[:cut], **options)
        assert (status == "complete") == (end == cut)
        for row, full in zip((row for row in got if row[4] == 0), top, strict=False):
            assert row == full or (
                row[5] & reference.FLAG_CUT and row[:3] == full[:3] and row[3] == cut - row[2]
            )

    @given(TREES, ENCODINGS, TAGS)
    def test_a_stop_tag_stops(self, tree, encoding, tag):
        explicit, big = encoding
        data, rows = written(tree, encoding)
        got, status, _ = same(data, explicit=explicit, big=big, stop_tag=tag)
        before = [row for row in rows if row[4] == 0 and row[0] < tag]
        assert got == before
        assert status == ("stop" if len(before) < sum(row[4] == 0 for row in rows) else "complete")

    @given(TREES)
    def test_numpy_baseline(self, tree):
        data, rows = written([element for element in tree if isinstance(element[3], bytes)], (True, False))
        assert reference.scan_numpy(data) == reference.scan(data) == (rows, "complete", len(data))

    @given(
        st.binary(max_size=80),
        st.fixed_dictionaries(
            {name: st.booleans() for name in ("explicit", "big", "items", "nested", "fragments")}
        ),
    )
    def test_any_bytes(self, data, options):
        same(data, **options)
        same(data, whole=len(data) + 7, **options)


class TestRealFiles:
    def test_as_the_twin(self, corpus_file):
        data, encoding = data_set_of(corpus_file.path)
        for nested in (False, True):
            for fragments in (False, True):
                same(data, **encoding, nested=nested, fragments=fragments)
            same(data, **encoding, nested=nested, stop_tag=0x7FE00010)
            same(data, **encoding, nested=nested, stop_tag=0x00280010)
        for size in (0, 7, 64, len(data) // 3, max(len(data) - 9, 0)):
            same(data[:size], **encoding)
            same(data[:size], **encoding, nested=True, whole=len(data))

    @pytest.mark.corpus(lambda file: file.path.name != "no_meta.dcm")  # it begins with a stray byte
    def test_items(self, corpus_file):
        data, encoding = data_set_of(corpus_file.path)
        table = kernel.scan(data, **encoding)
        for _, vr, offset, length, _, _ in table:
            if vr == "SQ" and length:
                same(data, offset, offset + length, **encoding, items=True)
                same(data, offset, offset + length, **encoding, items=True, nested=True)
        if table.status == "fragments":
            same(data, table.end, items=True, explicit=False)

    def test_numpy_baseline(self, corpus_file):
        data, encoding = data_set_of(corpus_file.path)
        rows, status, *_ = (*result(reference.scan, data, **encoding), None)
        if (
            encoding == {"explicit": True, "big": False}
            and status == "complete"
            and not any(r[5] for r in rows)
        ):
            assert reference.scan_numpy(data).rows == rows

    def test_of_a_file(self, corpus_file):
        """scan_file is the reading of a head and scans of it, for files of the plain kind."""
        whole = corpus_file.path.read_bytes()
        status = corpus_file.path.stat()
        found = kernel.scan_file(str(corpus_file.path))
        if found is None:
            return
        identity, head, start, uid, table = found
        assert identity == (status.st_size, status.st_ino, status.st_mtime_ns // 1000)
        assert whole.startswith(head)
        meta = kernel.scan(whole, 132, stop_tag=0x00030000)
        _, _, offset, length, _, _ = meta.find(0x00020010)
        assert (start, uid) == (meta.end, whole[offset : offset + length])
        explicit = uid.rstrip(b"\0") != b"1.2.840.10008.1.2"
        expected = kernel.scan(whole[:65536], start, whole=len(whole), explicit=explicit, stop_tag=0x7FE00011)
        rows = list(expected)
        large = next(
            (
                row
                for row in rows
                if row[0] >> 24 in (0x50, 0x60) and row[2] + row[3] > (8192 if row[2] <= 8192 else 16384)
            ),
            None,
        )
        if large is None:
            assert list(table) == rows
            assert table.end == expected.end
        else:
            assert list(table) == [row for row in rows if row[0] < large[0]]
            assert large[2] - 12 <= table.end < large[2]
        for row in table:
            end = row[2] + (0 if row[3] == 0xFFFFFFFF else row[3])
            if row[0] not in (0x7FE00008, 0x7FE00009, 0x7FE00010) and end < len(whole):
                assert end <= len(head)

    def test_of_any_buffer(self, pydicom_path, as_buffer):
        data = pydicom_path("CT_small.dcm").read_bytes()
        assert list(kernel.scan(as_buffer(data), 132, nested=True)) == list(
            kernel.scan(data, 132, nested=True)
        )


class TestMutated:
    """What stands in broken files must be read like the twin reads it, or fail at the same place."""

    @staticmethod
    def small():
        from importlib.util import find_spec

        folder = Path(find_spec("pydicom").origin).parent / "data" / "test_files"
        names = (
            "nested_priv_SQ.dcm",
            "UN_sequence.dcm",
            "priv_SQ.dcm",
            "ExplVR_BigEndNoMeta.dcm",
            "rtstruct.dcm",
            "DICOMDIR-empty.dcm",
            "no_meta_group_length.dcm",
            "reportsi.dcm",
            "JPEGLSNearLossless_08.dcm",
        )
        return [(folder / name).read_bytes() for name in names if (folder / name).is_file()]

    @given(st.data())
    def test_as_the_twin(self, drawn):
        draw = drawn.draw
        data = bytearray(draw(st.sampled_from(SMALL)))
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(data) - 1))
            data[at] = draw(st.sampled_from(b"\0\x01\x08\xff\xfe\xe0\x0dSQUN") | st.integers(0, 255))
        if draw(st.booleans()):
            at = draw(st.integers(0, len(data)))
            data[at:at] = draw(
                st.sampled_from(
                    [
                        OPEN_ITEM,
                        ITEM_DELIMITER,
                        SEQUENCE_DELIMITER,
                        OPEN_SEQUENCE,
                        OPEN_UN,
                        b"\x09\0\x01\x10\xff\xff\xff\xff",
                    ]
                )
            )
        data = bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])
        options = {name: draw(st.booleans()) for name in ("explicit", "nested", "fragments")}
        options |= {name: draw(st.integers(0, 7)) == 7 for name in ("big", "items")}
        options["max_depth"] = draw(st.sampled_from((128, 64, 0, 1, 3, 255)))
        options["max_elements"] = draw(st.sampled_from((1 << 24, 0, 5, 50)))
        options["stop_tag"] = draw(
            st.sampled_from((0xFFFFFFFF, 0x00280000, 0x00030000, 0x7FE00011, 0x00100011, 1, 0))
        )
        if draw(st.booleans()):
            options["whole"] = len(data) + draw(st.sampled_from((0, 1, 5, 100, 100_000, 1 << 33)))
        start = draw(st.sampled_from((0, min(132, len(data)), min(336, len(data)))))
        got = same(data, start, **options)
        if isinstance(got[0], list):
            check_look_ups(kernel.scan(data, start, **options))

    def test_every_truncation(self):
        for data in SMALL[:4]:
            for size in range(min(len(data), 700)):
                for start in {0, min(size, 132)}:
                    same(data[:size], start, nested=True)


SMALL = TestMutated.small()


class TestLimits:
    @pytest.mark.parametrize("nested", [False, True])
    @pytest.mark.parametrize("depth", [1, 63, 64, 65, 127, 128, 300, 5000])
    def test_depth(self, depth, nested):
        """Each sequence and each item is one level; none is a call."""
        data = (OPEN_SEQUENCE + OPEN_ITEM) * depth + (ITEM_DELIMITER + SEQUENCE_DELIMITER) * depth
        if 2 * depth <= 128:
            rows, status, _ = same(data, nested=nested)
            assert status == "complete"
            assert len(rows) == (2 * depth if nested else 1)
        else:
            assert result(kernel.scan, data, nested=nested)[0] is LimitError
        deepest = result(kernel.scan, data, nested=nested, max_depth=255)
        assert deepest[0] is LimitError if 2 * depth > 255 else deepest[1] == "complete"

    def test_depth_of_defined_lengths(self):
        data = b""
        for _ in range(300):
            data = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(data)) + data
            data = OPEN_SEQUENCE[:8] + struct.pack("<I", len(data)) + data
        assert len(kernel.scan(data)) == 1
        assert result(kernel.scan, data, nested=True, max_depth=255)[0] is LimitError

    def test_elements(self):
        data = element(0x00080005) * 10
        assert len(kernel.scan(data, max_elements=10)) == 10
        with pytest.raises(LimitError):
            kernel.scan(data, max_elements=9)

    def test_of_4_gib(self):
        """The source may be larger; its elements begin before."""
        large = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 0xFFFFFFF0)
        table = kernel.scan(large, whole=1 << 33)
        assert (table.status, table.end) == ("more", 12 + 0xFFFFFFF0)

    @pytest.mark.parametrize(
        ("arguments", "options"),
        [((5,), {}), ((0, 4), {"whole": 3}), ((3, 2), {}), ((), {"max_depth": 256}), ((), {"max_depth": -1})],
    )
    def test_what_does_not_fit(self, arguments, options):
        with pytest.raises(OptionError):
            kernel.scan(b"1234", *arguments, **options)

    def test_stop_behind_the_end_is_the_end(self):
        assert kernel.scan(element(0x00080005), 0, 1000).end == 10

    def test_what_is_no_buffer(self, strided):
        with pytest.raises(BufferError, match="contiguous"):
            kernel.scan(strided(element(0x00080005)))
        with pytest.raises(ValueError, match="contiguous"):
            kernel.scan(np.zeros(20, np.uint8)[::2])
        for what in (None, "text", 5):
            with pytest.raises(TypeError):
                kernel.scan(what)

    def test_releases_the_buffer(self):
        data = bytearray(element(0x00080005) + b"\x10\0\x10\0\1\2\3\4rest")
        with pytest.raises(ParseError):
            kernel.scan(data)
        data.clear()  # which an exported buffer would not allow


class TestErrors:
    @pytest.mark.parametrize(
        ("data", "kind", "offset", "tag"),
        [
            (element(0x00080005) + b"\x10\0\x10\0\1\2\3\4rest", ParseError, 10, 0x00100010),
            (OPEN_SEQUENCE + element(0x00080005), ParseError, 12, 0x00080005),
            (OPEN_SEQUENCE + OPEN_ITEM + SEQUENCE_DELIMITER, ParseError, 20, 0xFFFEE0DD),
            (OPEN_SEQUENCE + ITEM_DELIMITER, ParseError, 12, 0xFFFEE00D),
        ],
    )
    def test_tell_where(self, data, kind, offset, tag):
        with pytest.raises(kind) as caught:
            kernel.scan(data)
        assert (caught.value.offset, caught.value.tag) == (offset, tag)
        assert same(data) == (kind, offset)


@pytest.mark.parametrize("count", [2, 8])
def test_threads(pydicom_path, count):
    data = pydicom_path("reportsi.dcm").read_bytes()
    path = str(pydicom_path("CT_small.dcm"))
    expected = list(kernel.scan(data, 132, nested=True)), list(kernel.scan_file(path)[4])
    wrong = []
    barrier = threading.Barrier(count)

    def work():
        barrier.wait()
        for _ in range(50):
            got = list(kernel.scan(data, 132, nested=True)), list(kernel.scan_file(path)[4])
            if got != expected:
                wrong.append(got)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


ITEM, DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def item(value):
    return ITEM + struct.pack("<I", len(value)) + value


class TestOnlyFragment:
    @pytest.mark.parametrize("table", [b"", bytes(4)])
    @pytest.mark.parametrize("behind", [b"", b"\xfc\xff\xfc\xff"])
    def test_finds_it(self, table, behind, as_buffer):
        data = item(table) + item(b"JPEG") + DELIMITER + behind
        assert kernel.only_fragment(as_buffer(data)) == (16 + len(table), 4)

    @given(
        st.lists(
            st.sampled_from([ITEM, DELIMITER, b"\4\0\0\0", bytes(4), b"\2\0\0\0", b"\xff" * 4]), max_size=12
        ),
        st.integers(0, 3),
    )
    def test_is_the_second_of_two_items(self, parts, cut):
        data = b"".join(parts)
        data = data[: len(data) - cut]
        found = kernel.only_fragment(data)
        try:
            rows = list(reference.scan(data, explicit=False, items=True))
            end = reference.scan(data, explicit=False, items=True).end
        except ParseError:
            rows, end = [], 0
        # The delimiter of a second item that ends the data, or others behind.
        fits = len(rows) == 2 and rows[0].length in (0, 4) and not any(data[8 : 8 + rows[0].length])
        closed = fits and data[rows[1].offset + rows[1].length : end] == DELIMITER
        plain = closed and rows[1].length > 0 and not rows[0].flags | rows[1].flags
        assert found == ((rows[1].offset, rows[1].length) if plain else None)
