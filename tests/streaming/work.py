"""What tests of streams look at: their threads, and how many items are under way."""

import threading
import time

from hounsfield.streaming.work import Work

WORKERS = [(1, 1), (1, 4), (2, 2), (3, 7), (8, 8)]
"""Numbers of threads, and of items ahead."""


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("hounsfield-stream")]


def none_left():
    """Whether all threads end before long: in a coroutine nobody waits for them."""
    until = time.monotonic() + 10
    while threads() and time.monotonic() < until:
        time.sleep(0.001)
    return not threads()


async def collect(stream, got=None):
    got = [] if got is None else got
    async for item in stream:
        got.append(item)
    return got


class Watch:
    """Counts items that are being decoded, or ready and not taken."""

    def __init__(self, monkeypatch, delays=()):
        self.lock = threading.Lock()
        self.begun = self.taken = self.most = 0
        self.delays = delays
        do = Work._do

        def watched(work, job):
            with self.lock:
                number = self.begun
                self.begun += 1
                self.most = max(self.most, self.begun - self.taken)
            if number < len(self.delays):
                time.sleep(self.delays[number])
            do(work, job)

        monkeypatch.setattr(Work, "_do", watched)

    def take(self):
        with self.lock:
            self.taken += 1
