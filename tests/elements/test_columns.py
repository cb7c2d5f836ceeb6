"""One element of every item, by one scan and item by item."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

import hounsfield as hu
from hounsfield.elements import columns as module
from hounsfield.elements.columns import columns

PLACE, PATH = 0x0048021A, 0x00480207
PATHS = [(PLACE, 0x0048021E), (PLACE, 0x0040074A), (PATH, 0x00480106)]
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"


def item(column=None, depth=None, path=None):
    groups = Dataset()
    place, optical = Dataset(), Dataset()
    if column is not None:
        place.ColumnPositionInTotalImagePixelMatrix = column
    if depth is not None:
        place.ZOffsetInSlideCoordinateSystem = depth
    if len(place):
        groups.PlanePositionSlideSequence = Sequence([place])
    if path is not None:
        optical.OpticalPathIdentifier = path
        groups.OpticalPathIdentificationSequence = Sequence([optical])
    return groups


def groups_of(data):
    return hu.read(data).PerFrameFunctionalGroupsSequence


def file_of(items, syntax=EXPLICIT, *, undefined=False):
    """Items as the per-frame functional groups of a file."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PerFrameFunctionalGroupsSequence = Sequence(items)
    if undefined:
        for each in ds.iterall():
            if each.VR == "SQ":
                each.is_undefined_length = True
                for inner in each.value:
                    inner.is_undefined_length_sequence_item = True
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = ds.SOPInstanceUID = "1.2.3"
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def item_by_item(sequence):
    """The same by the plain way to read values."""
    found = [[], [], []]
    for each in sequence:
        for column, (group, element) in zip(found, PATHS, strict=True):
            inner = each.get(hu.Tag(group))
            value = None if inner is None or not len(inner.value) else inner.value[0].get(hu.Tag(element))
            column.append(None if value is None else value.value)
    return found


VALUES = st.tuples(
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.integers(-999, 999).map(lambda number: number / 8),
    st.none() | st.sampled_from(["1", "DAPI", "é"]),
)


@given(st.lists(VALUES, max_size=5), st.sampled_from([EXPLICIT, IMPLICIT, BIG]), st.booleans())
def test_values_are_those_of_the_items(values, syntax, undefined):
    sequence = groups_of(file_of([item(*each) for each in values], syntax, undefined=undefined))
    assert list(zip(*columns(sequence, PATHS), strict=True)) == values
    assert columns(sequence, []) == []


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
@pytest.mark.parametrize("undefined", [False, True])
def test_explicit_ones_are_read_by_one_scan(syntax, undefined, monkeypatch):
    sequence = groups_of(
        file_of([item(number, 0.5, "1") for number in range(9)], syntax, undefined=undefined)
    )
    monkeypatch.setattr(module.Sequence, "each", None)
    assert columns(sequence, PATHS) == [list(range(9)), [0.5] * 9, ["1"] * 9]


def unusual():
    """Items that tempt a scan to give what the item does not."""
    two = item(1)
    more = Dataset()
    more.ColumnPositionInTotalImagePixelMatrix, more.ZOffsetInSlideCoordinateSystem = 2, 3
    two.PlanePositionSlideSequence.append(more)
    yield "a group of two items", two
    elsewhere = Dataset()
    elsewhere.ReferencedImageSequence = Sequence([more])
    yield "the element in another group", elsewhere
    deeper = Dataset()
    deeper.ReferencedImageSequence = Sequence([item(5, 6, "7")])
    yield "the group in another", deeper
    empty = Dataset()
    empty.PlanePositionSlideSequence = Sequence([])
    yield "a group without items", empty
    top = Dataset()
    top.ColumnPositionInTotalImagePixelMatrix = 4
    yield "the element at the top", top
    several = item(3)
    several.PlanePositionSlideSequence[0].ZOffsetInSlideCoordinateSystem = [1, 2]
    yield "several values", several
    latin = item(3, path="é")
    latin.OpticalPathIdentificationSequence[0].SpecificCharacterSet = "ISO_IR 100"
    yield "a character set of its own", latin
    other = item(3)
    other.PlanePositionSlideSequence[0].add_new(0x0040074A, "FD", 1.5)
    yield "another VR", other


@pytest.mark.parametrize("odd", [pytest.param(odd, id=why) for why, odd in unusual()])
def test_unusual_items(odd):
    sequence = groups_of(file_of([item(1, 2, "3"), odd, item(4, 5, "6")]))
    assert columns(sequence, PATHS) == item_by_item(sequence)


def test_a_group_that_was_written_as_unknown():
    """It is in implicit VR then (PS3.5 Section 6.2.2 note 2)."""
    data = file_of([item(1, 2, "ab"), item(4, 5, "6 ")])
    for explicit, unknown in ((b"SQ", b"UN"), (b"SH\2\0", b"\2\0\0\0")):
        at = data.index(explicit, data.index(b"\x48\0\x07\x02"))
        data = data[:at] + unknown + data[at + len(unknown) :]
    assert columns(groups_of(data), PATHS) == [[1, 4], [2, 5], ["ab", "6"]]


def test_a_value_that_is_no_number():
    ds = hu.read(file_of([item(1, 1.25), item(2, 2)]).replace(b"1.25", b"x1  "))
    assert columns(ds.PerFrameFunctionalGroupsSequence, PATHS[1:2]) == [["x1", 2]]
    assert "x1" in str(ds.warnings)


def test_any_length_of_a_file():
    """The same as item by item, of all beginnings of a file."""
    data = file_of([item(1, 2, "3"), item(4, 5, "6")], undefined=True)
    for size in range(data.index(b"ISO_IR"), len(data)):
        try:
            sequence = groups_of(data[:size])
            expected = item_by_item(sequence)
        except (hu.DicomError, AttributeError) as error:
            expected = type(error)
        try:
            found = columns(groups_of(data[:size]), PATHS)
        except (hu.DicomError, AttributeError) as error:
            found = type(error)
        assert found == expected
