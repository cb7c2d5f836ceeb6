from typing import Literal

from typing_extensions import Buffer

__all__ = ["decode_files"]

def decode_files(
    paths: list[str | None],
    out: Buffer,
    *,
    values: Literal["display", "modality", "stored"] = "display",
    window: int | tuple[float, float] | Literal["auto"] = 0,
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR",
    frame: int = 0,
    fit: Literal["letterbox", "crop", "stretch"] | None = None,
    fill: bytes | None = None,
) -> list[tuple[float, tuple[float, float, str] | None] | None]: ...
