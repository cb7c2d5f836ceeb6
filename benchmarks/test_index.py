"""`hounsfield.index`: tables of what is in files, beside reading their heads in C, and other readers."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

import hounsfield as hu
from hounsfield.indexing.columns import STANDARD

FILE = Path(find_spec("pydicom").origin).parent / "data" / "test_files" / "CT_small.dcm"
FILES = 5000
FEW = 250  # of what takes a second for a thousand


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Cached files with a header of 264 elements."""
    folder = tmp_path_factory.mktemp("index")
    for number in range(FILES):
        shutil.copy(FILE, folder / f"{number:05}.dcm")
    return folder


@pytest.fixture(scope="module")
def paths(folder):
    return sorted(map(str, folder.iterdir()))


def indexed(given, **options):
    table = hu.index(given, **options)
    assert (table.num_rows, table["Rows"].null_count) == (FILES, 0)
    return table


@pytest.mark.benchmark(group=f"index {FILES} files of 264 elements, cached, one thread")
def test_one_thread(row, floors, paths):
    floor, half = floors.read_headers(paths, 16384), floors.read_headers(paths, 8192)
    assert floor(1) == half(1) == FILES * 264
    row.race(
        "hounsfield",
        lambda: indexed(paths, threads=1),
        {"C: open, read 16 KiB, close, walk": timed(floor), "C: the same with 8 KiB, as we do": timed(half)},
        target=("at most", 2.2, "C: open, read 16 KiB, close, walk"),
    )


def timed(repeat):
    return lambda: repeat(1)


@pytest.mark.benchmark(group=f"index a folder of {FILES} files, cached, two threads")
def test_two_threads(row, floors, folder, paths):
    """The floor on two threads, half of the files each, tells what the machine gives."""
    whole = floors.read_headers(paths, 8192)
    halves = [floors.read_headers(paths[part::2], 8192) for part in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        row.race(
            "hounsfield, two threads",
            lambda: indexed(folder, threads=2),
            {
                "one thread": lambda: indexed(folder, threads=1),
                "C: open, read, close, walk, two threads": lambda: list(pool.map(lambda run: run(1), halves)),
                "C, one thread": timed(whole),
            },
            target=("faster", 1.7, "one thread"),
        )


DICOMSDL = f"""
import dicomsdl
keywords = {STANDARD!r}
def row(path):
    ds = dicomsdl.open(path)
    return [getattr(ds, keyword) for keyword in keywords]
assert row(paths[0])[keywords.index("Rows")] == 128
"""
PYDICOM = f"""
from pydicom import dcmread
keywords = {list(STANDARD)!r}
def row(path):
    ds = dcmread(path, stop_before_pixels=True, specific_tags=keywords)
    return [ds.get(keyword) for keyword in keywords]
assert row(paths[0])[keywords.index("Rows")] == 128
"""


@pytest.mark.benchmark(group=f"index {FEW} of these files: as many columns by other readers")
def test_peers(row, paths):
    given = f"paths = {paths[:FEW]!r}\n"
    rivals = {"pydicom, specific_tags": (given + PYDICOM, "[row(path) for path in paths]")}
    targets = [("faster", 60, "pydicom, specific_tags")]
    if find_spec("dicomsdl"):
        rivals["dicomsdl"] = (given + DICOMSDL, "[row(path) for path in paths]")
        targets.append(("faster", 4, "dicomsdl"))
    row.race("hounsfield", lambda: hu.index(paths[:FEW], threads=1), rivals, target=targets)


@pytest.mark.benchmark(group=f"index {FILES} files again, when one of them has changed")
def test_update(row, folder):
    table = indexed(folder)
    (folder / "00000.dcm").touch()
    row.race(
        "hounsfield, update",
        lambda: hu.index.update(table, folder, threads=1),
        {"all of them": lambda: indexed(folder, threads=1)},
    )
