"""How many processors there are for this process, and work for several of them."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["ahead", "processors", "together"]

MOST_THREADS = 256

_Result = TypeVar("_Result")

_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def processors() -> int:
    """Give how many CPUs this process may run on; of the whole machine where that cannot be told."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    others = [_threads().submit(work) for _ in range(min(threads - 1, MOST_THREADS))]
    try:
        work()
    finally:
        running = [other for other in others if not other.cancel()]
        errors = [other.exception() for other in running]
    for error in errors:
        if error is not None:
            raise error


def ahead(
    work: Callable[..., _Result], jobs: Iterable[tuple[Any, ...]], threads: int, most: int
) -> Iterator[_Result]:
    """Give what `work` makes of each job, in order, while threads of their own work on those that come next.

    A job is asked for when no more than `most` are begun and not given yet. At the end, whatever ends it, no
    thread is at work.
    """
    from concurrent.futures import ThreadPoolExecutor  # slower to load than all that is ours

    waiting: deque[Future[_Result]] = deque()
    executor = ThreadPoolExecutor(threads, "ahead")
    try:
        for job in jobs:
            waiting.append(executor.submit(work, *job))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def _threads() -> ThreadPoolExecutor:
    """Threads that stay: to start one takes as long as to decode a small frame."""
    global _pool
    with _lock:
        if _pool is None:
            from concurrent.futures import ThreadPoolExecutor  # slower to load than all that is ours

            _pool = ThreadPoolExecutor(MOST_THREADS, "together")
        return _pool


def _forget() -> None:
    """Of threads a forked process has only the one that forked it."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
