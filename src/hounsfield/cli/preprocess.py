"""`hounsfield preprocess`: from archives to shards that a model is trained from."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hounsfield.cli.report import (
    StoppedError,
    check_libraries,
    complain,
    counted,
    debug_option,
    describe,
    reason_lines,
)
from hounsfield.cli.windows import Choice, window_option
from hounsfield.decoding import LONGEST, Values
from hounsfield.display.resizing import FITS, Mode
from hounsfield.errors import OptionError
from hounsfield.locks import LOCK
from hounsfield.preprocess import FORMATS, Options, Summary, make_plan
from hounsfield.preprocess import preprocess as run_plan
from hounsfield.preprocess.making import Progress as Told
from hounsfield.preprocess.plan import PLAN, SOURCES
from hounsfield.preprocess.run import clear
from hounsfield.preprocess.workers import WorkerError
from hounsfield.processors import processors

__all__ = ["preprocess"]


class SizeType(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """ROWSxCOLUMNS, or one number for both."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", str(value).strip())
        size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not all(1 <= length <= LONGEST for length in size):
            self.fail(f"{value!r} is no size: ROWSxCOLUMNS, such as 224x224, or 224", param, ctx)
        return size


@click.command(
    epilog="""\b
Examples:
  hounsfield preprocess archive/ -o shards --size 224 --window lung
  hounsfield preprocess archive/ -o shards --size 224 --window lung --resume
  hounsfield preprocess "studies/*.tar" s3://bucket/study.zip -o shards --size 512
  hounsfield preprocess archive.parquet -o shards --size 512x512 --values modality --dtype float32
  hounsfield preprocess archive/ -o tars --format webdataset --workers 4 --on-error skip

\b
Reading it:
  table = pyarrow.parquet.read_table("shards/manifest.parquet").to_pylist()
  row = next(row for row in table if row["status"] == "ok")
  row    # path, status, reason, shard, row, name, frame, rows, columns, window_center ...
  image = np.load(f"shards/{row['shard']}", mmap_mode="r")[row["row"]]

What is made is the same to the byte however many workers and threads make it, and however often it was
interrupted; but report.html and report.json, which tell how long it took.

Exit codes: 0 all went well (with --on-error skip or fill: or failures were counted), 1 some input failed,
there was nothing to do, DST could not be written, or another run is at work in it, 2 the command was not
understood, DST has something in it already, or with --resume is of other work, 130 interrupted: --resume
goes on.
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    metavar="DST",
    type=click.Path(path_type=Path),
    help="A folder.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="npy",
    show_default=True,
    help="Of the shards: an array that can be mapped; one Zarr v3 array with a row for every source, whose "
    "shards they are; a tar archive for WebDataset; a folder of PNG files.",
)
@window_option
@click.option(
    "--size",
    type=SizeType(),
    metavar="ROWSxCOLUMNS",
    help="Of all images: averaged where they are made smaller, interpolated where larger. By default that of "
    "the first image, and others of another size are failures; with webdataset and png each has its own.",
)
@click.option(
    "--fit",
    type=click.Choice(FITS),
    default="letterbox",
    show_default=True,
    help="The whole image with borders; the frame filled and the image's edges cut off; or distorted.",
)
@click.option(
    "--values",
    type=click.Choice(["display", "modality", "stored"]),
    default="display",
    show_default=True,
    help="Windowed; as Hounsfield units or what else the rescale gives; or as they are stored.",
)
@click.option(
    "--dtype",
    type=click.Choice(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"]),
    help="Of the samples: uint8 (the default), uint16 or float32 for display values, float32 for modality "
    "values; for stored ones by default that of the first image.",
)
@click.option(
    "--frame", type=click.IntRange(min=0), default=0, metavar="N", help="Which frame of files with several."
)
@click.option(
    "--fill", type=float, default=0.0, metavar="VALUE", help="Of borders and of filled rows; 0 by default."
)
@click.option(
    "--shard-size",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Sources a shard.",
)
@click.option(
    "--on-error",
    type=click.Choice(["report", "skip", "fill", "raise"]),
    default="report",
    show_default=True,
    help="A source that fails has no row, and its reason stands in the manifest. Report it on stderr, too, "
    "and exit with 1; only count it; fill a row for it; or stop there.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=processors(),
    metavar="N",
    help="Processes; one a CPU by default.",
)
@click.option(
    "--threads", type=click.IntRange(1, 1024), default=1, metavar="N", help="In each process; 1 by default."
)
@click.option("--resume", is_flag=True, help="Go on with what is in DST, if it is the same work.")
@click.option("--force", is_flag=True, help="Remove what former work has left in DST, and begin anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@debug_option
def preprocess(
    sources: tuple[str, ...],
    folder: Path,
    format_: str,
    window: Choice,
    size: tuple[int, int] | None,
    fit: Mode,
    values: Values,
    dtype: str | None,
    frame: int,
    fill: float,
    shard_size: int,
    on_error: str,
    workers: int,
    threads: int,
    resume: bool,
    force: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Turn archives into shards to train from, with a manifest and a report.

    SRC are files, folders, patterns in quotes, URLs, tar and zip archives, whose members are read where they
    are, and indexes of any of these: Parquet files with a column `path`. In DST there will be shards/,
    manifest.parquet with a row for each source, report.html, report.json and plan.json. What was found and
    not named, in folders, archives and indexes and by patterns, is passed over and counted if it is not DICOM
    or has no pixel data.
    """
    check_libraries(pyarrow="index", **({"zarr": "zarr"} if format_ == "zarr" else {}))
    options = Options(values, window, dtype, frame, size, fit, int(fill) if fill.is_integer() else fill)
    is_told = on_error in ("report", "raise")

    def failed(message: str, error: Exception | None = None) -> None:
        if is_told:
            complain(message, error, debug=debug)
        if on_error == "raise":
            raise StoppedError

    try:
        _check_folder(folder, resume=resume, force=force)
        # Without a plan, it was interrupted while it was planned, or while former work was removed.
        if folder.exists() and (force or not (folder / PLAN).exists()):
            clear(folder)
        plan = make_plan(
            sources,
            folder,
            format=format_,
            options=options,
            shard_size=shard_size,
            fills=on_error == "fill",
        )
        if not plan.sources:
            complain("there are no files in what was given")
            return 1
        with _progress(plan.sources) as advance:

            def told(done: Told) -> None:
                for each in done.failures:
                    failed(f"{each.path}: {each.reason}")
                advance(done)

            summary = run_plan(plan, folder, workers=workers, threads=threads, progress=told)
    except StoppedError:
        return 1
    except OptionError as error:
        raise click.UsageError(error.message, click.get_current_context()) from error
    except WorkerError as error:
        complain(f"{error}; --resume goes on")
        return 1
    except OSError as error:
        # In writing, not in reading a source: it would go wrong for the next shard, too.
        complain(describe(error.filename or str(folder), error), error, debug=debug)
        return 1
    if as_json:
        click.echo(json.dumps(summary.as_dict()))
    else:
        for line in _lines(summary, with_reasons=not is_told):
            click.echo(line)
    if not summary.images and not summary.failures:
        complain("there are no DICOM images in what was given")
        return 1
    return int(bool(summary.failures) and is_told)


def _check_folder(folder: Path, *, resume: bool, force: bool) -> None:
    """See that nothing is in the folder but what may be there."""
    context = click.get_current_context()
    if resume and force:
        raise click.UsageError("--resume goes on and --force begins anew: one of them", context)
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{folder} is not a folder", context)
    if not folder.exists() or all(path.name == LOCK for path in folder.iterdir()):
        return
    if not (folder / PLAN).exists() and not any(folder.glob(f"{SOURCES}*")):
        raise click.UsageError(
            f"{folder} is not empty, and not of this command: another one is needed", context
        )
    if not (force or resume):
        raise click.UsageError(
            f"{folder} is not empty: --resume goes on with it, --force begins anew", context
        )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Told], None]]:
    """Show a progress bar on stderr if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    rates = TextColumn("{task.fields[rates]}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        rates,
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("preprocessing", total=total, rates="")
        read = files = 0

        def advance(done: Told) -> None:
            nonlocal read, files
            bar.advance(task, done.files)
            if done.is_old:
                return
            read += done.bytes
            files += done.files
            seconds = bar.tasks[task].elapsed or 1.0
            bar.update(task, rates=f"{files / seconds:.0f} files/s {read / seconds / 1e6:.1f} MB/s")

        yield advance


def _lines(summary: Summary, *, with_reasons: bool) -> Iterator[str]:
    filled = f", {summary.filled} filled" if summary.filled else ""
    speed = summary.bytes_now / 1e6 / summary.seconds
    yield (
        f"{counted(summary.images, 'image')}{filled} of {counted(summary.files, 'file')} "
        f"in {counted(summary.shards, 'shard')}, "
        f"{summary.bytes_read / 1e6:.1f} MB"
    )
    yield (
        f"{counted(summary.done_now, 'file')} in {summary.seconds:.2f} s, "
        f"{summary.done_now / summary.seconds:.0f} files/s, {speed:.1f} MB/s"
    )
    if summary.passed_over:
        yield "passed over: " + ", ".join(
            f"{count} {why}" for why, count in summary.passed_over.most_common()
        )
    if summary.failures:
        yield f"failed: {counted(summary.failures.total(), 'file')}"
    if with_reasons:
        yield from reason_lines(summary.failures)
