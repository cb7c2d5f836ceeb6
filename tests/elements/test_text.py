"""Lines of text: the same tree as DCMTK's dcmdump prints, and safe to print."""

import re
import struct
from itertools import islice

import pytest

import hounsfield as hu
from bytewise import element, item, part10, sequence_end
from hounsfield.elements.text import cut_lines, dataset_lines, element_line, printable

LINE = re.compile(r"( *)\((....),(....)\) (..) (.*?) +# +(u/l|\d+), ?(\d+) (.*)", re.DOTALL)
PSEUDO_VRS = {"??": {"UN"}, "up": {"UL"}, "xs": {"US", "SS"}, "ox": {"OB", "OW"}, "lt": {"OW", "US"}}


def parsed(line):
    match = LINE.fullmatch(line)
    assert match, line
    indent, group, element, vr, value, length, count, name = match.groups()
    return len(indent), int(group + element, 16), vr, value, length, int(count), name


def same_value(vr, ours, theirs):
    if theirs == "(no value available)":
        return ours == theirs
    if vr == "na":  # it shows the kind of a directory's records in their items
        return ours.rpartition("#")[2].strip('()"') == theirs.rpartition("#")[2].strip('()"')
    if vr in ("FL", "FD", "OF", "OD"):  # it prints more digits than it takes to tell two numbers apart
        ours, theirs = (text.removesuffix("...").split("\\") for text in (ours, theirs))
        return all(float(a) == pytest.approx(float(b), rel=1e-6) for a, b in zip(ours, theirs, strict=False))
    if vr == "UI" and ours.startswith("="):
        return True  # it has names of its own for transfer syntaxes, and none for the new ones
    theirs = theirs.replace("\0", "")  # padding
    shown = min(len(ours), len(theirs), 60)
    return ours[:shown] == theirs[:shown]


def differs_on_purpose(ours, theirs):
    """Tell why VR, value or number of values differ, or None if they should not."""
    vr, value, their_vr, their_value = *ours[2:4], *theirs[2:4]
    if vr in PSEUDO_VRS.get(their_vr, ()):
        return "dcmdump does not settle VRs that depend on other elements"
    if their_vr in ("UN", "??") and vr != "UN":
        return "dcmdump leaves UN what our dictionaries know, private ones among them"
    if not (value.isascii() and their_value.isascii()) or "\x1b" in their_value:
        return "we decode text by its character set, and make control characters visible"
    if vr != their_vr and ours[1] == 0x7FE00010:
        return "dcmdump shows encapsulated pixel data as OB, we the VR of the header"
    return None


def without_unknown_sequences(ours, theirs):
    """Leave out the items of what dcmdump shows as the bytes of an UN of explicit length."""
    lines = iter(ours)
    for other in theirs:
        line = next(lines, None)
        if line is None:
            return
        yield line
        if line[2] == "SQ" and other[2] == "UN":
            while next(lines)[:2] != (line[0], 0xFFFEE0DD):
                pass
    yield from lines


UNREAD = {
    "MR_truncated.dcm",
    "SC_rgb_jpeg.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
    "no_meta.dcm",
    "rtplan_truncated.dcm",
}
"""The files that dcmdump does not read to their end."""


@pytest.mark.corpus(lambda file: file.path.name not in UNREAD)
def test_same_tree_as_dcmdump(corpus_file, dcmtk):
    printed = dcmtk("dcmdump", "-q", corpus_file.path)
    lines = re.findall(r"^ *\(....,....\) .+?(?=\n *\(....,....\) |\n\n#|\Z)", printed.strip(), re.S | re.M)
    theirs = [parsed(line) for line in lines]
    ds = hu.read(corpus_file.path)
    ours = [parsed(line) for part in (ds.file_meta, ds) for line in dataset_lines(part)]
    ours = list(without_unknown_sequences(ours, theirs))
    assert [line[:2] for line in ours] == [line[:2] for line in theirs]
    odd = {line for line in ours if line[4] != "u/l" and int(line[4]) % 2}
    for mine, other in zip(ours, theirs, strict=True):
        if mine in odd:  # dcmdump counts a byte that would make the length even, here and around
            assert int(mine[4]) + 1 == int(other[4])
        elif '"Directory Record"' not in other[3] and not (odd and mine[2] in ("SQ", "na")):
            # it also counts elements that it misses in a directory's records
            assert mine[4] == other[4]
        if not differs_on_purpose(mine, other):
            assert mine[2] == other[2]
            assert same_value(mine[2], mine[3], other[3]), (mine, other)
            if mine[3] not in ("(no value available)", "[]"):
                assert mine[5] == other[5]


def data_set(*elements):
    return hu.read(part10(b"".join(elements)))


@pytest.mark.parametrize(
    ("element", "line"),
    [
        (
            element(0x00100010, "PN", b"Adams^John "),
            "(0010,0010) PN [Adams^John]                             #  11, 1 PatientName",
        ),
        (
            element(0x00280010, "US", b"\x00\x02"),
            "(0028,0010) US 512                                      #   2, 1 Rows",
        ),
        (
            element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
            "(0008,0016) UI =CTImageStorage                          #  26, 1 SOPClassUID",
        ),
        (
            element(0x00189305, "FD", struct.pack("<d", 0.1)),
            "(0018,9305) FD 0.1                                      #   8, 1 RevolutionTime",
        ),
        (
            element(0x00189306, "FL", struct.pack("<2f", 0.1, float("nan"))),
            "(0018,9306) FL 0.1\\nan                                  #   8, 2 SingleCollimationWidth",
        ),
        (
            element(0x00280009, "AT", struct.pack("<4H", 0x54, 0x10, 0x3004, 0xC)),
            "(0028,0009) AT (0054,0010)\\(3004,000c)                  #   8, 2 FrameIncrementPointer",
        ),
        (
            element(0x00020001, "OB", b"\x00\x01"),
            "(0002,0001) OB 00\\01                                    #   2, 1 FileMetaInformationVersion",
        ),
        (
            element(0x00080050, "SH", b""),
            "(0008,0050) SH (no value available)                     #   0, 0 AccessionNumber",
        ),
        (
            element(0x00091001, "UN", b"\x01\x02\xff"),
            "(0009,1001) UN 01\\02\\ff                                 #   3, 1 Unknown Tag & Data",
        ),
        (
            element(0x00280010, "US", b"\x01\x02\x03"),
            "(0028,0010) US 01\\02\\03                                 #   3, 1 Rows",
        ),
    ],
)
def test_line(element, line):
    tag = struct.unpack_from("<HH", element)
    ds = data_set(element)
    found = (ds.file_meta if tag[0] == 2 else ds)[tag]
    assert element_line(found) == line
    assert repr(found) == line


def test_long_values_are_cut():
    ds = data_set(
        element(0x00104000, "LT", b"x" * 200),
        element(0x00283006, "US", struct.pack("<100H", *range(100, 200))),
        element(0x7FE00010, "OW", bytes(range(256))),
    )
    text, numbers, words = (parsed(line) for line in dataset_lines(ds))
    assert text[3] == "[" + "x" * 65 + "..."
    assert numbers[3] == "\\".join(map(str, range(100, 117))) + "..."
    assert words[3].startswith("0100\\0302\\")
    assert words[3].endswith("1918...")
    assert (text[5], numbers[5]) == (1, 100)


def test_control_characters_cannot_reach_the_terminal():
    ds = data_set(
        element(0x00080005, "CS", b"ISO_IR 192"),
        element(0x00104000, "LT", "a\r\n\x1b[31mb\x9b\x7f\u202e".encode()),
    )
    line = list(dataset_lines(ds))[1]
    assert "[a␍␊␛[31mb<U+009B>␡<U+202E>]" in line
    assert printable("Müller 山田") == "Müller 山田"


def test_what_cannot_be_read_is_said_and_the_rest_goes_on():
    broken = element(0x00081140, "SQ", b"\x08\x00\x05\x00\x04\x00\x00\x00abcd")
    ds = data_set(broken, element(0x00100020, "LO", b"1 "))
    problems = []
    lines = list(dataset_lines(ds, problem=problems.append))
    assert "(cannot be read: " in lines[0]
    assert "PatientID" in lines[-1]
    assert len(problems) == 1
    assert "(0008,0005) at byte 184: " in problems[0]


def test_many_items_are_read_as_lines_are_asked_for():
    count = 20_000
    ds = data_set(element(0x00081140, "SQ", item(element(0x00081150, "UI", b"1.2\0")) * count))
    lines = dataset_lines(ds)
    assert f"#={count}" in next(lines)
    assert len(list(islice(lines, 30))) == 30
    assert not any(ds.ReferencedImageSequence._items)
    assert sum(1 for _ in lines) == 3 * count + 1 - 30
    shown = repr(ds).splitlines()
    assert len(shown) == 1001
    assert shown[-1] == "... (cut here, after 1000 lines)"
    assert list(cut_lines(ds, 3 * count + 2))[-1].endswith("SequenceDelimitationItem")


def test_deep_nesting():
    value = element(0x00100020, "LO", b"deep")
    for _ in range(64):
        value = element(0x00081140, "SQ", item(value))
    lines = list(dataset_lines(data_set(value)))
    deepest = max(lines, key=lambda line: len(line) - len(line.lstrip()))
    assert deepest.startswith(" " * 256 + "(0010,0020) LO [deep]")


def test_fragments():
    frames = item(b"") + item(b"\xff\xd8") + item(b"ab") + sequence_end()
    ds = data_set(element(0x7FE00010, "OB", frames, length=0xFFFFFFFF))
    assert [line.split("#")[0].rstrip() + "#" + line.split("#")[-1] for line in dataset_lines(ds)] == [
        "(7fe0,0010) OB (PixelSequence# u/l, 1 PixelData",
        "  (fffe,e000) pi (no value available)#   0, 1 Item",
        "  (fffe,e000) pi ff\\d8#   2, 1 Item",
        "  (fffe,e000) pi 61\\62#   2, 1 Item",
        "(fffe,e0dd) na (SequenceDelimitationItem)#   0, 0 SequenceDelimitationItem",
    ]


@pytest.mark.parametrize("cut", range(1, 26))
def test_fragments_that_the_end_of_the_data_cuts(cut):
    """Those that are there are shown, be it a fragment that is cut or its header."""
    frames = item(b"") + item(b"\xff\xd8") + item(b"ab") + sequence_end()
    problems = []
    ds = data_set(element(0x7FE00010, "OB", frames, length=0xFFFFFFFF)[:-cut])
    lines = list(dataset_lines(ds, problem=problems.append))
    there = 3 if cut <= 10 else 2 if cut <= 20 else 1
    assert f"(PixelSequence #={there})" in lines[0]
    assert sum(line.endswith(" Item") for line in lines) == there
    assert problems == []
    with pytest.raises(hu.TruncatedError, match="have no end"):
        _ = ds["PixelData"].value


def test_fragments_among_which_something_else_stands():
    frames = item(b"") + item(b"\xff\xd8") + b"what is this?"
    problems = []
    ds = data_set(element(0x7FE00010, "OB", frames, length=0xFFFFFFFF))
    (line,) = dataset_lines(ds, problem=problems.append)
    assert "(cannot be read: " in line
    assert len(problems) == 1
    with pytest.raises(hu.ParseError):
        _ = ds["PixelData"].value
