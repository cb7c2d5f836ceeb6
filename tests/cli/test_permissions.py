"""Files and folders that may not be read: the good ones right, the others told of; also if root runs this."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu

RUN = """
import json, os, sys, zoneinfo
from hounsfield.cli.app import run
first, then = map(json.loads, sys.argv[1:])
assert run(first) == 0
if os.geteuid() == 0:
    try:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    except OSError as error:
        sys.exit(f"no other user: {error}")
sys.exit(run(then))
"""
"""Runs a command, then one as a user who is not root, and may not even read what is not imported yet."""

TOLD = ["hounsfield: archive/closed: Permission denied", "hounsfield: archive/secret.dcm: Permission denied"]


@pytest.fixture
def archive(open_folder, pydicom_path):
    """Two good files, one that may not be read, and a folder that may not be listed."""
    root = open_folder / "archive"
    closed = root / "closed"
    closed.mkdir(parents=True)
    for path in (root / "a.dcm", root / "b.dcm", root / "secret.dcm", closed / "c.dcm"):
        shutil.copy(pydicom_path("CT_small.dcm"), path)
        path.chmod(0o644)
    (root / "secret.dcm").chmod(0)
    closed.chmod(0)
    yield root
    closed.chmod(0o700)


@pytest.fixture
def hounsfield(open_folder):
    """Runs a command on the archive: its exit code, and the lines that it prints on stderr."""

    def call(command, out, *options):
        first = [command, "archive/a.dcm", "-o", f"first-{out}", *options]
        then = [command, "archive", "-o", out, *options]
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(first), json.dumps(then)],
            cwd=open_folder,
            env={**os.environ, "PYTHONPATH": str(Path(hu.__file__).parents[1])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if "no other user: " in done.stderr:
            pytest.skip(f"root cannot be given up here: {done.stderr}")
        return done.returncode, sorted(done.stderr.splitlines())

    return call


@pytest.mark.parametrize(("on_error", "code"), [("report", 1), ("skip", 0), ("fill", 0)])
def test_preprocess(archive, open_folder, hounsfield, on_error, code):
    parquet = pytest.importorskip("pyarrow.parquet")
    told = TOLD if on_error == "report" else []
    assert hounsfield("preprocess", "out", "--on-error", on_error, "--workers", "1") == (code, told)
    table = parquet.read_table(open_folder / "out" / "manifest.parquet").to_pylist()
    assert [(row["path"], row["status"], row["reason"]) for row in table] == [
        ("archive/a.dcm", "ok", None),
        ("archive/b.dcm", "ok", None),
        ("archive/secret.dcm", "error", "Permission denied"),
        ("archive/closed", "error", "Permission denied"),
    ]
    array = np.load(open_folder / "out" / "shards" / "00000.npy")
    expected = hu.read(archive / "a.dcm").render()
    assert len(array) == (4 if on_error == "fill" else 2)
    assert all(np.array_equal(image, expected) for image in array[:2])
    assert not array[2:].any()


@pytest.mark.usefixtures("archive")
def test_index(open_folder, hounsfield):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert hounsfield("index", "table.parquet")[0] == 1
    table = parquet.read_table(open_folder / "table.parquet").to_pylist()
    rows = {Path(row["path"]).name: (row["status"], row["reason"], row["Rows"]) for row in table}
    assert rows == {
        "a.dcm": ("ok", None, 128),
        "b.dcm": ("ok", None, 128),
        "secret.dcm": ("unreadable", "Permission denied", None),
        "closed": ("unreadable", "Permission denied", None),
    }


def test_convert(archive, open_folder, hounsfield):
    assert hounsfield("convert", "all.npy") == (1, TOLD)
    images = json.loads((open_folder / "all.json").read_text())["images"]
    assert [image["file"] for image in images] == ["archive/a.dcm", "archive/b.dcm"]
    expected = hu.read(archive / "a.dcm").render()
    array = np.load(open_folder / "all.npy")
    assert np.array_equal(array.reshape(2, *expected.shape), np.stack([expected] * 2))
