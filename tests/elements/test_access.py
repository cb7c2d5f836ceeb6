"""Ways into a data set: dotted paths, the walk, private blocks."""

import io
import warnings

import pydicom
import pytest

import hounsfield as hu

DIFFERENT = {
    "no_meta.dcm": "begins with a stray byte: no data set, where pydicom finds one element of junk",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "ends early: pydicom gives up on all elements before, too",
}
PATH = "OtherPatientIDsSequence.1.PatientID"


@pytest.fixture
def ct(pydicom_path):
    return hu.read(pydicom_path("CT_small.dcm"))


class TestPath:
    @pytest.mark.parametrize(
        "path",
        [
            PATH,
            "OtherPatientIDsSequence.-1.PatientID",
            "00101002.1.00100020",
            "OtherPatientIDsSequence.1.0010,0020",
        ],
    )
    def test_leads_to_an_element(self, ct, path):
        assert ct[path].value == ct.get(path) == "1234ABCD"
        assert ct[path].tag == 0x00100020
        assert path in ct

    def test_may_end_in_an_item(self, ct):
        assert ct.get("OtherPatientIDsSequence.0") is ct.OtherPatientIDsSequence[0]
        assert "OtherPatientIDsSequence.0" in ct
        assert "OtherPatientIDsSequence.2" not in ct
        with pytest.raises(hu.OptionError, match="leads to an item"):
            ct["OtherPatientIDsSequence.0"]

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("OtherPatientIDsSequence.2.PatientID", "OtherPatientIDsSequence has no item 2: it has 2"),
            ("OtherPatientIDsSequence.-3.PatientID", "OtherPatientIDsSequence has no item -3"),
            ("OtherPatientIDsSequence.1.Rows", "OtherPatientIDsSequence.1 has no element Rows"),
            ("ReferencedImageSequence.0.Rows", "the data set has no element ReferencedImageSequence"),
            ("Rows.0.Columns", "Rows is no sequence"),
            ("OtherPatientIDsSequence.1.PatientIDs", "'PatientIDs' is neither .* did you mean PatientID"),
            ("OtherPatientIDsSequence.1.", "'' is neither"),
            (".PatientID", "'' is neither"),
            (".", "'' is neither"),
        ],
    )
    def test_tells_the_step_that_is_missing(self, ct, path, message):
        with pytest.raises(hu.MissingElementError, match=message) as caught:
            ct[path]
        assert caught.value.file == ct.filename
        assert path not in ct
        assert ct.get(path) is None
        assert ct.get(path, 5) == 5

    @pytest.mark.parametrize(
        "path",
        [
            "OtherPatientIDsSequence.PatientID",
            "OtherPatientIDsSequence.1_0.PatientID",
            f"OtherPatientIDsSequence.{'9' * 5000}.PatientID",
            "OtherPatientIDsSequence..PatientID",
        ],
    )
    def test_that_is_none(self, ct, path):
        with pytest.raises(hu.OptionError):
            ct[path]
        assert path not in ct
        assert ct.get(path, 5) == 5


class TestWalk:
    @pytest.mark.corpus(lambda file: file.path.name not in DIFFERENT)
    def test_same_elements_as_pydicom(self, corpus_file):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(corpus_file.path, force=True)
            theirs = [int(element.tag) for element in ds.iterall()]
        assert [element.tag for _, element in hu.read(corpus_file.path).walk()] == theirs

    @pytest.mark.corpus(lambda file: file.path.name != "no_meta.dcm")
    def test_paths_are_keys(self, corpus_file):
        ds = hu.read(corpus_file.path)
        for number, (path, element) in enumerate(ds.walk()):
            if number % 7 == 0:
                found = ds[path]
                assert (found.tag, found.offset) == (element.tag, element.offset)

    def test_repeating_groups_and_private_elements(self):
        ds = hu.read(
            b"\x08\0\x60\0CS\2\0CT\x09\0\x10\0LO\4\0MAKE\x09\0\1\x10LO\2\0ab"
            b"\0\x60\x10\0US\2\0\1\0\2\x60\x10\0US\2\0\2\0"
        )
        assert [path for path, _ in ds.walk()] == [
            "Modality",
            "00090010",
            "00091001",
            "OverlayRows",
            "60020010",
        ]

    def test_keyword_that_many_tags_share(self):
        """Escape Triplet is (1000,xxx0): its keyword leads to none of them."""
        ds = hu.read(b"\x08\0\x60\0CS\2\0CT" + b"\0\x10\x10\0US\2\0\1\0")
        assert [path for path, _ in ds.walk()] == ["Modality", "10000010"]
        assert ds["10000010"].keyword == "EscapeTriplet"
        assert ds.to_dict() == {"Modality": "CT", "10000010": 1}

    def test_as_deep_as_sequences_go(self):
        data = b""
        for _ in range(60):
            item = b"\xfe\xff\0\xe0" + len(data).to_bytes(4, "little") + data
            data = b"\x08\0\x40\x11SQ\0\0" + len(item).to_bytes(4, "little") + item
        paths = [path for path, _ in hu.read(data).walk()]
        assert len(paths) == 60
        assert paths[-1].count("ReferencedImageSequence.0") == 59

    def test_keeps_no_items(self, ct):
        assert len(list(ct.walk())) == len(ct) + 4
        assert not any(ct.OtherPatientIDsSequence._items)


class TestPrivateBlock:
    def test_elements(self, ct, pydicom_path):
        block = ct.private_block(0x0009, "GEMS_IDEN_01")
        theirs = pydicom.dcmread(pydicom_path("CT_small.dcm")).private_block(0x0009, "GEMS_IDEN_01")
        assert block[0x01].value == theirs[0x01].value == block.get(0x01)
        assert block[0x01].name == "Full fidelity"
        assert block.get_tag(0x02) == theirs.get_tag(0x02) == 0x00091002
        assert (block.group, block.block_start) == (theirs.group, theirs.block_start)
        assert 0x01 in block
        assert 0x03 not in block
        assert "x" not in block
        assert block.get(0x03, 5) == 5
        tags = [element.tag for element in ct if 0x00091000 <= element.tag <= 0x000910FF]
        assert [element.tag for element in block] == tags
        assert repr(block) == "<PrivateBlock (0009,1000) 'GEMS_IDEN_01'>"
        assert ct.get_private_item(0x0009, 0x01, "GEMS_IDEN_01").value == "GE_GENESIS_FF"
        with pytest.raises(hu.MissingElementError):
            block[0x03]
        with pytest.raises(hu.OptionError):
            block[0x100]

    def test_creators(self, ct):
        assert ct.private_creators(0x0009) == ["GEMS_IDEN_01"]
        assert ct.private_creators(0x0007) == []
        with pytest.raises(hu.MissingElementError, match=r"no block in group 0009, where GEMS_IDEN_01 has"):
            ct.private_block(0x0009, "SIEMENS")
        with pytest.raises(hu.OptionError, match="odd"):
            ct.private_block(0x0010, "SIEMENS")

    def test_several_of_one_creator(self):
        """pydicom knows only the first: what it gives is the same here, and what it lacks is there."""
        data = (
            b"\x08\0\x60\0CS\2\0CT\x09\0\x10\0LO\2\0A \x09\0\x11\0LO\2\0B \x09\0\x12\0LO\2\0B "
            b"\x09\0\1\x11LO\2\0b1\x09\0\2\x11LO\2\0b2\x09\0\2\x12LO\2\0b4\x09\0\3\x12LO\2\0b5"
        )
        ds = hu.read(data)
        assert ds.private_creators(9) == ["A", "B", "B"]
        block = ds.private_block(9, "B")
        theirs = pydicom.dcmread(io.BytesIO(data), force=True).private_block(9, "B")
        assert block.block_start == theirs.block_start == 0x1100
        assert block.block_starts == (0x1100, 0x1200)
        assert repr(block) == "<PrivateBlock (0009,1100), (0009,1200) 'B'>"
        for offset in range(0x100):
            if offset in theirs:
                assert block.get(offset) == theirs[offset].value
                assert block.get_tag(offset) == theirs.get_tag(offset)
        assert [block.get(offset) for offset in range(1, 5)] == ["b1", "b2", "b5", None]
        assert [offset in block for offset in range(5)] == [False, True, True, True, False]
        assert block.get_tags(2) == (0x00091102, 0x00091202)
        assert block.get_tags(4) == ()
        assert block.get_tag(4) == theirs.get_tag(4) == 0x00091104
        assert [element.value for element in block] == ["b1", "b2", "b4", "b5"]
        assert ds.get_private_item(9, 3, "B").tag == 0x00091203
        assert list(ds.private_block(9, "A")) == []
        with pytest.raises(hu.MissingElementError, match="where A, B has"):
            ds.private_block(9, "C")
