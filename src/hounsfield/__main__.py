"""Run the command line: ``python -m hounsfield``."""

from hounsfield.cli import main

main()
