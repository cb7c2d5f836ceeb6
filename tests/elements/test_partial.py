"""Reading just what is asked for: tags, until, and what a remote object is asked for."""

import copy
import io
import pickle
import struct
import zlib

import fsspec
import numpy as np
import pytest

import hounsfield as hu
from bytewise import DEFLATED, EXPLICIT, IMPLICIT, element, implicit, part10

FIRST = 65_536


ITEM = b"\xfe\xff\x00\xe0" + struct.pack("<I", 12) + element(0x00081150, "UI", b"1.2\0")
PIXELS = np.arange(600 * 500, dtype="<u2")
CT = part10(
    element(0x00080005, "CS", b"ISO_IR 100")
    + element(0x00080060, "CS", b"CT")
    + element(0x00081140, "SQ", ITEM)
    + element(0x00090010, "LO", b"MAKER ")
    + element(0x00091001, "UN", bytes(200_000))
    + element(0x00100010, "PN", b"M\xfcller")
    + element(0x00280002, "US", b"\1\0")
    + element(0x00280004, "CS", b"MONOCHROME2 ")
    + element(0x00280010, "US", struct.pack("<H", 600))
    + element(0x00280011, "US", struct.pack("<H", 500))
    + element(0x00280100, "US", b"\x10\0")
    + element(0x00280101, "US", b"\x10\0")
    + element(0x00280103, "US", b"\0\0")
    + element(0x00291140, "OB", bytes(300_000))
    + element(0x00400254, "LO", b"A step")
    + element(0x7FE00010, "OW", PIXELS.tobytes())
    + element(0xFFFCFFFC, "OB", b"behind")
)
ALL = hu.read(CT).keys()


class Counting(io.BytesIO):
    """A file object that tells which ranges were read of it."""

    def __init__(self, data):
        super().__init__(data)
        self.ranges = []

    def read(self, size=-1):
        start = self.tell()
        data = super().read(size)
        if data:
            self.ranges.append((start, start + len(data)))
        return data

    @property
    def total(self):
        return sum(stop - start for start, stop in self.ranges)


@pytest.fixture(params=["bytes", "path", "file", "url"])
def source(request, tmp_path):
    """The same file in every kind of source."""
    (tmp_path / "ct").write_bytes(CT)
    fsspec.filesystem("memory").pipe("/ct", CT)
    return {"bytes": CT, "path": tmp_path / "ct", "file": io.BytesIO(CT), "url": "memory://ct"}[request.param]


class TestTags:
    @pytest.mark.parametrize("tags", ["Rows", "0028,0010", b"Rows", (0x0028, 0x0010), [0x0028, 0x0010]])
    def test_one_that_is_no_list(self, pydicom_path, tags):
        """It would be taken for several, and nothing be found."""
        path = pydicom_path("CT_small.dcm")
        for call in (hu.read, lambda path, tags: hu.index([path], tags)):
            with pytest.raises(TypeError, match="tags is a list of keywords or tags, not one: "):
                call(path, tags=tags)
        assert hu.read(path, tags=[(0x0028, 0x0010)]).Rows == 128

    @pytest.mark.parametrize(
        ("tags", "found"),
        [
            (["PatientName", "Rows"], [0x00080005, 0x00100010, 0x00280010]),
            (["Rows", "PatientName", "Rows"], [0x00080005, 0x00100010, 0x00280010]),
            ([0x00100010, (0x0008, 0x0060), "0028,0010"], [0x00080005, 0x00080060, 0x00100010, 0x00280010]),
            ({"Modality": 1}.keys(), [0x00080005, 0x00080060]),
            (["PatientID"], [0x00080005]),
            ([], [0x00080005]),
            ([0x00091001], [0x00080005, 0x00090010, 0x00091001]),
            (["ReferencedImageSequence.0.Rows"], [0x00080005, 0x00081140, 0x00280100, 0x00280103]),
            (["PixelData"], [0x00080005, 0x00280100, 0x00280103, 0x7FE00010]),
            (["DataSetTrailingPadding"], [0x00080005, 0xFFFCFFFC]),
        ],
    )
    def test_only_these(self, source, tags, found):
        ds = hu.read(source, tags=iter(tags))
        assert ds.keys() == found
        assert len(ds) == len(found)
        whole = hu.read(CT)
        for each in ds:
            assert each.bytes == whole[each.tag].bytes

    def test_values(self, source):
        ds = hu.read(source, tags=["PatientName", "ReferencedImageSequence", 0x00091001])
        assert str(ds.PatientName) == "Müller"
        assert ds.ReferencedImageSequence[0].ReferencedSOPClassUID == "1.2"
        assert len(ds[0x00091001].value) == 200_000
        assert ds.transfer_syntax == EXPLICIT

    def test_others_say_that_they_were_not_asked_for(self, source):
        ds = hu.read(source, tags=["PatientName", "PatientID"])
        with pytest.raises(hu.MissingElementError, match="Modality was not asked for"):
            _ = ds.Modality
        with pytest.raises(hu.MissingElementError, match="has no element PatientID"):
            _ = ds.PatientID
        assert ("Modality" in ds, ds.get("Modality", 5)) == (False, 5)
        with pytest.raises(hu.PixelDataError, match="pixel data were not asked for"):
            _ = ds.pixel_array

    @pytest.mark.parametrize("options", [{"tags": ["PatientName"]}, {"until": "PatientID"}])
    def test_copied(self, source, options):
        ds = hu.read(source, **options)
        copied = copy.copy(ds) if isinstance(source, io.BytesIO) else pickle.loads(pickle.dumps(ds))
        assert copied.keys() == ds.keys()
        with pytest.raises(hu.MissingElementError, match="Rows was not asked for"):
            _ = copied.Rows

    def test_strict(self, source):
        assert hu.read(source, tags=["Modality"], strict=True).Modality == "CT"

    def test_items_are_whole(self, source):
        item = hu.read(source, tags=["ReferencedImageSequence"]).ReferencedImageSequence[0]
        with pytest.raises(hu.MissingElementError, match="has no element Modality"):
            _ = item.Modality

    def test_pixels(self, source):
        tags = ["Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel", "PixelData"]
        tags += ["PhotometricInterpretation"]
        assert np.array_equal(hu.read(source, tags=tags).pixel_array.ravel(), PIXELS)

    def test_the_sign_is_known(self, tmp_path):
        data = part10(
            implicit(0x00080005, b"ISO_IR 100")
            + implicit(0x00189810, b"\xff\xff")
            + implicit(0x00280103, b"\1\0"),
            IMPLICIT,
        )
        (tmp_path / "file").write_bytes(data)
        for each in (data, tmp_path / "file"):
            assert hu.read(each, tags=["ZeroVelocityPixelValue"]).ZeroVelocityPixelValue == -1

    def test_what_is_no_tag(self):
        with pytest.raises(hu.OptionError, match="Nonsense"):
            hu.read(CT, tags=["Nonsense"])
        with pytest.raises(hu.OptionError, match="Nonsense"):
            hu.read(CT, until="Nonsense")
        with pytest.raises(TypeError, match="a list"):
            hu.read(CT, tags="PatientName")

    def test_out_of_order(self):
        """What stands before the first higher tag is found, also where it stands out of order."""
        data = part10(
            element(0x00080060, "CS", b"CT")
            + element(0x00080018, "UI", b"1.2\0")
            + element(0x00200013, "IS", b"1 ")
            + element(0x00080050, "SH", b"A1")
        )
        ds = hu.read(data, tags=["Modality", "SOPInstanceUID", "AccessionNumber", "StudyID"])
        assert ds.keys() == [0x00080018, 0x00080060]

    def test_every_file(self, pydicom_file):
        try:
            whole = hu.read(pydicom_file)
        except hu.DicomError as error:
            with pytest.raises(type(error)):
                hu.read(pydicom_file, tags=["PatientID"])
            return
        tags = whole.keys()
        if whole._table.ascending:
            ds = hu.read(pydicom_file, tags=tags[::3])
            assert set(tags[::3]) <= set(ds.keys()) <= set(tags)
            half = tags[len(tags) // 2]
            assert hu.read(pydicom_file, until=half).keys() == [tag for tag in tags if tag < half]
            assert repr(ds[tags[0]]) == repr(whole[tags[0]])


class TestUntil:
    @pytest.mark.parametrize(
        "until",
        ["Rows", 0x00280010, (0x28, 0x10), 0, 0x00080000, 0x00091001, "PixelData", 0x7FE00011, 0xFFFCFFFC],
    )
    def test_stops_before(self, source, until):
        ds = hu.read(source, until=until)
        limit = {"Rows": 0x00280010, (0x28, 0x10): 0x00280010, "PixelData": 0x7FE00010}.get(until, until)
        assert ds.keys() == [tag for tag in ALL if tag < limit]
        if limit <= 0x7FE00010:
            with pytest.raises(hu.PixelDataError, match="pixel data were not asked for"):
                ds.pixels()

    def test_with_tags(self, source):
        ds = hu.read(source, tags=["Modality", "Rows"], until="PatientName")
        assert ds.keys() == [0x00080005, 0x00080060]
        for keyword in ("Rows", "PatientName"):
            with pytest.raises(hu.MissingElementError, match="not asked for"):
                ds[keyword]


class TestBytesRead:
    """Reading goes on by blocks of 64 KiB; none is read behind the last element that is wanted."""

    @pytest.mark.parametrize(
        ("options", "blocks"),
        [
            ({"tags": ["Modality"]}, 1),
            ({"tags": [0x00091001]}, 1),
            ({"until": "PatientName"}, 2),
            ({"tags": ["PatientName", "Rows"]}, 2),
            ({"tags": [0x00291140]}, 2),
            ({"tags": ["PerformedProcedureStepDescription"]}, 3),
            ({"tags": ["PixelData"]}, 3),
            ({}, 3),
        ],
    )
    def test_blocks(self, options, blocks):
        file = Counting(CT)
        hu.read(file, **options)
        assert file.total <= blocks * FIRST
        assert len(file.ranges) == blocks

    def test_no_byte_twice_in_a_long_sequence(self):
        """One of undefined length, whose end only its items tell."""
        items = ITEM * 100_000
        data = part10(
            element(0x00080060, "CS", b"CT")
            + b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff"
            + items
            + b"\xfe\xff\xdd\xe0\0\0\0\0"
            + element(0x00280010, "US", b"\3\0")
            + element(0x7FE00010, "OW", bytes(16 << 20))
        )
        file = Counting(data)
        ds = hu.read(file)
        assert ds.Rows == 3
        assert all(one[1] == two[0] for one, two in zip(file.ranges, file.ranges[1:], strict=False))
        assert file.total < 4 * len(items)
        assert len(ds.ReferencedImageSequence) == 100_000
        held = [ds._data, *(segment[1] for segment in ds._more)]
        assert sum(map(len, held)) < len(items) + FIRST

    def test_hostile_lengths(self):
        """A source of any size is not read to its end, whatever its lengths claim."""

        class Huge(Counting):
            def seek(self, offset, whence=0):
                return 1 << 40 if whence == io.SEEK_END else super().seek(offset)

            def read(self, size=-1):
                return super().read(size).ljust(size, b"\0")

        start = element(0x00080060, "CS", b"CT")
        for data in (
            part10(b"", DEFLATED),
            part10(zlib.compress(start, wbits=-15), DEFLATED),
            part10(start),
            part10(start + element(0x00080005, "UN", b"")[:8] + b"\xf0\xff\xff\xff"),
            bytes(128) + b"DICM" + element(0x00020000, "UL", b"\xff\xff\xff\xff"),
        ):
            file = Huge(data)
            with pytest.raises(hu.DicomError):
                hu.read(file)
            assert file.total < 1 << 20


class Recorder:
    """fsspec's memory file system, and what was asked of it."""

    def __init__(self, monkeypatch):
        self.ranges = []
        self.answers = None
        filesystem = type(fsspec.filesystem("memory"))
        cat_file = filesystem.cat_file

        def recording(fs, path, start=None, end=None, **options):
            self.ranges.append((start, end))
            if self.answers is not None:
                return self.answers
            return cat_file(fs, path, start=start, end=end, **options)

        def opening(*_, **__):
            raise AssertionError("opened, where ranges should be asked for")

        monkeypatch.setattr(filesystem, "cat_file", recording)
        monkeypatch.setattr(filesystem, "_open", opening)


class TestRemote:
    @pytest.fixture
    def recorder(self, monkeypatch):
        fsspec.filesystem("memory").pipe("/ct.dcm", CT)
        return Recorder(monkeypatch)

    def test_header(self, recorder):
        ds = hu.read("memory://ct.dcm")
        assert (ds.Modality, ds.Rows, ds.PerformedProcedureStepDescription) == ("CT", 600, "A step")
        assert ds.filename == "memory://ct.dcm"
        assert recorder.ranges[0] == (0, FIRST)
        assert len(recorder.ranges) == 3
        pixels = CT.index(PIXELS.tobytes())
        assert sum(end - start for start, end in recorder.ranges if end > pixels) <= FIRST

    def test_pixels(self, recorder):
        ds = hu.read("memory://ct.dcm")
        recorder.ranges.clear()
        assert np.array_equal(ds.pixel_array.ravel(), PIXELS)
        start = ds["PixelData"].offset
        assert recorder.ranges == [(start, start + PIXELS.nbytes)]

    def test_one_value(self, recorder):
        hu.read("memory://ct.dcm", tags=["Modality"])
        assert recorder.ranges == [(0, FIRST)]

    def test_closed(self, recorder):
        with hu.read("memory://ct.dcm") as ds:
            pass
        recorder.ranges.clear()
        with pytest.raises(hu.SourceError, match="closed"):
            _ = ds.pixel_array
        assert recorder.ranges == []

    def test_a_server_that_knows_no_ranges(self, recorder):
        recorder.answers = CT
        with pytest.raises(hu.SourceError, match="not by ranges"):
            hu.read("memory://ct.dcm")

    def test_a_server_that_gives_less(self, recorder):
        recorder.answers = CT[:100]
        with pytest.raises(hu.SourceError, match="100 are there"):
            hu.read("memory://ct.dcm")

    def test_a_server_that_tells_no_size(self, recorder, monkeypatch):
        filesystem = type(fsspec.filesystem("memory"))
        monkeypatch.setattr(filesystem, "info", lambda *_, **__: {"size": None})
        with pytest.raises(hu.OptionError, match="no size"):
            hu.read("memory://ct.dcm")
        assert recorder.ranges == []

    @pytest.mark.parametrize("method", ["info", "cat_file"])
    def test_errors_of_a_file_system_s_own(self, recorder, monkeypatch, method):  # noqa: ARG002
        def fail(*_, **__):
            raise RuntimeError("no credentials")

        monkeypatch.setattr(type(fsspec.filesystem("memory")), method, fail)
        with pytest.raises(hu.SourceError, match="no credentials") as caught:
            hu.read("memory://ct.dcm")
        assert caught.value.file == "memory://ct.dcm"


def test_options_for_the_file_system(tmp_path):
    (tmp_path / "ct").write_bytes(CT)
    ds = hu.read("dir://ct", storage_options={"path": str(tmp_path), "target_protocol": "file"})
    assert (ds.Rows, ds.pixel_array.shape) == (600, (600, 500))
