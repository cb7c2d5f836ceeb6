"""Data sets and their elements: how they are asked, and what they say."""

import gc
import io
import pickle
import weakref

import pytest
from pydicom import dcmread

import hounsfield as hu
from hounsfield.elements.dataset import Dataset as Elements


@pytest.fixture(params=["path", "bytes", "file"])
def ct(request, pydicom_path):
    path = pydicom_path("CT_small.dcm")
    return hu.read(
        {"path": lambda: path, "bytes": path.read_bytes, "file": lambda: io.BytesIO(path.read_bytes())}[
            request.param
        ]()
    )


class TestAccess:
    @pytest.mark.parametrize(
        "key", ["Rows", (0x0028, 0x0010), 0x00280010, "(0028,0010)", "0028,0010", "00280010"]
    )
    def test_every_kind_of_key(self, ct, key):
        assert ct[key].value == 128
        assert key in ct
        assert ct[key].tag == 0x00280010

    def test_get(self, ct):
        """By keyword a value, by tag an element, as pydicom has it."""
        assert ct.get("Rows") == 128
        assert ct.get((0x0028, 0x0010)).value == ct.get(0x00280010).value == 128
        assert ct.get("WindowCenter") is None
        assert ct.get("WindowCenter", 40) == 40
        assert ct.get("NoSuchKeyword", 5) == 5
        assert ct.get(0x00281050) is None
        assert ct.get(0x00281050, 7) == 7

    def test_missing(self, ct):
        for look in (lambda: ct.WindowCenter, lambda: ct["WindowCenter"], lambda: ct[0x0028, 0x1050]):
            for kind in (hu.MissingElementError, KeyError, AttributeError, hu.DicomError):
                with pytest.raises(kind, match="WindowCenter") as caught:
                    look()
                assert caught.value.tag == 0x00281050
        assert not hasattr(ct, "WindowCenter")
        assert getattr(ct, "WindowCenter", 40) == 40
        assert "WindowCenter" not in ct

    def test_no_such_keyword(self, ct):
        with pytest.raises(AttributeError, match="'Rowz' is neither"):
            _ = ct.Rowz
        for kind in (hu.MissingElementError, KeyError):
            with pytest.raises(kind, match="'Rowz' is neither"):
                ct["Rowz"]
        assert not hasattr(ct, "Rowz")

    def test_no_such_keyword_and_what_may_be_meant(self, ct):
        """Of several that are alike, one that is in the data set."""
        for wrong, right in (("PatientNam", "PatientName"), ("WindowCentre", "WindowCenter")):
            with pytest.raises(AttributeError, match=rf"; did you mean {right}\?"):
                getattr(ct, wrong)
            with pytest.raises(hu.MissingElementError, match=rf"; did you mean {right}\?"):
                ct[wrong]
        with pytest.raises(hu.MissingElementError, match=r"Nothing.*\(0010,0010\)$"):
            ct["NothingOfTheKind"]
        with pytest.raises(hu.MissingElementError, match=r"mean InstanceNumber\?"):
            ct["InstancesNumber"]

    @pytest.mark.parametrize("key", ["Rowz", -1, 1 << 32, (1, 1 << 16), None, 1.5, (), b"Rows", ["Rows"]])
    def test_what_is_no_tag_is_not_in_it(self, ct, key):
        assert key not in ct

    def test_cannot_be_changed(self, ct):
        _ = ct.Rows
        for keyword in ("Rows", "PatientID", "Anything"):
            with pytest.raises(AttributeError, match=f"data sets are read-only: {keyword} cannot be set"):
                setattr(ct, keyword, 1)
        with pytest.raises(AttributeError, match="pixel_array"):
            ct.pixel_array = 1
        with pytest.raises(TypeError):
            ct["Rows"] = 1

    def test_values_are_kept(self, ct):
        assert ct.ImageType is ct.ImageType is ct["ImageType"].value is ct.get("ImageType")
        assert ct.OtherPatientIDsSequence is ct["OtherPatientIDsSequence"].value
        assert ct.OtherPatientIDsSequence[0] is ct.OtherPatientIDsSequence[0]


class TestAll:
    def test_iteration_is_in_order_of_tags(self, ct, pydicom_path):
        tags = [int(tag) for tag in dcmread(pydicom_path("CT_small.dcm")).keys()]  # noqa: SIM118
        assert ct.keys() == sorted(tags)
        assert [element.tag for element in ct] == [element.tag for element in ct.values()] == ct.keys()
        assert [(tag, element.tag) for tag, element in ct.items()] == [(tag, tag) for tag in ct.keys()]  # noqa: SIM118
        assert len(ct) == len(tags)
        assert ct

    def test_dir(self, ct):
        names = dir(ct)
        assert {"PatientName", "Rows", "PixelData", "pixel_array", "render", "get"} <= set(names)
        assert "WindowCenter" not in names
        assert all(hasattr(ct, name) for name in names if name[0].isupper())

    def test_dir_does_not_depend_on_other_data_sets(self, ct, pydicom_path):
        _ = hu.read(pydicom_path("MR_small.dcm")).EchoTime
        assert "EchoTime" not in dir(ct)

    def test_order_and_duplicates(self):
        def element(group, number, value):
            return bytes((group, 0, number, 0)) + b"LO" + bytes((len(value), 0)) + value

        data = b"".join(
            (
                element(8, 0x70, b"MAKE"),
                element(0x10, 0x20, b"ONE "),
                element(0x10, 0x20, b"TWO "),
                element(8, 0x80, b"WARD"),
                element(8, 0x70, b"ELSE"),
            )
        )
        ds = hu.read(data)
        assert ds.keys() == [0x00080070, 0x00080080, 0x00100020]
        assert len(ds) == 3
        assert [element.value for element in ds] == ["MAKE", "WARD", "ONE"]
        assert (ds.Manufacturer, ds.PatientID, ds.InstitutionName) == ("MAKE", "ONE", "WARD")


class TestElement:
    def test_says_what_it_is(self, ct):
        element = ct["PatientName"]
        assert (element.tag, element.VR, element.VM) == (0x00100010, "PN", 1)
        assert (element.keyword, element.name) == ("PatientName", "Patient's Name")
        assert element.value == "CompressedSamples^CT1"
        assert element.bytes == b"CompressedSamples^CT1 "
        assert element.length == 22
        assert not any((element.is_private, element.is_undefined_length, element.is_cut))

    def test_offset(self, ct, pydicom_path):
        data = pydicom_path("CT_small.dcm").read_bytes()
        for element in ct:
            assert data[element.offset : element.offset + element.length] == element.bytes

    def test_multiplicity(self, ct):
        assert (ct["ImageType"].VM, ct["PixelSpacing"].VM) == (3, 2)
        assert ct["OtherPatientIDsSequence"].VM == 1
        assert ct["AccessionNumber"].VM == 0

    def test_private(self, ct):
        creator, element = ct[0x0009, 0x0010], ct[0x0009, 0x1001]
        assert creator.value == "GEMS_IDEN_01"
        assert (element.is_private, element.private_creator) == (True, "GEMS_IDEN_01")
        assert (element.keyword, element.name) == ("", "Full fidelity")
        assert element.value == "GE_GENESIS_FF"
        assert ct["Rows"].private_creator == ""


class TestSequence:
    def test_is_a_list_of_data_sets(self, ct):
        items = ct.OtherPatientIDsSequence
        assert len(items) == 2
        assert [item.PatientID for item in items] == ["ABCD1234", "1234ABCD"]
        assert items[-1] is items[1]
        assert items
        assert isinstance(items[0], hu.Dataset)
        for index in (2, -3):
            with pytest.raises(IndexError):
                items[index]

    def test_items_share_the_file(self, ct):
        item = ct.OtherPatientIDsSequence[0]
        assert item.filename == ct.filename
        assert item.transfer_syntax == ct.transfer_syntax
        assert item.file_meta.TransferSyntaxUID == ct.transfer_syntax

    def test_empty(self):
        ds = hu.read(b"\x08\0\x40\x11SQ\0\0\0\0\0\0\x08\0\x50\x11UI\4\x001.2\0")
        assert len(ds.ReferencedImageSequence) == 0
        assert not ds.ReferencedImageSequence

    def test_inherits_the_character_set(self, pydicom_path):
        for name in ("chrSQEncoding.dcm", "chrSQEncoding1.dcm"):
            ours, theirs = hu.read(pydicom_path(name)), dcmread(pydicom_path(name))
            theirs.decode()
            for mine, other in zip(
                ours.RequestedProcedureCodeSequence, theirs.RequestedProcedureCodeSequence, strict=True
            ):
                assert mine.PatientName == str(other.PatientName)


class TestTransferSyntax:
    def test_meta_information(self, ct):
        assert ct.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
        assert ct.file_meta.TransferSyntaxUID == ct.transfer_syntax == "1.2.840.10008.1.2.1"
        assert len(ct.file_meta) == 8
        assert ct.transfer_syntax.name == "Explicit VR Little Endian"

    def test_none(self):
        ds = hu.read(b"\x08\0\x60\0CS\2\0CT\x10\0\x20\0LO\2\0ID")
        assert len(ds.file_meta) == 0
        assert not ds.file_meta
        assert ds.transfer_syntax == "1.2.840.10008.1.2.1"


class TestWarnings:
    def test_name_the_element(self):
        ds = hu.read(b"\x08\0\5\0CS\6\0ISO_IR\x18\0\x50\0DS\4\0junk\x28\0\x10\0US\3\0\1\2\3")
        assert len(ds.warnings) == 3
        assert ds.SliceThickness == "junk"
        assert ds.Rows == b"\1\2\3"
        text = "\n".join(ds.warnings)
        assert "(0018,0050) SliceThickness: 'junk' is not what DS allows" in text
        assert "(0028,0010) Rows: 3 bytes do not hold numbers of 2" in text
        assert "(0008,0005) SpecificCharacterSet" in text

    def test_tell_of_items_that_were_looked_at(self):
        odd = b"\x10\0\x20\0LO\3\0abc"
        items = (b"\xfe\xff\0\xe0" + len(odd).to_bytes(4, "little") + odd) * 2
        inner = b"\x08\0\x40\x11SQ\0\0" + len(items).to_bytes(4, "little") + items
        item = b"\xfe\xff\0\xe0" + len(inner).to_bytes(4, "little") + inner
        ds = hu.read(b"DICM" + b"\x08\0\x40\x11SQ\0\0" + len(item).to_bytes(4, "little") + item)
        assert not any("odd length" in warning for warning in ds.warnings)
        assert ds.ReferencedImageSequence[0].ReferencedImageSequence[1].PatientID == "abc"
        assert "in an item: (0010,0020) PatientID: has an odd length, 3" in ds.warnings

    @pytest.mark.parametrize(("raw", "value"), [(b"ab", b"ab"), (b"", None)])
    def test_a_vr_that_nobody_knows(self, raw, value):
        data = bytes(128) + b"DICM" + b"\x02\0\x10\0UI\x14\0" + b"1.2.840.10008.1.2.1\0"
        data += b"\x08\0\x60\0CS\2\0CT" + b"\x10\0\x20\0ZZ\0\0" + len(raw).to_bytes(4, "little") + raw
        element = hu.read(data)["PatientID"]
        assert (element.VR, element.value) == ("ZZ", value)
        assert "'ZZ' is no VR that the standard knows" in element.warnings[0]
        with pytest.raises(hu.ElementError, match="'ZZ' is no VR"):
            _ = hu.read(data, strict=True).PatientID

    def test_say_a_thing_once(self):
        ds = hu.read(b"\x08\0\x60\0CS\2\0CT\x18\0\x50\0DS\4\0junk")
        for _ in range(3):
            list(ds)
            _ = ds["SliceThickness"].value, ds.SliceThickness
        assert len(ds.warnings) == len(set(ds.warnings)) == 3


class TestLife:
    @pytest.fixture
    def _no_collector(self):
        gc.disable()
        yield
        gc.enable()

    @pytest.mark.usefixtures("_no_collector")
    def test_goes_without_the_garbage_collector(self, pydicom_path):
        """A data set that has shown values, and items of its sequences, refers to itself from nowhere."""
        ds = hu.read(pydicom_path("CT_small.dcm"))
        _ = ds.PatientName, ds.pixel_array, ds.file_meta.TransferSyntaxUID
        _ = ds.OtherPatientIDsSequence[0].PatientID, list(ds.walk()), str(ds), ds.warnings, ds.to_dict()
        gone = weakref.ref(ds)
        del ds, _
        assert gone() is None

    @pytest.mark.usefixtures("_no_collector")
    def test_items_outlive_it_without_its_pixels(self, pydicom_path):
        ds = hu.read(pydicom_path("CT_small.dcm"))
        samples, uid = weakref.ref(ds.pixel_array), ds.transfer_syntax
        sequence = ds.OtherPatientIDsSequence
        del ds
        assert samples() is None
        assert [item.PatientID for item in sequence] == ["ABCD1234", "1234ABCD"]
        assert pickle.loads(pickle.dumps(sequence)) == sequence
        assert sequence[0].transfer_syntax == uid
        assert sequence[0].file_meta.TransferSyntaxUID == uid

    @pytest.mark.parametrize("outlives", [False, True])
    def test_is_closed_by_an_item(self, pydicom_path, outlives):
        buffer = bytearray(pydicom_path("CT_small.dcm").read_bytes())
        ds = hu.read(buffer)
        items = list(ds.OtherPatientIDsSequence)
        if outlives:
            del ds
        items[0].close()
        buffer.clear()
        with pytest.raises(hu.SourceError, match="is closed"):
            _ = items[1].PatientID
        if not outlives:
            assert ds.file_meta.TransferSyntaxUID == ds.transfer_syntax
            with pytest.raises(hu.SourceError, match="is closed"):
                _ = ds.PatientID

    def test_knows_what_items_found_wrong(self):
        item = b"\xfe\xff\0\xe0\x0c\0\0\0\x18\0\x50\0DS\4\0junk"
        ds = hu.read(b"\x08\0\x60\0CS\2\0CT\x08\0\x15\x11SQ\0\0\x14\0\0\0" + item)
        sequence = ds.ReferencedSeriesSequence
        before = ds.warnings
        _ = sequence[0].SliceThickness
        assert any("in an item: (0018,0050) SliceThickness" in note for note in ds.warnings)
        assert not any("SliceThickness" in note for note in before)

    def test_elements_alone_have_no_pixels(self):
        assert not hasattr(Elements, "pixel_array")
