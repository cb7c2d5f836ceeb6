"""The command `hounsfield`: one module a subcommand."""

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, with the process's own arguments by default, and exit."""
    try:
        from hounsfield.cli.app import run

        code = run(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("click", "rich"):
            raise
        sys.stderr.write('hounsfield: the command line needs more: pip install "hounsfield[cli]"\n')
        code = 2
    except KeyboardInterrupt:  # before there was anything to be interrupted, or once more
        sys.stderr.write("hounsfield: interrupted\n")
        code = 130
    sys.exit(code)
