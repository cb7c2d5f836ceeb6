"""What is to be done, in full, before any of it is: which sources, in which order, cut where, decoded how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from hounsfield import __version__
from hounsfield.decoding import Decoding
from hounsfield.errors import OptionError
from hounsfield.facade import read
from hounsfield.finding import Origin
from hounsfield.locks import locked
from hounsfield.preprocess.files import PARTIAL, publish, write_whole
from hounsfield.preprocess.images import Options
from hounsfield.preprocess.sources import Source, list_sources
from hounsfield.sources import is_url

__all__ = ["FORMATS", "PLAN", "SOURCES", "Plan", "make_plan", "same_work"]

PLAN, SOURCES = "plan.json", "sources.jsonl"

FORMATS = ("npy", "zarr", "webdataset", "png")

Described = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape and type of an image."""


class Plan(NamedTuple):
    """The work.

    Attributes
    ----------
    format : {"npy", "zarr", "webdataset", "png"}
    options : Options
    shape : tuple of int or None
        That of all images, and of what is filled; None if each may have its own.
    shard_size : int
        Sources a shard.
    fills : bool
        Whether sources that failed have rows, too.
    sources : int
        How many there are, in the file sources.jsonl.
    bytes : int
        Their sizes together.
    digest : str
        SHA-256 of that file.
    version : str
        Of this package: another one may decode more, or otherwise.
    urls : tuple of str
        Those that were given. They may hold secrets, and are not written down.
    """

    format: str
    options: Options
    shape: tuple[int, ...] | None
    shard_size: int
    fills: bool
    sources: int
    bytes: int
    digest: str
    version: str
    urls: tuple[str, ...] = ()

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.sources // self.shard_size)

    @property
    def is_array(self) -> bool:
        """Whether all images must have one shape."""
        return self.format in ("npy", "zarr")

    def as_json(self) -> str:
        written = {name: value for name, value in self._asdict().items() if name != "urls"}
        return json.dumps({**written, "options": self.options._asdict()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Take what `as_json` gave.

        Raises
        ------
        OptionError
            It is no plan, or one of another version.
        """
        try:
            given = json.loads(text)
            options = given["options"]
            for key in ("window", "size"):
                options[key] = tuple(options[key]) if isinstance(options[key], list) else options[key]
            shape = None if given["shape"] is None else tuple(given["shape"])
            return cls(**{**given, "options": Options(**options), "shape": shape})
        except (ValueError, TypeError, KeyError) as error:
            message = f"{PLAN} is no plan of this version, and without it all begins anew: {error}"
            raise OptionError(message) from error


def make_plan(
    given: Iterable[str],
    folder: Path,
    *,
    format: str = "npy",  # noqa: A002 - as the option is called
    options: Options = Options(),  # noqa: B008 - it cannot change
    shard_size: int = 1000,
    fills: bool = False,
) -> Plan:
    """Look what there is, and write down the sources and, last, the plan.

    The order is that in which things are given, and in folders that of names, in archives their own. If there
    is a plan in the folder already, it must be for the same work.

    Parameters
    ----------
    given : iterable of str
        What `hounsfield.finding.expand` takes as text: files, folders, patterns, URLs, tar and zip archives;
        and indexes of these: Parquet files with a column `path`, as `hounsfield.index` writes them.
    folder : Path
        Where everything goes.
    format : {"npy", "zarr", "webdataset", "png"}
    options : Options
    shard_size : int
        Sources a shard.
    fills : bool
        Whether sources that fail get rows, filled with ``options.fill``.

    Raises
    ------
    OptionError
        Options do not go together, or there is a plan for other work in the folder.
    OSError
        The folder cannot be written to. BlockingIOError if another process is at work there.
    """
    _check(format, shard_size)
    options.checked()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        return _make_plan(list(given), folder, format, options, shard_size, fills)


def _make_plan(
    given: list[str],
    folder: Path,
    format: str,  # noqa: A002 - as the option is called
    options: Options,
    shard_size: int,
    fills: bool,
) -> Plan:
    known = folder / PLAN
    before = Plan.from_json(known.read_text(encoding="utf-8", errors="replace")) if known.exists() else None
    listing = folder / (SOURCES if before is None else f"{SOURCES}.now{PARTIAL}")
    count, size, digest, first = _list(given, folder, listing, options.checked())
    options, shape = _settled(options, format, fills, first)
    urls = tuple(filter(is_url, given))
    plan = Plan(format, options, shape, shard_size, fills, count, size, digest, __version__, urls)
    if before is None:
        with write_whole(known) as file:
            file.write(plan.as_json().encode())
    else:
        try:
            same_work(before, plan, partial(_first_other, folder / SOURCES, listing))
            publish(listing, folder / SOURCES)  # the same, whatever may have become of it since
        finally:
            listing.unlink(missing_ok=True)
    return plan


def _list(
    given: list[str], folder: Path, listing: Path, decoding: Decoding
) -> tuple[int, int, str, Described | None]:
    """Write down the sources; give how many, their bytes, a digest, and what the first image is."""
    digest, count, size = hashlib.sha256(), 0, 0
    first: Described | None = None
    with write_whole(listing) as file:
        for source, origin in list_sources(given, folder):
            line = (json.dumps(source) + "\n").encode()
            digest.update(line)
            file.write(line)
            count += 1
            size += max(source.size, 0)
            first = first or _described(origin, decoding)
    return count, size, digest.hexdigest(), first


def _settled(
    options: Options,
    format: str,  # noqa: A002 - as the option is called
    fills: bool,
    first: Described | None,
) -> tuple[Options, tuple[int, ...] | None]:
    """Settle what the options leave open: the type, and the shape of all images, None if each has its own."""
    shape, kind = first or ((*(options.size or (1, 1)),), np.dtype(np.uint8))
    kind = options.checked().dtype or kind
    options = options._replace(dtype=kind.name)
    if kind.kind in "iu" and not float(options.fill).is_integer():
        raise OptionError(f"fill={options.fill} is no {kind}")
    options.checked()
    each_its_own = format in ("webdataset", "png")
    if each_its_own and fills and options.size is None:
        raise OptionError(f"what is to be filled needs a size, which images in {format} have each for itself")
    if format == "png" and options.dtype not in ("uint8", "uint16"):
        raise OptionError(f"PNG files hold uint8 or uint16, not {options.dtype}")
    return options, None if each_its_own and not fills else shape


def same_work(before: Plan, now: Plan, first_other: Callable[[], str] = lambda: "") -> None:
    """Tell what differs; of the sources what `first_other` says.

    Raises
    ------
    OptionError
        Something does.
    """
    if before.digest != now.digest:
        raise OptionError(
            f"the sources are not those that {PLAN} is for: then {before.sources} with {before.bytes} bytes, "
            f"now {now.sources} with {now.bytes}, or some have changed since{first_other()}"
        )
    now = now._replace(urls=before.urls)
    pairs = zip(
        (*before._asdict().items(), *before.options._asdict().items()),
        (*now._asdict().items(), *now.options._asdict().items()),
        strict=True,
    )
    for (name, old), (_, new) in pairs:
        if repr(old) != repr(new) and name != "options":
            raise OptionError(f"{PLAN} is for other work: {name} was {old!r}, and is {new!r}")


def _first_other(before: Path, now: Path) -> str:
    """Say which of two lists of sources is the first to have something else."""
    # Of the former list, nothing is sure but that it is another one.
    with suppress(OSError, ValueError, TypeError), before.open("rb") as old, now.open("rb") as new:
        for lines in zip_longest(old, new):
            if lines[0] != lines[1]:
                names = [Source(*json.loads(line)).path for line in lines if line is not None]
                return f"; the first is {' or '.join(dict.fromkeys(names))}"
    return ""


def shards_of(plan: Plan, folder: Path) -> Iterator[list[Source]]:
    """Give the sources of one shard after the other."""
    with (folder / SOURCES).open(encoding="utf-8") as lines:
        sources = (Source(*json.loads(line)) for line in lines)
        while part := list(islice(sources, plan.shard_size)):
            yield part


def _check(format: str, shard_size: int) -> None:  # noqa: A002 - as the option is called
    if format not in FORMATS:
        raise OptionError(f"format {format!r} is none of {', '.join(FORMATS)}")
    if shard_size < 1:
        raise OptionError("a shard has one source at least")


def _described(origin: Origin, decoding: Decoding) -> Described | None:
    """Shape and type of the image in a source; None if it does not say so, for whatever reason."""
    try:
        with read(origin.open()) as ds:
            layout = ds.frames.layout
            return decoding.shape(layout), layout.dtype
    except Exception:  # what is wrong with it is told when it is decoded
        return None
