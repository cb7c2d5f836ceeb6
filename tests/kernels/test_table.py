"""Tables of elements: what they tell, keep and pack, and those that are made of what another had."""

import gc
import pickle
import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield._kernels import scan as kernel
from hounsfield._reference import scan as reference
from hounsfield.errors import OptionError
from kernels.data_sets import ENCODINGS, TREES, check_look_ups, data_set_of, element, written

SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
ITEM_DELIMITER = b"\xfe\xff\x0d\xe0\0\0\0\0"
DATA = b"\x08\0\x60\0CS\2\0CT\x10\0\x20\0LO\2\0ID"


@pytest.mark.parametrize("data", [DATA, b"", DATA[:14]])
def test_pickle(data):
    table = kernel.scan(data)
    other = pickle.loads(pickle.dumps(table))
    assert type(other) is kernel.Table
    assert list(other) == list(table)
    assert (other.status, other.end, other.ascending) == (table.status, table.end, table.ascending)
    assert other.find(0x00080060) == table.find(0x00080060)


@pytest.mark.parametrize(("rows", "code"), [(b"1" * 15, 0), (b"", -1), (b"", 5)])
def test_what_is_no_table(rows, code):
    with pytest.raises(OptionError):
        kernel.table_of(rows, code, 0, True)


def test_rows_that_lie_are_shown_as_they_are():
    row = struct.pack("<III2sBB", 0x00080060, 0xFFFFFFF0, 0xFFFFFFF0, b"CS", 0, 0)
    table = kernel.table_of(row, 0, 0, True)
    assert table.find(0x00080060) == (0x00080060, "CS", 0xFFFFFFF0, 0xFFFFFFF0, 0, 0)


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
        item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF if delimited else len(DATA)) + DATA
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
            (DATA[:-1], {}),
            (DATA.replace(b"LO", b"ZZ").replace(b"ID", b"\2\0\0\0ID"), {}),
            (DATA, {"nested": True}),
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
        end = DATA.replace(b"\x08\0\x60", b"\x08\0\x61")
        data = start + bytes(size) + end
        table = kernel.scan(data)
        assert table[2] == (0x00100020, "LO", len(data) - 2, 2, 0, 0)
        assert (len(data) - 2 < 1 << 26) == (bytes_a_row(table) == 8)
        assert table[0] == (0x00080060, "OB", 12, size, 0, 0)

    def test_after_keep(self):
        table = kernel.scan(DATA)
        table.keep((0x00100020,))
        assert list(table) == [(0x00100020, "LO", 18, 2, 0, 0)]
        assert table.find(0x00080060) is None

    def test_views_of_their_own(self):
        """What was seen of a table does not change with it."""
        table = kernel.scan(DATA)
        array = np.asarray(table)
        table.keep(())
        assert list(array["tag"]) == [0x00080060, 0x00100020]
        assert len(table) == len(np.asarray(table)) == 0

    @given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(min_size=12, max_size=12)), max_size=4))
    def test_pickled_rows_of_any_kind(self, rows):
        """A table made of any rows gives them back, though they may not be such as can be packed."""
        data = b"".join(struct.pack("<I", tag) + rest for tag, rest in rows)
        assert bytes(np.asarray(kernel.table_of(data, 0, 0, False))) == data
