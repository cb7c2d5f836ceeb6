"""The group of subcommands, and how they end."""

import os
import sys
from collections.abc import Sequence

import click

from hounsfield.cli.convert import convert
from hounsfield.cli.dump import dump
from hounsfield.cli.report import complain

__all__ = ["commands", "run"]


@click.group(
    invoke_without_command=True,
    epilog="Exit codes: 0 all went well, 1 some input failed, 2 the command was not understood, "
    "130 interrupted. Each command has examples: hounsfield dump --help",
)
@click.version_option(package_name="hounsfield", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Look into DICOM files, and turn them into pictures and arrays."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


commands.add_command(dump)
commands.add_command(convert)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    # A name or a value that the terminal's encoding lacks must not end the output.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code: int | None = commands.main(arguments, prog_name="hounsfield", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "hounsfield"
        complain(f"{error.format_message()} (try: {command} --help)")
        return 2
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough. The interpreter would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code or 0
