"""The tree of errors: its families, what errors tell, and that they travel."""

import copy
import gc
import pickle

import pytest

import hounsfield as hu
from hounsfield import errors

KINDS = [getattr(errors, name) for name in errors.__all__]
BUILTINS = {
    hu.NotDicomError: ValueError,
    hu.ParseError: ValueError,
    hu.TruncatedError: EOFError,
    hu.LimitError: hu.ParseError,
    hu.ElementError: ValueError,
    hu.MissingElementError: KeyError,
    hu.UnsupportedError: NotImplementedError,
    hu.PixelDataError: ValueError,
    hu.OptionError: ValueError,
    hu.SourceError: OSError,
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_is_of_the_family_and_of_its_builtin(kind):
    assert issubclass(kind, hu.DicomError)
    assert issubclass(kind, BUILTINS.get(kind, Exception))
    assert getattr(hu, kind.__name__) is kind


def test_families():
    assert issubclass(hu.TruncatedError, hu.ParseError)
    assert issubclass(hu.MissingElementError, AttributeError)
    for kind in KINDS:
        assert kind.__name__ in errors.__doc__


@each_kind
@pytest.mark.parametrize(
    "through", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]
)
def test_travels_whole(kind, through):
    error = kind("is wrong", file="a.dcm", tag=0x00280010, offset=512)
    error.add_note("while a study was read")
    error = through(error)
    assert type(error) is kind
    assert error.__notes__ == ["while a study was read"]
    assert (error.message, error.file, error.tag, error.offset) == ("is wrong", "a.dcm", 0x00280010, 512)
    assert str(error) == "a.dcm (0028,0010) at byte 512: is wrong"


@each_kind
def test_tells_what_it_knows(kind):
    assert str(kind("is wrong")) == "is wrong"
    assert str(kind("is wrong", file="a.dcm")) == "a.dcm: is wrong"
    assert str(kind("is wrong", tag=0x7FE00010)) == "(7FE0,0010): is wrong"
    assert str(kind("is wrong", offset=0)) == "at byte 0: is wrong"


def test_of_a_file_travel(pydicom_path, tmp_path):
    """What a worker process raises comes back with all it says."""
    path = tmp_path / "cut.dcm"
    path.write_bytes(pydicom_path("CT_small.dcm").read_bytes()[:-1000])
    ds = hu.read(path)
    with pytest.raises(hu.TruncatedError) as caught:
        _ = ds.PixelData
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.file, error.tag, error.offset) == (str(path), 0x7FE00010, ds["PixelData"].offset)
    assert str(error) == str(caught.value)


def _each(stream):
    for _ in stream:
        pass


WAYS = {
    "pixels": lambda path: hu.read(path).pixels(),
    "pixels, two threads": lambda path: hu.read(path).pixels(threads=2),
    "render": lambda path: hu.read(path).render(),
    "batch": lambda path: hu.decode_batch([path], threads=1),
    "batch, two threads": lambda path: hu.decode_batch([path] * 4, threads=2),
    "stream": lambda path: _each(hu.stream([path, path], threads=2)),
    "volume": lambda path: hu.load_volume(path).array,
    "strict series": lambda path: hu.load_series([path, bytes(128) + b"DICMjunk"], strict=True),
}


@pytest.mark.parametrize("name", ["rtdose_rle.dcm", "CT_small.dcm"])
@pytest.mark.parametrize("way", WAYS)
def test_hold_no_file_once_they_are_dealt_with(pydicom_path, tmp_path, name, way):
    """The garbage collector may come late, and what waits for it may be large."""
    path = tmp_path / "cut.dcm"
    path.write_bytes(pydicom_path(name).read_bytes()[:-5000])

    def held():
        return sum(type(each) is hu.Dataset for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = held()
        try:
            WAYS[way](path)
        except hu.DicomError:
            pass
        else:
            pytest.fail("there is no error")
        assert held() == before
    finally:
        gc.enable()
