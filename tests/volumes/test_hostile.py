"""Broken files give volumes, or errors of ours; never a crash, nor memory that grows with what they claim."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

import hounsfield as hu
from volumes.series import dose, enhanced, mr, one, written

ENHANCED = written(
    enhanced({"at": float(at), "echo": 2.5, "stack": "1", "slope": 1.0, "intercept": 0.0} for at in range(4))
)
SLICES = [written(one(2.0 * at, RescaleSlope=1, RescaleIntercept=0)) for at in range(3)]
DOSE = written(dose((5.0, 8.0, 11.0), DoseGridScaling="0.5"))
BEGIN = 132


def diffusion() -> bytes:
    ds = mr(0.0, Manufacturer="UIH", SliceVector=1)
    block = ds.private_block(0x0065, "Image Private Header", create=True)
    block.add_new(0x09, "FD", 1000.0)
    block.add_new(0x37, "FD", [0.0, 0.0, 1.0])
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [1, 2, 3], [1, 0, 0, 0, 1, 0]
    ds.DetectorInformationSequence = [detector, Dataset()]
    return written(ds, ImplicitVRLittleEndian)


def load(*files: bytes) -> None:
    for series in hu.load_series(list(files)):
        for volume in series.volumes:
            assert volume.shape[0] <= 4 * len(files)
            try:
                assert volume.array.shape == volume.shape
                assert np.isfinite(volume.affine).all()
            except hu.DicomError:
                continue


@pytest.mark.parametrize(
    "data", [ENHANCED, SLICES[0], DOSE, diffusion()], ids=["enhanced", "slice", "dose", "diffusion"]
)
@given(st.data())
def test_changed_bytes(data: bytes, draw: st.DataObject) -> None:
    broken = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        broken[draw.draw(st.integers(BEGIN, len(data) - 1))] = draw.draw(st.integers(0, 255))
    load(bytes(broken), *SLICES[1:])


@pytest.mark.parametrize("data", [ENHANCED, SLICES[0]], ids=["enhanced", "slice"])
def test_every_end(data: bytes) -> None:
    for size in range(BEGIN, len(data), 17):
        load(data[:size], *SLICES[1:])


NUMBERS = st.one_of(
    st.floats(width=32).map(str), st.sampled_from(["", "0", "-0", "1e9", "-1e9", "1e-9", "9e99", "nan", "x"])
)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=2, max_size=5), NUMBERS, NUMBERS)
def test_positions_and_spacings_of_any_size(
    positions: list[tuple[str, ...]], spacing: str, thickness: str
) -> None:
    images = []
    for position in positions:
        ds = one(0)
        data = written(ds)
        for old, new in (
            (b"-10\\20\\5", "\\".join(each[:16] for each in position)),
            (b"0.5\\0.25", f"{spacing[:16]}\\0.25"),
            (b"1.5 ", thickness[:16]),
        ):
            value = new.encode()
            value += b" " * (len(value) % 2)
            padded = old + b" " * (len(old) % 2)
            header = b"DS" + len(padded).to_bytes(2, "little") + padded
            assert header in data
            data = data.replace(header, b"DS" + len(value).to_bytes(2, "little") + value)
        images.append(data)
    load(*images)
