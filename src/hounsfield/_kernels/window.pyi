from typing import Literal

from typing_extensions import Buffer

__all__ = ["window"]

def window(
    src: Buffer,
    src_type: str,
    dst: Buffer,
    dst_type: str,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    center: float,
    width: float,
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] | str = "LINEAR",
    invert: bool = False,
) -> None: ...
