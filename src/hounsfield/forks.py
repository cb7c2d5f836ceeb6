"""What a forked process has to begin anew: it has no thread but one, and locks as others held them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["after_fork"]


def after_fork(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function called in each process that is forked from this one: a decorator."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)
    return function
