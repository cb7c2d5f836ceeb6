"""The scan kernel against its plain-Python twin: real files, generated ones, broken ones, and every limit."""

import contextlib
import gc
import os
import pickle
import struct
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield._kernels import scan as kernel
from hounsfield._reference import scan as reference
from hounsfield.errors import DicomError, LimitError, OptionError, ParseError

SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
ITEM_DELIMITER = b"\xfe\xff\x0d\xe0\0\0\0\0"
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
OPEN_SEQUENCE = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
OPEN_UN = b"\x08\x00\x40\x11UN\0\0\xff\xff\xff\xff"
DEFLATED = "1.2.840.10008.1.2.1.99"


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


def data_set_of(path):
    """The bytes of a file's data set, and the options that its transfer syntax asks for."""
    data = path.read_bytes()
    start = 132 if data[128:132] == b"DICM" else 0
    meta = kernel.scan(data, start, stop_tag=0x00030000)
    row = meta.find(0x00020010)
    uid = data[row[2] : row[2] + row[3]] if row else b""
    uid = uid.rstrip(b"\0 ").decode("latin-1")
    data = data[meta.end :]
    if uid == DEFLATED:
        data = zlib.decompress(data, -zlib.MAX_WBITS)
    return data, {"explicit": uid != "1.2.840.10008.1.2", "big": uid == "1.2.840.10008.1.2.2"}


# Generated data sets


def header(tag, vr, length, explicit, order):
    start = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if not explicit or not vr:
        return start + struct.pack(order + "I", length)
    if vr in reference.SHORT_VRS:
        return start + vr.encode() + struct.pack(order + "H", length)
    return start + vr.encode() + struct.pack(order + "HI", 0, length)


class Writer:
    """Writes trees of elements, and the rows that a nested scan of them should give."""

    def __init__(self, explicit, big):
        self.explicit = explicit
        self.order = ">" if big else "<"
        self.out = bytearray()
        self.rows = []

    def elements(self, elements, depth=0, seen=True):
        for tag, vr, undefined, value in elements:
            if isinstance(value, bytes):
                self._begin(tag, vr, len(value), depth, 0, seen)
                self.out += value
            elif vr == "OB":
                self._run(tag, vr, True, depth, 0, seen, [(False, fragment) for fragment in value], seen)
            else:
                explicit, order = self.explicit, self.order
                flags = reference.FLAG_UN_SEQUENCE if vr == "UN" and explicit else 0
                # only a VR or an undefined length shows that a value is a sequence
                opened = seen and (undefined or (explicit and vr == "SQ"))
                self._run(tag, vr, undefined, depth, flags, seen, value, opened)
                self.explicit, self.order = explicit, order

    def _run(self, tag, vr, undefined, depth, flags, seen, items, opened):
        """Write a sequence or encapsulated pixel data."""
        row, at = self._begin(tag, vr, None if undefined else 0, depth, flags, seen)
        if flags:
            self.explicit, self.order = False, "<"
        for open_item, content in items:
            if isinstance(content, bytes):
                self._begin(0xFFFEE000, "", len(content), depth + 1, 0, opened)
                self.out += content
                continue
            inner, inner_at = self._begin(0xFFFEE000, "", None if open_item else 0, depth + 1, 0, opened)
            self.elements(content, depth + 2, opened)
            self._end(inner, inner_at, 0xFFFEE00D if open_item else None)
        self._end(row, at, 0xFFFEE0DD if undefined else None)

    def _begin(self, tag, vr, length, depth, flags, seen):
        self.out += header(tag, vr, 0xFFFFFFFF if length is None else length, self.explicit, self.order)
        if seen:
            shown = vr if self.explicit else ""
            flags |= reference.FLAG_UNDEFINED if length is None else 0
            flags |= reference.FLAG_IMPLICIT if tag != 0xFFFEE000 and not self.explicit else 0
            self.rows.append((tag, shown, len(self.out), length or 0, depth, flags))
        return (len(self.rows) - 1 if seen else None), len(self.out)

    def _end(self, row, at, delimiter):
        length = len(self.out) - at
        if row is not None:
            self.rows[row] = (*self.rows[row][:3], length, *self.rows[row][4:])
        if delimiter is None:
            self.out[at - 4 : at] = struct.pack(self.order + "I", length)
        else:
            self.out += header(delimiter, "", 0, False, self.order)


SHORT = st.sampled_from(sorted(reference.SHORT_VRS))
LONG = st.sampled_from(sorted(reference.LONG_VRS - {"SQ"}))
TAGS = st.integers(0x00080001, 0x7FDFFFFF)
VALUES = st.tuples(TAGS, SHORT | LONG, st.just(False), st.binary(max_size=40))
FRAGMENTS = st.tuples(
    st.just(0x7FE00010), st.just("OB"), st.just(True), st.lists(st.binary(max_size=9), max_size=4)
)


def lists_of(element, **options):
    return st.lists(element, **options).map(sorted_by_tag)


def sorted_by_tag(elements):
    return [element for _, element in sorted({element[0]: element for element in elements}.items())]


def sequences(element):
    items = st.lists(st.tuples(st.booleans(), lists_of(element, max_size=4)), max_size=3)
    plain = st.tuples(TAGS, st.just("SQ"), st.booleans(), items)
    unknown = st.tuples(TAGS, st.just("UN"), st.just(True), items)
    return plain | unknown


ELEMENTS = st.recursive(VALUES, sequences, max_leaves=12)
TREES = st.tuples(lists_of(ELEMENTS, max_size=8), st.lists(FRAGMENTS, max_size=1)).map(
    lambda both: both[0] + both[1]
)
ENCODINGS = st.sampled_from([(True, False), (False, False), (True, True)])


def written(tree, encoding):
    writer = Writer(*encoding)
    writer.elements(tree)
    return bytes(writer.out), writer.rows


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
        assert identity == (status.st_size, status.st_ino, status.st_mtime_ns)
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


def check_look_ups(table):
    rows = list(table)
    for tag in {row[0] for row in rows} | {0, 0x00080001, 0x7FE00010, 0xFFFFFFFF}:
        first = next((row for row in rows if row[0] == tag and row[4] == 0), None)
        assert table.find(tag) == first


def element(tag, vr=b"LO", value=b"ab"):
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + struct.pack("<H", len(value)) + value


class TestTable:
    @pytest.mark.parametrize(
        "tags",
        [
            [],
            [0x00100010],
            list(range(0x00100000, 0x00100040)),
            [0x00100010, 0x00080005, 0x00100020, 0x00080005],
            [0x00080005, 0x00080005, 0x00080005],
            [0x00100010] * 3 + [0x00100020],
        ],
    )
    def test_look_ups(self, tags):
        data = b"".join(element(tag, value=bytes([index, 0])) for index, tag in enumerate(tags))
        check_look_ups(kernel.scan(data))

    @pytest.mark.parametrize("stray", [ITEM_DELIMITER, SEQUENCE_DELIMITER, b"\xfe\xff\x00\xe0\0\0\0\0"])
    def test_look_ups_behind_a_stray_delimiter(self, stray):
        tags = [0x00080005, 0x00100010, 0x00180050, 0x00280010, 0x00280011]
        for place in range(len(tags) + 1):
            parts = [element(tag) for tag in tags]
            parts.insert(place, stray)
            data = b"".join(parts)
            table = kernel.scan(data)
            assert len(table) == 6
            check_look_ups(table)

    def test_as_a_structured_array(self, pydicom_path):
        table = kernel.scan(pydicom_path("CT_small.dcm").read_bytes(), 132, nested=True)
        array = np.asarray(table)
        assert array.dtype.names == ("tag", "offset", "length", "vr", "depth", "flags")
        assert array.dtype.itemsize == 16
        assert array.shape == (len(table),)
        as_rows = [
            (
                int(row["tag"]),
                row["vr"].decode("latin-1"),
                *(int(row[name]) for name in ("offset", "length", "depth", "flags")),
            )
            for row in array
        ]
        assert as_rows == list(table)

    def test_of_nothing_as_an_array(self):
        assert np.asarray(kernel.scan(b"")).shape == (0,)

    def test_is_read_only_and_outlives_its_name(self, pydicom_path):
        array = np.asarray(kernel.scan(pydicom_path("CT_small.dcm").read_bytes(), 132))
        gc.collect()
        assert not array.flags.writeable
        assert array["tag"][0] == 0x00020000
        with pytest.raises(ValueError, match="read-only"):
            array["tag"] = 0

    def test_indices(self):
        table = kernel.scan(element(0x00080005) + element(0x00100010))
        assert table[-1] == table[1] == (0x00100010, "LO", 18, 2, 0, 0)
        for index in (2, -3):
            with pytest.raises(IndexError):
                table[index]

    def test_tags_out_of_range(self):
        for tag in (-1, 1 << 32):
            with pytest.raises(OverflowError):
                kernel.scan(b"").find(tag)


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


class TestFile:
    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError) as caught:
            kernel.scan_file(str(tmp_path / "none"))
        assert caught.value.filename == str(tmp_path / "none")

    def test_directory(self, tmp_path):
        with pytest.raises(IsADirectoryError) as caught:
            kernel.scan_file(str(tmp_path))
        assert caught.value.filename == str(tmp_path)

    def test_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OptionError, match="regular"):
            kernel.scan_file(str(tmp_path / "pipe"))

    def test_null_byte(self, tmp_path):
        (tmp_path / "a").touch()
        with pytest.raises(OptionError, match="null"):
            kernel.scan_file(f"{tmp_path}/a\0b")

    @pytest.mark.parametrize("data", [b"", b"DICM", bytes(128) + b"DICM", bytes(128) + b"DICM" + bytes(8)])
    def test_of_next_to_nothing(self, tmp_path, data):
        (tmp_path / "file").write_bytes(data)
        assert kernel.scan_file(str(tmp_path / "file")) is None

    def test_path_of_any_bytes(self, tmp_path, pydicom_path):
        path = os.fsencode(tmp_path) + b"/\xe4\xff.dcm"
        with open(path, "wb") as file:  # noqa: PTH123 - Path takes no bytes
            file.write(pydicom_path("CT_small.dcm").read_bytes())
        assert kernel.scan_file(os.fsdecode(path))[4] is not None

    def test_leaves_no_file_open(self, pydicom_path, tmp_path):
        if not sys.platform.startswith("linux"):
            pytest.skip("counts /proc/self/fd")
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for path in (pydicom_path("CT_small.dcm"), tmp_path):
            with contextlib.suppress(IsADirectoryError):
                kernel.scan_file(str(path))
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


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


class TestKeep:
    """A table may be left with some of its rows."""

    @pytest.mark.parametrize("ascending", [True, False])
    @pytest.mark.parametrize(
        "tags",
        [(), (0x00080005,), (0x00080005, 0x00100020, 0x7FE00010), (0x00080001, 0x00100020, 0xFFFFFFFF)],
    )
    def test_rows(self, ascending, tags, pydicom_path):
        path = pydicom_path("CT_small.dcm")
        data = path.read_bytes()
        table = kernel.scan(data, 132, nested=not ascending)
        assert table.ascending is False or ascending
        expected = [row for row in table if row[0] in tags]
        table.keep(tags)
        assert list(table) == expected
        for tag in tags:
            assert table.find(tag) == next((row for row in expected if row[0] == tag), None)

    def test_all(self, pydicom_path):
        table = kernel.scan_file(str(pydicom_path("CT_small.dcm")))[4]
        rows = list(table)
        table.keep(tuple(row[0] for row in rows))
        assert list(table) == rows
        with pytest.raises(TypeError):
            table.keep([0x00080005])
        with pytest.raises(OverflowError):
            table.keep((1 << 32,))


class TestOverlays:
    """The first read stops before a curve or an overlay that reaches behind it."""

    @staticmethod
    def file_of(folder, tag, size, explicit):
        uid = b"1.2.840.10008.1.2.1\0" if explicit else b"1.2.840.10008.1.2\0"
        order = "<"
        parts = [bytes(128) + b"DICM" + header(0x00020010, "UI", len(uid), True, order) + uid]
        for element_tag, vr, value in (
            (0x00080060, "CS", b"CT"),
            (0x50000005, "US", b"\2\0"),
            (tag, "OW", bytes(size)),
            (0x7FE00010, "OW", b"\1\2\3\4"),
        ):
            parts.append(header(element_tag, vr, len(value), explicit, order) + value)
        path = folder / "file"
        path.write_bytes(b"".join(parts))
        return path, sum(len(part) for part in parts[:3])

    @pytest.mark.parametrize("explicit", [True, False])
    @pytest.mark.parametrize("tag", [0x50003000, 0x501E3000, 0x60003000, 0x601E3000, 0x600000F0])
    @pytest.mark.parametrize("size", [8192, 16384, 30000, 70000, 1 << 20])
    def test_large(self, tmp_path, tag, size, explicit):
        path, before = self.file_of(tmp_path, tag, size, explicit)
        _, data, _, _, table = kernel.scan_file(str(path))
        assert [row[0] for row in table] == [0x00080060, 0x50000005]
        assert (table.status, table.end) == ("more", before)
        assert data == path.read_bytes()[:before]
        # what is left is found from there
        rest = kernel.scan(path.read_bytes(), table.end, explicit=explicit)
        assert [row[0] for row in rest] == [tag, 0x7FE00010]

    def test_small_ones_are_read(self, tmp_path):
        path, _ = self.file_of(tmp_path, 0x60003000, 4096, True)
        table = kernel.scan_file(str(path))[4]
        assert [row[0] for row in table] == [0x00080060, 0x50000005, 0x60003000, 0x7FE00010]

    @pytest.mark.parametrize("tag", [0x51003000, 0x54001010, 0x70001010])
    def test_others_are_stepped_over(self, tmp_path, tag):
        path, _ = self.file_of(tmp_path, tag, 30000, True)
        table = kernel.scan_file(str(path))[4]
        assert [row[0] for row in table] == [0x00080060, 0x50000005, tag, 0x7FE00010]


@pytest.mark.parametrize("tag", [0x00080005, 0x00100010, 0x00280011, 0x7FE00010, 0xFFFFFFFF])
def test_scan_file_stops_at_a_tag(tag, pydicom_path):
    path = pydicom_path("CT_small.dcm")
    _, data, _, _, table = kernel.scan_file(str(path), tag)
    rows = list(kernel.scan_file(str(path))[4])
    assert list(table) == [row for row in rows if row[0] < tag]
    assert len(data) <= max((row[2] + row[3] for row in table), default=path.stat().st_size)


PLAIN = b"\x08\0\x60\0CS\2\0CT\x10\0\x20\0LO\2\0ID"


def bytes_a_row(table):
    size = sys.getsizeof(table) - sys.getsizeof(kernel.scan(b""))
    return size // len(table) if len(table) else 8


def check_same(table, other):
    """That two tables of the same rows, one of which may be packed, tell the same."""
    assert list(table) == list(other)
    assert [table[index] for index in range(-len(table), 0)] == list(other)
    assert (np.asarray(table) == np.asarray(other)).all()
    assert table.__reduce__() == other.__reduce__()
    for tag in {row[0] for row in table} | {0, 0xFFFFFFFF}:
        assert table.find(tag) == other.find(tag)


def unpacked(table):
    """The same table, made to hold full rows by one more row, which is then given up."""
    rows, *rest = table.__reduce__()[1]
    marker = struct.pack("<III2sBB", 0xFFFFFFFF, 0, 0, b"", 0, 0)
    other = kernel.table_of(rows + marker, *rest)
    other.keep(tuple(sorted({row[0] for row in table})))
    assert bytes_a_row(other) == 16 or not len(table)
    return other


class TestPacked:
    @given(TREES, ENCODINGS)
    def test_generated(self, tree, encoding):
        data, rows = written(tree, encoding)
        explicit, big = encoding
        table = kernel.scan(data, explicit=explicit, big=big, fragments=True)
        assert list(table) == [row for row in rows if row[4] == 0]
        assert bytes_a_row(table) == 8
        check_same(table, unpacked(table))
        check_same(table, pickle.loads(pickle.dumps(table)))

    @pytest.mark.corpus(lambda file: file.path.name != "no_meta.dcm")  # it begins with a stray byte
    def test_of_real_files(self, corpus_file):
        data, encoding = data_set_of(corpus_file.path)
        for fragments in (False, True):
            table = kernel.scan(data, **encoding, fragments=fragments)
            cut = any(row[5] & reference.FLAG_CUT for row in table)
            known = all(row[1] in reference.SHORT_VRS | reference.LONG_VRS | {""} for row in table)
            assert bytes_a_row(table) == (8 if known and not cut and len(data) < 1 << 26 else 16)
            check_same(table, unpacked(table))
        found = kernel.scan_file(str(corpus_file.path))
        assert found is None or bytes_a_row(found[4]) == 8

    @pytest.mark.parametrize("items", [0, 1, 3])
    @pytest.mark.parametrize("delimited", [False, True])
    def test_of_items(self, items, delimited):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF if delimited else len(PLAIN)) + PLAIN
        item += b"\xfe\xff\x0d\xe0\0\0\0\0" * delimited
        table = kernel.scan(item * items, items=True)
        assert len(table) == items
        assert bytes_a_row(table) == 8
        check_same(table, unpacked(table))
        table.keep((0xFFFEE000,))
        assert bytes_a_row(table) == 8

    @pytest.mark.parametrize(
        ("data", "options"),
        [
            (PLAIN[:-1], {}),
            (PLAIN.replace(b"LO", b"ZZ").replace(b"ID", b"\2\0\0\0ID"), {}),
            (PLAIN, {"nested": True}),
        ],
        ids=["cut", "unknown VR", "nested"],
    )
    def test_not(self, data, options):
        table = kernel.scan(data, **options)
        assert len(table) == 2
        assert bytes_a_row(table) == 16
        check_same(table, pickle.loads(pickle.dumps(table)))

    @pytest.mark.parametrize("size", [(1 << 26) - 36, (1 << 26) - 34])
    def test_up_to_64_mib(self, size):
        start = b"\x08\0\x60\0OB\0\0" + struct.pack("<I", size)
        end = PLAIN.replace(b"\x08\0\x60", b"\x08\0\x61")
        data = start + bytes(size) + end
        table = kernel.scan(data)
        assert table[2] == (0x00100020, "LO", len(data) - 2, 2, 0, 0)
        assert (len(data) - 2 < 1 << 26) == (bytes_a_row(table) == 8)
        assert table[0] == (0x00080060, "OB", 12, size, 0, 0)

    def test_after_keep(self):
        table = kernel.scan(PLAIN)
        table.keep((0x00100020,))
        assert list(table) == [(0x00100020, "LO", 18, 2, 0, 0)]
        assert table.find(0x00080060) is None

    def test_views_of_their_own(self):
        """What was seen of a table does not change with it."""
        table = kernel.scan(PLAIN)
        array = np.asarray(table)
        table.keep(())
        assert list(array["tag"]) == [0x00080060, 0x00100020]
        assert len(table) == len(np.asarray(table)) == 0

    @given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(min_size=12, max_size=12)), max_size=4))
    def test_pickled_rows_of_any_kind(self, rows):
        """A table made of any rows gives them back, though they may not be such as can be packed."""
        data = b"".join(struct.pack("<I", tag) + rest for tag, rest in rows)
        assert bytes(np.asarray(kernel.table_of(data, 0, 0, False))) == data


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
