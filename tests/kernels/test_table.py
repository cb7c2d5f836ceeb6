"""Tables that are made of what another had."""

import pickle
import struct

import pytest

from hounsfield._kernels.scan import Table, scan, table_of
from hounsfield.errors import OptionError

DATA = b"\x08\0\x60\0CS\2\0CT\x10\0\x20\0LO\2\0ID"


@pytest.mark.parametrize("data", [DATA, b"", DATA[:14]])
def test_pickle(data):
    table = scan(data)
    other = pickle.loads(pickle.dumps(table))
    assert type(other) is Table
    assert list(other) == list(table)
    assert (other.status, other.end, other.ascending) == (table.status, table.end, table.ascending)
    assert other.find(0x00080060) == table.find(0x00080060)


@pytest.mark.parametrize(("rows", "code"), [(b"1" * 15, 0), (b"", -1), (b"", 5)])
def test_what_is_no_table(rows, code):
    with pytest.raises(OptionError):
        table_of(rows, code, 0, True)


def test_rows_that_lie_are_shown_as_they_are():
    row = struct.pack("<III2sBB", 0x00080060, 0xFFFFFFF0, 0xFFFFFFF0, b"CS", 0, 0)
    table = table_of(row, 0, 0, True)
    assert table.find(0x00080060) == (0x00080060, "CS", 0xFFFFFFF0, 0xFFFFFFF0, 0, 0)
