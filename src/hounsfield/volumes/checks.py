"""What is said of a volume whose slices are found: of mosaics, the number of images and their values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hounsfield.volumes.planes import MEANING, RT_DOSE, plain
from hounsfield.volumes.problems import Problem, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hounsfield.volumes.planes import Plane

__all__ = ["MOST_NAMED", "problems_of"]

COMPARED = "InversionTime", "FlipAngle", "DiffusionGradientOrientation", "SliceThickness"
"""What slices at places of their own may differ in, and that is said."""

SLANTED = 1e-3
"""By how much axes of axial planes may differ from those of the patient."""

BESIDE = 0.1
"""How far from each other two places of a dose may be, in pixels."""

MOST_NAMED = 10
"""How many things a problem lists."""


def problems_of(planes: list[Plane]) -> Iterator[Problem]:
    """Say what is not as it should be with the images of one volume, wherever they are."""
    yield from _of_mosaic(planes)
    yield from _of_dose(planes)
    yield from _of_count(planes)
    yield from _of_values(planes)


def _of_mosaic(planes: list[Plane]) -> Iterator[Problem]:
    tile = planes[0].tile
    if tile is not None and tile.doubt:
        yield Problem("mosaic", tile.doubt)


def _of_dose(planes: list[Plane]) -> Iterator[Problem]:
    """Say if a dose has no unit, or two places (PS3.3 C.8.8.3)."""
    ds = planes[0].ds
    if plain(ds, "SOPClassUID") != RT_DOSE:
        return
    if not isinstance(plain(ds, "DoseGridScaling"), int | float):
        yield Problem("dose", "no Dose Grid Scaling: values are the stored ones, and no doses")
    offsets, position = plain(ds, "GridFrameOffsetVector"), plain(ds, "ImagePositionPatient")
    if planes[0].missing or not isinstance(offsets, tuple) or not isinstance(position, tuple):
        return
    right, _, _, _, down, _ = planes[0].axes
    start, z = offsets[0], position[-1]
    if (
        not isinstance(start, int | float)
        or not isinstance(z, int | float)
        or abs(right * down) < 1 - SLANTED
    ):
        return
    if start and abs(start - z) > BESIDE * min(planes[0].spacing):
        text = (
            f"Grid Frame Offset Vector begins at {start:g} mm, and Image Position (Patient) has z = {z:g} mm"
        )
        yield Problem("dose", f"{text}: the latter is believed")


def _of_count(planes: list[Plane]) -> Iterator[Problem]:
    """Say if there are fewer slices than PET and nuclear medicine say (PS3.3 C.8.9.1 and C.8.4.8)."""
    said = plain(planes[0].ds, "NumberOfSlices")
    if isinstance(said, int) and len(planes) < said:
        text = f"{counted(planes, 'slice')} of {said}, which Number of Slices says"
        yield Problem("incomplete", text)


def _of_values(planes: list[Plane]) -> Iterator[Problem]:
    """Say if values of slices cannot be compared."""
    texts, unlike = [], set()
    columns = {each.name: [plane.meaning[at] for plane in planes] for at, each in enumerate(MEANING)}
    columns |= {name: [plane.traits.get(name) for plane in planes] for name in COMPARED}
    for name, found in columns.items():
        counts = Counter(value for value in found if value is not None)
        if len(counts) > 1:
            (usual, _), *_ = ordered = counts.most_common()
            named = ", ".join(f"{value} of {count}" for value, count in ordered[:MOST_NAMED])
            texts.append(f"{name} {named}{' ...' if len(ordered) > MOST_NAMED else ''}")
            unlike |= {number for number, value in enumerate(found) if value not in (None, usual)}
    if any(plane.scale and plane.scale != (1.0, 0.0) for plane in planes):
        without = {number for number, plane in enumerate(planes) if not _is_scaled(plane)}
        if without:
            texts.append(f"no Rescale Slope or Intercept of {len(without)}")
            unlike |= without
    if texts:
        text = f"values of slices are not of one kind: {'; '.join(texts)}"
        yield Problem("mixed-values", text, tuple(sorted(unlike)))


def _is_scaled(plane: Plane) -> bool:
    return bool(plane.scale) or "ModalityLUTSequence" in plane.ds
