"""The report of a run."""

import json
import shutil

import numpy as np
import pytest

from hounsfield.preprocess import Options
from preprocess.work import make


def test_report_of_a_fill_that_json_has_not(archive, tmp_path):
    make(archive / "mr.dcm", tmp_path / "out", options=Options("modality", size=(8, 16), fill=float("nan")))
    told = json.loads((tmp_path / "out" / "report.json").read_text(), parse_constant=pytest.fail)
    assert told["options"]["fill"] == "nan"
    assert np.isnan(np.load(tmp_path / "out" / "shards" / "00000.npy")).any()


def test_report(archive, tmp_path):
    out = tmp_path / "out"
    make(archive, out, options=Options(size=(30, 30)))
    told = json.loads((out / "report.json").read_text())
    assert (told["files"], told["images"], told["failed"]) == (18, 13, 2)
    assert sum(told["failures"].values()) == 2
    assert told["this_run"]["files"] == 18
    assert told["this_run"]["files_per_second"] > 0
    assert told["options"]["size"] == [30, 30]
    page = (out / "report.html").read_text()
    assert page.count("<figure>") == 13
    assert "30 x 30 x 3, not 30 x 30" in page


def test_report_of_names_that_are_no_html(tmp_path, pydicom_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("<script>.dcm", "a\x01\x1b\n.dcm", 'x" onload="y.dcm'):
        shutil.copy(pydicom_path("CT_small.dcm"), folder / name)
    make(folder, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<figure>") == 3
    assert "<script" not in page
    assert 'onload="' not in page
    assert all(each.isprintable() or each == "\n" for each in page)
