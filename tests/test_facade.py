"""hu.read and what users do with a data set: pixels, values, pictures, closing."""

import io
import mmap
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from imagecodecs import jpegls_encode
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut

import hounsfield as hu

EXPLICIT, JPEG_LS = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80"


FRAMES = np.arange(3 * 8 * 10, dtype="<u2").reshape(3, 8, 10)
SLOPES = 2.0, 0.5, -3.0


def frames_each_with_a_slope(frames, number_of_frames, *, encapsulated=False):
    """A file of frames with functional groups, whose Number of Frames says something else, or nothing."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.3"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = frames.shape[1:]
    if number_of_frames is not None:
        ds.NumberOfFrames = number_of_frames
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.PerFrameFunctionalGroupsSequence = []
    for slope in SLOPES:
        values, groups = Dataset(), Dataset()
        values.RescaleSlope, values.RescaleIntercept = slope, 1
        groups.PixelValueTransformationSequence = [values]
        ds.PerFrameFunctionalGroupsSequence.append(groups)
    ds.PixelData = frames.tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = EXPLICIT
    if encapsulated:
        ds.PixelData = encapsulate([jpegls_encode(frame) for frame in frames])
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
        ds.file_meta.TransferSyntaxUID = JPEG_LS
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


class TestFramesThatAreThere:
    """Number of Frames may say anything: it is the frames themselves that are shown."""

    @pytest.mark.parametrize("encapsulated", [False, True])
    @pytest.mark.parametrize("number_of_frames", [None, 0, 1, 2, 3, 5])
    def test_each_has_its_own_slope(self, number_of_frames, encapsulated):
        ds = hu.read(frames_each_with_a_slope(FRAMES, number_of_frames, encapsulated=encapsulated))
        expected = [frame * slope + 1 for frame, slope in zip(FRAMES, SLOPES, strict=True)]
        pictures = [hu.render(frame, (40, 400)) for frame in expected]
        for _ in range(2):
            np.testing.assert_array_equal(ds.modality_values(), expected)
            np.testing.assert_array_equal(ds.render((40, 400)), pictures)
            for frame in range(3):
                np.testing.assert_array_equal(ds.modality_values(frame=frame), expected[frame])
                np.testing.assert_array_equal(ds.render((40, 400), frame=frame), pictures[frame])
            with pytest.raises(hu.DicomError, match="there are 3"):
                ds.render(frame=3)
            assert ds.pixel_array.shape == FRAMES.shape  # which is kept, and used the second time

    @pytest.mark.parametrize("encapsulated", [False, True])
    @pytest.mark.parametrize("number_of_frames", [None, 0, 1, 3])
    def test_only_one(self, number_of_frames, encapsulated):
        """It is the first, whatever there are functional groups for."""
        ds = hu.read(frames_each_with_a_slope(FRAMES[:1], number_of_frames, encapsulated=encapsulated))
        for _ in range(2):
            for frame in (None, 0):
                np.testing.assert_array_equal(ds.modality_values(frame=frame), FRAMES[0] * 2.0 + 1)
                assert ds.render(frame=frame).shape == FRAMES[0].shape
            with pytest.raises(hu.DicomError, match="there is 1"):
                ds.render(frame=1)
            assert ds.pixel_array.shape == FRAMES[0].shape


class TestPixels:
    def test_same_as_pydicom(self, pydicom_path):
        path = pydicom_path("CT_small.dcm")
        theirs = dcmread(path)
        ds = hu.read(path)
        assert np.array_equal(ds.pixel_array, theirs.pixel_array)
        values = ds.modality_values()
        assert values.dtype == np.float32
        assert np.array_equal(values, apply_modality_lut(theirs.pixel_array, theirs).astype(np.float32))

    def test_of_one_frame(self, corpus):
        ds = hu.read(next(corpus.rglob("liver.dcm")))
        assert ds.pixel_array.shape == (3, 512, 512)
        for frame in range(3):
            assert np.array_equal(ds.modality_values(frame=frame), ds.pixel_array[frame])
        for frame in (-4, 3):
            with pytest.raises(hu.OptionError, match="frame"):
                ds.modality_values(frame=frame)

    @pytest.mark.parametrize("kept", [False, True])
    def test_frames_backwards(self, pydicom_path, kept):
        """As `pixels` and NumPy count them, whether all samples are at hand or not."""
        for name in ("rtdose.dcm", "examples_ybr_color.dcm", "CT_small.dcm"):
            ds = hu.read(pydicom_path(name))
            count = ds.pixel_plan().frames
            if kept:
                _ = ds.pixel_array
            ways = (
                ds.pixels,
                lambda frame, ds=ds: ds.modality_values(frame=frame),
                lambda frame, ds=ds: ds.render("auto", frame=frame),
            )
            for frame in (-1, -count, np.int8(-1)):
                assert ds.encoded_frame(frame) == ds.encoded_frame(int(frame) % count)
                for way in ways:
                    assert np.array_equal(way(frame), way(int(frame) % count))
            for way in ways:
                with pytest.raises(hu.OptionError, match=f"no frame {-count - 1}, counted from 0: there"):
                    way(-count - 1)

    @pytest.mark.parametrize("kept", [False, True])
    @pytest.mark.parametrize("frame", [True, np.True_, 0.0, "0", b"", 1j])
    def test_what_is_no_number_of_a_frame(self, pydicom_path, frame, kept):
        path = pydicom_path("rtdose.dcm")
        ds = hu.read(path)
        if kept:
            _ = ds.pixel_array
        for ask in (
            ds.encoded_frame,
            ds.frames.__getitem__,
            lambda frame: ds.pixels([frame]),
            lambda frame: ds.render(frame=frame),
            lambda frame: ds.modality_values(frame=frame),
            lambda frame: hu.decode_batch(path, frame=frame),
        ):
            with pytest.raises(TypeError):
                ask(frame)

    def test_render(self, pydicom_path):
        ds = hu.read(pydicom_path("CT_small.dcm"))
        picture = ds.render(window=(40, 400))
        assert (picture.dtype, picture.shape) == (np.uint8, (128, 128))
        assert np.array_equal(picture, hu.render(ds.pixel_array, window=(40, 400), slope=1, intercept=-1024))
        out = np.empty((128, 128), np.uint8)
        assert ds.render(window=(40, 400), out=out) is out
        assert np.array_equal(out, picture)
        assert np.array_equal(ds.render(window=(40, 400), invert=True), 255 - picture)
        assert ds.render("lung", dtype=np.float32).dtype == np.float32
        assert ds.render("lung", dtype=np.uint16).max() > 255

    def test_render_options(self, pydicom_path):
        ds = hu.read(pydicom_path("CT_small.dcm"))
        for options in (
            {"window": "no such"},
            {"window": 5},
            {"frame": 1},
            {"function": "CUBIC", "window": "lung"},
        ):
            with pytest.raises(hu.DicomError):
                ds.render(**options)

    def test_rendering_keeps_no_samples(self, pydicom_path):
        """A service that asks for pictures only is not left with the samples as well."""
        ds = hu.read(pydicom_path("CT_small.dcm"))
        ds.render("lung")
        assert ds._pixels is None

    def test_pixel_data_in_an_item(self):
        """Icons are images in their own right."""

        def element(tag, vr, value):
            size = struct.pack(
                "<HI" if vr in (b"OW", b"SQ") else "<H", *([0] if vr in (b"OW", b"SQ") else []), len(value)
            )
            return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + size + value

        icon = b"".join(
            (
                element(0x00280002, b"US", b"\1\0"),
                element(0x00280004, b"CS", b"MONOCHROME2 "),
                element(0x00280010, b"US", b"\2\0"),
                element(0x00280011, b"US", b"\2\0"),
                element(0x00280100, b"US", b"\x08\0"),
                element(0x00280101, b"US", b"\x08\0"),
                element(0x00280103, b"US", b"\0\0"),
                element(0x7FE00010, b"OW", b"\1\2\3\4"),
            )
        )
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(icon)) + icon
        data = (
            element(0x00080060, b"CS", b"CT")
            + element(0x00880200, b"SQ", item)
            + element(0x00880140, b"UI", b"1.2\0")
        )
        ds = hu.read(data)
        assert ds.IconImageSequence[0].pixel_array.tolist() == [[1, 2], [3, 4]]
        with pytest.raises(hu.PixelDataError, match="no pixel data"):
            _ = ds.pixel_array


class TestClose:
    def sources(self, path):
        data = path.read_bytes()
        return {"path": path, "bytes": data, "bytearray": bytearray(data), "file": io.BytesIO(data)}

    @pytest.mark.parametrize("kind", ["path", "bytes", "bytearray", "file"])
    def test_what_was_decoded_stays(self, pydicom_path, kind):
        ds = hu.read(self.sources(pydicom_path("CT_small.dcm"))[kind])
        name, item = ds.PatientName, ds.OtherPatientIDsSequence[0]
        patient = item.PatientID
        pixels = ds.pixel_array
        meta = ds.file_meta.TransferSyntaxUID
        ds.close()
        assert ds.PatientName is name
        assert ds.pixel_array is pixels
        assert ds.OtherPatientIDsSequence[0] is item
        assert item.PatientID is patient
        assert ds.file_meta.TransferSyntaxUID == meta
        assert "Rows" in ds
        for look in (
            lambda: ds.StudyDate,
            lambda: ds["StudyDate"].value,
            lambda: ds.get("StudyDate"),
            lambda: item.TypeOfPatientID,
            lambda: ds.OtherPatientIDsSequence[1],
        ):
            with pytest.raises(hu.SourceError, match="closed"):
                look()
        ds.close()

    @pytest.mark.parametrize("kind", ["path", "bytes", "bytearray", "file"])
    def test_what_was_not_fails(self, pydicom_path, kind):
        with hu.read(self.sources(pydicom_path("CT_small.dcm"))[kind]) as ds:
            assert ds.Rows == 128
        for look in (
            lambda: ds.pixel_array,
            lambda: ds.PixelData,
            lambda: ds.PatientName,
            lambda: list(ds)[-1].value,
        ):
            with pytest.raises(hu.SourceError, match="closed"):
                look()

    def test_closes_after_an_error(self, pydicom_path):
        with pytest.raises(ZeroDivisionError), hu.read(pydicom_path("CT_small.dcm")) as ds:
            _ = 1 / 0
        with pytest.raises(hu.SourceError):
            _ = ds.StudyDate

    def test_an_mmap_can_be_closed_while_items_are_kept(self, pydicom_path):
        with pydicom_path("reportsi.dcm").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        ds = hu.read(mapped)
        kept = [element for _, element in ds.walk()]
        sequences = [element.value for element in kept if element.VR == "SQ"]
        items = [item for sequence in sequences for item, _ in sequence.each()]
        ds.close()
        mapped.close()
        assert len(kept) > len(ds)
        assert len(items) > len(ds.ContentSequence)
        unread = [lambda each=each: each.bytes for each in kept]
        unread += [lambda each=each: pickle.dumps(each) for each in items]
        unread += [lambda each=each: list(each.each()) for each in sequences if len(each)]
        for look in unread:
            with pytest.raises(hu.SourceError, match="is closed"):
                look()
        assert repr(items[-1])
        assert items[-1].warnings == ()

    @pytest.mark.parametrize(
        "name", ["CT_small.dcm", "reportsi.dcm", "UN_sequence.dcm", "JPEG2000.dcm", "image_dfl.dcm"]
    )
    def test_an_mmap_can_be_closed(self, pydicom_path, name):
        with pydicom_path(name).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        ds = hu.read(mapped)
        seen = [(each.tag, each.value) for each in ds]
        items = [item for _, value in seen if isinstance(value, hu.Sequence) for item in value]
        shown = [[each.value for each in item] for item in items]
        meta = list(ds.file_meta)
        ds.close()
        mapped.close()
        assert meta[0].value is not None
        assert shown == [[each.value for each in item] for item in items]
        assert [item for _, value in seen if isinstance(value, hu.Sequence) for item in value] == items

    def test_a_bytearray_can_grow(self, pydicom_path):
        data = bytearray(pydicom_path("CT_small.dcm").read_bytes())
        with hu.read(data) as ds:
            _ = ds.pixel_array, ds.OtherPatientIDsSequence[0].PatientID
            with pytest.raises(BufferError):
                data.append(0)
        data.append(0)

    def test_a_buffer_is_let_go_with_its_data_set(self, pydicom_path):
        data = bytearray(pydicom_path("CT_small.dcm").read_bytes())
        ds = hu.read(data)
        _ = ds.pixel_array
        del ds
        data.append(0)

    def test_no_descriptor_is_kept(self, pydicom_path):
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        kept = [hu.read(pydicom_path("CT_small.dcm")) for _ in range(20)]
        pixels = [ds.pixel_array for ds in kept]
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
        del pixels


class TestChangedFiles:
    """A file that is no longer what was read gives an error, never a mixture."""

    @pytest.fixture
    def path(self, pydicom_path, tmp_path):
        path = tmp_path / "ct.dcm"
        path.write_bytes(pydicom_path("CT_small.dcm").read_bytes())
        return path

    def test_cut(self, path):
        ds = hu.read(path)
        os.truncate(path, 10_000)
        with pytest.raises(hu.SourceError, match="has changed") as caught:
            _ = ds.pixel_array
        assert caught.value.file == str(path)
        assert ds.PatientID == "1CT1"

    def test_written_anew(self, path, pydicom_path):
        ds = hu.read(path)
        path.write_bytes(pydicom_path("MR_small.dcm").read_bytes())
        for look in (lambda: ds.pixel_array, lambda: ds.PixelData, lambda: list(ds)):
            with pytest.raises(hu.SourceError, match="has changed"):
                look()

    def test_gone(self, path):
        ds = hu.read(path)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            _ = ds.pixel_array

    def test_a_file_object_cut_short(self, path):
        with path.open("rb") as file:
            ds = hu.read(file)
            os.truncate(path, 10_000)
            with pytest.raises(hu.SourceError, match="bytes were to be read"):
                _ = ds.pixel_array

    def test_a_file_object_that_was_closed(self, path):
        with path.open("rb") as file:
            ds = hu.read(file)
        assert ds.PatientID == "1CT1"
        with pytest.raises(hu.SourceError, match="cannot be read any more"):
            _ = ds.pixel_array


class Somewhere:
    def __init__(self, path):
        self._path = path

    def __fspath__(self):
        return self._path


@pytest.mark.parametrize("kind", [str, np.str_, Path, Somewhere, lambda path: Somewhere(os.fsencode(path))])
def test_paths_of_all_kinds(kind, tmp_path, pydicom_path):
    path = tmp_path / "ü%\udcff" / "a:" / "ct"
    path.parent.mkdir(parents=True)
    path.write_bytes(pydicom_path("CT_small.dcm").read_bytes())
    for given in (kind(str(path)), kind(f"{path.parent}//ct")):
        ds = hu.read(given)
        assert isinstance(ds.filename, str)
        assert Path(ds.filename).samefile(path)
        assert ds.pixel_array.shape == (128, 128)
        assert hu.read(given, until="Rows").PatientID == ds.PatientID


def test_cells_of_tables(pydicom_path):
    """They are buffers of their text, which is no file."""
    pyarrow = pytest.importorskip("pyarrow")
    path = pydicom_path("CT_small.dcm")
    text = pyarrow.string()
    for kind in (text, pyarrow.large_string(), pyarrow.dictionary(pyarrow.int8(), text)):
        [given] = pyarrow.array([str(path)], kind)
        assert hu.read(given).filename == hu.read(given, until="Rows").filename == str(path)
    assert hu.read(pyarrow.scalar(path.read_bytes())) == hu.read(path)
    with pytest.raises(TypeError, match="cannot read from NoneType"):
        hu.read(pyarrow.scalar(None, text))


def test_a_file_object_stays_open_and_may_be_moved(pydicom_path):
    """Reads find their place, whatever the caller did with the file in between."""
    file = io.BytesIO(b"before" + pydicom_path("CT_small.dcm").read_bytes())
    file.seek(6)
    ds = hu.read(file)
    file.seek(0)
    assert ds.pixel_array.shape == (128, 128)
    file.seek(77)
    assert len(ds.PixelData) == 2 * 128 * 128
    ds.close()
    assert not file.closed
