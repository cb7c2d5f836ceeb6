from typing import Any

import numpy.typing as npt
from typing_extensions import Buffer

__all__ = ["decode", "decode_frames", "encode"]

def decode(data: Buffer, out: Buffer, *, planar: bool = False) -> int: ...
def decode_frames(
    frames: list[bytes | memoryview], out: npt.NDArray[Any], bits_stored: int, high_bit: int, signed: bool
) -> int: ...
def encode(frame: Buffer, *, planar: bool = False) -> bytes: ...
