"""What people read of a run: errors, one line each on stderr, and counts."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import click

from hounsfield import errors
from hounsfield.elements.text import printable
from hounsfield.errors import DicomError, name_file
from hounsfield.sources import public_name

__all__ = [
    "OutputError",
    "StoppedError",
    "check_libraries",
    "complain",
    "counted",
    "debug_option",
    "describe",
    "reason",
    "reason_lines",
    "strict_option",
]

MOST_REASONS = 20

debug_option: Callable[..., Callable[..., int]] = click.option(
    "--debug", is_flag=True, help="Print the Python traceback of each error, too."
)

strict_option: Callable[..., Callable[..., int]] = click.option(
    "--strict", is_flag=True, help="Take what would be repaired or assumed, with a warning, for an error."
)


class StoppedError(Exception):
    """A failure was reported, and nothing more is to be done."""


class OutputError(OSError):
    """What is printed cannot be written, which is no error of the file that it is about."""


def check_libraries(**extras: str) -> None:
    """Raise a UsageError, before any work is done, for a library that an extra has and that is not there."""
    for library, extra in extras.items():
        if find_spec(library) is None:
            message = f'{library} is needed, and not installed: pip install "hounsfield[{extra}]"'
            raise click.UsageError(message, click.get_current_context())


def complain(message: str, error: Exception | None = None, *, debug: bool = False) -> None:
    """Print one line on stderr, and with `debug` the error's traceback behind it."""
    click.echo(f"hounsfield: {printable(message)}", err=True)
    if debug and error is not None:
        click.echo("".join(traceback.format_exception(error)).rstrip(), err=True)


def describe(path: str, error: Exception) -> str:
    """Say in a sentence what went wrong with a file."""
    if isinstance(error, DicomError):
        name_file(error, public_name(path))
        return str(error)
    return f"{public_name(path)}: {reason(error)}"


def reason(error: Exception) -> str:
    """Say what went wrong without the file, and where to look if nobody has foreseen it."""
    said = errors.reason(error)
    is_known = isinstance(error, DicomError) or (isinstance(error, OSError) and error.strerror)
    return said if is_known else f"unexpected {said} (--debug shows where)"


def reason_lines(reasons: Counter[str]) -> Iterator[str]:
    """Give a line for each of the most common reasons, and one for how many more there are."""
    for why, count in reasons.most_common(MOST_REASONS):
        yield f"{count:6} {printable(why)}"
    if len(reasons) > MOST_REASONS:
        yield f"       and {len(reasons) - MOST_REASONS} more reasons"


def counted(number: int, noun: str) -> str:
    """A number of things: "1 file", "3 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
