"""Processes that share work, and how they end."""

import os
import signal
import subprocess
import sys
import time

import pytest

from hounsfield.errors import OptionError
from hounsfield.preprocess.workers import WorkerError, work
from preprocess.work import PACKAGE


def parts(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    yield number


def failing(number):
    yield number
    raise OptionError(f"of {number}")


def test_workers():
    assert sorted(work(parts, [0, 1, 2, 4, 5], 2)) == [0, 1, 2, 4, 5]
    with pytest.raises(WorkerError, match="-9"):
        list(work(parts, range(6), 2))
    with pytest.raises(OptionError, match="of 1"):
        list(work(failing, [1], 2))


class Deadly:
    """Ends the process that it is sent to, before that has taken any part of the work."""

    def __reduce__(self):
        return os._exit, (3,)


def test_workers_that_end_before_they_begin():
    with pytest.raises(WorkerError, match="exit code 3"):
        list(work(Deadly(), range(4), 2))


ORPHANS = """
import os, sys, time
from hounsfield.preprocess.workers import work

def sleep(number):
    yield os.getpid()
    time.sleep(60)

if __name__ == "__main__":
    for number in work(sleep, range(2), 2):
        print(number, flush=True)
"""


def test_workers_end_with_what_started_them(tmp_path):
    """Else they would still write where another run goes on."""
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        # Their ends of it are closed when they end, too.
        workers = [process.stdout.readline() for _ in range(2)]
        process.kill()
        begun = time.monotonic()
        assert process.stdout.read() == b""
        assert time.monotonic() - begun < 20
    assert all(workers)
