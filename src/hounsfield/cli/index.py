"""`hounsfield index`: a table of what is in files, in a Parquet file, and questions to it."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hounsfield.cli.dump import TagsType
from hounsfield.cli.query import answer
from hounsfield.cli.report import check_libraries, complain, debug_option, describe, reason_lines
from hounsfield.errors import OptionError
from hounsfield.indexing import index as index_files
from hounsfield.indexing.places import check
from hounsfield.indexing.reading import BROKEN, NOT_DICOM, OK, UNREADABLE
from hounsfield.indexing.storage import Summary, partial_folder
from hounsfield.sources import is_url

__all__ = ["index"]

OF_CREATOR = re.compile(r"[0-9A-Fa-f]{4},?xx[0-9A-Fa-f]{2}:[^,]*")

STATUSES = (OK, NOT_DICOM, BROKEN, UNREADABLE)


class ColumnsType(TagsType):
    """The same, and private elements by their creator."""

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        private = tuple(OF_CREATOR.findall(value))
        others = ",".join(filter(None, OF_CREATOR.sub("", value).split(",")))
        return (super().convert(others, param, ctx) if others or not private else ()) + private


@click.command(
    epilog="""\b
Examples:
  hounsfield index archive/ -o archive.parquet
  hounsfield index archive/ -o archive.parquet --update
  hounsfield index archive/ -o archive.parquet --tags ConvolutionKernel,0018,9345,0009,1001
  hounsfield index archive.parquet --where "Modality = 'CT' and SliceThickness <= 1.5" > thin.txt
  hounsfield index archive.parquet --sql "select Modality, count(*) from files group by all"
  hounsfield index scans/ --where "status <> 'ok'"

Exit codes: 0 all went well (files that are not DICOM are counted, and no failure), 1 some files are broken or
cannot be read, or there are none, 2 the command was not understood or OUT is already there, 130 interrupted.
Interrupted in any way, the same command goes on where it was.
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=click.Path())
@click.option(
    "-o",
    "--output",
    "out",
    metavar="OUT.parquet",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The Parquet file to write. While it is made, there is a folder OUT.parquet.partial.",
)
@click.option(
    "--tags",
    "tags",
    type=ColumnsType(),
    multiple=True,
    metavar="TAG,...",
    help="Columns for these, too: keywords, tags such as 0018,9345, dotted paths into sequences, whose "
    "items count from 0, and private elements by their creator, such as '0029xx10:SIEMENS CSA HEADER'.",
)
@click.option("--update", is_flag=True, help="Keep what OUT has of files that have not changed.")
@click.option(
    "--where",
    metavar="CONDITION",
    help="Print the paths of the files for which this holds, in the SQL of DuckDB.",
)
@click.option(
    "--sql",
    metavar="QUERY",
    help="Print what this query of the table `files` gives: CSV, or with --json an object a line.",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Files to read at a time.")
@click.option("--force", is_flag=True, help="Replace OUT.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary, or what a query gives, as JSON.")
@debug_option
def index(
    sources: tuple[str, ...],
    out: Path | None,
    tags: tuple[tuple[str, ...], ...],
    update: bool,
    where: str | None,
    sql: str | None,
    threads: int | None,
    force: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Make a table of DICOM files, and all those in folders: a row a file, a column an attribute.

    SRC are files, folders, patterns in quotes, URLs, and tar and zip archives. The table has path, size, time
    of the last change, status with reason, notes on values that do not fit, transfer syntax, and attributes
    of patient, study, series, instance, image, geometry and window, each column of the type of its VR. Only
    the heads of the files are read. SRCs that are indexes, NAME.parquet, are only asked.
    """
    query = sql if where is None else f"select path from files where {where}"
    wanted = [path for paths in tags for path in paths]
    is_index = out is None and _is_index(sources)
    table: Any = sources if is_index else (str(out),)
    summary = None
    start = time.perf_counter()
    try:
        _check(sources, out, update, force, where, sql)
        if query is None:
            check_libraries(pyarrow="index")
        else:
            check_libraries(pyarrow="sql", duckdb="sql")
        if not is_index:
            if not _some_are_there(sources, debug=debug):
                return 1
            try:
                with _progress() as progress:
                    if out is None:
                        summary, table = _in_memory(sources, wanted, threads, progress)
                    else:
                        summary = index_files.write(
                            sources, out, wanted, update=update, threads=threads, progress=progress
                        )
            except OSError as error:
                complain(describe(error.filename or str(out), error), error, debug=debug)
                return 1
            _tell(
                summary, time.perf_counter() - start, as_json=as_json and query is None, err=query is not None
            )
        if query is not None:
            answer(query, table, as_json=as_json, paths=sql is None)
    except KeyboardInterrupt:
        complain(f"interrupted{': the same command goes on from here' if out else ''}")
        return 130
    except OptionError as error:
        raise click.UsageError(error.message, click.get_current_context()) from error
    if summary is not None and not summary.files:
        complain("there are no files in what was given")
        return 1
    return int(summary is not None and bool(summary.reasons))


def _check(
    sources: tuple[str, ...], out: Path | None, update: bool, force: bool, where: str | None, sql: str | None
) -> None:
    """Raise a UsageError for options that do not go together."""
    begun = out is not None and partial_folder(out).exists()
    problem = None
    if where is not None and sql is not None:
        problem = "--where and --sql do not go together"
    elif where is None and sql is None and out is None:
        problem = "say where to write the index, -o OUT.parquet, or ask with --where or --sql"
    elif out is not None and not _is_index((str(out),)):
        problem = f"{out}: an index is told from what is to be indexed by the end of its name: -o OUT.parquet"
    elif update and not begun and (out is None or not out.is_file()):
        problem = "--update goes with -o OUT.parquet, an index that is there"
    elif out is not None and out.exists() and not (update or force or begun):
        problem = f"{out} is already there: --update brings it up to date, --force replaces it"
    elif out is not None and _is_index(sources):
        problem = f"{sources[0]} is an index: it can be asked, and not be indexed"
    elif _is_index(sources) and (
        gone := [each for each in sources if not is_url(each) and not Path(each).exists()]
    ):
        problem = f"{gone[0]}: No such file"
    if problem:
        raise click.UsageError(problem, click.get_current_context())


def _some_are_there(sources: tuple[str, ...], *, debug: bool) -> bool:
    """Tell of what was given and is not there. Where that is all, an index would have nothing, or lose it."""
    missing = 0
    for each in sources:
        try:
            check(each)
        except OSError as error:
            complain(describe(each, error), error, debug=debug)
            missing += 1
    return missing < len(sources)


def _is_index(sources: tuple[str, ...]) -> bool:
    return all(Path(source).suffix.lower() == ".parquet" for source in sources)


def _in_memory(
    sources: tuple[str, ...], tags: list[str], threads: int | None, progress: Any
) -> tuple[Summary, Any]:
    """Make an index that is not kept, and count what is in it."""
    pa = import_module("pyarrow")
    summary, parts = Summary(), []
    schema = index_files([], tags).schema
    for batch in index_files.batches(sources, tags, threads=threads):
        parts.append(batch)
        summary.add(batch)
        summary.read = summary.files
        if progress is not None:
            progress(summary.files, None)
    return summary, pa.Table.from_batches(parts, schema)


def _tell(summary: Summary, seconds: float, *, as_json: bool, err: bool) -> None:
    for line in [_as_json(summary, seconds)] if as_json else _lines(summary, seconds):
        click.echo(line, err=err)


def _lines(summary: Summary, seconds: float) -> Iterator[str]:
    rate = f"{summary.read} read in {seconds:.2f} s, {summary.read / seconds:.0f} files/s"
    yield f"{summary.files} files, {summary.statuses['ok']} of them DICOM; {rate}"
    for status, count in summary.statuses.items():
        if status != "ok":
            yield f"{status}: {count}"
    yield from reason_lines(summary.reasons)


def _as_json(summary: Summary, seconds: float) -> str:
    return json.dumps(
        {
            "files": summary.files,
            "read": summary.read,
            "seconds": round(seconds, 6),
            "files_per_second": round(summary.read / seconds, 3),
            "statuses": {status: summary.statuses[status] for status in STATUSES},
            "reasons": dict(summary.reasons.most_common()),
        }
    )


@contextmanager
def _progress() -> Iterator[Any]:
    """Give what is told of progress, and shows it on stderr; None if that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    rate = TextColumn("{task.fields[rate]:.0f} files/s")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("listing", total=None, rate=0.0)
        begun: list[tuple[float, int]] = []

        def show(done: int, total: int | None) -> None:
            if done and not begun:
                begun.append((time.perf_counter(), done))
            rate = (done - begun[0][1]) / (time.perf_counter() - begun[0][0]) if begun else 0.0
            description = "indexing" if begun else "listing"
            bar.update(task, completed=done, total=total, rate=rate, description=description)

        yield show
