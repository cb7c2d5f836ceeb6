"""Sequences as lists of data sets."""

import struct

import pytest

import hounsfield as hu


def item(number):
    element = struct.pack("<HH2sH", 0x0008, 0x1150, b"UI", 2) + b"%d\0" % number
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(element)) + element


@pytest.fixture
def sequence():
    value = b"".join(map(item, range(5)))
    return hu.read(
        struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, len(value)) + value
    ).ReferencedImageSequence


def uids(items):
    return [int(each.ReferencedSOPClassUID) for each in items]


@pytest.mark.parametrize(
    "where", [slice(1, 3), slice(None), slice(-2, None), slice(7, 9), slice(None, None, -2)]
)
def test_slices_are_lists(sequence, where):
    assert uids(sequence[where]) == list(range(5))[where]


def test_items_are_kept_but_by_each(sequence):
    assert sequence[1] is sequence[1:2][0]
    for (passing, length), kept in zip(sequence.each(), sequence, strict=True):
        assert passing is not kept
        assert passing.ReferencedSOPClassUID == kept.ReferencedSOPClassUID
        assert length == 10


def test_functional_groups_of_a_file(pydicom_path):
    assert hu.read(pydicom_path("liver_1frame.dcm")).render().shape == (512, 512)
