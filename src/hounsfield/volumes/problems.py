"""What was wrong with images that should make a volume: told, never hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["LeftOut", "Problem", "counted"]


class Problem(NamedTuple):
    """Something about a series or a volume that its user has to know.

    Attributes
    ----------
    kind : str
        One of these:

        =================== =========================================================================
        "gap"               slices are missing
        "sparse"            all slices are further apart than the file has it, as if each second were missing
        "uneven-spacing"    slices are not equally far from each other
        "tilt"              slices are displaced in their plane, evenly: a gantry tilt, which `affine` has
        "shifted"           slices are displaced in their plane, unevenly
        "duplicate"         images at the place of another, or files given twice: left out
        "same-uid"          images of different places, times ... have the same SOP Instance UID
        "repeats"           several images at each place, which only their order tells apart, or two orders
                            that contradict each other
        "incomplete"        more or fewer images at a place than at others, and nothing tells which: left out;
                            or a volume that has only some of the slices that another of its series has,
                            or that Number of Slices says
        "split"             each slice has its own echo time, temporal position, frame of reference ...:
                            these part no volumes then; or volumes that differ in one of them have one slice
                            each, or would make one even stack
        "acquisitions"      slices of several acquisitions make one even stack
        "mixed-values"      slices differ in what their values are: Rescale Type, units, flip angle, thickness
                            ...; some are not rescaled
        "missing-geometry"  no position, orientation or spacing, or none that makes sense
        "unknown-thickness" of an only slice
        "mixed-sizes"       images of a series differ in Rows or Columns
        "mosaic"            an image is a mosaic of slices, and left so, as nothing tells of how many; or
                            their direction or distance had to be assumed
        "dose"              a dose without Dose Grid Scaling, or whose Grid Frame Offset Vector and Image
                            Position (Patient) contradict each other
        "missing-uid"       the files do not tell which series they belong to
        "unreadable"        a file that is broken, or cannot be opened
        =================== =========================================================================
    text : str
        The same as a sentence, with figures.
    slices : tuple of int
        Which slices of the volume are concerned, from 0; of gaps those behind them.
    sources : tuple of str
        Names of the files concerned, where they are not in the volume.
    """

    kind: str
    text: str
    slices: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()


class LeftOut(NamedTuple):
    """A file, or a data set, that is in no volume, and why.

    Attributes
    ----------
    source : str
        The file's name, or what stands for it.
    reason : str
    """

    source: str
    reason: str


def counted(things: Collection[object], what: str) -> str:
    """Give the number of things with their name: 1 file, 2 files."""
    return f"{len(things)} {what}{'s' if len(things) != 1 else ''}"
