from typing import Literal

from typing_extensions import Buffer

__all__ = ["decode_files"]

def decode_files(
    paths: list[str | None],
    out: Buffer,
    *,
    values: Literal["display", "modality", "stored"] = "display",
    window: int | tuple[float, float] = 0,
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR",
    frame: int = 0,
) -> list[tuple[float, tuple[float, float, str] | None] | None]: ...
