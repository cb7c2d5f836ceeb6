"""Reading files: every element of every real file as pydicom has it, from every kind of source."""

import io
import math
import mmap
import struct
import warnings
import zlib

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

import hounsfield as hu
from bytewise import BIG, DEFLATED, EXPLICIT, IMPLICIT, element, implicit, part10, syntax_element
from hounsfield.elements import reader, scanning
from hounsfield.elements.encode import LONG_VRS
from hounsfield.elements.values import DECODERS

# Where these differ from pydicom 3, and why they should.
DELIBERATE = {
    "no_meta.dcm": "begins with a stray byte: no data set, where pydicom finds one element of junk",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "ends early: pydicom gives up on all elements before, too",
    "rtplan_truncated.dcm": "ends inside a sequence: its whole items are given, where pydicom gives none",
    "MR_truncated.dcm": "ends inside the pixel data: TruncatedError, where pydicom gives what is there",
}


def plain(value):
    """A value of either library in Python's own types."""
    if isinstance(value, MultiValue | list | tuple):
        return tuple(plain(each) for each in value)
    if isinstance(value, PersonName):
        return str(value)
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def equal(a, b):
    if isinstance(a, tuple) and isinstance(b, tuple):
        empty = ("", None)  # of several numbers, in pydicom and here
        return len(a) == len(b) and all(pair == empty or equal(*pair) for pair in zip(a, b, strict=True))
    both_nan = isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)
    return a == b or both_nan


def differences(theirs, ours, path=()):
    """What differs between two data sets, as (path, kind, theirs, ours)."""
    their_tags, our_tags = [int(tag) for tag in theirs.keys()], ours.keys()  # noqa: SIM118
    if sorted(their_tags) != our_tags:
        yield path, "tags", sorted(set(their_tags) - set(our_tags)), sorted(set(our_tags) - set(their_tags))
    for tag in sorted(set(their_tags) & set(our_tags)):
        here = (*path, f"{tag:08X}")
        element = theirs[tag]
        value = element.value
        mine = ours[tag]
        if element.VR == "UN" and tag & 0xFFFF == 0 and mine.VR == "UL":
            continue  # a group length is a UL, whatever its writer knew
        if element.VR != mine.VR:
            yield here, "VR", element.VR, mine.VR
            continue
        if element.VR == "SQ":
            if len(value) != len(mine.value):
                yield here, "items", len(value), len(mine.value)
            for index, (their_item, our_item) in enumerate(zip(value, mine.value, strict=False)):
                yield from differences(their_item, our_item, (*here, index))
        elif not equal(plain(value), plain(mine.value)):
            yield here, "value", plain(value), plain(mine.value)


def pydicom_reads(source):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(source, force=True)


@pytest.mark.corpus(lambda file: file.path.name not in DELIBERATE)
def test_every_element_as_pydicom_has_it(corpus_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(corpus_file.path, force=True)
        ours = hu.read(corpus_file.path)
        assert list(differences(theirs, ours)) == []
        assert list(differences(theirs.file_meta, ours.file_meta)) == []


class TestDeliberateDifferences:
    @pytest.fixture
    def of(self, corpus):
        return lambda name: next(corpus.rglob(name))

    def test_a_stray_byte_first(self, of):
        with pytest.raises(hu.NotDicomError, match="neither the DICM prefix"):
            hu.read(of("no_meta.dcm"))

    def test_what_stands_before_the_end_is_given(self, of):
        ds = hu.read(of("emri_small_jpeg_2k_lossless_too_short.dcm"))
        assert (ds.Rows, ds.Columns, ds.NumberOfFrames) == (64, 64, 10)

    def test_cut_pixel_data(self, of):
        ds = hu.read(of("MR_truncated.dcm"))
        assert "the data end inside the element at byte" in ds.warnings[0]
        assert ds["PixelData"].is_cut
        with pytest.raises(hu.TruncatedError, match="8130 bytes are there") as caught:
            _ = ds.PixelData
        assert caught.value.tag == 0x7FE00010
        assert caught.value.offset == ds["PixelData"].offset
        assert pydicom_reads(of("MR_truncated.dcm")).PatientName == ds.PatientName

    def test_cut_sequence(self, of):
        ds = hu.read(of("rtplan_truncated.dcm"))
        assert ds.warnings
        assert len(ds.BeamSequence) == 1


def everything(ds):
    """All that a data set holds, nested, in Python's own types."""
    found = []
    for one in ds:
        length = None
        try:
            length, value = one.length, one.value
        except hu.DicomError as error:
            value = type(error), error.tag, error.message
        if isinstance(value, hu.Sequence):
            value = [everything(item) for item in value]
        found.append((one.tag, one.VR, length, value))
    return found


def comparable(ds):
    return repr((everything(ds.file_meta), everything(ds), ds.transfer_syntax, sorted(ds.warnings)))


@pytest.mark.corpus(lambda file: file.path.name != "no_meta.dcm")
def test_every_kind_of_source_gives_the_same(corpus_file, tmp_path):
    path = corpus_file.path
    data = path.read_bytes()
    expected = comparable(hu.read(path))
    assert comparable(hu.read(str(path))) == expected
    assert comparable(hu.read(data)) == expected
    assert comparable(hu.read(bytearray(data))) == expected
    assert comparable(hu.read(memoryview(b"odd" + data)[3:])) == expected
    assert comparable(hu.read(io.BytesIO(data))) == expected
    (tmp_path / "shifted").write_bytes(b"before" + data)
    with (tmp_path / "shifted").open("rb") as file:
        file.seek(6)
        assert comparable(hu.read(file)) == expected
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        ds = hu.read(mapped)
        assert comparable(ds) == expected
        ds.close()


@pytest.mark.corpus(lambda file: int(file.row["bytes"]) < 70_000 and file.path.name != "no_meta.dcm")
@pytest.mark.parametrize("chunk", [16, 100, 4096])
def test_short_reads_give_the_same(corpus_file, monkeypatch, chunk):
    """However little is read at a time; chunks grow when an element does not fit."""
    data = corpus_file.path.read_bytes()
    expected = comparable(hu.read(data))
    monkeypatch.setattr(scanning, "CHUNK", chunk)
    monkeypatch.setattr(reader, "CHUNK", max(chunk, 132))
    assert comparable(hu.read(io.BytesIO(data))) == expected


class TestAgainstPydicomWhereBothRead:
    """A changed byte may change what is read, but then for both."""

    # Left out, as deliberate differences:
    # - of two elements with the same tag, the first one counts here and the last one there;
    # - what is noted in `warnings` here, pydicom may take for another thing without a word;
    # - nested elements: a broken item is an error or a note of its own here, junk elements there;
    # - a VR of two letters that the standard does not know has a 32-bit length here (PS3.5 Section 6.2), and
    #   there whatever the dictionary says.

    @given(st.data())
    def test_lengths_and_tags(self, drawn):
        data = bytearray(SMALL)
        at = drawn.draw(st.integers(132, len(data) - 33))
        data[at] = drawn.draw(st.integers(0, 255))
        data = bytes(data)
        try:
            ours = hu.read(data)
            tags = ours.keys()
        except hu.DicomError:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                theirs = pydicom.dcmread(io.BytesIO(data))
                values = {int(element.tag): (element.VR, element.value) for element in theirs}
            except Exception:
                return
        if ours.warnings or len(set(tags)) != len(ours._table):
            return
        assert set(tags) == set(values)
        for tag, (vr, value) in values.items():
            mine = ours[tag]
            if mine.VR == vr != "SQ" and not ours.warnings:
                assert equal(plain(value), plain(mine.value)), f"{tag:08X}"


def deflate(data):
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


SMALL = part10(
    element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
    + element(0x00080060, "CS", b"CT")
    + element(
        0x00081140, "SQ", b"\xfe\xff\x00\xe0" + struct.pack("<I", 12) + element(0x00081150, "UI", b"1.2\0")
    )
    + element(0x00100020, "LO", b"ABCD")
    + element(0x00181151, "IS", b"12")
    + element(0x00280010, "US", b"\3\0")
    + element(0x00280011, "US", b"\4\0")
    + element(0x7FE00010, "OW", bytes(24))
)


FRAGMENTS = b"\xfe\xff\0\xe0\0\0\0\0" + b"\xfe\xff\0\xe0\4\0\0\0\xff\xd8\xff\xd9"


def sources(data, path):
    path.write_bytes(data)
    return data, path, io.BytesIO(data)


class TestAssumptions:
    """Files that do not say how they are written, or say it wrong, are read, with a note."""

    PLAIN = element(0x00080060, "CS", b"CT") + element(0x00100020, "LO", b"ID")
    BARE = implicit(0x00080060, b"CT") + implicit(0x00100020, b"ID")

    @pytest.mark.parametrize(
        ("data", "syntax", "note"),
        [
            (PLAIN, EXPLICIT, "no transfer syntax is given"),
            (BARE, IMPLICIT, "no transfer syntax is given"),
            (b"DICM" + PLAIN, EXPLICIT, "no transfer syntax is given"),
            (bytes(128) + b"DICM" + PLAIN, EXPLICIT, "no transfer syntax is given"),
            (part10(PLAIN, IMPLICIT), IMPLICIT, "Implicit VR Little Endian"),
            (part10(BARE), EXPLICIT, "Explicit VR Little Endian"),
            (part10(PLAIN, DEFLATED), DEFLATED, "deflated, but the data set is not"),
            (part10(zlib.compress(PLAIN), DEFLATED), DEFLATED, "zlib header"),
        ],
    )
    def test_are_noted(self, data, syntax, note, tmp_path):
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.Modality, ds.PatientID) == ("CT", "ID")
            assert ds.transfer_syntax == syntax
            assert any(note in warning for warning in ds.warnings)

    @pytest.mark.parametrize(
        "data",
        [
            part10(PLAIN),
            part10(BARE, IMPLICIT),
            part10(b"\0\x08\0\x60CS\0\2CT\0\x10\0\x20LO\0\2ID", BIG),
            part10(deflate(PLAIN), DEFLATED),
        ],
    )
    def test_nothing_to_note(self, data, tmp_path):
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.Modality, ds.PatientID, ds.warnings) == ("CT", "ID", ())

    def test_fragments_in_a_vr_that_says_nothing(self, tmp_path):
        """Encapsulated pixel data as UN: the items are fragments, and not those of a sequence."""
        data = b"\xe0\x7f\x10\0UN\0\0\xff\xff\xff\xff" + FRAGMENTS + b"\xfe\xff\xdd\xe0\0\0\0\0"
        for source in sources(part10(self.PLAIN + data, "1.2.840.10008.1.2.4.50"), tmp_path / "file"):
            ds = hu.read(source)
            assert (ds["PixelData"].VR, ds.PixelData) == ("OB", FRAGMENTS)

    @pytest.mark.parametrize("behind", [bytes(4000), b"\x10\0\x30\0??\4\0abcd"])
    @pytest.mark.parametrize("size", [0, 70_000])
    def test_what_is_broken_behind_whole_elements(self, behind, size, tmp_path):
        """As files that were padded to whole blocks are: what stands before is read."""
        data = part10(self.PLAIN + element(0x00104000, "UT", b"x" * size) + behind)
        at = len(data) - len(behind)
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (len(ds), ds.Modality, ds.PatientID, len(ds.PatientComments)) == (3, "CT", "ID", size)
            assert len(ds.warnings) == 1
            assert ds.warnings[0].endswith(f"at byte {at}: what follows was left out")
            with pytest.raises(hu.ParseError, match=f"at byte {at}"):
                hu.read(data, strict=True)

    def test_what_is_broken_at_once(self, tmp_path):
        for source in sources(part10(bytes(4000)), tmp_path / "file"):
            with pytest.raises(hu.ParseError, match="no value representation"):
                hu.read(source)

    @pytest.mark.parametrize("vr", sorted({"SQ", *DECODERS}))
    def test_any_vr_may_come_first(self, vr, tmp_path):
        empty = b"\x08\0\3\0" + vr.encode() + bytes(6 if vr in LONG_VRS else 2)
        for source in sources(part10(empty + self.PLAIN), tmp_path / "file"):
            ds = hu.read(source, strict=True)
            assert (ds[0x00080003].VR, ds.PatientID, ds.warnings) == (vr, "ID", ())

    def test_deflated_stream_without_an_end(self):
        stream = zlib.compressobj(wbits=-15)
        packed = stream.compress(self.PLAIN) + stream.flush(zlib.Z_SYNC_FLUSH)
        ds = hu.read(part10(packed, DEFLATED))
        assert ds.PatientID == "ID"
        assert "no end" in ds.warnings[0]

    def test_deflated_with_something_behind(self):
        ds = hu.read(part10(deflate(self.PLAIN) + b"\0junk", DEFLATED))
        assert ds.PatientID == "ID"
        assert ds.warnings == ("5 bytes follow the deflate stream and were left out",)
        assert hu.read(part10(deflate(self.PLAIN) + b"\0", DEFLATED)).warnings == ()

    def test_no_data_set(self, tmp_path):
        for source in sources(part10(b""), tmp_path / "file"):
            ds = hu.read(source)
            assert len(ds) == 0
            assert ds.warnings == ("no data set follows the file meta information",)

    COMMAND = implicit(0, b"\x12\0\0\0") + implicit(0x00000002, b"1.2.840.") + implicit(0x00000100, b"\1\0")

    @pytest.mark.parametrize(
        ("data", "syntax"),
        [
            (element(0x00090010, "LO", b"GEMS") + PLAIN, EXPLICIT),
            (b"\0\x09\0\x10LO\0\4GEMS\0\x10\0\x20LO\0\2ID", BIG),
            (element(0x00280010, "US", b"\3\0") + element(0x00280011, "US", b"\4\0"), EXPLICIT),
            (element(0x00000000, "UL", b"\x0a\0\0\0") + element(0x00000100, "US", b"\1\0"), EXPLICIT),
            (COMMAND, IMPLICIT),
        ],
    )
    def test_groups_that_seldom_come_first(self, data, syntax, tmp_path):
        """Without a prefix, they count where tag and VR fit together."""
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert ds.transfer_syntax == syntax
            assert len(ds) >= 2
            theirs = pydicom_reads(io.BytesIO(data)) if syntax != BIG else ds
            assert ds.keys() == sorted(int(tag) for tag in theirs.keys())  # noqa: SIM118 - of pydicom
            assert "no preamble and no DICM prefix" in ds.warnings

    @pytest.mark.parametrize(
        "data",
        [
            element(0x00090010, "SH", b"GEMS") + PLAIN,  # no VR of a private creator
            element(0x00091010, "LO", b"GEMS") + PLAIN,
            element(0x00280010, "CS", b"\3\0") + PLAIN,
            implicit(0x00280010, b"\3\0") + implicit(0x00280011, b"\3\0"),
            element(0x00090010, "LO", b"GEMS") + b"no data elements follow",
            COMMAND[:12] + bytes(100),
            COMMAND[:12] + b"\0\0\1\0" + bytes(20),
            COMMAND[:14],
            b"ABCDLO\4\0" * 20,
            b"\0\0\0\0UL\4\0",
        ],
    )
    def test_groups_that_do_not_come_first(self, data, tmp_path):
        for source in sources(data, tmp_path / "file"):
            with pytest.raises(hu.NotDicomError):
                hu.read(source)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\0",
            bytes(1000),
            b"\xff" * 1000,
            b"GIF89a" + bytes(99),
            b"PK\3\4" * 40,
            b"%PDF-1.7\n" * 20,
        ],
    )
    def test_other_files(self, data, tmp_path):
        for source in sources(data, tmp_path / "file"):
            with pytest.raises(hu.NotDicomError) as caught:
                hu.read(source)
            assert caught.value.offset is not None
            assert caught.value.file == (str(source) if source == tmp_path / "file" else None)


class TestLargeHeaders:
    """Headers larger than one read: what lies behind the first 64 KiB is found, and the rest is not read."""

    @pytest.mark.parametrize("size", [65_000, 65_536, 70_000, 300_000, 1_000_000])
    @pytest.mark.parametrize("kind", ["value", "items", "open items", "one open item"])
    def test_a_large_element_first(self, size, kind, tmp_path):
        large = {
            "value": element(0x00091001, "OB", bytes(size)),
            "items": element(0x00091001, "SQ", item(size // 1000) * 1000),
            "open items": OPEN + item(size // 1000) * 1000 + CLOSE,
            "one open item": OPEN
            + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
            + inner(size)
            + b"\xfe\xff\x0d\xe0\0\0\0\0"
            + CLOSE,
        }[kind]
        data = part10(
            element(0x00080005, "CS", b"ISO_IR 100")
            + element(0x00090010, "LO", b"MAKER ")
            + large
            + element(0x00100010, "PN", b"M\xfcller")
            + element(0x00280010, "US", b"\3\0")
            + element(0x00280011, "US", b"\4\0")
            + element(0x7FE00010, "OW", bytes(1 << 20))
            + element(0xFFFCFFFC, "OB", b"behind")
        )
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.PatientName, ds.Rows, ds.Columns) == ("Müller", 3, 4)
            assert ds["PixelData"].length == 1 << 20
            assert ds[0x00091001].length == len(large) - 12 - (8 if "open" in kind else 0)
            if kind != "value":
                assert len(ds[0x00091001].value) == (1 if kind == "one open item" else 1000)
                assert len(ds[0x00091001].value[-1][0x00090101].value) > 0
            assert ds[0xFFFCFFFC].value == b"behind"
            assert ds.warnings == ()

    def test_a_cut_data_set_without_a_prefix(self, tmp_path):
        """It is one by the elements of all reads, not by those of the first alone."""
        data = implicit(0x00080005, b"ISO_IR 100" + bytes(70_000)) + implicit(0x00080060, b"CT")
        data += implicit(0x7FE00010, bytes(100), length=200)
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert ds.Modality == "CT"
            assert any("the data end inside the element" in warning for warning in ds.warnings)

    def test_a_sign_behind_a_large_value(self, tmp_path):
        """Pixel Representation decides what an implicit VR's US or SS is, wherever it stands."""
        data = part10(
            implicit(0x00080005, b"ISO_IR 100")
            + implicit(0x00091001, bytes(100_000))
            + implicit(0x00280103, b"\1\0")
            + implicit(0x00280106, b"\xff\xff")
            + implicit(0x00280107, b"\xfe\xff"),
            IMPLICIT,
        )
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.SmallestImagePixelValue, ds.LargestImagePixelValue) == (-1, -2)
            assert ds["SmallestImagePixelValue"].VR == "SS"

    @pytest.mark.parametrize("size", [100_000, *range(65_300, 65_400, 2)])
    def test_a_character_set_behind_a_large_value(self, size, tmp_path):
        """Also where the first read ends inside it."""
        data = part10(
            element(0x00080001, "UN", bytes(size))
            + element(0x00080005, "CS", b"ISO_IR 100")
            + element(0x00080060, "CS", b"CT")
            + element(0x00100010, "PN", b"M\xfcller")
        )
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.PatientName, ds.warnings) == ("Müller", ())

    @pytest.mark.parametrize("second", [IMPLICIT, BIG, "1.2.3"])
    def test_a_transfer_syntax_that_stands_there_twice(self, second, tmp_path):
        """The first one counts, wherever the bytes come from."""
        meta = syntax_element(EXPLICIT) + syntax_element(second)
        data = bytes(128) + b"DICM" + meta + SMALL[SMALL.index(b"\x08\0\x16\0") :]
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.transfer_syntax, ds.Modality) == (EXPLICIT, "CT")
            assert any("more than once" in warning for warning in ds.warnings)

    def test_large_meta_information(self, tmp_path):
        meta = syntax_element(EXPLICIT) + element(0x00020102, "OB", bytes(200_000))
        data = bytes(128) + b"DICM" + meta + element(0x00080060, "CS", b"CT")
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.Modality, len(ds.file_meta.PrivateInformation)) == ("CT", 200_000)

    @pytest.mark.parametrize("count", [2000, 20_000])
    def test_many_elements(self, count, tmp_path):
        tags = [0x00110000 + 0x1000 + index for index in range(min(count, 0xEFFF))]
        data = part10(b"".join(element(tag, "LO", b"%06d" % (tag & 0xFFFF)) for tag in tags))
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert ds.keys() == tags
            assert [int(each.value) for each in ds] == [tag & 0xFFFF for tag in tags]


def inner(size):
    return element(0x00090101, "UN", b"x" * (size & ~1))


def item(size):
    value = inner(size)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value


OPEN = struct.pack("<HH2sHI", 0x0009, 0x1001, b"SQ", 0, 0xFFFFFFFF)
CLOSE = b"\xfe\xff\xdd\xe0\0\0\0\0"


class TestBehindPixelData:
    BEHIND = element(0xFFFCFFFC, "OB", b"behind")
    FRAGMENTS = (
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 100_000)
        + bytes(100_000)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 4)
        + b"abcd"
        + CLOSE
    )
    START = element(0x00080060, "CS", b"CT") + element(0x00280010, "US", b"\3\0")

    @pytest.mark.parametrize(
        "pixels", [element(0x7FE00010, "OW", bytes(size)) for size in (2, 65_000, 200_000)]
    )
    def test_native(self, pixels, tmp_path):
        self.check(part10(self.START + pixels + self.BEHIND), tmp_path)
        assert hu.read(tmp_path / "file").warnings == ()

    @pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009])
    def test_floats(self, tag, tmp_path):
        vr = "OF" if tag == 0x7FE00008 else "OD"
        self.check(part10(self.START + element(tag, vr, bytes(80_000)) + self.BEHIND), tmp_path)

    def test_encapsulated(self, tmp_path):
        data = part10(self.START + self.FRAGMENTS + self.BEHIND, "1.2.840.10008.1.2.4.50")
        self.check(data, tmp_path)
        ds = hu.read(tmp_path / "file")
        assert ds.warnings == ()
        assert ds["PixelData"].length == len(self.FRAGMENTS) - 12 - 8
        assert ds.PixelData == self.FRAGMENTS[12:-8]

    def check(self, data, tmp_path):
        for look in (
            lambda ds: ds.get("DataSetTrailingPadding"),
            lambda ds: "DataSetTrailingPadding" in ds and ds.DataSetTrailingPadding,
            lambda ds: ds[0xFFFCFFFC].value,
            lambda ds: list(ds)[-1].value,
        ):
            for source in sources(data, tmp_path / "file"):
                ds = hu.read(source)
                assert look(ds) == b"behind"

    def test_encapsulated_behind_a_tag_that_should_come_later(self, tmp_path):
        start = self.START + element(0x88080080, "LO", b"late")
        data = part10(start + self.FRAGMENTS + self.BEHIND, "1.2.840.10008.1.2.4.50")
        self.check(data, tmp_path)
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.PixelData, ds[0x88080080].bytes) == (self.FRAGMENTS[12:-8], b"late")
            assert len(ds) == 5
            assert ds.warnings == ("(7FE0,0010) PixelData: stands behind (8808,0080): tags should rise",)

    @pytest.mark.parametrize("size", [2, 100_000])
    @pytest.mark.parametrize("junk", [b"\0", bytes(4), bytes(512), b"\xff" * 40, b"junk" * 9])
    def test_junk_does_not_hide_what_stands_before(self, junk, size, tmp_path):
        pixels = element(0x7FE00010, "OW", bytes(size))
        for source in sources(part10(self.START + pixels + junk), tmp_path / "file"):
            ds = hu.read(source)
            assert ds.Modality == "CT"
            assert len(ds.PixelData) == size
            assert ds.keys()[:3] == [0x00080060, 0x00280010, 0x7FE00010]
            assert ds.warnings

    @pytest.mark.parametrize("size", [2, 100_000])
    def test_pixel_data_before_their_description(self, size, tmp_path):
        """Out of order, as no writer should leave it: all is found."""
        data = element(0x00080060, "CS", b"CT") + element(0x7FE00010, "OW", bytes(size))
        data = part10(data + element(0x00280010, "US", b"\3\0") + element(0x00100020, "LO", b"ID"))
        for source in sources(data, tmp_path / "file"):
            ds = hu.read(source)
            assert (ds.PatientID, ds.Rows, len(ds)) == ("ID", 3, 4)


def test_a_read_leaves_the_pixel_data_alone(tmp_path):
    class Counting(io.BytesIO):
        got = 0

        def read(self, *arguments):
            data = super().read(*arguments)
            self.got += len(data)
            return data

    start = element(0x00080060, "CS", b"CT") + element(0x00280010, "US", b"\3\0")
    data = part10(start + element(0x7FE00010, "OW", bytes(30 << 20)))
    file = Counting(data)
    ds = hu.read(file)
    assert (ds.Modality, ds.Rows, len(ds)) == ("CT", 3, 3)
    assert ds["PixelData"].length == 30 << 20
    assert file.got <= 65536
    (tmp_path / "file").write_bytes(data)
    before = _bytes_read()
    ds = hu.read(tmp_path / "file")
    assert (ds.Modality, ds.Rows, len(ds)) == ("CT", 3, 3)
    assert _bytes_read() - before < 100_000


def _bytes_read():
    try:
        with open("/proc/self/io") as file:  # noqa: PTH123
            return int(file.readline().split()[1])
    except OSError:
        pytest.skip("no /proc/self/io")
