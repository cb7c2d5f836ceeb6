"""`hounsfield preprocess`: slices to an array on the disk with a manifest, beside the array alone."""

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.preprocess import make_plan, preprocess
from test_batch import CENTER, SLICES, WIDTH, expected, paths  # noqa: F401 - fixtures

pytest.importorskip("pyarrow")

LOOP = f"""
import os
import numpy as np
from pydicom import dcmread
from hounsfield._reference.window import window_numpy
def shards(paths, name):
    out = np.empty((len(paths), 512, 512), np.uint8)
    for row, path in zip(out, paths):
        ds = dcmread(path)
        rescale = dict(slope=float(ds.RescaleSlope), intercept=float(ds.RescaleIntercept))
        row[...] = window_numpy(ds.pixel_array, center={CENTER}, width={WIDTH}, **rescale)
    with open(name, "wb") as file:
        np.save(file, out)
        file.flush()
        os.fsync(file.fileno())
"""


def by_preprocess(folder, out):
    shutil.rmtree(out, ignore_errors=True)
    preprocess(make_plan([str(folder)], out), out)


def by_batch(paths, name):  # noqa: F811 - a fixture elsewhere
    batch = hu.decode_batch(paths, threads=2)
    with Path(name).open("wb") as file:
        np.save(file, batch.array)
        file.flush()
        os.fsync(file.fileno())


@pytest.mark.benchmark(
    group=f"preprocess: {SLICES} native CT slices of 512 x 512 to a .npy shard on the disk"
)
def test_native(row, paths, expected, tmp_path):  # noqa: F811
    """One process: a thread decodes while another one writes."""
    out, plain, loop = tmp_path / "out", tmp_path / "plain.npy", tmp_path / "loop.npy"
    levels = np.load(expected, mmap_mode="r")
    by_preprocess(paths[0].parent, out)
    assert np.array_equal(np.load(out / "shards" / "00000.npy", mmap_mode="r"), levels)
    by_batch(paths, plain)
    assert np.array_equal(np.load(plain, mmap_mode="r"), levels)
    names = [str(path) for path in paths]
    check = f"assert abs(np.load({str(loop)!r}).astype(np.int16) - np.load({str(expected)!r})).max() <= 1"
    call = f"shards({names!r}, {str(loop)!r})"
    row.race(
        "hounsfield preprocess",
        partial(by_preprocess, paths[0].parent, out),
        {
            "decode_batch and np.save, no manifest": partial(by_batch, paths, plain),
            "pydicom + NumPy loop and np.save": ("\n".join((LOOP, call, check)), call),
        },
    )
