"""How many processors there are for this process, and work for several of them."""

from __future__ import annotations

import operator
import os
import threading
from collections import deque
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from hounsfield.errors import OptionError, raise_first
from hounsfield.forks import after_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["GRACE", "ahead", "processors", "thread_count", "together"]

MOST_THREADS = 256
"""What is asked for beyond that is not given: of a million, most would wait, and each takes memory."""

GRACE = 1.0
"""Seconds that work ahead of the caller, closed or let go of, waits for threads that may wait for the caller:
in sources of the caller's, or for what is held where a garbage collection came."""

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")

_Result = TypeVar("_Result")


def processors() -> int:
    """Give how many CPUs this process may run on; of the whole machine where that cannot be told.

    A container may have the time of fewer than it sees, by the quota of its control group.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, _quota() or count)


@cache
def _quota() -> int | None:
    """CPUs whose time the control group (version 2) may use, rounded up; None if there is no such limit."""
    try:
        quota, period = CPU_MAX.read_text(encoding="ascii").split()
        return max(-(-int(quota) // int(period)), 1)
    except (OSError, ValueError, ZeroDivisionError):  # there is none, or it is "max"
        return None


def thread_count(threads: int | None) -> int:
    """Give the number of threads that was asked for, 256 at most; for None, one for each of the `processors`.

    Raises
    ------
    OptionError
        It is less than one.
    TypeError
        It is no integer.
    """
    count = processors() if threads is None else operator.index(threads)
    if count < 1:
        raise OptionError(f"threads={count}: 1 is the least")
    return min(count, MOST_THREADS)


def together(work: Callable[[], None], threads: int) -> None:
    """Call `work` on this thread and on others at the same time, and wait for all of them.

    Parameters
    ----------
    work : callable
        Takes what there is to do from a place that is shared, until there is no more: some of the threads may
        come late, or not at all where others keep them busy.
    threads : int
        With this one.

    Raises
    ------
    BaseException
        What `work` raised, here or elsewhere.
    """
    with _pool.wanted(min(threads - 1, MOST_THREADS)) as helpers:
        works = [work]
        others = [_pool.submit(works) for _ in range(helpers)]
        try:
            work()
        finally:
            running = [other for other in others if not other.cancel()]
            errors = [other.exception() for other in running]
            works.clear()  # what was cancelled may wait for a thread, and would hold the caller's arrays
    failures = list(filter(None, errors))
    del others, running, errors
    if failures:
        raise_first(failures)


def ahead(
    work: Callable[..., _Result], jobs: Iterable[tuple[Any, ...]], threads: int, most: int
) -> Iterator[_Result]:
    """Give what `work` makes of each job, in order, while threads of their own work on those that come next.

    A job is asked for when no more than `most` are begun and not given yet. At the end no thread is at work;
    where it is closed or let go of, those that take longer than GRACE end after what they do.
    """
    from concurrent.futures import ThreadPoolExecutor, wait  # slower to load than all that is ours

    waiting: deque[Future[_Result]] = deque()
    executor = ThreadPoolExecutor(threads, "ahead")
    patience = None
    try:
        for job in jobs:
            waiting.append(executor.submit(work, *job))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except GeneratorExit:
        # A garbage collection may do this anywhere: where what a thread waits for is held, or in a thread.
        patience = GRACE
        raise
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        if not wait([each for each in waiting if not each.cancelled()], patience).not_done:
            executor.shutdown()


class _Pool:
    """Threads that stay: to start one takes as long as to decode a small frame.

    There are as many as were ever wanted at a time, and no more than the system gives. A `ThreadPoolExecutor`
    would have one more each time that those it has are not back yet from the last call.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come while it is held, and have something decoded
        self._tasks: SimpleQueue[tuple[Future[None], list[Callable[[], None]]]] = SimpleQueue()
        self._wanted = self._threads = 0

    @contextmanager
    def wanted(self, count: int) -> Iterator[int]:
        """Have so many threads for a while; give for how many of them there can be work."""
        with self._lock:
            self._wanted += count
            with suppress(RuntimeError):  # the system gives no more
                while self._threads < min(self._wanted, MOST_THREADS):
                    threading.Thread(target=self._run, name="together", daemon=True).start()
                    self._threads += 1
        try:
            yield min(count, self._threads)
        finally:
            with self._lock:
                self._wanted -= count

    def submit(self, works: list[Callable[[], None]]) -> Future[None]:
        """Have the first called, on one of the threads, unless that is cancelled."""
        from concurrent.futures import Future  # slower to load than all that is ours

        future: Future[None] = Future()
        self._tasks.put((future, works))
        return future

    def _run(self) -> None:
        while True:
            future, works = self._tasks.get()
            if future.set_running_or_notify_cancel():
                try:
                    works[0]()
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(None)
            del future, works  # or they would be held while this waits


_pool = _Pool()


@after_fork
def _forget() -> None:
    """Of threads a forked process has only the one that forked it."""
    global _pool
    _pool = _Pool()
