from typing import Any

import numpy.typing as npt
from typing_extensions import Buffer

__all__ = ["decode"]

def decode(data: Buffer, out: npt.NDArray[Any]) -> None: ...
