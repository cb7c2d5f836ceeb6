"""The window that a command is asked for."""

import re
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from hounsfield.display import PRESETS, render
from hounsfield.errors import OptionError

__all__ = ["Choice", "window_option"]

Choice = str | tuple[float, float] | int | None


class WindowType(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """A preset, CENTER/WIDTH, "auto", or the number of one of the file's own windows."""

    name = "window"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Choice:
        """Check the window on an array of one sample: better now than for each file."""
        text = str(value).strip()
        if text.isdecimal():
            return int(text)
        number = r"[-+]?(?:\d+\.?\d*|\.\d+)"
        match = re.fullmatch(f"({number})/({number})", text)
        choice = (float(match[1]), float(match[2])) if match else text
        try:
            render(np.zeros(1, np.uint8), choice)
        except OptionError as error:
            self.fail(f"{error.message}; or CENTER/WIDTH like 40/400", param, ctx)
        return choice


window_option: Callable[..., Callable[..., int]] = click.option(
    "-w",
    "--window",
    type=WindowType(),
    metavar="WINDOW",
    help="CENTER/WIDTH in the image's units, such as 40/400; or 'auto', from the least to the greatest "
    "value; or N, the file's own window of that number, from 0; or a preset for CT: "
    f"{', '.join(PRESETS)}. By default the file's first own window, and 'auto' where it has none.",
)
