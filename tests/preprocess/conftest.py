import shutil

import pytest


@pytest.fixture
def archive(tmp_path, pydicom_path):
    """CTs that differ, an MR, colour, a cut file, and what is no image."""
    root = tmp_path / "archive"
    (root / "below").mkdir(parents=True)
    ct = bytearray(pydicom_path("CT_small.dcm").read_bytes())
    for number in range(12):
        ct[-2000 + number] ^= 0x5
        (root / "below" / f"ct{number:02}.dcm").write_bytes(ct)
    shutil.copy(pydicom_path("MR_small.dcm"), root / "mr.dcm")
    shutil.copy(pydicom_path("SC_rgb_small_odd.dcm"), root / "rgb.dcm")
    shutil.copy(pydicom_path("rtplan.dcm"), root / "plan.dcm")
    (root / "cut.dcm").write_bytes(ct[:20_000])
    (root / "notes.txt").write_text("not DICOM")
    (root / "empty.dcm").write_bytes(b"")
    return root
