"""Lines of a dump in colours. Loading this takes longer than a dump does: only for terminals."""

from collections.abc import Callable

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.theme import Theme

__all__ = ["colored_writer"]

COLORS = Theme({"tag": "cyan", "vr": "yellow", "uid": "magenta", "note": "dim", "header": "bold"})


class Colored(RegexHighlighter):
    """Colours the parts of a line."""

    highlights = (
        r"^ *(?P<tag>\(.{9}\)) (?P<vr>..) .*?(?P<note> +# +[u/l\d]+,.*)$",
        r"^ *\(.{9}\) UI (?P<uid>=\S+)",
        r"^(?P<header>#.*)$",
    )


def colored_writer() -> Callable[[str], object] | None:
    """Give what prints a line in colours, or None where they are not wanted."""
    console = Console(theme=COLORS, highlighter=Colored(), markup=False, emoji=False, soft_wrap=True)
    return console.print if console.is_terminal and not console.no_color else None
