"""What was done, for people (a page with a contact sheet) and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hounsfield.elements.text import printable
from hounsfield.preprocess.files import write_whole

if TYPE_CHECKING:
    from hounsfield.preprocess.plan import Plan

__all__ = ["REPORTS", "write_report"]

REPORTS = ("report.html", "report.json")

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
td, th { text-align: left; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.sheet { display: flex; flex-wrap: wrap; gap: .6rem; background: #111; padding: .8rem }
figure { margin: 0; width: 112px } img { display: block; margin: auto }
figcaption { color: #aaa; font-size: 10px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
"""


def write_report(
    folder: Path, plan: Plan, told: Mapping[str, Any], pictures: Iterable[tuple[str, str]]
) -> None:
    """Write report.html and report.json.

    Parameters
    ----------
    folder : Path
    plan : Plan
    told : mapping
        `Summary.as_dict()`.
    pictures : iterable of (str, str)
        Path of the source, and a PNG file in base64.
    """
    options = {
        "format": plan.format,
        **plan.options._asdict(),
        "fill": plan.options.fill if math.isfinite(plan.options.fill) else str(plan.options.fill),
        "shape": plan.shape,
        "shard_size": plan.shard_size,
        "on_error": "fill" if plan.fills else "leave out",
        "hounsfield": plan.version,
    }
    page = _page(told, options, pictures)
    for name, text in zip(
        REPORTS, (page, json.dumps({**told, "options": options}, indent=1) + "\n"), strict=True
    ):
        with write_whole(folder / name) as file:
            file.write(text.encode())


def _page(told: Mapping[str, Any], options: Mapping[str, Any], pictures: Iterable[tuple[str, str]]) -> str:
    run = told["this_run"]
    counts = {
        "files": told["files"],
        "images": told["images"],
        "failed": told["failed"],
        "of these filled": told["filled"],
        "passed over": sum(told["passed_over"].values()),
        "shards": told["shards"],
        "megabytes read": f"{told['bytes_read'] / 1e6:.1f}",
        "files in the last run": run["files"],
        "seconds": run["seconds"],
        "files/s": run["files_per_second"],
        "MB/s": run["megabytes_per_second"],
    }
    sheet = "".join(
        f'<figure><img alt="" src="data:image/png;base64,{data}"><figcaption title="{_text(path)}">'
        f"{_text(Path(path).name)}</figcaption></figure>"
        for path, data in pictures
    )
    reasons = {"Failures": told["failures"], "Passed over": told["passed_over"]}
    tables = "".join(f"<h2>{title}</h2>{_table(rows)}" for title, rows in reasons.items() if rows)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>hounsfield preprocess</title>'
        f"<style>{STYLE}</style><h1>hounsfield preprocess</h1>{_table(counts)}{tables}"
        f'<h2>Options</h2>{_table(options)}<h2>Contact sheet</h2><div class="sheet">{sheet}</div></html>\n'
    )


def _table(rows: Mapping[str, Any]) -> str:
    texts = {_text(str(name)): _text("" if value is None else str(value)) for name, value in rows.items()}
    lines = "".join(f'<tr><th>{name}</th><td class="number">{text}</td></tr>' for name, text in texts.items())
    return f"<table>{lines}</table>"


def _text(text: str) -> str:
    """Give a text as HTML, which has no place for control characters."""
    return escape(printable(text))
