__all__ = ["UNUSUAL", "gather"]

UNUSUAL: int

def gather(
    paths: list[str | None], columns: list[tuple[int, str, bool]], stop_tag: int, apart: bool = False
) -> tuple[
    list[int],
    bytes,
    bytes,
    list[tuple[int, int]],
    list[tuple[int, bytes | None, bytes, bytes, bytes] | None],
]: ...
