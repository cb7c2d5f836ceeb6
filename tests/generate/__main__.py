"""Writes the files: see `--help`."""

import argparse
import sys
from pathlib import Path

import numpy as np

import generate


def main() -> int:
    parser = argparse.ArgumentParser(
        description=generate.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases whose names begin so; all by default")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="write NAME.dcm and NAME.npy here"
    )
    options = parser.parse_args()
    for name in generate.names(*options.names):
        try:
            made = generate.case(name)
        except generate.UnavailableError as error:
            print(f"{name}: skipped: {error}")
            continue
        about = f"{made.syntax} {made.expected.dtype} {made.expected.shape} within {made.tolerance}"
        print(f"{name}: {len(made.data)} bytes, {about}")
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            (options.output / f"{name}.dcm").write_bytes(made.data)
            np.save(options.output / f"{name}.npy", made.expected)
    return 0


if __name__ == "__main__":
    sys.exit(main())
