"""How many processors there are for this process, and work for several of them."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["processors", "together"]

MOST_THREADS = 256

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
