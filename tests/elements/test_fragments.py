"""Fragments found by their headers: in a buffer in one go, in files by small reads and large ones."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.elements.fragments import find_fragments
from hounsfield.elements.scanning import CHUNK
from hounsfield.sources import BufferSource, FileSource

DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"

SIZES = st.one_of(st.integers(0, 40), st.integers(CHUNK // 4 - 20, CHUNK // 4 + 20), st.just(3 * CHUNK))
ENDS = st.one_of(
    st.just(DELIMITER),
    st.binary(max_size=40),
    st.just(b"\xfe\xff\x0d\xe0\0\0\0\0"),
    st.just(b"\xfe\xff\0\xe0\xff\xff\xff\xff" + bytes(100)),
    st.just(b"\xfe\xff\0\xe0\x40\0\0\0" + bytes(20)),
)


def items(sizes):
    return b"".join(b"\xfe\xff\0\xe0" + struct.pack("<I", size) + bytes(size) for size in sizes)


def same(first, second):
    return all(np.array_equal(mine, its) for mine, its in zip(first, second, strict=True))


@given(sizes=st.lists(SIZES, max_size=60), end=ENDS, before=st.integers(0, 30))
def test_files_as_buffers(sizes, end, before):
    data = bytes(before) + items(sizes) + end
    found = find_fragments(BufferSource(data), before, len(data))
    by_reads = find_fragments(FileSource(io.BytesIO(data)), before, len(data))
    assert same(found._replace(problem=None), by_reads._replace(problem=None))
    assert (found.problem is None) == (by_reads.problem is None)
    assert found.problem or not found.is_header_cut
    count = min(len(sizes), len(found.lengths))
    assert found.lengths[:count].tolist() == sizes[:count]
    assert count == len(sizes)
    starts = [before + 8 + sum(sizes[:number]) + 8 * number for number in range(count)]
    assert found.offsets[:count].tolist() == starts
    if end == DELIMITER:
        assert found.is_closed
        assert found.end == len(data)
        assert found.problem is None


@pytest.mark.parametrize("cut", range(1, 40))
def test_cut(cut):
    data = items([10, 20, 0])[:-8] + items([12])
    found = find_fragments(BufferSource(data[:-cut]), 0, len(data) - cut)
    assert not found.is_closed
    assert found.is_cut == (1 <= cut <= 12 or 21 <= cut <= 39)
    assert (found.problem is not None) == found.is_header_cut == (13 <= cut <= 19)
    assert found.offsets.tolist()[:2] == [8, 26]
