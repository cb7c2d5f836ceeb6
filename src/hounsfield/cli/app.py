"""The group of subcommands, and how they end."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from hounsfield.cli.report import complain, reason

__all__ = ["commands", "run"]


COMMANDS = ("convert", "dump", "index", "preprocess")
"""Each is a module of its own, which is loaded when the command is used."""


class Commands(click.Group):
    """The subcommands; what one of them needs does not slow down another."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - of click
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - of click
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"hounsfield.cli.{cmd_name}"), cmd_name)
        return command


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog="Exit codes: 0 all went well, 1 some input failed, 2 the command was not understood, "
    "130 interrupted. Each command has examples: hounsfield dump --help",
)
@click.version_option(package_name="hounsfield", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Look into DICOM files, and turn them into pictures, arrays and tables."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    if sys.stdout is None:  # it was closed by whoever started this
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the process lives
    # A name or a value that the terminal's encoding lacks must not end the output.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        # click's own main() takes a closed pipe for an error.
        given = list(sys.argv[1:] if arguments is None else arguments)
        with commands.make_context("hounsfield", given) as context:
            code: int | None = commands.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as asked_for:
        return asked_for.exit_code
    except click.ClickException as error:
        failed = getattr(error, "ctx", None)
        command = failed.command_path if failed else "hounsfield"
        complain(f"{error.format_message()} (try: {command} --help)")
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough
        _drop_output()
        return 0
    except OSError as error:  # commands tell those of the files they read by themselves
        if error.filename is None:
            _drop_output()
        complain(f"{error.filename or 'the output cannot be written'}: {reason(error)}")
        return 1
    return code or 0


def _drop_output() -> None:
    """Write what is left of it nowhere: the interpreter would fail when it flushes it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
