"""DICOM files that nobody has, each with the samples it was made from, by encoders that are not ours.

The tests ask for them by the fixture `generated`; by hand, `PYTHONPATH=tests python -m generate -o FOLDER
[NAME...]` writes them, and `--help` tells the rest. Nothing is downloaded. The same encoders give the same
bytes again.

    pydicom          writes the files, encapsulates, encodes RLE
    imagecodecs      JPEG, JPEG-LS (CharLS), JPEG 2000 (OpenJPEG), HTJ2K (OpenJPH), JPEG XL (libjxl)
    Pillow           JPEG 2000 in tiles (OpenJPEG), JPEG with restart markers (libjpeg-turbo)
    DCMTK            JPEG Lossless, lossy JPEG of 12 bits, JPEG-LS by interleave mode, RLE; its cases are
                     skipped where it is not installed
    PyAV (FFmpeg)    MPEG-2; H.264 (x264) and HEVC (x265)

No encoder at hand writes JPEG 2000 Part 2's own markers, for transforms over any number of components (see
../README.md). The cases of these syntaxes are what Part 1 can say: one component a frame, and between three
its own transform.
"""

# Each module registers its cases.
from generate import encapsulation, jpeg, jpeg2000, rle, uncompressed  # noqa: F401
from generate.files import (
    EXPLICIT,
    JPEG,
    RLE,
    dataset,
    each_frame,
    encapsulated,
    file,
    picture,
    smooth,
    written,
)
from generate.registry import CASES, Case, UnavailableError, case, names
from generate.uncompressed import FULL, PARTIAL, rgb_of
from generate.video import VIDEO, clip, encode_video

__all__ = [
    "CASES",
    "EXPLICIT",
    "FULL",
    "JPEG",
    "PARTIAL",
    "RLE",
    "VIDEO",
    "Case",
    "UnavailableError",
    "case",
    "clip",
    "dataset",
    "each_frame",
    "encapsulated",
    "encode_video",
    "file",
    "names",
    "picture",
    "rgb_of",
    "smooth",
    "written",
]
