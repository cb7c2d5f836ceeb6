"""`hounsfield convert`: from DICOM files to PNG files, or to one array."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hounsfield.cli.inputs import Input, inputs
from hounsfield.cli.report import (
    StoppedError,
    complain,
    counted,
    debug_option,
    describe,
    reason,
    reason_lines,
    strict_option,
)
from hounsfield.cli.windows import Choice, window_option
from hounsfield.cli.writers import (
    ArrayWriter,
    Image,
    OnePictureWriter,
    PictureWriter,
    SeveralImagesError,
    Writer,
)
from hounsfield.display import Window
from hounsfield.display.groups import by_frame
from hounsfield.display.presets import preset
from hounsfield.display.voi import voi_alternatives
from hounsfield.errors import NotDicomError, UnsupportedError
from hounsfield.facade import Dataset
from hounsfield.pixels.decode import Decoder
from hounsfield.pixels.layout import has_pixels

__all__ = ["convert"]

SUFFIXES = {".dcm", ".dicom", ".ima"}

LONGEST_NAME = 255 - len("-10000_10000000.png.partial")
"""Bytes that file systems take, but for what is added."""


@dataclass
class Tally:
    """What became of the files."""

    files: int = 0
    images: int = 0
    bytes_read: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return self.failures.total()

    def as_json(self) -> str:
        return json.dumps(
            {
                "images": self.images,
                "files": self.files,
                "bytes_read": self.bytes_read,
                "seconds": round(self.seconds, 6),
                "files_per_second": round(self.files / self.seconds, 3),
                "passed_over": dict(self.passed_over),
                "failed": self.failed,
                "failures": dict(self.failures.most_common()),
            }
        )

    def lines(self, *, with_reasons: bool) -> Iterator[str]:
        yield (
            f"{counted(self.images, 'image')} of {counted(self.files, 'file')}, "
            f"{self.bytes_read / 1e6:.1f} MB, {self.seconds:.2f} s, {self.files / self.seconds:.0f} files/s"
        )
        if self.passed_over:
            yield "passed over: " + ", ".join(f"{count} {why}" for why, count in self.passed_over.items())
        if self.failures:
            yield f"failed: {counted(self.failed, 'file')}"
        if with_reasons:
            yield from reason_lines(self.failures)


@click.command(
    epilog="""\b
Examples:
  hounsfield convert ct.dcm -o ct.png
  hounsfield convert ct.dcm -o pictures
  hounsfield convert scans/ -o pictures --window lung
  hounsfield convert scans/ -o pictures --window 40/400     (center 40, width 400)
  hounsfield convert archive/ -o all.npy --on-error skip
  hounsfield convert cine.dcm -o first --frame 0

\b
Reading the array:
  array = np.load("all.npy", mmap_mode="r").reshape(-1)
  for image in json.load(open("all.json"))["images"]:
      shape, offset = image["shape"], image["offset"]
      samples = array[offset : offset + math.prod(shape)].reshape(shape)

Exit codes: 0 all went well (with --on-error skip: or failures were counted), 1 some input failed or there was
nothing to convert, 2 the command was not understood, OUT is already there, or for one image of several.
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="A folder for PNG files, NAME.png for the only image, or NAME.npy for one array of uint8 with its "
    "manifest NAME.json.",
)
@window_option
@click.option(
    "--frame", type=int, metavar="N", help="Only this frame of each file, from 0, or from -1 backwards."
)
@click.option(
    "--on-error",
    type=click.Choice(["report", "skip", "raise"]),
    default="report",
    show_default=True,
    help="A file that cannot be converted: report it on stderr, go on, and exit with 1; skip it, go on, and "
    "count the failures by reason at the end; or stop there.",
)
@strict_option
@click.option("--force", is_flag=True, help="Write into a folder that is not empty, and replace files.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@debug_option
def convert(
    sources: tuple[str, ...],
    out: Path,
    window: Choice,
    frame: int | None,
    on_error: str,
    strict: bool,
    force: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Convert DICOM files, and all those in folders and archives, to pictures or to one array.

    In a folder OUT every image becomes a PNG file, 8-bit gray or RGB; frames are numbered: NAME_0000.png.
    What was found in folders, in zip and tar archives, and by patterns in quotes, keeps its relative path;
    names that would collide get a number. Files there that are not DICOM, or have no pixel data, are passed
    over and counted. All of these may be URLs.
    """
    writer = _writer(out, force=force)
    tally = Tally()
    start = time.perf_counter()

    def failure(path: str, error: Exception) -> None:
        tally.failures[reason(error)] += 1
        if on_error != "skip":
            complain(describe(path, error), error, debug=debug)
        if on_error == "raise":
            raise StoppedError

    try:
        found = []
        for each in inputs(sources):
            each.origin.release()
            found.append(each)
        with writer, _progress() as progress:
            for each in progress.track(found, description="converting") if progress else found:
                try:
                    images = _images(each, window, frame, strict, tally)
                except Exception as error:
                    # One bad file, whatever is wrong with it, must not cost the others.
                    failure(each.name, error)
                else:
                    if images:
                        writer.add(each.name, _stem(each), images)
    except SeveralImagesError as error:
        way = ", or choose a --frame" if len(found) == 1 else ""
        problem = f"{out} is for one image, and there are several: give a folder as OUT{way}"
        raise click.UsageError(problem, click.get_current_context()) from error
    except StoppedError:
        return 1
    except OSError as error:
        # In writing, not in reading a source: it would go wrong for the next image, too.
        complain(describe(error.filename or str(out), error), error, debug=debug)
        return 1
    tally.seconds = time.perf_counter() - start
    if as_json:
        click.echo(tally.as_json())
    else:
        for line in tally.lines(with_reasons=on_error == "skip"):
            click.echo(line)
    if not tally.images and not tally.failures:
        complain("there are no DICOM images in what was given")
        return 1
    return int(bool(tally.failures) and on_error != "skip")


def _writer(out: Path, *, force: bool) -> Writer:
    """Give what writes to OUT, if nothing is there that may not be replaced."""
    suffix = out.suffix.lower()
    writer: Writer
    problem = None
    if suffix == ".npy":
        writer, files = ArrayWriter(out), [out, out.with_suffix(".json")]
    elif suffix == ".png" and not out.is_dir():
        writer, files = OnePictureWriter(out), [out]
    else:
        writer, files = PictureWriter(out), []
        if out.is_dir():
            problem = f"{out} is not empty" if not force and any(out.iterdir()) else None
        elif out.exists():
            raise click.UsageError(f"{out} is not a folder", click.get_current_context())
    if not force and (taken := [path for path in files if path.exists()]):
        problem = f"{taken[0]} is already there"
    if problem:
        raise click.UsageError(f"{problem}: --force writes nevertheless", click.get_current_context())
    return writer


def _progress() -> Any:
    """Give a progress bar on stderr if that is a terminal, else nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return nullcontext()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True)


def _stem(found: Input) -> str:
    """A name for what the file becomes: its path in the folder or archive that it was found in."""
    path = found.relative()
    # Other dots are part of names that are UIDs.
    path = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
    return "/".join(map(_short, path.parts))


def _short(name: str) -> str:
    """As much of a name as file systems take, with what comes behind it."""
    while len(os.fsencode(name)) > LONGEST_NAME:
        name = name[:-1]
    return name


def _images(found: Input, window: Choice, frame: int | None, strict: bool, tally: Tally) -> list[Image]:
    """Render the images of a file; none of one that was found, and not given, and has no pixel data."""
    try:
        ds = found.read(strict=strict)
    except NotDicomError:
        if found.found_in is None:
            raise
        tally.passed_over["not DICOM"] += 1
        return []
    if found.found_in is not None and not has_pixels(ds):
        tally.passed_over["without pixel data"] += 1
        return []
    tally.bytes_read += ds._source.size
    images = _rendered(ds, window, frame)
    tally.files += 1
    tally.images += len(images)
    return images


def _rendered(ds: Dataset, window: Choice, frame: int | None) -> list[Image]:
    """Render all frames of a file, or one."""
    if frame is not None and frame < 0:
        frame = Decoder(ds).number(frame)
    samples = ds.render(window, frame=frame)
    layout = ds.frames.layout
    color = layout.samples > 1 or layout.photometric_interpretation == "PALETTE COLOR"
    if color and samples.shape[-1] != 3:
        raise UnsupportedError(f"{samples.shape[-1]} samples a pixel cannot be shown: 1 and 3 can")
    is_stack = samples.ndim > (3 if color else 2)
    frames = samples if is_stack else samples[np.newaxis]
    numbers = range(len(frames)) if is_stack else [frame or 0]
    is_numbered = is_stack or (frame is not None and ds.pixel_plan().frames > 1)
    windows: list[dict[str, Any] | None] = [None] * len(frames)
    if not color and by_frame(ds):
        windows = [_window_used(ds, window, number) for number in numbers]
    elif not color:
        windows = [_window_used(ds, window, 0)] * len(frames)
    return [
        Image(one, number if is_numbered else None, used, layout.photometric_interpretation)
        for one, number, used in zip(frames, numbers, windows, strict=True)
    ]


def _window_used(ds: Dataset, window: Choice, frame: int) -> dict[str, Any]:
    """Tell the window of a frame, for the manifest."""
    if isinstance(window, tuple):
        return {"center": window[0], "width": window[1]}
    if isinstance(window, str):
        if window.lower() == "auto":
            return {"name": "auto"}
        center, width = preset(window)
        return {"name": window, "center": center, "width": width}
    alternatives = voi_alternatives(ds, frame, byteorder=ds._byteorder)
    if not alternatives:
        return {"name": "auto"}
    chosen = alternatives[window or 0]
    if not isinstance(chosen, Window):
        return {"name": "VOI LUT"}
    named = {"name": chosen.explanation} if chosen.explanation else {}
    return {**named, "center": chosen.center, "width": chosen.width, "function": chosen.function}
