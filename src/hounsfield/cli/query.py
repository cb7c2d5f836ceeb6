"""What DuckDB answers to questions to an index, printed."""

import csv
import glob
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import click

from hounsfield.elements.json_model import base64_text, json_float
from hounsfield.errors import OptionError
from hounsfield.sources import as_path, is_url

__all__ = ["answer"]

AT_ONCE = 10_000
"""Rows that are printed at a time: as Python's objects they take thousands of bytes each."""


def answer(query: str, table: Any, *, as_json: bool, paths: bool) -> None:
    """Print what a query gives: as lines of JSON, as bare paths, or as CSV.

    Parameters
    ----------
    query : str
        SQL, for which the table is called files.
    table : pyarrow.Table, or tuple of str
        The paths are those of Parquet files.
    as_json, paths : bool

    Raises
    ------
    OptionError
        DuckDB does not understand the query, or cannot answer it.
    """
    # In a thread of its own, which Ctrl-C does not reach: it would not end what DuckDB is at, and while
    # DuckDB is imported it would end the whole process.
    outcome: Future[None] = Future()
    connections = []

    def ask() -> None:
        try:
            # What does not fit into memory goes where such files belong, not where the command was called.
            with TemporaryDirectory(prefix="hounsfield-") as folder:
                connections.append(import_module("duckdb").connect(config={"temp_directory": folder}))
                _print(query, connections[0], table, as_json=as_json, paths=paths)
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    thread = Thread(target=ask, daemon=True)
    try:
        thread.start()
        # Ctrl-C between two waits is seen by the next one; if it came just before the only one, by nobody.
        while not outcome.done():
            wait([outcome], 0.1)
        outcome.result()
    except KeyboardInterrupt:
        while thread.is_alive():
            for connection in connections:
                connection.interrupt()
            thread.join(0.1)
        raise


def _print(query: str, connection: Any, table: Any, *, as_json: bool, paths: bool) -> None:
    with _told_of_duckdb():
        if isinstance(table, tuple):
            # DuckDB takes a name for a pattern, which may be that of another file.
            names = [path if is_url(path) else glob.escape(os.path.abspath(path)) for path in table]  # noqa: PTH100
            table = connection.read_parquet(names, union_by_name=True)
        connection.register("files", table)
        result = connection.sql(query)
        if result is None:  # of what is no question
            return
        if len(set(result.columns)) < len(result.columns):
            result = result.project("*")  # which gives each column a name of its own
        reader = result.to_arrow_reader(AT_ONCE)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if not as_json and not paths:
        writer.writerow(reader.schema.names)
    while (batch := _next(reader)) is not None:
        for row in batch.to_pylist():
            if as_json:
                click.echo(_json(row))
            elif paths:
                click.echo(_name(row["path"]))
            else:
                writer.writerow(map(_cell, row.values()))


def _next(reader: Any) -> Any:
    with _told_of_duckdb():
        return next(reader, None)


@contextmanager
def _told_of_duckdb() -> Iterator[None]:
    try:
        yield
    except (import_module("duckdb").Error, OSError) as error:  # OSError by way of Arrow
        raise OptionError(f"DuckDB: {str(error).partition('LINE 1')[0].strip()}") from error


def _name(text: str) -> str | bytes:
    """The path that an index has as text: as it is in the file system, so that others find it there."""
    path = as_path(text)
    return text if path == text else path.encode("utf-8", "surrogateescape")


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return _json(value)
    return base64_text(value) if isinstance(value, bytes) else value


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, default=str)


def _plain(value: Any) -> Any:
    """Give a value of a query as what JSON has; dates and times are left as they are."""
    match value:
        case float():
            return json_float(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes():
            return base64_text(value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
    return value
