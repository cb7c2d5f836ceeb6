"""How many processors there are for this process."""

import os

__all__ = ["processors"]


def processors() -> int:
    """Give how many CPUs this process may run on; of the whole machine where that cannot be told."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
