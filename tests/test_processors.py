"""Work on several threads: `hounsfield.processors`."""

import gc
import multiprocessing
import os
import threading
import time
from collections import deque

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.processors import MOST_THREADS, _Pool, _quota, ahead, processors, together


def test_processors():
    assert 1 <= processors() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("text", "count"),
    [("150000 100000", 2), ("1000 100000", 1), ("6400000 100000", 4), ("max 100000", 4), ("", 4), (None, 4)],
)
def test_processors_of_a_container(tmp_path, monkeypatch, text, count):
    limit = tmp_path / "cpu.max"
    if text is not None:
        limit.write_text(text)
    monkeypatch.setattr("hounsfield.processors.CPU_MAX", limit)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    _quota.cache_clear()
    assert processors() == count
    _quota.cache_clear()


CALLS = {
    "pixels": lambda path, threads: hu.read(path).pixels(threads=threads),
    "read_region": lambda path, threads: hu.read_region(path, (0, 0), (8, 8), threads=threads),
    "decode_batch": lambda path, threads: hu.decode_batch(path, threads=threads).array,
    "stream": lambda path, threads: [item.array for item in hu.stream(path, threads=threads)],
    "load_volume": lambda path, threads: hu.load_volume(path, threads=threads).array,
}


@pytest.mark.parametrize("name", CALLS)
def test_no_more_threads_than_are_of_use(name, pydicom_path):
    """For a stream of one file, a million were begun."""
    path = pydicom_path("CT_small.dcm")
    expected = np.asarray(CALLS[name](path, 1))
    assert np.array_equal(np.asarray(CALLS[name](path, 10**30)), expected)
    assert threading.active_count() < 2 * MOST_THREADS


@pytest.mark.parametrize("name", CALLS)
def test_numbers_of_threads(name, pydicom_path):
    call, path = CALLS[name], str(pydicom_path("CT_small.dcm"))
    expected = call(path, 1)
    for threads in (np.int64(2), None):
        np.testing.assert_array_equal(call(path, threads), expected)
    for threads in (0, -1):
        with pytest.raises(hu.OptionError, match=f"threads={threads}: 1 is the least"):
            call(path, threads)
    for threads in (1.5, "2"):
        with pytest.raises(TypeError, match="integer"):
            call(path, threads)


def gathered(threads, jobs=200):
    """What threads took, by thread, when each had to wait for the others."""
    left, taken = deque(range(jobs)), {}
    barrier = threading.Barrier(threads)

    def work():
        barrier.wait(10)
        while left:
            try:
                taken.setdefault(threading.get_ident(), []).append(left.popleft())
            except IndexError:
                return

    together(work, threads)
    return taken


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_work_at_the_same_time(threads):
    taken = gathered(threads)
    assert len(taken) <= threads
    assert sorted(number for each in taken.values() for number in each) == list(range(200))


def test_threads_stay():
    gathered(3)
    before = {thread.ident for thread in threading.enumerate()}
    gathered(3)
    assert {thread.ident for thread in threading.enumerate()} == before


def helpers():
    return [thread for thread in threading.enumerate() if thread.name == "together"]


def test_there_are_as_many_as_were_wanted_at_a_time(monkeypatch):
    """Even if those from the last call are not back yet."""
    monkeypatch.setattr("hounsfield.processors._pool", _Pool())
    before = len(helpers())
    for _ in range(2000):
        together(lambda: None, 3)
    assert len(helpers()) - before == 2


@pytest.mark.parametrize("given", [0, 1])
def test_fewer_threads_than_wanted(monkeypatch, given):
    monkeypatch.setattr("hounsfield.processors._pool", _Pool())
    before, start = len(helpers()), threading.Thread.start

    def refuse(thread):
        if len(helpers()) - before == given:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = []
    together(lambda: done.append(True), 5)
    assert 1 <= len(done) <= 1 + given


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_an_error_is_raised_when_all_are_done(where):
    here, barrier, done = threading.get_ident(), threading.Barrier(2), []

    def work():
        barrier.wait(10)
        if (threading.get_ident() == here) == (where == "here"):
            raise ValueError(where)
        done.append(True)

    with pytest.raises(ValueError, match=where):
        together(work, 2)
    assert done == [True]


def test_work_within_work_comes_to_an_end():
    """Also where all threads are taken: nobody waits for one that has not begun."""
    counts = []

    def work():
        together(lambda: counts.append(1), 3)

    together(work, 200)
    assert len(counts) >= 1


@pytest.mark.parametrize(("threads", "most"), [(1, 1), (2, 4), (3, 3)])
def test_jobs_are_asked_for_when_they_are_soon_done_and_given_in_order(threads, most):
    asked, given = [], []

    def jobs():
        for number in range(40):
            asked.append(number)
            assert len(asked) - len(given) <= most + 1
            yield number, 2

    for number, result in enumerate(ahead(pow, jobs(), threads, most)):
        assert result == number**2
        given.append(result)
    assert len(given) == 40


def threads():
    return [each for each in threading.enumerate() if each.name.startswith("ahead")]


def test_an_error_in_a_job_comes_in_its_turn_and_ends_all():
    results = ahead(divmod, ((6, number) for number in (3, 2, 0, 1)), 2, 2)
    assert [next(results), next(results)] == [(2, 0), (3, 0)]
    with pytest.raises(ZeroDivisionError):
        next(results)
    results = ahead(pow, ((number, 2) for number in range(1000)), 2, 2)
    next(results)
    results.close()
    assert not threads()


def let_go(results):
    """Have the next garbage collection find it."""
    holder = [results]
    holder.append(holder)


def test_garbage_collection_by_who_holds_what_a_thread_waits_for(monkeypatch):
    """As a lock of a module that is imported: it may happen anywhere."""
    monkeypatch.setattr("hounsfield.processors.GRACE", 0.1)
    lock = threading.Lock()

    def work(_):
        with lock:
            pass

    results = ahead(work, ((number,) for number in range(100)), 2, 4)
    next(results)
    with lock:
        let_go(results)
        del results
        begun = time.monotonic()
        gc.collect()
        assert time.monotonic() - begun < 10
    until = time.monotonic() + 10
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    assert not threads()


def test_garbage_collection_in_one_of_the_threads(monkeypatch):
    monkeypatch.setattr("hounsfield.processors.GRACE", 0.1)
    wrong, collected, goes_on = [], threading.Event(), threading.Event()
    monkeypatch.setattr("sys.unraisablehook", wrong.append)

    def work(number):
        if number:
            goes_on.wait(10)
            gc.collect()
            collected.set()

    results = ahead(work, ((number,) for number in range(100)), 1, 1)
    next(results)
    let_go(results)
    del results
    goes_on.set()
    assert collected.wait(10)
    assert not wrong


def in_child(answers):
    answers.put(len(gathered(2)) <= 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    gathered(2)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=in_child, args=(answers,))
    child.start()
    assert answers.get(timeout=20)
    child.join(20)
    assert child.exitcode == 0
