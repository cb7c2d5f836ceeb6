"""The swap kernel in plain Python, and as the best that NumPy can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hounsfield.errors import OptionError

if TYPE_CHECKING:
    from typing_extensions import Buffer


def swap(source: Buffer, out: Buffer, width: int) -> None:
    """Copy `source` to `out`, the bytes of each value of `width` bytes reversed."""
    octets, to = memoryview(source).cast("B"), memoryview(out).cast("B")
    if width not in (2, 4, 8) or len(octets) % width or len(to) != len(octets):
        raise OptionError(f"{len(octets)} bytes to {len(to)} bytes in values of {width} bytes")
    for start in range(0, len(octets), width):
        to[start : start + width] = bytes(reversed(octets[start : start + width]))


def swap_in_place(data: Buffer, width: int) -> None:
    """Reverse the bytes of each value of `width` bytes in `data`."""
    swap(bytes(memoryview(data)), data, width)


def swap_numpy(source: Buffer, out: Buffer, width: int) -> None:
    """Copy by an assignment between two byte orders, which NumPy does in one pass."""
    np.frombuffer(memoryview(out), f"<u{width}")[:] = np.frombuffer(memoryview(source), f">u{width}")


def swap_in_place_numpy(data: Buffer, width: int) -> None:
    np.frombuffer(memoryview(data), f"u{width}").byteswap(inplace=True)
