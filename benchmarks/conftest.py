"""One row of a table at a time: a call in this process, the same by a peer in its own, or a floor in C."""

import ctypes
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).parents[1]
FLOORS = ROOT / "benchmarks" / "floors" / "floors.c"
LIBRARIES = (
    "hounsfield",
    "numpy",
    "imagecodecs",
    "pyarrow",
    "pydicom",
    "dicomsdl",
    "pylibjpeg-libjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "pyjpegls",
    "python-gdcm",
    "SimpleITK",
    "cython",
)
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]

Repeated = Callable[[int], object]

# A peer's process. It reads how often to repeat, and answers with the seconds it took and its peak memory in
# KiB (not getrusage's: that one begins with the memory of the process that started it).
PEER = """
import re, sys, timeit
names = {}
exec(sys.argv[1], names)
timer = timeit.Timer(sys.argv[2], globals=names)
for line in sys.stdin:
    taken = timer.timeit(int(line))
    with open("/proc/self/status") as status:
        print(taken, re.search(r"VmHWM:\\s+(\\d+)", status.read())[1], flush=True)
"""


def pytest_configure() -> None:
    """Have other processes wait, of this and of its peers: they move threads around, and take their turns."""
    with suppress(AttributeError, PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def _is_real_time() -> bool:
    return hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) == os.SCHED_RR


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    machine_info["priority"] = "real-time priority" if _is_real_time() else "ordinary priority"
    libraries = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = "not installed"
    compiler = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True)
    libraries["compiler"] = compiler.stdout.splitlines()[0]
    machine_info["libraries"] = libraries


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Make those that took turns with a row (`Row.race`) rows of their own."""
    results = []
    for result in output_json["benchmarks"]:
        results.append(result)
        results.extend(result | rival for rival in result["extra_info"].pop("rivals", ()))
    output_json["benchmarks"] = results


class Peer:
    """A statement in a Python process of its own: a function that repeats it as told, and tells the seconds.

    Its setup runs while other things are done, and is over when the first call returns.
    """

    peak_mib = 0

    def __init__(self, setup: str, statement: str) -> None:
        command = [sys.executable, "-c", PEER, setup, statement]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, times: int) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        seconds, peak = self._process.stdout.readline().split()
        self.peak_mib = round(int(peak) / 1024)
        return float(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._process:
            pass


def calibrated(repeat: Repeated) -> tuple[int, float]:
    """How often to repeat for 10 ms, beside which a call costs nothing; and how long that takes."""
    repeat(1)  # a peer's setup is done when this returns
    elapsed, times = 0.0, 1
    while elapsed < 0.01:
        times *= 2
        start = time.perf_counter()
        repeat(times)
        elapsed = time.perf_counter() - start
    return times, elapsed


class Floors:
    """floors.c, compiled when it is wanted. Each method returns a function that repeats its work."""

    def __init__(self) -> None:
        library = ROOT / "build" / "floors.so"
        if not library.exists() or library.stat().st_mtime < FLOORS.stat().st_mtime:
            library.parent.mkdir(exist_ok=True)
            subprocess.run([COMPILER, "-O3", "-shared", "-fPIC", FLOORS, "-o", library], check=True)
        self._library = ctypes.CDLL(str(library))
        address, size = ctypes.c_void_p, ctypes.c_size_t
        self._library.floor_walk.argtypes = (address, size, size, ctypes.c_long)
        self._library.floor_read_header.argtypes = (ctypes.c_char_p, size, ctypes.c_long)
        texts, real = ctypes.POINTER(ctypes.c_char_p), ctypes.c_float
        self._library.floor_batch.argtypes = (texts, ctypes.c_long, size, address, real, real, ctypes.c_long)
        self._library.floor_read_headers.argtypes = (texts, ctypes.c_long, size, ctypes.c_long)
        self._library.floor_memcpy.argtypes = (address, address, size, ctypes.c_long)

    # The functions returned refer to their arrays, not to addresses: that keeps the memory there.

    def walk(self, data: Any, at: int = 132) -> Repeated:
        """Walk the elements of a file in memory, from the byte ``at``."""
        source = np.frombuffer(data, np.uint8)
        return lambda times: self._library.floor_walk(source.ctypes.data, source.size, at, times)

    def read_header(self, path: Path, size: int) -> Repeated:
        """Open a file, read its first bytes, 16 KiB at most, close it and walk their elements."""
        name = os.fsencode(path)
        return lambda times: self._library.floor_read_header(name, size, times)

    def batch(self, paths: Sequence[Path], out: Any, scale: float, offset: float) -> Repeated:
        """Read files that end in int16 samples and window these into the rows of an array of bytes."""
        names = (ctypes.c_char_p * len(paths))(*map(os.fsencode, paths))
        pixels = out[0].size

        def repeat(times: int) -> None:
            done = self._library.floor_batch(names, len(paths), pixels, out.ctypes.data, scale, offset, times)
            assert done == len(paths)

        return repeat

    def read_samples(self, paths: Sequence[Path], pixels: int) -> Repeated:
        """Read the samples of such files in the same way, and do nothing with them."""
        names = (ctypes.c_char_p * len(paths))(*map(os.fsencode, paths))
        return lambda times: self._library.floor_batch(names, len(paths), pixels, None, 0, 0, times)

    def read_headers(self, paths: Sequence[str], size: int) -> Repeated:
        """The same of many files."""
        names = (ctypes.c_char_p * len(paths))(*map(os.fsencode, paths))
        return lambda times: self._library.floor_read_headers(names, len(names), size, times)

    def memcpy(self, data: Any) -> Repeated:
        """Copy memory."""
        source = np.frombuffer(data, np.uint8)
        copy = np.ones_like(source)  # written to, so that its pages are there
        return lambda times: self._library.floor_memcpy(
            copy.ctypes.data, source.ctypes.data, source.size, times
        )


class Row:
    """One row: a name, its times, and what is to be reached against other rows of its group.

    ``target`` is one tuple or a list of them:

        ("at most", 1.8, "memcpy")         no more than 1.8 x the time of the row "memcpy"
        ("at most", 4, "C walk", 1.5e-6)   the same, or 1.5 us where that is larger
        ("faster", 3, "NumPy")             3 x faster than the row "NumPy", or better
        ("within", 0.06, "import numpy")   no more than 60 ms above it
        ("smaller", 10, "pydicom")         a tenth of its peak memory, or less
    """

    def __init__(self, benchmark: BenchmarkFixture, config: pytest.Config) -> None:
        self._benchmark = benchmark
        self._max_time = float(config.getoption("benchmark_max_time"))
        self._min_rounds = int(config.getoption("benchmark_min_rounds"))

    def here(self, name: str, function: Callable[..., Any], *arguments: Any, target: Any = ()) -> Any:
        """A call in this process; returns its result, so that a test can compare it."""
        self._benchmark.extra_info |= {"row": name, "target": target}
        return self._benchmark(function, *arguments)

    def repeated(self, name: str, repeat: Repeated, *, target: Any = ()) -> None:
        """A function that repeats its work as told."""
        times, _ = calibrated(repeat)
        self._benchmark.extra_info |= {"row": name, "target": target, "repeats": times}
        self._benchmark(repeat, times)

    def peer(self, name: str, *, setup: str, statement: str, target: Any = ()) -> None:
        """A statement, after its setup, in a Python process of its own."""
        with Peer(setup, statement) as peer:
            self.repeated(name, peer, target=target)
            self._benchmark.extra_info["peak_mib"] = peer.peak_mib

    def race(
        self,
        name: str,
        function: Callable[[], object],
        rivals: Mapping[str, Callable[[], object] | tuple[str, str]],
        *,
        target: Any = (),
    ) -> None:
        """Rows that are close: they take turns, so that what disturbs one disturbs them all.

        A rival is a function of this process, or the setup and the statement of a peer. All warm up for each
        turn, for another has used the caches since.
        """
        with ExitStack() as stack:
            runs = {
                rival: stack.enter_context(Peer(*each))
                if isinstance(each, tuple)
                else timeit.Timer(each).timeit
                for rival, each in ({name: function} | dict(rivals)).items()
            }
            repeats, elapsed = {}, 0.0
            for each, run in runs.items():
                repeats[each], more = calibrated(run)
                elapsed += more
            taken: dict[str, list[float]] = {rival: [] for rival in rivals}

            def others() -> None:
                for rival in rivals:
                    runs[rival](1)
                    taken[rival].append(runs[rival](repeats[rival]) / repeats[rival])
                runs[name](1)

            rounds = max(self._min_rounds, round(self._max_time * len(runs) / elapsed))
            self._benchmark.extra_info |= {"row": name, "target": target, "repeats": repeats[name]}
            self._benchmark.pedantic(runs[name], (repeats[name],), setup=others, rounds=rounds)
        self._benchmark.extra_info["rivals"] = [
            {
                "stats": {"min": min(times), "median": statistics.median(times)},
                "extra_info": {"row": rival} | ({"peak_mib": run.peak_mib} if isinstance(run, Peer) else {}),
            }
            for (rival, times), run in zip(taken.items(), list(runs.values())[1:], strict=True)
        ]


@pytest.fixture(scope="session")
def floors() -> Floors:
    return Floors()


@pytest.fixture
def row(benchmark: BenchmarkFixture, pytestconfig: pytest.Config) -> Row:
    return Row(benchmark, pytestconfig)
