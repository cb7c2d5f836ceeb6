"""Where the slices of a volume are: their order, the step from one to the next, what is not even in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from hounsfield.volumes.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hounsfield.volumes.planes import Plane

__all__ = [
    "MISSING",
    "Geometry",
    "affine_of",
    "are_among",
    "depths",
    "direction_of",
    "fields",
    "places",
    "sort_planes",
    "to_ras",
    "usual_step",
]

Array = npt.NDArray[np.float64]

SAME_PLACE = 0.01
"""Planes are at the same place if they are no further apart than this part of a pixel."""

BESIDE = 1.0
"""Fields of view are beside each other, and not the same, if they are further apart than so many pixels."""

EVEN = 0.02
"""How far a slice may be from where even spacing puts it, as a part of the spacing."""

STRAIGHT = 0.1
"""How far slices may be displaced in their plane, in pixels, over the whole stack."""

MISSING = 1.5
"""Slices further apart than so many times the spacing have a gap between them."""


class Geometry(NamedTuple):
    """Where a sorted stack of slices is.

    Attributes
    ----------
    affine : ndarray of float64, shape (4, 4)
        From (column, row, slice, 1) to mm, LPS.
    problems : tuple of Problem
    """

    affine: Array
    problems: tuple[Problem, ...]


def normal_of(plane: Plane) -> Array:
    normal: Array = np.cross(plane.axes[:3], plane.axes[3:])
    return normal / np.linalg.norm(normal)  # rounded axes need not be at a right angle


def depths(planes: Sequence[Plane]) -> Array:
    """Where planes are along the normal of the first, mm."""
    along: Array = np.array([plane.position for plane in planes]) @ normal_of(planes[0])
    return along


def places(planes: Sequence[Plane]) -> npt.NDArray[np.intp]:
    """Number the places along the normal that planes are at, from 0: for each plane its own."""
    return _numbered(depths(planes), SAME_PLACE * min(planes[0].spacing))


def fields(planes: Sequence[Plane]) -> list[tuple[int, int]]:
    """Number the places in their plane that planes are at, along rows and along columns: for each its own."""
    positions = np.array([plane.position for plane in planes])
    rows_apart, columns_apart = planes[0].spacing
    first = np.array(planes[0].axes)
    along_rows = _numbered(positions @ first[:3], BESIDE * columns_apart)
    along_columns = _numbered(positions @ first[3:], BESIDE * rows_apart)
    return list(zip(along_rows.tolist(), along_columns.tolist(), strict=True))


def are_among(planes: Sequence[Plane], others: Sequence[Plane]) -> bool:
    """Whether there is one of the others, which are sorted, where each of these planes is."""
    along = depths(others)
    mine, theirs = (np.array([plane.position for plane in each]) for each in (planes, others))
    at = np.searchsorted((along[1:] + along[:-1]) / 2, mine @ normal_of(others[0]))
    off = np.linalg.norm(mine - theirs[at], axis=1)
    return bool(off.max() <= BESIDE * min(others[0].spacing))


def _numbered(along: Array, apart: float) -> npt.NDArray[np.intp]:
    """Number distances from 0 up; those that others no further than `apart` lead to have one number."""
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order], prepend=along[order[0]])
    found = np.empty(len(along), np.intp)
    found[order] = np.cumsum(steps > apart)
    return found


def sort_planes(planes: Sequence[Plane]) -> list[Plane]:
    """Sort by geometry: along the normal (PS3.3 C.7.6.2.1.1)."""
    return [planes[at] for at in np.argsort(depths(planes), kind="stable")]


def affine_of(planes: Sequence[Plane]) -> Geometry:
    """Give the geometry of planes that are sorted, each at a place of its own."""
    first = planes[0]
    rows_apart, columns_apart = first.spacing
    affine = np.eye(4)
    affine[:3, 0] = np.array(first.axes[:3]) * columns_apart
    affine[:3, 1] = np.array(first.axes[3:]) * rows_apart
    affine[:3, 3] = first.position
    if len(planes) == 1:
        affine[:3, 2] = normal_of(first) * (first.thickness or 1.0)
        unknown = Problem("unknown-thickness", "an only slice of unknown thickness: 1 mm is assumed", (0,))
        return Geometry(affine, () if first.thickness else (unknown,))
    along = depths(planes)
    step, problems = _steps(along, min(first.spacing))
    problems += _sparse(planes, usual_step(np.diff(along)))
    shifts = _shift(planes, along)
    affine[:3, 2] = np.subtract(planes[-1].position, first.position) * (step / (along[-1] - along[0]))
    return Geometry(affine, (*problems, *shifts))


def usual_step(apart: Array) -> float:
    """Give the lower median of distances from slice to slice: of two, one may be a gap."""
    return float(np.percentile(apart, 50, method="lower"))


def _steps(along: Array, pixel: float) -> tuple[float, list[Problem]]:
    """The distance from slice to slice, and what is not even."""
    apart = np.diff(along)
    mean = (along[-1] - along[0]) / len(apart)
    usual = usual_step(apart)
    far = apart > MISSING * usual
    tolerance = max(EVEN * usual, SAME_PLACE * pixel)
    problems = []
    if far.any():
        behind = np.flatnonzero(far) + 1
        missing = int(np.round(apart[far] / usual - 1).sum())
        wide = ", ".join(f"{each:.4g}" for each in apart[far][:5]) + (" ..." if far.sum() > 5 else "")
        problems.append(
            Problem(
                "gap",
                f"where slices are {usual:.4g} mm apart, there are gaps of {wide} mm: about {missing} "
                "missing",
                tuple(behind.tolist()),
            )
        )
    near = apart[~far]
    even = float(near.mean())
    # Slices that are each a little too far from the one before add up.
    drift = np.abs(along - along[0] - mean * np.arange(len(along)))
    uneven = np.abs(near - usual) > tolerance
    if uneven.any() or (not far.any() and drift.max() > tolerance):
        where = np.flatnonzero(~far)[uneven] + 1
        text = f"slices are {near.min():.4g} to {near.max():.4g} mm apart"
        if not far.any():
            text += f", up to {drift.max():.3g} mm from where even spacing puts them"
        problems.append(Problem("uneven-spacing", text, tuple(where.tolist())))
    return (even if far.any() else float(mean)), problems


def _sparse(planes: Sequence[Plane], usual: float) -> list[Problem]:
    """Tell of slices that are all too far from each other, as if every second one were missing."""
    said = max((plane.thickness or 0.0 for plane in planes), default=0.0)
    if not said or usual <= MISSING * said:
        return []
    text = (
        f"slices are {usual:.4g} mm apart, and by Spacing Between Slices or Slice Thickness {said:.4g} mm: "
        "others may be missing between them"
    )
    return [Problem("sparse", text)]


def _shift(planes: Sequence[Plane], along: Array) -> list[Problem]:
    """What slices are displaced by in their plane."""
    positions = np.array([plane.position for plane in planes])
    axes = np.array(planes[0].axes).reshape(2, 3)
    aside = (positions - positions[0]) @ axes.T  # in mm: along rows, along columns
    depth = along - along[0]
    slope = aside[-1] / depth[-1]
    pixels = np.array(planes[0].spacing[::-1])
    problems = []
    wander = np.abs(aside - depth[:, np.newaxis] * slope) / pixels
    if (wander > STRAIGHT).any():
        which = np.flatnonzero((wander > STRAIGHT).any(axis=1))
        problems.append(
            Problem(
                "shifted",
                f"{len(which)} slices are displaced in their plane, unevenly, by up to {wander.max():.3g} "
                "pixels",
                tuple(which.tolist()),
            )
        )
    if (np.abs(aside[-1]) / pixels > STRAIGHT).any():
        angle = np.degrees(np.arctan(np.hypot(*slope)))
        problems.append(
            Problem(
                "tilt",
                f"the stack is tilted by {angle:.4g} degrees: slices are displaced in their plane, as "
                "`affine` has it",
            )
        )
    return problems


def to_ras(affine: Array) -> Array:
    """Turn an affine to LPS into one to RAS: left and posterior become right and anterior."""
    ras: Array = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return ras


def direction_of(affine: Array) -> Array:
    """Unit vectors of the axes, as columns."""
    matrix: Array = affine[:3, :3]
    directed: Array = matrix / np.linalg.norm(matrix, axis=0)
    return directed
