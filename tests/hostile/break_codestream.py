"""Decodes broken copies of a codestream in child processes, and says what became of them.

    python break_codestream.py FILE FIRST LAST

The copies are numbered: the first hundred are cut short, each of the others has one byte changed. Prints as
JSON how often there was an error of ours and how often a frame, and the number of each that did worse.
"""

import json
import os
import random
import resource
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

from hounsfield.errors import DicomError
from hounsfield.pixels.codecs import decode
from hounsfield.pixels.codestream import parse

CUTS = 100
SECONDS = 5
MEMORY = 768 << 20  # beside what Python itself has mapped
SAMPLES = 1 << 20


def broken(data: bytes, number: int) -> bytes:
    """One copy: every cut at 1 %, then changes, half of them within the headers."""
    if number < CUTS:
        return data[: len(data) * number // CUTS]
    chance = random.Random(number)
    reach = min(len(data), 256) if number % 2 else len(data)
    copy = bytearray(data)
    copy[chance.randrange(reach)] ^= chance.randrange(1, 256)
    return bytes(copy)


def attempt(data: bytes, shape: tuple[int, ...]) -> str:
    """Decode as a caller would who believes the codestream, unless it wants a great deal."""
    try:
        stream = parse(data)
        wanted = (stream.rows, stream.columns, *([stream.components] if stream.components > 1 else []))
        if np.prod(wanted) <= SAMPLES:
            shape = wanted
        out = np.empty(
            shape, np.uint8 if stream.precision <= 8 else np.uint16 if stream.precision <= 16 else np.uint32
        )
        decode(stream, data, out)
    except DicomError:
        return "error"
    return "frame"


def child(data: bytes, shape: tuple[int, ...], first: int, last: int, report: int) -> None:
    """Report one line for each copy, begun before it is tried."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(first, last):
        os.write(report, f"{number} ".encode())
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            outcome = attempt(broken(data, number), shape)
        except BaseException:
            outcome = traceback.format_exc(limit=-2).replace("\n", " ")
        os.write(report, f"{outcome}\n".encode())


def main(file: str, first: int, last: int) -> None:
    data = Path(file).read_bytes()
    stream = parse(data)
    shape = (stream.rows, stream.columns, *([stream.components] if stream.components > 1 else []))
    assert attempt(data, shape) == "frame"
    outcomes: Counter[str] = Counter()
    worse: list[str] = []
    while first < last:
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            child(data, shape, first, last, writer)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as lines:
            report = lines.read()
        _, status = os.waitpid(pid, 0)
        for line in report.splitlines():
            number, _, outcome = line.partition(" ")
            first = int(number) + 1
            if outcome in ("error", "frame"):
                outcomes[outcome] += 1
            else:
                worse.append(line if outcome else f"{number} {signal.Signals(os.WTERMSIG(status)).name}")
    print(json.dumps({"outcomes": outcomes, "worse": worse}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
