"""Byte order and character set of a data set: what a value's bytes do not say of themselves."""

from __future__ import annotations

from hounsfield.elements import charset
from hounsfield.elements.values import Context

__all__ = ["CONTEXTS", "Context", "ProblemError", "context_of"]

MOST = 256

CONTEXTS: tuple[dict[bytes, Context], dict[bytes, Context]] = {}, {}
"""By values of Specific Character Set that are as they should be, little and big endian."""


class ProblemError(Exception):
    """A decoder had something to report."""


def _report(message: str) -> None:
    raise ProblemError(message)


def context_of(big_endian: bool, terms: bytes) -> tuple[Context, list[str]]:
    """Give the context for a character set, shared by all who have it, and what was wrong with the set.

    Decoders that have something to report raise a ProblemError.
    """
    known = CONTEXTS[big_endian]
    if terms in known:
        return known[terms], []
    problems: list[str] = []
    texts = [text.strip(" \0") for text in terms.decode("latin-1").split("\\")] if terms else None
    context = Context(big_endian, charset.encodings(texts, problems.append), _report)
    if not problems and len(known) < MOST:
        known[terms] = context
    return context, problems
