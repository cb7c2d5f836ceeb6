"""How shards are written: one class a format, each of which takes images in order and gives each a place."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from hounsfield.preprocess.files import partial, publish, sync

if TYPE_CHECKING:
    import numpy.typing as npt

    from hounsfield.preprocess.plan import Plan

__all__ = ["SHARDS", "ZARR", "Place", "Writer", "length_of", "name_of", "prepare", "writer"]

SHARDS, ZARR = "shards", "images.zarr"
"""Names in the folder that everything goes to."""

ENDINGS = {"npy": ".npy", "webdataset": ".tar", "png": ""}
"""Of the names of shards."""


class Place(NamedTuple):
    """Where an image is.

    Attributes
    ----------
    shard : str
        File or folder, below the folder that everything is in.
    row : int
        In the shard's array; of files, which one it is, counted from 0.
    name : str or None
        Of the file, in a folder or an archive.
    """

    shard: str
    row: int
    name: str | None = None


class Writer(Protocol):
    """Takes the images of one shard."""

    def add(self, position: int, samples: npt.NDArray[Any], meta: dict[str, Any]) -> Place:
        """Take one image; `position` is that of its source among all."""
        ...

    def finish(self) -> None:
        """Put the shard in its place, on the disk."""
        ...

    def abandon(self) -> None:
        """Leave nothing behind of a shard that was not finished."""
        ...


def prepare(plan: Plan, folder: Path) -> None:
    """Make what all shards have in common."""
    (folder / SHARDS).mkdir(exist_ok=True)
    if plan.format != "zarr":
        return
    store = folder / SHARDS / ZARR
    assert plan.shape is not None
    temporary = partial(store)
    import_module("zarr").create_array(
        store=str(temporary),
        shape=(plan.sources, *plan.shape),
        shards=(plan.shard_size, *plan.shape),
        chunks=(1, *plan.shape),
        dtype=plan.options.dtype,
        fill_value=plan.options.fill if plan.options.dtype == "float32" else int(plan.options.fill),
        dimension_names=["image", "row", "column", "channel"][: 1 + len(plan.shape)],
        zarr_format=3,
    )
    sync(temporary / "zarr.json")
    if not store.exists():
        publish(temporary, store)
    else:  # the same, whatever may have become of it since
        publish(temporary / "zarr.json", store / "zarr.json")
        shutil.rmtree(temporary)


def name_of(plan: Plan, number: int) -> str:
    """Give the file or folder that a shard is, below the folder that everything is in."""
    if plan.format != "zarr":
        return f"{SHARDS}/{number:05d}{ENDINGS[plan.format]}"
    assert plan.shape is not None
    return "/".join((SHARDS, ZARR, "c", str(number), *("0" for _ in plan.shape)))


def length_of(path: Path) -> int:
    """Give the bytes that a shard has; none of one that is not there."""
    try:
        return sum(each.stat().st_size for each in (path.iterdir() if path.is_dir() else (path,)))
    except FileNotFoundError:
        return 0


def writer(plan: Plan, folder: Path, number: int, count: int) -> Writer:
    """Give what writes one shard, of `count` sources."""
    if plan.format == "zarr":
        return _ZarrWriter(plan, folder, number, count)
    if plan.format == "webdataset":
        return _TarWriter(plan, folder, number)
    if plan.format == "png":
        return _PictureWriter(plan, folder, number)
    return _ArrayWriter(plan, folder, number)


class _ArrayWriter:
    """An array in a .npy file, image by image: what `np.load(..., mmap_mode="r")` opens."""

    def __init__(self, plan: Plan, folder: Path, number: int) -> None:
        assert plan.shape is not None
        self._name = name_of(plan, number)
        self._path = folder / self._name
        self._temporary = partial(self._path)
        self._shape, self._kind = plan.shape, np.dtype(plan.options.dtype)
        self._rows = 0
        self._file = self._temporary.open("wb")
        self._write_header()

    def add(self, position: int, samples: npt.NDArray[Any], meta: dict[str, Any]) -> Place:  # noqa: ARG002
        self._file.write(np.ascontiguousarray(samples).data)
        self._rows += 1
        return Place(self._name, self._rows - 1)

    def finish(self) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        publish(self._temporary, self._path)

    def abandon(self) -> None:
        with suppress(OSError):  # of a disk that is full
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _write_header(self) -> None:
        """Write the header, which is of one length for all numbers of rows: NumPy leaves room to grow."""
        described = {"descr": self._kind.str, "fortran_order": False, "shape": (self._rows, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, described)


class _TarWriter:
    """A tar archive for WebDataset: of each image its samples, as PNG or as .npy, and what is known of it."""

    def __init__(self, plan: Plan, folder: Path, number: int) -> None:
        self._name = name_of(plan, number)
        self._path = folder / self._name
        self._temporary = partial(self._path)
        self._rows = 0
        self._as_png = plan.options.dtype in ("uint8", "uint16")
        self._tar = tarfile.open(self._temporary, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def add(self, position: int, samples: npt.NDArray[Any], meta: dict[str, Any]) -> Place:
        key = f"{position:09d}"
        name = f"{key}.png" if self._as_png else f"{key}.npy"
        self._put(name, _png(samples) if self._as_png else _npy(samples))
        self._put(f"{key}.json", json.dumps(meta).encode())
        self._rows += 1
        return Place(self._name, self._rows - 1, name)

    def finish(self) -> None:
        self._tar.close()
        sync(self._temporary)
        publish(self._temporary, self._path)

    def abandon(self) -> None:
        with suppress(OSError):
            self._tar.close()
        self._temporary.unlink(missing_ok=True)

    def _put(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))


class _PictureWriter:
    """A folder of PNG files."""

    def __init__(self, plan: Plan, folder: Path, number: int) -> None:
        self._name = name_of(plan, number)
        self._path = folder / self._name
        self._temporary = partial(self._path)
        self._rows = 0
        self._temporary.mkdir()

    def add(self, position: int, samples: npt.NDArray[Any], meta: dict[str, Any]) -> Place:  # noqa: ARG002
        name = f"{position:09d}.png"
        with (self._temporary / name).open("wb") as file:
            file.write(_png(samples))
            file.flush()
            os.fsync(file.fileno())
        self._rows += 1
        return Place(self._name, self._rows - 1, name)

    def finish(self) -> None:
        sync(self._temporary)
        publish(self._temporary, self._path)

    def abandon(self) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)


class _ZarrWriter:
    """A shard of one Zarr array that has a row for each source, be it filled."""

    def __init__(self, plan: Plan, folder: Path, number: int, count: int) -> None:
        assert plan.shape is not None
        self._store = folder / SHARDS / ZARR
        self._start = number * plan.shard_size
        self._block = np.full((count, *plan.shape), plan.options.fill, plan.options.dtype)
        self._folder = self._store / "c" / str(number)
        self._path = folder / name_of(plan, number)

    def add(self, position: int, samples: npt.NDArray[Any], meta: dict[str, Any]) -> Place:  # noqa: ARG002
        self._block[position - self._start] = samples
        return Place(f"{SHARDS}/{ZARR}", position)

    def finish(self) -> None:
        # A shard that was not finished would be read, to be filled up; and what a process that was killed
        # had begun to write is beside it, by a name of its own.
        shutil.rmtree(self._folder, ignore_errors=True)
        array = import_module("zarr").open_array(str(self._store), mode="r+")
        array[self._start : self._start + len(self._block)] = self._block
        if self._path.exists():  # else all of it is fill
            for each in (self._path, *self._path.parents[: 1 + self._block.ndim]):
                sync(each)

    def abandon(self) -> None:
        pass  # nothing is written before it is finished


def _png(samples: npt.NDArray[Any]) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(samples, level=3))


def _npy(samples: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, samples)
    return file.getvalue()
