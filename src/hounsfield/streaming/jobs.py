"""What a stream decodes: a file, or a frame of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from hounsfield._kernels.pipeline import decode_files
from hounsfield.decoding import Decoding
from hounsfield.facade import read
from hounsfield.finding import Origin
from hounsfield.pixels.decode import Decoder

if TYPE_CHECKING:
    import numpy.typing as npt

    from hounsfield.facade import Dataset

    Decoded = tuple[npt.NDArray[Any], tuple[float, float] | None]

__all__ = ["FileDecoder", "Job"]


class Job(NamedTuple):
    """A frame to be decoded, of a file that is open already, or else the first of one that is not.

    Jobs are done in the order of files, then frames. Of a file whose frames go on from one another, the next
    is there when the last one is decoded.
    """

    number: int
    frame: int
    total: int
    origin: Origin
    ds: Dataset | None = None
    goes_on: bool = False

    def next(self) -> Job | None:
        """Give the next frame of the same file."""
        return self._replace(frame=self.frame + 1) if self.frame + 1 < self.total else None


class _Plain(NamedTuple):
    """What the kernel decodes plain files to, which it leaves to the facade unless they are alike.

    Attributes
    ----------
    shape, dtype
        Of the array of a file.
    options : dict
        Arguments for the kernel. Its frame None takes files that have one, and samples of the very type.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    options: dict[str, Any]

    @classmethod
    def like(cls, shape: tuple[int, ...], dtype: np.dtype[Any], decoding: Decoding) -> Self | None:
        """Take what the last file was; None if the kernel gives no such arrays."""
        own_type = decoding.values == "stored" and decoding.dtype is None
        if shape[2:] not in ((), (3,)) or (own_type and decoding.frame is not None):
            return None
        options = decoding.options(dtype)
        return None if options is None else cls(shape, dtype, options | {"frame": decoding.frame})

    def decode(self, path: str) -> Decoded | None:
        array = np.empty(self.shape, self.dtype)
        [found] = decode_files([path], array[np.newaxis], **self.options)
        return None if found is None else (array, found[1] and found[1][:2])


class FileDecoder:
    """Decodes files and their frames, for any threads: nothing here needs the lock of `Work`."""

    def __init__(self, decoding: Decoding, *, every_frame: bool) -> None:
        self._decoding = decoding
        self._every_frame = every_frame
        # Of the last file, whichever thread had it: one that is not like it takes a little longer.
        self._plain: _Plain | None = None
        if decoding.size is not None and decoding.dtype is not None:
            self._plain = _Plain.like(decoding.size, decoding.dtype, decoding)

    def frame_of(self, job: Job) -> int | None:
        """Which frame of its file an item is; None for all."""
        return job.frame if self._every_frame else self._decoding.frame

    def by_kernel(self, path: str | None) -> Decoded | None:
        """Decode what is a plain file with one frame, like those before; None if it is not, or is broken."""
        plain = self._plain
        return None if plain is None or path is None else plain.decode(path)

    def read(self, job: Job) -> Job:
        """Open a file, and see what else it has."""
        ds = read(job.origin.open())
        if not self._every_frame:
            return job._replace(ds=ds)
        decoder = Decoder(ds)
        return job._replace(ds=ds, total=max(decoder.count, 1), goes_on=decoder.keep())

    def by_facade(self, ds: Dataset, frame: int) -> Decoded:
        """Decode a frame of a file that is open, or all of it."""
        decoding = self._decoding
        if self._every_frame:
            decoding = decoding._replace(frame=frame)
        decoded = _decoded(ds, decoding)
        array = decoded[0]
        if self._plain is None or (array.shape, array.dtype) != self._plain[:2]:
            self._plain = _Plain.like(array.shape, array.dtype, self._decoding) or self._plain
        return decoded


def _decoded(ds: Dataset, decoding: Decoding) -> Decoded:
    """Give samples, and the window that was used; of frames that are resized one by one, the first one's."""
    if decoding.frame is not None or decoding.size is None:
        return decoding.decode(ds)
    decoder = Decoder(ds)
    decoder.keep()
    count = max(decoder.count, 1)
    each = [decoding._replace(frame=number).decode(ds) for number in range(count)]
    array, window = each[0]
    return array if count == 1 else np.stack([array for array, _ in each]), window
