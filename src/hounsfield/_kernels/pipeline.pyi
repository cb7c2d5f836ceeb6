from typing import Any, Literal

import numpy.typing as npt
from typing_extensions import Buffer

from hounsfield._kernels.scan import Table

__all__ = ["decode_files", "decode_samples"]

_Values = Literal["display", "modality", "stored"]
_Window = int | tuple[float, float] | Literal["auto"]
_Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
_Fit = Literal["letterbox", "crop", "stretch"]
_Found = tuple[float, tuple[float, float, str] | None, tuple[int, int]] | None

def decode_files(
    paths: list[str | None],
    out: Buffer | npt.NDArray[Any],
    *,
    values: _Values = "display",
    window: _Window = 0,
    function: _Function = "LINEAR",
    frame: int | None = 0,
    fit: _Fit | None = None,
    fill: bytes | None = None,
    in_use: int = 0,
) -> list[_Found]: ...
def decode_samples(
    table: Table,
    data: bytes,
    samples: Buffer | npt.NDArray[Any],
    out: Buffer | npt.NDArray[Any],
    *,
    values: _Values = "display",
    window: _Window = 0,
    function: _Function = "LINEAR",
    fit: _Fit | None = None,
    fill: bytes | None = None,
    in_use: int = 0,
) -> _Found: ...
