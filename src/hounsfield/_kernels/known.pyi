from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer, disjoint_base

from hounsfield._kernels.header import Header

__all__ = ["Encoded", "Known", "decode_known", "decode_like", "forget", "remember"]

@disjoint_base
class Known:
    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], mask: tuple[int, int] | None
    ) -> None: ...

@disjoint_base
class Encoded(Known):
    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        mask: tuple[int, int] | None,
        *,
        codec: Callable[..., object],
        options: Mapping[str, Any] | None = None,
        view: np.dtype[Any] | None = None,
        headers: bytes = b"",
        is_like: Callable[[Buffer], bool] | None = None,
        pad: int = 0,
        has_tiles: bool = False,
        components: int = 0,
        offset: int = 0,
        grey: int | None = None,
        turned: bool = False,
    ) -> None: ...

def remember(header: Header, known: Known) -> None: ...
def forget() -> int: ...
def decode_known(
    header: Header, max_pixels: int, out: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any] | None: ...
def decode_like(known: Encoded, data: Buffer, samples: npt.NDArray[Any]) -> bool: ...
