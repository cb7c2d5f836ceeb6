from typing import Any

import numpy.typing as npt
from typing_extensions import Buffer

__all__ = ["clamp", "extract", "mask", "unpack_12", "unpack_bits"]

def clamp(
    samples: npt.NDArray[Any],
    out: npt.NDArray[Any],
    bits_stored: int,
    *,
    signed: bool = False,
    offset: int = 0,
    shift: int = 0,
) -> None: ...
def extract(samples: npt.NDArray[Any], bit: int, out: npt.NDArray[Any]) -> None: ...
def mask(samples: npt.NDArray[Any], bits_stored: int, high_bit: int, *, signed: bool = False) -> None: ...
def unpack_12(data: Buffer | npt.NDArray[Any], out: npt.NDArray[Any], first_bit: int = 0) -> None: ...
def unpack_bits(data: Buffer | npt.NDArray[Any], out: npt.NDArray[Any], first_bit: int = 0) -> None: ...
