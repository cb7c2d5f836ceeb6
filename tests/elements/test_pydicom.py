"""What `to_pydicom` gives equals what pydicom reads."""

import io
import sys
import warnings

import pydicom
import pytest

import hounsfield as hu
from bytewise import element

CUT = {"rtplan_truncated.dcm", "MR_truncated.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"}


def group_lengths(ds):
    """Tags of the group lengths, which pydicom takes for UN where it has no VR for them."""
    return [tag for tag in ds.keys() if tag.element == 0]  # noqa: SIM118


@pytest.mark.corpus(lambda file: file.path.name not in CUT | {"no_meta.dcm"})
def test_same_as_pydicom(corpus_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(corpus_file.path, force=True)
        ours = hu.read(corpus_file.path).to_pydicom()
        assert type(ours) is type(theirs) or theirs.file_meta.get("MediaStorageSOPClassUID", "").endswith(
            ".1.3.10"
        )
        assert list(ours.keys()) == list(theirs.keys())
        for ds in (ours, theirs):
            for tag in group_lengths(ds):
                del ds[tag]
        assert ours == theirs or list(ours) == list(theirs)
        assert ours.file_meta == theirs.file_meta
        assert ours.is_little_endian == theirs.is_little_endian
        assert ours.filename == theirs.filename


@pytest.mark.parametrize("name", sorted(CUT))
def test_what_is_cut_is_an_error(name, corpus):
    with pytest.raises(hu.TruncatedError):
        hu.read(next(corpus.rglob(name))).to_pydicom()


def test_pixels_and_writing(pydicom_path):
    ds = hu.read(pydicom_path("CT_small.dcm"))
    theirs = ds.to_pydicom()
    assert (theirs.pixel_array == ds.pixel_array).all()
    written = io.BytesIO()
    theirs.save_as(written)
    assert hu.read(written.getvalue()) == ds


def test_items(pydicom_path):
    item = hu.read(pydicom_path("CT_small.dcm")).OtherPatientIDsSequence[1]
    theirs = item.to_pydicom()
    assert type(theirs) is pydicom.Dataset
    assert theirs.PatientID == item.PatientID


@pytest.mark.parametrize("term", [b"ISO_IR\0100", b"ISO_IR 1000", b"none"])
@pytest.mark.filterwarnings("ignore:Unknown encoding|Incorrect value:UserWarning")
def test_a_character_set_that_means_nothing(term):
    """pydicom cannot read a file with the first of these."""
    assert (
        hu.read(b"DICM" + element(0x00080005, "CS", term)).to_pydicom().SpecificCharacterSet == term.decode()
    )


def test_without_pydicom(pydicom_path, monkeypatch):
    ds = hu.read(pydicom_path("CT_small.dcm"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pydicom"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(hu.UnsupportedError, match="pip install pydicom"):
        ds.to_pydicom()
