"""What is broken in the wild: repaired with a warning by default, an error with ``strict=True``.

| what | tested here | and in |
|---|---|---|
| UN of undefined length | TestUnknownOfUndefinedLength | kernels/test_scan.py |
| no preamble, no meta information, no or a wrong transfer syntax | TestNotSayingHow | test_reader.py |
| implicit VR in explicit files, and the reverse | TestMixedVR | kernels/test_scan.py |
| deflated with a zlib header, or with something behind | TestNotSayingHow | test_reader.py |
| tags out of order, duplicates, odd and wrong lengths | TestOrderAndLengths | hostile/test_broken_files.py |
| deep and long sequences | TestDeepAndLong | hostile/test_broken_files.py, TestDepth |
| character sets unknown, wrong or missing | TestCharacterSets | test_charset.py |
| numbers and dates that are none | TestNumbers | test_values.py, test_times.py |
"""

import io
import pickle
import struct
import time
import zlib

import pytest

import hounsfield as hu
from bytewise import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    element,
    implicit,
    item,
    part10,
    sequence_end,
)
from hounsfield.elements.scanning import CHUNK

CT = element(0x00080060, "CS", b"CT")
ID = element(0x00100020, "LO", b"ID")


def is_repaired(data, *sentences, error=hu.ParseError, look=lambda ds: ds.Modality):
    """Check that the warnings are these, and that `strict` makes an error of them; give the data set."""
    ds = hu.read(data)
    look(ds)
    for sentence in sentences:
        assert any(sentence in warning for warning in ds.warnings), ds.warnings
    assert len(ds.warnings) == len(sentences)
    with pytest.raises(error):
        look(hu.read(data, strict=True))
    return ds


def is_sound(data):
    """Check that there is nothing to warn of, and nothing that `strict` minds; give the data set."""
    for ds in (hu.read(data), hu.read(data, strict=True)):
        assert walked(ds) == ()
    return ds


def walked(ds):
    """The warnings, when all has been looked at."""
    for each in ds:
        if isinstance(each.value, hu.Sequence):
            for one in each.value:
                walked(one)
    return ds.warnings


@pytest.mark.corpus(lambda file: file.path.parent.name == "pydicom+pydicom")
def test_strict_raises_if_and_only_if_there_is_a_warning(corpus_file):
    try:
        ds = hu.read(corpus_file.path)
        warned = bool(walked(ds))
    except hu.DicomError:
        warned = True
    try:
        walked(hu.read(corpus_file.path, strict=True))
    except hu.DicomError:
        assert warned
    else:
        assert not warned


class TestUnknownOfUndefinedLength:
    """PS3.5 Section 6.2.2 note 2 and CP-246: the items are in implicit VR little endian."""

    def test_is_a_sequence(self):
        items = item(implicit(0x00080060, b"MR")) + item(implicit(0x00080060, b"US"))
        ds = is_sound(part10(CT + element(0x00091001, "UN", items + sequence_end(), length=UNDEFINED) + ID))
        assert ds[0x00091001].VR == "SQ"
        assert [one.Modality for one in ds[0x00091001].value] == ["MR", "US"]
        assert ds.PatientID == "ID"

    def test_in_big_endian(self):
        """Where the items inherit the character set, though not the byte order."""
        items = item(implicit(0x00100010, b"M\xfcller") + implicit(0x00280010, b"\3\0"))
        data = (
            element(0x00080005, "CS", b"ISO_IR 100", ">")
            + element(0x00091001, "UN", items + sequence_end(), ">", length=UNDEFINED)
            + element(0x00100010, "PN", b"Ren\xe9", ">")
        )
        ds = is_sound(part10(data, BIG))
        assert ds.PatientName == "René"
        assert ds[0x00091001].value[0].PatientName == "Müller"
        assert ds[0x00091001].value[0].Rows == 3


class TestNotSayingHow:
    @pytest.mark.parametrize(
        ("data", "sentences"),
        [
            (CT + ID, ("no preamble and no DICM prefix", "no transfer syntax is given")),
            (b"DICM" + part10(CT + ID)[132:], ("no preamble",)),
            (part10(CT + ID)[132:], ("no preamble and no DICM prefix",)),
            (bytes(128) + b"DICM" + CT + ID, ("no transfer syntax is given",)),
            (part10(CT + ID, IMPLICIT), ("but the data set is written in Explicit VR Little Endian",)),
            (part10(CT + ID, DEFLATED), ("but the data set is not: read as it is",)),
            (part10(zlib.compress(CT + ID), DEFLATED), ("zlib header",)),
        ],
    )
    def test_is_made_up_for(self, data, sentences):
        ds = is_repaired(data, *sentences)
        assert (ds.Modality, ds.PatientID) == ("CT", "ID")

    @pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.999", "1.2.3", ""])
    def test_in_a_way_that_nobody_knows(self, syntax, tmp_path):
        data = part10(CT + ID, syntax)
        sentence = f"the transfer syntax '{syntax}' is unknown: taken for Explicit VR Little Endian"
        is_repaired(data, sentence)
        (tmp_path / "file").write_bytes(data)
        ds = is_repaired(tmp_path / "file", sentence)
        assert (ds.PatientID, ds.transfer_syntax) == ("ID", syntax)
        assert pickle.loads(pickle.dumps(ds)).warnings == ds.warnings

    def test_the_group_length_of_the_meta_information(self):
        data = bytearray(part10(CT + ID))
        data[140] += 1
        is_repaired(
            bytes(data), "(0002,0000) FileMetaInformationGroupLength: says that the group has 29 bytes"
        )


class TestMixedVR:
    def test_in_the_middle(self):
        ds = is_repaired(
            part10(CT + implicit(0x00100010, b"A^B ") + ID),
            "(0010,0010) PatientName: is written in implicit VR",
        )
        assert (ds.PatientName, ds.PatientID) == ("A^B", "ID")

    def test_explicit_in_implicit(self):
        data = implicit(0x00080060, b"CT") + element(0x00100010, "PN", b"A^B ") + implicit(0x00100020, b"ID")
        ds = is_repaired(part10(data, IMPLICIT), "(0010,0010) PatientName: is written in explicit VR")
        assert (ds.PatientName, ds.PatientID) == ("A^B", "ID")

    @pytest.mark.parametrize("room", range(8, 41, 4))
    def test_where_what_was_read_ends(self, room, tmp_path):
        """ "OW" is a length of implicit VR, too: that it leads nowhere shows only behind what was read."""
        data = part10(implicit(0x00080060, b"CT"), IMPLICIT)
        data += implicit(0x00091001, bytes(CHUNK - len(data) - 8 - room))
        data += element(0x00091002, "OW", bytes(30000)) + implicit(0x00100020, b"ID")
        path = tmp_path / "mixed.dcm"
        path.write_bytes(data)
        for source in (data, path, io.BytesIO(data)):
            ds = hu.read(source)
            assert ds.keys() == [0x00080060, 0x00091001, 0x00091002, 0x00100020]
            assert ds[0x00091002].length == 30000

    @pytest.mark.parametrize("other", [False, True])
    def test_items(self, other):
        inside = item(element(0x00080060, "CS", b"MR") if other else implicit(0x00080060, b"MR"))
        data = implicit(0x00081140, inside) if other else CT + element(0x00081140, "SQ", inside)
        data += implicit(0x00100020, b"ID") if other else ID
        ds = hu.read(part10(data, IMPLICIT if other else EXPLICIT))
        one = ds.ReferencedImageSequence[0]
        assert (one.Modality, ds.PatientID) == ("MR", "ID")
        assert len(one.warnings) == 1
        with pytest.raises(hu.ParseError, match="is written in"):
            _ = hu.read(part10(data, IMPLICIT if other else EXPLICIT), strict=True).ReferencedImageSequence[0]


class TestOrderAndLengths:
    def test_order(self):
        ds = is_repaired(part10(ID + CT), "(0008,0060) Modality: stands behind (0010,0020)")
        assert ds.keys() == [0x00080060, 0x00100020]

    def test_duplicates(self):
        """The first one counts."""
        again = element(0x00080060, "CS", b"MR")
        ds = is_repaired(
            part10(CT + again + ID), "(0008,0060) Modality: stands in the data set more than once"
        )
        assert (ds.Modality, len(ds)) == ("CT", 2)

    def test_odd_lengths(self):
        ds = is_repaired(
            part10(element(0x00080060, "CS", b"CTX") + ID), "(0008,0060) Modality: has an odd length, 3"
        )
        assert (ds.Modality, ds.PatientID) == ("CTX", "ID")

    def test_group_lengths(self):
        length = element(0x00080000, "UL", struct.pack("<I", 11))
        ds = is_repaired(
            part10(length + CT + ID), "(0008,0000): says that the group has 11 bytes, and it has 10"
        )
        assert ds.PatientID == "ID"
        is_sound(part10(element(0x00080000, "UL", struct.pack("<I", 10)) + CT + ID))

    def test_several_group_lengths_in_one_warning(self):
        def group(tag, said, rest):
            return element(tag, "UL", struct.pack("<I", said)) + rest

        sound = group(0x00180000, 10, element(0x00180015, "CS", b"HE"))
        data = group(0x00080000, 11, CT) + group(0x00100000, 0, ID) + sound
        ds = hu.read(part10(data + group(0x00200000, 9, element(0x00200011, "IS", b"3 "))))
        assert ds.warnings == (
            "(0008,0000): says that the group has 11 bytes, and it has 10; "
            "the lengths of these groups are wrong, too: 0010, 0020",
        )
        assert ds[0x00080000].warnings == ds.warnings

    def test_a_length_with_the_high_bit(self):
        data = part10(CT + element(0x00091001, "UN", b"abcd", length=0x80000004))
        ds = is_repaired(data, "the data end inside the element at byte", error=hu.TruncatedError)
        with pytest.raises(hu.TruncatedError):
            _ = ds[0x00091001].value

    @pytest.mark.parametrize(
        ("vr", "value", "there", "shown"),
        [
            ("LO", b"ABCDEF", 4, "ABCD"),
            ("PN", "René^A".encode("latin-1"), 4, "René"),
            ("DS", b"1.5\\2.25 ", 6, ("1.5", "2.")),
            ("UI", b"1.2.840.", 5, "1.2.8"),
            ("UT", b"x" * 100_000, 70_000, "x" * 70_000),
        ],
    )
    def test_text_that_the_end_cuts(self, vr, value, there, shown, tmp_path):
        """What is there is shown; of a number as text, as its last digits may be missing."""
        whole = part10(element(0x00080005, "CS", b"ISO_IR 100") + CT + element(0x00091001, vr, value))
        data = whole[: there - len(value)]
        (tmp_path / "file").write_bytes(data)
        for source in (data, tmp_path / "file"):
            ds = hu.read(source)
            assert ds[0x00091001].value == shown
            assert ds[0x00091001].warnings == (
                f"(0009,1001): the data end inside the value, of which {there} bytes are there",
            )
            with pytest.raises(hu.TruncatedError):
                _ = ds[0x00091001].bytes
        with pytest.raises(hu.TruncatedError):
            hu.read(data, strict=True)

    def test_text_that_the_end_of_an_item_cuts(self):
        data = part10(CT + element(0x00081140, "SQ", item(element(0x00100020, "LO", b"ABCD", length=8))))
        assert hu.read(data[:-2]).ReferencedImageSequence[0].PatientID == "AB"
        with pytest.raises(hu.ParseError):
            _ = hu.read(data[:-2], strict=True).ReferencedImageSequence[0].PatientID

    def test_numbers_that_the_end_cuts(self):
        ds = hu.read(part10(CT + element(0x00091001, "FD", bytes(16)))[:-4])
        with pytest.raises(hu.TruncatedError, match="12 bytes are there"):
            _ = ds[0x00091001].value

    def test_a_stray_delimiter(self):
        ds = is_repaired(part10(CT + sequence_end() + ID), "(FFFE,E0DD)")
        assert (ds.Modality, ds.PatientID) == ("CT", "ID")

    @pytest.mark.parametrize("behind", [bytes(3), bytes(512), b"junk" * 9])
    def test_behind_the_pixel_data(self, behind):
        image = element(0x00280010, "US", b"\3\0") + element(0x7FE00010, "OW", bytes(24))
        ds = hu.read(part10(CT + image + behind), strict=True)
        assert len(ds.PixelData) == 24  # as a read looks no further
        with pytest.raises(hu.DicomError):
            len(ds)


class TestDeepAndLong:
    def test_deep(self):
        data = b""
        for _ in range(2000):
            data = struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, UNDEFINED) + item(b"")[:4] + b"\xff" * 4 + data
        start = time.perf_counter()
        with pytest.raises(hu.LimitError):
            hu.read(part10(data))
        assert time.perf_counter() - start < 1

    def test_long(self):
        one = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED) + ID + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        data = part10(element(0x52009230, "SQ", one * 100_000 + sequence_end(), length=UNDEFINED))
        start = time.perf_counter()
        ds = hu.read(data)
        groups = ds.PerFrameFunctionalGroupsSequence
        assert (len(groups), groups[99_999].PatientID) == (100_000, "ID")
        assert time.perf_counter() - start < 1  # it takes 10 ms


class TestCharacterSets:
    NAME = element(0x00100010, "PN", b"Ren\xe9")

    @staticmethod
    def of(term):
        return element(0x00080005, "CS", term)

    @pytest.mark.parametrize(
        ("term", "sentences"),
        [
            (b"ISO-IR 100", ("is not a defined term; read as iso8859_1",)),
            (b"ISO_IR 999", ("is unknown; read as the default repertoire", "and no character set is given")),
            (b"", ("and no character set is given for them; read as Latin-1",)),
        ],
    )
    def test_fall_back(self, term, sentences):
        data = part10(self.of(term) + self.NAME)
        ds = is_repaired(data, *sentences, error=hu.ElementError, look=lambda ds: ds.PatientName)
        assert ds.PatientName == "René"
        assert ds["PatientName"].bytes == b"Ren\xe9"

    def test_wrong(self):
        data = part10(self.of(b"ISO_IR 192") + self.NAME)
        ds = is_repaired(
            data, "some bytes mean nothing in utf_8", error=hu.ElementError, look=lambda ds: ds.PatientName
        )
        assert ds.PatientName == "Ren\ufffd"
        assert ds["PatientName"].bytes == b"Ren\xe9"
        assert len(ds["PatientName"].warnings) == 1
        assert hu.read(data, character_set="ISO_IR 100").PatientName == "René"

    def test_of_an_item(self):
        items = (
            item(self.of(b"ISO_IR 144") + element(0x00100010, "PN", b"\xb8\xd2\xd0\xdd"))
            + item(self.NAME)
            + item(self.of(b"ISO_IR 192") + element(0x00100010, "PN", "山田^太郎 ".encode()))
        )
        ds = is_sound(part10(self.of(b"ISO_IR 100") + element(0x00081140, "SQ", items) + self.NAME))
        assert ds.PatientName == "René"
        names = [one.PatientName for one in ds.ReferencedImageSequence]
        assert names == ["Иван", "René", "山田^太郎"]

    def test_that_the_caller_knows(self):
        inside = item(self.of(b"ISO_IR 100") + element(0x00100010, "PN", "Иван".encode()))
        data = part10(
            self.of(b"ISO_IR 144")
            + element(0x00081140, "SQ", inside)
            + element(0x00100010, "PN", "山田".encode())
        )
        for character_set in ("ISO_IR 192", ["ISO_IR 192"], "utf-8"):
            ds = hu.read(data, character_set=character_set)
            assert ds.SpecificCharacterSet == "ISO_IR 144"
            assert ds.PatientName == "山田"
            assert ds.ReferencedImageSequence[0].PatientName == "Иван"
            assert ds.warnings == ()
        for character_set in (b"ISO_IR 192", [None], (1, 2)):
            with pytest.raises(TypeError, match="character_set is a term or several"):
                hu.read(data, character_set=character_set)

    def test_that_the_caller_knows_is_pickled(self):
        ds = hu.read(part10(element(0x00100010, "PN", "山田".encode())), character_set="ISO_IR 192")
        assert pickle.loads(pickle.dumps(ds)).PatientName == "山田"

    def test_with_code_extensions_that_the_caller_knows(self):
        data = part10(element(0x00100010, "PN", b"\xd4\xcf\xc0\xde=\x1b$B;3ED\x1b(J"))
        ds = hu.read(data, character_set=("ISO 2022 IR 13", "ISO 2022 IR 87"))
        assert ds.PatientName == "ﾔﾏﾀﾞ=山田"

    def test_that_nobody_knows(self):
        for character_set in ("nonsense", ("ISO 2022 IR 100", "ISO_IR 999")):
            with pytest.raises(hu.OptionError, match="is unknown"):
                hu.read(part10(self.NAME), character_set=character_set)


class TestNumbers:
    @pytest.mark.parametrize(
        ("vr", "raw", "value"),
        [
            ("DS", b" 1.50\0", 1.5),
            ("DS", b"1e5 ", 1e5),
            ("DS", b"1\\\\3", (1, None, 3)),
            ("DS", b"\\ ", (None, None)),
            ("DS", b"    ", None),
            ("IS", b" 12 ", 12),
            ("IS", b"12\0\0", 12),
            ("IS", b"1\\", (1, None)),
            ("IS", b"1.0 ", 1),
        ],
    )
    def test_with_spaces_nulls_and_empty_parts(self, vr, raw, value):
        assert is_sound(part10(element(0x00091001, vr, raw)))[0x00091001].value == value

    @pytest.mark.parametrize(
        ("vr", "raw", "value"),
        [
            ("DS", b"junk", "junk"),
            ("DS", b"1.5\\x ", (1.5, "x")),
            ("DS", b"1,5 ", "1,5"),
            ("IS", b"1.5 ", 1.5),
            ("IS", b"1e\\2", ("1e", 2)),
            ("DA", b"19970430..", "19970430.."),
            ("TM", b"10:30:45", "10:30:45"),
            ("DT", b"2004-01-", "2004-01-"),
            ("UL", b"\1\2\3\4\5\6", b"\1\2\3\4\5\6"),
        ],
    )
    def test_that_are_none_are_shown(self, vr, raw, value):
        data = part10(element(0x00091001, vr, raw))
        ds = hu.read(data)
        assert ds[0x00091001].value == value
        assert len(ds[0x00091001].warnings) == len(ds.warnings) == 1
        with pytest.raises(hu.ElementError) as caught:
            _ = hu.read(data, strict=True)[0x00091001].value
        assert (caught.value.tag, caught.value.offset) == (0x00091001, len(data) - len(raw))
