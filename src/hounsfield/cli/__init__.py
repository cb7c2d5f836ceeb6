"""The command `hounsfield`: one module a subcommand."""

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, with the process's own arguments by default, and exit."""
    try:
        from hounsfield.cli.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("click", "rich"):
            raise
        sys.stderr.write('hounsfield: the command line needs more: pip install "hounsfield[cli]"\n')
        sys.exit(2)
    sys.exit(run(arguments))
