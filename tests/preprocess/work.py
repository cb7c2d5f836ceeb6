"""What is made, and what is found in it."""

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import hounsfield as hu
from hounsfield.preprocess import make_plan, preprocess

parquet = pytest.importorskip("pyarrow.parquet")

PACKAGE = Path(hu.__file__).parents[1]
TIMED = {"report.html", "report.json"}


def make(given, folder, *, workers=1, threads=1, **wanted):
    plan = make_plan([str(given)], folder, **wanted)
    return preprocess(plan, folder, workers=workers, threads=threads)


def rows(folder):
    return parquet.read_table(folder / "manifest.parquet").to_pylist()


def digests(folder):
    """Of all that must not depend on anything but the input."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED
    }


def image_of(folder, row):
    shard = folder / row["shard"]
    if shard.suffix == ".npy":
        return np.load(shard, mmap_mode="r")[row["row"]]
    if shard.suffix == ".tar":
        with tarfile.open(shard) as tar:
            data = tar.extractfile(row["name"]).read()
        return np.load(io.BytesIO(data)) if row["name"].endswith("npy") else imagecodecs.png_decode(data)
    if shard.suffix == ".zarr":
        return pytest.importorskip("zarr").open_array(str(shard), mode="r")[row["row"]]
    return imagecodecs.png_decode((shard / row["name"]).read_bytes())


def packed(archive, path):
    """All files of a folder in an archive, whose kind the name tells."""
    kind = {".zip": "zip", ".tar": "tar", ".gz": "gztar"}[path.suffix]
    stem = str(path).removesuffix(".tar.gz").removesuffix(path.suffix)
    assert shutil.make_archive(stem, kind, archive) == str(path)
    return path
