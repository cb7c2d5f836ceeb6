"""One shard after the other: images decoded in runs, written in order, and what is told of them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hounsfield._kernels.resize import resize
from hounsfield.display import render
from hounsfield.display.resizing import fit
from hounsfield.preprocess import files, shards
from hounsfield.preprocess.images import ERROR, Image, decode
from hounsfield.preprocess.plan import Plan
from hounsfield.preprocess.sources import Origins, Source
from hounsfield.processors import ahead
from hounsfield.sources import as_text

if TYPE_CHECKING:
    import numpy.typing as npt

    from hounsfield.finding import Origin

    Job = tuple[list[Source], list[Origin], npt.NDArray[Any] | None]

__all__ = ["COLUMNS", "PARTS", "Failure", "Maker", "Progress", "bytes_of", "read_part"]

PARTS = "parts"

DIGEST = 65
"""Bytes that a part begins with: SHA-256 of the others in hexadecimal, and a line feed."""

MOST_PICTURES, PICTURE = 48, 112
"""On the contact sheet, and their longer side in pixels."""

AT_ONCE, BYTES_AT_ONCE = 16, 1 << 23
"""Sources that a thread takes at a time, and bytes that their samples may have, unless it is one source."""


class Failure(NamedTuple):
    """A source that could not be decoded."""

    path: str
    reason: str


class Progress(NamedTuple):
    """Some sources are done."""

    files: int
    bytes: int
    failures: list[Failure]
    is_old: bool = False  # of a former run


class Maker:
    """Makes shards of a plan, in any process: what it is called with is a shard's number and its sources."""

    def __init__(self, plan: Plan, folder: Path, threads: int) -> None:
        self._plan = plan
        self._folder = folder
        self._threads = threads
        self._decoding = plan.options.checked()
        self._origins = Origins(plan.urls)
        self._shape = plan.shape if plan.is_array else None
        # Images are decoded to arrays like those before them: one that is not takes a little longer.
        self._usual = plan.shape or plan.options.size

    def __call__(self, part: tuple[int, list[Source]]) -> Iterator[Progress]:
        """Make one shard, and tell of it while it is made.

        Raises
        ------
        OSError
            It cannot be written.
        """
        number, sources = part
        every = -(-self._plan.sources // MOST_PICTURES)
        rows: list[list[Any]] = []
        pictures: list[tuple[str, str]] = []
        writer = shards.writer(self._plan, self._folder, number, len(sources))
        try:
            for some, images in self._decoded(sources):
                failures = []
                first = number * self._plan.shard_size + len(rows)
                for position, (source, image) in enumerate(zip(some, images, strict=True), first):
                    rows.append(_row(self._plan, writer, position, source, image))
                    if image.status == ERROR:
                        failures.append(Failure(source.path, str(image.reason)))
                    if image.samples is not None and position % every == 0:
                        pictures.append((source.path, _picture(image.samples)))
                yield Progress(len(some), bytes_of(some), failures)
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
        _write_part(self._plan, self._folder, number, {"rows": rows, "pictures": pictures})

    def _decoded(self, sources: Iterable[Source]) -> Iterator[tuple[list[Source], list[Image]]]:
        """Give some images after the other, while threads decode those that come next."""
        for some, images in ahead(self._decode, self._jobs(sources), self._threads, self._threads):
            shapes = (image.samples.shape for image in images if image.samples is not None)
            self._usual = next(shapes, self._usual)
            yield some, images

    def _jobs(self, sources: Iterable[Source]) -> Iterator[Job]:
        left = iter(sources)
        while some := list(islice(left, self._at_once())):
            yield some, [self._origins.of(source) for source in some], self._room(len(some))

    def _decode(
        self, some: list[Source], origins: list[Origin], room: npt.NDArray[Any] | None
    ) -> tuple[list[Source], list[Image]]:
        return some, decode(some, origins, self._decoding, room, self._shape)

    def _at_once(self) -> int:
        """How many sources are decoded together."""
        if self._usual is None:
            return 1
        size = np.dtype(self._plan.options.dtype).itemsize * math.prod(self._usual)
        return max(1, min(AT_ONCE, BYTES_AT_ONCE // size))

    def _room(self, count: int) -> npt.NDArray[Any] | None:
        return None if self._usual is None else np.empty((count, *self._usual), self._plan.options.dtype)


COLUMNS = {
    "index": "int64",
    "path": "string",
    "size": "int64",
    "status": "string",
    "reason": "string",
    "shard": "string",
    "row": "int64",
    "name": "string",
    "frame": "int32",
    "rows": "int32",
    "columns": "int32",
    "window_center": "float64",
    "window_width": "float64",
}
"""Of the manifest: what a source is, what became of it, where its image is, and what it was made from."""


def _row(plan: Plan, writer: shards.Writer, position: int, source: Source, image: Image) -> list[Any]:
    """Write an image, if there is one, and give the row of the manifest."""
    path = as_text(source.path)
    size = source.size if source.size >= 0 else None
    rows, columns = image.size or (None, None)
    center, width = image.window or (None, None)
    what = [position, path, size, image.status, image.reason]
    made_from = [plan.options.frame, rows, columns, center, width]
    samples = image.samples
    if image.status == ERROR and plan.fills:
        assert plan.shape is not None
        samples = np.full(plan.shape, plan.options.fill, plan.options.dtype)
    if samples is None:
        return [*what, None, None, None, *made_from]
    known = ("index", "path", "frame", "rows", "columns", "window_center", "window_width")
    meta = dict(zip(known, (position, path, *made_from), strict=True))
    return [*what, *writer.add(position, samples, meta), *made_from]


def _picture(samples: npt.NDArray[Any]) -> str:
    """Give a small picture as base64: of 8 bits as it is, else from the least value to the greatest."""
    import imagecodecs

    rows, columns = samples.shape[:2]
    length = max(rows, columns)
    target = fit(rows, columns, (min(PICTURE, length), min(PICTURE, length))).target
    small = np.empty((target.rows, target.columns, *samples.shape[2:]), np.float32)
    kind = samples.dtype.str[1:]
    resize(samples if kind in ("u1", "i1", "u2", "i2", "u4", "i4") else samples.astype(np.float32), small)
    levels = np.rint(small).astype(np.uint8) if kind == "u1" else render(small)
    return base64.b64encode(imagecodecs.png_encode(levels, level=6)).decode()


def _part_path(folder: Path, number: int) -> Path:
    return folder / PARTS / f"{number:05d}.json"


def _write_part(plan: Plan, folder: Path, number: int, part: dict[str, Any]) -> None:
    """Write what became of the sources of a shard, which is whole, behind a digest of it."""
    length = shards.length_of(folder / shards.name_of(plan, number))
    data = json.dumps({**part, "length": length}).encode()
    with files.write_whole(_part_path(folder, number)) as file:
        file.write(_digest(data) + data)


def read_part(plan: Plan, folder: Path, number: int) -> dict[str, Any] | None:
    """Give what became of the sources of a shard, its "rows" and "pictures".

    None if that is not known, or the shard is gone or has been cut since: then it is to be made.
    """
    try:
        data = _part_path(folder, number).read_bytes()
    except FileNotFoundError:
        return None
    if data[:DIGEST] != _digest(data[DIGEST:]):
        return None
    part: dict[str, Any] = json.loads(data[DIGEST:])
    return part if part["length"] == shards.length_of(folder / shards.name_of(plan, number)) else None


def _digest(data: bytes) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()}\n".encode()


def bytes_of(sources: Iterable[Source]) -> int:
    """Give their sizes together, as far as they are known."""
    return sum(max(source.size, 0) for source in sources)
