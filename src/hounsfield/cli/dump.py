"""`hounsfield dump`: what stands in DICOM files."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from hounsfield.cli.inputs import inputs
from hounsfield.cli.report import OutputError, complain, debug_option, describe, strict_option
from hounsfield.elements.charset import override
from hounsfield.elements.dictionary import tag_number
from hounsfield.elements.json_model import chosen_json_dict
from hounsfield.elements.text import dataset_lines, element_lines, printable
from hounsfield.errors import NotDicomError, OptionError
from hounsfield.facade import Dataset, read

__all__ = ["dump"]

BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
STDIN = "-"


class TagsType(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """Keywords, tags and dotted paths, parted by commas; in a tag itself, the comma may stand or not."""

    name = "tags"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        wanted = re.sub(r"\b([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\b", r"\1\2", value).split(",")
        for path in wanted:
            steps = path.strip().split(".")
            try:
                for step in steps[::2]:
                    tag_number(step)
            except OptionError as error:
                self.fail(error.message, param, ctx)
            if len(steps) % 2 == 0 or not all(re.fullmatch("-?[0-9]{1,9}", step) for step in steps[1::2]):
                self.fail(f"{path!r} is not like SequenceKeyword.0.Keyword", param, ctx)
        return tuple(path.strip() for path in wanted)


class CharacterSetType(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """Terms of Specific Character Set, parted by backslashes as in a file."""

    name = "character set"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        terms = tuple(value.split("\\"))
        try:
            override(terms)
        except OptionError as error:
            self.fail(error.message, param, ctx)
        return terms


@click.command(
    epilog="""\b
Examples:
  hounsfield dump ct.dcm
  hounsfield dump ct.dcm | grep -i window
  hounsfield dump --json ct.dcm | jq '."00100010".Value'
  hounsfield dump --json archive/ > archive.jsonl
  hounsfield dump --tags PatientName,0028,0010,0009,1001 archive/
  hounsfield dump --tags SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.PixelSpacing mr.dcm
  hounsfield dump --json --tags StudyInstanceUID,ReferencedImageSequence.0.ReferencedSOPInstanceUID archive/
  hounsfield dump --strict archive/ > /dev/null && echo "nothing had to be repaired"
  hounsfield dump --character-set 'ISO 2022 IR 6\\ISO 2022 IR 87' name.dcm
  curl https://example.org/ct.dcm | hounsfield dump -

Exit codes: 0 all files were read, 1 some were not or have elements that cannot be, 2 the command was not
understood. What is wrong with a file stands on stderr, behind its name; the others are printed nonetheless.
"""
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="The DICOM JSON model (PS3.18 F.2): a line for each file, which is null if the file cannot be read. "
    "Binary values of more than 1024 bytes are named by a URI: file:///path?offset=N&length=M.",
)
@click.option("--inline", is_flag=True, help="With --json: all binary values in the JSON itself.")
@click.option(
    "--tags",
    "tags",
    type=TagsType(),
    multiple=True,
    metavar="TAG,...",
    help="Only these elements, where they are: keywords, tags such as 0010,0020, and dotted paths into "
    "sequences, whose items count from 0. Nothing behind the last of them is read. In JSON they stand "
    "where they stand in the whole: other items of the same sequence are there, and empty.",
)
@strict_option
@click.option(
    "--character-set",
    type=CharacterSetType(),
    metavar="TERM[\\TERM]",
    help="Read all text with these terms of Specific Character Set, such as 'ISO_IR 192', whatever the files "
    "say.",
)
@debug_option
def dump(
    files: tuple[str, ...],
    as_json: bool,
    inline: bool,
    tags: tuple[tuple[str, ...], ...],
    strict: bool,
    character_set: tuple[str, ...] | None,
    debug: bool,
) -> int:
    """Print each element of DICOM FILEs in a line, as dcmdump does.

    A FILE may be a folder, a zip or tar archive or a pattern in quotes, all of whose DICOM files are meant,
    a URL of any of these, or - for stdin. A line has the tag, the VR, the value, its length in bytes, the
    number of values and the keyword or the name. Items of sequences are indented. Long values end in "...";
    control characters are made visible. Output is coloured on a terminal, or where FORCE_COLOR is set, unless
    NO_COLOR is.
    """
    context = click.get_current_context()
    wanted = [path for paths in tags for path in paths]
    if inline and not as_json:
        raise click.UsageError("--inline goes with --json", context)
    if as_json and any(_is_meta(path) for path in wanted):
        raise click.UsageError("--json has no file meta information: ask for group 0002 without it", context)
    failed = False
    write = _writer()
    number = 0
    for each in inputs(files):
        name = each.name
        problems: list[str] = []
        try:
            try:
                options: dict[str, Any] = {"tags": wanted or None, "strict": strict}
                options["character_set"] = character_set
                is_stdin = name == STDIN and each.found_in is None
                ds = read(sys.stdin.buffer.read(), **options) if is_stdin else each.read(**options)
            except NotDicomError:
                if each.found_in is not None:
                    continue
                raise
            if as_json:
                write(_json(ds, wanted, None if inline else 1024))
            else:
                if number and not wanted:
                    write("")
                if len(files) > 1 or each.found_in is not None:
                    write(f"# {printable(name)}")
                for line in _chosen(ds, wanted, problems.append) if wanted else _lines(ds, problems.append):
                    write(line)
                if strict and not problems:
                    _decode(ds, wanted)
            for warning in ds.warnings:
                complain(f"{name}: {warning}")
        except (BrokenPipeError, OutputError):
            raise
        except Exception as error:
            # Whatever it is, the other files are still to be dumped.
            failed = True
            complain(describe(name, error), error, debug=debug)
            if as_json:
                write("null")
        number += 1
        for problem in problems:
            failed = True
            complain(problem)
    return int(failed)


def _json(ds: Dataset, wanted: list[str], bulk_threshold: int | None) -> str:
    if wanted:
        attributes = chosen_json_dict(ds, wanted, bulk_threshold=bulk_threshold)
    else:
        attributes = ds.to_json_dict(bulk_threshold=bulk_threshold)
    return json.dumps(attributes, ensure_ascii=False, allow_nan=False)


def _is_meta(path: str) -> bool:
    return tag_number(path.partition(".")[0]) >> 16 == 0x0002


def _chosen(ds: Dataset, wanted: list[str], problem: Callable[[str], None]) -> Iterator[str]:
    """The lines of the elements that were asked for, as far as there are such."""
    for path in wanted:
        within = ds.file_meta if _is_meta(path) else ds
        if path in within:
            yield from element_lines(within[path], problem=problem)


def _decode(ds: Dataset, wanted: list[str]) -> None:
    """Decode what is text or numbers: a line shows it as it stands, and does not tell whether it is right."""
    found = (ds[path] for path in wanted if path in ds) if wanted else (element for _, element in ds.walk())
    for element in found:
        if element.VR not in BINARY:
            _ = element.value


def _lines(ds: Dataset, problem: Callable[[str], None]) -> Iterator[str]:
    meta = ds.file_meta
    if meta:
        yield "# Dicom-File-Format"
        yield ""
        yield "# Dicom-Meta-Information-Header"
        yield "# Used TransferSyntax: Explicit VR Little Endian"
        yield from dataset_lines(meta, problem=problem)
        yield ""
    yield "# Dicom-Data-Set"
    yield f"# Used TransferSyntax: {printable(ds.transfer_syntax.name)}"
    yield from dataset_lines(ds, problem=problem)


def _writer() -> Callable[[str], object]:
    """Give what prints a line: in colours on a terminal, else as it is."""
    colored = None
    if sys.stdout.isatty() or "FORCE_COLOR" in os.environ:
        from hounsfield.cli.colors import colored_writer

        colored = colored_writer()
    write = colored or (lambda line: sys.stdout.write(f"{line}\n"))

    def checked(line: str) -> None:
        try:
            write(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error

    return checked
