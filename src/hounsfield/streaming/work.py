"""The threads of a stream, and what they share with whoever asks."""

from __future__ import annotations

import atexit
import threading
import weakref
from contextlib import suppress
from heapq import heappop, heappush
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from hounsfield.errors import SourceError, name_file
from hounsfield.forks import after_fork
from hounsfield.processors import GRACE
from hounsfield.streaming.items import END, Item, Result
from hounsfield.streaming.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hounsfield.finding import Origin
    from hounsfield.streaming.jobs import FileDecoder

__all__ = ["Work"]


class Work:
    """What threads and caller share. It knows no `Stream`, so that one that is let go of can end it.

    Each item that runs or is ready holds one of `prefetch` places, from before its source is asked for until
    it is handed over. A file's next frames come before other files: so the item that is to be handed over
    next always has a place, or the first one that is free.
    """

    def __init__(
        self,
        origins: Iterator[Origin],
        decoder: FileDecoder,
        *,
        threads: int,
        prefetch: int,
        ordered: bool,
    ) -> None:
        self.is_async = False
        self._origins = origins
        self._decoder = decoder
        self._prefetch = prefetch
        self._ordered = ordered
        self._unlock()
        self._waiters: list[Any] = []
        self._most_threads = min(threads, prefetch)
        self._threads: list[threading.Thread] = []
        self._started = False
        self._stopped = False
        self._alive = 0
        self._feeder: threading.Thread | None = None
        self._opening = 0
        self._exhausted = False
        self._broken: BaseException | None = None
        self._files = 0
        self._frames_left: dict[int, int] = {}
        self._held = 0
        self._pending: list[Job] = []
        self._ready: dict[tuple[int, int], Result] = {}
        self._next = 0, 0

    def _unlock(self) -> None:
        # A garbage collection may end a stream while its thread is in here: the lock must be reentrant.
        lock = threading.RLock()
        self._room = threading.Condition(lock)
        self._news = threading.Condition(lock)

    # For the caller

    def wait(self) -> Result | None:
        """Give the next result when it is there; None at the end."""
        with self._news:
            self._start()
            while (result := self._pop()) is None:
                self._news.wait()
        return None if result is END else result

    def poll(self, waiter: Any) -> Result | None:
        """Give the next result, or END; or None, and see to it that the future `waiter` is told of news."""
        with self._news:
            self._start()
            result = self._pop()
            if result is None:
                self._waiters.append(waiter)
            return result

    def stop(self) -> None:
        """Have all threads end after what they do now."""
        with self._news:
            self._stopped = True
            origins, self._origins = self._origins, iter(())
            self._pending.clear()
            self._ready.clear()
            self._room.notify_all()
            self._tell()
        del origins  # which may end a generator of the caller's

    def patience(self, until: float, waiter: Any = None) -> float | None:
        """How long to wait for threads to end, of which the future `waiter` is told: 0 if no longer.

        As long as it takes, None, for those that decode; for one that asks the caller's sources for more
        `until` a point in time.
        """
        with self._news:
            if waiter is not None:
                self._waiters.append(waiter)
            if not self._alive:
                return 0
            return None if self._alive > (self._feeder is not None) else max(until - monotonic(), 0)

    def join(self, until: float) -> None:
        """Wait for the threads."""
        with self._news:
            while (left := self.patience(until)) != 0:
                self._news.wait(left)
            feeder = self._feeder
        for thread in self._threads:
            if thread.is_alive() and thread is not feeder:
                thread.join()

    def end(self) -> None:
        """Stop, as nobody holds the stream any more.

        A garbage collection may call this anywhere, also where what a thread waits for is held: a lock of a
        file object, of a module that is imported. So it does not wait for long.
        """
        self.stop()
        if not self.is_async and threading.current_thread() not in self._threads:
            until = monotonic() + GRACE
            for thread in self._threads:
                if thread.is_alive():
                    thread.join(max(until - monotonic(), 0))

    def lose_threads(self) -> None:
        """Be of no more use in a forked process, which has no threads, but the locks as they held them."""
        self._unlock()
        self._waiters.clear()
        self._threads.clear()
        self._alive, self._feeder = 0, None
        self._broken = SourceError("was begun before this process was forked, which has none of its threads")

    def _start(self) -> None:
        if not self._started and not self._stopped:
            self._started = True
            _begun.add(self)
            for number in range(self._most_threads):
                # Made now: from Python 3.13 on, one that was made before a fork cannot be started after it.
                name = f"hounsfield-stream-{number}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.append(thread)
                try:
                    thread.start()
                except RuntimeError:  # the system gives no more
                    if not number:
                        raise
                    break

    def _pop(self) -> Result | None:
        if self._stopped:
            return END
        if self._broken is not None:
            return Result(None, failure=self._broken)
        key = self._next if self._ordered else next(iter(self._ready), None)
        result = None if key is None else self._ready.pop(key, None)
        if result is None:
            return END if self._exhausted and not self._held and not self._pending else None
        number, frame = self._next
        self._next = (number + 1, 0) if result.is_last else (number, frame + 1)
        self._held -= 1
        self._room.notify()
        return result

    def _tell(self) -> None:
        self._news.notify_all()
        for waiter in self._waiters:
            with suppress(RuntimeError):  # of a loop that is closed
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)
        self._waiters.clear()

    # For the threads

    def _run(self) -> None:
        with self._news:
            self._alive += 1
        try:
            while (job := self._take()) is not None and not self._stopped:
                self._do(job)
                del job  # or it would be held while this waits
        except BaseException as error:  # such as MemoryError: nobody must wait for what will not come
            with self._news:
                self._broken = error
        finally:
            with self._news:
                self._alive -= 1
                self._tell()

    def _take(self) -> Job | None:
        """Give the next thing to do, when there is a place for it; None if there will be nothing more."""
        with self._room:
            while True:
                if self._stopped or (self._exhausted and not self._pending and not self._opening):
                    return None
                if self._held < self._prefetch:
                    if self._pending:
                        job = heappop(self._pending)
                        if not job.goes_on:
                            self._add_next(job)
                        self._held += 1
                        return job
                    if self._feeder is None and not self._exhausted:
                        break
                self._room.wait()
            self._feeder = threading.current_thread()
            self._held += 1
            self._opening += 1
            number, origins = self._files, self._origins
            self._files += 1
        origin, failure = None, None
        try:
            origin = next(origins, None)
        except BaseException as error:
            failure = error
        del origins
        with self._room:
            self._feeder = None
            if origin is not None:
                self._room.notify()
                return Job(number, 0, 1, origin)
            self._exhausted = True
            self._opening -= 1
            self._room.notify_all()
            if failure is None:
                self._held -= 1
            else:
                self._ready[number, 0] = Result(None, failure=failure)
            self._tell()
        return self._take()

    def _do(self, job: Job) -> None:
        start = perf_counter()
        decoded, error = None, None
        try:
            if job.ds is None:
                try:
                    decoded = self._decoder.by_kernel(job.origin.path)
                    if decoded is None:
                        job = self._decoder.read(job)
                finally:
                    self._opened(job)
            if job.ds is not None:
                decoded = self._decoder.by_facade(job.ds, job.frame)
        except Exception as failure:
            error = failure
            name_file(failure, job.origin.name)
        if job.ds is not None and self._is_last_done(job):
            job.ds.close()  # a buffer's owner may want it back
        array, window = decoded or (None, None)
        item = Item(
            job.number,
            job.origin.name,
            "ok" if error is None else "error",
            error,
            self._decoder.frame_of(job),
            window,
            perf_counter() - start,
            array,
        )
        with self._news:
            if not self._stopped:
                key = job.number, job.frame
                self._ready[key] = Result(item, job.frame + 1 == job.total)
                if job.goes_on:
                    self._add_next(job)
                if key == self._next or not self._ordered:
                    self._tell()
        del item, error  # see `raise_first`

    def _is_last_done(self, job: Job) -> bool:
        """Whether all frames of its file are done; to be asked once for each."""
        with self._room:
            left = self._frames_left.pop(job.number, job.total) - 1
            if left:
                self._frames_left[job.number] = left
            return not left

    def _opened(self, job: Job) -> None:
        """Put what else a file has where all can take from it."""
        with self._room:
            self._opening -= 1
            if not job.goes_on:
                self._add_next(job)
            if self._exhausted:
                self._room.notify_all()

    def _add_next(self, job: Job) -> None:
        """Put the next frame of a file where all can take it from."""
        following = job.next()
        if following is not None and not self._stopped:
            heappush(self._pending, following)
            self._room.notify_all()


_begun: weakref.WeakSet[Work] = weakref.WeakSet()


@after_fork
def _lose_all_threads() -> None:
    for work in _begun:
        work.lose_threads()


@atexit.register
def _at_exit() -> None:
    works = list(_begun)
    for work in works:
        work.stop()
    for work in works:
        work.join(monotonic() + GRACE)


def _wake(waiter: Any) -> None:
    if not waiter.done():
        waiter.set_result(None)
