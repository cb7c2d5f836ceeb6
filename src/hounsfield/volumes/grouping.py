"""Which images of a series make a volume."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, groupby, pairwise, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.volumes.checks import MOST_NAMED, problems_of
from hounsfield.volumes.geometry import (
    MISSING,
    affine_of,
    are_among,
    depths,
    fields,
    places,
    sort_planes,
    usual_step,
)
from hounsfield.volumes.planes import APART, FRAMES, IF_NEEDED, MEASURED, OBJECT, plain
from hounsfield.volumes.problems import Problem, counted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import numpy.typing as npt

    from hounsfield.volumes.geometry import Geometry
    from hounsfield.volumes.planes import Plane

__all__ = ["Stack", "stacks_of"]

ALIKE = 1e-3
"""Axes that differ by less are the same; pixel spacings, and what is `MEASURED`, by so much of their size."""

FEW = 0.1
"""So many images, as a part of those there are, may be missing or too many where there are several at each
place; else these are duplicates."""

FEWEST = 2
"""So many slices or fewer are even wherever they are, and make no time point."""

OF_FILE = *(each.name for each in APART), OBJECT
SEGMENT = "SegmentNumber"
OF_SCAN = (
    "SOPClassUID",
    "FrameOfReferenceUID",
    "ImageType",
    "StackID",
    "ConvolutionKernel",
    "SliceThickness",
    OBJECT,
)
FIELD = "ImagePositionPatient in plane"
TIME = "AcquisitionTime"
LATER = FIELD, *(each.name for each in IF_NEEDED)
OWN = " rank"


@dataclass
class Stack:
    """Planes of one volume, in order.

    Attributes
    ----------
    planes : list of Plane
    labels : dict
        What sets it apart from the other volumes of its series, by keyword.
    affine : ndarray or None
        See `geometry.Geometry`; None if the planes have no geometry.
    problems : list of Problem
    """

    planes: list[Plane]
    labels: dict[str, Any] = field(default_factory=dict)
    affine: npt.NDArray[np.float64] | None = None
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def geometry(self) -> Geometry:
        """Of planes that are each at a place of its own, in whatever order they are here."""
        return affine_of(sort_planes(self.planes))

    @property
    def is_even(self) -> bool:
        return not self.has("gap", "uneven-spacing")

    def has(self, *kinds: str) -> bool:
        """Whether its geometry has a problem of one of these kinds."""
        return any(problem.kind in kinds for problem in self.geometry.problems)


def stacks_of(planes: Iterable[Plane]) -> tuple[list[Stack], list[Problem]]:
    """Take the images of a series apart into volumes, the same ones in whatever order they come.

    Returns
    -------
    list of Stack
        In the order of their lowest Instance Numbers.
    list of Problem
        Of the series.
    """
    found, problems = _without_copies(sorted(planes, key=lambda plane: plane.order))
    _level(found)
    located = [plane for plane in found if not plane.missing]
    others = [plane for plane in found if plane.missing]
    left: list[Plane] = []
    stacks = [part for stack in _apart(located) for part in _by_place(stack, left)]
    if left:
        text = (
            "left out, as more or fewer images are at their places than at others, and nothing tells which "
            f"of them belong together: {counted(left, 'image')}{_frames(left)}"
        )
        problems.append(Problem("incomplete", text, sources=_names(left)))
    stacks = [_settle(stack) for stack in stacks]
    _look_at_lengths(stacks)
    problems += _that_make_one(stacks)
    if others and stacks:
        reasons = Counter(plane.missing for plane in others)
        text = ", ".join(f"{reason} (of {count})" for reason, count in reasons.items())
        problems.append(
            Problem(
                "missing-geometry",
                f"left out, as others have geometry and these do not: {text}{_frames(others)}",
                sources=_names(others),
            )
        )
    elif others:
        stacks = _apart(others)
        for stack in stacks:
            stack.problems.append(_unsorted(stack.planes))
    for stack in stacks:
        stack.problems += problems_of(stack.planes)
    sizes = Counter(plane.size for plane in found)
    if len(sizes) > 1:
        text = ", ".join(f"{count} of {rows} x {columns}" for (rows, columns), count in sorted(sizes.items()))
        problems.append(Problem("mixed-sizes", f"images differ in rows and columns: {text}"))
    _label(stacks)
    _label_mosaics([stack for stack in stacks if stack.planes[0].tile is not None])
    stacks.sort(key=_place_in_series)
    return stacks, problems


def _names(planes: Iterable[Plane]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plane.name for plane in planes))


def _frames(planes: Iterable[Plane]) -> str:
    """Say which frames these are, where they are not all of their image."""
    found: dict[tuple[str, int], list[int]] = {}
    for plane in planes:
        count = plain(plane.ds, "NumberOfFrames")
        if isinstance(count, int):
            found.setdefault((plane.name, count), []).append(plane.frame)
    texts = []
    for (name, count), frames in found.items():
        if len(frames) < count:
            more = " ..." if len(frames) > MOST_NAMED else ""
            texts.append(f"; frames {', '.join(map(str, frames[:MOST_NAMED]))}{more} of {name}")
    return "".join(texts[:MOST_NAMED])


def _without_copies(planes: list[Plane]) -> tuple[list[Plane], list[Problem]]:
    """Leave out what has the SOP Instance UID of another file, and is the same image by what it says."""
    first: dict[tuple[str, int], Plane] = {}
    there: dict[tuple[str, int], set[Hashable]] = {}
    kept, copies, alike = [], [], []
    for plane in planes:
        _, frame, uid, _ = plane.order
        before = first.setdefault((uid, frame), plane)
        if uid and before is not plane:
            images, image = there.setdefault((uid, frame), {_image(before)}), _image(plane)
            if image in images:
                copies.append(plane)
                continue
            images.add(image)
            alike.append(plane)
        kept.append(plane)
    problems = []
    if copies:
        names = _names(copies)
        text = f"left out, as others have the same SOP Instance UID: {counted(names, 'file')}"
        problems.append(Problem("duplicate", text, sources=names))
    if alike:
        text = f"{counted(alike, 'image')} with the SOP Instance UID of another, and not the same: kept"
        problems.append(Problem("same-uid", text))
    return kept, problems


def _image(plane: Plane) -> Hashable:
    """What a copy has, too, even if it is compressed in another way."""
    traits = frozenset(item for item in plane.traits.items() if item[0] != "ImageType")
    return plane.position, plane.axes, plane.order[0], traits


def _level(planes: list[Plane]) -> None:
    """Give what differs by rounding alone the value that most have."""
    for name in MEASURED:
        counts = Counter(plane.traits.get(name) for plane in planes)
        groups: list[list[float]] = []
        for value in sorted(each for each in counts if isinstance(each, int | float)):
            if not groups or value - groups[-1][0] > ALIKE * abs(value):
                groups.append([])
            groups[-1].append(value)
        if len(groups) < len(counts):
            usual = {value: max(group, key=counts.__getitem__) for group in groups for value in group}
            for plane in planes:
                if (known := plane.traits.get(name)) in usual:
                    plane.traits[name] = usual[known]


def _apart(planes: list[Plane]) -> list[Stack]:
    """Part planes that differ in what a volume has in common: size, orientation, spacing, and `APART`.

    A mosaic is a volume, wherever others of its series are: the head may have moved in between.
    """
    facing = _facing(planes)
    parallel: dict[tuple[Hashable, ...], list[Plane]] = {}
    for plane in planes:
        mosaic = None if plane.tile is None else (id(plane.ds), plane.frame)
        key = plane.size, facing[plane.axes, plane.spacing], mosaic
        parallel.setdefault(key, []).append(plane)
    stacks = []
    for alike in parallel.values():
        problems = _let_slices_differ(alike)
        groups: dict[tuple[Hashable, ...], list[Plane]] = {}
        for plane in alike:
            groups.setdefault(tuple(plane.traits.get(name) for name in OF_FILE), []).append(plane)
        stacks += [Stack(group, problems=[*problems]) for group in groups.values()]
    return stacks


def _let_slices_differ(planes: list[Plane]) -> list[Problem]:
    """Let what every place has values of its own of part no planes, and say so.

    It would leave volumes of one slice each. At a place it may still tell which image is which, by its order.
    """
    if planes[0].missing:
        return []
    columns = {name: [plane.traits.get(name) for plane in planes] for name in OF_FILE if name != SEGMENT}
    columns = {name: values for name, values in columns.items() if len(set(values)) > FEWEST}
    if not columns:
        return []
    where = places(planes).tolist()
    own = [
        name
        for name, values in columns.items()
        if len(set(zip(where, values, strict=True))) == len(set(values))
    ]
    one_each = list(dict(zip(where, planes, strict=True)).values())
    if not own or len(one_each) <= FEWEST or Stack(one_each).has("uneven-spacing", "shifted"):
        return []
    for name in own:
        for plane in planes:
            value = plane.traits.pop(name, None)
            if isinstance(value, int | float):
                plane.traits[name + OWN] = value
    text = (
        f"each slice has its own {', '.join(own)}, which parts no volumes, as these would have one slice each"
    )
    return [Problem("split", text)]


def _facing(planes: list[Plane]) -> dict[Any, int]:
    """Number the orientations and spacings that there are; those that are alike have one number."""
    numbers: dict[Any, int] = {}
    keys = sorted({(plane.axes, plane.spacing) for plane in planes})
    known = np.empty((len(keys), 8))
    count = 0
    for key in keys:
        axes, spacing = key
        if not axes:
            numbers[key] = -1
            continue
        values = *axes, *(np.log(each) for each in spacing)
        start = int(np.searchsorted(known[:count, 0], axes[0] - ALIKE))  # they are sorted by that
        alike = np.flatnonzero((np.abs(known[start:count] - values) < ALIKE).all(axis=1))
        if len(alike):
            numbers[key] = start + int(alike[0])
            continue
        known[count] = values
        numbers[key] = count
        count += 1
    return numbers


def _by_place(stack: Stack, left: list[Plane]) -> list[Stack]:
    """Part planes at the same places by what they differ in there; `left` gets those that cannot be told."""
    if places(stack.planes).max() + 1 < len(stack.planes):
        for plane, value in zip(stack.planes, fields(stack.planes), strict=True):
            plane.traits[FIELD] = value
    names = dict.fromkeys(chain.from_iterable(plane.traits for plane in stack.planes))
    candidates = [name for name in names if name not in OF_FILE]
    order = *(name + OWN for name in OF_FILE), *LATER
    candidates.sort(key=lambda name: order.index(name) if name in order else len(order))
    return _parted(stack, candidates, left)


def _parted(stack: Stack, candidates: list[str], left: list[Plane]) -> list[Stack]:
    planes = stack.planes
    at = places(planes)
    most = int(np.bincount(at).max())
    if most == 1:
        if "AcquisitionNumber" in stack.labels:
            return [stack]
        return [
            part for field in _by_field(stack) for time in _by_time(field) for part in _by_acquisition(time)
        ]
    found = _telling(planes, at, most, candidates)
    if found is not None:
        name, values, problems = found
        parts: dict[Hashable, Stack] = {}
        for plane, value in zip(planes, values, strict=True):
            part = parts.setdefault(value, Stack([], stack.labels | {name: value}))
            part.planes.append(plane)
        others = [each for each in candidates if each != name]
        for part in parts.values():
            part.problems = [*stack.problems, *problems]
        return [each for part in parts.values() for each in _parted(part, others, left)]
    counts = np.bincount(at)
    usual = int(np.bincount(counts).argmax())
    odd = counts[at] != usual
    if usual > 1 and odd.any() and np.abs(counts - usual).sum() <= FEW * len(planes):
        left += [plane for plane, is_odd in zip(planes, odd, strict=True) if is_odd]
        there = [plane for plane, is_odd in zip(planes, odd, strict=True) if not is_odd]
        return _parted(Stack(there, stack.labels, problems=stack.problems), candidates, left)
    ranks = _ranks(at, [plane.order for plane in planes], most)
    if ranks is None:
        return [stack]
    numbered = _are_numbered(planes, at.tolist())
    by = "Instance Numbers and frames" if numbered else "SOP Instance UIDs, which may have mixed them up"
    text = f"{most} images at each place, told apart by nothing but {by}"
    name = f"{'InstanceNumber' if numbered else 'SOPInstanceUID'} rank"
    return [
        Stack(
            [plane for plane, rank in zip(planes, ranks, strict=True) if rank == number],
            stack.labels | {name: number},
            problems=[*stack.problems, Problem("repeats", text)],
        )
        for number in range(most)
    ]


def _are_numbered(planes: list[Plane], at: Iterable[int]) -> bool:
    """Whether no two planes at a place have the same Instance Number and frame, or none."""
    return len({(place, *plane.order[:2]) for place, plane in zip(at, planes, strict=True)}) == len(planes)


def _telling(
    planes: list[Plane], at: npt.NDArray[np.intp], most: int, candidates: list[str]
) -> tuple[str, list[Hashable], list[Problem]] | None:
    """Find what tells planes at the same place apart: its name, a value for each plane, what is to be said.

    It is the first attribute of which each value occurs equally often at all places that have all images:
    others, such as heartbeats, have nothing to do with it. Else it is one whose values stretch over places of
    their own, as those of stations that overlap do. If there is none, each place may have values of its own
    (times, as slices are taken one after the other): then they are ranks.
    """
    where = at.tolist()
    columns = {name: [plane.traits.get(name) for plane in planes] for name in candidates}
    columns = {name: values for name, values in columns.items() if _differ(where, values)}
    for name, values in columns.items():
        if len(set(values)) <= most and _are_balanced(where, values, most):
            return name, values, []
    for name, values in columns.items():
        if _are_stretches(where, values):
            return name, values, []
    numbers = _ranks(at, [plane.order[:2] for plane in planes], most)
    for name, values in columns.items():
        if len({type(value) for value in values}) > 1 or not isinstance(values[0], str | int | float):
            continue
        ranks = _ranks(at, values, most)
        if ranks is None:
            continue
        text = (
            f"{most} images at each place, told apart by the order of {name}: Instance Numbers have another"
        )
        is_doubtful = numbers is not None and len(set(zip(ranks, numbers, strict=True))) > most
        return name, list(ranks), [Problem("repeats", text)] if is_doubtful else []
    return None


def _differ(where: list[int], values: list[Hashable]) -> bool:
    """Whether any two at a place do."""
    return len(set(zip(where, values, strict=True))) > len(set(where))


def _are_balanced(where: list[int], values: list[Hashable], most: int) -> bool:
    """Whether a place with the most images has as many of each value as any other place."""
    counts = Counter(zip(where, values, strict=True))
    highest: dict[Hashable, int] = {}
    for (_, value), count in counts.items():
        highest[value] = max(count, highest.get(value, 0))
    return sum(highest.values()) == most


def _are_stretches(where: list[int], values: list[Hashable]) -> bool:
    """Whether each value occurs once at each of several places that are next to each other."""
    found: dict[Hashable, list[int]] = {}
    for place, value in zip(where, values, strict=True):
        found.setdefault(value, []).append(place)
    return all(
        len(each) > 1 and len(set(each)) == len(each) == max(each) - min(each) + 1 for each in found.values()
    )


def _ranks(at: npt.NDArray[np.intp], values: list[Any], most: int) -> list[int] | None:
    """The rank of each value at its place, if there are as many different ones at every place."""
    ranks = [0] * len(values)
    order = sorted(range(len(values)), key=lambda index: (at[index], values[index]))
    for _, group in groupby(order, key=lambda index: at[index]):
        members = list(group)
        if len({values[index] for index in members}) != most or len(members) != most:
            return None
        for rank, index in enumerate(members):
            ranks[index] = rank
    return ranks


def _by_field(stack: Stack) -> list[Stack]:
    """Part planes of fields of view beside each other, whose slices are at depths of their own."""
    if FIELD in stack.labels or not stack.has("shifted"):
        return [stack]
    members: dict[Hashable, list[Plane]] = {}
    for plane, value in zip(stack.planes, fields(stack.planes), strict=True):
        members.setdefault(value, []).append(plane)
    parts = [
        Stack(planes, stack.labels | {FIELD: value}, problems=[*stack.problems])
        for value, planes in members.items()
    ]
    return [stack] if any(len(part.planes) == 1 or part.has("shifted") for part in parts) else parts


def _by_time(stack: Stack) -> list[Stack]:
    """Part time points or images of several frames whose slices are between those of the others.

    The patient moved, or the stack was set anew. Slices that are taken every second one first are no time
    points: these are too far from each other by Spacing Between Slices or Slice Thickness.
    """
    if not all(plane.thickness for plane in stack.planes):
        return [stack]
    for name in (TIME, FRAMES):
        members: dict[Hashable, list[Plane]] = {}
        for plane in stack.planes:
            members.setdefault(plane.traits.get(name), []).append(plane)
        if len(members) == 1 or min(map(len, members.values())) <= FEWEST:
            continue
        reach = [depths(each) for each in members.values()]
        if max(along.min() for along in reach) >= min(along.max() for along in reach):
            continue
        parts = [Stack(planes, stack.labels | {name: value}) for value, planes in members.items()]
        if any(part.has("gap", "uneven-spacing", "sparse") for part in parts):
            continue
        for part in parts:
            part.problems = [*stack.problems]
        return parts
    return [stack]


def _by_acquisition(stack: Stack) -> list[Stack]:
    """Part acquisitions that do not make one even stack: of two regions, say."""
    acquisitions = _acquisitions(stack.planes)
    if len(acquisitions) in (1, len(stack.planes)) or stack.is_even:
        return [_joined(stack)]
    pieces = _cut_at_gaps(sort_planes(stack.planes))
    parts = []
    for piece in pieces:
        acquisitions = _acquisitions(piece)
        apart = all(len(each) > 1 and Stack(each).is_even for each in acquisitions.values())
        parts += list(acquisitions.values()) if apart and not Stack(piece).is_even else [piece]
    if len(parts) == 1:
        return [_joined(stack)]
    return [
        _joined(
            Stack(
                part,
                stack.labels | {"AcquisitionNumber": part[0].traits.get("AcquisitionNumber")},
                problems=[*stack.problems],
            ),
        )
        for part in parts
    ]


def _acquisitions(planes: list[Plane]) -> dict[Hashable, list[Plane]]:
    found: dict[Hashable, list[Plane]] = {}
    for plane in planes:
        found.setdefault(plane.traits.get("AcquisitionNumber"), []).append(plane)
    return found


def _cut_at_gaps(planes: list[Plane]) -> list[list[Plane]]:
    """Part sorted planes where there is a gap and no acquisition is on both sides of it."""
    apart = np.diff(depths(planes))
    far = np.flatnonzero(apart > MISSING * usual_step(apart)) + 1
    last = {plane.traits.get("AcquisitionNumber"): at for at, plane in enumerate(planes)}
    reach = np.maximum.accumulate([last[plane.traits.get("AcquisitionNumber")] for plane in planes])
    cuts = [0, *(at for at in far.tolist() if reach[at - 1] < at), len(planes)]
    return [planes[start:stop] for start, stop in pairwise(cuts)]


def _joined(stack: Stack) -> Stack:
    """Say that a stack has several acquisitions."""
    count = len(_acquisitions(stack.planes))
    if count > 1:
        text = f"slices of {count} acquisitions, no two at the same place, are taken for one stack"
        stack.problems.append(Problem("acquisitions", text))
    return stack


def _settle(stack: Stack) -> Stack:
    """Sort a stack, leave out what is at the place of another, and find its geometry."""
    taken: dict[int, Plane] = {}
    left = [
        plane
        for place, plane in zip(places(stack.planes).tolist(), stack.planes, strict=True)
        if taken.setdefault(place, plane) is not plane
    ]
    if left:
        stack = replace(stack, planes=list(taken.values()))
        text = (
            f"left out, as nothing tells them from another at the same place: {counted(left, 'image')}"
            f"{_frames(left)}"
        )
        stack.problems.append(Problem("duplicate", text, sources=_names(left)))
    stack.affine, problems = stack.geometry
    stack.problems.extend(problems)
    stack.planes = sort_planes(stack.planes)
    return stack


def _look_at_lengths(stacks: list[Stack]) -> None:
    """Say which volumes have only some of the slices of another, as the last time point of a scan may."""
    longest: dict[tuple[Hashable, ...], list[Plane]] = {}
    for stack in sorted(stacks, key=lambda stack: -len(stack.planes)):
        planes, first = stack.planes, stack.planes[0]
        if SEGMENT in first.traits:  # each is where its organ is
            continue
        key = first.size, first.axes, stack.labels.get(FIELD), *(first.traits.get(name) for name in OF_SCAN)
        others = longest.setdefault(key, planes)
        if len(planes) < len(others) and are_among(planes, others):
            text = f"{counted(planes, 'slice')}, where another volume of the series has {len(others)}"
            stack.problems.append(Problem("incomplete", text))


def _that_make_one(stacks: list[Stack]) -> list[Problem]:
    """Say which volumes lie at places of their own, and would make one even stack, or have one slice each."""
    facing = _facing([stack.planes[0] for stack in stacks])
    found: dict[str, Problem] = {}
    for free in (OF_FILE, *((name,) for name in OF_FILE)):
        alike: dict[Hashable, list[Stack]] = {}
        for stack in stacks:
            first = stack.planes[0]
            if first.tile is not None or SEGMENT in first.traits:
                continue
            fixed = (first.traits.get(name) for name in OF_FILE if name not in free)
            labels = tuple(stack.labels.items())
            key = first.size, facing[first.axes, first.spacing], labels, *fixed
            alike.setdefault(key, []).append(stack)
        for group in alike.values():
            if len(group) > 1 and (text := _what_they_make(group)):
                differ = [
                    name for name in free if len({each.planes[0].traits.get(name) for each in group}) > 1
                ]
                text = f"volumes {text}: they differ in {', '.join(differ)}"
                found.setdefault(text, Problem("split", text))
    return list(found.values())


def _what_they_make(stacks: list[Stack]) -> str:
    """Say what is odd about volumes that lie at places of their own; "" if nothing is."""
    planes = [plane for stack in stacks for plane in stack.planes]
    count = len(planes)
    if count <= FEWEST or int(places(planes).max()) + 1 < count:
        return ""
    if len(stacks) == count:
        return f"of one slice each, {count} at places of their own"
    ends = np.cumsum([len(stack.planes) for stack in stacks])[:-1]
    reach = sorted((along.min(), along.max()) for along in np.split(depths(planes), ends))
    are_mixed = any(before[1] > after[0] for before, after in pairwise(reach))
    are_whole = all(
        len(stack.planes) > FEWEST and not stack.has("gap", "uneven-spacing", "sparse") for stack in stacks
    )
    if are_mixed and are_whole:  # the patient moved between two scans, or there are two reconstructions
        return ""
    if Stack(planes).has("gap", "uneven-spacing", "sparse", "shifted"):
        return ""
    return f"of {' and '.join(str(len(stack.planes)) for stack in stacks)} slices would make one even stack"


def _unsorted(planes: list[Plane]) -> Problem:
    reasons = ", ".join(dict.fromkeys(plane.missing for plane in planes))
    by = "Instance Numbers and frames"
    if not _are_numbered(planes, repeat(0, len(planes))):
        by = "SOP Instance UIDs, as Instance Numbers are missing or the same"
    text = f"no geometry ({reasons}): images are in the order of {by}"
    return Problem("missing-geometry", text, tuple(range(len(planes))))


def _place_in_series(stack: Stack) -> tuple[Any, ...]:
    """What sorts volumes: Instance Numbers, or else what they differ in."""
    lowest = min(plane.order for plane in stack.planes)
    labels = [
        (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))
        for value in stack.labels.values()
    ]
    return lowest[:2], labels, lowest


def _label(stacks: list[Stack]) -> None:
    """Say of each volume what other volumes of the series differ in."""
    for name in OF_FILE:
        values = [stack.planes[0].traits.get(name) for stack in stacks]
        if len(set(values)) > 1:
            for stack, value in zip(stacks, values, strict=True):
                stack.labels = {name: value} | stack.labels


def _label_mosaics(stacks: list[Stack]) -> None:
    """Say of mosaics that are alike what they differ in: the first attributes that do, or their order."""
    alike: dict[tuple[Any, ...], list[Stack]] = {}
    for stack in stacks:
        alike.setdefault(tuple(stack.labels.items()), []).append(stack)
    for group in alike.values():
        _tell_apart(group, [each.name for each in IF_NEEDED])


def _tell_apart(stacks: list[Stack], names: list[str]) -> None:
    if len(stacks) == 1:
        return
    for at, name in enumerate(names):
        members: dict[Hashable, list[Stack]] = {}
        for stack in stacks:
            members.setdefault(stack.planes[0].traits.get(name), []).append(stack)
        if len(members) > 1:
            for value, group in members.items():
                for stack in group:
                    stack.labels = stack.labels | {name: value}
                _tell_apart(group, names[at + 1 :])
            return
    for rank, stack in enumerate(sorted(stacks, key=lambda stack: stack.planes[0].order)):
        stack.labels = stack.labels | {"InstanceNumber rank": rank}
