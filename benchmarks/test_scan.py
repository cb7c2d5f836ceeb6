"""The kernel scan, and what `hounsfield.read` makes of it, on a header of 264 elements."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from hounsfield._kernels import scan as kernel
from hounsfield._reference import scan as reference

FILE = Path(find_spec("pydicom").origin).parent / "data" / "test_files" / "CT_small.dcm"
START = 132
PIXEL_DATA = 0x7FE00010

scanning = pytest.mark.benchmark(group="scan: CT_small.dcm in memory, up to the pixel data")
reading = pytest.mark.benchmark(group="read CT_small.dcm (cached) and three values of it")
values = pytest.mark.benchmark(group="attribute access on an open data set, the same value again")


@pytest.fixture(scope="module")
def header():
    data = FILE.read_bytes()
    return data[: kernel.scan(data, START, stop_tag=PIXEL_DATA).end]


def rows_of(table):
    return [tuple(row) for row in (table.rows if isinstance(table, reference.Table) else table)]


@scanning
def test_kernel(row, header):
    table = row.here("hounsfield", kernel.scan, header, START, target=("at most", 4, "C walk", 1.5e-6))
    assert len(table) == 264
    assert rows_of(table) == rows_of(reference.scan(header, START))


@scanning
def test_numpy(row, header):
    table = row.here("NumPy", reference.scan_numpy, header, START)
    assert rows_of(table) == rows_of(kernel.scan(header, START))


@scanning
def test_plain_python(row, header):
    table = row.here("plain Python", reference.scan, header, START)
    assert rows_of(table) == rows_of(kernel.scan(header, START))


@scanning
def test_floor(row, header, floors):
    row.repeated("C walk", floors.walk(header + bytes(12), START))


@scanning
def test_memcpy(row, header, floors):
    row.repeated("memcpy of the header", floors.memcpy(header))


# The same three values by every reader; each process asserts them before it is timed.
VALUES = "str(ds.PatientName), ds.Rows, tuple(float(x) for x in ds.PixelSpacing)"
CHECK = f"assert ({VALUES}) == ('CompressedSamples^CT1', 128, (0.661468, 0.661468))"
ACCESS = "ds.PatientName, ds.Rows, ds.PixelSpacing"


def reader(row, name, imports, read, target=()):
    setup = f"{imports}\npath = {str(FILE)!r}\nds = {read}\n{CHECK}"
    row.peer(name, setup=setup, statement=f"ds = {read}; {ACCESS}", target=target)


@reading
def test_read(row):
    targets = [("faster", 2.5, "dicomsdl"), ("faster", 60, "pydicom")]
    if not find_spec("dicomsdl"):
        targets = targets[1:]
    reader(row, "hounsfield", "import hounsfield as hu", "hu.read(path)", targets)


@reading
def test_read_dicomsdl(row):
    pytest.importorskip("dicomsdl")
    reader(row, "dicomsdl", "import dicomsdl", "dicomsdl.open(path)")


@reading
def test_read_pydicom_specific_tags(row):
    read = "dcmread(path, specific_tags=['PatientName', 'Rows', 'PixelSpacing'], stop_before_pixels=True)"
    reader(row, "pydicom, specific_tags", "from pydicom import dcmread", read)


@reading
def test_read_pydicom(row):
    reader(row, "pydicom", "from pydicom import dcmread", "dcmread(path, stop_before_pixels=True)")


@reading
def test_read_floor(row, floors):
    row.repeated("C: open, read 8 KiB, close, walk", floors.read_header(FILE, 8192))


def again(row, name, imports, read):
    setup = f"{imports}\nds = {read.replace('path', repr(str(FILE)))}\nassert ds.Rows == 128"
    row.peer(name, setup=setup, statement="ds.Rows")


@values
def test_again(row):
    again(row, "hounsfield", "import hounsfield as hu", "hu.read(path)")


@values
def test_again_pydicom(row):
    again(row, "pydicom", "from pydicom import dcmread", "dcmread(path)")


@values
def test_again_dicomsdl(row):
    pytest.importorskip("dicomsdl")
    again(row, "dicomsdl", "import dicomsdl", "dicomsdl.open(path)")
