"""Where converted images go: a folder of PNG files, or one array with a manifest.

Nothing stands under its final name before it is whole.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

__all__ = ["ArrayWriter", "Image", "OnePictureWriter", "PictureWriter", "SeveralImagesError", "Writer"]


class Image(NamedTuple):
    """One frame as it is to be seen.

    Attributes
    ----------
    samples : ndarray of uint8, shape (rows, columns) or (rows, columns, 3)
    frame : int or None
        Its number in the file, from 0; None if the file has but one.
    window : dict or None
        What is to be told of the window; None for colour, which has none.
    photometric_interpretation : str
        Of the file.
    """

    samples: npt.NDArray[np.uint8]
    frame: int | None
    window: dict[str, Any] | None
    photometric_interpretation: str


class Writer(Protocol):
    """Takes the images of one file after the other. Leaving it by an exception undoes what can be undone."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def add(self, path: str, name: str, images: Sequence[Image]) -> None:
        """Take all images of the file `path`.

        Parameters
        ----------
        path : str
            Of the source.
        name : str
            For what is written: a relative path without suffix.
        images : sequence of Image
        """
        ...


def partial(path: Path) -> Path:
    """Give the name that a file has while it is being written."""
    return path.with_name(f"{path.name}.partial")


class PictureWriter:
    """Writes a PNG file for each image into a folder, under names that are told apart where they collide."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[str] = set()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass  # each picture is whole

    def add(self, path: str, name: str, images: Sequence[Image]) -> None:  # noqa: ARG002 - of the protocol
        for file, image in zip(self._free_names(name, images), images, strict=True):
            write_png(self._folder / file, image.samples)

    def _free_names(self, name: str, images: Sequence[Image]) -> list[str]:
        attempt, suffix = 1, ""
        while True:
            names = [
                f"{name}{suffix}.png" if image.frame is None else f"{name}{suffix}_{image.frame:04d}.png"
                for image in images
            ]
            # Some file systems do not tell upper case from lower case.
            folded = {file.casefold() for file in names}
            if self._taken.isdisjoint(folded):
                self._taken |= folded
                return names
            attempt += 1
            suffix = f"-{attempt}"


class SeveralImagesError(Exception):
    """There are more images than the one that there is a file for."""


class OnePictureWriter:
    """Writes the only image there is to one PNG file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._image: Image | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._image is not None:
            write_png(self._path, self._image.samples)

    def add(self, path: str, name: str, images: Sequence[Image]) -> None:  # noqa: ARG002 - of the protocol
        if self._image is not None or len(images) > 1:
            raise SeveralImagesError
        self._image = images[0]


def write_png(path: Path, samples: npt.NDArray[np.uint8]) -> None:
    """Write one image, in gray or RGB."""
    import imagecodecs

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial(path)
    try:
        temporary.write_bytes(imagecodecs.png_encode(samples, level=3))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class ArrayWriter:
    """Writes one array of uint8 to OUT.npy, image by image, and a manifest to OUT.json.

    The array is (images, rows, columns) or (images, rows, columns, 3) if all images have one shape, and else
    one-dimensional. In both cases ``array.reshape(-1)[offset:][:size].reshape(shape)`` is an image, with the
    offset and shape that the manifest has.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._manifest_path = path.with_suffix(".json")
        self._shapes: set[tuple[int, ...]] = set()
        self._count = 0
        self._offset = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._array: IO[bytes] = partial(self._path).open("wb")
        self._manifest: IO[str] = partial(self._manifest_path).open("w", encoding="utf-8")
        self._write_header((0,))
        self._manifest.write('{"images": [')
        return self

    def add(self, path: str, name: str, images: Sequence[Image]) -> None:  # noqa: ARG002 - of the protocol
        for image in images:
            self._array.write(np.ascontiguousarray(image.samples).data)
            entry = {
                "file": path,
                "frame": image.frame or 0,
                "offset": self._offset,
                "shape": image.samples.shape,
                "window": image.window,
                "photometric_interpretation": image.photometric_interpretation,
            }
            self._manifest.write(f"{',' if self._count else ''}\n{json.dumps(entry)}")
            self._shapes.add(image.samples.shape)
            self._count += 1
            self._offset += image.samples.size

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = kind is None and self._count > 0
        try:
            with self._array, self._manifest:
                if whole:
                    self._finish()
            if whole:
                partial(self._manifest_path).replace(self._manifest_path)
                partial(self._path).replace(self._path)
        finally:
            partial(self._manifest_path).unlink(missing_ok=True)
            partial(self._path).unlink(missing_ok=True)

    def _finish(self) -> None:
        shape = (self._count, *self._shapes.pop()) if len(self._shapes) == 1 else (self._offset,)
        self._array.seek(0)
        self._write_header(shape)
        end = {"array": self._path.name, "dtype": "uint8", "shape": shape}
        self._manifest.write(f"\n],\n{json.dumps(end)[1:]}\n")
        for file in (self._array, self._manifest):
            file.flush()
            os.fsync(file.fileno())

    def _write_header(self, shape: tuple[int, ...]) -> None:
        """Write the header, which is of one length for all shapes: NumPy leaves room to grow."""
        np.lib.format.write_array_header_1_0(
            self._array, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
