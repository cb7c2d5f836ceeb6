"""`hounsfield dump`: what stands in DICOM files."""

import sys
from collections.abc import Callable, Iterator

import click
from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.theme import Theme

from hounsfield.cli.report import complain, debug_option, describe
from hounsfield.elements.text import dataset_lines, printable
from hounsfield.facade import Dataset, read

__all__ = ["dump"]

COLORS = Theme({"tag": "cyan", "vr": "yellow", "uid": "magenta", "note": "dim", "header": "bold"})


class Colored(RegexHighlighter):
    """Colours the parts of a line."""

    highlights = (
        r"^ *(?P<tag>\(.{9}\)) (?P<vr>..) .*?(?P<note> +# +[u/l\d]+,.*)$",
        r"^ *\(.{9}\) UI (?P<uid>=\S+)",
        r"^(?P<header>#.*)$",
    )


@click.command(
    epilog="""\b
Examples:
  hounsfield dump ct.dcm
  hounsfield dump ct.dcm | grep -i window
  hounsfield dump --json ct.dcm | jq '."00100010".Value'
  hounsfield dump --json archive/*.dcm > archive.jsonl

Exit codes: 0 all files were read, 1 some were not, 2 the command was not understood.
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
@debug_option
def dump(files: tuple[str, ...], as_json: bool, inline: bool, debug: bool) -> int:
    """Print each element of DICOM FILEs in a line, as dcmdump does.

    A line has the tag, the VR, the value, its length in bytes, the number of values and the keyword. Items of
    sequences are indented. Long values end in "..."; control characters are made visible. Output is coloured
    on a terminal, unless NO_COLOR is set.
    """
    if inline and not as_json:
        raise click.UsageError("--inline goes with --json", click.get_current_context())
    failed = False
    write = _writer()
    for number, path in enumerate(files):
        problems: list[str] = []
        try:
            ds = read(path)
            if as_json:
                write(ds.to_json(bulk_threshold=None if inline else 1024))
            else:
                if number:
                    write("")
                if len(files) > 1:
                    write(f"# {printable(path)}")
                for line in _lines(ds, problems.append):
                    write(line)
            for warning in ds.warnings:
                complain(f"{path}: {warning}")
        except BrokenPipeError:
            raise
        except Exception as error:
            # Whatever it is, the other files are still to be dumped.
            failed = True
            complain(describe(path, error), error, debug=debug)
            if as_json:
                write("null")
        for problem in problems:
            failed = True
            complain(problem)
    return int(failed)


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
    console = Console(theme=COLORS, highlighter=Colored(), markup=False, emoji=False, soft_wrap=True)
    if console.is_terminal and not console.no_color:
        return console.print
    return lambda line: sys.stdout.write(f"{line}\n")
