"""How a stream ends: early, by an error, by Ctrl-C or in a coroutine, with nothing left behind."""

import asyncio
import copy
import gc
import io
import multiprocessing
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from itertools import chain
from pathlib import Path

import pytest

import hounsfield as hu
from hounsfield.processors import GRACE
from hounsfield.streaming import work
from streaming.work import WORKERS, Watch, collect, none_left, threads


def test_break(ct):
    for count, prefetch in WORKERS:
        for item in hu.stream([ct] * 100, threads=count, prefetch=prefetch):
            assert item.index == 0
            break
        assert not threads()


def test_break_of_async_for(ct):
    async def main():
        async for _ in hu.stream([ct] * 100, threads=4):
            break
        assert none_left()
        async with hu.stream([ct] * 100, threads=4) as stream:
            async for _ in stream:
                break
        assert not threads()

    asyncio.run(main())


def test_close_and_with(ct):
    with hu.stream([ct] * 100) as stream:
        next(stream)
        assert threads()
    assert not threads()
    assert list(stream) == []
    stream.close()


def test_garbage_collection(ct):
    class Holder:
        pass

    holder = Holder()
    holder.stream, holder.itself = hu.stream([ct] * 100), holder
    next(holder.stream)
    assert threads()
    del holder
    gc.collect()
    assert not threads()


def test_garbage_collection_by_who_holds_what_a_thread_waits_for(ct, monkeypatch):
    """As a lock of a module that is imported: it may happen anywhere."""
    monkeypatch.setattr(work, "GRACE", 0.1)
    lock, waits = threading.Lock(), threading.Event()

    class File(io.BytesIO):
        def read(self, *count):
            if not lock.acquire(blocking=False):
                waits.set()
                assert lock.acquire(timeout=30)
            lock.release()
            return super().read(*count)

    holder = [hu.stream(chain([ct], (File(ct.read_bytes()) for _ in range(9))), threads=2, prefetch=1)]
    holder.append(holder)
    assert next(holder[0]).status == "ok"
    with lock:
        # There is a place for one more as soon as the first is handed over.
        assert waits.wait(10)
        begun = time.monotonic()
        del holder
        gc.collect()
        assert time.monotonic() - begun < 10
    assert none_left()


def test_sources_are_closed(ct):
    closed = []

    def sources():
        try:
            while True:
                yield ct
        finally:
            closed.append(True)

    for _ in hu.stream(sources()):
        break
    assert closed


def test_error_in_the_middle(take, ct, monkeypatch):
    """Those before it come, those behind it do not, whichever was ready first."""
    Watch(monkeypatch, [0.05])
    got = []
    with pytest.raises(FileNotFoundError) as caught:
        take(hu.stream([ct, ct, "none", ct, b"", ct], threads=4), got)
    assert [item.index for item in got] == [0, 1]
    assert caught.value.filename == "none"
    assert none_left()


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt(), SystemExit()])
def test_sources_that_raise(take, ct, error):
    """What the caller's own iterable raises is no matter of one file."""

    def sources():
        yield ct
        yield ct
        raise error

    got = []
    with pytest.raises(type(error)) as caught:
        take(hu.stream(sources(), on_error="skip"), got)
    assert caught.value is error
    assert [item.index for item in got] == [0, 1]


def test_exception_in_the_loop(ct):
    def loop():
        for item in hu.stream([ct] * 100):
            raise RuntimeError(item.source)

    with pytest.raises(RuntimeError):
        loop()
    assert none_left()


def test_a_source_that_does_not_answer(ct):
    """Others are handed over while one thread waits for more, and ending does not wait for it for long."""
    given = queue.Queue()
    for _ in range(3):
        given.put(ct)
    stream = hu.stream(iter(given.get, None), threads=2)
    assert [next(stream).index for _ in range(3)] == [0, 1, 2]
    start = time.monotonic()
    stream.close()
    assert time.monotonic() - start < GRACE + 1
    given.put(None)


CHILD = """
import signal, sys, threading, time
import hounsfield as hu
from hounsfield.streaming.work import Work

def forever():
    while True:
        yield sys.argv[1]

do = Work._do
def slow(*args):
    if sys.argv[2] == "waiting":
        time.sleep(0.2)
    do(*args)
Work._do = slow

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    for number, item in enumerate(hu.stream(forever())):
        if number == 3:
            print("ready", flush=True)
        if sys.argv[2] == "looping" and number > 3:
            time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted", flush=True)
left = [each for each in threading.enumerate() if each.name.startswith("hounsfield-stream")]
print(len(left), flush=True)
kept = hu.stream(forever())
next(kept)
"""


@pytest.mark.parametrize("where", ["waiting", "looping"])
def test_ctrl_c(ct, where):
    """It ends the loop at once, and no thread keeps the interpreter: not those of a stream that is kept."""
    source = str(Path(hu.__file__).parents[1])
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD, str(ct), where],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": source},
    )  # fmt: skip
    try:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=20)
    finally:
        child.kill()
    assert (output, errors, child.returncode) == ("interrupted\n0\n", "", 0)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_is_not_copied(ct, how):
    """A copy would end with the stream that it is one of, as if there were no more."""
    stream = hu.stream([ct])
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        how(stream)
    assert len(list(stream)) == 1


def in_child(begun, waiting, answers):
    with pytest.raises(hu.SourceError, match="forked"):
        next(begun)
    begun.close()
    answers.put([item.index for item in waiting])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process(ct):
    """It has no threads of a stream that was begun before, and does not wait for them."""
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with hu.stream([ct] * 20, threads=3) as begun:
        next(begun)
        child = context.Process(target=in_child, args=(begun, hu.stream([ct] * 3), answers))
        child.start()
        try:
            assert answers.get(timeout=20) == [0, 1, 2]
            child.join(20)
            assert child.exitcode == 0
        finally:
            child.kill()
        assert len(list(begun)) == 19


# Coroutines


def test_the_loop_is_not_blocked(ct, monkeypatch):
    """Neither by decoding nor by waiting for sources or the end."""
    Watch(monkeypatch, [0.8] * 6)
    longest = 0.0
    given = queue.Queue()
    given.put(ct)

    def sources():
        yield ct
        time.sleep(0.8)
        yield ct

    async def tick():
        nonlocal longest
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - start)

    async def main():
        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        assert len(await collect(hu.stream(sources(), threads=2))) == 2
        async with hu.stream([ct] * 10, threads=2) as stream:
            await anext(stream)
        assert not threads()
        start = time.perf_counter()
        async with hu.stream(iter(given.get, None), threads=2) as stream:
            await anext(stream)
        assert time.perf_counter() - start < GRACE + 1
        given.put(None)
        ticking.cancel()

    asyncio.run(main())
    assert longest < 0.6


def test_cancellation(ct, monkeypatch):
    watch = Watch(monkeypatch, [0, 0] + [1.0] * 100)

    async def main():
        async def read_all():
            async for _ in stream:
                pass

        stream = hu.stream([ct] * 100, threads=2)
        task = asyncio.create_task(read_all())
        await asyncio.sleep(0.1)
        start = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - start < 0.5
        begun = watch.begun
        await stream.aclose()
        assert not threads()
        assert watch.begun == begun < 10
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    asyncio.run(main())


def test_timeout(ct, monkeypatch):
    Watch(monkeypatch, [0.3] * 10)

    async def main():
        async with hu.stream([ct] * 10) as stream:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)

    asyncio.run(main())


def test_a_loop_that_is_gone(ct, monkeypatch):
    """Threads that finish after the loop was closed have nobody to tell, and say nothing."""
    Watch(monkeypatch, [0.1] * 10)
    stream = hu.stream([ct] * 10, threads=2)

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.01)

    asyncio.run(main())
    assert none_left()


def test_what_nobody_expects(take, ct, monkeypatch):
    """If a thread cannot go on, nobody waits for it."""

    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(work, "Item", fail)
    with pytest.raises(MemoryError, match="no room"):
        take(hu.stream([ct] * 10), [])
