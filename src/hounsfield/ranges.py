"""Ranges of what a server has, by HTTP, and what it says of them: where they begin, and of what they are."""

import re
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["Part", "Version", "fetch_part"]

_CONTENT_RANGE = re.compile(r"\s*bytes\s+(?:([0-9]+)-[0-9]+|\*)/(?:([0-9]+)|\*)", re.IGNORECASE)

_PART, _WHOLE = 206, 200


class Version(NamedTuple):
    """What tells whether two answers are of the same bytes, as far as it is said (RFC 9110, 8.8)."""

    tag: str | None = None
    changed: str | None = None

    def is_other(self, than: "Version") -> bool:
        """Whether these are other bytes; a tag says more than a time, which may be of the same second."""
        if self.tag is not None and than.tag is not None:
            return self.tag != than.tag
        return self.changed is not None and than.changed is not None and self.changed != than.changed


class Part(NamedTuple):
    """What came of a request for a range.

    Attributes
    ----------
    data : bytes
        No more than one byte beyond what was asked for.
    start : int
        Where they begin, by what the server says.
    size : int or None
        Of the whole.
    version : Version
    """

    data: bytes
    start: int
    size: int | None
    version: Version


def fetch_part(fs: Any, url: str, offset: int, length: int) -> Part:
    """Ask for a range; a server that knows none is listened to until it has said as much.

    Parameters
    ----------
    fs : fsspec's HTTPFileSystem
    url : str
    offset, length : int

    Raises
    ------
    Exception
        What aiohttp and fsspec raise.
    """
    part: Part = import_module("fsspec.asyn").sync(fs.loop, _fetch, fs, url, offset, length)
    return part


async def _fetch(fs: Any, url: str, offset: int, length: int) -> Part:
    session = await fs.set_session()
    options = dict(fs.kwargs)
    # Of what is compressed on its way, a range is one of the compressed bytes.
    asked = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
    options["headers"] = {**options.get("headers", {}), **asked}
    async with session.get(fs.encode_url(url), **options) as answer:
        start, size = _place(answer.headers.get("Content-Range", ""))
        is_there = answer.status in (_PART, _WHOLE)
        if answer.status != 416:  # the range is not there, which may be as the whole is shorter now
            answer.raise_for_status()
        if start is None:
            start = 0 if answer.status == _WHOLE else offset
        if size is None and answer.status == _WHOLE and "Content-Encoding" not in answer.headers:
            size = answer.content_length
        data = b""
        if is_there and start == offset:
            data = await _read(answer.content, length if answer.status == _WHOLE else length + 1)
        tag = answer.headers.get("ETag")
        version = Version(tag and tag.removeprefix("W/"), answer.headers.get("Last-Modified"))
    return Part(data, start, size, version)


def _place(content_range: str) -> tuple[int | None, int | None]:
    found = _CONTENT_RANGE.match(content_range)
    if found is None:
        return None, None
    start, size = (None if each is None else int(each) for each in found.groups())
    return start, size


async def _read(content: Any, most: int) -> bytes:
    parts = []
    while most and (part := await content.read(most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
