from typing import Any

__all__ = ["decode", "use"]

def use(
    *, decimal: type[float], person_name: type[str], uid: type[str], date: type[str], time: type[str]
) -> None: ...
def decode(vr: str, raw: bytes, big: bool = False) -> Any: ...
