"""The command `hounsfield preprocess`: what it takes, what it tells, and how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.cli.app import run
from hounsfield.cli.preprocess import preprocess as command
from hounsfield.locks import locked

pytest.importorskip("pyarrow")


@pytest.fixture
def archive(tmp_path, pydicom_path):
    root = tmp_path / "archive"
    root.mkdir()
    for number in range(3):
        shutil.copy(pydicom_path("CT_small.dcm"), root / f"ct{number}.dcm")
    shutil.copy(pydicom_path("MR_small.dcm"), root / "mr.dcm")
    (root / "notes.txt").write_text("not DICOM")
    return root


@pytest.fixture
def preprocess(archive, tmp_path):
    """Runs the command in this process, into a folder `out`."""

    def call(*options):
        return run(["preprocess", str(archive), "-o", str(tmp_path / "out"), "--workers", "1", *options])

    return call


def test_all_goes_well(preprocess, tmp_path, capsys):
    assert preprocess("--size", "32x40", "--window", "40/400", "--fit", "stretch") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "4 images of 5 files in 1 shard," in out
    assert "passed over: 1 not DICOM" in out
    array = np.load(tmp_path / "out" / "shards" / "00000.npy")
    assert (array.shape, array.dtype) == ((4, 32, 40), np.uint8)
    batch = hu.decode_batch(
        sorted((tmp_path / "archive").glob("*.dcm")), size=(32, 40), window=(40, 400), fit="stretch"
    )
    assert np.array_equal(array, batch.array)


def test_made_is_read_as_the_help_says(archive, preprocess, tmp_path, monkeypatch):
    """The first source has no image."""
    (archive / "ct0.dcm").write_bytes(b"nothing")
    assert preprocess("--size", "16") == 0
    (tmp_path / "out").rename(tmp_path / "shards")
    monkeypatch.chdir(tmp_path)
    lines = command.epilog.partition("Reading it:\n")[2].partition("\n\n")[0].splitlines()
    found = {"np": np, "pyarrow": pytest.importorskip("pyarrow.parquet") and sys.modules["pyarrow"]}
    exec("\n".join(line.strip() for line in lines), found)
    assert found["row"]["path"].endswith("ct1.dcm")
    assert found["image"].shape == (16, 16)


def test_json(preprocess, capsys):
    assert preprocess("--size", "16", "--values", "modality", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["files"], told["images"], told["failed"], told["passed_over"]) == (5, 4, 0, {"not DICOM": 1})


@pytest.mark.parametrize(
    ("on_error", "code", "is_told"),
    [("report", 1, True), ("skip", 0, False), ("fill", 0, False), ("raise", 1, True)],
)
def test_failures(preprocess, tmp_path, capsys, on_error, code, is_told):
    assert preprocess("--on-error", on_error) == code
    out, err = capsys.readouterr()
    assert ("mr.dcm: OptionError: the image is 64 x 64, not 128 x 128" in err) is is_told
    assert ("     1 OptionError: the image is 64 x 64" in out) is not is_told
    manifest = tmp_path / "out" / "manifest.parquet"
    assert manifest.exists() is (on_error != "raise")
    if on_error == "fill":
        assert len(np.load(tmp_path / "out" / "shards" / "00000.npy")) == 4


def test_what_is_there_is_not_overwritten(preprocess, tmp_path, capsys):
    out = tmp_path / "out"
    assert preprocess("--size", "16") == 0
    before = (out / "manifest.parquet").read_bytes()
    assert preprocess("--size", "16") == 2
    assert "--resume" in capsys.readouterr().err
    assert preprocess("--size", "16", "--resume") == 0
    assert "4 images of 5 files" in capsys.readouterr().out
    assert preprocess("--size", "17", "--resume") == 2
    assert "other work" in capsys.readouterr().err
    assert (out / "manifest.parquet").read_bytes() == before
    assert preprocess("--size", "17", "--force") == 0
    assert np.load(out / "shards" / "00000.npy").shape == (4, 17, 17)
    assert preprocess("--resume", "--force") == 2
    shutil.rmtree(out)
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    assert preprocess("--force") == preprocess("--resume") == preprocess() == 2
    assert (out / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "options",
    [
        ["--size", "0"],
        ["--size", "224x"],
        ["--size", "99999"],
        ["--window", "lungs"],
        ["--dtype", "int16"],
        ["--format", "png", "--dtype", "float32"],
        ["--fill", "300"],
        ["--workers", "0"],
    ],
)
def test_options_that_cannot_be(preprocess, tmp_path, capsys, options):
    assert preprocess(*options) == 2
    assert "(try: hounsfield preprocess --help)" in capsys.readouterr().err
    assert not (tmp_path / "out" / "plan.json").exists()


@pytest.mark.parametrize("option", ["--resume", "--force"])
def test_interrupted_while_former_work_is_removed(preprocess, tmp_path, monkeypatch, option):
    """Of which nothing is taken for the new one."""
    out = tmp_path / "out"
    assert preprocess("--size", "32") == 0
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        preprocess("--size", "16", "--force")
    monkeypatch.undo()
    assert preprocess("--size", "16") == 2
    assert preprocess("--size", "16", option) == 0
    assert np.load(out / "shards" / "00000.npy").shape == (4, 16, 16)
    assert sorted(path.name for path in out.iterdir()) == [
        "manifest.parquet",
        "plan.json",
        "report.html",
        "report.json",
        "shards",
        "sources.jsonl",
    ]


def test_names_that_cannot_be(archive, tmp_path, capsys):
    assert run(["preprocess", str(archive), "-o", str(tmp_path / ("a" * 300))]) == 1
    assert capsys.readouterr().err.endswith(": File name too long\n")


def test_nothing_to_do(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(["preprocess", str(tmp_path / "empty"), "-o", str(tmp_path / "out")]) == 1
    assert "no files" in capsys.readouterr().err


def test_interrupted(archive, pydicom_path, tmp_path):
    """By Ctrl-C, which all processes are sent, at work or not yet: they end, and --resume goes on."""
    for number in range(300):
        shutil.copy(pydicom_path("CT_small.dcm"), archive / f"more{number}.dcm")
    out = tmp_path / "out"
    options = [
        str(archive),
        "-o",
        str(out),
        "--size",
        "512",
        "--format",
        "png",
        "--shard-size",
        "10",
        "--workers",
        "2",
    ]
    command = [sys.executable, "-m", "hounsfield", "preprocess", *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(hu.__file__).parents[1])}
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("parts/*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "hounsfield: interrupted\n")
    assert not (out / "manifest.parquet").exists()
    assert subprocess.run([*command, "--resume"], env=environment, check=False).returncode == 0
    assert len(list(out.glob("shards/*/*.png"))) == 304


def test_another_run_at_work(preprocess, tmp_path, capsys):
    """Whatever it is asked for, the second run touches nothing."""
    out = tmp_path / "out"
    assert preprocess("--size", "16") == 0
    before = sorted(out.rglob("*"))
    with locked(out):
        assert preprocess("--size", "16", "--resume") == preprocess("--size", "9", "--force") == 1
        told = f"hounsfield: {out}: another run is at work here\n"
        assert capsys.readouterr().err == 2 * told
        assert sorted(out.rglob("*")) == sorted([*before, out / ".lock"])
    assert preprocess("--size", "16", "--resume") == 0
    assert sorted(out.rglob("*")) == before
