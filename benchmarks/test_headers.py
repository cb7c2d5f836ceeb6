"""Headers of five kinds, very long ones, values of open data sets, and the memory that these take."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydicom import dcmread

import enhanced
import hounsfield as hu

FOLDER = Path(find_spec("pydicom").origin).parent / "data" / "test_files"
FRAMES = 20_000
OPEN = 10_000

# Files that pydicom ships, not the smallest ones, and three keywords of each.
KINDS = {
    "CT": ("CT_small.dcm", "PatientName", "Rows", "PixelSpacing"),
    "MR": ("examples_overlay.dcm", "PatientName", "Rows", "PixelSpacing"),
    "RT plan": ("rtplan.dcm", "PatientName", "RTPlanLabel", "SOPInstanceUID"),
    "SR": ("test-SR.dcm", "PatientName", "CompletionFlag", "SOPInstanceUID"),
    "SEG": ("liver_1frame.dcm", "PatientName", "Rows", "SegmentationType"),
}
OURS = "import hounsfield as hu"
SDL = "import dicomsdl"
PYDICOM = "import warnings; warnings.simplefilter('ignore'); from pydicom import dcmread"
THEIR_READ = "dcmread(path, stop_before_pixels=True)"

PLAIN = """
def plain(value):
    if isinstance(value, int):
        return value
    return str(value) if isinstance(value, str) or not hasattr(value, "append") and not isinstance(
        value, (tuple, list)) else [float(each) for each in value]
"""


@pytest.fixture(params=list(KINDS))
def kind(request, benchmark):
    """A kind of header: its file, and the keywords; the rows of a kind are one group."""
    name, *keywords = KINDS[request.param]
    ds = dcmread(FOLDER / name)
    pixels = ds.PixelData if "PixelData" in ds else b""
    size = (FOLDER / name).stat().st_size - len(pixels)
    benchmark.group = f"{request.param}: {name}, {size / 1000:.1f} kB, {len(ds)} elements"
    return FOLDER / name, keywords


def three_values(row, benchmark, kind, name, imports, read, target=()):
    path, keywords = kind
    benchmark.group += "; read it, and three values"
    values = ", ".join(f"ds.{keyword}" for keyword in keywords)
    names = {}
    exec(PLAIN, names)
    ds = dcmread(path)
    expected = [names["plain"](ds[keyword].value) for keyword in keywords]
    setup = f"{imports}\n{PLAIN}\npath = {str(path)!r}\nds = {read}\n"
    setup += f"assert [plain(each) for each in ({values})] == {expected!r}, [{values}]"
    row.peer(name, setup=setup, statement=f"ds = {read}; {values}", target=target)


def test_three_values(row, benchmark, kind):
    targets = [("faster", 2.5, "dicomsdl"), ("faster", 60, "pydicom")]
    if not find_spec("dicomsdl"):
        targets = targets[1:]
    three_values(row, benchmark, kind, "hounsfield", OURS, "hu.read(path)", targets)


def test_three_values_by_tags(row, benchmark, kind):
    read = f"hu.read(path, tags={kind[1]!r})"
    three_values(row, benchmark, kind, "hounsfield, tags", OURS, read)


def test_three_values_dicomsdl(row, benchmark, kind):
    pytest.importorskip("dicomsdl")
    three_values(row, benchmark, kind, "dicomsdl", SDL, "dicomsdl.open(path)")


def test_three_values_pydicom(row, benchmark, kind):
    three_values(row, benchmark, kind, "pydicom", PYDICOM, THEIR_READ)


def all_values(row, benchmark, kind, name, imports, read, target=()):
    path, _ = kind
    benchmark.group += "; read it, and every value at the top"
    count = len(dcmread(path, stop_before_pixels=True))
    values = f"[each.value for each in {read}]"
    setup = f"{imports}\npath = {str(path)!r}\nassert len({values}) == {count}"
    row.peer(name, setup=setup, statement=values, target=target)


def test_all_values(row, benchmark, kind):
    read = "hu.read(path, until='PixelData')"
    all_values(row, benchmark, kind, "hounsfield", OURS, read, ("faster", 10, "pydicom"))


def test_all_values_pydicom(row, benchmark, kind):
    all_values(row, benchmark, kind, "pydicom", PYDICOM, THEIR_READ)


@pytest.fixture(scope="module")
def long_headers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("enhanced")
    for defined in (True, False):
        (folder / str(defined)).write_bytes(enhanced.header(FRAMES, defined=defined))
    return folder


@pytest.fixture(params=[True, False], ids=["defined", "undefined"])
def defined(request):
    return request.param


@pytest.fixture
def long_header(long_headers, defined, benchmark):
    path = long_headers / str(defined)
    lengths = "defined" if defined else "undefined"
    size = path.stat().st_size / 1e6
    benchmark.group = f"functional groups of {FRAMES} frames, {size:.1f} MB, lengths {lengths}"
    return path


def seconds(benchmark, name, function, *arguments):
    """A row of what takes seconds: once, in this process."""
    benchmark.extra_info |= {"row": name, "target": ()}
    return benchmark.pedantic(function, arguments, rounds=1)


def test_long_header(row, long_header, defined):
    target = ("at most", 2, "read its bytes") if defined else ("faster", 20, "pydicom")
    setup = f"{OURS}\npath = {str(long_header)!r}\nassert hu.read(path).Rows == 512"
    row.peer("hounsfield", setup=setup, statement="hu.read(path).Rows", target=target)


def test_long_header_bytes(row, long_header):
    row.here("read its bytes", long_header.read_bytes)


def test_long_header_pydicom(benchmark, long_header):
    assert seconds(benchmark, "pydicom", lambda: dcmread(long_header).Rows) == 512


def slopes(ds):
    return sum(
        frame.PixelValueTransformationSequence[0].RescaleSlope
        for frame in ds.PerFrameFunctionalGroupsSequence
    )


def test_every_frame(row, benchmark, long_header):
    benchmark.group += "; the slope of each"
    total = row.here("hounsfield", lambda: slopes(hu.read(long_header)))
    assert float(total) == pytest.approx(sum(1 + index / 1000 for index in range(FRAMES)))


def test_every_frame_pydicom(benchmark, long_header):
    benchmark.group += "; the slope of each"
    total = seconds(benchmark, "pydicom", lambda: slopes(dcmread(long_header)))
    assert float(total) == pytest.approx(sum(1 + index / 1000 for index in range(FRAMES)))


def attributes(row, name, imports, read, before="", target=()):
    path = str(FOLDER / "CT_small.dcm")
    setup = f"{imports}\npath = {path!r}\nds = {read}\nraw = dict(getattr(ds, '_dict', ()))\n"
    setup += "assert (ds.Rows, str(ds.PatientName)) == (128, 'CompressedSamples^CT1')"
    row.peer(name, setup=setup, statement=f"{before}ds.Rows; ds.PatientName; ds.PixelSpacing", target=target)


first = pytest.mark.benchmark(group="three attributes of an open data set, CT_small.dcm, the first time")
again = pytest.mark.benchmark(group="three attributes of an open data set, CT_small.dcm, again")


# So that each time is the first, what was decoded is dropped before; both keep it in a dict.
@first
def test_first(row):
    before = "ds._values.clear(); ds._shared_context = None; "
    attributes(row, "hounsfield", OURS, "hu.read(path)", before, ("faster", 5, "pydicom"))


@first
def test_first_pydicom(row):
    attributes(row, "pydicom", PYDICOM, THEIR_READ, "ds._dict.update(raw); ")


@again
def test_again(row):
    attributes(row, "hounsfield", OURS, "hu.read(path)", target=("faster", 5, "pydicom"))


@again
def test_again_pydicom(row):
    attributes(row, "pydicom", PYDICOM, THEIR_READ)


# What a process of its own takes for open data sets, above what it took before.
MEMORY = """
import re, sys
exec(sys.argv[1])
def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
def read(path):
    return eval(sys.argv[2])
count, *paths = sys.argv[3:]
for path in paths:
    read(path)
before = peak()
kept = [read(path) for path in paths for _ in range(int(count) // len(paths))]
print(peak() - before)
"""


@pytest.fixture(params=["CT_small.dcm", "the five kinds"])
def paths(request, benchmark):
    benchmark.group = f"{OPEN} open data sets, {request.param}: see MiB"
    names = [name for name, *_ in KINDS.values()] if "five" in request.param else [request.param]
    return [str(FOLDER / name) for name in names]


def memory(benchmark, paths, name, imports, read, target=()):
    command = [sys.executable, "-c", MEMORY, imports, read, str(OPEN), *paths]

    def run():
        return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)

    peak = seconds(benchmark, name, run)
    benchmark.extra_info |= {"peak_mib": round(peak / 1024), "target": target}


def test_memory(benchmark, paths):
    memory(benchmark, paths, "hounsfield", OURS, "hu.read(path)", ("smaller", 10, "pydicom"))


def test_memory_pydicom(benchmark, paths):
    memory(benchmark, paths, "pydicom", PYDICOM, THEIR_READ)
