"""What is made of a file with some bytes changed is the same by every way: alone, in a batch, in an index.

HOUNSFIELD_FUZZ=10 changes ten times as many.
"""

import os
import random

import numpy as np
import pytest

import hounsfield as hu

FILES = [
    "CT_small.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "JPEG2000.dcm",
    "MR_small_implicit.dcm",
    "MR_truncated.dcm",
    "MR_small_bigendian.dcm",
    "rtdose.dcm",
    "SC_rgb_small_odd.dcm",
    "meta_missing_tsyntax.dcm",
]
CHANGES = 40 * int(os.environ.get("HOUNSFIELD_FUZZ") or 1)
KEYWORDS = "PatientID", "SOPInstanceUID", "Rows", "Columns", "Modality"


def changed(data, chance):
    """A copy with bytes changed, removed or put in: near the beginning, most of them."""
    data = bytearray(data)
    reach = min(len(data), chance.choice((400, 1500, 4000, len(data))))
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, way = chance.randrange(reach), chance.random()
        if way < 0.75:
            data[at] = chance.choice((data[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
        elif way < 0.85:
            del data[at : at + chance.randrange(1, 9)]
        elif way < 0.95:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        else:
            del data[max(at, 200) :]
        reach = min(reach, len(data))
    return bytes(data)


def outcome(action):
    """An array, or the kind of error that there was instead."""
    try:
        return action()
    except hu.DicomError as error:
        return type(error)


def same(one, other):
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return one is other


@pytest.mark.parametrize("name", FILES)
def test_agreement(name, pydicom_path, tmp_path):
    whole, chance = pydicom_path(name).read_bytes(), random.Random(name)
    path = tmp_path / "file.dcm"
    for number in range(CHANGES):
        path.write_bytes(changed(whole, chance))
        stored = outcome(lambda: hu.read(path).pixel_array)
        assert same(stored, outcome(lambda: hu.read(path.read_bytes()).pixel_array)), number
        for values, alone in (
            ("display", lambda ds: ds.render(frame=0)),
            ("modality", lambda ds: ds.modality_values(frame=0)),
        ):
            one = outcome(lambda way=alone: way(hu.read(path)))
            batch = hu.decode_batch([path], values=values, on_error="skip")
            [item] = batch.items
            assert same(one, type(item.error) if item.error else batch.array[0]), (number, values)
        check_row(path, number)


def check_row(path, number):
    """What an index says of a file is what `read` says."""
    [row] = hu.index(path).to_pylist()
    try:
        ds = hu.read(path)
    except hu.DicomError:
        assert row["status"] in ("broken", "not DICOM"), number
        return
    assert row["status"] == "ok", number
    for keyword in KEYWORDS:
        value = outcome(lambda name=keyword: ds.get(name))
        if row[keyword] is None:
            assert value in (None, "") or keyword in (row["notes"] or ""), (number, keyword)
        elif not isinstance(value, tuple):
            assert row[keyword] == value, (number, keyword)
