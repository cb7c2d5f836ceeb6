"""Processes that do the work part by part, tell of it while they do it, and end when nobody listens."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = ["WorkerError", "work"]

Do = Callable[[Any], Iterator[Any]]


class WorkerError(Exception):
    """A process ended before its work was done: something outside it, or a codec, has ended it."""


def work(do: Do, parts: Iterable[Any], processes: int) -> Generator[Any, None, None]:
    """Do all parts of the work, and give what is told of them, in whatever order it comes.

    Parameters
    ----------
    do : callable
        Takes a part, and yields what is to be told. With more than one process it is pickled.
    parts : iterable
        Taken from as they can be done.
    processes : int
        With 1 this one does all of it.

    Raises
    ------
    WorkerError
        A process has died. What it was at is not done.
    Exception
        What `do` raises.
    """
    if processes == 1:
        for part in parts:
            yield from do(part)
        return
    left = iter(parts)
    with _running(do, processes) as running:
        busy = {connection for connection in running if _give(connection, running, left)}
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                with _as_death(running[ready]):
                    kind, told = ready.recv()
                if kind == "told":
                    yield told
                elif kind == "raised":
                    raise told
                elif not _give(ready, running, left):
                    busy.discard(ready)


def _give(connection: Connection, running: dict[Connection, BaseProcess], parts: Iterator[Any]) -> bool:
    for part in parts:
        with _as_death(running[connection]):
            connection.send(part)
        return True
    return False


@contextmanager
def _as_death(process: BaseProcess) -> Iterator[None]:
    """Take a pipe that has no other end any more for what it is."""
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionResetError):
        process.join(5)
        raise WorkerError(f"a worker process has ended with the exit code {process.exitcode}") from None


@contextmanager
def _running(do: Do, processes: int) -> Iterator[dict[Connection, BaseProcess]]:
    # Not forked: what has threads cannot be, and children would inherit the pipes whose ends tell of death.
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, do), daemon=True)
            with _uninterrupted():
                process.start()
            theirs.close()
            running[ours] = process
        yield running
    finally:
        for connection, each in running.items():
            connection.close()
            each.terminate()
        for each in running.values():
            each.join()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: it is for the one that starts them, once it has done so."""
    if sys.platform == "win32":
        yield
        return
    # Else this would be started with the first of them, and let Ctrl-C through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, do: Do) -> None:
    """Be such a process: do what comes until nothing does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it was not kept away before
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        while True:
            part = connection.recv()
            if not parent.is_alive():  # it was told this before it ended
                return
            try:
                for told in do(part):
                    connection.send(("told", told))
            except Exception as error:
                connection.send(("raised", error))
            else:
                connection.send(("done", None))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # nobody listens any more


def _end_with(parent: BaseProcess) -> None:
    """End this process at once when the one that started it does, be it killed: another may go on with it."""
    parent.join()
    os._exit(1)
