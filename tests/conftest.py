"""Files real and made, kinds of buffer, twins of a kernel, an independent decoder: what tests can ask for."""

import csv
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest

import hounsfield

ROOT = Path(__file__).parents[1]
CORPUS = Path(os.environ.get("HOUNSFIELD_CORPUS") or ROOT.parent / "shared" / "corpus")
IN_CI = os.environ.get("CI") == "true"
NATIVE = {f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2", ".1.99")}

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=20)
hypothesis.settings.load_profile("ci" if IN_CI else "default")


@dataclass(frozen=True)
class CorpusFile:
    """A real file, and what is known of it: its row of the corpus's manifest.csv, all of it text."""

    path: Path
    row: dict[str, str]

    @property
    def native(self) -> bool:
        """Whether its pixel data are neither compressed nor encapsulated."""
        return self.row["transfer_syntax"] in NATIVE

    @property
    def decodes(self) -> bool:
        """Whether pydicom finds pixels in it."""
        return self.row["pydicom_pixels"] == "1"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "corpus(wanted): the corpus files for which wanted(file) is true")
    config.addinivalue_line("markers", "generated(*starts): the generated files whose names begin so")
    if IN_CI and not (CORPUS / "manifest.csv").is_file():
        raise pytest.UsageError(f"CI must have the corpus, and there is none in {CORPUS}")


def pytest_report_header() -> list[str]:
    return [f"hounsfield: {Path(hounsfield.__file__).parent}", f"corpus: {CORPUS}"]


def corpus_files() -> list[CorpusFile]:
    with (CORPUS / "manifest.csv").open(newline="") as manifest:
        return [CorpusFile(CORPUS / row["file"], row) for row in csv.DictReader(manifest)]


def pydicom_files() -> list[Path]:
    """The DICOM files in pydicom's wheel, found without importing it: it would download those it misses."""
    spec = find_spec("pydicom")
    assert spec is not None
    assert spec.origin is not None
    data = Path(spec.origin).parent / "data"
    found = (path for folder in ("test_files", "charset_files") for path in (data / folder).rglob("*"))
    return sorted(path for path in found if path.is_file() and is_dicom(path))


def is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132).endswith(b"DICM")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for every file, if it asks for ``corpus_file``, ``pydicom_file`` or ``generated``."""
    if "corpus_file" in metafunc.fixturenames:
        if not (CORPUS / "manifest.csv").is_file():
            skip = pytest.mark.skip(reason=f"no corpus in {CORPUS}; HOUNSFIELD_CORPUS names its folder")
            metafunc.parametrize("corpus_file", [pytest.param(None, marks=skip, id="no-corpus")])
            return
        marker = metafunc.definition.get_closest_marker("corpus")
        files = [file for file in corpus_files() if marker is None or marker.args[0](file)]
        assert files, f"no corpus file is wanted by {metafunc.definition.nodeid}"
        metafunc.parametrize("corpus_file", files, ids=[file.row["file"] for file in files])
    if "pydicom_file" in metafunc.fixturenames:
        paths = pydicom_files()
        metafunc.parametrize("pydicom_file", paths, ids=["/".join(path.parts[-2:]) for path in paths])
    if "generated" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("generated")
        names = import_module("generate").names(*(marker.args if marker else ()))
        assert names, f"no generated file is wanted by {metafunc.definition.nodeid}"
        metafunc.parametrize("generated", names, indirect=True)


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """Let Ctrl-C end what it is to end: what a shell runs in the background ignores it, its children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def generated(request: pytest.FixtureRequest) -> Any:
    """Each file of tests/generate, made when it is first asked for: a `generate.Case`."""
    generate = import_module("generate")
    try:
        return generate.case(request.param)
    except generate.UnavailableError as error:
        if IN_CI:
            pytest.fail(f"CI must have every encoder: {error}")
        pytest.skip(str(error))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where anybody may look and write, unlike in the folders that pytest makes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@pytest.fixture
def not_root() -> Iterator[None]:
    """If root runs this, to whom nothing is forbidden, another user runs it."""
    if os.geteuid():
        yield
        return
    try:
        os.seteuid(65534)
    except OSError as error:
        pytest.skip(f"root cannot be given up here: {error}")
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the corpus, for tests that want certain files of it."""
    if not (CORPUS / "manifest.csv").is_file():
        pytest.skip(f"no corpus in {CORPUS}; HOUNSFIELD_CORPUS names its folder")
    return CORPUS


@pytest.fixture(scope="session")
def pydicom_path() -> Callable[[str], Path]:
    """A file of pydicom's wheel by its name: ``pydicom_path("CT_small.dcm")``."""
    by_name = {path.name: path for path in pydicom_files()}
    return by_name.__getitem__


@pytest.fixture(scope="session", params=["bytes", "bytearray", "memoryview", "mmap", "unaligned"])
def as_buffer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[bytes], bytes | bytearray | memoryview | mmap.mmap]]:
    """Wraps bytes in every kind of contiguous buffer in turn; memoryview and mmap are read-only."""
    maps = []

    def map_file(data: bytes) -> mmap.mmap:
        path = tmp_path_factory.mktemp("mapped") / "data"
        path.write_bytes(data)
        with path.open("rb") as file:
            maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return maps[-1]

    yield {
        "bytes": bytes,
        "bytearray": bytearray,
        "memoryview": lambda data: memoryview(bytes(data)),
        "mmap": map_file,
        "unaligned": lambda data: memoryview(b"\0" + data)[1:],
    }[request.param]
    for each in maps:
        each.close()


@pytest.fixture(scope="session")
def strided() -> Callable[[bytes], memoryview]:
    """Wraps bytes in a buffer that is not contiguous: every second byte of a longer one."""

    def spread(data: bytes) -> memoryview:
        wide = bytearray(2 * len(data))
        wide[::2] = data
        return memoryview(wide)[::2]

    return spread


@pytest.fixture(scope="session", params=["_kernels", "_reference"])
def twin(request: pytest.FixtureRequest) -> Callable[[str], ModuleType]:
    """A kernel by its name, and then its plain-Python twin: ``twin("swap").swap(...)``."""
    return lambda kernel: import_module(f"hounsfield.{request.param}.{kernel}")


@pytest.fixture(scope="session")
def dcmtk() -> Callable[..., str]:
    """Runs a tool of DCMTK and returns what it prints: ``dcmtk("dcmdump", "-q", path)``."""
    if not shutil.which("dcmdump"):
        if IN_CI:
            pytest.fail("CI must have DCMTK: apt-get install dcmtk")
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")

    def run(tool: str, *arguments: str | os.PathLike[str]) -> str:
        done = subprocess.run([tool, *arguments], check=True, capture_output=True, timeout=60)
        return done.stdout.decode("latin-1")

    return run


CUTTING = """
import random, sys, time
with open(sys.argv[1], "r+b", 0) as file:
    data = file.read()
    print(flush=True)
    while True:
        size = random.randrange(len(data))
        file.truncate(size)
        time.sleep(0.01)  # a tick of the clock that times of changes are taken from
        file.seek(size)
        file.write(data[size:])
        time.sleep(0.01 * random.random())
"""


@pytest.fixture
def cutting() -> Iterator[Callable[[Path], None]]:
    """Have another process cut a file and make it whole again, over and over, until the test ends."""
    children = []

    def begin(path: Path) -> None:
        child = subprocess.Popen([sys.executable, "-c", CUTTING, str(path)], stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout is not None
        child.stdout.readline()

    yield begin
    for child in children:
        with child:
            child.kill()
