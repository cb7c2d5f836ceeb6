from typing import Any

import numpy.typing as npt
from typing_extensions import Buffer

__all__ = [
    "interleave",
    "upsample_422",
    "ybr_full_422_to_rgb",
    "ybr_full_to_rgb",
    "ybr_partial_422_to_rgb",
]

def interleave(planes: Buffer | npt.NDArray[Any], out: npt.NDArray[Any]) -> None: ...
def upsample_422(data: Buffer | npt.NDArray[Any], out: npt.NDArray[Any]) -> None: ...
def ybr_full_422_to_rgb(data: Buffer | npt.NDArray[Any], out: npt.NDArray[Any]) -> None: ...
def ybr_full_to_rgb(
    data: Buffer | npt.NDArray[Any], out: npt.NDArray[Any], *, planar: bool = False
) -> None: ...
def ybr_partial_422_to_rgb(data: Buffer | npt.NDArray[Any], out: npt.NDArray[Any]) -> None: ...
