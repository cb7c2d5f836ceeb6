"""Errors as people read them: one line each, on stderr."""

import traceback
from collections.abc import Callable

import click

from hounsfield.elements.text import printable
from hounsfield.errors import DicomError
from hounsfield.sources import public_name

__all__ = ["complain", "debug_option", "describe", "reason", "strict_option"]

debug_option: Callable[..., Callable[..., int]] = click.option(
    "--debug", is_flag=True, help="Print the Python traceback of each error, too."
)

strict_option: Callable[..., Callable[..., int]] = click.option(
    "--strict", is_flag=True, help="Take what would be repaired or assumed, with a warning, for an error."
)


def complain(message: str, error: Exception | None = None, *, debug: bool = False) -> None:
    """Print one line on stderr, and with `debug` the error's traceback behind it."""
    click.echo(f"hounsfield: {printable(message)}", err=True)
    if debug and error is not None:
        click.echo("".join(traceback.format_exception(error)).rstrip(), err=True)


def describe(path: str, error: Exception) -> str:
    """Say in a sentence what went wrong with a file."""
    if isinstance(error, DicomError):
        return str(error) if error.file else f"{public_name(path)}: {error}"
    return f"{public_name(path)}: {reason(error)}"


def reason(error: Exception) -> str:
    """Say what went wrong without the file, so that equal reasons can be counted."""
    if isinstance(error, DicomError):
        return f"{type(error).__name__}: {error.message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)"
